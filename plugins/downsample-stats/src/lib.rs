//! `stats`: what can be said about numbers, for each group and bucket.
//!
//! ```toml
//! [[table.sensors.rollup]]
//! every = "1h"
//! plugin = "stats"
//! options = { columns = ["temperature", "pressure"] }
//! ```
//!
//! For each column `c`:
//!
//! | column | type | meaning |
//! |---|---|---|
//! | `c_count` | Int64 | values that are neither null nor NaN; the others count for nothing |
//! | `c_sum`, `c_min`, `c_max`, `c_mean` | Float64 | null without values, as all below |
//! | `c_first`, `c_last` | Float64 | by time; at one instant the lowest is first, the highest last |
//! | `c_stddev` | Float64 | of the sample; null below two values |
//! | `c_m2`, `c_first_ts`, `c_last_ts` | | the sum of squared deviations and when first and last were: `merge` needs them |
//!
//! Deviations are summed about the mean of each run of rows and then combined, which
//! is exact where a sum of squares would cancel.

mod moments;

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Float64Array, Int64Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use schemars::JsonSchema;
use serde::Deserialize;
use tidelake_groups::{Keys, number_column, numbers, times, to_times};
use tidelake_sdk::{Batch, Column, Downsampler, Error, Output, Result, Roles};

use moments::Moments;

/// Rows of a batch that is emitted.
const ROWS: usize = 64 << 10;

/// Columns of the result for each column of values, in this order.
const NAMES: [&str; 11] =
    ["count", "sum", "min", "max", "mean", "first", "last", "stddev", "m2", "first_ts", "last_ts"];

/// Options of the plugin.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StatsOptions {
    /// The columns of numbers.
    pub columns: Vec<String>,
}

/// The plugin.
pub struct Stats {
    keys: Keys,
    schema: SchemaRef,
    time: usize,
    values: Vec<Values>,
}

/// One column of values.
struct Values {
    name: String,
    /// Its index in the input.
    index: usize,
    groups: Vec<Moments>,
}

impl Downsampler for Stats {
    const NAME: &'static str = "stats";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const DESCRIPTION: &'static str =
        "Count, sum, min, max, mean, first, last and standard deviation.";
    type Options = StatsOptions;

    fn create(input: SchemaRef, roles: &Roles, options: StatsOptions) -> Result<Self> {
        if options.columns.is_empty() {
            return Err(Error::option("columns", "name at least one column of numbers"));
        }
        let keys = Keys::new(&input, roles)?;
        let time = keys.fields[0].data_type().clone();
        let mut fields = keys.fields.clone();
        let mut values = Vec::with_capacity(options.columns.len());
        for (i, name) in options.columns.iter().enumerate() {
            let option = format!("columns[{i}]");
            let index = number_column(&input, &option, name)?;
            for suffix in NAMES {
                let (data_type, nullable) = match suffix {
                    "count" => (DataType::Int64, false),
                    "first_ts" | "last_ts" => (time.clone(), true),
                    _ => (DataType::Float64, true),
                };
                let name = format!("{name}_{suffix}");
                if fields.iter().any(|field| field.name() == &name) {
                    let message = format!("the result would have two columns `{name}`");
                    return Err(Error::option(&option, message));
                }
                fields.push(Field::new(name, data_type, nullable));
            }
            values.push(Values { name: name.clone(), index, groups: Vec::new() });
        }
        let schema = Arc::new(Schema::new(fields));
        Ok(Self { keys, schema, time: roles.time_column, values })
    }

    fn output_schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn update(&mut self, batch: &Batch<'_>) -> Result<()> {
        let runs = self.keys.runs(batch)?;
        let times = times(&batch.column(self.time)?)?;
        for values in &mut self.values {
            let numbers = numbers(&values.name, &batch.column(values.index)?)?;
            values.groups.resize(self.keys.groups.len(), Moments::EMPTY);
            for run in &runs {
                let moments = Moments::of(&numbers, &times, run.rows.clone());
                values.groups[run.group].merge(&moments);
            }
        }
        Ok(())
    }

    fn merge(&mut self, partials: &Batch<'_>) -> Result<()> {
        let runs = self.keys.runs_of_partials(partials)?;
        let mut first = self.keys.fields.len();
        for values in &mut self.values {
            let columns = partials.columns(&(first..first + NAMES.len()).collect::<Vec<_>>())?;
            let float = |i: usize| numbers(NAMES[i], &columns[i]);
            let count = columns[0].as_primitive::<Int64Type>();
            let (sum, min, max) = (float(1)?, float(2)?, float(3)?);
            let (first_value, last_value, m2) = (float(5)?, float(6)?, float(8)?);
            let (first_ts, last_ts) = (times(&columns[9])?, times(&columns[10])?);
            values.groups.resize(self.keys.groups.len(), Moments::EMPTY);
            for run in &runs {
                for i in run.rows.clone().filter(|i| count.value(*i) > 0) {
                    values.groups[run.group].merge(&Moments {
                        count: count.value(i),
                        sum: sum.value(i),
                        min: min.value(i),
                        max: max.value(i),
                        m2: m2.value(i),
                        first: first_value.value(i),
                        first_ts: first_ts.value(i),
                        last: last_value.value(i),
                        last_ts: last_ts.value(i),
                    });
                }
            }
            first += NAMES.len();
        }
        Ok(())
    }

    fn drain(&mut self, out: &mut Output<'_>) -> Result<()> {
        let time = self.keys.fields[0].data_type();
        for groups in self.keys.groups.sorted().chunks(ROWS) {
            let mut columns = self.keys.columns(groups)?;
            for values in &self.values {
                columns.extend(values.columns(groups, time)?);
            }
            out.emit(groups.len(), columns.into_iter().map(Column::Data))?;
        }
        self.keys.groups.clear();
        for values in &mut self.values {
            values.groups = Vec::new();
        }
        Ok(())
    }
}

impl Values {
    /// Its columns of the result, as [`NAMES`] has them.
    fn columns(&self, groups: &[u32], time: &DataType) -> Result<Vec<ArrayRef>> {
        let moments = || groups.iter().map(|group| &self.groups[*group as usize]);
        let float = |value: fn(&Moments) -> Option<f64>| -> ArrayRef {
            let values = moments().map(|m| if m.count > 0 { value(m) } else { None });
            Arc::new(values.collect::<Float64Array>())
        };
        let instant = |value: fn(&Moments) -> i64| {
            let values = moments().map(|m| (m.count > 0).then(|| value(m)));
            to_times(values.collect::<Int64Array>(), time)
        };
        Ok(vec![
            Arc::new(Int64Array::from_iter_values(moments().map(|m| m.count))),
            float(|m| Some(m.sum)),
            float(|m| Some(m.min)),
            float(|m| Some(m.max)),
            float(|m| Some(m.mean())),
            float(|m| Some(m.first)),
            float(|m| Some(m.last)),
            float(Moments::stddev),
            float(|m| Some(m.m2)),
            instant(|m| m.first_ts)?,
            instant(|m| m.last_ts)?,
        ])
    }
}

tidelake_sdk::export_downsampler!(Stats);

#[cfg(test)]
mod tests;
