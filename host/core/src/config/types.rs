//! Type names of `[table.X.schema]` and what they mean in Arrow.
//!
//! ```text
//! int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64
//! bool utf8 binary date32 decimal(18, 4)
//! timestamp  timestamp(us)  timestamp(ns, UTC)  timestamp(ms, Europe/Zurich)
//! dictionary(utf8)
//! ```

use arrow::datatypes::{DataType, TimeUnit};

use super::problem::did_you_mean;
use crate::error::{Error, Result};

const PLAIN: [(&str, DataType); 14] = [
    ("int8", DataType::Int8),
    ("int16", DataType::Int16),
    ("int32", DataType::Int32),
    ("int64", DataType::Int64),
    ("uint8", DataType::UInt8),
    ("uint16", DataType::UInt16),
    ("uint32", DataType::UInt32),
    ("uint64", DataType::UInt64),
    ("float32", DataType::Float32),
    ("float64", DataType::Float64),
    ("bool", DataType::Boolean),
    ("utf8", DataType::Utf8),
    ("binary", DataType::Binary),
    ("date32", DataType::Date32),
];

/// Names that other systems use, and ours.
const ELSEWHERE: [(&str, &str); 16] = [
    ("int", "int64"),
    ("integer", "int64"),
    ("bigint", "int64"),
    ("long", "int64"),
    ("smallint", "int16"),
    ("float", "float64"),
    ("double", "float64"),
    ("real", "float32"),
    ("string", "utf8"),
    ("text", "utf8"),
    ("varchar", "utf8"),
    ("str", "utf8"),
    ("boolean", "bool"),
    ("date", "date32"),
    ("datetime", "timestamp(us)"),
    ("numeric", "decimal(18, 4)"),
];

const UNITS: [(&str, TimeUnit); 4] = [
    ("s", TimeUnit::Second),
    ("ms", TimeUnit::Millisecond),
    ("us", TimeUnit::Microsecond),
    ("ns", TimeUnit::Nanosecond),
];

/// Reads a type name.
pub fn parse_type(text: &str) -> Result<DataType> {
    let text = text.trim();
    if let Some((_, data_type)) = PLAIN.iter().find(|(name, _)| *name == text) {
        return Ok(data_type.clone());
    }
    let (name, arguments) = match text.split_once('(') {
        None => (text, Vec::new()),
        Some((name, rest)) => {
            let inner = rest.strip_suffix(')').ok_or_else(|| {
                Error::config(format!("{text:?} is not a type: a `)` is missing"))
            })?;
            (name.trim_end(), inner.split(',').map(str::trim).collect())
        }
    };
    match (name, arguments.as_slice()) {
        ("timestamp", []) => Ok(DataType::Timestamp(TimeUnit::Microsecond, None)),
        ("timestamp", [unit]) => Ok(DataType::Timestamp(parse_unit(unit)?, None)),
        ("timestamp", [unit, zone]) => {
            Ok(DataType::Timestamp(parse_unit(unit)?, Some(parse_zone(zone)?.name().into())))
        }
        ("decimal", [precision, scale]) => parse_decimal(precision, scale),
        ("dictionary", [_, ..]) => {
            let values = parse_type(
                text[name.len()..].trim_start_matches([' ', '(']).trim_end_matches(')'),
            )?;
            match values {
                DataType::Utf8 | DataType::Binary => {
                    Ok(DataType::Dictionary(Box::new(DataType::Int32), Box::new(values)))
                }
                _ => {
                    Err(Error::config(format!("{text:?}: only utf8 and binary have dictionaries"))
                        .with_help("write dictionary(utf8)"))
                }
            }
        }
        _ => Err(unknown(text, name)),
    }
}

/// The name of a type, as `[table.X.schema]` would have it; other types have Arrow's name.
pub fn type_name(data_type: &DataType) -> String {
    if let Some((name, _)) = PLAIN.iter().find(|(_, plain)| plain == data_type) {
        return (*name).to_owned();
    }
    let unit_name =
        |unit: &TimeUnit| UNITS.iter().find(|(_, u)| u == unit).map_or("us", |(name, _)| name);
    match data_type {
        DataType::Timestamp(unit, None) => format!("timestamp({})", unit_name(unit)),
        DataType::Timestamp(unit, Some(zone)) => format!("timestamp({}, {zone})", unit_name(unit)),
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => {
            format!("decimal({precision}, {scale})")
        }
        DataType::Dictionary(_, values) => format!("dictionary({})", type_name(values)),
        other => other.to_string(),
    }
}

/// Reads the name of a time zone.
pub fn parse_zone(text: &str) -> Result<chrono_tz::Tz> {
    text.parse().map_err(|_| {
        let names = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
        let help = match super::closest(text, names) {
            Some(zone) => format!("did you mean `{zone}`?"),
            None => {
                "write a name of the IANA database: UTC, Europe/Zurich, America/New_York".into()
            }
        };
        Error::config(format!("{text:?} is not a time zone")).with_help(help)
    })
}

fn parse_unit(text: &str) -> Result<TimeUnit> {
    UNITS.iter().find(|(name, _)| *name == text).map(|(_, unit)| *unit).ok_or_else(|| {
        Error::config(format!("{text:?} is not a unit of timestamps"))
            .with_help("possible are: s, ms, us, ns, as in timestamp(us)")
    })
}

fn parse_decimal(precision: &str, scale: &str) -> Result<DataType> {
    let wrong = || {
        Error::config(format!("decimal({precision}, {scale}) is not a type"))
            .with_help("write decimal(digits, digits after the point), 1 to 76 digits in all")
    };
    let digits: u8 = precision.parse().map_err(|_| wrong())?;
    let places: i8 = scale.parse().map_err(|_| wrong())?;
    match digits {
        _ if places < 0 || places.unsigned_abs() > digits => Err(wrong()),
        1..=38 => Ok(DataType::Decimal128(digits, places)),
        39..=76 => Ok(DataType::Decimal256(digits, places)),
        _ => Err(wrong()),
    }
}

fn unknown(text: &str, name: &str) -> Error {
    let lower = name.to_lowercase();
    let help = match ELSEWHERE.iter().find(|(theirs, _)| *theirs == lower) {
        Some((_, ours)) => format!("here it is called `{ours}`"),
        None => {
            let parametric = ["timestamp", "decimal", "dictionary"];
            let names: Vec<&str> = PLAIN.iter().map(|(name, _)| *name).chain(parametric).collect();
            match name {
                "decimal" => "write it with its digits: decimal(18, 4)".into(),
                "dictionary" => "write dictionary(utf8)".into(),
                "timestamp" => "write timestamp(us) or timestamp(us, UTC)".into(),
                _ => did_you_mean(name, names),
            }
        }
    };
    Error::config(format!("{text:?} is not a type")).with_help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_types_agree() {
        for name in [
            "int8",
            "uint64",
            "float32",
            "utf8",
            "bool",
            "date32",
            "binary",
            "timestamp(us)",
            "timestamp(ns, UTC)",
            "timestamp(ms, Europe/Zurich)",
            "decimal(18, 4)",
            "decimal(50, 0)",
            "dictionary(utf8)",
        ] {
            assert_eq!(type_name(&parse_type(name).unwrap()), name);
        }
        assert_eq!(type_name(&parse_type("timestamp").unwrap()), "timestamp(us)");
        assert_eq!(type_name(&parse_type(" decimal( 9,2 )").unwrap()), "decimal(9, 2)");
    }

    #[test]
    fn what_is_no_type_says_what_would_be() {
        for (text, help) in [
            ("string", "`utf8`"),
            ("Double", "`float64`"),
            ("flaot64", "`float64`"),
            ("decimal", "decimal(18, 4)"),
            ("decimal(80, 2)", "1 to 76"),
            ("decimal(5, 6)", "1 to 76"),
            ("timestamp(min)", "s, ms, us, ns"),
            ("timestamp(us, Europe/Zurch)", "`Europe/Zurich`"),
            ("dictionary(int64)", "dictionary(utf8)"),
            ("quaternion", "possible are"),
        ] {
            let error = parse_type(text).unwrap_err();
            assert!(error.help().is_some_and(|h| h.contains(help)), "{text}: {error:?}");
        }
        assert!(parse_type("timestamp(us").is_err());
    }
}
