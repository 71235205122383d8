//! Which data files can hold a row that a filter wants, by the log's statistics alone.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, UInt64Array};
use arrow::datatypes::{DataType, SchemaRef, TimeUnit};
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::{Column, ScalarValue};
use datafusion::physical_optimizer::pruning::PruningPredicateBuilder;
use datafusion::physical_plan::PhysicalExpr;
use tidelake_core::commit::TableState;
use tidelake_core::file::DataFile;
use tidelake_core::stats::StatValue;
use tidelake_core::time::Micros;

/// The files of a table, in the log's order, that may hold a row passing
/// `predicate` (over `schema`). A predicate that statistics cannot judge keeps all.
pub(crate) fn prune<'a>(
    state: &'a TableState,
    schema: &SchemaRef,
    predicate: Option<&Arc<dyn PhysicalExpr>>,
) -> Vec<&'a DataFile> {
    let files: Vec<&DataFile> = state.files.values().collect();
    let Some(predicate) = predicate else { return files };
    let judge = PruningPredicateBuilder::new()
        .with_file_schema(Arc::clone(schema))
        .build(predicate.clone());
    let Some(judge) = judge else { return files };
    let bounds = FileBounds { state, files: &files, schema };
    match judge.prune(&bounds) {
        Ok(keep) => {
            files.iter().zip(keep).filter_map(|(file, keep)| keep.then_some(*file)).collect()
        }
        Err(error) => {
            tracing::debug!(%error, "file statistics could not be used");
            files
        }
    }
}

/// The statistics of some files, in the types that queries see.
struct FileBounds<'a> {
    state: &'a TableState,
    files: &'a [&'a DataFile],
    schema: &'a SchemaRef,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Min,
    Max,
}

impl FileBounds<'_> {
    fn bounds(&self, column: &Column, side: Side) -> Option<ArrayRef> {
        let field = self.schema.field_with_name(column.name()).ok()?;
        let plain = plain_type(field.data_type());
        let none = ScalarValue::try_from(plain).ok()?;
        let mut any = false;
        let values: Vec<ScalarValue> = self
            .files
            .iter()
            .map(|file| match self.bound(file, column.name(), plain, side) {
                Some(value) => {
                    any = true;
                    value
                }
                None => none.clone(),
            })
            .collect();
        any.then(|| ScalarValue::iter_to_array(values).ok()).flatten()
    }

    fn bound(
        &self,
        file: &DataFile,
        column: &str,
        plain: &DataType,
        side: Side,
    ) -> Option<ScalarValue> {
        if column == self.state.partition.time {
            return match side {
                Side::Min => time_scalar(file.min_time, plain, side),
                // Finer times were floored: the last of the microsecond.
                Side::Max => match plain {
                    DataType::Timestamp(TimeUnit::Nanosecond, zone) => {
                        let t = file.max_time.0.checked_mul(1_000)?.checked_add(999)?;
                        Some(ScalarValue::TimestampNanosecond(Some(t), zone.clone()))
                    }
                    _ => time_scalar(file.max_time, plain, side),
                },
            };
        }
        if let Some(value) = partition_value(self.state, file, column) {
            return ScalarValue::try_from_string(value?.to_owned(), plain).ok();
        }
        let stats = file.stats.iter().find(|s| s.name == column)?;
        let value = match side {
            Side::Min => stats.min.as_ref(),
            Side::Max => stats.max.as_ref(),
        };
        stat_scalar(value?, plain, side)
    }

    fn nulls(&self, file: &DataFile, column: &str) -> Option<u64> {
        if column == self.state.partition.time {
            return Some(0);
        }
        match partition_value(self.state, file, column) {
            Some(Some(_)) => Some(0),
            Some(None) => Some(file.rows),
            None => file.stats.iter().find(|s| s.name == column).map(|s| s.nulls),
        }
    }
}

impl PruningStatistics for FileBounds<'_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.bounds(column, Side::Min)
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.bounds(column, Side::Max)
    }

    fn num_containers(&self) -> usize {
        self.files.len()
    }

    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        let nulls = self.files.iter().map(|file| self.nulls(file, column.name()));
        Some(Arc::new(nulls.collect::<UInt64Array>()))
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        Some(Arc::new(self.files.iter().map(|file| Some(file.rows)).collect::<UInt64Array>()))
    }

    fn contained(&self, _: &Column, _: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}

/// A file's value of a partition column: `None` when `column` is none, and
/// `Some(None)` when the value is null.
pub(crate) fn partition_value<'a>(
    state: &TableState,
    file: &'a DataFile,
    column: &str,
) -> Option<Option<&'a str>> {
    if !state.partition.columns.iter().any(|c| c == column) {
        return None;
    }
    file.partition.iter().find(|(name, _)| name == column).map(|(_, value)| value.as_deref())
}

/// The type of the values behind a dictionary.
pub(crate) fn plain_type(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Dictionary(_, values) => plain_type(values),
        other => other,
    }
}

/// A bound as a value of the query's type; `None` when the two are of different
/// kinds (the column changed its type since), because then their orders may differ.
fn stat_scalar(value: &StatValue, plain: &DataType, side: Side) -> Option<ScalarValue> {
    match value {
        StatValue::Bool(b) => (*plain == DataType::Boolean).then_some(ScalarValue::from(*b)),
        StatValue::Int(i) if plain.is_integer() => {
            ScalarValue::Int64(Some(*i)).cast_to(plain).ok().filter(|s| !s.is_null())
        }
        StatValue::Float(x) if plain.is_floating() => {
            // Arrow orders -0.0 below 0.0; the statistics need not.
            let x = match side {
                _ if *x != 0.0 => *x,
                Side::Min => -0.0,
                Side::Max => 0.0,
            };
            ScalarValue::Float64(Some(x)).cast_to(plain).ok()
        }
        StatValue::Text(text) => match plain {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                ScalarValue::Utf8(Some(text.clone())).cast_to(plain).ok()
            }
            _ => None,
        },
        StatValue::Date(days) => match plain {
            DataType::Date32 => Some(ScalarValue::Date32(Some(*days))),
            _ => None,
        },
        StatValue::Time(t) => match plain {
            DataType::Timestamp(..) => time_scalar(*t, plain, side),
            _ => None,
        },
        StatValue::Int(_) | StatValue::Float(_) => None,
    }
}

/// An instant as a value of a time type, rounded outwards.
fn time_scalar(t: Micros, data_type: &DataType, side: Side) -> Option<ScalarValue> {
    let coarser = |unit: i64| match side {
        Side::Min => t.0.div_euclid(unit),
        Side::Max => t.0.div_euclid(unit) + i64::from(t.0.rem_euclid(unit) != 0),
    };
    Some(match data_type {
        DataType::Timestamp(TimeUnit::Second, zone) => {
            ScalarValue::TimestampSecond(Some(coarser(1_000_000)), zone.clone())
        }
        DataType::Timestamp(TimeUnit::Millisecond, zone) => {
            ScalarValue::TimestampMillisecond(Some(coarser(1_000)), zone.clone())
        }
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            ScalarValue::TimestampMicrosecond(Some(t.0), zone.clone())
        }
        DataType::Timestamp(TimeUnit::Nanosecond, zone) => {
            ScalarValue::TimestampNanosecond(Some(t.0.checked_mul(1_000)?), zone.clone())
        }
        DataType::Date32 => ScalarValue::Date32(Some(i32::try_from(coarser(86_400_000_000)).ok()?)),
        DataType::Date64 => ScalarValue::Date64(Some(coarser(1_000))),
        _ => return None,
    })
}
