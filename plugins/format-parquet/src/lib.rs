//! `format-parquet`: writes Apache Parquet.
//!
//! ```toml
//! [table.trades.layout]
//! format = "parquet"
//! options = { compression = "zstd(3)", columns = { symbol = { dictionary = false } } }
//! ```
//!
//! Every option has a default made for time series, see [`ParquetOptions`]. Encodings
//! are chosen by what a column holds:
//!
//! | values | encoding | why |
//! |---|---|---|
//! | floats | BYTE_STREAM_SPLIT | sign and exponent bytes repeat; fast |
//! | integers, timestamps, dates, small decimals | DELTA_BINARY_PACKED | neighbours are close |
//! | text, binary | dictionary, plain once it has grown too large | few distinct values |
//!
//! Text and binary columns that get a dictionary are encoded here ([`text`]), all others
//! by the `parquet` crate, which makes the file of both ([`file`]).
//!
//! pyarrow, DuckDB, Polars, Spark, delta-rs and parquet-rs read all of them. Files
//! carry no Arrow schema: types are Parquet's own, so that every reader sees the
//! same, and the host casts back to the table's.
//!
//! Timestamps and times in seconds are written in milliseconds, Date64 as a date;
//! a value that does not fit is an error. Types without a place in Parquet (durations,
//! intervals, unions) are refused with what to do instead.
//!
//! Each row group is handed to the host when it is complete. It ends at
//! `row_group_rows` or `row_group_bytes`, whichever comes first, because its pages
//! stay in the plugin's memory until then.

mod coerce;
mod file;
mod options;
mod properties;
mod text;

use std::io::{BufWriter, Write};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::errors::ParquetError;
use tidelake_sdk::{Batch, Error, FormatWriter, Result, Sink, SortColumn};

pub use options::{ColumnOptions, ParquetOptions, Statistics};

use coerce::Coercion;
use file::File;

/// Bytes that are gathered before they cross to the host.
const BUFFER: usize = 256 << 10;

/// The plugin.
pub struct ParquetFile {
    file: File<BufWriter<Sink>>,
    schema: SchemaRef,
    coercions: Vec<Option<Coercion>>,
}

impl FormatWriter for ParquetFile {
    const NAME: &'static str = "format-parquet";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const DESCRIPTION: &'static str = "Writes Apache Parquet.";
    const FILE_FORMAT: &'static str = "parquet";
    const EXTENSION: &'static str = "parquet";
    type Options = ParquetOptions;

    fn create(
        schema: SchemaRef,
        sort: &[SortColumn],
        options: ParquetOptions,
        out: Sink,
    ) -> Result<Self> {
        let (schema, coercions) = coerce::plan(&schema)?;
        let properties = properties::build(&schema, sort, &options)?;
        let out = BufWriter::with_capacity(BUFFER, out);
        let file = File::new(out, schema.clone(), properties).map_err(error)?;
        Ok(Self { file, schema, coercions })
    }

    fn write(&mut self, batch: &Batch<'_>) -> Result<()> {
        let mut batch = batch.to_record_batch()?;
        if self.coercions.iter().any(Option::is_some) {
            let columns = coerce::apply(&self.schema, &self.coercions, &batch)?;
            batch = RecordBatch::try_new(self.schema.clone(), columns)?;
        }
        self.file.write(&batch).map_err(error)
    }

    fn buffered(&self) -> u64 {
        (self.file.in_progress_bytes() + self.file.inner().buffer().len()) as u64
    }

    fn finish(self) -> Result<()> {
        self.file.finish().map_err(error)?.flush()?;
        Ok(())
    }
}

/// An error of the sink comes back as it was.
fn error(error: ParquetError) -> Error {
    match error {
        ParquetError::External(source) => match source.downcast::<std::io::Error>() {
            Ok(io) => (*io).into(),
            Err(other) => Error::internal(other.to_string()),
        },
        ParquetError::NYI(message) => Error::unsupported(message),
        other => Error::internal(other.to_string()),
    }
}

tidelake_sdk::export_format_writer!(ParquetFile);

#[cfg(test)]
mod tests;
