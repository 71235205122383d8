//! The two halves of a whole run, each in a process of its own; see `run`.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};
use tidelake::{Engine, OpenOptions, Progress, Stage};
use tidelake_core::clock::FixedClock;
use tidelake_core::config::{self, Config};
use tidelake_core::time::Micros;
use tidelake_core::{Error, Result};

use crate::machine::peak_memory;
use crate::ticks::{self, Ticks};

const TABLE: &str = "ticks";
/// Batches of one append: some 50 MB that become durable together.
const APPENDED: usize = 16;

/// What this program runs in processes of their own.
#[derive(Debug, Subcommand)]
pub(crate) enum Child {
    #[command(hide = true)]
    Ingest(IngestArgs),
    #[command(hide = true)]
    Run(RunArgs),
}

impl Child {
    /// Does it, and tells the parent process.
    pub(crate) fn run(&self) -> Result<()> {
        match self {
            Self::Ingest(args) => tell(&ingest(args)?),
            Self::Run(args) => tell(&run(args)?),
        }
    }
}

fn tell(result: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string(result)
        .map_err(|e| Error::internal("a result has no JSON form").with_source(e))?;
    println!("{text}");
    Ok(())
}

/// What `ingest` takes.
#[derive(Debug, Args)]
pub(crate) struct IngestArgs {
    project: PathBuf,
    #[arg(long)]
    rows: u64,
    #[arg(long)]
    seed: u64,
}

/// What `ingest` found.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct IngestResult {
    /// Rows appended.
    pub(crate) rows: u64,
    /// Time of the appends, without that of making the rows up.
    pub(crate) seconds: f64,
}

/// What `run` takes.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    project: PathBuf,
    #[arg(long)]
    plugins: PathBuf,
    #[arg(long)]
    cache: PathBuf,
    #[command(flatten)]
    variant: Variant,
}

/// How one run differs from another.
#[derive(Debug, Clone, Args)]
pub(crate) struct Variant {
    /// Format of the lake.
    #[arg(long)]
    pub(crate) format: String,
    /// With the `mask` transform.
    #[arg(long)]
    pub(crate) mask: bool,
}

/// What `run` found.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RunResult {
    pub(crate) rows: u64,
    pub(crate) arrow_bytes: u64,
    pub(crate) file_bytes: u64,
    pub(crate) files: u64,
    /// Wall time of all.
    pub(crate) seconds: f64,
    /// Part of it: from the first unit to the last commit, without verification.
    pub(crate) export_seconds: f64,
    /// Part of it: reading back.
    pub(crate) verify_seconds: f64,
    pub(crate) peak_memory: u64,
}

/// Fills the hot store of a project.
fn ingest(args: &IngestArgs) -> Result<IngestResult> {
    let plain = Variant { format: "delta".into(), mask: false };
    let engine = Engine::open(&args.project, config(&plain)?, options())?;
    runtime()?.block_on(async {
        engine.prepare_ingest(TABLE, &ticks::schema()).await?;
        let (mut rows, mut busy) = (0, Duration::ZERO);
        let mut ticks = Ticks::new(args.rows, args.seed);
        loop {
            let batches: Vec<_> = ticks.by_ref().take(APPENDED).collect();
            if batches.is_empty() {
                return Ok(IngestResult { rows, seconds: busy.as_secs_f64() });
            }
            let started = Instant::now();
            rows += engine.append(TABLE, batches).await?.rows;
            busy += started.elapsed();
        }
    })
}

/// Runs a project that `ingest` filled, into an empty lake.
fn run(args: &RunArgs) -> Result<RunResult> {
    remove(&args.project.join("lake"))?;
    let options = OpenOptions {
        plugin_dirs: vec![args.plugins.clone()],
        cache_dir: Some(args.cache.clone()),
        ..options()
    };
    let engine = Engine::open(&args.project, config(&args.variant)?, options)?;
    let stages = Arc::new(Stages::default());
    let report = runtime()?.block_on(engine.run(&[], stages.clone()))?;
    let [table] = report.tables.as_slice() else {
        return Err(Error::internal("the project has one table, the report another number"));
    };
    if let Some(error) = &table.error {
        return Err(Error::internal(format!("the run failed: {error:?}")));
    }
    if table.verified != table.units {
        return Err(Error::internal("the run did not verify every unit"));
    }
    let verify = stages.time(Stage::Verify);
    Ok(RunResult {
        rows: table.rows,
        arrow_bytes: table.arrow_bytes,
        file_bytes: table.file_bytes,
        files: table.files,
        seconds: report.seconds,
        // Groups are verified between exports.
        export_seconds: stages.time(Stage::Export).saturating_sub(verify).as_secs_f64(),
        verify_seconds: verify.as_secs_f64(),
        peak_memory: peak_memory(),
    })
}

fn remove(lake: &Path) -> Result<()> {
    match std::fs::remove_dir_all(lake) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::unavailable("the last lake could not be removed").with_source(e))
        }
        _ => Ok(()),
    }
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::internal("no runtime").with_source(e))
}

/// A day and a bit after the last tick, so that every tick is old enough to move.
fn options() -> OpenOptions {
    let now = Micros(ticks::end().0 + 36 * 3_600_000_000);
    OpenOptions {
        clock: Arc::new(FixedClock(now)),
        command: "tidelake-bench".to_owned(),
        ..OpenOptions::default()
    }
}

fn config(variant: &Variant) -> Result<Config> {
    let mut text = format!(
        r#"
        [engine]
        memory = "512MB"
        threads = 2

        [table.{TABLE}]
        time = "ts"
        key = ["symbol"]
        category = "asset_class"

        [table.{TABLE}.lifecycle]
        hot = "1d"
        warm = "365d"

        [table.{TABLE}.layout]
        format = "{}"
        partition = ["day", "asset_class"]
        sort = ["symbol", "ts"]
        options = {{ compression = "zstd(1)" }}
        "#,
        variant.format
    );
    if variant.mask {
        text.push_str(&format!(
            r#"
            [[table.{TABLE}.transform]]
            plugin = "mask"
            options = {{ columns = ["venue"], salt = "bench", length = 16 }}
            "#
        ));
    }
    config::parse(&text).map_err(|problems| {
        let messages: Vec<&str> = problems.iter().map(|p| p.message.as_str()).collect();
        Error::internal(format!("the bench's configuration is wrong: {}", messages.join("; ")))
    })
}

/// Adds up how long the stages of a run take.
#[derive(Default)]
struct Stages(Mutex<Vec<Span>>);

struct Span {
    stage: Stage,
    started: Instant,
    ended: Option<Instant>,
}

impl Stages {
    fn time(&self, stage: Stage) -> Duration {
        let spans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let spans = spans.iter().filter(|span| span.stage == stage);
        spans.filter_map(|span| Some(span.ended? - span.started)).sum()
    }
}

impl Progress for Stages {
    fn start(&self, _: &str, stage: Stage, _: u64) {
        let mut spans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        spans.push(Span { stage, started: Instant::now(), ended: None });
    }

    fn advance(&self, _: &str, _: Stage, _: u64) {}

    fn finish(&self, _: &str, stage: Stage) {
        let mut spans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let open = spans.iter_mut().rev().find(|span| span.stage == stage && span.ended.is_none());
        if let Some(span) = open {
            span.ended = Some(Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configurations_are_valid() {
        for (format, mask) in [("delta", true), ("parquet", false)] {
            let config = config(&Variant { format: format.into(), mask }).unwrap();
            assert_eq!(config.tables[TABLE].transforms.len(), usize::from(mask));
        }
    }

    #[test]
    fn a_stage_inside_another_has_its_own_time() {
        let stages = Stages::default();
        stages.start("t", Stage::Export, 0);
        for _ in 0..2 {
            stages.start("t", Stage::Verify, 0);
            std::thread::sleep(Duration::from_millis(5));
            stages.finish("t", Stage::Verify);
        }
        stages.start("t", Stage::Evict, 0);
        stages.finish("t", Stage::Export);
        assert!(stages.time(Stage::Verify) >= Duration::from_millis(10));
        assert!(stages.time(Stage::Export) >= stages.time(Stage::Verify));
        assert_eq!(stages.time(Stage::Evict), Duration::ZERO);
    }
}
