//! tidelake, the embeddable engine: moves ageing rows of a hot store into an open
//! data lake, through plugins, so that no crash loses or doubles a row.
//!
//! The modules read as the data path: [`report`] is what people and machines are
//! told; `sync` brings rows in from sources; of a run, `gather` looks at both tiers, core's policy decides, `units`
//! cuts the decision into work, `export` does it, `publish` commits and verifies
//! it, `rollup` brings the downsampled tables up to date, `evict` frees the hot
//! store, and `recover` clears up after whoever died in between.
//!
//! ```no_run
//! # async fn example(config: tidelake_core::config::Config) -> tidelake_core::Result<()> {
//! use std::sync::Arc;
//! use tidelake::{Engine, OpenOptions, Silent};
//!
//! let engine = Engine::open("my-project".as_ref(), config, OpenOptions::default())?;
//! for plan in engine.plan(&[]).await? {
//!     println!("{}: {} actions", plan.table, plan.actions().len());
//! }
//! let report = engine.run(&[], Arc::new(Silent)).await?;
//! assert!(report.ok());
//! # Ok(())
//! # }
//! ```

mod chain;
mod engine;
mod evict;
mod export;
mod gather;
mod memory;
mod open;
mod publish;
mod recover;
pub mod report;
mod rollup;
mod run;
mod status;
mod sync;
mod units;
mod verify;

pub use engine::{Engine, EngineParts, QueryTable, RollupTable};
pub use open::OpenOptions;
pub use report::{
    ErrorReport, Progress, RunReport, Silent, Stage, SyncReport, TablePlan, TableRun, TableStatus,
    TableSync, VerifyReport,
};
pub use rollup::BUCKET_COLUMN;
