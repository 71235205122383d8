//! Values as text, and text as values, the way arrow's `cast` has them.
//!
//! `cast` itself is code for every pair of types: four megabytes of a plugin that turns
//! values into text and one text into a value. The parts that it is made of are called
//! here one by one; the tests hold both against each other.

use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::types::*;
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BinaryArray, BinaryViewArray, BooleanArray,
    DictionaryArray, FixedSizeListArray, LargeBinaryArray, LargeListArray, LargeStringArray,
    ListArray, PrimitiveArray, RunArray, StringArray, StringViewArray, downcast_integer,
};
use arrow_buffer::OffsetBuffer;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_cast::parse::{
    Parser, parse_interval_day_time, parse_interval_month_day_nano, parse_interval_year_month,
    string_to_datetime,
};
use arrow_cast::{
    DecimalCast, cast_single_string_to_boolean_default, parse_string_to_decimal_native,
};
use arrow_schema::{ArrowError, DataType, IntervalUnit, TimeUnit};
use tidelake_sdk::Result;

/// Whether values of a type have a text.
pub(crate) fn can_be_text(data_type: &DataType) -> bool {
    let mut values = data_type;
    loop {
        values = match values {
            DataType::Dictionary(_, values) => values,
            DataType::RunEndEncoded(_, values) => values.data_type(),
            // Encoded, bytes would be written in hex and not be the text that they are.
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView => {
                return values == data_type;
            }
            _ => break,
        };
    }
    !data_type.is_nested() && arrow_cast::can_cast_types(data_type, &DataType::Utf8)
}

/// The values as they are written in decimal; nulls stay null.
pub(crate) fn of(array: &dyn Array) -> Result<StringArray> {
    let formatter = ArrayFormatter::try_new(array, &FormatOptions::default())?;
    let nulls = array.logical_nulls();
    let mut out = StringBuilder::with_capacity(array.len(), array.len() * 16);
    for row in 0..array.len() {
        if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            out.append_null();
        } else {
            formatter.value(row).write(&mut out)?;
            // What was written is the value.
            out.append_value("");
        }
    }
    Ok(out.finish())
}

/// So many rows of the value that the text is in a type; nothing where it is none.
pub(crate) fn repeated(text: &str, data_type: &DataType, rows: usize) -> Option<ArrayRef> {
    use DataType as D;
    let texts = || std::iter::repeat_n(text, rows);
    Some(match data_type {
        D::Utf8 => Arc::new(StringArray::from_iter_values(texts())),
        D::LargeUtf8 => Arc::new(LargeStringArray::from_iter_values(texts())),
        D::Utf8View => Arc::new(StringViewArray::from_iter_values(texts())),
        D::Binary => Arc::new(BinaryArray::from_iter_values(texts())),
        D::LargeBinary => Arc::new(LargeBinaryArray::from_iter_values(texts())),
        D::BinaryView => Arc::new(BinaryViewArray::from_iter_values(texts())),
        D::Boolean => {
            let value = cast_single_string_to_boolean_default(text)?;
            Arc::new(BooleanArray::from(vec![value; rows]))
        }
        D::Int8 => parsed::<Int8Type>(text, rows)?,
        D::Int16 => parsed::<Int16Type>(text, rows)?,
        D::Int32 => parsed::<Int32Type>(text, rows)?,
        D::Int64 => parsed::<Int64Type>(text, rows)?,
        D::UInt8 => parsed::<UInt8Type>(text, rows)?,
        D::UInt16 => parsed::<UInt16Type>(text, rows)?,
        D::UInt32 => parsed::<UInt32Type>(text, rows)?,
        D::UInt64 => parsed::<UInt64Type>(text, rows)?,
        D::Float16 => parsed::<Float16Type>(text, rows)?,
        D::Float32 => parsed::<Float32Type>(text, rows)?,
        D::Float64 => parsed::<Float64Type>(text, rows)?,
        D::Date32 => parsed::<Date32Type>(text, rows)?,
        D::Date64 => parsed::<Date64Type>(text, rows)?,
        D::Time32(TimeUnit::Second) => parsed::<Time32SecondType>(text, rows)?,
        D::Time32(TimeUnit::Millisecond) => parsed::<Time32MillisecondType>(text, rows)?,
        D::Time64(TimeUnit::Microsecond) => parsed::<Time64MicrosecondType>(text, rows)?,
        D::Time64(TimeUnit::Nanosecond) => parsed::<Time64NanosecondType>(text, rows)?,
        D::Timestamp(unit, zone) => {
            let zone = zone.as_ref();
            match unit {
                TimeUnit::Second => instant::<TimestampSecondType>(text, zone, rows)?,
                TimeUnit::Millisecond => instant::<TimestampMillisecondType>(text, zone, rows)?,
                TimeUnit::Microsecond => instant::<TimestampMicrosecondType>(text, zone, rows)?,
                TimeUnit::Nanosecond => instant::<TimestampNanosecondType>(text, zone, rows)?,
            }
        }
        D::Interval(IntervalUnit::YearMonth) => {
            same::<IntervalYearMonthType>(parse_interval_year_month(text).ok()?, rows)
        }
        D::Interval(IntervalUnit::DayTime) => {
            same::<IntervalDayTimeType>(parse_interval_day_time(text).ok()?, rows)
        }
        D::Interval(IntervalUnit::MonthDayNano) => {
            same::<IntervalMonthDayNanoType>(parse_interval_month_day_nano(text).ok()?, rows)
        }
        D::Decimal32(precision, scale) => decimal::<Decimal32Type>(text, *precision, *scale, rows)?,
        D::Decimal64(precision, scale) => decimal::<Decimal64Type>(text, *precision, *scale, rows)?,
        D::Decimal128(precision, scale) => {
            decimal::<Decimal128Type>(text, *precision, *scale, rows)?
        }
        D::Decimal256(precision, scale) => {
            decimal::<Decimal256Type>(text, *precision, *scale, rows)?
        }
        D::Dictionary(keys, values) => {
            let values = repeated(text, values, 1)?;
            macro_rules! dictionary {
                ($keys:ty) => {{
                    let keys = PrimitiveArray::<$keys>::from_value(Default::default(), rows);
                    Arc::new(DictionaryArray::try_new(keys, values).ok()?) as ArrayRef
                }};
            }
            downcast_integer! {
                keys.as_ref() => (dictionary),
                _ => return None,
            }
        }
        // A list of the one value.
        D::List(item) => {
            let values = repeated(text, item.data_type(), rows)?;
            let ends = OffsetBuffer::from_repeated_length(1, rows);
            Arc::new(ListArray::try_new(item.clone(), ends, values, None).ok()?)
        }
        D::LargeList(item) => {
            let values = repeated(text, item.data_type(), rows)?;
            let ends = OffsetBuffer::from_repeated_length(1, rows);
            Arc::new(LargeListArray::try_new(item.clone(), ends, values, None).ok()?)
        }
        D::FixedSizeList(item, 1) => {
            let values = repeated(text, item.data_type(), rows)?;
            Arc::new(FixedSizeListArray::try_new(item.clone(), 1, values, None).ok()?)
        }
        D::RunEndEncoded(ends, values) => {
            let values = repeated(text, values.data_type(), 1)?;
            match ends.data_type() {
                D::Int16 => run::<Int16Type>(i16::try_from(rows).ok()?, &values)?,
                D::Int32 => run::<Int32Type>(i32::try_from(rows).ok()?, &values)?,
                D::Int64 => run::<Int64Type>(i64::try_from(rows).ok()?, &values)?,
                _ => return None,
            }
        }
        _ => return None,
    })
}

fn same<T: ArrowPrimitiveType>(value: T::Native, rows: usize) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::from_value(value, rows))
}

fn parsed<T: Parser>(text: &str, rows: usize) -> Option<ArrayRef> {
    T::parse(text).map(|value| same::<T>(value, rows))
}

/// A text without an offset is a time of the zone.
fn instant<T: ArrowTimestampType>(
    text: &str,
    zone: Option<&Arc<str>>,
    rows: usize,
) -> Option<ArrayRef> {
    let of = zone.map_or("+00:00", |zone| zone).parse::<arrow_array::timezone::Tz>().ok()?;
    let time = string_to_datetime(&of, text).ok()?.naive_utc();
    let value = T::from_naive_datetime(time, None)?;
    let array = PrimitiveArray::<T>::from_value(value, rows);
    Some(Arc::new(array.with_timezone_opt(zone.cloned())))
}

fn decimal<T: DecimalType>(text: &str, precision: u8, scale: i8, rows: usize) -> Option<ArrayRef>
where
    T::Native: DecimalCast,
{
    let digits = usize::try_from(scale).ok().filter(|_| scale <= T::MAX_SCALE)?;
    let value = parse_string_to_decimal_native::<T>(text, digits).ok()?;
    T::validate_decimal_precision(value, precision, scale).ok()?;
    let array = PrimitiveArray::<T>::from_value(value, rows);
    Some(Arc::new(array.with_precision_and_scale(precision, scale).ok()?))
}

fn run<T: RunEndIndexType>(rows: T::Native, values: &ArrayRef) -> Option<ArrayRef> {
    let made = || -> std::result::Result<ArrayRef, ArrowError> {
        let ends = PrimitiveArray::<T>::from_value(rows, 1);
        Ok(Arc::new(RunArray::<T>::try_new(&ends, values.as_ref())?))
    };
    made().ok()
}

#[cfg(test)]
mod tests {
    use arrow_array::cast::AsArray;
    use arrow_cast::{CastOptions, cast_with_options};
    use arrow_schema::{Field, Schema};
    use tidelake_columns::samples::{Flavour, Samples, every_type, plain};

    use super::*;
    use crate::rewrite::is_bytes;

    fn cast(array: &dyn Array, to: &DataType) -> std::result::Result<ArrayRef, ArrowError> {
        cast_with_options(array, to, &CastOptions { safe: false, ..CastOptions::default() })
    }

    /// The types that plugins meet, and zones, encodings and lists beyond them.
    fn types() -> Vec<DataType> {
        let mut types = every_type();
        for unit in [TimeUnit::Second, TimeUnit::Microsecond, TimeUnit::Nanosecond] {
            for zone in ["UTC", "Europe/Berlin", "America/New_York", "-03:30", "Nowhere/City"] {
                types.push(DataType::Timestamp(unit, Some(zone.into())));
            }
            types.push(DataType::Timestamp(unit, None));
        }
        for scale in [-2, 0, 4] {
            types.push(DataType::Decimal32(9, scale));
            types.push(DataType::Decimal64(12, scale));
            types.push(DataType::Decimal128(20, scale));
            types.push(DataType::Decimal256(50, scale));
        }
        let item = |of: &DataType| Arc::new(Field::new("item", of.clone(), true));
        for of in types.clone() {
            if of.is_nested() || matches!(of, DataType::Dictionary(..) | DataType::Null) {
                continue;
            }
            types.push(DataType::Dictionary(DataType::Int8.into(), of.clone().into()));
            types.push(DataType::Dictionary(DataType::UInt32.into(), of.clone().into()));
            types.push(DataType::List(item(&of)));
            types.push(DataType::LargeList(item(&of)));
            types.push(DataType::FixedSizeList(item(&of), 1));
            let ends = Arc::new(Field::new("run_ends", DataType::Int32, false));
            let values = Arc::new(Field::new("values", of, true));
            types.push(DataType::RunEndEncoded(ends, values));
        }
        types
    }

    fn by_itself(values: &DataType) -> bool {
        use DataType as D;
        values.is_temporal() || matches!(values, D::Boolean | D::BinaryView)
    }

    #[test]
    fn values_are_the_texts_that_cast_makes_of_them() {
        let mut compared = 0;
        for data_type in types() {
            if is_bytes(&data_type) || !can_be_text(&data_type) {
                continue;
            }
            let schema = Arc::new(Schema::new(vec![Field::new("v", data_type.clone(), true)]));
            for flavour in [Flavour::Ordinary, Flavour::Nulls, Flavour::Edges] {
                let Ok(rows) = Samples::new(schema.clone()).batch(3..40, flavour) else { continue };
                let array = rows.column(0);
                let (ours, theirs) = (of(array), cast(array, &DataType::Utf8));
                match (ours, theirs) {
                    (Ok(ours), Ok(theirs)) => {
                        assert_eq!(&ours, theirs.as_string::<i32>(), "{data_type}");
                        compared += 1;
                    }
                    (ours, theirs) => {
                        assert_eq!(ours.is_err(), theirs.is_err(), "{data_type}");
                    }
                }
            }
        }
        assert!(compared > 60, "{compared}");
    }

    #[test]
    fn texts_are_the_values_that_cast_makes_of_them() {
        let texts = [
            "",
            " ",
            "0",
            "7",
            "-7",
            "+7",
            " 7 ",
            "255",
            "1e3",
            "1.5",
            "-1.25",
            ".5",
            "1.23456789",
            "99999999999999999999",
            "true",
            "YES",
            "of",
            "NaN",
            "inf",
            "2026-03-29",
            "2026-03-29T02:30:00",
            "2026-10-25 02:30:00",
            "2026-01-01T00:00:00Z",
            "2026-01-01T00:00:00.123456789+05:30",
            "1600-01-01T00:00:00",
            "12:34:56",
            "12:34:56.789",
            "1 year 2 months",
            "3 days",
            "1 mon 2 days 3.5 seconds",
            "(removed)",
            "ä",
        ];
        let (mut made, mut refused) = (0, 0);
        for data_type in types() {
            for text in texts {
                let theirs = cast(&StringArray::from(vec![text; 3]), &data_type).ok();
                let ours = repeated(text, &data_type, 3);
                match (&ours, &theirs) {
                    (Some(ours), Some(theirs)) => {
                        assert_eq!(ours.data_type(), &data_type);
                        assert_eq!(&plain(ours), &plain(theirs), "{text:?} as {data_type}");
                        made += 1;
                    }
                    (None, None) => refused += 1,
                    // `cast` does not pack all values, and takes times for numbers when it does.
                    _ if matches!(&data_type, DataType::Dictionary(_, of) if by_itself(of)) => {}
                    _ => panic!("{text:?} as {data_type}: {ours:?}, {theirs:?}"),
                }
            }
        }
        assert!(made > 500 && refused > 500, "{made} {refused}");
    }
}
