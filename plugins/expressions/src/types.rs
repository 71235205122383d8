//! Types by name, and casts that say which value did not fit.
//!
//! | name | Arrow type |
//! |---|---|
//! | `bool`, `int8` … `int64`, `uint8` … `uint64`, `float32`, `float64` | the same |
//! | `utf8` (or `string`), `binary` | the same |
//! | `date32` (or `date`), `date64` | the same |
//! | `time(us)` | time of day; unit `s`, `ms`, `us` or `ns` |
//! | `timestamp(us)` (or `timestamp`), `timestamp(us, UTC)` | timestamp, without and with a time zone |
//! | `decimal(18, 6)` | decimal of 18 digits, 6 of them after the point |

use arrow_array::{Array, ArrayRef};
use arrow_cast::display::array_value_to_string;
use arrow_cast::{CastOptions, can_cast_types, cast_with_options};
use arrow_schema::{DataType, TimeUnit};
use tidelake_sdk::{Error, Result};

/// The type that a name stands for.
pub fn parse(text: &str) -> Option<DataType> {
    let (name, arguments) = match text.trim().split_once('(') {
        None => (text.trim(), Vec::new()),
        Some((name, rest)) => {
            let rest = rest.trim_end().strip_suffix(')')?;
            (name.trim_end(), rest.split(',').map(str::trim).collect())
        }
    };
    let name = name.to_ascii_lowercase();
    Some(match (name.as_str(), arguments.as_slice()) {
        ("bool" | "boolean", []) => DataType::Boolean,
        ("int8", []) => DataType::Int8,
        ("int16", []) => DataType::Int16,
        ("int32", []) => DataType::Int32,
        ("int64", []) => DataType::Int64,
        ("uint8", []) => DataType::UInt8,
        ("uint16", []) => DataType::UInt16,
        ("uint32", []) => DataType::UInt32,
        ("uint64", []) => DataType::UInt64,
        ("float32", []) => DataType::Float32,
        ("float64", []) => DataType::Float64,
        ("utf8" | "string", []) => DataType::Utf8,
        ("binary", []) => DataType::Binary,
        ("date" | "date32", []) => DataType::Date32,
        ("date64", []) => DataType::Date64,
        ("time", [unit]) => match self::unit(unit)? {
            unit @ (TimeUnit::Second | TimeUnit::Millisecond) => DataType::Time32(unit),
            unit => DataType::Time64(unit),
        },
        ("timestamp", []) => DataType::Timestamp(TimeUnit::Microsecond, None),
        ("timestamp", [unit]) => DataType::Timestamp(self::unit(unit)?, None),
        ("timestamp", [unit, zone]) if !zone.is_empty() => {
            DataType::Timestamp(self::unit(unit)?, Some((*zone).into()))
        }
        ("decimal", [precision, scale]) => {
            let (precision, scale) = (precision.parse().ok()?, scale.parse::<i8>().ok()?);
            if !(1..=38).contains(&precision) || scale < 0 || scale > precision as i8 {
                return None;
            }
            DataType::Decimal128(precision, scale)
        }
        _ => return None,
    })
}

fn unit(text: &str) -> Option<TimeUnit> {
    Some(match text {
        "s" => TimeUnit::Second,
        "ms" => TimeUnit::Millisecond,
        "us" => TimeUnit::Microsecond,
        "ns" => TimeUnit::Nanosecond,
        _ => return None,
    })
}

/// Casts every value of a column or fails, naming the first that does not fit.
pub fn cast(name: &str, array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    convert(array, to).map_err(|message| Error::column(name, message))
}

/// Casts every value or says what is in the way.
pub(crate) fn convert(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, String> {
    if array.data_type() == to {
        return Ok(array.clone());
    }
    if !can_cast_types(array.data_type(), to) {
        return Err(format!("{} cannot be cast to {to}", array.data_type()));
    }
    // A safe cast makes nulls of what does not fit, so that it can be found.
    let cast = cast_with_options(array, to, &CastOptions { safe: true, ..Default::default() })
        .map_err(|error| error.to_string())?;
    if cast.logical_null_count() > array.logical_null_count() {
        let (before, after) = (array.logical_nulls(), cast.logical_nulls());
        let lost = (0..array.len()).find(|row| {
            before.as_ref().is_none_or(|nulls| nulls.is_valid(*row))
                && after.as_ref().is_some_and(|nulls| nulls.is_null(*row))
        });
        let value = lost.and_then(|row| array_value_to_string(array, row).ok()).unwrap_or_default();
        return Err(format!("{value:?} cannot be cast to {to}"));
    }
    Ok(cast)
}
