//! What a sync did.

use std::io::{Result, Write};

use tidelake::{SyncReport, TableSync};

use super::{bytes, count, counted};

/// Characters of an offset that are shown.
const OFFSET: usize = 100;

/// Writes what a sync did.
pub(crate) fn write_sync(out: &mut dyn Write, report: &SyncReport) -> Result<()> {
    for sync in &report.tables {
        writeln!(out, "{} from {}", sync.table, sync.plugin)?;
        for line in facts(sync) {
            writeln!(out, "  {line}")?;
        }
    }
    let rows: u64 = report.tables.iter().map(|t| t.rows).sum();
    write!(out, "{} in {:.2} s", counted(rows, "row"), report.seconds)?;
    if rows > 0 && report.seconds > 0.0 {
        write!(out, ", {} rows/s", count((rows as f64 / report.seconds) as u64))?;
    }
    writeln!(out)
}

fn facts(sync: &TableSync) -> Vec<String> {
    let stored = match sync.rows {
        0 => "stored       nothing new".to_owned(),
        rows => format!(
            "stored       {}, {} of Arrow, in {}",
            counted(rows, "row"),
            bytes(sync.bytes),
            counted(sync.polls, "poll")
        ),
    };
    let mut facts = vec![stored];
    if sync.retries > 0 {
        facts.push(format!("asked again  {}", counted(sync.retries, "time")));
    }
    if let Some(offset) = &sync.offset {
        let shown: String = offset.chars().take(OFFSET).collect();
        let more = if shown.len() < offset.len() { "..." } else { "" };
        facts.push(format!("offset       {shown}{more}"));
    }
    match (&sync.error, sync.ended, sync.idle_ms) {
        (Some(_), ..) => facts.push("failed       see the error".to_owned()),
        (None, true, _) => facts.push("ended        nothing will follow".to_owned()),
        (None, false, Some(ms)) => {
            let next = if ms == 0 { String::new() } else { format!(", to ask again in {ms} ms") };
            facts.push(format!("idle         nothing more now{next}"));
        }
        (None, false, None) => {}
    }
    facts
}
