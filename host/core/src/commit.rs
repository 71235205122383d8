//! Commits: one atomic change of a lake table, and what a table is between two.
//!
//! Every commit of ours carries the watermark inside it, never beside it:
//!
//! - **(W, S)**: the lake holds exactly the rows ever ingested with `ts < W` and
//!   `seq <= S` (less what expired). Both advance together, in one commit.
//! - **epoch**: who may write. A takeover commits `epoch + 1` before it deletes
//!   the files of lower epochs that no commit names; a writer that reads a
//!   higher epoch than its own stops.
//! - **generation**: the number of the last data commit. A file carries the
//!   generation that added it, so "the rows that are new since generation g" is
//!   a question about file names: rollups remember the generation they cover.

use std::collections::BTreeMap;

use arrow::datatypes::SchemaRef;
use serde::{Deserialize, Serialize};

use crate::file::DataFile;
use crate::partition::PartitionSpec;
use crate::time::{Micros, Seq};

/// What a lake table covers, and who wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watermark {
    /// W: rows before this instant are in the lake ...
    pub time: Micros,
    /// S: ... if their sequence number is at most this.
    pub seq: Seq,
    /// The writer's epoch.
    pub epoch: u64,
    /// Number of the last data commit.
    pub generation: u64,
    /// Rollups: the generation of the raw table that is covered. Otherwise 0.
    pub source_generation: u64,
}

impl Watermark {
    /// Of a table that holds nothing yet.
    pub const EMPTY: Self =
        Self { time: Micros::MIN, seq: 0, epoch: 0, generation: 0, source_generation: 0 };
}

/// How a lake table starts.
#[derive(Debug, Clone)]
pub struct TableInit {
    /// Public schema: data columns, partition columns included, the derived one not.
    pub schema: SchemaRef,
    /// How it is partitioned.
    pub partition: PartitionSpec,
    /// How its files are read (`parquet`, `json`).
    pub file_format: String,
}

/// A lake table at one version.
#[derive(Debug, Clone)]
pub struct TableState {
    /// The log's version.
    pub version: u64,
    /// Public schema, without the derived partition column.
    pub schema: SchemaRef,
    /// How it is partitioned.
    pub partition: PartitionSpec,
    /// How its files are read (`parquet`, `json`).
    pub file_format: String,
    /// What it covers.
    pub watermark: Watermark,
    /// Its files, by path.
    pub files: BTreeMap<String, DataFile>,
}

impl TableState {
    /// Rows of all files.
    pub fn rows(&self) -> u64 {
        self.files.values().map(|f| f.rows).sum()
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files.values().map(|f| f.bytes).sum()
    }
}

/// One atomic change of a lake table.
#[derive(Debug, Clone)]
pub struct Commit {
    /// Version of the state that this change was decided on.
    pub base: u64,
    /// Files that join.
    pub add: Vec<DataFile>,
    /// Paths of files that leave.
    pub remove: Vec<String>,
    /// What the table covers afterwards.
    pub watermark: Watermark,
    /// What is done, for the log's readers: `export`, `rollup`, `takeover`, `expire`.
    pub operation: &'static str,
    /// When, by the injected clock.
    pub at: Micros,
}

/// How a commit ended. A conflict is an answer, not an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitOutcome {
    /// It is part of the table, as this version.
    Committed(u64),
    /// Another commit came first: this one did not land.
    Conflict,
}
