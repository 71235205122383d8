//! Every plugin that ships with tidelake gives the same as a native library as it does as
//! a component: rows, digests, files, errors; and keeps to the conformance suite.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use serde_json::{Value, json};
use tidelake_core::config::{PluginConfig, Runtime, TrustConfig};
use tidelake_plugin::conformance::{Subject, Suite, Verdict, agree};
use tidelake_plugin::{HostOptions, PluginHost};

use crate::support::stranger::QUOTES;
use crate::support::{Project, native_plugin, plugin_cache, plugins, sign};

/// All of them, with options for the suite's table of ticks.
fn every_plugin() -> Vec<(&'static str, Value)> {
    vec![
        ("mask", json!({"columns": ["symbol"], "salt": "a salt of sixteen"})),
        ("standardize", json!({"rename": {"size": "quantity"}})),
        ("filter", json!({"where": "price > 0"})),
        (
            "features",
            json!({
                "key": ["symbol"],
                "time": "ts",
                "features": [{"name": "before", "kind": "lag", "column": "price", "periods": 1}]
            }),
        ),
        ("ohlcv", json!({"price": "price", "volume": "size"})),
        ("stats", json!({"columns": ["price", "size"]})),
        ("lttb", json!({"value": "price"})),
        ("format-parquet", json!({"compression": "zstd(3)"})),
        ("format-parquet", json!({"compression": "snappy"})),
        ("format-json", json!({})),
        ("format-json", json!({"compression": "zstd(1)"})),
        ("format-avro", json!({})),
        ("format-avro", json!({"compression": "snappy"})),
        ("format-avro", json!({"compression": "zstd(1)"})),
        ("format-orc", json!({})),
        ("format-orc", json!({"compression": "snappy", "row_index_stride": 100})),
    ]
}

fn subject(name: &str, options: Value) -> Subject {
    let plain = Subject::default();
    // A time column with nulls is no time column for what remembers rows.
    let mut fields: Vec<Arc<Field>> = plain.schema.fields().to_vec();
    let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    fields[0] = Arc::new(Field::new("ts", utc, name == "mask"));
    Subject { schema: Arc::new(Schema::new(fields)), options, ..plain }
}

fn components(cap: u64) -> PluginHost {
    PluginHost::new(HostOptions {
        plugin_dirs: vec![plugins()],
        cache_dir: plugin_cache(),
        output_cap: cap,
        ..HostOptions::default()
    })
    .unwrap()
}

fn libraries(key: &str, names: &[&str], directory: &Path, cap: u64) -> PluginHost {
    let config = |name: &str| PluginConfig {
        runtime: Runtime::Native,
        source: Some(directory.join(format!("{name}.so"))),
        ..PluginConfig::default()
    };
    let sources = names.iter().map(|name| ((*name).to_owned(), config(name)));
    PluginHost::new(HostOptions {
        sources: sources.collect::<BTreeMap<_, _>>(),
        trust: TrustConfig { trusted_keys: vec![key.to_owned()], allow_unsigned: false },
        cache_dir: plugin_cache(),
        output_cap: cap,
        ..HostOptions::default()
    })
    .unwrap()
}

#[test]
fn every_plugin_gives_the_same_natively() {
    let project = Project::new("");
    let mut wrong = Vec::new();
    let mut names: Vec<&str> = every_plugin().iter().map(|(name, _)| *name).collect();
    names.dedup();
    let mut key = None;
    for name in &names {
        let path =
            project.write(&format!("{name}.so"), std::fs::read(native_plugin(name)).unwrap());
        key = Some(sign(&project, "mine", &path));
    }
    let key = key.unwrap();
    let cap = HostOptions::default().output_cap;
    let (wasm, native) = (components(cap), libraries(&key, &names, &project.root, cap));
    let tight = libraries(&key, &names, &project.root, 64 << 10);
    for (name, options) in every_plugin() {
        let subject = subject(name, options.clone());
        let checks = agree(&wasm, &native, name, &subject).unwrap();
        let ran = checks.iter().filter(|check| check.note.contains(" rows come out")).count()
            + checks.iter().filter(|check| check.note.ends_with(" bytes")).count();
        assert!(ran > 3, "{name} {options} was hardly asked: {checks:?}");
        let suite = Suite::new(&native, name, &subject).unwrap().under_cap(&tight);
        let checks = checks.into_iter().chain(suite.run(&mut |_| {}));
        wrong.extend(
            checks
                .filter(|check| check.verdict == Verdict::Failed)
                .map(|check| format!("{name} {options}: {}: {}", check.name, check.note)),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_run_with_a_native_plugin_gives_what_the_component_gives() {
    let config = |native: &str| {
        let table = QUOTES.replace("spread", "mask");
        format!(
            r#"{table}options = {{ columns = ["symbol"], salt = "a salt of sixteen" }}
{native}"#
        )
    };
    let rows = "ts,symbol,price\n2024-03-01T10:00:00Z,AAA,1.5\n2024-03-01T11:00:00Z,BBB,2.5\n\
                2024-03-09T10:00:00Z,AAA,3.5\n";
    let answer = |project: &Project| {
        project.write("quotes.csv", rows);
        let file = project.root.join("quotes.csv");
        project.run(&["ingest", "quotes", &file.to_string_lossy()]).success();
        project.run(&["run", "--now", "2024-03-10"]).success();
        project.query("SELECT symbol, ts, price FROM quotes ORDER BY ts")
    };
    let wasm = answer(&Project::new(&config("")));
    assert_eq!(wasm.len(), 3);

    let project = Project::new(&config("\n[plugin.mask]\nruntime = \"native\"\n"));
    let library = project.write("mask.so", std::fs::read(native_plugin("mask")).unwrap());
    let source = library.to_string_lossy().into_owned();
    let key = sign(&project, "mine", &library);
    project.run(&["plugin", "add", &source]).fails(1, &["not trusted"]);
    for (args, says) in [
        (&["plugin", "add", &source, "--trust", &key][..], "added mask"),
        (&["plugin", "list"], "mask"),
        (&["plugin", "inspect", "mask"], "version 1 of the native interface"),
    ] {
        let shown = project.run(args).success();
        assert!(shown.stdout.contains(says), "{shown:?}");
    }
    assert_eq!(answer(&project), wasm);
}
