//! The trait of hot stores.

use std::fmt::Debug;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use futures::stream::BoxStream;
use tidelake_core::Result;
use tidelake_core::period::Period;
use tidelake_core::time::{Micros, Seq, SeqRange, TimeRange};

/// A stream of batches of one schema.
pub type BatchStream = BoxStream<'static, Result<RecordBatch>>;

/// A table as the hot store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HotTable {
    /// Its name.
    pub name: String,
    /// Its time column: a timestamp or date, never null.
    pub time: String,
    /// The schema of its rows.
    pub schema: SchemaRef,
}

/// The rows that one append made durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Number of rows.
    pub rows: u64,
    /// Their sequence numbers.
    pub seqs: SeqRange,
}

/// How far a source is, as it moves with the rows of one append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetMove {
    /// Which source of the table; a table may have had several in its life.
    pub source: String,
    /// Where it was when it brought the rows; `None` at its start.
    pub from: Option<Vec<u8>>,
    /// Where it is after them.
    pub to: Vec<u8>,
}

/// Rows of a hot table, chosen by time and sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HotScan {
    /// Rows of this time ...
    pub time: TimeRange,
    /// ... and these sequence numbers.
    pub seqs: SeqRange,
    /// The columns to return, in this order; `None`: all.
    pub columns: Option<Vec<String>>,
    /// Only rows whose key column has one of these values (text columns); an
    /// empty list chooses none. Stores may use it to skip chunks, and return
    /// exactly the rows it chooses.
    pub keys: Option<KeyFilter>,
}

impl HotScan {
    /// All columns of the rows of this time and these sequence numbers.
    pub fn new(time: TimeRange, seqs: SeqRange) -> Self {
        Self { time, seqs, columns: None, keys: None }
    }
}

/// `column IN (values)` on a text column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFilter {
    /// The column.
    pub column: String,
    /// The values.
    pub values: Vec<String>,
}

/// What a snapshot holds of one period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeriodSlice {
    /// The period.
    pub period: TimeRange,
    /// Rows in it (exact).
    pub rows: u64,
    /// Their size in memory, in bytes (an estimate where chunks cross periods).
    pub bytes: u64,
    /// Time of the first of them.
    pub min_time: Micros,
    /// Time of the last of them.
    pub max_time: Micros,
}

/// The rows that an eviction removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Evicted {
    /// Number of rows.
    pub rows: u64,
    /// Bytes freed, an estimate.
    pub bytes: u64,
}

/// Where data is born: append, read at a snapshot, evict.
///
/// Every implementation passes [`crate::conformance`]. Guarantees:
///
/// - **Append** is atomic and durable when it returns; its rows get the next
///   sequence numbers of the table, in order, and no number is used twice, not
///   after a crash and not after an eviction.
/// - **Offsets** of sources become durable with the rows that led to them, in one
///   atomic step: a crash leaves both or neither.
/// - **Snapshot**: exactly the rows with `seq <= snapshot.seq()` that were not
///   evicted when it was taken. Later appends and evictions do not show.
/// - **Evict** removes exactly the rows of a time and sequence range; repeating
///   it is harmless; a crash in between leaves a state that repeating completes.
#[async_trait]
pub trait HotStore: Debug + Send + Sync + 'static {
    /// Makes a table if it does not exist, with the schema given. If it does,
    /// name, time column and schema must be equal; otherwise an `Input` error
    /// that names every difference and what to do.
    async fn create_table(&self, table: &HotTable) -> Result<()>;

    /// A table, if it exists.
    async fn table(&self, name: &str) -> Result<Option<HotTable>>;

    /// All tables, by name.
    async fn tables(&self) -> Result<Vec<HotTable>>;

    /// Appends batches of the table's schema. `NotFound` without the table;
    /// `Input` (and nothing is appended) on a null in the time column or another schema.
    async fn append(&self, table: &str, batches: Vec<RecordBatch>) -> Result<Appended>;

    /// Appends as [`HotStore::append`] does and moves the offset of a source in the same
    /// atomic step, also when there are no rows. `Conflict` (and nothing is appended)
    /// when the source is no longer where the move begins: somebody else has brought
    /// these rows.
    async fn append_from(
        &self,
        table: &str,
        batches: Vec<RecordBatch>,
        offset: OffsetMove,
    ) -> Result<Appended>;

    /// Where a source of a table is; `None` before its first [`HotStore::append_from`].
    async fn offset(&self, table: &str, source: &str) -> Result<Option<Vec<u8>>>;

    /// The state of a table now.
    async fn snapshot(&self, table: &str) -> Result<Arc<dyn HotSnapshot>>;

    /// Removes the rows of this time and these sequence numbers.
    async fn evict(&self, table: &str, time: TimeRange, seqs: SeqRange) -> Result<Evicted>;
}

/// The state of a hot table at one moment.
#[async_trait]
pub trait HotSnapshot: Debug + Send + Sync + 'static {
    /// The highest sequence number ever given out; 0 when none was.
    fn seq(&self) -> Seq;

    /// The table.
    fn table(&self) -> &HotTable;

    /// The rows chosen, in batches of a few megabytes, in no promised order.
    async fn scan(&self, scan: HotScan) -> Result<BatchStream>;

    /// What there is, period by period, earliest first; empty periods are left out.
    async fn inventory(
        &self,
        time: TimeRange,
        seqs: SeqRange,
        period: Period,
    ) -> Result<Vec<PeriodSlice>>;
}
