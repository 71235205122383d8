//! `format-json`: writes newline-delimited JSON, one object a row.
//!
//! ```toml
//! [table.trades.layout]
//! format = "json"
//! options = { compression = "zstd(3)" }
//! ```
//!
//! | Arrow | JSON |
//! |---|---|
//! | integers, floats | numbers, floats in the shortest form that reads back the same |
//! | NaN and the infinities | `"NaN"`, `"Infinity"`, `"-Infinity"` |
//! | decimals | numbers with all their digits |
//! | text | strings |
//! | timestamps, dates, times | ISO 8601 strings |
//! | binary | hexadecimal strings |
//! | lists, structs, maps | arrays, objects, objects |
//! | null | left out, or `null` with `explicit_nulls = true` |
//!
//! Types that no reader would get back (durations, intervals, unions, maps with keys
//! other than text) are refused with what to do instead.
//!
//! Compressed files are a sequence of gzip members or zstd frames of about 1 MiB of
//! JSON each, which every reader takes for one stream. The extension is `ndjson` all
//! the same: readers look at the first bytes, and so does the host.

mod exact;

use arrow_json::writer::{LineDelimited, Writer, WriterBuilder};
use arrow_schema::{DataType, Field, SchemaRef};
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;
use tidelake_sdk::codec::{self, Algorithm};
use tidelake_sdk::{Batch, Error, FormatWriter, Result, Sink, SortColumn};

/// Bytes of JSON that are gathered before they are compressed and handed over.
const BLOCK: usize = 1 << 20;

/// Rows that are turned into text at once, so that memory does not grow with the
/// host's batches.
const ROWS: usize = 8 << 10;

/// Options of the format.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct JsonOptions {
    /// `none` (default), `gzip` (`gzip(0)` to `gzip(9)`) or `zstd` (`zstd(1)` to
    /// `zstd(22)`).
    pub compression: String,
    /// Whether nulls are written; left out otherwise (default false).
    pub explicit_nulls: bool,
}

impl Default for JsonOptions {
    fn default() -> Self {
        Self { compression: "none".to_owned(), explicit_nulls: false }
    }
}

/// The plugin.
pub struct JsonFile {
    json: Writer<Vec<u8>, LineDelimited>,
    compression: Option<(Algorithm, i32)>,
    out: Sink,
}

impl FormatWriter for JsonFile {
    const NAME: &'static str = "format-json";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const DESCRIPTION: &'static str = "Writes newline-delimited JSON.";
    const FILE_FORMAT: &'static str = "json";
    const EXTENSION: &'static str = "ndjson";
    type Options = JsonOptions;

    fn create(
        schema: SchemaRef,
        _sort: &[SortColumn],
        options: JsonOptions,
        out: Sink,
    ) -> Result<Self> {
        for field in schema.fields() {
            if let Some(part) = unsupported(field.data_type()) {
                return Err(refuse(field, part));
            }
        }
        let json = WriterBuilder::new()
            .with_explicit_nulls(options.explicit_nulls)
            .with_encoder_factory(Arc::new(exact::Exact))
            .build::<_, LineDelimited>(Vec::with_capacity(BLOCK + BLOCK / 4));
        Ok(Self { json, compression: compression(&options.compression)?, out })
    }

    fn write(&mut self, batch: &Batch<'_>) -> Result<()> {
        let batch = batch.to_record_batch()?;
        for start in (0..batch.num_rows()).step_by(ROWS) {
            let rows = ROWS.min(batch.num_rows() - start);
            self.json.write(&batch.slice(start, rows))?;
            if self.json.get_ref().len() >= BLOCK {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn buffered(&self) -> u64 {
        self.json.get_ref().len() as u64
    }

    fn finish(mut self) -> Result<()> {
        self.json.finish()?;
        self.flush()
    }
}

impl JsonFile {
    /// Hands over what was gathered, as one member or frame when compressed.
    fn flush(&mut self) -> Result<()> {
        let text = self.json.get_mut();
        if text.is_empty() {
            return Ok(());
        }
        match self.compression {
            None => self.out.append(text)?,
            Some((algorithm, level)) => {
                self.out.append(&codec::compress(algorithm, level, text)?)?;
            }
        }
        text.clear();
        Ok(())
    }
}

fn compression(text: &str) -> Result<Option<(Algorithm, i32)>> {
    match codec::name_and_level(text) {
        Some(("none" | "uncompressed", None)) => Ok(None),
        Some(("gzip", level)) if (0..=9).contains(&level.unwrap_or(6)) => {
            Ok(Some((Algorithm::Gzip, level.unwrap_or(6))))
        }
        Some(("zstd", level)) if (1..=22).contains(&level.unwrap_or(3)) => {
            Ok(Some((Algorithm::Zstd, level.unwrap_or(3))))
        }
        _ => Err(Error::option(
            "compression",
            format!("{text:?} is none of none, gzip(0) to gzip(9), zstd(1) to zstd(22)"),
        )),
    }
}

/// The part of a type that would not come back from JSON, if there is one.
fn unsupported(data_type: &DataType) -> Option<&DataType> {
    use DataType as D;
    match data_type {
        D::Duration(_) | D::Interval(_) | D::Union(..) => Some(data_type),
        D::List(field)
        | D::LargeList(field)
        | D::ListView(field)
        | D::LargeListView(field)
        | D::FixedSizeList(field, _)
        | D::RunEndEncoded(_, field) => unsupported(field.data_type()),
        D::Struct(fields) => fields.iter().find_map(|field| unsupported(field.data_type())),
        D::Map(entries, _) => match entries.data_type() {
            D::Struct(fields) if fields.len() == 2 && fields[0].data_type() == &D::Utf8 => {
                unsupported(fields[1].data_type())
            }
            _ => Some(data_type),
        },
        D::Dictionary(_, values) => unsupported(values),
        _ => None,
    }
}

fn refuse(field: &Field, part: &DataType) -> Error {
    let instead = if matches!(part, DataType::Duration(_)) { "int64" } else { "utf8" };
    Error::unsupported(format!(
        "column `{}`: JSON cannot hold {part} so that it can be read back; cast it with the \
         `standardize` transform, such as to {instead}, or drop the column",
        field.name()
    ))
}

tidelake_sdk::export_format_writer!(JsonFile);

#[cfg(test)]
mod tests;
