//! Units: the smallest piece of tiering work.
//!
//! A unit names everything its result depends on: table, partition period, the
//! slice of the hot store, the digests of the plugins and the options. Same
//! unit, same rows in the lake. Its identity is a hash of all that.

use serde::{Deserialize, Serialize};

use crate::file::DataFile;
use crate::hash::Digest;
use crate::time::{SeqRange, TimeRange};

/// One slice of a hot table on its way to the lake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// The table.
    pub table: String,
    /// Hot rows of this time ...
    pub time: TimeRange,
    /// ... and these sequence numbers.
    pub seqs: SeqRange,
    /// Digests of the chain's plugins and of the writer, with their options.
    pub recipe: String,
}

impl Unit {
    /// 16 hex digits that name the unit: xxh3 of its parts, each on a line. Kept in
    /// ledgers and file names, so the formula never changes.
    pub fn id(&self) -> String {
        let Self { table, time, seqs, recipe } = self;
        let text = format!(
            "{table}\n{}\n{}\n{}\n{}\n{recipe}",
            time.start.0, time.end.0, seqs.after, seqs.up_to
        );
        format!("{:016x}", xxhash_rust::xxh3::xxh3_64(text.as_bytes()))
    }
}

/// Where the rows of a unit went. It balances: `read = written + dropped`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Rows read from the hot store.
    pub read: u64,
    /// Rows written to data files.
    pub written: u64,
    /// Rows that transforms dropped.
    pub dropped: u64,
}

/// What a unit yields: one row of the manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ManifestRow {
    /// The unit.
    pub unit: Unit,
    /// The files it wrote.
    pub files: Vec<DataFile>,
    /// th1 of the hot rows that it read, on the hot schema.
    pub input: Digest,
    /// th1 of the rows that entered the format writer, on the public schema.
    pub output: Digest,
    /// Where its rows went.
    pub account: Account,
    /// Bytes of Arrow data read.
    pub arrow_bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Micros;

    #[test]
    fn the_identity_names_everything_that_the_result_depends_on() {
        let unit = Unit {
            table: "trades".into(),
            time: TimeRange::new(Micros(0), Micros(10)),
            seqs: SeqRange::new(0, 7),
            recipe: "format-parquet:abc".into(),
        };
        assert_eq!(unit.id(), unit.clone().id());
        let others = [
            Unit { table: "quotes".into(), ..unit.clone() },
            Unit { time: TimeRange::new(Micros(0), Micros(11)), ..unit.clone() },
            Unit { seqs: SeqRange::new(1, 7), ..unit.clone() },
            Unit { recipe: "format-json:abc".into(), ..unit.clone() },
        ];
        for other in others {
            assert_ne!(other.id(), unit.id(), "{other:?}");
        }
    }
}
