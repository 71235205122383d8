//! What it costs to hand columns to a guest and to take them back.
//!
//! The `probe` guest moves columns and does nothing else (`guests/probe`), through
//! the same host, SDK and checks as every plugin:
//!
//! | figure | one call of `process` |
//! |---|---|
//! | `crossing_in` | the guest reads every column |
//! | `crossing_out` | the guest emits every column as new data and reads none |
//! | `crossing_call` | every column is passed on by index: no data moves |
//! | `crossing_same` | the same, in bytes that crossed for each row |
//!
//! The baseline copies the same buffers from where they are into memory that was
//! written before: the least that any crossing with one copy can cost. One batch
//! crosses again and again, as in a pipeline whose stages follow each other closely:
//! it is in the processor's cache. `_cold` figures take turns over batches that are
//! together larger than any cache.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Array, ArrayRef, Float64Array, Int64Array, RecordBatch};
use arrow::buffer::Buffer;
use serde_json::json;
use tidelake_core::plugin::{BatchSink, PluginContext, Plugins};
use tidelake_core::{Error, Result};

use crate::measure::{gb_per_second, median};
use crate::plan::Plan;
use crate::report::Figure;
use crate::ticks::{BATCH_ROWS, Ticks};

/// Bytes that cross in one run.
const BYTES: u64 = 2 << 30;
/// Bytes of the batches of a cold run.
const COLD_BYTES: u64 = 512 << 20;
/// Calls in one run that moves no data.
const CALLS: u64 = 20_000;

/// Measures crossing.
pub(crate) fn measure(plan: &Plan) -> Result<Vec<Figure>> {
    let plugins = plan.plugins()?;
    let fixed = [fixed_width(0)];
    let ticks: Vec<RecordBatch> = Ticks::new(BATCH_ROWS as u64, plan.seed).collect();
    let many = COLD_BYTES / bytes_of(&fixed[0]);
    let cold: Vec<RecordBatch> = (0..many).map(|i| fixed_width(i as i64)).collect();

    let mut figures = Vec::new();
    for (suffix, batches) in [("", &fixed[..]), ("_ticks", &ticks[..]), ("_cold", &cold[..])] {
        let calls = BYTES / bytes_of(&batches[0]);
        let memcpy = speed(batches, calls, memcpy(plan.runs(), batches, calls)?);
        for mode in ["in", "out"] {
            // What comes out is always the same buffers of the guest.
            if mode == "out" && suffix == "_cold" {
                continue;
            }
            let time = probe(&plugins, plan.runs(), mode, batches, calls)?;
            figures.push(
                Figure::new(
                    format!("crossing_{mode}{suffix}"),
                    speed(batches, calls, time),
                    "GB/s",
                )
                .against("memcpy", memcpy),
            );
        }
    }
    let crossed = || {
        let stats = plugins.stats().remove("probe").unwrap_or_default();
        (stats.bytes_in + stats.bytes_out, stats.rows_in)
    };
    let before = crossed();
    let call = probe(&plugins, plan.runs(), "same", &fixed, CALLS)?;
    let after = crossed();
    let each_row = (after.0 - before.0) as f64 / (after.1 - before.1) as f64;
    figures.push(Figure::new("crossing_same", each_row, "B/row"));
    figures.push(Figure::new("crossing_call", call.as_secs_f64() * 1e6 / CALLS as f64, "µs"));
    Ok(figures)
}

/// Five columns of 8 bytes a row.
fn fixed_width(first: i64) -> RecordBatch {
    let rows = first..first + BATCH_ROWS as i64;
    let integers = || Arc::new(Int64Array::from_iter_values(rows.clone())) as ArrayRef;
    let floats =
        || Arc::new(Float64Array::from_iter_values(rows.clone().map(|i| i as f64))) as ArrayRef;
    let columns = [integers(), integers(), floats(), floats(), floats()];
    RecordBatch::try_from_iter(["a", "b", "c", "d", "e"].into_iter().zip(columns))
        .unwrap_or_else(|e| unreachable!("the columns are of one length: {e}"))
}

/// The buffers of a batch, as they cross.
fn buffers(batch: &RecordBatch) -> Vec<Buffer> {
    batch.columns().iter().flat_map(|column| column.to_data().buffers().to_vec()).collect()
}

fn bytes_of(batch: &RecordBatch) -> u64 {
    buffers(batch).iter().map(|buffer| buffer.len() as u64).sum()
}

fn speed(batches: &[RecordBatch], calls: u64, time: Duration) -> f64 {
    gb_per_second(bytes_of(&batches[0]) * calls, time)
}

/// Drops what comes out, as a stage does once it has passed a batch on.
#[derive(Default)]
struct Discard {
    rows: u64,
}

impl BatchSink for Discard {
    fn emit(&mut self, batch: RecordBatch) -> Result<()> {
        self.rows += batch.num_rows() as u64;
        Ok(())
    }
}

/// The time of so many calls of the probe.
fn probe(
    plugins: &impl Plugins,
    runs: usize,
    mode: &str,
    batches: &[RecordBatch],
    calls: u64,
) -> Result<Duration> {
    let context = PluginContext { table: "bench".into(), unit: "crossing".into() };
    let options = json!({ "mode": mode });
    let mut stage = plugins.transform("probe", &context, batches[0].schema(), &options)?;
    let mut out = Discard::default();
    let time = median(runs, || {
        for batch in batches.iter().cycle().take(calls as usize) {
            stage.process(batch, &mut out)?;
        }
        Ok(())
    })?;
    stage.finish(&mut out)?;
    let expected = if mode == "in" { 0 } else { batches[0].num_rows() as u64 * calls };
    if out.rows != expected * (runs as u64 + 1) {
        return Err(Error::internal("rows got lost on the way").with("mode", mode));
    }
    Ok(time)
}

/// The time of copying the same buffers.
fn memcpy(runs: usize, batches: &[RecordBatch], calls: u64) -> Result<Duration> {
    let sources: Vec<Vec<Buffer>> = batches.iter().map(buffers).collect();
    let longest = |i: usize| sources.iter().map(|s| s[i].len()).max().unwrap_or(0);
    let mut targets: Vec<Vec<u8>> = (0..sources[0].len()).map(|i| vec![1; longest(i)]).collect();
    median(runs, || {
        for source in sources.iter().cycle().take(calls as usize) {
            for (from, to) in source.iter().zip(&mut targets) {
                to[..from.len()].copy_from_slice(from.as_slice());
                black_box(&mut *to);
            }
        }
        Ok(())
    })
}
