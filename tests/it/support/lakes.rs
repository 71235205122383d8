//! What holds for a lake wherever it is kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use object_store::ObjectStore;
use object_store::path::Path;
use serde_json::Value;
use tidelake::{Engine, OpenOptions};
use tidelake_core::config;
use tidelake_core::table::LogKind;
use tidelake_core::time::Micros;
use tidelake_lake::conformance::{self, LogRef};
use tidelake_lake::{Lake, log};

use super::ticks::{self, DAY, Tick, Ticks};
use super::{Outcome, Project, plugin_cache, plugins};

/// When the story takes place: all ticks are older than the hot store keeps them.
pub const NOW: &str = "2024-03-20T00:00:00Z";

/// A log of a kind at a name.
fn log_at(kind: LogKind, store: Arc<dyn ObjectStore>, name: &str) -> LogRef {
    match kind {
        LogKind::Delta => Arc::new(log::delta::DeltaLog::new(store, name)),
        LogKind::Files => Arc::new(log::files::FilesLog::new(store, name)),
    }
}

fn file_format(kind: LogKind) -> &'static str {
    if kind == LogKind::Delta { "parquet" } else { "json" }
}

/// The suite of both kinds of logs.
pub async fn logs_conform(store: Arc<dyn ObjectStore>) {
    let mut number = 0;
    for kind in [LogKind::Delta, LogKind::Files] {
        let fresh = || {
            number += 1;
            let (store, name) = (store.clone(), format!("t{number}"));
            let handle: Box<dyn Fn() -> LogRef + Send + Sync> =
                Box::new(move || log_at(kind, store.clone(), &name));
            std::future::ready(handle)
        };
        conformance::all(file_format(kind), fresh).await;
    }
    assert!(Lake::from_store(store, "it".into()).existing("t1").await.unwrap().is_some());
}

/// Eight hosts commit to one table of each kind at once, each with instances and
/// connections of its own, as processes have. Nothing is lost or doubled, and no
/// version left out.
pub fn eight_hosts_commit_at_once(lake: &str) {
    let engines: Vec<Engine> = (0..8)
        .map(|number| {
            let options = OpenOptions {
                plugin_dirs: vec![plugins()],
                cache_dir: Some(plugin_cache()),
                command: format!("writer {number}"),
                ..OpenOptions::default()
            };
            let dir = tempfile::tempdir().unwrap().keep();
            Engine::open(&dir, config::parse(lake).unwrap(), options).unwrap()
        })
        .collect();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for (kind, logs) in
        [(LogKind::Delta, "delta/_delta_log"), (LogKind::Files, "files/_tidelake/log")]
    {
        let next = AtomicUsize::new(0);
        let stores: Vec<_> = engines.iter().map(|engine| engine.lake().store()).collect();
        let handle = || {
            let number = next.fetch_add(1, Ordering::Relaxed);
            log_at(kind, stores[number % stores.len()].clone(), logs.split('/').next().unwrap())
        };
        runtime.block_on(conformance::concurrent_commits_lose_nothing(file_format(kind), &handle));
        // Versions 0 to 16, without a gap.
        let listed = runtime.block_on(stores[0].list_with_delimiter(Some(&Path::from(logs))));
        let names: Vec<String> =
            listed.unwrap().objects.into_iter().map(|meta| meta.location.to_string()).collect();
        for version in 0..=16 {
            let name = format!("{logs}/{version:020}.json");
            assert!(names.contains(&name), "{name}: {names:?}");
        }
    }
}

/// Ticks are ingested, moved to the lake, queried and verified; late ones follow. The
/// project has the table `ticks`, `run` runs the binary on it. Returns all ticks.
pub fn rows_move(project: &Project, run: impl Fn(&[&str]) -> Outcome) -> Vec<Tick> {
    run(&["validate"]).success();
    let start = Micros::parse("2024-03-01").unwrap();
    let mut made = Ticks::new(7);
    let mut all = Vec::new();
    let scalar = |sql: &str| {
        let outcome = run(&["query", sql, "--format", "json"]).success();
        let rows: Vec<Value> = serde_json::from_str(&outcome.stdout).unwrap();
        rows[0].as_object().unwrap().values().next().unwrap().clone()
    };
    for day in 0..4 {
        let rows = made.day(Micros(start.0 + day * DAY), 500);
        let file = project.write(&format!("{day}.csv"), ticks::csv(&rows));
        run(&["ingest", "ticks", file.to_str().unwrap()]).success();
        all.extend(rows);
    }
    let sum: i64 = all.iter().map(|tick| tick.size).sum();
    run(&["run", "--now", NOW]).success();
    assert_eq!(scalar("SELECT count(*) FROM ticks"), 2000);
    assert_eq!(scalar("SELECT sum(size) FROM ticks"), sum);
    run(&["verify", "--now", NOW]).success();
    // Older than warm: nothing of it is in the hot store any more, or ever was here.
    let status = run(&["status", "--json", "--now", NOW]).success();
    let status: Value = serde_json::from_str(&status.stdout).unwrap();
    assert!(status.to_string().contains("2000"), "{status}");
    assert!(!project.root.join("lake").exists());
    // Late rows join the next commit.
    let late = made.day(start, 10);
    let file = project.write("late.csv", ticks::csv(&late));
    run(&["ingest", "ticks", file.to_str().unwrap()]).success();
    run(&["run", "--now", NOW]).success();
    assert_eq!(scalar("SELECT count(*) FROM ticks"), 2010);
    run(&["verify", "--now", NOW]).success();
    // The same rows, whoever asks.
    assert_eq!(scalar("SELECT count(DISTINCT size) FROM ticks"), 2010);
    all.extend(late);
    all
}
