//! `standardize`: brings columns into the shape that a table is to have.
//!
//! ```toml
//! [[table.daily.transform]]
//! plugin = "standardize"
//! options = {
//!     rename = { Date = "ts", "Adj Close" = "adjusted" },
//!     cast = { ts = "timestamp(us, UTC)", Volume = "int64" },
//!     defaults = { venue = "XNYS" },
//!     compute = [{ name = "notional", expr = "Close * Volume" }],
//!     drop = ["adjusted"],
//!     order = ["ts", "symbol"],
//! }
//! ```
//!
//! The steps run in this order, and each sees the names that the one before left:
//!
//! | step | does |
//! |---|---|
//! | `rename` | old name = new name |
//! | `cast` | column = type, see [`types`](tidelake_expressions::types) for the names |
//! | `defaults` | column = value that stands in for null |
//! | `compute` | adds columns, or replaces one of the same name, see [`tidelake_expressions`] |
//! | `drop` | leaves columns out |
//! | `order` | puts columns first; the others follow as they were |
//!
//! A value that cannot be cast is an error naming the column and the value. Columns
//! that no step changes pass through without being copied. The plugin is row-wise.

mod plan;

use std::collections::BTreeMap;

use arrow_schema::SchemaRef;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use tidelake_sdk::{Batch, Output, Result, Transform};

use plan::Plan;

/// Options of the plugin.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StandardizeOptions {
    /// New names by old names.
    pub rename: BTreeMap<String, String>,
    /// Types by column: `int64`, `float64`, `utf8`, `bool`, `date32`,
    /// `timestamp(us, UTC)`, `decimal(18, 6)` and so on.
    pub cast: BTreeMap<String, String>,
    /// What stands in for null, by column.
    pub defaults: BTreeMap<String, Value>,
    /// Columns to compute, one after the other.
    pub compute: Vec<Computed>,
    /// Columns to leave out.
    pub drop: Vec<String>,
    /// Columns to put first.
    pub order: Vec<String>,
}

/// A column to compute.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Computed {
    /// Its name.
    pub name: String,
    /// How, such as `close * volume` or `upper(symbol)`.
    pub expr: String,
}

/// The plugin.
pub struct Standardize(Plan);

impl Transform for Standardize {
    const NAME: &'static str = "standardize";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const DESCRIPTION: &'static str =
        "Renames, casts, fills, computes, drops and reorders columns.";
    const ROW_WISE: bool = true;
    type Options = StandardizeOptions;

    fn create(input: SchemaRef, options: StandardizeOptions) -> Result<Self> {
        Plan::new(&input, &options).map(Self)
    }

    fn output_schema(&self) -> SchemaRef {
        self.0.schema()
    }

    fn process(&mut self, batch: &Batch<'_>, out: &mut Output<'_>) -> Result<()> {
        self.0.run(batch, out)
    }
}

tidelake_sdk::export_transform!(Standardize);

#[cfg(test)]
mod tests;
