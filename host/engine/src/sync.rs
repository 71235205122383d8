//! Sync: from a table's source into the hot store, each row once.
//!
//! ```text
//! hot store: offset ─▶ open ─▶ poll ─▶ the table's columns ─▶ append rows and offset ─▶ commit
//!                               ▲            at once, atomically                           │
//!                               └──────────────────── more ───────────────────────────────┘
//! ```
//!
//! The source delivers at least once: from the same offset the same rows. The hot store
//! makes rows and offset durable in one step, so a process that dies anywhere has stored
//! both or neither, and the next one opens the source where the stored rows end. `commit`
//! tells the source what is durable; it may be missed, for `open` says it again.
//!
//! What goes wrong and may go better later (a busy server, a connection that broke) is
//! tried again a few times, from the stored offset, with a fresh reader.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use tidelake_core::plugin::{Next, PluginContext, Source};
use tidelake_core::table::{SourceSpec, TableSpec};
use tidelake_core::{Error, ErrorKind, Result, ResultExt, columns, failpoint};
use tidelake_hot::OffsetMove;
use tokio::runtime::Handle;

use crate::engine::Engine;
use crate::export::blocking;
use crate::report::{Progress, Stage, SyncReport, TableSync};

/// Tries in a row that bring nothing.
const TRIES: u32 = 5;
/// The wait after the first of them; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(200);
/// The longest wait that a source is granted; one that wants more ends the sync.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

impl Engine {
    /// Brings rows from the sources of these tables (of all that have one, when none is
    /// named) into the hot store, until each is idle or at its end. A table that fails
    /// does not keep the others from going on; what it stored before stays.
    pub async fn sync(&self, tables: &[String], progress: Arc<dyn Progress>) -> Result<SyncReport> {
        let started = Instant::now();
        let mut report = SyncReport::default();
        for (spec, source) in self.sources(tables)? {
            let syncing = Syncing {
                engine: self.clone(),
                spec: Arc::clone(&spec),
                source,
                progress: Arc::clone(&progress),
                runtime: Handle::current(),
            };
            report
                .tables
                .push(blocking(move || Ok(syncing.run())).await.with("table", &spec.name)?);
        }
        report.seconds = started.elapsed().as_secs_f64();
        Ok(report)
    }

    /// The tables that have a source, with it.
    fn sources(&self, tables: &[String]) -> Result<Vec<(Arc<TableSpec>, SourceSpec)>> {
        let mut found = Vec::new();
        for spec in self.tables(tables)? {
            match &spec.source {
                Some(source) => found.push((Arc::clone(&spec), source.clone())),
                None if tables.is_empty() => {}
                None => {
                    return Err(Error::config(format!("table {:?} has no source", spec.name))
                        .with_help(format!("name its plugin under [table.{}.source]", spec.name)));
                }
            }
        }
        if found.is_empty() {
            return Err(Error::config("no table has a source")
                .with_help("name a plugin under [table.<name>.source]"));
        }
        Ok(found)
    }
}

/// How one reader came to its end.
enum Ended {
    /// There is nothing more now, or never.
    Done,
    /// Another one, after so long.
    Again(Duration, Error),
}

/// One table, and what its rows come from. Works on a thread that may block.
struct Syncing {
    engine: Engine,
    spec: Arc<TableSpec>,
    source: SourceSpec,
    progress: Arc<dyn Progress>,
    runtime: Handle,
}

impl Syncing {
    fn run(&self) -> TableSync {
        let name = &self.spec.name;
        let mut report = TableSync {
            table: name.clone(),
            plugin: self.source.plugin.clone(),
            source: self.source.id.clone(),
            ..TableSync::default()
        };
        self.progress.start(name, Stage::Sync, 0);
        let result = self.readers(&mut report);
        self.progress.finish(name, Stage::Sync);
        report.error = result.err().map(|error| (&error.with("table", name)).into());
        report
    }

    /// One reader after the other, while it helps.
    fn readers(&self, report: &mut TableSync) -> Result<()> {
        let mut tries = 0;
        loop {
            let polls = report.polls;
            let (wait, error) = match self.reader(report) {
                Ok(Ended::Done) => return Ok(()),
                Ok(Ended::Again(wait, error)) => (wait, error),
                Err(error) if error.retryable() => (PAUSE, error),
                // Somebody else has brought the rows: go on where they ended.
                Err(error) if error.kind() == ErrorKind::Conflict => (Duration::ZERO, error),
                Err(error) => return Err(error),
            };
            tries = if report.polls > polls { 1 } else { tries + 1 };
            if tries >= TRIES || wait > LONGEST_WAIT {
                return Err(error.with_help("nothing that was stored is lost: sync again later"));
            }
            report.retries += 1;
            let wait = wait.max(PAUSE * 2_u32.pow(tries - 1));
            tracing::warn!(table = self.spec.name, %error, ?wait, "the source is asked again");
            std::thread::sleep(wait);
        }
    }

    /// Opens the source where the stored rows end, and polls it.
    fn reader(&self, report: &mut TableSync) -> Result<Ended> {
        let Self { spec, source, runtime, .. } = self;
        let hot = self.engine.hot();
        let table = runtime.block_on(hot.table(&spec.name))?;
        let mut at = match &table {
            Some(_) => runtime.block_on(hot.offset(&spec.name, &source.id))?,
            None => None,
        };
        report.offset = at.as_deref().map(shown);
        let context = PluginContext { table: spec.name.clone(), unit: "sync".to_owned() };
        let mut reader = self.engine.plugins().source(
            &source.plugin,
            &context,
            &source.options,
            at.as_deref(),
        )?;
        let schema = self.columns(&*reader, table.map(|table| table.schema))?;
        let mut ready = false;
        loop {
            let mut batches: Vec<RecordBatch> = Vec::new();
            let polled = reader.poll(source.max_rows, &mut batches)?;
            if let Next::Wait(wait, reason) = polled.next {
                let error = Error::unavailable(format!("the source asks to wait: {reason}"))
                    .with("plugin", &source.plugin)
                    .with("wait", format!("{wait:?}"));
                return Ok(Ended::Again(wait, error));
            }
            failpoint!("engine.source-polled");
            let batches: Vec<RecordBatch> =
                batches.iter().map(|b| columns::adapt(b, &schema)).collect::<Result<_>>()?;
            if at.as_ref() != Some(&polled.offset) {
                let bytes: usize = batches.iter().map(RecordBatch::get_array_memory_size).sum();
                // A source that never answered leaves no table behind.
                if !ready {
                    runtime.block_on(self.engine.prepare_ingest(&spec.name, &schema))?;
                    ready = true;
                }
                let (from, to) = (at.take(), polled.offset.clone());
                let moved = OffsetMove { source: source.id.clone(), from, to };
                let appended = runtime.block_on(hot.append_from(&spec.name, batches, moved))?;
                failpoint!("engine.source-appended");
                report.rows += appended.rows;
                report.bytes += bytes as u64;
                report.offset = Some(shown(&polled.offset));
                self.progress.advance(&spec.name, Stage::Sync, appended.rows);
                reader.commit(&polled.offset)?;
                failpoint!("engine.source-committed");
            }
            report.polls += 1;
            at = Some(polled.offset);
            match polled.next {
                Next::More => {}
                Next::Idle(wait) => {
                    report.idle_ms = Some(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
                    return Ok(Ended::Done);
                }
                _ => {
                    report.ended = true;
                    return Ok(Ended::Done);
                }
            }
        }
    }

    /// The table's schema, held against the source's; of a table that has none, that one.
    fn columns(&self, reader: &dyn Source, hot: Option<SchemaRef>) -> Result<SchemaRef> {
        let brought = reader.schema();
        let schema = match columns::known(&self.spec, hot) {
            Some((schema, origin)) => {
                columns::check_types(&brought, &schema, &self.spec.time, &origin, "the source")?;
                schema
            }
            None => columns::plain(&brought),
        };
        self.spec.check_schema(&schema, "the source")?;
        Ok(schema)
    }
}

/// An offset for people: its text, or its bytes in hex.
fn shown(offset: &[u8]) -> String {
    match std::str::from_utf8(offset) {
        Ok(text) if !text.is_empty() && !text.contains(char::is_control) => text.to_owned(),
        _ => offset.iter().fold("0x".to_owned(), |text, byte| text + &format!("{byte:02x}")),
    }
}
