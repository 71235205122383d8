//! What the operator configures.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// Options of the plugin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FeaturesOptions {
    /// The columns that say which series a row belongs to; none: all rows are one.
    #[serde(default)]
    pub key: Vec<String>,
    /// The column of times.
    pub time: String,
    /// The features to add, in this order.
    pub features: Vec<FeatureRule>,
    /// What happens to a row that comes after a later one of its series.
    #[serde(default)]
    pub late: Late,
}

/// What happens to a row that comes after a later one of its series.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Late {
    /// It is an error.
    #[default]
    Refuse,
    /// Its features are null, and it counts for nothing.
    Skip,
}

/// One feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FeatureRule {
    /// Name of the new column.
    pub name: String,
    /// What to compute.
    pub kind: Kind,
    /// The column of numbers to compute it of.
    pub column: String,
    /// `vwap`: the column of weights, such as a volume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<String>,
    /// `lag`, `return`, `log_return`: rows to look back (default 1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub periods: Option<u32>,
    /// The others: rows (`20`), a time (`"15m"`), `"day"` or `"all"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// Values that the window must hold for a result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_values: Option<u32>,
    /// `volatility`: returns a year, such as 252 for daily rows; the result is for a
    /// year then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annualise: Option<f64>,
}

/// What to compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The value some rows before.
    Lag,
    /// The relative change.
    Return,
    /// The logarithm of the relative change.
    LogReturn,
    /// The mean of a window.
    Mean,
    /// The standard deviation of a window.
    Std,
    /// The standard deviation of a window of log returns.
    Volatility,
    /// The weighted mean of a window.
    Vwap,
    /// The distance from the mean of a window, in standard deviations.
    #[serde(rename = "zscore")]
    ZScore,
}

/// How far a window reaches back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Window {
    /// So many rows, the row itself being one.
    Rows(u32),
    /// Less than so many nanoseconds.
    Time(i64),
    /// To midnight, UTC.
    Day,
    /// To the first row.
    All,
}

/// Units of time with their nanoseconds, largest first.
const UNITS: [(&str, i64); 8] = [
    ("w", 604_800_000_000_000),
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

const EXPECTED: &str =
    "a number of rows of at least 1, a time such as \"90s\", \"15m\" or \"1h\", \"day\" or \"all\"";

impl Window {
    fn parse(text: &str) -> Option<Self> {
        match text.trim() {
            "day" => Some(Self::Day),
            "all" => Some(Self::All),
            text => {
                let digits = text.find(|c: char| !c.is_ascii_digit())?;
                let (number, unit) = text.split_at(digits);
                let (_, nanos) = UNITS.iter().find(|(name, _)| *name == unit.trim())?;
                let nanos = number.parse::<i64>().ok()?.checked_mul(*nanos)?;
                (nanos > 0).then_some(Self::Time(nanos))
            }
        }
    }
}

/// As it is written in options.
impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rows(rows) => write!(f, "{rows}"),
            Self::Day => f.write_str("day"),
            Self::All => f.write_str("all"),
            Self::Time(nanos) => {
                let whole = UNITS.iter().find(|(_, unit)| nanos % unit == 0);
                let (name, unit) = whole.unwrap_or(&("ns", 1));
                write!(f, "{}{name}", nanos / unit)
            }
        }
    }
}

impl Serialize for Window {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Rows(rows) => serializer.serialize_u32(*rows),
            other => serializer.collect_str(other),
        }
    }
}

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RowsOrText;

        impl Visitor<'_> for RowsOrText {
            type Value = Window;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(EXPECTED)
            }

            fn visit_u64<E: Error>(self, rows: u64) -> Result<Window, E> {
                match u32::try_from(rows) {
                    Ok(rows) if rows > 0 => Ok(Window::Rows(rows)),
                    _ => Err(E::custom(format!("{rows} is none of: {EXPECTED}"))),
                }
            }

            fn visit_i64<E: Error>(self, rows: i64) -> Result<Window, E> {
                Err(E::custom(format!("{rows} is none of: {EXPECTED}")))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Window, E> {
                Window::parse(text)
                    .ok_or_else(|| E::custom(format!("{text:?} is none of: {EXPECTED}")))
            }
        }

        deserializer.deserialize_any(RowsOrText)
    }
}

impl JsonSchema for Window {
    fn schema_name() -> Cow<'static, str> {
        "Window".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [
            { "type": "integer", "minimum": 1 },
            { "type": "string", "pattern": "^(day|all|[0-9]+ *(w|d|h|m|s|ms|us|ns))$" },
        ] })
    }
}
