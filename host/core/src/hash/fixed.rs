//! Words of fixed-width values: `mix64(canonical value ^ seed)`, or the seeded
//! xxh3 of its bytes where the canonical value is wider than 64 bits.

use arrow::array::{Array, ArrowPrimitiveType, AsArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{
    DataType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type,
    DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType, DurationSecondType,
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    IntervalDayTimeType, IntervalMonthDayNanoType, IntervalUnit, IntervalYearMonthType,
    Time32MillisecondType, Time32SecondType, Time64MicrosecondType, Time64NanosecondType, TimeUnit,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type, i256,
};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::canon::unexpected;
use super::mix64;
use crate::error::Result;

/// Adds the word of every value. The loop over a type's values is compiled for
/// that type: nothing is decided by row but whether a value is null.
pub(super) fn add_words(seed: u64, array: &dyn Array, sums: &mut [u64]) -> Result<()> {
    macro_rules! each {
        ($kind:ty, |$v:ident| $word:expr) => {
            each::<$kind>(array, sums, |$v| $word)
        };
    }
    /// Nanoseconds of a count of larger units: nearly always within 64 bits.
    macro_rules! nanos {
        ($kind:ty, $factor:expr) => {
            each!($kind, |v| match i64::from(v).checked_mul($factor) {
                Some(nanos) => int(nanos, seed),
                None =>
                    xxh3_64_with_seed(&(i128::from(v) * i128::from($factor)).to_le_bytes(), seed),
            })
        };
    }
    const MICRO: i64 = 1_000;
    const MILLI: i64 = 1_000_000;
    const SECOND: i64 = 1_000_000_000;
    match array.data_type() {
        DataType::Boolean => booleans(seed, array, sums),
        DataType::Int8 => each!(Int8Type, |v| int(i64::from(v), seed)),
        DataType::Int16 => each!(Int16Type, |v| int(i64::from(v), seed)),
        DataType::Int32 => each!(Int32Type, |v| int(i64::from(v), seed)),
        DataType::Int64 => each!(Int64Type, |v| int(v, seed)),
        DataType::UInt8 => each!(UInt8Type, |v| int(i64::from(v), seed)),
        DataType::UInt16 => each!(UInt16Type, |v| int(i64::from(v), seed)),
        DataType::UInt32 => each!(UInt32Type, |v| int(i64::from(v), seed)),
        DataType::UInt64 => each!(UInt64Type, |v| match i64::try_from(v) {
            Ok(v) => int(v, seed),
            Err(_) => xxh3_64_with_seed(&v.to_le_bytes(), seed),
        }),
        DataType::Float16 => each!(Float16Type, |v| float(v.to_f64(), seed)),
        DataType::Float32 => each!(Float32Type, |v| float(f64::from(v), seed)),
        DataType::Float64 => each!(Float64Type, |v| float(v, seed)),
        DataType::Timestamp(unit, _) => match unit {
            TimeUnit::Second => nanos!(TimestampSecondType, SECOND),
            TimeUnit::Millisecond => nanos!(TimestampMillisecondType, MILLI),
            TimeUnit::Microsecond => nanos!(TimestampMicrosecondType, MICRO),
            TimeUnit::Nanosecond => each!(TimestampNanosecondType, |v| int(v, seed)),
        },
        DataType::Duration(unit) => match unit {
            TimeUnit::Second => nanos!(DurationSecondType, SECOND),
            TimeUnit::Millisecond => nanos!(DurationMillisecondType, MILLI),
            TimeUnit::Microsecond => nanos!(DurationMicrosecondType, MICRO),
            TimeUnit::Nanosecond => each!(DurationNanosecondType, |v| int(v, seed)),
        },
        DataType::Time32(TimeUnit::Second) => nanos!(Time32SecondType, SECOND),
        DataType::Time32(_) => nanos!(Time32MillisecondType, MILLI),
        DataType::Time64(TimeUnit::Microsecond) => nanos!(Time64MicrosecondType, MICRO),
        DataType::Time64(_) => each!(Time64NanosecondType, |v| int(v, seed)),
        DataType::Date32 => each!(Date32Type, |v| int(i64::from(v), seed)),
        DataType::Date64 => each!(Date64Type, |v| match v.rem_euclid(MILLIS_A_DAY) {
            0 => int(v / MILLIS_A_DAY, seed),
            // Not a whole day, which the type forbids and yet can hold: it must
            // not pass for one that is.
            _ => xxh3_64_with_seed(&v.to_le_bytes(), seed),
        }),
        DataType::Interval(unit) => match unit {
            IntervalUnit::YearMonth => {
                each!(IntervalYearMonthType, |v| interval(v, 0, 0, seed))
            }
            IntervalUnit::DayTime => each!(IntervalDayTimeType, |v| interval(
                0,
                v.days,
                i64::from(v.milliseconds) * MILLI,
                seed
            )),
            IntervalUnit::MonthDayNano => {
                each!(IntervalMonthDayNanoType, |v| interval(v.months, v.days, v.nanoseconds, seed))
            }
        },
        _ => Err(unexpected(array)),
    }
}

/// Adds the word of every decimal, brought to the declared scale.
pub(super) fn add_decimals(
    seed: u64,
    declared: i8,
    array: &dyn Array,
    sums: &mut [u64],
) -> Result<()> {
    match array.data_type() {
        DataType::Decimal32(_, scale) => each::<Decimal32Type>(array, sums, |v| {
            decimal(i256::from_i128(i128::from(v)), *scale, declared, seed)
        }),
        DataType::Decimal64(_, scale) => each::<Decimal64Type>(array, sums, |v| {
            decimal(i256::from_i128(i128::from(v)), *scale, declared, seed)
        }),
        DataType::Decimal128(_, scale) => each::<Decimal128Type>(array, sums, |v| {
            decimal(i256::from_i128(v), *scale, declared, seed)
        }),
        DataType::Decimal256(_, scale) => {
            each::<Decimal256Type>(array, sums, |v| decimal(v, *scale, declared, seed))
        }
        _ => Err(unexpected(array)),
    }
}

/// The one NaN that stands for all.
const ONE_NAN: u64 = 0x7ff8_0000_0000_0000;

const MILLIS_A_DAY: i64 = 86_400_000;

#[inline(always)]
fn int(value: i64, seed: u64) -> u64 {
    mix64(value as u64 ^ seed)
}

#[inline(always)]
fn float(value: f64, seed: u64) -> u64 {
    // Adding zero turns −0 into 0 and leaves every other value as it is.
    let bits = if value.is_nan() { ONE_NAN } else { (value + 0.0).to_bits() };
    mix64(bits ^ seed)
}

fn interval(months: i32, days: i32, nanos: i64, seed: u64) -> u64 {
    let mut canonical = [0; 16];
    canonical[..4].copy_from_slice(&months.to_le_bytes());
    canonical[4..8].copy_from_slice(&days.to_le_bytes());
    canonical[8..].copy_from_slice(&nanos.to_le_bytes());
    xxh3_64_with_seed(&canonical, seed)
}

#[inline]
fn decimal(unscaled: i256, scale: i8, declared: i8, seed: u64) -> u64 {
    let at_declared =
        if scale == declared { Some(unscaled) } else { rescale(unscaled, scale, declared) };
    let Some(value) = at_declared else {
        // Not a value of the declared type: hashed with its own scale, so that
        // it equals no value that is.
        let mut canonical = [0; 33];
        canonical[..32].copy_from_slice(&unscaled.to_le_bytes());
        canonical[32] = scale as u8;
        return xxh3_64_with_seed(&canonical, seed);
    };
    match value.to_i128().and_then(|v| i64::try_from(v).ok()) {
        Some(small) => int(small, seed),
        None => xxh3_64_with_seed(&value.to_le_bytes(), seed),
    }
}

/// The same number at another scale, if that holds it exactly.
fn rescale(unscaled: i256, from: i8, to: i8) -> Option<i256> {
    let steps = i32::from(to) - i32::from(from);
    let factor = i256::from_i128(10).checked_pow(steps.unsigned_abs())?;
    if steps >= 0 {
        unscaled.checked_mul(factor)
    } else {
        let exact = unscaled.checked_rem(factor)? == i256::ZERO;
        exact.then(|| unscaled.wrapping_div(factor))
    }
}

fn booleans(seed: u64, array: &dyn Array, sums: &mut [u64]) -> Result<()> {
    let array = array.as_boolean_opt().ok_or_else(|| unexpected(array))?;
    let words = [int(0, seed), int(1, seed)];
    let values = array.values().iter().map(|v| words[usize::from(v)]);
    add(values, array.nulls(), sums);
    Ok(())
}

fn each<T: ArrowPrimitiveType>(
    array: &dyn Array,
    sums: &mut [u64],
    word: impl Fn(T::Native) -> u64,
) -> Result<()> {
    let array = array.as_primitive_opt::<T>().ok_or_else(|| unexpected(array))?;
    add(array.values().iter().map(|v| word(*v)), array.nulls(), sums);
    Ok(())
}

/// Adds words to sums, but not those of nulls. These are computed (the values
/// under them are arbitrary, not invalid) and masked: a branch would cost more.
#[inline(always)]
pub(super) fn add(words: impl Iterator<Item = u64>, nulls: Option<&NullBuffer>, sums: &mut [u64]) {
    match nulls.filter(|n| n.null_count() > 0) {
        None => {
            for (sum, word) in sums.iter_mut().zip(words) {
                *sum = sum.wrapping_add(word);
            }
        }
        Some(nulls) => {
            for ((sum, word), valid) in sums.iter_mut().zip(words).zip(nulls.iter()) {
                *sum = sum.wrapping_add(word & u64::from(valid).wrapping_neg());
            }
        }
    }
}
