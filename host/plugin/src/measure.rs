//! What a plugin costs, measured: `tidelake plugin bench` prints it.
//!
//! The same work is done again and again on one thread: the plugin is made ready for
//! it, takes all batches, and finishes; what comes out is counted and dropped. The first
//! time is for warming up and does not count.

pub mod storage;

use std::path::Path;
use std::time::{Duration, Instant};

use arrow::array::{Array, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{Field, Schema};
use bytes::Bytes;
use serde_json::Value;
use tidelake_columns::samples::{Flavour, instants};
use tidelake_core::config::PluginConfig;
use tidelake_core::plugin::{
    BatchSink, ByteSink, DownsampleSpec, PluginContext, PluginInfo, PluginKind, Plugins,
};
use tidelake_core::{Error, Result};

use crate::conformance::{Subject, moves_rows, samples};
pub use crate::cpu::thread_time;
use crate::host::{HostOptions, PluginHost};
use crate::stats::PluginStats;

/// Rows of a batch.
const BATCH: usize = 65_536;
/// Rows of a bucket, for downsamplers.
const BUCKET_ROWS: usize = 60;
/// Name of the bucket column.
pub(crate) const BUCKET: &str = "bucket of the host";

/// What was measured.
#[derive(Debug, Clone)]
pub struct Measured {
    /// Rows handed in, each time.
    pub rows: u64,
    /// Their Arrow data, in bytes.
    pub bytes: u64,
    /// How long it took each time, shortest first.
    pub times: Vec<Duration>,
    /// What the host counted, all times together.
    pub stats: PluginStats,
}

impl Measured {
    /// The middle one of the times.
    pub fn median(&self) -> Duration {
        self.times.get(self.times.len() / 2).copied().unwrap_or_default()
    }

    /// How many times as long this took as the same work did elsewhere, by the medians.
    pub fn times_as_long_as(&self, other: &Self) -> f64 {
        self.median().as_secs_f64() / other.median().as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

/// How long it takes until a plugin can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readiness {
    /// The first time: it is compiled.
    pub compiled: Duration,
    /// Every other time: it comes from the cache.
    pub cached: Duration,
}

/// Makes a plugin ready with an empty cache, and again with a full one. `cache` is
/// made for it and removed afterwards; it must not exist.
pub fn readiness(
    file: &Path,
    config: &PluginConfig,
    options: &HostOptions,
    cache: &Path,
) -> Result<Readiness> {
    let ready = || {
        let options = HostOptions { cache_dir: cache.to_owned(), ..options.clone() };
        let start = Instant::now();
        PluginHost::of_file(file, config, options)?;
        Ok::<_, Error>(start.elapsed())
    };
    let measured = ready().and_then(|compiled| Ok(Readiness { compiled, cached: ready()? }));
    // It was made for this, and what is left behind would only cost space.
    let _ = std::fs::remove_dir_all(cache);
    measured
}

/// Runs a plugin `times` times over so many rows (the author's, over and over, or else
/// made-up ones).
pub fn measure(
    host: &PluginHost,
    info: &PluginInfo,
    subject: &Subject,
    rows: u64,
    times: usize,
) -> Result<Measured> {
    moves_rows(info)?;
    if info.kind == PluginKind::Source {
        let what =
            format!("plugin `{}` brings rows of its own: none are put through it", info.name);
        return Err(Error::config(what)
            .with("plugin", &info.name)
            .with_help("`tidelake sync` tells how fast it is where it brings rows from"));
    }
    let batches = batches(info.kind, subject, rows as usize)?;
    let work = Work { host, name: &info.name, subject, batches: &batches };
    work.once(info.kind)?;
    let before = host.stats().remove(&info.name).unwrap_or_default();
    let mut taken = Vec::with_capacity(times);
    for _ in 0..times {
        let start = Instant::now();
        work.once(info.kind)?;
        taken.push(start.elapsed());
    }
    taken.sort();
    let after = host.stats().remove(&info.name).unwrap_or_default();
    Ok(Measured {
        rows: batches.iter().map(|batch| batch.num_rows() as u64).sum(),
        bytes: batches.iter().map(bytes).sum(),
        times: taken,
        stats: since(after, &before),
    })
}

/// What was counted between two moments. Peaks and what instances cost are those of
/// all the time: instances are made when they are first needed.
fn since(after: PluginStats, before: &PluginStats) -> PluginStats {
    PluginStats {
        calls: after.calls - before.calls,
        rows_in: after.rows_in - before.rows_in,
        rows_out: after.rows_out - before.rows_out,
        bytes_in: after.bytes_in - before.bytes_in,
        bytes_out: after.bytes_out - before.bytes_out,
        traps: after.traps - before.traps,
        busy: after.busy.saturating_sub(before.busy),
        cpu: after.cpu.saturating_sub(before.cpu),
        crossing: after.crossing.saturating_sub(before.crossing),
        codec: after.codec.saturating_sub(before.codec),
        waiting: after.waiting.saturating_sub(before.waiting),
        ..after
    }
}

/// Bytes of the rows of a batch, as they stand in its buffers.
fn bytes(batch: &RecordBatch) -> u64 {
    let sizes = batch.columns().iter().map(|c| c.to_data().get_slice_memory_size().unwrap_or(0));
    sizes.sum::<usize>() as u64
}

fn batches(kind: PluginKind, subject: &Subject, rows: usize) -> Result<Vec<RecordBatch>> {
    let failed = |what: String| Error::input(what);
    if rows == 0 {
        return Err(Error::input("nothing can be measured of no rows").with_help("--rows 1000000"));
    }
    let mut made = Vec::new();
    if subject.rows.iter().all(|batch| batch.num_rows() == 0) {
        let samples = samples(subject)?;
        for start in (0..rows).step_by(BATCH) {
            let end = rows.min(start + BATCH);
            made.push(samples.batch(start..end, Flavour::Ordinary).map_err(failed)?);
        }
    } else {
        // Few rows of the author's make whole batches, too: what is measured is the
        // plugin, and not how often it is called.
        let mut left = rows;
        let mut again = subject.rows.iter().cycle();
        while left > 0 {
            let (mut parts, mut room) = (Vec::new(), left.min(BATCH));
            left -= room;
            while room > 0 {
                let Some(batch) = again.next() else { break };
                let part = batch.slice(0, room.min(batch.num_rows()));
                room -= part.num_rows();
                parts.push(part);
            }
            made.push(concat_batches(&subject.schema, &parts)?);
        }
    }
    if kind != PluginKind::Downsampler {
        return Ok(made);
    }
    let mut first = 0;
    made.iter()
        .map(|batch| {
            let start = first;
            first += batch.num_rows();
            with_bucket(batch, subject, start)
        })
        .collect()
}

/// A batch with the start of each row's bucket as its last column, as the engine adds it.
pub(crate) fn with_bucket(
    batch: &RecordBatch,
    subject: &Subject,
    start: usize,
) -> Result<RecordBatch> {
    let schema = batch.schema();
    let time = time(subject)?;
    let data_type = schema.field_with_name(time)?.data_type().clone();
    let mut fields = schema.fields().to_vec();
    fields.push(Field::new(BUCKET, data_type.clone(), false).into());
    let rows = start..start + batch.num_rows();
    let bucket = instants(rows.map(|row| row / BUCKET_ROWS * BUCKET_ROWS), Some(&data_type));
    let columns = batch.columns().iter().cloned().chain([bucket]).collect();
    Ok(RecordBatch::try_new(Schema::new(fields).into(), columns)?)
}

fn time(subject: &Subject) -> Result<&str> {
    subject.time.as_deref().ok_or_else(|| {
        Error::input("the sample table has no time column, which downsamplers need")
            .with_help("say which column it is: --time COLUMN, or `time` in tidelake-test.toml")
    })
}

struct Work<'a> {
    host: &'a PluginHost,
    name: &'a str,
    subject: &'a Subject,
    batches: &'a [RecordBatch],
}

impl Work<'_> {
    /// All of it, once.
    fn once(&self, kind: PluginKind) -> Result<()> {
        let Some(first) = self.batches.first() else { return Ok(()) };
        let (schema, options): (_, &Value) = (first.schema(), &self.subject.options);
        let context = PluginContext { table: "sample".into(), unit: "plugin bench".into() };
        match kind {
            PluginKind::Transform => {
                let mut stage = self.host.transform(self.name, &context, schema, options)?;
                for batch in self.batches {
                    stage.process(batch, &mut Discard)?;
                }
                stage.finish(&mut Discard)
            }
            PluginKind::FormatWriter => {
                let out = Box::new(Discard);
                let mut writer =
                    self.host.format_writer(self.name, &context, schema, &[], options, out)?;
                for batch in self.batches {
                    writer.write(batch)?;
                }
                writer.finish()
            }
            PluginKind::Downsampler => {
                let index = |name: &str| schema.index_of(name).map_err(Error::from);
                let spec = DownsampleSpec {
                    time_column: index(time(self.subject)?)?,
                    bucket_column: index(BUCKET)?,
                    group_columns: self
                        .subject
                        .key
                        .iter()
                        .map(|name| index(name))
                        .collect::<Result<_>>()?,
                };
                let mut aggregator =
                    self.host.downsampler(self.name, &context, schema, &spec, options)?;
                for batch in self.batches {
                    aggregator.update(batch)?;
                }
                aggregator.drain(&mut Discard)
            }
            // `measure` has refused them.
            PluginKind::StorageBackend | PluginKind::Source => Ok(()),
        }
    }
}

/// Drops what comes out: the host has counted it.
struct Discard;

impl BatchSink for Discard {
    fn emit(&mut self, _: RecordBatch) -> Result<()> {
        Ok(())
    }
}

impl ByteSink for Discard {
    fn write(&mut self, _: Bytes) -> Result<()> {
        Ok(())
    }
}
