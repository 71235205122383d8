//! `format-avro`: writes Avro object container files.
//!
//! ```toml
//! [table.trades.layout]
//! format = "avro"
//! options = { compression = "zstd(3)" }
//! ```
//!
//! | Arrow | Avro |
//! |---|---|
//! | boolean, float32, float64, text, binary | boolean, float, double, string, bytes |
//! | int8 to int32, uint8, uint16 | int |
//! | int64, uint32 | long |
//! | uint64 | decimal(20, 0) |
//! | float16 | float |
//! | decimals of scale 0 and more | bytes with `decimal` |
//! | fixed-size binary | fixed |
//! | timestamps (ms, us, ns) with a zone | `timestamp-millis`, `-micros`, `-nanos` |
//! | those without a zone | `local-timestamp-millis`, `-micros`, `-nanos` |
//! | timestamps and times in seconds | in milliseconds |
//! | date32 | `date` |
//! | date64 | `local-timestamp-millis` |
//! | times in ms, in us | `time-millis`, `time-micros` |
//! | times in ns | `time-micros`, where they are whole; else an error |
//! | lists of any kind, structs, maps with text keys | array, record, map |
//! | dictionaries, run-end encoded | their values |
//! | null, in a column that may have them | the first branch of a union |
//!
//! Types that no reader would get back (durations, intervals, unions, other maps) are
//! refused with what to do instead, and so are names that are none in Avro.
//!
//! Timestamps in nanoseconds are of Avro 1.12; older readers take them for a long. Of the
//! compressions, every reader knows `none` and `deflate`.
//!
//! A block ends with the row that makes it `block_bytes` long.

mod coerce;
mod container;

use std::collections::HashMap;

use arrow_avro::errors::AvroError;
use arrow_avro::schema::{AVRO_NAME_METADATA_KEY, AvroSchema, SCHEMA_METADATA_KEY};
use arrow_avro::writer::format::AvroBinaryFormat;
use arrow_avro::writer::{EncodedRows, Encoder, WriterBuilder};
use arrow_schema::{Schema, SchemaRef};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use tidelake_sdk::{Batch, Error, FormatWriter, Result, Sink, SortColumn};

use container::{Compression, Container};

/// Rows that are encoded at once, so that memory does not grow with the host's batches.
const ROWS: usize = 4 << 10;

/// Options of the format.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AvroOptions {
    /// `none` (default), `deflate` (`deflate(0)` to `deflate(9)`), `snappy` or `zstd`
    /// (`zstd(1)` to `zstd(22)`).
    pub compression: String,
    /// A block ends when its rows take this many bytes before compression (default
    /// 256 KiB). They stay in the plugin's memory until then.
    pub block_bytes: usize,
}

impl Default for AvroOptions {
    fn default() -> Self {
        Self { compression: "none".to_owned(), block_bytes: 256 << 10 }
    }
}

/// The plugin.
pub struct AvroFile {
    schema: SchemaRef,
    rows: Encoder,
    /// The block that is being filled, and how many rows are in it.
    block: Vec<u8>,
    in_block: usize,
    block_bytes: usize,
    container: Container,
}

impl FormatWriter for AvroFile {
    const NAME: &'static str = "format-avro";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const DESCRIPTION: &'static str = "Writes Avro object container files.";
    const FILE_FORMAT: &'static str = "avro";
    const EXTENSION: &'static str = "avro";
    type Options = AvroOptions;

    fn create(
        schema: SchemaRef,
        _sort: &[SortColumn],
        options: AvroOptions,
        out: Sink,
    ) -> Result<Self> {
        let compression = Compression::parse(&options.compression)?;
        if !(1 << 10..=64 << 20).contains(&options.block_bytes) {
            return Err(Error::option(
                "block_bytes",
                format!("{} is not between 1 KiB and 64 MiB", options.block_bytes),
            ));
        }
        let schema = coerce::plan(&schema)?;
        let json = avro_schema(&schema)?;
        let container = Container::new(&json, compression, out);
        let metadata = HashMap::from([(SCHEMA_METADATA_KEY.to_owned(), json)]);
        let rows = WriterBuilder::new(schema.as_ref().clone().with_metadata(metadata))
            .build_encoder::<AvroBinaryFormat>()
            .map_err(error)?;
        Ok(Self {
            schema,
            rows,
            block: Vec::new(),
            in_block: 0,
            block_bytes: options.block_bytes,
            container,
        })
    }

    fn write(&mut self, batch: &Batch<'_>) -> Result<()> {
        let batch = coerce::apply(&self.schema, batch)?;
        for start in (0..batch.num_rows()).step_by(ROWS) {
            let rows = ROWS.min(batch.num_rows() - start);
            self.rows.encode(&batch.slice(start, rows)).map_err(error)?;
            let encoded = self.rows.flush();
            self.gather(&encoded)?;
        }
        Ok(())
    }

    fn buffered(&self) -> u64 {
        self.block.len() as u64
    }

    fn finish(mut self) -> Result<()> {
        self.end_block()?;
        self.container.finish()
    }
}

impl AvroFile {
    /// Fills blocks. Where they end is a matter of the rows alone, not of how they came.
    fn gather(&mut self, encoded: &EncodedRows) -> Result<()> {
        let (bytes, starts) = (encoded.bytes(), encoded.offsets());
        let mut first = 0;
        while first < encoded.len() {
            let room = self.block_bytes - self.block.len();
            // Row i ends where the next one starts.
            let short = starts[first + 1..].partition_point(|end| end - starts[first] < room);
            let end = (first + short + 1).min(encoded.len());
            self.block.extend_from_slice(&bytes[starts[first]..starts[end]]);
            self.in_block += end - first;
            first = end;
            if self.block.len() >= self.block_bytes {
                self.end_block()?;
            }
        }
        Ok(())
    }

    fn end_block(&mut self) -> Result<()> {
        if self.in_block > 0 {
            self.container.block(self.in_block, &self.block)?;
            self.block.clear();
            self.in_block = 0;
        }
        Ok(())
    }
}

/// The schema in Avro's JSON, with Avro's own types alone.
fn avro_schema(schema: &Schema) -> Result<String> {
    // Types share one space of names: that of the rows must be no column's.
    let mut name = "row".to_owned();
    loop {
        let metadata = HashMap::from([(AVRO_NAME_METADATA_KEY.to_owned(), name.clone())]);
        let named = schema.clone().with_metadata(metadata);
        let json = AvroSchema::try_from(&named)?.json_string;
        let mut json = serde_json::from_str(&json).map_err(not_json)?;
        if count(&json, &name) == 1 {
            strip(&mut json);
            return serde_json::to_string(&json).map_err(not_json);
        }
        name.push('_');
    }
}

/// How many things have this name.
fn count(json: &Value, name: &str) -> usize {
    match json {
        Value::Object(entries) => {
            let own = entries.get("name").is_some_and(|own| own == name);
            usize::from(own) + entries.values().map(|v| count(v, name)).sum::<usize>()
        }
        Value::Array(values) => values.iter().map(|v| count(v, name)).sum(),
        _ => 0,
    }
}

/// Takes out what is only for Arrow, such as `arrowTimeUnit`.
fn strip(json: &mut Value) {
    match json {
        Value::Object(entries) => {
            entries.retain(|key, _| !key.starts_with("arrow"));
            entries.values_mut().for_each(strip);
        }
        Value::Array(values) => values.iter_mut().for_each(strip),
        _ => {}
    }
}

fn not_json(error: serde_json::Error) -> Error {
    Error::internal(format!("a schema of Avro: {error}"))
}

fn error(error: AvroError) -> Error {
    match error {
        AvroError::NYI(message) => Error::unsupported(message),
        other => Error::internal(other.to_string()),
    }
}

tidelake_sdk::export_format_writer!(AvroFile);

#[cfg(test)]
mod tests;
