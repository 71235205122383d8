//! What the operator configures.

use std::collections::BTreeMap;

use arrow_schema::Schema;
use schemars::JsonSchema;
use serde::Deserialize;
use tidelake_sdk::{Error, Result};

/// Options of the format.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OrcOptions {
    /// `zstd(1)` to `zstd(22)`, `zlib(1)` to `zlib(9)`, `snappy`, `lz4` or `none` (default
    /// `zstd(1)`).
    pub compression: String,
    /// A stripe ends when it holds about this many bytes (default 16 MiB), most of them
    /// encoded. They stay in the plugin's memory until then.
    pub stripe_bytes: usize,
    /// The most rows of a stripe (default 1048576).
    pub stripe_rows: usize,
    /// Rows of a row group, for each of which there are statistics (default 10000).
    /// Readers skip by row group.
    pub row_index_stride: u32,
    /// Whether text columns get a dictionary where values repeat (default true).
    pub dictionary: bool,
    /// Columns that differ, by name.
    pub columns: BTreeMap<String, ColumnOptions>,
}

impl Default for OrcOptions {
    fn default() -> Self {
        Self {
            compression: "zstd(1)".to_owned(),
            stripe_bytes: 16 << 20,
            stripe_rows: 1 << 20,
            row_index_stride: 10_000,
            dictionary: true,
            columns: BTreeMap::new(),
        }
    }
}

/// Options of one column.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ColumnOptions {
    /// As the option of the same name; of text.
    pub dictionary: Option<bool>,
    /// Whether its row groups get bloom filters (default false); of text, integers and
    /// dates.
    pub bloom_filter: bool,
}

/// Refuses options that make no file of this schema.
pub(crate) fn check(schema: &Schema, options: &OrcOptions) -> Result<()> {
    let sizes = [
        ("stripe_bytes", options.stripe_bytes),
        ("stripe_rows", options.stripe_rows),
        ("row_index_stride", options.row_index_stride as usize),
    ];
    if let Some((name, _)) = sizes.iter().find(|(_, size)| *size == 0) {
        return Err(Error::option(name, "must be at least 1"));
    }
    match options.columns.keys().find(|name| schema.index_of(name).is_err()) {
        Some(name) => {
            Err(Error::option(&format!("columns.{name}"), format!("there is no column `{name}`")))
        }
        None => Ok(()),
    }
}
