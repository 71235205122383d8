//! Plugins: one in detail, all in a table.

use std::io::{Result, Write};
use std::time::Duration;

use serde_json::{Value, json};
use tidelake::ErrorReport;
use tidelake_core::config::Runtime;
use tidelake_core::config::lock::Signer;
use tidelake_plugin::options::OptionInfo;
use tidelake_plugin::trust::Origin;
use tidelake_plugin::trust::add::Added;
use tidelake_plugin::trust::report::{Overview, PluginReport};
use tidelake_plugin::trust::signature::Verdict;

use super::table::{self, Lean};
use super::{bytes, count, error};

/// What tables show of a digest or a key's id: enough to tell them apart.
const SHORT: usize = 8;

fn short(text: &str) -> String {
    text.get(..SHORT).unwrap_or(text).to_owned()
}

/// Writes what was added.
pub(crate) fn write_added(out: &mut dyn Write, added: &Added) -> Result<()> {
    let (info, locked) = (&added.info, &added.locked);
    let verb = match &added.earlier {
        Some(earlier) if earlier.sha256 == locked.sha256 => format!("kept {}", info.name),
        Some(earlier) => format!("replaced {} of {} by", earlier.version, info.name),
        None => format!("added {}", info.name),
    };
    writeln!(out, "{verb} {}, a {}: {}", info.version, info.kind, info.description)?;
    writeln!(out, "  sha256   {}", locked.sha256)?;
    match &locked.signer {
        Some(signer) => writeln!(out, "  signer   {}", signer.id)?,
        None => writeln!(out, "  signer   none: it was allowed without")?,
    }
    if locked.source.contains("://") {
        writeln!(out, "  source   {}", locked.source)?;
    }
    if !locked.grants.is_empty() {
        writeln!(out, "  granted  {}", locked.grants.join(", "))?;
    }
    if !added.unused_grants.is_empty() {
        writeln!(out, "  it has no use for {}", added.unused_grants.join(", "))?;
    }
    writeln!(out, "pinned in tidelake.lock; use it with `plugin = \"{}\"`", info.name)
}

/// The same, for machines.
pub(crate) fn added_json(added: &Added) -> Value {
    json!({
        "name": added.info.name,
        "version": added.info.version,
        "kind": added.info.kind,
        "sha256": added.locked.sha256,
        "signer": signer_json(added.locked.signer.as_ref()),
        "grants": added.locked.grants,
        "unused_grants": added.unused_grants,
        "source": added.locked.source,
        "path": added.path,
        "replaced": added.earlier.as_ref().map(|e| e.version.clone()),
    })
}

/// Writes all plugins, and below them why some cannot be used.
pub(crate) fn write_list(out: &mut dyn Write, rows: &[Overview]) -> Result<()> {
    if rows.is_empty() {
        return writeln!(out, "no plugin is installed, added or configured");
    }
    let columns = ["name", "version", "kind", "digest", "signer", "grants", "from"];
    let mut shown = table::new(&columns.map(|name| (name, Lean::Left)));
    for row in rows {
        let (version, kind, digest) = match &row.info {
            Ok(info) => (info.version.clone(), info.kind.to_string(), short(&info.digest)),
            Err(_) if !row.lacks.is_empty() => ("unused".to_owned(), String::new(), String::new()),
            Err(_) => ("refused".to_owned(), String::new(), String::new()),
        };
        let signer = match (&row.signer, row.origin) {
            (Some(signer), _) => short(&signer.id),
            (None, Some(Origin::Installed) | None) => "-".to_owned(),
            (None, _) => "none".to_owned(),
        };
        let grants = match row.grants.is_empty() {
            true => "-".to_owned(),
            false => row.grants.join(" "),
        };
        let from = row.origin.map(|origin| origin.to_string()).unwrap_or_default();
        shown.add_row([row.name.clone(), version, kind, digest, signer, grants, from]);
    }
    write!(out, "{}", table::lines(&shown, ""))?;
    write_work(out, rows)?;
    for row in rows.iter() {
        let Some(why) = &row.refused else { continue };
        writeln!(out, "\n{}: its newest version was refused while it ran:", row.name)?;
        why.lines().try_for_each(|line| writeln!(out, "  {line}"))?;
    }
    for row in rows.iter().filter(|row| !row.lacks.is_empty()) {
        let list: Vec<String> = row.lacks.iter().map(|lacking| format!("{lacking:?}")).collect();
        writeln!(out, "\n{} is not in use; to use it, grant what it imports:", row.name)?;
        writeln!(out, "  [plugin.{}]\n  grants = [{}]", row.name, list.join(", "))?;
    }
    for row in rows.iter().filter(|row| row.lacks.is_empty()) {
        let Err(problem) = &row.info else { continue };
        writeln!(out)?;
        error::write(out, problem)?;
    }
    Ok(())
}

/// Writes what those did that did something.
fn write_work(out: &mut dyn Write, rows: &[Overview]) -> Result<()> {
    let right = |name| (name, Lean::Right);
    let columns = ["calls", "rows", "CPU time", "peak memory", "traps"].map(right);
    let mut shown = table::new(&[&[("worked", Lean::Left)], &columns[..]].concat());
    let mut any = false;
    for row in rows {
        let Some(stats) = &row.stats else { continue };
        any = true;
        shown.add_row([
            row.name.clone(),
            count(stats.calls),
            count(stats.rows_in),
            seconds(Duration::from_nanos(stats.cpu_nanos)),
            bytes(stats.peak_memory),
            count(stats.traps),
        ]);
    }
    match any {
        true => write!(out, "\n{}", table::lines(&shown, "")),
        false => Ok(()),
    }
}

/// A time for people: `12 ms`, `3.4 s`, `2 h 5 min`.
fn seconds(time: Duration) -> String {
    let (millis, seconds) = (time.as_millis(), time.as_secs());
    match (seconds, millis) {
        (_, ..1_000) => format!("{millis} ms"),
        (..60, _) => format!("{:.1} s", time.as_secs_f64()),
        (..3_600, _) => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
    }
}

/// The same, for machines.
pub(crate) fn list_json(rows: &[Overview]) -> Value {
    let row = |row: &Overview| {
        let info = row.info.as_ref().ok();
        json!({
            "name": row.name,
            "version": info.map(|info| info.version.clone()),
            "kind": info.map(|info| info.kind),
            "description": info.map(|info| info.description.clone()),
            "sha256": info.map(|info| info.digest.clone()),
            "signer": signer_json(row.signer.as_ref()),
            "grants": row.grants,
            "from": row.origin.map(|origin| origin.to_string()),
            "path": row.path,
            "stats": row.stats,
            "earlier": row.earlier,
            "refused": row.refused,
            "lacks": row.lacks,
            "error": row.info.as_ref().err().map(ErrorReport::from),
        })
    };
    rows.iter().map(row).collect()
}

/// Writes all that is known about one plugin.
pub(crate) fn write_report(out: &mut dyn Write, report: &PluginReport) -> Result<()> {
    let mut fact = |name: &str, text: &str| writeln!(out, "{name:<11}{text}");
    match &report.info {
        Ok(info) => {
            fact("name", &info.name)?;
            fact("version", &info.version)?;
            if !info.description.is_empty() {
                fact("about", &info.description)?;
            }
        }
        Err(_) => fact("name", "not asked: see below")?,
    }
    fact("kind", &report.kind.to_string())?;
    let native = report.runtime == Runtime::Native;
    fact(
        "built for",
        &match native {
            true => format!("version {} of the native interface", report.interface),
            false => format!("tidelake:plugin@{}", report.interface),
        },
    )?;
    fact("file", &format!("{} ({})", report.path.display(), report.origin))?;
    fact("size", &bytes(report.size))?;
    fact("sha256", &report.sha256)?;
    // Where a library lies says nothing of whose it is.
    let origin = if native { Origin::File } else { report.origin };
    fact("signature", &verdict(&report.signature, origin))?;
    if let Verdict::Signed { comment, .. } = &report.signature {
        fact("", comment)?;
    }
    let wanted: Vec<String> = report
        .imports
        .iter()
        .filter(|import| import.capability.is_some())
        .map(|import| {
            let state = if import.granted { "granted" } else { "not granted" };
            format!("{} ({state})", import.name)
        })
        .collect();
    fact(
        "may reach",
        &match wanted.is_empty() {
            true if native => "all that this process can reach: it is native".to_owned(),
            true => "nothing but its data".to_owned(),
            false => wanted.join(", "),
        },
    )?;
    // What a language's runtime imports of WASI is long, and tells nothing.
    let ordinary = report.imports.iter().filter(|import| import.capability.is_none());
    let (runtime, own): (Vec<_>, Vec<_>) = ordinary.partition(|i| i.name.starts_with("wasi:"));
    let mut own: Vec<String> = own.iter().map(|import| import.name.clone()).collect();
    if !runtime.is_empty() {
        own.push(format!("{} of WASI, which have no effect", runtime.len()));
    }
    for (i, import) in own.iter().enumerate() {
        fact(if i == 0 { "imports" } else { "" }, import)?;
    }
    if !report.options.is_empty() {
        writeln!(out, "options")?;
        write!(out, "{}", table::lines(&options(&report.options), "  "))?;
    }
    if let Err(problem) = &report.info {
        writeln!(out)?;
        error::write(out, problem)?;
    }
    Ok(())
}

fn options(options: &[OptionInfo]) -> comfy_table::Table {
    let columns = ["name", "takes", "default", ""].map(|name| (name, Lean::Left));
    let mut shown = table::new(&columns);
    for option in options {
        let default = match (&option.default, option.required) {
            (_, true) => "required".to_owned(),
            (Some(default), _) => default.to_string(),
            (None, _) => String::new(),
        };
        shown.add_row([
            option.name.clone(),
            option.takes.clone(),
            default,
            option.description.replace('\n', " "),
        ]);
    }
    shown
}

fn verdict(verdict: &Verdict, origin: Origin) -> String {
    match verdict {
        _ if origin == Origin::Installed => "not asked: it came with the installation".to_owned(),
        Verdict::Unsigned => "none".to_owned(),
        Verdict::Signed { signer, .. } => format!("good, of key {}", signer.id),
        Verdict::Stranger { id } => format!("of key {id}, which is not trusted here"),
        Verdict::Bad { what } => format!("bad: {what}"),
    }
}

/// The same, for machines.
pub(crate) fn report_json(report: &PluginReport) -> Value {
    let signature = match &report.signature {
        Verdict::Unsigned => json!({ "state": "none" }),
        Verdict::Signed { signer, comment } => {
            json!({ "state": "good", "id": signer.id, "key": signer.key, "comment": comment })
        }
        Verdict::Stranger { id } => json!({ "state": "unknown key", "id": id }),
        Verdict::Bad { what } => json!({ "state": "bad", "why": what }),
    };
    let imports: Vec<Value> = report
        .imports
        .iter()
        .map(|i| json!({ "name": i.name, "capability": i.capability, "granted": i.granted }))
        .collect();
    let options: Vec<Value> = report
        .options
        .iter()
        .map(|o| {
            json!({
                "name": o.name,
                "takes": o.takes,
                "required": o.required,
                "default": o.default,
                "description": o.description,
            })
        })
        .collect();
    let info = report.info.as_ref().ok();
    json!({
        "name": info.map(|info| info.name.clone()),
        "version": info.map(|info| info.version.clone()),
        "description": info.map(|info| info.description.clone()),
        "kind": report.kind,
        "runtime": report.runtime.name(),
        "interface": report.interface,
        "path": report.path,
        "from": report.origin.to_string(),
        "size": report.size,
        "sha256": report.sha256,
        "signature": signature,
        "imports": imports,
        "options": options,
        "schema": info.map(|info| info.options.clone()),
        "error": report.info.as_ref().err().map(ErrorReport::from),
    })
}

fn signer_json(signer: Option<&Signer>) -> Value {
    signer.map_or(Value::Null, |signer| json!({ "id": signer.id, "key": signer.key }))
}

#[cfg(test)]
mod tests {
    use tidelake_core::plugin::{PluginInfo, PluginKind};
    use tidelake_plugin::KeptStats;

    use super::*;

    #[test]
    fn a_list_reads_well_at_80_columns() {
        let info = PluginInfo {
            name: "spread".into(),
            version: "0.12.1".into(),
            kind: PluginKind::Transform,
            description: String::new(),
            options: Value::Null,
            row_wise: true,
            file_format: None,
            extension: None,
            digest: "0123456789abcdef".repeat(4),
        };
        let stats = KeptStats {
            calls: 1_234_567,
            rows_in: 98_765_432_109,
            rows_out: 98_765_432_109,
            traps: 12,
            cpu_nanos: 7_512_000_000_000,
            peak_memory: 63_500_000,
            ..KeptStats::default()
        };
        let signer = Signer { id: "6A2B000011112222".into(), key: "RW".into() };
        let row = Overview {
            name: "spread".into(),
            origin: Some(Origin::Added),
            path: None,
            signer: Some(signer),
            grants: vec![],
            info: Ok(info.clone()),
            lacks: vec![],
            stats: Some(stats),
            earlier: vec![],
            refused: Some("it is not signed".into()),
        };
        let info = PluginInfo { name: "mask".into(), ..info };
        let idle = Overview {
            name: "mask".into(),
            origin: Some(Origin::Installed),
            path: None,
            signer: None,
            grants: vec!["clock".into(), "wasi:http".into()],
            info: Ok(info),
            lacks: vec![],
            stats: None,
            earlier: vec![],
            refused: None,
        };
        let mut out = Vec::new();
        write_list(&mut out, &[row, idle]).expect("written");
        let text = String::from_utf8(out).expect("text");
        let expected = "\
name    version  kind       digest    signer    grants           from
spread  0.12.1   transform  01234567  6A2B0000  -                added
mask    0.12.1   transform  01234567  -         clock wasi:http  installed

worked      calls            rows   CPU time  peak memory  traps
spread  1,234,567  98,765,432,109  2 h 5 min      63.5 MB     12

spread: its newest version was refused while it ran:
  it is not signed
";
        assert_eq!(text, expected);
    }

    #[test]
    fn times_for_people() {
        let of = |millis| seconds(Duration::from_millis(millis));
        assert_eq!([of(0), of(999), of(3_400)], ["0 ms", "999 ms", "3.4 s"]);
        assert_eq!([of(65_000), of(7_512_000)], ["1 min 5 s", "2 h 5 min"]);
    }
}
