//! Data files read back as public rows.
//!
//! ```text
//! bytes → stored columns (parquet, json, avro) → public types → partition columns put back → rows counted
//! ```
//!
//! Nothing of the writer is used here: what a plugin wrote is proven by readers
//! that know the format alone.

mod avro;
mod back;
mod json;
mod parquet;

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, StringArray, new_null_array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_stream::try_stream;
use futures::{StreamExt, TryStreamExt};
use object_store::ObjectStore;
use tidelake_core::commit::TableState;
use tidelake_core::file::DataFile;
use tidelake_core::{Error, ErrorKind, Result, ResultExt};

pub use back::read_back;

use crate::coerce::restore;
use crate::table::{BatchStream, store_path};

/// Rows of a batch.
const BATCH_ROWS: usize = 16_384;

/// Where a column of the answer comes from.
#[derive(Debug, Clone)]
enum Origin {
    /// It is stored in the file.
    Stored,
    /// It has one value in all rows.
    Partition(Option<String>),
}

/// How the answer is put together.
#[derive(Debug)]
struct Plan {
    output: SchemaRef,
    origins: Vec<Origin>,
}

impl Plan {
    fn new(state: &TableState, file: &DataFile, columns: Option<Vec<String>>) -> Result<Self> {
        let derived = state.partition.period_field();
        let fields: Vec<Field> = match columns {
            None => state.schema.fields().iter().map(|f| f.as_ref().clone()).collect(),
            Some(names) => names
                .iter()
                .map(|name| match state.schema.field_with_name(name) {
                    Ok(field) => Ok(field.clone()),
                    Err(_) if name == derived.name() => Ok(derived.clone()),
                    Err(_) => Err(Error::internal(format!("the table has no column {name:?}"))),
                })
                .collect::<Result<_>>()?,
        };
        let partitions = state.partition.names();
        let origins = fields
            .iter()
            .map(|field| {
                if !partitions.contains(field.name()) {
                    return Ok(Origin::Stored);
                }
                let value = file.partition.iter().find(|(name, _)| name == field.name());
                let value = value.ok_or_else(|| {
                    corrupt(file, format!("the log has no value of {:?} for it", field.name()))
                })?;
                Ok(Origin::Partition(value.1.clone()))
            })
            .collect::<Result<_>>()?;
        Ok(Self { output: Schema::new(fields).into(), origins })
    }

    /// The columns to read from the file, as public.
    fn stored(&self) -> SchemaRef {
        let fields: Vec<_> = self
            .output
            .fields()
            .iter()
            .zip(&self.origins)
            .filter(|(_, origin)| matches!(origin, Origin::Stored))
            .map(|(field, _)| field.clone())
            .collect();
        Schema::new(fields).into()
    }

    /// Public rows from stored ones.
    fn rebuild(&self, file: &DataFile, stored: &RecordBatch) -> Result<RecordBatch> {
        let rows = stored.num_rows();
        let columns = self
            .output
            .fields()
            .iter()
            .zip(&self.origins)
            .map(|(field, origin)| match origin {
                Origin::Partition(value) => constant(value.as_deref(), field.data_type(), rows)
                    .map_err(|e| e.with("file", &file.path)),
                Origin::Stored => {
                    let column = stored.column_by_name(field.name()).ok_or_else(|| {
                        corrupt(file, format!("it has no column {:?}", field.name()))
                    })?;
                    restore(column, field.data_type())
                        .map_err(|why| corrupt(file, format!("column {:?}: {why}", field.name())))
                }
            })
            .collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(self.output.clone(), columns, &options)
            .map_err(|e| corrupt(file, "its rows do not fit the table".to_owned()).with_source(e))
    }
}

/// A column of one value, from the text that Delta has for it.
fn constant(value: Option<&str>, data_type: &DataType, rows: usize) -> Result<ArrayRef> {
    let Some(value) = value else { return Ok(new_null_array(data_type, rows)) };
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values(std::iter::repeat_n(value, rows)));
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let cast = |to: &DataType| cast_with_options(&texts, to, &options);
    let column = match data_type {
        // A text is cast to the value type first: not every dictionary is made from texts.
        DataType::Dictionary(_, values) => {
            cast(values).and_then(|v| cast_with_options(&v, data_type, &options))
        }
        other => cast(other),
    };
    column.map_err(|e| {
        Error::corrupt(format!("{value:?} is not a partition value of type {data_type}"))
            .with_source(e)
    })
}

fn corrupt(file: &DataFile, why: String) -> Error {
    Error::corrupt(format!("a data file is not what was written: {why}")).with("file", &file.path)
}

/// That a file cannot be read. One that the log names and that is not there is
/// not merely missing.
pub(crate) fn read_error(error: Error) -> Error {
    if error.kind() != ErrorKind::NotFound {
        return error;
    }
    Error::corrupt("a data file that the log names is missing from the lake")
        .with_source(error)
        .with_help(
            "restore the file from a backup; the hot store may still hold its rows: nothing is \
             evicted before it was verified",
        )
}

/// See [`crate::LakeTable::read_file`].
pub(crate) async fn read_file(
    store: Arc<dyn ObjectStore>,
    table: &str,
    state: &TableState,
    file: &DataFile,
    columns: Option<Vec<String>>,
) -> Result<BatchStream> {
    let plan = Plan::new(state, file, columns)?;
    let path = store_path(table, &file.path)?;
    let stored = plan.stored();
    let mut batches: BatchStream = if stored.fields().is_empty() {
        // The log knows how many rows there are.
        counts(file.rows)
    } else {
        let opened = match state.file_format.as_str() {
            "parquet" => parquet::open(store, path, file, &stored).await,
            "json" => json::open(store, path, &stored).await,
            "avro" => avro::open(store, path, file, &stored).await,
            other => Err(Error::unsupported(format!("files of format {other:?} cannot be read"))),
        };
        opened.map_err(read_error).with("file", &file.path)?
    };
    let file = file.clone();
    let rebuilt = try_stream! {
        let mut rows = 0;
        while let Some(batch) = batches.try_next().await.with("file", &file.path)? {
            rows += batch.num_rows() as u64;
            yield plan.rebuild(&file, &batch)?;
        }
        if rows != file.rows {
            let why = format!("it holds {rows} rows where {} were written", file.rows);
            Err(corrupt(&file, why))?;
        }
    };
    Ok(rebuilt.boxed())
}

/// Batches of so many rows without columns.
fn counts(rows: u64) -> BatchStream {
    let schema = Arc::new(Schema::empty());
    try_stream! {
        let mut left = rows;
        while left > 0 {
            let now = left.min(BATCH_ROWS as u64);
            left -= now;
            let options = RecordBatchOptions::new().with_row_count(Some(now as usize));
            yield RecordBatch::try_new_with_options(schema.clone(), Vec::new(), &options)?;
        }
    }
    .boxed()
}

#[cfg(test)]
mod tests;
