//! `lttb`: one real point of each bucket, chosen so that the picture stays the same.
//!
//! ```toml
//! [[table.trades.rollup]]
//! every = "1m"
//! plugin = "lttb"
//! options = { value = "price" }
//! ```
//!
//! ```sql
//! SELECT point_ts, point FROM "trades@1m" WHERE symbol = 'IBM' ORDER BY ts
//! ```
//!
//! A mean draws a smooth line where there was a spike. Largest-Triangle-Three-Buckets
//! (Steinarsson, *Downsampling Time Series for Visual Representation*, 2013) keeps,
//! of every bucket, the point that spans the largest triangle with the point kept
//! before it and the middle of the bucket after it; of the first bucket of a series
//! the first point, of the last one the last.
//!
//! The choice depends on the neighbours, and so late rows may change it. Each row
//! therefore carries the points that it is made among, the first, lowest, highest and
//! last of the bucket (those of M4: Jugel et al., VLDB 2014; that the extremes are
//! enough for LTTB was shown by Van Der Donckt et al., *MinMaxLTTB*, 2023). They merge
//! in any order, and what is merged is chosen among anew. Drawn as a line, the four are
//! the same picture as all points, at a bucket a pixel.
//!
//! | column | type | meaning |
//! |---|---|---|
//! | the time column | as in the input | start of the bucket |
//! | the group columns | as in the input | |
//! | `point_ts`, `point` | time, Float64 | the point that is kept |
//! | `count` | Int64 | rows that had a value |
//! | `first_ts`, `first`, `low_ts`, `low`, `high_ts`, `high`, `last_ts`, `last` | time, Float64 | the points that it was chosen among |
//!
//! A row without a value (null or NaN) counts for nothing; a bucket of none but such
//! rows has nulls. Where points are equal the earlier is the lowest and the highest,
//! and at one instant the lowest is first and the highest last, so that the result
//! does not depend on the order in which rows arrive.
//!
//! Buckets next to those that late rows touch are chosen anew only where the host
//! merges them too: it does so for whole files.

mod choose;
mod points;

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, RecordBatch};
use arrow_buffer::NullBuffer;
use arrow_ord::partition::partition;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use schemars::JsonSchema;
use serde::Deserialize;
use tidelake_groups::{Keys, check_names, number_column, numbers, times, to_times};
use tidelake_sdk::{Batch, Downsampler, Output, Result, Roles};

use points::{Extremes, Point};

/// Rows of a batch that is emitted.
const ROWS: usize = 64 << 10;

/// The points that a row is chosen among, and so `merge` needs.
const CANDIDATES: [&str; 4] = ["first", "low", "high", "last"];

/// Options of the plugin.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LttbOptions {
    /// The column of values.
    pub value: String,
}

/// The plugin.
pub struct Lttb {
    keys: Keys,
    /// One for each group of the keys.
    buckets: Vec<Extremes>,
    schema: SchemaRef,
    name: String,
    value: usize,
    time: usize,
}

impl Downsampler for Lttb {
    const NAME: &'static str = "lttb";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const DESCRIPTION: &'static str =
        "One real point of each bucket, chosen so that the picture stays the same.";
    type Options = LttbOptions;

    fn create(input: SchemaRef, roles: &Roles, options: LttbOptions) -> Result<Self> {
        let value = number_column(&input, "value", &options.value)?;
        let keys = Keys::new(&input, roles)?;
        let time = keys.fields[0].data_type().clone();
        let mut fields = keys.fields.clone();
        let mut point = |name: &str| {
            fields.push(Field::new(format!("{name}_ts"), time.clone(), true));
            fields.push(Field::new(name, DataType::Float64, true));
        };
        point("point");
        CANDIDATES.into_iter().for_each(&mut point);
        fields.insert(keys.fields.len() + 2, Field::new("count", DataType::Int64, false));
        check_names(&fields)?;
        let schema = Arc::new(Schema::new(fields));
        let (name, time) = (options.value, roles.time_column);
        Ok(Self { keys, buckets: Vec::new(), schema, name, value, time })
    }

    fn output_schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn update(&mut self, batch: &Batch<'_>) -> Result<()> {
        let runs = self.keys.runs(batch)?;
        let values = numbers(&self.name, &batch.column(self.value)?)?;
        let times = times(&batch.column(self.time)?)?;
        let valid = NullBuffer::union(values.nulls(), times.nulls());
        self.buckets.resize(self.keys.groups.len(), Extremes::EMPTY);
        for run in runs {
            let mut bucket = self.buckets[run.group];
            for i in run.rows {
                let value = values.values()[i];
                if valid.as_ref().is_none_or(|valid| valid.is_valid(i)) && !value.is_nan() {
                    bucket.add(Point { time: times.values()[i], value });
                }
            }
            self.buckets[run.group] = bucket;
        }
        Ok(())
    }

    fn merge(&mut self, partials: &Batch<'_>) -> Result<()> {
        let runs = self.keys.runs_of_partials(partials)?;
        // After the keys and the point that was kept.
        let first = self.keys.fields.len() + 2;
        let columns = partials.columns(&(first..self.schema.fields().len()).collect::<Vec<_>>())?;
        let counts = columns[0].as_primitive::<Int64Type>();
        let mut candidates = Vec::with_capacity(CANDIDATES.len());
        for (name, pair) in CANDIDATES.into_iter().zip(columns[1..].chunks(2)) {
            candidates.push((times(&pair[0])?, numbers(name, &pair[1])?));
        }
        self.buckets.resize(self.keys.groups.len(), Extremes::EMPTY);
        for run in runs {
            for i in run.rows.filter(|i| counts.value(*i) > 0) {
                let [first, low, high, last] = std::array::from_fn(|candidate| {
                    let (times, values) = &candidates[candidate];
                    Point { time: times.value(i), value: values.value(i) }
                });
                let count = counts.value(i);
                self.buckets[run.group].merge(&Extremes { first, low, high, last, count });
            }
        }
        Ok(())
    }

    fn drain(&mut self, out: &mut Output<'_>) -> Result<()> {
        let groups = self.keys.groups.sorted();
        if !groups.is_empty() {
            let mut columns = self.keys.columns(&groups)?;
            let buckets: Vec<Extremes> =
                groups.iter().map(|group| self.buckets[*group as usize]).collect();
            let points = choose::points(&buckets, &self.series(&columns)?);
            columns.extend(self.columns(&buckets, &points)?);
            let all = RecordBatch::try_new(self.schema.clone(), columns)?;
            for start in (0..all.num_rows()).step_by(ROWS) {
                out.emit_batch(&all.slice(start, ROWS.min(all.num_rows() - start)))?;
            }
        }
        self.keys.groups.clear();
        self.buckets = Vec::new();
        Ok(())
    }
}

impl Lttb {
    /// The rows of each series among sorted keys: neighbours that differ in nothing
    /// but the bucket.
    fn series(&self, keys: &[ArrayRef]) -> Result<Vec<std::ops::Range<usize>>> {
        match &keys[1..] {
            [] => Ok(std::iter::once(0..keys[0].len()).collect()),
            groups => Ok(partition(groups)?.ranges()),
        }
    }

    /// The columns after the keys.
    fn columns(&self, buckets: &[Extremes], points: &[Option<Point>]) -> Result<Vec<ArrayRef>> {
        let time = self.keys.fields[0].data_type();
        let mut columns = pair(points.iter().copied(), time)?;
        columns.push(Arc::new(Int64Array::from_iter_values(buckets.iter().map(|b| b.count))));
        let candidates: [fn(&Extremes) -> Point; 4] =
            [|b| b.first, |b| b.low, |b| b.high, |b| b.last];
        for candidate in candidates {
            let points = buckets.iter().map(|b| (b.count > 0).then(|| candidate(b)));
            columns.extend(pair(points, time)?);
        }
        Ok(columns)
    }
}

/// The times and the values of some points.
fn pair(
    points: impl Iterator<Item = Option<Point>> + Clone,
    time: &DataType,
) -> Result<Vec<ArrayRef>> {
    let times = points.clone().map(|point| point.map(|p| p.time)).collect::<Int64Array>();
    let values = points.map(|point| point.map(|p| p.value)).collect::<Float64Array>();
    Ok(vec![to_times(times, time)?, Arc::new(values)])
}

tidelake_sdk::export_downsampler!(Lttb);

#[cfg(test)]
mod tests;
