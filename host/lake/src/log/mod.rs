//! Table logs: how a change of a lake table becomes visible, all at once.

use std::fmt::Debug;

use async_trait::async_trait;
use tidelake_core::Result;
use tidelake_core::commit::{Commit, CommitOutcome, TableInit, TableState};
use tidelake_core::time::Micros;

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
