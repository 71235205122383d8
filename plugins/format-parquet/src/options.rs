//! What the operator configures.

use std::collections::BTreeMap;

use parquet::basic::{Compression, ZstdLevel};
use schemars::JsonSchema;
use serde::Deserialize;
use tidelake_sdk::{Error, Result, codec};

/// Options of the format.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ParquetOptions {
    /// `zstd(1)` to `zstd(22)`, `snappy`, `lz4` or `none` (default `zstd(1)`).
    pub compression: String,
    /// The most rows of a row group (default 262144).
    pub row_group_rows: usize,
    /// A row group ends when it holds about this many encoded bytes (default 16 MiB).
    /// They stay in the plugin's memory until then.
    pub row_group_bytes: usize,
    /// The most bytes of a page before compression (default 1 MiB).
    pub page_bytes: usize,
    /// The most rows of a page (default 20000). Readers skip by page.
    pub page_rows: usize,
    /// Whether text and binary columns get a dictionary (default true).
    pub dictionary: bool,
    /// Minimum and maximum values: by `page` (default), by row group (`chunk`), `none`.
    pub statistics: Statistics,
    /// Columns that differ, by name.
    pub columns: BTreeMap<String, ColumnOptions>,
}

impl Default for ParquetOptions {
    fn default() -> Self {
        Self {
            compression: "zstd(1)".to_owned(),
            row_group_rows: 256 << 10,
            row_group_bytes: 16 << 20,
            page_bytes: 1 << 20,
            page_rows: 20_000,
            dictionary: true,
            statistics: Statistics::Page,
            columns: BTreeMap::new(),
        }
    }
}

/// Options of one column.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ColumnOptions {
    /// Whether it gets a dictionary, whatever its type.
    pub dictionary: Option<bool>,
    /// As the option of the same name.
    pub compression: Option<String>,
    /// As the option of the same name.
    pub statistics: Option<Statistics>,
    /// Whether it gets a bloom filter (default false).
    pub bloom_filter: bool,
}

/// How finely minimum and maximum values are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Statistics {
    /// For every page.
    #[default]
    Page,
    /// For every row group.
    Chunk,
    /// Not at all.
    None,
}

/// The compression that a text names.
pub(crate) fn compression(option: &str, text: &str) -> Result<Compression> {
    let unknown = || {
        Error::option(option, format!("{text:?} is none of zstd(1) to zstd(22), snappy, lz4, none"))
    };
    match codec::name_and_level(text).ok_or_else(unknown)? {
        ("none" | "uncompressed", None) => Ok(Compression::UNCOMPRESSED),
        ("snappy", None) => Ok(Compression::SNAPPY),
        ("lz4", None) => Ok(Compression::LZ4_RAW),
        ("zstd", level) => {
            ZstdLevel::try_new(level.unwrap_or(1)).map(Compression::ZSTD).map_err(|_| unknown())
        }
        _ => Err(unknown()),
    }
}
