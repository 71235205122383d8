//! Data files: what the host knows about one immutable file in the lake.

use serde::{Deserialize, Serialize};

use crate::hash::Digest;
use crate::partition::PartitionValue;
use crate::stats::ColumnStats;
use crate::time::{Micros, TimeRange};

/// One immutable file of a lake table. Every number is the host's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DataFile {
    /// Path below the table's root, as stored: `ts_day=2013-03-02/<name>`, with
    /// the directory encoded by [`crate::partition::hive_path`].
    pub path: String,
    /// Partition values, in the order of the spec.
    pub partition: Vec<PartitionValue>,
    /// Rows.
    pub rows: u64,
    /// Size in bytes.
    pub bytes: u64,
    /// Smallest and largest value of the time column.
    pub min_time: Micros,
    /// Largest value of the time column.
    pub max_time: Micros,
    /// Statistics of the columns stored in the file, by name.
    pub stats: Vec<ColumnStats>,
    /// th1 of the file's rows, partition columns (not the derived one) included.
    pub digest: Digest,
    /// Number of the data commit that added it; see [`crate::commit`].
    pub generation: u64,
}

impl DataFile {
    /// Whether some row may lie in `range`.
    pub fn overlaps(&self, range: TimeRange) -> bool {
        range.overlaps(self.min_time, self.max_time)
    }
}

/// The name of a data file: never reused, and telling where it came from.
///
/// `g<generation>-e<epoch>-<unit>-<random>.<extension>`: the generation of the
/// commit that is to add it, the writer's epoch, the unit's identity, and a
/// random suffix, so that a retried unit never writes to a name used before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileName {
    /// Generation of the commit that is to add the file.
    pub generation: u64,
    /// Epoch of the writer.
    pub epoch: u64,
    /// Identity of the unit, 16 hex digits.
    pub unit: String,
    /// Random suffix.
    pub random: u32,
    /// Ending, without the dot.
    pub extension: String,
}

impl std::fmt::Display for FileName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { generation, epoch, unit, random, extension } = self;
        write!(f, "g{generation:08}-e{epoch:06}-{unit}-{random:08x}.{extension}")
    }
}

impl FileName {
    /// Reads a name back; `None` when the file is not one of ours.
    pub fn parse(name: &str) -> Option<Self> {
        let (stem, extension) = name.split_once('.')?;
        let mut parts = stem.split('-');
        let parsed = Self {
            generation: parts.next()?.strip_prefix('g')?.parse().ok()?,
            epoch: parts.next()?.strip_prefix('e')?.parse().ok()?,
            unit: parts.next().filter(|u| u.len() == 16)?.to_owned(),
            random: u32::from_str_radix(parts.next()?, 16).ok()?,
            extension: extension.to_owned(),
        };
        parts.next().is_none().then_some(parsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        let name = FileName {
            generation: 12,
            epoch: 3,
            unit: "0123456789abcdef".into(),
            random: 0xdead_beef,
            extension: "ndjson.zst".into(),
        };
        assert_eq!(name.to_string(), "g00000012-e000003-0123456789abcdef-deadbeef.ndjson.zst");
        assert_eq!(FileName::parse(&name.to_string()), Some(name));
        for other in ["part-0.parquet", "g1-e1-x-y.parquet", "", "_delta_log"] {
            assert_eq!(FileName::parse(other), None, "{other}");
        }
    }
}
