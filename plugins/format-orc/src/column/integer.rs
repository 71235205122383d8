//! Integers and dates; integers of one byte.

use arrow_array::ArrayRef;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_schema::DataType;
use tidelake_sdk::{Error, Result};

use super::{Encoded, Encoder, valid};
use crate::bloom;
use crate::compress::Compression;
use crate::proto;
use crate::rle::{byte, int};
use crate::statistics::{Statistics, Values, range};
use crate::stream::{Positions, Stream};

const MILLIS_A_DAY: i64 = 86_400_000;

/// Appends the values that are not null.
type Append = fn(&str, &ArrayRef, &mut Vec<i64>) -> Result<()>;

/// DATA: runs of integers.
#[derive(Debug)]
pub(crate) struct Integers {
    name: String,
    append: Append,
    date: bool,
    values: Vec<i64>,
    data: Stream,
    starts: Vec<Positions>,
}

impl Integers {
    /// Of columns of this type, if it is one of integers or dates.
    pub(crate) fn new(name: &str, data_type: &DataType, compression: Compression) -> Option<Self> {
        let append: Append = match data_type {
            DataType::Int16 => all::<Int16Type>,
            DataType::Int32 => all::<Int32Type>,
            DataType::Int64 => all::<Int64Type>,
            DataType::UInt8 => all::<UInt8Type>,
            DataType::UInt16 => all::<UInt16Type>,
            DataType::UInt32 => all::<UInt32Type>,
            DataType::UInt64 => unsigned,
            DataType::Date32 => all::<Date32Type>,
            DataType::Date64 => days,
            _ => return None,
        };
        Some(Self {
            name: name.to_owned(),
            append,
            date: matches!(data_type, DataType::Date32 | DataType::Date64),
            values: Vec::new(),
            data: Stream::new(compression),
            starts: Vec::new(),
        })
    }
}

fn all<T: ArrowPrimitiveType<Native: Into<i64>>>(
    _: &str,
    array: &ArrayRef,
    out: &mut Vec<i64>,
) -> Result<()> {
    valid(array.as_primitive::<T>(), |values| out.extend(values.iter().map(|v| (*v).into())));
    Ok(())
}

fn unsigned(name: &str, array: &ArrayRef, out: &mut Vec<i64>) -> Result<()> {
    let mut beyond = None;
    valid(array.as_primitive::<UInt64Type>(), |values| {
        beyond = beyond.or(values.iter().find(|value| i64::try_from(**value).is_err()).copied());
        out.extend(values.iter().map(|value| *value as i64));
    });
    beyond.map_or(Ok(()), |value| {
        Err(Error::column(
            name,
            format!(
                "{value} does not fit into a bigint of ORC; cast the column with the \
                 `standardize` transform, such as to decimal(20, 0)"
            ),
        ))
    })
}

fn days(name: &str, array: &ArrayRef, out: &mut Vec<i64>) -> Result<()> {
    let mut odd = None;
    valid(array.as_primitive::<Date64Type>(), |values| {
        let part = values.iter().find(|millis| {
            *millis % MILLIS_A_DAY != 0 || i32::try_from(*millis / MILLIS_A_DAY).is_err()
        });
        odd = odd.or(part.copied());
        out.extend(values.iter().map(|millis| millis / MILLIS_A_DAY));
    });
    odd.map_or(Ok(()), |millis| {
        Err(Error::column(
            name,
            format!(
                "{millis} milliseconds are no date of ORC, which has whole days; cast the column \
                 with the `standardize` transform, such as to a timestamp"
            ),
        ))
    })
}

impl Encoder for Integers {
    fn no_statistics(&self) -> Statistics {
        Statistics::new(if self.date { Values::Date(None) } else { Values::Integer(None, Some(0)) })
    }

    fn write(&mut self, array: &ArrayRef) -> Result<()> {
        (self.append)(&self.name, array, &mut self.values)
    }

    fn hashes(&self, hashes: &mut Vec<u64>) -> bool {
        hashes.extend(self.values.iter().map(|value| bloom::of_number(*value)));
        true
    }

    fn end_group(&mut self, statistics: &mut Statistics) -> Result<()> {
        self.starts.push(start(&self.data));
        int::encode_signed(&self.values, &mut self.data.open);
        self.data.spill()?;
        let range = range(&self.values);
        statistics.values = if self.date {
            Values::Date(range)
        } else {
            Values::Integer(range, sum(&self.values, range))
        };
        self.values.clear();
        Ok(())
    }

    fn bytes(&self) -> usize {
        self.data.bytes() + self.values.len() * size_of::<i64>()
    }

    fn end_stripe(&mut self) -> Result<Encoded> {
        let streams = vec![(proto::stream::DATA, self.data.take()?)];
        Ok(Encoded::direct(proto::encoding::DIRECT_V2, streams, &mut self.starts))
    }
}

/// Where the next run begins: none of its values come before.
pub(super) fn start(stream: &Stream) -> Positions {
    let mut position = Positions::new();
    stream.position(&mut position);
    position.push(0);
    position
}

/// The sum, if it fits.
fn sum(values: &[i64], range: Option<(i64, i64)>) -> Option<i64> {
    let Some((low, high)) = range else { return Some(0) };
    let largest = low.unsigned_abs().max(high.unsigned_abs());
    match largest.checked_mul(values.len() as u64) {
        // No part of it can be too large.
        Some(most) if most <= i64::MAX as u64 => Some(values.iter().sum()),
        _ => i64::try_from(values.iter().map(|value| i128::from(*value)).sum::<i128>()).ok(),
    }
}

/// DATA: runs of bytes.
#[derive(Debug)]
pub(crate) struct Bytes {
    values: Vec<i8>,
    data: Stream,
    starts: Vec<Positions>,
}

impl Bytes {
    pub(crate) fn new(compression: Compression) -> Self {
        Self { values: Vec::new(), data: Stream::new(compression), starts: Vec::new() }
    }
}

impl Encoder for Bytes {
    fn no_statistics(&self) -> Statistics {
        Statistics::new(Values::Integer(None, Some(0)))
    }

    fn write(&mut self, array: &ArrayRef) -> Result<()> {
        valid(array.as_primitive::<Int8Type>(), |values| self.values.extend_from_slice(values));
        Ok(())
    }

    fn hashes(&self, hashes: &mut Vec<u64>) -> bool {
        hashes.extend(self.values.iter().map(|value| bloom::of_number(i64::from(*value))));
        true
    }

    fn end_group(&mut self, statistics: &mut Statistics) -> Result<()> {
        self.starts.push(start(&self.data));
        let bytes: Vec<u8> = self.values.iter().map(|value| *value as u8).collect();
        byte::encode(&bytes, &mut self.data.open);
        self.data.spill()?;
        let range = range(&self.values).map(|(low, high)| (i64::from(low), i64::from(high)));
        let sum = self.values.iter().map(|value| i64::from(*value)).sum();
        statistics.values = Values::Integer(range, Some(sum));
        self.values.clear();
        Ok(())
    }

    fn bytes(&self) -> usize {
        self.data.bytes() + self.values.len()
    }

    fn end_stripe(&mut self) -> Result<Encoded> {
        let streams = vec![(proto::stream::DATA, self.data.take()?)];
        Ok(Encoded::direct(proto::encoding::DIRECT, streams, &mut self.starts))
    }
}
