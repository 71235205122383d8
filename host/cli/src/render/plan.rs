//! Plans: what will be done, what waits, and why.

use std::io::{Result, Write};

use tidelake::TablePlan;
use tidelake_core::policy::{Action, Waiting};
use tidelake_core::time::{Micros, TimeRange};

use super::table::{self, Lean};
use super::{bytes, count, counted};

/// One line of a plan: one action, or several alike.
struct Line {
    what: String,
    time: Option<TimeRange>,
    times: u64,
    rows: u64,
    size: Option<u64>,
    why: String,
}

/// Writes a plan; alike actions together unless `all`.
pub(crate) fn write(out: &mut dyn Write, plan: &TablePlan, all: bool) -> Result<()> {
    write!(out, "{} at {}", plan.table, plan.now)?;
    match plan.watermark.map(|w| w.time) {
        Some(time) if time != Micros::MIN => writeln!(out, ": the lake covers all before {time}")?,
        _ => writeln!(out, ": nothing in the lake yet")?,
    }
    if let Some(idle) = &plan.idle {
        return writeln!(out, "  {idle}");
    }
    let actions = join(plan.actions().iter().map(action), all);
    if actions.is_empty() {
        writeln!(out, "  nothing to do")?;
    } else {
        write!(out, "{}", shown(&actions, "will"))?;
    }
    let waiting = join(plan.waiting().iter().map(waiting), all);
    if !waiting.is_empty() {
        write!(out, "\n{}", shown(&waiting, "waits"))?;
    }
    Ok(())
}

fn shown(lines: &[Line], title: &str) -> String {
    let columns = [
        (title, Lean::Left),
        ("from", Lean::Left),
        ("to", Lean::Left),
        ("rows", Lean::Right),
        ("size", Lean::Right),
        ("why", Lean::Left),
    ];
    let mut table = table::new(&columns);
    for line in lines {
        let (from, to) =
            line.time.map_or_else(Default::default, |t| (t.start.to_string(), t.end.to_string()));
        let what = match line.times {
            1 => line.what.clone(),
            n => format!("{} \u{d7}{}", line.what, count(n)),
        };
        let size = line.size.map(bytes).unwrap_or_default();
        table.add_row([what, from, to, count(line.rows), size, line.why.clone()]);
    }
    table::lines(&table, "  ")
}

/// Puts neighbours of one kind and reason together.
fn join(lines: impl Iterator<Item = Line>, all: bool) -> Vec<Line> {
    let mut joined: Vec<Line> = Vec::new();
    for line in lines {
        match joined.last_mut() {
            Some(last) if !all && last.what == line.what && last.why == line.why => {
                last.times += 1;
                last.rows += line.rows;
                last.size = last.size.zip(line.size).map(|(a, b)| a + b);
                if let (Some(a), Some(b)) = (&mut last.time, line.time) {
                    *a = TimeRange::new(a.start.min(b.start), a.end.max(b.end));
                }
            }
            _ => joined.push(line),
        }
    }
    joined
}

fn action(action: &Action) -> Line {
    let line = |what: String, time, rows, size, why: &str| Line {
        what,
        time,
        times: 1,
        rows,
        size,
        why: why.to_owned(),
    };
    match action {
        Action::Export { time, rows, bytes, reason, .. } => {
            line("export".into(), Some(*time), *rows, Some(*bytes), reason)
        }
        Action::Verify { unit, reason } => {
            line("verify".into(), Some(unit.time), unit.rows, None, reason)
        }
        Action::Rollup { rollup, rows, reason } => {
            line(format!("roll up {rollup}"), None, *rows, None, reason)
        }
        Action::Evict { time, rows, reason, .. } => {
            line("evict".into(), Some(*time), *rows, None, reason)
        }
        Action::Expire { time, rows, files, reason } => {
            let why = format!("{reason} ({})", counted(*files, "file"));
            line("expire".into(), Some(*time), *rows, None, &why)
        }
    }
}

fn waiting(waiting: &Waiting) -> Line {
    Line {
        what: waiting.what.to_owned(),
        time: Some(waiting.time),
        times: 1,
        rows: waiting.rows,
        size: None,
        why: waiting.reason.clone(),
    }
}
