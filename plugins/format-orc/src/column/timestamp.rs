//! Timestamps: seconds since 2015, and nanoseconds ("Timestamp Columns").
//!
//! | stream | holds |
//! |---|---|
//! | DATA | seconds since 2015-01-01 00:00 UTC, which is the writer's zone |
//! | SECONDARY | nanoseconds; in the last three bits how many zeros were cut, less one |
//!
//! Seconds before 1970 that have more than 999999 nanoseconds count from the second after
//! them, and readers take one off again (ORC-763). In the last second before 1970 that would
//! read as after 1970, so such times are refused.

use arrow_array::ArrayRef;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use arrow_schema::TimeUnit;
use tidelake_sdk::{Error, Result};

use super::integer::start;
use super::{Encoded, Encoder, valid};
use crate::compress::Compression;
use crate::proto;
use crate::rle::int;
use crate::statistics::{Instant, Statistics, Values, range};
use crate::stream::{Positions, Stream};

/// 2015-01-01 00:00 UTC, in seconds since 1970.
const BASE: i64 = 1_420_070_400;

/// Columns of timestamps, with or without a zone.
#[derive(Debug)]
pub(crate) struct Timestamps {
    name: String,
    unit: TimeUnit,
    /// As they are in Arrow.
    values: Vec<i64>,
    data: Stream,
    nanos: Stream,
    starts: Vec<Positions>,
}

impl Timestamps {
    pub(crate) fn new(name: &str, unit: TimeUnit, compression: Compression) -> Self {
        Self {
            name: name.to_owned(),
            unit,
            values: Vec::new(),
            data: Stream::new(compression),
            nanos: Stream::new(compression),
            starts: Vec::new(),
        }
    }

    fn take<T: ArrowPrimitiveType<Native = i64>>(&mut self, array: &ArrayRef) {
        valid(array.as_primitive::<T>(), |values| self.values.extend_from_slice(values));
    }

    /// Both streams of the row group, by a unit of so many a second.
    fn encode<const A_SECOND: i64>(&mut self) -> Result<()> {
        let mut refused = None;
        let mut seconds = Vec::with_capacity(self.values.len());
        let mut nanos = Vec::with_capacity(self.values.len());
        for value in &self.values {
            let (whole, part) = instant::<A_SECOND>(*value);
            let later = whole < 0 && part > 999_999;
            let whole = whole + i64::from(later);
            if later && whole == 0 || whole < i64::MIN + BASE {
                refused = refused.or(Some(*value));
            }
            seconds.push(whole.wrapping_sub(BASE));
            nanos.push(encoded::<A_SECOND>(part));
        }
        if let Some(value) = refused {
            let unit = format!("{:?}s", self.unit).to_lowercase();
            return Err(Error::column(
                &self.name,
                format!(
                    "{value} {unit} since 1970 are no timestamp that ORC can hold: it has none in \
                     the last second before 1970, or further off than 64 bits of seconds from \
                     2015; cast the column to int64 with the `standardize` transform"
                ),
            ));
        }
        int::encode_signed(&seconds, &mut self.data.open);
        int::encode_unsigned(&nanos, &mut self.nanos.open);
        Ok(())
    }
}

/// Seconds, rounded down, and nanoseconds.
#[inline(always)]
fn instant<const A_SECOND: i64>(value: i64) -> Instant {
    (value.div_euclid(A_SECOND), value.rem_euclid(A_SECOND) * (1_000_000_000 / A_SECOND))
}

/// Nanoseconds without their zeros, if there are two or more, and how many less one.
#[inline(always)]
fn encoded<const A_SECOND: i64>(nanos: i64) -> i64 {
    if A_SECOND == 1 || nanos == 0 {
        return 0;
    }
    if nanos % 100 != 0 {
        return nanos << 3;
    }
    let (mut left, mut zeros) = (nanos / 100, 1);
    while left % 10 == 0 && zeros < 7 {
        left /= 10;
        zeros += 1;
    }
    left << 3 | zeros
}

impl Encoder for Timestamps {
    fn no_statistics(&self) -> Statistics {
        Statistics::new(Values::Timestamp(None))
    }

    fn write(&mut self, array: &ArrayRef) -> Result<()> {
        match self.unit {
            TimeUnit::Second => self.take::<TimestampSecondType>(array),
            TimeUnit::Millisecond => self.take::<TimestampMillisecondType>(array),
            TimeUnit::Microsecond => self.take::<TimestampMicrosecondType>(array),
            TimeUnit::Nanosecond => self.take::<TimestampNanosecondType>(array),
        }
        Ok(())
    }

    fn end_group(&mut self, statistics: &mut Statistics) -> Result<()> {
        let mut position = start(&self.data);
        position.extend(start(&self.nanos));
        self.starts.push(position);
        let instant = match self.unit {
            TimeUnit::Second => self.encode::<1>().map(|()| instant::<1> as fn(i64) -> Instant),
            TimeUnit::Millisecond => self.encode::<1_000>().map(|()| instant::<1_000> as _),
            TimeUnit::Microsecond => self.encode::<1_000_000>().map(|()| instant::<1_000_000> as _),
            TimeUnit::Nanosecond => {
                self.encode::<1_000_000_000>().map(|()| instant::<1_000_000_000> as _)
            }
        }?;
        let range = range(&self.values).map(|(low, high)| (instant(low), instant(high)));
        statistics.values = Values::Timestamp(range);
        self.values.clear();
        self.data.spill()?;
        self.nanos.spill()
    }

    fn bytes(&self) -> usize {
        self.data.bytes() + self.nanos.bytes() + self.values.len() * size_of::<i64>()
    }

    fn end_stripe(&mut self) -> Result<Encoded> {
        let streams = vec![
            (proto::stream::DATA, self.data.take()?),
            (proto::stream::SECONDARY, self.nanos.take()?),
        ];
        Ok(Encoded::direct(proto::encoding::DIRECT_V2, streams, &mut self.starts))
    }
}
