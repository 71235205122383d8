//! The ledger: proofs that the lake holds what is about to leave the hot store.
//!
//! One entry a verified unit. An eviction needs an entry, and removes exactly
//! the rows that the entry covers; a second entry records that it did.

use serde::{Deserialize, Serialize};

use crate::hash::Digest;
use crate::time::{Micros, SeqRange, TimeRange};

/// One line of the ledger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum LedgerEntry {
    /// A unit was read back from the lake and found equal.
    Verified(Proof),
    /// The rows of a verified unit left the hot store.
    Evicted {
        /// The unit.
        unit: String,
        /// When.
        at: Micros,
        /// Its rows before this instant are gone.
        before: Micros,
        /// Rows that were removed by this run (0 when an earlier one had done it).
        rows: u64,
    },
    /// Files that a commit takes out of the table. Their bytes stay for a while,
    /// for readers that still hold an older version.
    Removed {
        /// Paths below the table's root.
        files: Vec<String>,
        /// When.
        at: Micros,
    },
}

/// That the lake holds the rows of a unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proof {
    /// The unit's identity.
    pub unit: String,
    /// Hot rows of this time ...
    pub time: TimeRange,
    /// ... and these sequence numbers are covered.
    pub seqs: SeqRange,
    /// th1 of those hot rows, scanned again.
    pub input: Digest,
    /// th1 of the lake's rows, read back.
    pub output: Digest,
    /// The files that hold them.
    pub files: Vec<String>,
    /// Generation of the commit that added the files.
    pub generation: u64,
    /// When it was verified.
    pub at: Micros,
}
