//! Where rows are.

use std::io::{Result, Write};

use tidelake::TableStatus;
use tidelake_core::time::Micros;

use super::table::{self, Lean};
use super::{bytes, count, counted};

/// Writes the status of tables.
pub(crate) fn write(out: &mut dyn Write, statuses: &[TableStatus]) -> Result<()> {
    for (i, status) in statuses.iter().enumerate() {
        if i > 0 {
            writeln!(out)?;
        }
        write_table(out, status)?;
    }
    Ok(())
}

fn write_table(out: &mut dyn Write, status: &TableStatus) -> Result<()> {
    let TableStatus { table, format, .. } = status;
    write!(out, "{table}: {}", counted(status.rows, "row"))?;
    if status.files > 0 {
        write!(out, ", {} of {format} in the lake", counted(status.files, "file"))?;
    }
    writeln!(out)?;
    let columns = [
        ("tier", Lean::Left),
        ("rows", Lean::Right),
        ("size", Lean::Right),
        ("from", Lean::Left),
        ("to", Lean::Left),
    ];
    let mut shown = table::new(&columns);
    let tiers = [
        ("hot   (hot store only)", status.hot),
        ("warm  (hot store and lake)", status.warm),
        ("cold  (lake only)", status.cold),
    ];
    let instant = |t: Option<Micros>| t.map(|t| t.to_string()).unwrap_or_default();
    for (name, tier) in tiers.iter().filter(|(_, tier)| tier.rows > 0) {
        shown.add_row([
            (*name).to_owned(),
            count(tier.rows),
            bytes(tier.bytes),
            instant(tier.min_time),
            instant(tier.max_time),
        ]);
    }
    if !shown.is_empty() {
        write!(out, "{}", table::lines(&shown, "  "))?;
    }
    if let Some(mark) = status.watermark.filter(|w| w.time != Micros::MIN) {
        write!(out, "  the lake covers all before {}", mark.time)?;
        match status.last_verified {
            Some(at) => writeln!(out, "; last verified {at}")?,
            None => writeln!(out)?,
        }
    }
    if status.lag_rows > 0 {
        writeln!(out, "  {} due for the lake: `tidelake run`", counted(status.lag_rows, "row"))?;
    }
    if !status.columns.is_empty() {
        let columns: Vec<String> = status.columns.iter().map(|(n, t)| format!("{n} {t}")).collect();
        write!(out, "{}", wrapped("  columns: ", &columns))?;
    }
    Ok(())
}

/// A list over as many lines of 80 columns as it needs.
fn wrapped(title: &str, items: &[String]) -> String {
    let mut text = title.to_owned();
    let mut width = title.len();
    for (i, item) in items.iter().enumerate() {
        let comma = if i + 1 < items.len() { "," } else { "" };
        if i > 0 && width + item.chars().count() + 2 > 80 {
            text.push('\n');
            text.push_str(&" ".repeat(title.len()));
            width = title.len();
        } else if i > 0 {
            text.push(' ');
            width += 1;
        }
        text.push_str(item);
        text.push_str(comma);
        width += item.chars().count() + comma.len();
    }
    text.push('\n');
    text
}
