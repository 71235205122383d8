//! Data files as the logs write them.
//!
//! Floats are text here: a JSON number is read back with an error in the last
//! digit by some readers, and has no infinity, and a bound that is off by one
//! digit hides rows.

use serde::{Deserialize, Serialize};
use tidelake_core::file::DataFile;
use tidelake_core::hash::Digest;
use tidelake_core::partition::PartitionValue;
use tidelake_core::stats::{ColumnStats, StatValue};
use tidelake_core::time::Micros;
use tidelake_core::{Error, Result};

/// A [`DataFile`] as stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileEntry {
    pub(crate) path: String,
    partition: Vec<PartitionValue>,
    rows: u64,
    bytes: u64,
    min_time: Micros,
    max_time: Micros,
    digest: Digest,
    generation: u64,
    stats: Vec<ColumnEntry>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ColumnEntry {
    name: String,
    nulls: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min: Option<Bound>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max: Option<Bound>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Bound {
    Bool(bool),
    Int(i64),
    Float(String),
    Text(String),
    Date(i32),
    Time(Micros),
}

impl From<&StatValue> for Bound {
    fn from(value: &StatValue) -> Self {
        match value {
            StatValue::Bool(v) => Self::Bool(*v),
            StatValue::Int(v) => Self::Int(*v),
            StatValue::Float(v) => Self::Float(v.to_string()),
            StatValue::Text(v) => Self::Text(v.clone()),
            StatValue::Date(v) => Self::Date(*v),
            StatValue::Time(v) => Self::Time(*v),
        }
    }
}

impl TryFrom<Bound> for StatValue {
    type Error = Error;

    fn try_from(bound: Bound) -> Result<Self> {
        Ok(match bound {
            Bound::Bool(v) => Self::Bool(v),
            Bound::Int(v) => Self::Int(v),
            Bound::Float(text) => {
                Self::Float(text.parse().map_err(|e: std::num::ParseFloatError| {
                    Error::corrupt(format!("{text:?} is not a bound of a column")).with_source(e)
                })?)
            }
            Bound::Text(v) => Self::Text(v),
            Bound::Date(v) => Self::Date(v),
            Bound::Time(v) => Self::Time(v),
        })
    }
}

impl From<&DataFile> for FileEntry {
    fn from(file: &DataFile) -> Self {
        let stats = file
            .stats
            .iter()
            .map(|c| ColumnEntry {
                name: c.name.clone(),
                nulls: c.nulls,
                min: c.min.as_ref().map(Bound::from),
                max: c.max.as_ref().map(Bound::from),
            })
            .collect();
        Self {
            path: file.path.clone(),
            partition: file.partition.clone(),
            rows: file.rows,
            bytes: file.bytes,
            min_time: file.min_time,
            max_time: file.max_time,
            digest: file.digest,
            generation: file.generation,
            stats,
        }
    }
}

impl FileEntry {
    /// The file.
    pub(crate) fn into_file(self) -> Result<DataFile> {
        let bound = |b: Option<Bound>| b.map(StatValue::try_from).transpose();
        let stats = self
            .stats
            .into_iter()
            .map(|c| {
                Ok(ColumnStats {
                    name: c.name,
                    nulls: c.nulls,
                    min: bound(c.min)?,
                    max: bound(c.max)?,
                })
            })
            .collect::<Result<_>>()?;
        Ok(DataFile {
            path: self.path,
            partition: self.partition,
            rows: self.rows,
            bytes: self.bytes,
            min_time: self.min_time,
            max_time: self.max_time,
            stats,
            digest: self.digest,
            generation: self.generation,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(bound: StatValue) -> DataFile {
        DataFile {
            path: "ts_day=2013-03-02/c=a%2Fb/x.parquet".into(),
            partition: vec![("ts_day".into(), Some("2013-03-02".into())), ("c".into(), None)],
            rows: 3,
            bytes: u64::MAX,
            min_time: Micros::MIN,
            max_time: Micros(7),
            stats: vec![ColumnStats { name: "p".into(), nulls: 1, min: Some(bound), max: None }],
            digest: Digest { rows: 3, sum: 1, mixed: u64::MAX },
            generation: 9,
        }
    }

    proptest! {
        #[test]
        fn bounds_come_back_exactly(bits: u64, text: String, int: i64) {
            let float = f64::from_bits(bits);
            let bounds = [StatValue::Float(float), StatValue::Text(text), StatValue::Int(int)];
            for bound in bounds {
                if matches!(bound, StatValue::Float(f) if f.is_nan()) {
                    continue;
                }
                let file = file(bound);
                let json = serde_json::to_string(&FileEntry::from(&file)).unwrap();
                let entry: FileEntry = serde_json::from_str(&json).unwrap();
                prop_assert_eq!(entry.into_file().unwrap(), file);
            }
        }
    }
}
