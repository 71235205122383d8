//! Partitions: which directory of the lake a row belongs to.
//!
//! A table's layout names a period and columns, `["day", "asset_class"]`. The
//! period becomes a derived column `<time>_<period>` (Iceberg's naming), typed
//! date for day, week, month and year (the first day of the period) and UTC timestamp
//! for hour; the columns keep their names. Directories are written as Hive and
//! Delta do, `ts_day=2013-03-02/asset_class=tech/`, so a foreign reader finds
//! the partition values there; they are not repeated inside the files.

use arrow::datatypes::{DataType, Field, TimeUnit};
use serde::{Deserialize, Serialize};

use crate::period::Period;
use crate::time::Micros;

/// Directory value of a null, as Hive writes it.
pub const HIVE_NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// How a table is cut into partitions.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PartitionSpec {
    /// The table's time column.
    pub time: String,
    /// The time part.
    pub period: Period,
    /// The data columns after it, in order.
    pub columns: Vec<String>,
}

impl PartitionSpec {
    /// Name of the derived column that holds the period's start.
    pub fn period_column(&self) -> String {
        format!("{}_{}", self.time, self.period)
    }

    /// The derived column.
    pub fn period_field(&self) -> Field {
        let data_type = match self.period {
            Period::Hour => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Period::Day | Period::Week | Period::Month | Period::Year => DataType::Date32,
        };
        Field::new(self.period_column(), data_type, false)
    }

    /// Names of all partition columns, the derived one first.
    pub fn names(&self) -> Vec<String> {
        std::iter::once(self.period_column()).chain(self.columns.iter().cloned()).collect()
    }

    /// The derived column's value for rows at `t`, as Delta serializes it.
    pub fn period_value(&self, t: Micros) -> String {
        let start = self.period.floor(t);
        match (self.period, start.to_utc()) {
            (Period::Hour, Some(utc)) => utc.format("%Y-%m-%d %H:%M:%S").to_string(),
            (_, Some(utc)) => utc.format("%Y-%m-%d").to_string(),
            (_, None) => start.0.to_string(),
        }
    }
}

/// One partition column and its value (`None`: null), as Delta serializes values.
pub type PartitionValue = (String, Option<String>);

/// The directory of a partition, `a=1/b=x%2Fy`, without a trailing slash.
pub fn hive_path(values: &[PartitionValue]) -> String {
    let mut path = String::new();
    for (name, value) in values {
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(&hive_encode(name));
        path.push('=');
        match value {
            Some(value) => path.push_str(&hive_encode(value)),
            None => path.push_str(HIVE_NULL),
        }
    }
    path
}

/// Percent-encodes what Hive and Delta encode in a directory name (control
/// characters and `"#%'*/:=?\{}[]^` and space), and every non-ASCII byte, so that the
/// name is the same on every store.
pub fn hive_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        let escape =
            !(0x21..0x7f).contains(&byte) || br##""#%'*/:=?\{}[]^~<>|`&+"##.contains(&byte);
        if escape {
            encoded.push_str(&format!("%{byte:02X}"));
        } else {
            encoded.push(char::from(byte));
        }
    }
    encoded
}

/// The inverse of [`hive_encode`]; malformed escapes are kept as they are.
pub fn hive_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let escape = (bytes[i] == b'%')
            .then(|| bytes.get(i + 1..i + 3))
            .flatten()
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match escape {
            Some(byte) => {
                decoded.push(byte);
                i += 3;
            }
            None => {
                decoded.push(bytes[i]);
                i += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn awkward_values_survive_a_directory_name() {
        for value in ["a/b", "50 %", "k:v", "x=y", "naïve", "日本", "", "..", "a%2Fb", "~"] {
            let encoded = hive_encode(value);
            assert!(encoded.bytes().all(|b| b.is_ascii_graphic() && b != b'/'), "{encoded}");
            assert_eq!(hive_decode(&encoded), value);
        }
        assert_eq!(
            hive_path(&[("d".into(), Some("2013-03-02".into())), ("c".into(), None)]),
            "d=2013-03-02/c=__HIVE_DEFAULT_PARTITION__"
        );
    }

    #[test]
    fn periods_become_columns() {
        let spec = |period| PartitionSpec { time: "ts".into(), period, columns: vec!["c".into()] };
        let t = Micros::parse("2013-03-10T07:30:00").unwrap();
        assert_eq!(spec(Period::Day).names(), ["ts_day", "c"]);
        assert_eq!(spec(Period::Month).period_value(t), "2013-03-01");
        assert_eq!(spec(Period::Week).period_value(t), "2013-03-04");
        assert_eq!(spec(Period::Hour).period_value(t), "2013-03-10 07:00:00");
    }
}
