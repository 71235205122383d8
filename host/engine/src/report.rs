//! What the engine tells people and machines: plans, reports, progress.

use serde::Serialize;
use tidelake_core::commit::Watermark;
use tidelake_core::hash::Digest;
use tidelake_core::policy::{Action, Decision, Waiting};
use tidelake_core::time::Micros;

/// What `run` would do with a table.
#[derive(Debug, Clone, Serialize)]
pub struct TablePlan {
    /// The table.
    pub table: String,
    /// When it was decided.
    pub now: Micros,
    /// What the lake covers now; `None` when it does not hold the table.
    pub watermark: Option<Watermark>,
    /// What to do, what waits and why.
    #[serde(flatten)]
    pub decision: Decision,
    /// Why nothing can be planned, when nothing can (`the table has no rows yet`).
    pub idle: Option<String>,
}

impl TablePlan {
    /// The actions, in order.
    pub fn actions(&self) -> &[Action] {
        &self.decision.actions
    }

    /// What waits.
    pub fn waiting(&self) -> &[Waiting] {
        &self.decision.waiting
    }
}

/// What a run did.
#[derive(Debug, Clone, Serialize)]
pub struct RunReport {
    /// When it was decided.
    pub now: Micros,
    /// Table by table.
    pub tables: Vec<TableRun>,
    /// Wall time in seconds.
    pub seconds: f64,
}

impl RunReport {
    /// Whether every table went well.
    pub fn ok(&self) -> bool {
        self.tables.iter().all(|t| t.error.is_none())
    }
}

/// What a run did with one table.
#[derive(Debug, Clone, Default, Serialize)]
pub struct TableRun {
    /// The table.
    pub table: String,
    /// Units exported.
    pub units: u64,
    /// Rows exported.
    pub rows: u64,
    /// Rows that transforms dropped.
    pub dropped: u64,
    /// Bytes of Arrow data read from the hot store.
    pub arrow_bytes: u64,
    /// Files written.
    pub files: u64,
    /// Their bytes.
    pub file_bytes: u64,
    /// Data commits.
    pub commits: u64,
    /// Units read back and proven.
    pub verified: u64,
    /// Rows evicted from the hot store.
    pub evicted_rows: u64,
    /// Rows expired from the lake.
    pub expired_rows: u64,
    /// Orphaned files of interrupted runs that were removed.
    pub orphans: u64,
    /// Rollups brought up to date.
    pub rollups: Vec<RollupRun>,
    /// What the lake covers afterwards.
    pub watermark: Option<Watermark>,
    /// What went wrong; what was committed before it stays.
    pub error: Option<ErrorReport>,
}

/// What a run did with one rollup.
#[derive(Debug, Clone, Serialize)]
pub struct RollupRun {
    /// The rollup, `trades@1h`.
    pub rollup: String,
    /// Raw rows taken in.
    pub source_rows: u64,
    /// Rows of the files written.
    pub rows: u64,
    /// Files written.
    pub files: u64,
}

/// What a sync did.
#[derive(Debug, Clone, Default, Serialize)]
pub struct SyncReport {
    /// Table by table.
    pub tables: Vec<TableSync>,
    /// Wall time in seconds.
    pub seconds: f64,
}

impl SyncReport {
    /// Whether every table went well.
    pub fn ok(&self) -> bool {
        self.tables.iter().all(|t| t.error.is_none())
    }
}

/// What a sync did with one table.
#[derive(Debug, Clone, Default, Serialize)]
pub struct TableSync {
    /// The table.
    pub table: String,
    /// The plugin that its rows come from.
    pub plugin: String,
    /// The name under which the hot store keeps the offset.
    pub source: String,
    /// Rows stored.
    pub rows: u64,
    /// Their size in memory, in bytes.
    pub bytes: u64,
    /// Polls that went well.
    pub polls: u64,
    /// How often the source was opened again after it had failed or asked to wait.
    pub retries: u64,
    /// Where the source is now: text, or hex after `0x`. `None`: at its start.
    pub offset: Option<String>,
    /// The source says that nothing will ever follow.
    pub ended: bool,
    /// When the source wants to be asked again, in milliseconds.
    pub idle_ms: Option<u64>,
    /// What went wrong; what was stored before it stays.
    pub error: Option<ErrorReport>,
}

/// An error for a machine.
#[derive(Debug, Clone, Serialize)]
pub struct ErrorReport {
    /// What the caller can do: `config`, `input`, `busy`, ...
    pub kind: String,
    /// What failed.
    pub message: String,
    /// Where.
    pub context: Vec<(String, String)>,
    /// Why, outermost first.
    pub causes: Vec<String>,
    /// What to do.
    pub help: Option<String>,
}

impl From<&tidelake_core::Error> for ErrorReport {
    fn from(error: &tidelake_core::Error) -> Self {
        let mut causes = Vec::new();
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            causes.push(cause.to_string());
            source = cause.source();
        }
        Self {
            kind: format!("{:?}", error.kind()).to_lowercase(),
            message: error.message().to_owned(),
            context: error.context().iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect(),
            causes,
            help: error.help().map(str::to_owned),
        }
    }
}

/// Where a table's rows are.
#[derive(Debug, Clone, Serialize)]
pub struct TableStatus {
    /// The table, or a rollup (`trades@1h`).
    pub table: String,
    /// `name: type` of the public columns.
    pub columns: Vec<(String, String)>,
    /// Format of the lake's files.
    pub format: String,
    /// Rows in the hot store alone.
    pub hot: TierStatus,
    /// Rows in both tiers.
    pub warm: TierStatus,
    /// Rows in the lake alone.
    pub cold: TierStatus,
    /// Rows that queries see.
    pub rows: u64,
    /// Files in the lake.
    pub files: u64,
    /// Their bytes.
    pub file_bytes: u64,
    /// What the lake covers.
    pub watermark: Option<Watermark>,
    /// Rows older than the hot age that are not in the lake yet.
    pub lag_rows: u64,
    /// When the newest ledger entry was written.
    pub last_verified: Option<Micros>,
}

/// What one tier holds.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct TierStatus {
    /// Rows.
    pub rows: u64,
    /// Bytes: in memory for the hot store, of files for the lake.
    pub bytes: u64,
    /// Time of the first row.
    pub min_time: Option<Micros>,
    /// Time of the last row.
    pub max_time: Option<Micros>,
}

/// What reading a lake table back found.
#[derive(Debug, Clone, Serialize)]
pub struct VerifyReport {
    /// The table or rollup.
    pub table: String,
    /// Files read back.
    pub files: u64,
    /// Their rows.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
    /// th1 of all rows.
    pub digest: Digest,
    /// Ledger entries checked against the files.
    pub proofs: u64,
    /// What is wrong, file by file; empty when all is well.
    pub problems: Vec<ErrorReport>,
}

/// A stage of a run or a sync, for progress bars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Hot rows are being written to the lake.
    Export,
    /// What was written is being read back.
    Verify,
    /// Rollups are being brought up to date.
    Rollup,
    /// Proven rows are leaving the hot store.
    Evict,
    /// Rows are coming in from a source; how many is not known before.
    Sync,
}

/// Is told how work goes on. Called from several threads; must not block.
pub trait Progress: Send + Sync {
    /// A stage of a table starts, with so many rows to come.
    fn start(&self, table: &str, stage: Stage, rows: u64);
    /// So many rows more are done.
    fn advance(&self, table: &str, stage: Stage, rows: u64);
    /// The stage is over.
    fn finish(&self, table: &str, stage: Stage);
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn start(&self, _: &str, _: Stage, _: u64) {}
    fn advance(&self, _: &str, _: Stage, _: u64) {}
    fn finish(&self, _: &str, _: Stage) {}
}
