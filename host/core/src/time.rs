//! Instants, ranges of time and sequence, and the time column of a batch.

use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{
    DataType, Date32Type, Date64Type, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// An instant: microseconds since 1970-01-01 00:00 UTC.
///
/// Finer times are floored; since every boundary in tidelake is a whole number
/// of microseconds, flooring never moves a row across one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Micros(pub i64);

impl Micros {
    /// Before every other instant.
    pub const MIN: Self = Self(i64::MIN);
    /// After every other instant.
    pub const MAX: Self = Self(i64::MAX);

    /// As a UTC date-time, if it is in the range of the calendar.
    pub fn to_utc(self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_micros(self.0)
    }

    /// Reads `2013-03-02`, `2013-03-02T10:00:00`, `2013-03-02 10:00:00.5` (UTC)
    /// or any RFC 3339 time.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        if let Ok(t) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self(t.timestamp_micros()));
        }
        if let Ok(d) = text.parse::<NaiveDate>() {
            return Ok(Self(d.and_time(Default::default()).and_utc().timestamp_micros()));
        }
        for format in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M"] {
            if let Ok(t) = NaiveDateTime::parse_from_str(text, format) {
                return Ok(Self(t.and_utc().timestamp_micros()));
            }
        }
        Err(Error::input(format!("{text:?} is not a time"))
            .with_help("write it as 2013-03-02, 2013-03-02T10:00:00 or 2013-03-02T10:00:00+01:00"))
    }
}

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (*self, self.to_utc()) {
            (Self::MIN, _) => f.write_str("the beginning"),
            (Self::MAX, _) => f.write_str("the end"),
            (_, Some(t)) if self.0.rem_euclid(86_400_000_000) == 0 => {
                write!(f, "{}", t.format("%Y-%m-%d"))
            }
            (_, Some(t)) => write!(f, "{}", t.format("%Y-%m-%dT%H:%M:%S%.fZ")),
            (_, None) => write!(f, "{} µs since 1970", self.0),
        }
    }
}

impl fmt::Debug for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The half-open range of instants `start <= t < end`; `end == Micros::MAX`
/// includes everything after `start`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TimeRange {
    /// First instant inside.
    pub start: Micros,
    /// First instant after it.
    pub end: Micros,
}

impl TimeRange {
    /// All of time.
    pub const ALL: Self = Self { start: Micros::MIN, end: Micros::MAX };

    /// `start <= t < end`.
    pub fn new(start: Micros, end: Micros) -> Self {
        Self { start, end }
    }

    /// Everything before `end`.
    pub fn before(end: Micros) -> Self {
        Self { start: Micros::MIN, end }
    }

    /// Everything from `start` on.
    pub fn from(start: Micros) -> Self {
        Self { start, end: Micros::MAX }
    }

    /// Whether no instant is inside.
    pub fn is_empty(&self) -> bool {
        self.start >= self.end
    }

    /// Whether `t` is inside.
    pub fn contains(&self, t: Micros) -> bool {
        self.start <= t && (t < self.end || self.end == Micros::MAX)
    }

    /// Whether every instant of `min..=max` is inside.
    pub fn covers(&self, min: Micros, max: Micros) -> bool {
        self.contains(min) && self.contains(max)
    }

    /// Whether some instant of `min..=max` may be inside.
    pub fn overlaps(&self, min: Micros, max: Micros) -> bool {
        min <= max && max >= self.start && (min < self.end || self.end == Micros::MAX)
    }

    /// What both ranges hold.
    pub fn intersect(&self, other: &Self) -> Self {
        Self { start: self.start.max(other.start), end: self.end.min(other.end) }
    }
}

impl fmt::Display for TimeRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.start, self.end)
    }
}

/// The durable, monotonic number of a row within its hot table; the first row has 1.
pub type Seq = u64;

/// The rows with `after < seq <= up_to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SeqRange {
    /// Exclusive lower bound.
    pub after: Seq,
    /// Inclusive upper bound.
    pub up_to: Seq,
}

impl SeqRange {
    /// Every row.
    pub const ALL: Self = Self { after: 0, up_to: Seq::MAX };

    /// `after < seq <= up_to`.
    pub fn new(after: Seq, up_to: Seq) -> Self {
        Self { after, up_to }
    }

    /// Whether no row is inside.
    pub fn is_empty(&self) -> bool {
        self.after >= self.up_to
    }

    /// Whether `seq` is inside.
    pub fn contains(&self, seq: Seq) -> bool {
        self.after < seq && seq <= self.up_to
    }
}

/// Whether a column of this type can be a table's time column.
pub fn is_time_type(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64)
}

/// The values of a time column as microseconds, floored. Values under nulls are
/// unspecified. An instant outside the range of [`Micros`] is an input error.
pub fn column_micros(column: &dyn Array) -> Result<Vec<i64>> {
    fn scale(values: impl Iterator<Item = i64>, by: i64) -> Vec<i64> {
        values.map(|v| v.saturating_mul(by)).collect()
    }
    let values = match column.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => {
            scale(column.as_primitive::<TimestampSecondType>().values().iter().copied(), 1_000_000)
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            scale(column.as_primitive::<TimestampMillisecondType>().values().iter().copied(), 1_000)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            column.as_primitive::<TimestampMicrosecondType>().values().to_vec()
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => column
            .as_primitive::<TimestampNanosecondType>()
            .values()
            .iter()
            .map(|v| v.div_euclid(1_000))
            .collect(),
        DataType::Date32 => scale(
            column.as_primitive::<Date32Type>().values().iter().map(|d| i64::from(*d)),
            86_400_000_000,
        ),
        DataType::Date64 => {
            scale(column.as_primitive::<Date64Type>().values().iter().copied(), 1_000)
        }
        other => {
            return Err(Error::input(format!("a column of type {other} cannot hold times"))
                .with_help("use a timestamp or date column, or cast it on ingest"));
        }
    };
    Ok(values)
}

/// The smallest and largest time of a column without nulls; `None` when empty.
pub fn min_max(micros: &[i64]) -> Option<(Micros, Micros)> {
    let first = *micros.first()?;
    let (min, max) = micros.iter().fold((first, first), |(min, max), &t| (min.min(t), max.max(t)));
    Some((Micros(min), Micros(max)))
}

/// The time column of a batch.
pub fn time_column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef> {
    batch.column_by_name(name).ok_or_else(|| {
        Error::input(format!("there is no time column {name:?}")).with_help(format!(
            "the columns are: {}",
            batch
                .schema()
                .fields()
                .iter()
                .map(|f| f.name().as_str())
                .collect::<Vec<_>>()
                .join(", ")
        ))
    })
}

/// Marks the values that lie in `range`.
pub fn in_range(micros: &[i64], range: TimeRange) -> BooleanArray {
    BooleanArray::new(
        BooleanBuffer::collect_bool(micros.len(), |i| range.contains(Micros(micros[i]))),
        None,
    )
}

/// Times as a column of the given time type. Inverse of [`column_micros`] for
/// values that the type can hold exactly.
pub fn micros_to_column(micros: Vec<i64>, data_type: &DataType) -> Result<ArrayRef> {
    use arrow::array::{Date32Array, Date64Array, TimestampMicrosecondArray};
    let array: ArrayRef = match data_type {
        DataType::Date32 => Arc::new(Date32Array::from_iter_values(
            micros.iter().map(|t| t.div_euclid(86_400_000_000) as i32),
        )),
        DataType::Date64 => {
            Arc::new(Date64Array::from_iter_values(micros.iter().map(|t| t.div_euclid(1_000))))
        }
        DataType::Timestamp(_, zone) => {
            let array = TimestampMicrosecondArray::from(micros).with_timezone_opt(zone.clone());
            arrow::compute::cast(&array, data_type)?
        }
        other => return Err(Error::internal(format!("{other} is not a time type"))),
    };
    Ok(array)
}
