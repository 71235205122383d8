//! Rows of an answer, in the format asked for, as they come.

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::csv::WriterBuilder as CsvBuilder;
use arrow::datatypes::SchemaRef;
use arrow::json::WriterBuilder as JsonBuilder;
use arrow::json::writer::JsonArray;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use futures::{Stream, TryStreamExt};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use tidelake_core::{Error, Result as CoreResult};

use super::table::{self, Lean};
use super::{count, counted};
use crate::args::Format;
use crate::failure::Failure;

/// A table for people ends here: nobody reads further.
const MOST_ROWS: u64 = 1_000;

/// Writes all batches; the number of rows.
pub(crate) async fn write(
    out: &mut (dyn Write + Send),
    schema: &SchemaRef,
    batches: impl Stream<Item = CoreResult<RecordBatch>> + Unpin,
    format: Format,
) -> Result<u64, Failure> {
    match format {
        Format::Table => write_table(out, schema, batches).await,
        Format::Csv => write_csv(out, schema, batches).await,
        Format::Json => write_json(out, batches).await,
        Format::Parquet => write_parquet(out, schema, batches).await,
    }
}

async fn write_table(
    out: &mut (dyn Write + Send),
    schema: &SchemaRef,
    mut batches: impl Stream<Item = CoreResult<RecordBatch>> + Unpin,
) -> Result<u64, Failure> {
    let lean = |field: &arrow::datatypes::FieldRef| match field.data_type().is_numeric() {
        true => Lean::Right,
        false => Lean::Left,
    };
    let columns: Vec<(&str, Lean)> =
        schema.fields().iter().map(|f| (f.name().as_str(), lean(f))).collect();
    let mut shown = table::new(&columns);
    let options = FormatOptions::default().with_null("");
    let mut rows = 0;
    while let Some(batch) = batches.try_next().await? {
        let formatters = batch
            .columns()
            .iter()
            .map(|c| ArrayFormatter::try_new(c.as_ref(), &options))
            .collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            rows += 1;
            if rows <= MOST_ROWS {
                shown.add_row(formatters.iter().map(|f| f.value(row).to_string()));
            }
        }
    }
    write!(out, "{}", table::lines(&shown, ""))?;
    if rows > MOST_ROWS {
        let more = count(rows - MOST_ROWS);
        writeln!(out, "... and {more} rows more; `--format csv` prints all")?;
    } else {
        writeln!(out, "({})", counted(rows, "row"))?;
    }
    Ok(rows)
}

async fn write_csv(
    out: &mut (dyn Write + Send),
    schema: &SchemaRef,
    mut batches: impl Stream<Item = CoreResult<RecordBatch>> + Unpin,
) -> Result<u64, Failure> {
    let mut rows = 0;
    // The header is there even when no row is.
    let mut header = true;
    let mut next = Some(RecordBatch::new_empty(schema.clone()));
    while let Some(batch) = next {
        rows += batch.num_rows() as u64;
        let mut text = Vec::new();
        CsvBuilder::new().with_header(header).build(&mut text).write(&batch)?;
        out.write_all(&text)?;
        header = false;
        next = batches.try_next().await?;
    }
    Ok(rows)
}

async fn write_json(
    out: &mut (dyn Write + Send),
    mut batches: impl Stream<Item = CoreResult<RecordBatch>> + Unpin,
) -> Result<u64, Failure> {
    let mut writer = JsonBuilder::new().with_explicit_nulls(true).build::<_, JsonArray>(&mut *out);
    let mut rows = 0;
    while let Some(batch) = batches.try_next().await? {
        rows += batch.num_rows() as u64;
        writer.write(&batch).map_err(unwritten)?;
    }
    writer.finish().map_err(unwritten)?;
    drop(writer);
    writeln!(out)?;
    Ok(rows)
}

async fn write_parquet(
    out: &mut (dyn Write + Send),
    schema: &SchemaRef,
    mut batches: impl Stream<Item = CoreResult<RecordBatch>> + Unpin,
) -> Result<u64, Failure> {
    let wrong = |e| Error::unavailable("the Parquet file could not be written").with_source(e);
    let properties =
        WriterProperties::builder().set_compression(Compression::ZSTD(Default::default()));
    let mut writer =
        ArrowWriter::try_new(out, schema.clone(), Some(properties.build())).map_err(wrong)?;
    let mut rows = 0;
    while let Some(batch) = batches.try_next().await? {
        rows += batch.num_rows() as u64;
        writer.write(&batch).map_err(wrong)?;
    }
    writer.close().map_err(wrong)?;
    Ok(rows)
}

/// Arrow wraps a closed pipe; that is still a closed pipe.
fn unwritten(error: arrow::error::ArrowError) -> Failure {
    use arrow::error::ArrowError;
    match error {
        ArrowError::IoError(_, io) => io.into(),
        other => other.into(),
    }
}
