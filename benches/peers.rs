//! The same rows written by others, where they are installed.
//!
//! The tick set goes to one Parquet file first, which is not counted; then DuckDB
//! sorts it and writes it partitioned, with the threads and the memory that a run has
//! (`peers.py`). DuckDB neither commits to a table log nor reads back what it wrote,
//! and its source is a file and not a store, so this is a landmark and not a race.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use serde::Deserialize;
use tidelake_core::{Error, Result};

use crate::measure::middle;
use crate::plan::{Plan, root};
use crate::report::Figure;
use crate::ticks::{self, Ticks, arrow_bytes};

#[derive(Debug, Deserialize)]
struct Told {
    version: String,
    seconds: Vec<f64>,
    /// KiB.
    peak_memory: f64,
}

/// Measures peers; nothing where there are none.
pub(crate) fn measure(plan: &Plan) -> Result<Vec<Figure>> {
    let python = root().join("target/venv/bin/python");
    if !has_duckdb(&python) {
        eprintln!("DuckDB is not installed in target/venv: left out");
        return Ok(Vec::new());
    }
    let scratch = plan.scratch()?;
    let source = scratch.path().join("ticks.parquet");
    let bytes = export(plan, &source)?;
    let told = duckdb(&python, &source, &scratch.path().join("duckdb"), plan.whole_runs())?;
    eprintln!("DuckDB {}", told.version);
    let seconds = middle(told.seconds);
    Ok(vec![
        Figure::new("peer_duckdb", bytes as f64 / seconds / 1e6, "MB/s"),
        Figure::new("peer_duckdb_rows", plan.rows as f64 / seconds / 1e6, "M rows/s"),
        Figure::new("peer_duckdb_peak_memory", told.peak_memory / 1024.0, "MiB"),
    ])
}

fn has_duckdb(python: &Path) -> bool {
    let mut command = Command::new(python);
    command.args(["-c", "import duckdb"]).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Writes the tick set to one file; its size as Arrow.
fn export(plan: &Plan, path: &Path) -> Result<u64> {
    let failed = |e: ParquetError| {
        Error::unavailable("the tick set could not be written")
            .with("path", path.display())
            .with_source(e)
    };
    let file = File::create(path).map_err(|e| failed(e.into()))?;
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut writer =
        ArrowWriter::try_new(file, ticks::schema(), Some(properties)).map_err(failed)?;
    let mut bytes = 0;
    for batch in Ticks::new(plan.rows, plan.seed) {
        bytes += arrow_bytes(&batch);
        writer.write(&batch).map_err(failed)?;
    }
    writer.close().map_err(failed)?;
    Ok(bytes)
}

fn duckdb(python: &Path, source: &Path, target: &Path, runs: usize) -> Result<Told> {
    let failed = || Error::internal("DuckDB could not be measured");
    let output = Command::new(python)
        .arg(root().join("benches/peers.py"))
        .args([source, target])
        .arg(runs.to_string())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|e| failed().with_source(e))?;
    if !output.status.success() {
        return Err(failed().with("status", output.status));
    }
    serde_json::from_slice(&output.stdout).map_err(|e| failed().with_source(e))
}
