//! `tidelake ingest`

use std::path::PathBuf;
use std::time::Instant;

use arrow::array::RecordBatch;
use serde::Serialize;
use tidelake::Engine;
use tidelake_core::table::TableSpec;
use tidelake_core::{Error, Result, columns};

use super::{Out, print_json};
use crate::args::{Global, Ingest};
use crate::failure::Failure;
use crate::ingest::bad::{BadRow, BadRows, OnError};
use crate::ingest::lookup::Lookup;
use crate::ingest::{FileReader, KEPT_BYTES, Target, target};
use crate::project::Project;
use crate::render::{bytes, count, counted};

/// Batches that one append makes durable together, in bytes.
const APPEND_BYTES: usize = 32 << 20;

/// What an ingest did.
#[derive(Debug, Default, Serialize)]
struct Report {
    table: String,
    files: u64,
    rows: u64,
    bytes: u64,
    /// Rows left out because they were bad.
    skipped: u64,
    /// The first of them.
    bad_rows: Vec<BadRow>,
    /// Rows whose key the lookup does not have.
    unmatched: u64,
    /// Some of those keys.
    unmatched_keys: Vec<String>,
    seconds: f64,
}

/// Brings files into a table.
pub(super) async fn run(
    project: &Project,
    global: &Global,
    args: Ingest,
    out: Out<'_>,
) -> Result<(), Failure> {
    let started = Instant::now();
    let spec =
        project.config.tables.get(&args.table).ok_or_else(|| project.no_table(&args.table))?;
    let engine = project.open("ingest", args.now)?;
    let hot = engine.hot().table(&spec.name).await?.map(|t| t.schema);
    let mut report = store(&engine, spec, hot, &args).await?;
    report.seconds = started.elapsed().as_secs_f64();
    if global.json {
        return print_json(out, &report);
    }
    Ok(show(&report, out)?)
}

async fn store(
    engine: &Engine,
    spec: &TableSpec,
    hot: Option<arrow::datatypes::SchemaRef>,
    args: &Ingest,
) -> Result<Report> {
    let known = columns::known(spec, hot);
    let (spec, files, args) = (spec.clone(), args.files.clone(), args.clone());
    let name = spec.name.clone();
    let on_error = args.on_error;
    // Reading is blocking work. Everything is checked before the table is made.
    let (target, kept) = blocking(move || {
        let lookup = match (&args.lookup, &args.on) {
            (Some(path), Some(on)) => Some(Lookup::read(path, on)?),
            _ => None,
        };
        let target = target(&spec, known, &args.files, lookup)?;
        spec.check_schema(&target.schema, "the table")?;
        let kept = match args.on_error {
            OnError::Abort => check(&target, &args.files)?,
            OnError::Skip => {
                for file in &args.files {
                    FileReader::open(file, &target)?;
                }
                None
            }
        };
        Ok((target, kept))
    })
    .await?;
    engine.prepare_ingest(&name, &target.schema).await?;

    let mut report = Report { table: name.clone(), files: files.len() as u64, ..Report::default() };
    let (sender, mut batches) = tokio::sync::mpsc::channel(2);
    let reading =
        tokio::task::spawn_blocking(move || read(&target, &files, on_error, kept, &sender));
    let stored = async {
        while let Some(batches) = batches.recv().await {
            append(engine, &mut report, batches).await?;
        }
        Ok(())
    };
    let stored: Result<()> = stored.await;
    // A closed channel ends the reader, whose own error is then only a consequence.
    drop(batches);
    let read =
        reading.await.map_err(|e| Error::internal("reading did not finish").with_source(e))?;
    let bad = stored.and(read).map_err(|e| e.with("rows stored before", count(report.rows)))?;
    report.skipped = bad.count;
    report.bad_rows = bad.shown;
    report.unmatched = bad.unmatched;
    report.unmatched_keys = bad.unmatched_keys.into_keys().collect();
    Ok(report)
}

async fn append(engine: &Engine, report: &mut Report, batches: Vec<RecordBatch>) -> Result<()> {
    let size: usize = batches.iter().map(RecordBatch::get_array_memory_size).sum();
    report.rows += engine.append(&report.table, batches).await?.rows;
    report.bytes += size as u64;
    Ok(())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|e| Error::internal("reading did not finish").with_source(e))?
}

/// What checking found: the batches, if they are few enough to be kept.
type Kept = Option<(Vec<RecordBatch>, BadRows)>;

/// Reads every file to its end and stores nothing.
fn check(target: &Target, files: &[PathBuf]) -> Result<Kept> {
    let nothing = |e: Error| e.with("rows stored", 0);
    let mut bad = BadRows::new(OnError::Abort);
    let mut kept = Some(Vec::new());
    let mut size = 0;
    for file in files {
        let mut reader = FileReader::open(file, target).map_err(nothing)?;
        while let Some(batch) = reader.next(&mut bad).map_err(nothing)? {
            size += batch.get_array_memory_size();
            if size > KEPT_BYTES {
                kept = None;
            }
            if let Some(kept) = &mut kept {
                kept.push(batch);
            }
        }
    }
    Ok(kept.map(|batches| (batches, bad)))
}

/// Sends everything on, in portions of one append.
fn read(
    target: &Target,
    files: &[PathBuf],
    on_error: OnError,
    kept: Kept,
    sender: &tokio::sync::mpsc::Sender<Vec<RecordBatch>>,
) -> Result<BadRows> {
    let mut portion = Portion { batches: Vec::new(), size: 0, sender };
    if let Some((batches, bad)) = kept {
        for batch in batches {
            portion.add(batch)?;
        }
        portion.send()?;
        return Ok(bad);
    }
    let mut bad = BadRows::new(on_error);
    for file in files {
        let mut reader = FileReader::open(file, target)?;
        while let Some(batch) = reader.next(&mut bad)? {
            portion.add(batch)?;
        }
    }
    portion.send()?;
    Ok(bad)
}

struct Portion<'a> {
    batches: Vec<RecordBatch>,
    size: usize,
    sender: &'a tokio::sync::mpsc::Sender<Vec<RecordBatch>>,
}

impl Portion<'_> {
    fn add(&mut self, batch: RecordBatch) -> Result<()> {
        if batch.num_rows() > 0 {
            self.size += batch.get_array_memory_size();
            self.batches.push(batch);
        }
        if self.size < APPEND_BYTES {
            return Ok(());
        }
        self.send()
    }

    fn send(&mut self) -> Result<()> {
        self.size = 0;
        if self.batches.is_empty() {
            return Ok(());
        }
        let batches = std::mem::take(&mut self.batches);
        self.sender.blocking_send(batches).map_err(|_| Error::internal("storing has ended early"))
    }
}

fn show(report: &Report, out: Out<'_>) -> std::io::Result<()> {
    let Report { table, files, rows, skipped, unmatched, seconds, .. } = report;
    writeln!(
        out,
        "{table}: {} of {} stored, {} in {seconds:.2} s",
        counted(*rows, "row"),
        counted(*files, "file"),
        bytes(report.bytes),
    )?;
    if *skipped > 0 {
        writeln!(out, "{} skipped:", counted(*skipped, "bad row"))?;
        for row in &report.bad_rows {
            writeln!(out, "  {row}")?;
        }
        if *skipped > report.bad_rows.len() as u64 {
            writeln!(out, "  ... and {} more", count(skipped - report.bad_rows.len() as u64))?;
        }
    }
    if *unmatched > 0 {
        let keys: Vec<String> = report.unmatched_keys.iter().map(|k| format!("{k:?}")).collect();
        let rows = counted(*unmatched, "row");
        writeln!(out, "{rows} not in the lookup, such as {}: nulls", keys.join(", "))?;
    }
    Ok(())
}
