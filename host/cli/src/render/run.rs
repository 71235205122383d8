//! What runs, verifications and ingests did.

use std::io::{Result, Write};

use tidelake::{RunReport, TableRun, VerifyReport};
use tidelake_core::time::Micros;

use super::table::{self, Lean};
use super::{bytes, count, counted, error};

/// Writes what a run did.
pub(crate) fn write_run(out: &mut dyn Write, report: &RunReport) -> Result<()> {
    for run in &report.tables {
        writeln!(out, "{}", run.table)?;
        for line in facts(run) {
            writeln!(out, "  {line}")?;
        }
        if run.error.is_some() {
            writeln!(out, "  failed       see the error")?;
        }
    }
    let rows: u64 = report.tables.iter().map(|t| t.rows).sum();
    let size: u64 = report.tables.iter().map(|t| t.arrow_bytes).sum();
    write!(out, "{} in {:.2} s", counted(rows, "row"), report.seconds)?;
    if rows > 0 && report.seconds > 0.0 {
        let a_second = |n: u64| (n as f64 / report.seconds) as u64;
        write!(out, ", {} rows/s, {}/s of Arrow", count(a_second(rows)), bytes(a_second(size)))?;
    }
    writeln!(out)
}

fn facts(run: &TableRun) -> Vec<String> {
    let mut facts = Vec::new();
    if run.rows + run.dropped > 0 {
        let dropped = match run.dropped {
            0 => String::new(),
            n => format!(", {} dropped by transforms", count(n)),
        };
        facts.push(format!(
            "exported     {}{dropped}: {} of Arrow into {}, {}, in {}",
            counted(run.rows, "row"),
            bytes(run.arrow_bytes),
            counted(run.files, "file"),
            bytes(run.file_bytes),
            counted(run.commits, "commit"),
        ));
    }
    if run.verified > 0 {
        facts.push(format!("verified     {}, read back and proven", counted(run.verified, "unit")));
    }
    for rollup in &run.rollups {
        facts.push(format!(
            "rolled up    {}: {} into {}, {}",
            rollup.rollup,
            counted(rollup.source_rows, "row"),
            counted(rollup.rows, "row"),
            counted(rollup.files, "file"),
        ));
    }
    if run.evicted_rows > 0 {
        facts.push(format!("evicted      {} from the hot store", counted(run.evicted_rows, "row")));
    }
    if run.expired_rows > 0 {
        facts.push(format!("expired      {} from the lake", counted(run.expired_rows, "row")));
    }
    if run.orphans > 0 {
        facts.push(format!("cleared up   {} of interrupted runs", counted(run.orphans, "file")));
    }
    if facts.is_empty() && run.error.is_none() {
        facts.push("nothing to do".to_owned());
    }
    if let Some(mark) = run.watermark.filter(|w| w.time != Micros::MIN) {
        facts.push(format!("the lake covers all before {}", mark.time));
    }
    facts
}

/// Writes what reading the lake back found.
pub(crate) fn write_verify(out: &mut dyn Write, reports: &[VerifyReport]) -> Result<()> {
    if reports.is_empty() {
        return writeln!(out, "nothing in the lake yet");
    }
    let columns = [
        ("table", Lean::Left),
        ("files", Lean::Right),
        ("rows", Lean::Right),
        ("size", Lean::Right),
        ("proofs", Lean::Right),
        ("result", Lean::Left),
    ];
    let mut table = table::new(&columns);
    for report in reports {
        let result = match report.problems.len() as u64 {
            0 => "ok".to_owned(),
            n => counted(n, "problem"),
        };
        table.add_row([
            report.table.clone(),
            count(report.files),
            count(report.rows),
            bytes(report.bytes),
            count(report.proofs),
            result,
        ]);
    }
    write!(out, "{}", table::lines(&table, ""))?;
    for problem in reports.iter().flat_map(|r| &r.problems) {
        writeln!(out)?;
        error::write_report(out, problem)?;
    }
    Ok(())
}
