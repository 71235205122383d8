//! The running minimum and maximum of one column.

use std::cmp::Ordering;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray};
use arrow::compute::kernels::aggregate::{
    max, max_boolean, max_string, max_string_view, min, min_boolean, min_string, min_string_view,
};
use arrow::datatypes::{
    ArrowNumericType, DataType, Date32Type, Date64Type, Float16Type, Float32Type, Float64Type,
    Int8Type, Int16Type, Int32Type, Int64Type, RunEndIndexType, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};

use super::StatValue;
use crate::error::Result;
use crate::time::Micros;

/// Longest text bound, in bytes.
const TEXT_BOUND: usize = 64;

/// One end of a column's values.
#[derive(Debug, Clone, PartialEq, Default)]
enum Bound {
    /// No value was seen.
    #[default]
    Nothing,
    /// Every value seen is on the inner side of this one.
    At(StatValue),
    /// A value was seen that cannot be bounded.
    Open,
}

/// Both ends.
#[derive(Debug, Default)]
pub(super) struct Bounds {
    min: Bound,
    max: Bound,
}

impl Bounds {
    /// Widens the bounds to an array's values.
    pub(super) fn extend(&mut self, array: &ArrayRef) -> Result<()> {
        if self.min == Bound::Open && self.max == Bound::Open {
            return Ok(());
        }
        let (min, max) = ends(array)?;
        self.min.widen(min, Ordering::Less);
        self.max.widen(max, Ordering::Greater);
        Ok(())
    }

    /// What is known of all values.
    pub(super) fn finish(self) -> (Option<StatValue>, Option<StatValue>) {
        let min = self.min.value().map(|value| match value {
            StatValue::Text(text) => StatValue::Text(floor_text(text)),
            other => other,
        });
        let max = self.max.value().and_then(|value| match value {
            StatValue::Text(text) => ceil_text(text).map(StatValue::Text),
            other => Some(other),
        });
        (min, max)
    }
}

impl Bound {
    fn of(value: Option<StatValue>) -> Self {
        value.map_or(Self::Nothing, Self::At)
    }

    fn value(self) -> Option<StatValue> {
        match self {
            Self::At(value) => Some(value),
            Self::Nothing | Self::Open => None,
        }
    }

    /// Takes in another bound that lies further out when compared as `outwards`.
    fn widen(&mut self, other: Self, outwards: Ordering) {
        *self = match (std::mem::take(self), other) {
            (Self::Open, _) | (_, Self::Open) => Self::Open,
            (Self::Nothing, bound) | (bound, Self::Nothing) => bound,
            (Self::At(a), Self::At(b)) => match b.partial_cmp(&a) {
                Some(order) if order == outwards => Self::At(b),
                Some(_) => Self::At(a),
                None => Self::Open,
            },
        };
    }
}

/// The smallest and the largest value of an array.
fn ends(array: &ArrayRef) -> Result<(Bound, Bound)> {
    macro_rules! ints {
        ($kind:ty) => {{
            let to_int = |v| i64::try_from(v).ok().map(StatValue::Int);
            primitive::<$kind>(array, to_int, to_int)
        }};
    }
    macro_rules! times {
        ($kind:ty, $micros:expr) => {{
            let to_micros = |v: i64| v.checked_mul($micros).map(|t| StatValue::Time(Micros(t)));
            primitive::<$kind>(array, to_micros, to_micros)
        }};
    }
    let ends = match array.data_type() {
        DataType::Boolean => {
            let array = array.as_boolean();
            (
                Bound::of(min_boolean(array).map(StatValue::Bool)),
                Bound::of(max_boolean(array).map(StatValue::Bool)),
            )
        }
        DataType::Int8 => ints!(Int8Type),
        DataType::Int16 => ints!(Int16Type),
        DataType::Int32 => ints!(Int32Type),
        DataType::Int64 => ints!(Int64Type),
        DataType::UInt8 => ints!(UInt8Type),
        DataType::UInt16 => ints!(UInt16Type),
        DataType::UInt32 => ints!(UInt32Type),
        DataType::UInt64 => ints!(UInt64Type),
        DataType::Float16 => floats::<Float16Type>(array, |v| v.to_f64()),
        DataType::Float32 => floats::<Float32Type>(array, f64::from),
        DataType::Float64 => floats::<Float64Type>(array, |v| v),
        DataType::Timestamp(TimeUnit::Second, _) => times!(TimestampSecondType, 1_000_000),
        DataType::Timestamp(TimeUnit::Millisecond, _) => times!(TimestampMillisecondType, 1_000),
        DataType::Timestamp(TimeUnit::Microsecond, _) => times!(TimestampMicrosecondType, 1),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => primitive::<TimestampNanosecondType>(
            array,
            |v| Some(StatValue::Time(Micros(v.div_euclid(1_000)))),
            |v| Some(StatValue::Time(Micros(ceil_div(v, 1_000)))),
        ),
        DataType::Date32 => {
            let to_date = |v| Some(StatValue::Date(v));
            primitive::<Date32Type>(array, to_date, to_date)
        }
        DataType::Date64 => {
            let day = |days: i64| i32::try_from(days).ok().map(StatValue::Date);
            primitive::<Date64Type>(
                array,
                move |v| day(v.div_euclid(86_400_000)),
                move |v| day(ceil_div(v, 86_400_000)),
            )
        }
        DataType::Utf8 => {
            let array = array.as_string::<i32>();
            text(min_string(array), max_string(array))
        }
        DataType::LargeUtf8 => {
            let array = array.as_string::<i64>();
            text(min_string(array), max_string(array))
        }
        DataType::Utf8View => {
            let array = array.as_string_view();
            text(min_string_view(array), max_string_view(array))
        }
        DataType::Dictionary(..) => ends(&used_values(array)?)?,
        DataType::RunEndEncoded(run_ends, _) => match run_ends.data_type() {
            DataType::Int16 => ends(&run_values::<Int16Type>(array))?,
            DataType::Int32 => ends(&run_values::<Int32Type>(array))?,
            _ => ends(&run_values::<Int64Type>(array))?,
        },
        _ if array.is_empty() => (Bound::Nothing, Bound::Nothing),
        _ => (Bound::Open, Bound::Open),
    };
    Ok(ends)
}

/// The ends of a primitive array; a value that `low` or `high` cannot bring into
/// the form of a bound leaves that end open.
fn primitive<T: ArrowNumericType>(
    array: &ArrayRef,
    low: impl Fn(T::Native) -> Option<StatValue>,
    high: impl Fn(T::Native) -> Option<StatValue>,
) -> (Bound, Bound) {
    let array = array.as_primitive::<T>();
    let end = |value: Option<T::Native>, form: &dyn Fn(T::Native) -> Option<StatValue>| match value
    {
        None => Bound::Nothing,
        Some(value) => form(value).map_or(Bound::Open, Bound::At),
    };
    (end(min(array), &low), end(max(array), &high))
}

/// The ends of a float array: none at all if there is a NaN. The kernels order
/// totally, so a NaN is at one of the ends.
fn floats<T: ArrowNumericType>(
    array: &ArrayRef,
    to_f64: impl Fn(T::Native) -> f64,
) -> (Bound, Bound) {
    let array = array.as_primitive::<T>();
    match (min(array).map(&to_f64), max(array).map(&to_f64)) {
        (Some(min), Some(max)) if !min.is_nan() && !max.is_nan() => {
            // −0 and +0 are the same number to some readers and not to others:
            // the bounds hold for both.
            let min = if min == 0.0 { -0.0 } else { min };
            let max = if max == 0.0 { 0.0 } else { max };
            (Bound::At(StatValue::Float(min)), Bound::At(StatValue::Float(max)))
        }
        (None, None) => (Bound::Nothing, Bound::Nothing),
        _ => (Bound::Open, Bound::Open),
    }
}

fn text(min: Option<&str>, max: Option<&str>) -> (Bound, Bound) {
    let bound = |value: Option<&str>| Bound::of(value.map(|v| StatValue::Text(v.to_owned())));
    (bound(min), bound(max))
}

/// The values of a dictionary that some key points at: the others may lie
/// outside of what the rows hold.
fn used_values(array: &ArrayRef) -> Result<ArrayRef> {
    let dictionary = array.as_any_dictionary();
    let values = dictionary.values();
    if values.is_empty() {
        return Ok(values.clone());
    }
    let mut used = vec![false; values.len()];
    let nulls = dictionary.keys().nulls();
    for (i, key) in dictionary.normalized_keys().into_iter().enumerate() {
        used[key] |= nulls.is_none_or(|n| n.is_valid(i));
    }
    Ok(arrow::compute::filter(values, &BooleanArray::from(used))?)
}

fn run_values<E: RunEndIndexType + ArrowPrimitiveType>(array: &ArrayRef) -> ArrayRef {
    array.as_run::<E>().values_slice()
}

fn ceil_div(value: i64, by: i64) -> i64 {
    value.div_euclid(by) + i64::from(value.rem_euclid(by) != 0)
}

/// A prefix that is short enough: never above the text.
fn floor_text(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(TEXT_BOUND));
    text
}

/// The text, if it is short enough; otherwise its shortest extension upwards: a
/// prefix whose last character is replaced by the next one. `None` when every
/// character of the prefix is the last one there is.
fn ceil_text(text: String) -> Option<String> {
    if text.len() <= TEXT_BOUND {
        return Some(text);
    }
    let mut prefix = floor_text(text);
    while let Some(last) = prefix.pop() {
        // UTF-8 sorts as code points do; the next one may take a byte more.
        if let Some(next) = next_char(last)
            && prefix.len() + next.len_utf8() <= TEXT_BOUND
        {
            prefix.push(next);
            return Some(prefix);
        }
    }
    None
}

/// The next character after this one; surrogates are none.
fn next_char(c: char) -> Option<char> {
    match u32::from(c) {
        0xd7ff => Some('\u{e000}'),
        code => char::from_u32(code + 1),
    }
}
