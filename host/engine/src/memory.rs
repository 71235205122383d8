//! One memory budget for everything that a run does.
//!
//! DataFusion's pool is the budget. What plugins may use is taken out of it for
//! every worker before the first unit starts, so that a guest never has to race
//! the sorter for memory; sorting spills when its share is used up.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use datafusion::execution::TaskContext;
use datafusion::execution::config::SessionConfig;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{
    FairSpillPool, MemoryConsumer, MemoryPool, MemoryReservation,
};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use tidelake_core::config::{EngineConfig, PluginConfig};
use tidelake_core::table::TableSpec;
use tidelake_core::{Error, Result};

/// Rows of a batch between the stages.
const BATCH_ROWS: usize = 32_768;
/// What a worker needs beside its plugins, at least: batches in flight and
/// something to sort in.
const WORKER_FLOOR: u64 = 64_000_000;

/// The memory of one table's run.
pub(crate) struct Budget {
    /// Units worked on at once.
    pub(crate) workers: usize,
    /// Pool, spill directory and batch size for sorting.
    pub(crate) tasks: Arc<TaskContext>,
    /// Held for the plugins.
    _plugins: MemoryReservation,
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
    let pool: Arc<dyn MemoryPool> = Arc::new(FairSpillPool::new(engine.memory as usize));
    let plugins = MemoryConsumer::new("plugins").register(&pool);
    plugins.try_grow(guests as usize * workers).map_err(|e| {
        Error::exhausted("the plugins' memory could not be reserved").with_source(e)
    })?;
    let spill = root.join(".tidelake").join("spill");
    std::fs::create_dir_all(&spill).map_err(|e| {
        Error::unavailable("the directory for spilling could not be made")
            .with("directory", spill.display())
            .with_source(e)
    })?;
    let disk = DiskManagerBuilder::default().with_mode(DiskManagerMode::Directories(vec![spill]));
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(pool)
        .with_disk_manager_builder(disk)
        .build_arc()
        .map_err(|e| {
            Error::unavailable("the directory for spilling is not usable").with_source(e)
        })?;
    let mut config = SessionConfig::new().with_batch_size(BATCH_ROWS);
    config.options_mut().execution.sort_in_place_threshold_bytes = 4 << 20;
    let tasks = TaskContext::default().with_session_config(config).with_runtime(runtime);
    Ok(Budget { workers, tasks: Arc::new(tasks), _plugins: plugins })
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
