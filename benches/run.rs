//! Whole runs: hot store to lake, commit and verification included.
//!
//! The tick set is ingested once, by a process of its own. Then each figure comes
//! from a fresh process that opens the project, runs it and tells what it took, so
//! that the peak memory is that of the run and of nothing else. A run leaves its rows
//! in the hot store (they are warm), so the next one only needs an empty lake.

use std::path::Path;
use std::process::{Command, Stdio};

use serde::de::DeserializeOwned;
use tidelake_core::{Error, Result};

use crate::child::{IngestResult, RunResult, Variant};
use crate::measure::middle;
use crate::plan::Plan;
use crate::report::Figure;

/// 500 GB of Arrow an hour, in MB/s: what the project holds itself to.
const GOAL: f64 = 139.0;
/// What a run may have resident, in MiB.
const LIMIT: f64 = 1024.0;

/// Measures whole runs.
pub(crate) fn measure(plan: &Plan) -> Result<Vec<Figure>> {
    let scratch = plan.scratch()?;
    eprintln!("ingesting {} rows", plan.rows);
    let rows = ["--rows".to_owned(), plan.rows.to_string()];
    let seed = ["--seed".to_owned(), plan.seed.to_string()];
    let ingest: IngestResult = child("ingest", scratch.path(), rows.into_iter().chain(seed))?;
    let mut figures =
        vec![Figure::new("ingest", ingest.rows as f64 / ingest.seconds / 1e6, "M rows/s")];

    for (name, variant) in [
        ("run", Variant { format: "delta".into(), mask: false }),
        ("run_mask", Variant { format: "delta".into(), mask: true }),
        ("run_parquet", Variant { format: "parquet".into(), mask: false }),
    ] {
        let mut results = Vec::new();
        for _ in 0..plan.whole_runs() {
            eprintln!("{name}");
            let result: RunResult = child("run", scratch.path(), arguments(plan, &variant))?;
            if result.rows != plan.rows {
                return Err(Error::internal("a run did not move every row")
                    .with("rows", result.rows)
                    .with("expected", plan.rows));
            }
            results.push(result);
        }
        figures.extend(summarise(name, &results));
    }
    Ok(figures)
}

fn arguments(plan: &Plan, variant: &Variant) -> Vec<String> {
    let mut arguments = vec![
        "--plugins".to_owned(),
        plan.plugins.display().to_string(),
        "--cache".to_owned(),
        plan.out.join("cache").display().to_string(),
        "--format".to_owned(),
        variant.format.clone(),
    ];
    arguments.extend(variant.mask.then(|| "--mask".to_owned()));
    arguments
}

fn summarise(name: &str, results: &[RunResult]) -> Vec<Figure> {
    let of = |value: fn(&RunResult) -> f64| middle(results.iter().map(value).collect());
    let figure = |what: &str, value, unit| Figure::new(format!("{name}{what}"), value, unit);
    vec![
        figure("", of(|r| r.arrow_bytes as f64 / r.seconds / 1e6), "MB/s").against("goal", GOAL),
        figure("_rows", of(|r| r.rows as f64 / r.seconds / 1e6), "M rows/s"),
        figure("_peak_memory", of(|r| r.peak_memory as f64 / (1u64 << 20) as f64), "MiB")
            .against("limit", LIMIT),
        figure("_export", of(|r| r.export_seconds), "s"),
        figure("_verify", of(|r| r.verify_seconds), "s"),
        figure("_other", of(|r| r.seconds - r.export_seconds - r.verify_seconds), "s"),
        figure("_lake_size", of(|r| r.file_bytes as f64 / r.arrow_bytes as f64), "of Arrow"),
    ]
}

/// Runs this program again with a command that people do not use, and reads the
/// JSON value that it prints.
fn child<T: DeserializeOwned>(
    command: &str,
    project: &Path,
    arguments: impl IntoIterator<Item = String>,
) -> Result<T> {
    let failed = |what: &str| Error::internal(what.to_owned()).with("command", command.to_owned());
    let program = std::env::current_exe()
        .map_err(|e| failed("this program cannot be found").with_source(e))?;
    let output = Command::new(program)
        .arg(command)
        .arg(project)
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|e| failed("a child process could not be started").with_source(e))?;
    if !output.status.success() {
        return Err(failed("a child process failed").with("status", output.status));
    }
    serde_json::from_slice(&output.stdout)
        .map_err(|e| failed("a child process did not tell what it found").with_source(e))
}
