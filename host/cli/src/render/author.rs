//! What the author of a plugin is shown: what was built, checked and measured.

use std::io::{Result, Write};
use std::time::Duration;

use comfy_table::ColumnConstraint;
use tidelake_core::plugin::PluginInfo;
use tidelake_plugin::conformance::{Check, Verdict};
use tidelake_plugin::measure::{Measured, Readiness};
use tidelake_plugin::trust::report::PluginReport;

use super::table::{self, Lean};
use super::{bytes, count, counted};

/// Writes what came out of a build.
pub(crate) fn write_built(
    out: &mut dyn Write,
    report: &PluginReport,
    info: &PluginInfo,
) -> Result<()> {
    writeln!(out, "built {}", report.path.display())?;
    writeln!(out, "  {} {}, a {}: {}", info.name, info.version, info.kind, info.description)?;
    let reach: Vec<&str> = report.imports.iter().filter_map(|i| i.capability.as_deref()).collect();
    let reach = if reach.is_empty() { "nothing but its data".into() } else { reach.join(", ") };
    for (name, fact) in [
        ("built for", format!("tidelake:plugin@{}", report.interface)),
        ("may reach", reach),
        ("size", bytes(report.size)),
        ("sha256", report.sha256.clone()),
    ] {
        writeln!(out, "  {name:<11}{fact}")?;
    }
    Ok(())
}

/// Writes every check, and how many ended how.
pub(crate) fn write_checks(out: &mut dyn Write, info: &PluginInfo, checks: &[Check]) -> Result<()> {
    let mut shown = table::new(&["check", "", ""].map(|name| (name, Lean::Left)));
    // Names stay on one line; notes have what is left.
    if let Some(names) = shown.column_mut(0) {
        names.set_constraint(ColumnConstraint::ContentWidth);
    }
    for Check { name, verdict, note } in checks {
        shown.add_row([name.clone(), verdict.to_string(), brief(note)]);
    }
    write!(out, "{}", table::lines(&shown, ""))?;
    // What is to be mended is not cut off.
    for check in checks.iter().filter(|check| check.verdict == Verdict::Failed) {
        writeln!(out, "\nfailed: {}\n  {}", check.name, check.note)?;
    }
    let of = |verdict| checks.iter().filter(|check| check.verdict == verdict).count();
    let all = [Verdict::Passed, Verdict::Refused, Verdict::Skipped, Verdict::Failed];
    let counts = all.map(|verdict| (of(verdict), verdict));
    let counts = counts.iter().filter(|(n, _)| *n > 0).map(|(n, verdict)| format!("{n} {verdict}"));
    let counts: Vec<String> = counts.collect();
    writeln!(out, "\n{} {}, {}: {}", info.name, info.version, info.kind, counts.join(", "))
}

/// The beginning of a note, for a table.
fn brief(note: &str) -> String {
    const CHARS: usize = 90;
    match note.char_indices().nth(CHARS) {
        Some((cut, _)) => format!("{}...", &note[..cut]),
        None => note.to_owned(),
    }
}

/// So many of something in each second.
pub(crate) fn per_second(amount: u64, time: Duration) -> f64 {
    amount as f64 / time.as_secs_f64().max(1e-9)
}

/// So many of something in each second: at worst, in the middle, at best.
fn rates(measured: &Measured, amount: u64) -> (f64, f64, f64) {
    let at = |time: Option<&Duration>| time.map_or(0.0, |t| per_second(amount, *t));
    let middle = per_second(amount, measured.median());
    (at(measured.times.last()), middle, at(measured.times.first()))
}

/// Writes what was measured, beside a native build if there is one.
pub(crate) fn write_bench(
    out: &mut dyn Write,
    info: &PluginInfo,
    ready: Readiness,
    measured: &Measured,
    native: Option<&Measured>,
) -> Result<()> {
    let stats = &measured.stats;
    let times = measured.times.len() as u64;
    let share = |part: Duration| {
        let share = part.as_secs_f64() / stats.busy.as_secs_f64().max(1e-9) * 100.0;
        format!("{share:.1} %")
    };
    let each = |total: u64| total / times.max(1);
    let (slow, rows, fast) = rates(measured, measured.rows);
    let (_, mb, _) = rates(measured, measured.bytes);
    let guest = stats.busy.saturating_sub(stats.crossing).saturating_sub(stats.codec);
    let made = Duration::from_nanos(
        (stats.instantiation.as_nanos() / u128::from(stats.instances.max(1))) as u64,
    );

    writeln!(
        out,
        "{} {}, {}: {}, {} of Arrow, {}",
        info.name,
        info.version,
        info.kind,
        counted(measured.rows, "row"),
        bytes(measured.bytes),
        counted(times, "time"),
    )?;
    let mut shown = table::new(&[("what", Lean::Left), ("figure", Lean::Right), ("", Lean::Left)]);
    let spread = format!("median; {} to {}", count(slow as u64), count(fast as u64));
    for (what, figure, note) in [
        ("rows/s", count(rows as u64), spread),
        ("MB/s of Arrow", format!("{:.1}", mb / 1e6), String::new()),
        ("time in the guest", share(guest), "its own code".to_owned()),
        ("time in crossing", share(stats.crossing), crossed(stats, each)),
        ("time in codecs", share(stats.codec), "compression, by the host".to_owned()),
        ("rows out", count(each(stats.rows_out)), "each time".to_owned()),
        ("calls", count(each(stats.calls)), "each time".to_owned()),
        ("peak memory", bytes(stats.peak_memory), "of one instance".to_owned()),
        ("instantiation", millis(made), format!("mean of {}", stats.instances)),
        ("ready, compiled", millis(ready.compiled), "the first time on a machine".to_owned()),
        ("ready, from cache", millis(ready.cached), "every other time".to_owned()),
    ] {
        shown.add_row([what.to_owned(), figure, note]);
    }
    if let Some(native) = native {
        let (slow, rows, fast) = rates(native, native.rows);
        let spread = format!("median; {} to {}", count(slow as u64), count(fast as u64));
        shown.add_row(["native, rows/s".to_owned(), count(rows as u64), spread]);
        let ratio = format!("{:.2}", measured.times_as_long_as(native));
        let note = "times as long as natively".to_owned();
        shown.add_row(["component / native".to_owned(), ratio, note]);
    }
    write!(out, "{}", table::lines(&shown, ""))
}

fn crossed(stats: &tidelake_plugin::PluginStats, each: impl Fn(u64) -> u64) -> String {
    format!("{} in, {} out, each time", bytes(each(stats.bytes_in)), bytes(each(stats.bytes_out)))
}

/// A short time.
pub(crate) fn millis(time: Duration) -> String {
    format!("{:.3} ms", time.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_notes_are_cut_in_tables() {
        assert_eq!(brief("short"), "short");
        let cut = brief(&"ü".repeat(200));
        assert!(cut.ends_with("...") && cut.chars().count() == 93);
    }

    #[test]
    fn rates_are_per_second() {
        assert_eq!(per_second(10, Duration::from_millis(500)), 20.0);
        assert!(per_second(1, Duration::ZERO).is_finite());
    }
}
