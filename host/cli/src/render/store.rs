//! What the author of a storage backend is shown of its speed.

use std::io::{Result, Write};
use std::time::Duration;

use tidelake_core::plugin::PluginInfo;
use tidelake_plugin::measure::Readiness;
use tidelake_plugin::measure::storage::{Measured, Operation};

use super::author::{millis, per_second};
use super::bytes;
use super::table::{self, Lean};

/// Writes what was measured.
pub(crate) fn write_bench(
    out: &mut dyn Write,
    info: &PluginInfo,
    ready: Readiness,
    measured: &Measured,
) -> Result<()> {
    writeln!(out, "{} {}, {}: one call at a time", info.name, info.version, info.kind)?;
    let columns = ["operation", "calls", "MB/s", "calls/s", "median", "slowest"];
    let lean = |(place, name)| (name, if place == 0 { Lean::Left } else { Lean::Right });
    let mut shown = table::new(&columns.into_iter().enumerate().map(lean).collect::<Vec<_>>());
    for operation in &measured.operations {
        let Operation { name, bytes, times } = operation;
        let (count, total) = (times.len() as u64, operation.total());
        let speed = per_second(count * bytes, total) / 1e6;
        shown.add_row([
            (*name).to_owned(),
            count.to_string(),
            if *bytes == 0 { String::new() } else { format!("{speed:.1}") },
            format!("{:.1}", per_second(count, total)),
            millis(operation.median()),
            millis(times.last().copied().unwrap_or_default()),
        ]);
    }
    write!(out, "{}", table::lines(&shown, ""))?;

    let stats = &measured.stats;
    let share = |part: Duration| {
        let share = part.as_secs_f64() / stats.busy.as_secs_f64().max(1e-9) * 100.0;
        format!("{share:.1} %")
    };
    let mut shown = table::new(&[("what", Lean::Left), ("figure", Lean::Right), ("", Lean::Left)]);
    let guest = stats.busy.saturating_sub(stats.waiting);
    for (what, figure, note) in [
        ("time in the guest", share(guest), "its own code, and what moves its bytes"),
        ("time in waiting", share(stats.waiting), "for the store's answers"),
        ("peak memory", bytes(stats.peak_memory), "of one instance"),
        ("ready, compiled", millis(ready.compiled), "the first time on a machine"),
        ("ready, from cache", millis(ready.cached), "every other time"),
    ] {
        shown.add_row([what.to_owned(), figure, note.to_owned()]);
    }
    write!(out, "\n{}", table::lines(&shown, ""))
}
