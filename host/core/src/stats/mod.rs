//! Column statistics, computed by the host from the rows that enter a file.
//!
//! Readers skip a file when the bounds of its columns say that no row can match.
//! A bound that is too tight loses rows in silence, so every step here may widen
//! a bound and none may narrow it: what cannot be bounded is left open (`None`).

mod bounds;
#[cfg(test)]
mod tests;

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::Schema;
use serde::{Deserialize, Serialize};

use self::bounds::Bounds;
use crate::error::{Error, Result, ResultExt};
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
    /// Floating point, never NaN. A lower bound of zero is −0, an upper one +0.
    #[serde(with = "float")]
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
    columns: Vec<Column>,
}

#[derive(Debug)]
struct Column {
    name: String,
    nulls: u64,
    bounds: Bounds,
}

impl StatsCollector {
    /// For batches of `schema`.
    pub fn new(schema: &Schema) -> Self {
        let columns = schema
            .fields()
            .iter()
            .map(|f| Column { name: f.name().clone(), nulls: 0, bounds: Bounds::default() })
            .collect();
        Self { columns }
    }

    /// Takes one batch into account.
    pub fn update(&mut self, batch: &RecordBatch) -> Result<()> {
        let schema = batch.schema_ref();
        let names = schema.fields().iter().map(|f| f.name());
        if !names.eq(self.columns.iter().map(|c| &c.name)) {
            return Err(Error::input("a batch for statistics has other columns than the file")
                .with(
                    "file",
                    self.columns.iter().map(|c| &*c.name).collect::<Vec<_>>().join(", "),
                ));
        }
        for (column, array) in self.columns.iter_mut().zip(batch.columns()) {
            column.nulls += array.logical_null_count() as u64;
            column.bounds.extend(array).with("column", &column.name)?;
        }
        Ok(())
    }

    /// The statistics, a line a column, in the order of the schema.
    pub fn finish(self) -> Vec<ColumnStats> {
        self.columns
            .into_iter()
            .map(|Column { name, nulls, bounds }| {
                let (min, max) = bounds.finish();
                ColumnStats { name, nulls, min, max }
            })
            .collect()
    }
}

/// Floats as text: JSON has no infinities, and a parser of JSON numbers that is
/// off by one in the last place (serde_json's default is) would narrow a bound.
mod float {
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{value:?}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.parse::<f64>() {
            Ok(value) if !value.is_nan() => Ok(value),
            _ => Err(de::Error::custom(format!("{text:?} is not a bound"))),
        }
    }
}
