//! Parquet and Arrow files: typed already, so only compared and converted exactly.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use arrow::array::{Array, BooleanArray, RecordBatch, RecordBatchReader};
use arrow::compute::{filter_record_batch, is_not_null};
use arrow::datatypes::SchemaRef;
use arrow::ipc::reader::{FileReader, StreamReader};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tidelake_core::{Error, Result, columns};

use super::bad::BadRows;
use super::{BATCH_ROWS, Reader, Target, input};

/// The columns of a Parquet file.
pub(super) fn parquet_schema(path: &Path) -> Result<SchemaRef> {
    Ok(columns::plain(&parquet_batches(path)?.schema()))
}

/// The columns of an Arrow file.
pub(super) fn arrow_schema(path: &Path) -> Result<SchemaRef> {
    Ok(columns::plain(&arrow_batches(path)?.schema()))
}

/// Reads a Parquet file.
pub(super) fn parquet(path: &Path, target: &Target) -> Result<TypedReader> {
    TypedReader::new(parquet_batches(path)?, target)
}

/// Reads an Arrow IPC file or stream.
pub(super) fn arrow(path: &Path, target: &Target) -> Result<TypedReader> {
    TypedReader::new(arrow_batches(path)?, target)
}

type Batches = Box<dyn RecordBatchReader + Send>;

fn parquet_batches(path: &Path) -> Result<Batches> {
    let wrong = |e: parquet::errors::ParquetError| {
        Error::input("the file is not readable as Parquet").with_source(e)
    };
    let builder =
        ParquetRecordBatchReaderBuilder::try_new(input::open_file(path)?).map_err(wrong)?;
    Ok(Box::new(builder.with_batch_size(BATCH_ROWS).build().map_err(wrong)?))
}

fn arrow_batches(path: &Path) -> Result<Batches> {
    let wrong = |e: arrow::error::ArrowError| {
        Error::input("the file is not readable as Arrow IPC").with_source(e)
    };
    let mut file = input::open_file(path)?;
    let mut magic = [0; 6];
    let is_file = file.read_exact(&mut magic).is_ok() && &magic == b"ARROW1";
    file.seek(SeekFrom::Start(0)).map_err(|e| input::unreadable(path, e))?;
    Ok(match is_file {
        true => Box::new(FileReader::try_new_buffered(file, None).map_err(wrong)?),
        false => Box::new(StreamReader::try_new_buffered(file, None).map_err(wrong)?),
    })
}

/// Batches of a typed file, brought into a target's columns.
pub(super) struct TypedReader {
    batches: Batches,
    schema: SchemaRef,
    time: String,
    /// Rows read so far.
    row: u64,
}

impl TypedReader {
    fn new(batches: Batches, target: &Target) -> Result<Self> {
        let Target { file_schema, time, origin, .. } = target;
        columns::check_types(&batches.schema(), file_schema, time, origin, "the file")?;
        let (schema, time) = (target.file_schema.clone(), target.time.clone());
        Ok(Self { batches, schema, time, row: 0 })
    }
}

impl Reader for TypedReader {
    fn next(&mut self, bad: &mut BadRows) -> Result<Option<RecordBatch>> {
        let Some(batch) = self.batches.next() else { return Ok(None) };
        let batch = batch.map_err(|e| {
            Error::input("the file is damaged").with("row", self.row + 1).with_source(e)
        })?;
        let batch = columns::adapt(&batch, &self.schema)?;
        let batch = with_times(batch, &self.time, self.row, bad)?;
        self.row += batch.1;
        Ok(Some(batch.0))
    }
}

/// Leaves rows without a time out; with the number of rows there were.
fn with_times(
    batch: RecordBatch,
    time: &str,
    before: u64,
    bad: &mut BadRows,
) -> Result<(RecordBatch, u64)> {
    let rows = batch.num_rows() as u64;
    let Some(column) = batch.column_by_name(time).filter(|c| c.null_count() > 0) else {
        return Ok((batch, rows));
    };
    let good: BooleanArray = is_not_null(column)?;
    for row in (0..column.len()).filter(|row| column.is_null(*row)) {
        bad.add(before + row as u64 + 1, Some(time), None, "the time is missing", None)?;
    }
    Ok((filter_record_batch(&batch, &good)?, rows))
}
