//! Table logs: how a change of a lake table becomes visible, all at once.
//!
//! Two implementations of one trait: [`delta`], for tables of Parquet files
//! that every reader of Delta Lake understands, and [`files`], for any format.
//! Both send a commit as one file of the next number that must not exist yet,
//! and both settle an unclear outcome by reading that file back
//! ([`Sent::settle`]): it names a token that only this commit has.

pub mod delta;
mod delta_stats;
pub mod files;
mod schema;
pub(crate) mod wire;

use std::fmt::Debug;

use async_trait::async_trait;
use tidelake_core::commit::{Commit, CommitOutcome, TableInit, TableState};
use tidelake_core::time::Micros;
use tidelake_core::{Error, Result};

/// The log of one lake table.
///
/// Every implementation passes the same conformance suite. A commit is a
/// compare-and-swap on the version that it was decided on.
#[async_trait]
pub trait TableLog: Debug + Send + Sync + 'static {
    /// The newest state; `None` when the table does not exist.
    async fn load(&self) -> Result<Option<TableState>>;

    /// Makes the table, empty, at watermark [`tidelake_core::commit::Watermark::EMPTY`].
    /// When another was faster, the state that it made.
    async fn create(&self, init: &TableInit, at: Micros) -> Result<TableState>;

    /// Sends one commit. [`CommitOutcome::Conflict`] when the table is no longer
    /// at `commit.base` and this commit is not what moved it: an error after
    /// sending is resolved here by reading the log back and looking for the
    /// commit's own files and watermark. `Unknown` when even that fails; then
    /// nothing may be deleted.
    async fn commit(&self, commit: &Commit) -> Result<CommitOutcome>;

    /// Makes later loads cheap, when it is time to (checkpoints). Failure is harmless.
    async fn maintain(&self, state: &TableState) -> Result<()>;
}

/// What reading back the log's entry of a commit's version found.
#[derive(Debug)]
pub(crate) enum Sent {
    /// The entry carries our token.
    Ours,
    /// The entry is another writer's.
    Theirs,
    /// There is no such entry.
    Nobodys,
}

impl Sent {
    /// The outcome of a commit that was sent as `version` and answered with
    /// `error`, after the log was read back.
    ///
    /// An answer that the entry exists may mean our own: stores retry. When
    /// nobody's entry is there, the commit did not land, and the error stands.
    pub(crate) fn settle(
        read_back: Result<Self>,
        version: u64,
        error: Error,
    ) -> Result<CommitOutcome> {
        match read_back {
            Ok(Self::Ours) => Ok(CommitOutcome::Committed(version)),
            Ok(Self::Theirs) => Ok(CommitOutcome::Conflict),
            Ok(Self::Nobodys) => Err(error.with("commit", "did not land")),
            Err(read) => Err(Error::unknown("whether a commit landed could not be found out")
                .with("version", version)
                .with("reading the log back", read)
                .with_source(error)
                .with_help(
                    "nothing was deleted; run the same command again when the lake can be \
                     reached, and it will find out",
                )),
        }
    }
}

#[cfg(test)]
mod tests;
