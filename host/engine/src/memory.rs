//! One memory budget for everything that a run does.
//!
//! It is shared out before the first unit starts: every worker gets the same part,
//! takes out of it what its plugins may use, and has the rest for sorting, as a
//! DataFusion pool of its own. So neither a guest nor another worker's unit can take
//! memory away from a sort, and a sort spills when its share is used up.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::execution::TaskContext;
use datafusion::execution::config::SessionConfig;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use tidelake_core::config::{EngineConfig, PluginConfig};
use tidelake_core::table::TableSpec;
use tidelake_core::{Error, Result};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Rows of a batch between the stages.
const BATCH_ROWS: usize = 32_768;
/// What a worker needs beside its plugins, at least: batches in flight and
/// something to sort in.
const WORKER_FLOOR: u64 = 64_000_000;

/// The memory of one table's run.
pub(crate) struct Budget {
    /// Units worked on at once.
    pub(crate) workers: usize,
    /// One for each of them.
    pub(crate) shares: Shares,
}

/// The workers' shares of the memory for sorting; a unit takes one and returns it.
#[derive(Debug, Clone)]
pub(crate) struct Shares {
    idle: Arc<Mutex<Vec<Arc<TaskContext>>>>,
    free: Arc<Semaphore>,
}

/// A share that a unit has: a pool, the spill directory and the batch size.
pub(crate) struct Share {
    tasks: Arc<TaskContext>,
    home: Arc<Mutex<Vec<Arc<TaskContext>>>>,
    /// Dropped after the share is back, as fields are after `drop`.
    _permit: OwnedSemaphorePermit,
}

impl Shares {
    fn new(shares: Vec<Arc<TaskContext>>) -> Self {
        let free = Arc::new(Semaphore::new(shares.len()));
        Self { idle: Arc::new(Mutex::new(shares)), free }
    }

    /// Waits until a share is free.
    pub(crate) async fn take(&self) -> Result<Share> {
        let gone = || Error::internal("a worker's share of the memory got lost");
        let permit = self.free.clone().acquire_owned().await.map_err(|_| gone())?;
        let tasks = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Ok(Share { tasks: tasks.ok_or_else(gone)?, home: self.idle.clone(), _permit: permit })
    }
}

impl Share {
    /// For DataFusion's operators.
    pub(crate) fn tasks(&self) -> &Arc<TaskContext> {
        &self.tasks
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.home.lock().unwrap_or_else(PoisonError::into_inner).push(self.tasks.clone());
    }
}

/// Shares out the memory of `engine` for work on `table`.
pub(crate) fn budget(
    engine: &EngineConfig,
    plugins: &BTreeMap<String, PluginConfig>,
    table: &TableSpec,
    root: &Path,
) -> Result<Budget> {
    let cap = |name: &str| plugins.get(name).map_or(PluginConfig::default().memory, |p| p.memory);
    let chain: u64 = table.transforms.iter().map(|t| cap(&t.plugin)).sum();
    let rollup = table.rollups.iter().map(|r| cap(&r.plugin)).max().unwrap_or(0);
    let guests = cap(table.layout.writer_plugin()) + chain.max(rollup);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let wanted = engine.threads.unwrap_or(cores).max(1);
    let fitting = engine.memory / (guests + WORKER_FLOOR);
    if fitting == 0 {
        return Err(Error::exhausted(format!(
            "the memory of {} MB is too small: one worker's plugins may use {} MB, and sorting needs {} MB",
            engine.memory / 1_000_000,
            guests / 1_000_000,
            WORKER_FLOOR / 1_000_000,
        ))
        .with("table", &table.name)
        .with_help("raise [engine] memory, or lower the memory of the plugins"));
    }
    let workers = wanted.min(fitting as usize);
    let share = (engine.memory / workers as u64).saturating_sub(guests) as usize;
    let spill = root.join(".tidelake").join("spill");
    std::fs::create_dir_all(&spill).map_err(|e| {
        Error::unavailable("the directory for spilling could not be made")
            .with("directory", spill.display())
            .with_source(e)
    })?;
    let shares = (0..workers).map(|_| sorting(share, &spill)).collect::<Result<_>>()?;
    Ok(Budget { workers, shares: Shares::new(shares) })
}

/// What sorts within `memory` bytes, and beyond them in a directory.
fn sorting(memory: usize, spill: &Path) -> Result<Arc<TaskContext>> {
    let disk = DiskManagerMode::Directories(vec![spill.to_owned()]);
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(FairSpillPool::new(memory)))
        .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(disk))
        .build_arc()
        .map_err(|e| {
            Error::unavailable("the directory for spilling is not usable").with_source(e)
        })?;
    let mut config = SessionConfig::new().with_batch_size(BATCH_ROWS);
    let options = &mut config.options_mut().execution;
    options.sort_in_place_threshold_bytes = 4 << 20;
    // Merging needs the keys of all rows once more, and cannot spill for them.
    options.sort_spill_reservation_bytes = memory / 2;
    Ok(Arc::new(TaskContext::default().with_session_config(config).with_runtime(runtime)))
}

/// Removes what a killed process left in the spill directory.
pub(crate) fn sweep_spill(root: &Path) {
    let spill = root.join(".tidelake").join("spill");
    let Ok(entries) = std::fs::read_dir(&spill) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let removed = if path.is_dir() {
            std::fs::remove_dir_all(&path)
        } else {
            std::fs::remove_file(&path)
        };
        if let Err(error) = removed {
            tracing::warn!(path = %path.display(), %error, "a leftover spill file stays behind");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_share_comes_back_when_its_unit_is_done() {
        let dir = tempfile::tempdir().expect("dir");
        let share = || sorting(1 << 20, dir.path()).expect("share");
        let shares = Shares::new(vec![share(), share()]);
        let (first, second) =
            (shares.take().await.expect("one"), shares.take().await.expect("two"));
        assert!(!Arc::ptr_eq(first.tasks(), second.tasks()));
        let waiting = tokio::spawn({
            let shares = shares.clone();
            async move { shares.take().await.map(|share| share.tasks().clone()) }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        let returned = first.tasks().clone();
        drop(first);
        let taken = waiting.await.expect("joined").expect("taken");
        assert!(Arc::ptr_eq(&taken, &returned));
    }
}
