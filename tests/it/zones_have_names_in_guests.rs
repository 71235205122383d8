//! Guests that read or write times as text know zones by name; those that do not are built
//! without the zones, which are a megabyte of each.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, TimestampMicrosecondArray};
use arrow::datatypes::TimestampMicrosecondType;
use bytes::Bytes;
use serde_json::{Value, json};
use tidelake_core::plugin::{ByteSink, PluginContext, Plugins};
use tidelake_plugin::{HostOptions, PluginHost};

use crate::support::{plugin_cache, plugins, repository};

/// Noon in Berlin, in summer.
const NOON: i64 = 1_719_828_000_000_000;

fn rows() -> RecordBatch {
    let times =
        TimestampMicrosecondArray::from(vec![NOON, NOON + 1]).with_timezone("Europe/Berlin");
    RecordBatch::try_from_iter([("ts", Arc::new(times) as ArrayRef)]).unwrap()
}

fn host() -> PluginHost {
    PluginHost::new(HostOptions {
        plugin_dirs: vec![plugins()],
        cache_dir: plugin_cache(),
        ..HostOptions::default()
    })
    .unwrap()
}

fn transformed(name: &str, options: &Value) -> RecordBatch {
    let (host, rows) = (host(), rows());
    let context = PluginContext { table: "times".into(), unit: "zones".into() };
    let mut stage = host.transform(name, &context, rows.schema(), options).unwrap();
    let mut out: Vec<RecordBatch> = Vec::new();
    stage.process(&rows, &mut out).unwrap();
    stage.finish(&mut out).unwrap();
    out.remove(0)
}

struct Text(Arc<std::sync::Mutex<Vec<u8>>>);

impl ByteSink for Text {
    fn write(&mut self, bytes: Bytes) -> tidelake_core::Result<()> {
        self.0.lock().unwrap().extend_from_slice(&bytes);
        Ok(())
    }
}

#[test]
fn transforms_read_and_write_times_in_a_zone() {
    let texts = transformed("standardize", &json!({"cast": {"ts": "utf8"}}));
    assert_eq!(texts.column(0).as_string::<i32>().value(0), "2024-07-01T12:00:00+02:00");
    let hashed = transformed("mask", &json!({"columns": ["ts"], "salt": "a salt of sixteen"}));
    assert_eq!(hashed.column(0).as_string::<i32>().value(0).len(), 64);
    let options =
        json!({"columns": ["ts"], "method": "redact", "replacement": "2024-07-01 12:00:00"});
    let noon =
        |rows: &RecordBatch| rows.column(0).as_primitive::<TimestampMicrosecondType>().value(0);
    assert_eq!(noon(&transformed("mask", &options)), NOON);
    let options = json!({"where": "ts > '2024-07-01 12:00:00'"});
    assert_eq!(transformed("filter", &options).num_rows(), 1);
}

#[test]
fn json_has_the_offset_of_the_zone() {
    let (host, rows) = (host(), rows());
    let context = PluginContext { table: "times".into(), unit: "zones".into() };
    let text = Text(Arc::default());
    let written = Arc::clone(&text.0);
    let mut writer = host
        .format_writer("format-json", &context, rows.schema(), &[], &json!({}), Box::new(text))
        .unwrap();
    writer.write(&rows).unwrap();
    writer.finish().unwrap();
    let text = String::from_utf8(written.lock().unwrap().clone()).unwrap();
    assert!(text.contains("2024-07-01T12:00:00+02:00"), "{text}");
}

/// Who has the feature is who is built with it, and no one else.
#[test]
fn build_sh_lists_those_with_zones() {
    let plugins = repository().join("plugins");
    let script = std::fs::read_to_string(plugins.join("build.sh")).unwrap();
    let list = script.lines().find_map(|line| line.strip_prefix("zoned=\"")?.strip_suffix('"'));
    let listed: BTreeSet<String> = list.unwrap().split(' ').map(str::to_owned).collect();
    let mut zoned = BTreeSet::new();
    for entry in std::fs::read_dir(plugins).unwrap() {
        let Ok(text) = std::fs::read_to_string(entry.unwrap().path().join("Cargo.toml")) else {
            continue;
        };
        let (needs, _) = text.split_once("[dev-dependencies]").unwrap_or((&text, ""));
        // Expressions cast, and have the feature themselves.
        let has = needs.contains("chrono-tz") || needs.contains("tidelake-expressions.workspace");
        let name =
            text.lines().find_map(|l| l.strip_prefix("name = \"tidelake-")?.strip_suffix('"'));
        if let Some(name) = name.filter(|name| has && *name != "expressions") {
            zoned.insert(name.to_owned());
        }
    }
    assert_eq!(zoned, listed);
}
