//! A process that goes on while its plugins are replaced: a new version is taken when
//! the next piece of work begins, one that may not run is not, and state goes over.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arrow::array::cast::AsArray;
use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::UInt64Type;
use serde_json::{Value, json};
use tidelake::{Engine, OpenOptions, Silent};
use tidelake_core::clock::Clock;
use tidelake_core::config;
use tidelake_core::plugin::{PluginContext, Plugins, Transform};
use tidelake_core::time::Micros;
use tidelake_plugin::{PluginHost, ReloadableTransform, Upgrade};

use crate::support::stranger::{QUOTES, Scene, importing, note_section};
use crate::support::{plugin_cache, plugins, repository};

const DAY: i64 = 86_400_000_000;

/// A clock that is set by hand.
#[derive(Debug, Default)]
struct Hand(AtomicI64);

impl Clock for Hand {
    fn now(&self) -> Micros {
        Micros(self.0.load(Ordering::SeqCst))
    }
}

fn options(clock: Arc<Hand>) -> OpenOptions {
    OpenOptions {
        clock,
        plugin_dirs: vec![plugins()],
        cache_dir: Some(plugin_cache()),
        ..OpenOptions::default()
    }
}

/// The plugins of a project, as a process that goes on has them.
fn host(root: &Path) -> PluginHost {
    let text = std::fs::read_to_string(root.join("tidelake.toml")).unwrap();
    let config = config::parse(&text).unwrap();
    Engine::plugin_host(root, &config, &options(Arc::default())).unwrap()
}

/// A project that names its plugin's file, signed or not.
fn configured() -> Scene {
    Scene::new(&format!(
        "{QUOTES}\n[plugin.spread]\nsource = \"spread.wasm\"\nallow_unsigned = true\n"
    ))
}

fn quotes(from: i64, rows: i64) -> RecordBatch {
    let times: Vec<i64> = (0..rows).map(|i| from + i * 1_000_000).collect();
    let bids: Vec<f64> = (0..rows).map(|i| 99.0 + i as f64).collect();
    let asks: Vec<f64> = bids.iter().map(|bid| bid + 2.0).collect();
    let columns: [(&str, ArrayRef); 4] = [
        ("ts", Arc::new(TimestampMicrosecondArray::from(times).with_timezone("UTC"))),
        ("symbol", Arc::new(StringArray::from(vec!["A"; rows as usize]))),
        ("bid", Arc::new(Float64Array::from(bids))),
        ("ask", Arc::new(Float64Array::from(asks))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn digest(host: &dyn Plugins, name: &str) -> String {
    host.describe(name).unwrap().digest
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_run_of_an_engine_takes_the_new_version() {
    let scene = configured();
    let root = &scene.project.root;
    let text = std::fs::read_to_string(root.join("tidelake.toml")).unwrap();
    let clock = Arc::new(Hand::default());
    let engine = Engine::open(root, config::parse(&text).unwrap(), options(clock.clone())).unwrap();
    let start = Micros::parse("2024-03-01").unwrap().0;
    let day = async |number: i64| {
        let batch = quotes(start + number * DAY, 100);
        engine.prepare_ingest("quotes", &batch.schema()).await.unwrap();
        engine.append("quotes", vec![batch]).await.unwrap();
        clock.0.store(start + (number + 60) * DAY, Ordering::SeqCst);
        let report = engine.run(&[], Arc::new(Silent)).await.unwrap();
        assert!(report.tables[0].error.is_none(), "{report:?}");
        assert_eq!(report.tables[0].rows, 100, "{report:?}");
    };
    day(0).await;
    let first = digest(&**engine.plugins(), "spread");
    scene.build_anew("second");
    day(1).await;
    let second = digest(&**engine.plugins(), "spread");
    assert_ne!(first, second);

    // Work that began keeps its version, work that begins has the newest.
    let view = engine.plugins().hold().unwrap();
    assert_eq!(digest(&*view, "spread"), second);
    scene.build_anew("third");
    day(2).await;
    assert_eq!(digest(&*view, "spread"), second);
    assert_ne!(digest(&**engine.plugins(), "spread"), second);
    drop((view, engine));

    // Each version did its hundred rows, and this is told when the process is gone.
    let row = list(&scene);
    let earlier = row["earlier"].as_array().unwrap();
    let versions: Vec<&Value> = earlier.iter().chain([&row["stats"]]).collect();
    assert_eq!(versions.len(), 3, "{row:#}");
    assert_eq!(versions[0]["digest"], first.as_str());
    for version in versions {
        assert_eq!((&version["rows_in"], &version["rows_out"]), (&100.into(), &100.into()));
        assert_eq!(version["traps"], 0);
        assert!(version["cpu_nanos"].as_u64() > Some(0), "{version:#}");
        assert!(version["peak_memory"].as_u64() > Some(0), "{version:#}");
    }
    let sql = "SELECT count(*) AS n, count(DISTINCT ts) AS t, sum(mid) AS mid FROM quotes";
    let rows = scene.project.query(sql);
    assert_eq!(rows[0], json!({ "n": 300, "t": 300, "mid": 3.0 * (100.0 * 100.0 + 4950.0) }));
    let table = scene.project.run(&["plugin", "list"]).success().stdout;
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    for part in ["worked", "calls", "rows", "CPU time", "peak memory", "traps"] {
        assert!(table.contains(part), "{part} is not in\n{table}");
    }
}

/// The plugin as a list of another process shows it.
fn list(scene: &Scene) -> Value {
    let list = scene.project.json(&["plugin", "list"]);
    list.as_array().unwrap().iter().find(|row| row["name"] == "spread").unwrap().clone()
}

/// Sends some rows through a transform; rows that came out.
fn rows(transform: &mut dyn Transform, batch: &RecordBatch) -> usize {
    let mut out: Vec<RecordBatch> = Vec::new();
    transform.process(batch, &mut out).unwrap();
    out.iter().map(RecordBatch::num_rows).sum()
}

#[test]
fn a_version_that_may_not_run_is_not_taken_and_the_old_one_goes_on() {
    let scene = configured();
    let host = host(&scene.project.root);
    let batch = quotes(0, 10);
    let context = PluginContext { table: "quotes".into(), unit: "test".into() };
    let start = || host.transform("spread", &context, batch.schema(), &Value::Null).unwrap();
    let mut running = start();
    let first = digest(&host, "spread");
    let compiled = host.compilations();
    for (bytes, says) in [
        (importing("tidelake:plugin/kv@0.1.0"), "not granted"),
        (b"half a file".to_vec(), "not WebAssembly"),
    ] {
        std::fs::write(&scene.wasm, bytes).unwrap();
        assert_eq!(digest(&host, "spread"), first);
        assert!(host.refused()["spread"].contains(says), "{:?}", host.refused());
        assert_eq!(rows(&mut *start(), &batch), 10);
        assert_eq!(rows(&mut *running, &batch), 10);
    }
    // Neither was compiled, nor looked at again before it changed.
    assert_eq!(host.compilations(), compiled);
    // The name of another plugin's: loaded, and refused by what it says of itself.
    let mask = std::fs::read(plugins().join("mask.wasm")).unwrap();
    std::fs::write(&scene.wasm, mask).unwrap();
    assert_eq!(digest(&host, "spread"), first);
    assert!(host.refused()["spread"].contains("mask"), "{:?}", host.refused());
    std::fs::remove_file(&scene.wasm).unwrap();
    assert_eq!(digest(&host, "spread"), first);

    // Told to others, too, until there is one that may run.
    host.keep_stats();
    scene.build_anew("mended");
    assert!(list(&scene)["refused"].as_str().unwrap().contains("spread"), "{:#}", list(&scene));
    assert_ne!(digest(&host, "spread"), first);
    assert!(host.refused().is_empty());
    // What began with the old version ends with it.
    assert_eq!(rows(&mut *running, &batch), 10);
    assert_eq!(rows(&mut *start(), &batch), 10);
    host.keep_stats();
    assert!(list(&scene)["refused"].is_null());
    assert_eq!(host.stats()["spread"].rows_in, 10, "the new version's own");
}

#[test]
fn what_is_added_meanwhile_is_taken_from_the_lock() {
    let scene = Scene::new(QUOTES);
    let key = scene.keygen("acme");
    scene.sign("acme");
    scene.add(&["--trust", &key]).success();
    let host = host(&scene.project.root);
    let first = digest(&host, "spread");
    scene.build_anew("second");
    // Where it came from says nothing: what was added is what runs.
    assert_eq!(digest(&host, "spread"), first);
    scene.add(&[]).fails(1, &["not for these bytes"]);
    assert_eq!(digest(&host, "spread"), first);
    scene.sign("acme");
    scene.add(&[]).success();
    let second = digest(&host, "spread");
    assert_ne!(first, second);
    assert!(host.refused().is_empty());
    // A lock that cannot be read stops nobody who is running.
    let lock = scene.project.root.join("tidelake.lock");
    let text = std::fs::read_to_string(&lock).unwrap();
    std::fs::write(&lock, text.replace("sha256", "sha265")).unwrap();
    assert_eq!(digest(&host, "spread"), second);
    assert!(host.refused()["spread"].contains("tidelake.lock"), "{:?}", host.refused());
}

/// A project with a copy of a plugin that has a state; the copy, and its bytes.
fn with_state(name: &str, wasm: &Path) -> (Scene, PathBuf, Vec<u8>) {
    let file = format!("{name}.wasm");
    let config = format!("[plugin.{name}]\nsource = \"{file}\"\nallow_unsigned = true\n");
    let scene = Scene::new(&config);
    let bytes = std::fs::read(wasm).unwrap();
    let path = scene.project.write(&file, &bytes);
    (scene, path, bytes)
}

/// The same component with another text in the place of this one, which is in it once.
fn with_text(bytes: &[u8], old: &str, new: &str) -> Vec<u8> {
    assert_eq!(old.len(), new.len());
    let found: Vec<usize> = (0..bytes.len() - old.len())
        .filter(|at| bytes[*at..].starts_with(old.as_bytes()))
        .collect();
    let [at] = found[..] else { panic!("{old:?} is in it {} times", found.len()) };
    let mut bytes = bytes.to_vec();
    bytes[at..at + new.len()].copy_from_slice(new.as_bytes());
    bytes
}

#[test]
fn the_state_of_features_goes_over_to_the_new_version() {
    let (scene, path, bytes) = with_state("features", &plugins().join("features.wasm"));
    let host = host(&scene.project.root);
    let batches = [0, 1, 2].map(|day| quotes(day * DAY, 50));
    let (context, schema) = (PluginContext::default(), batches[0].schema());
    let options = json!({
        "key": ["symbol"],
        "time": "ts",
        "features": [
            { "name": "before", "kind": "lag", "column": "bid", "periods": 3 },
            { "name": "mean", "kind": "mean", "column": "bid", "window": 20, "min_values": 1 },
            { "name": "dev", "kind": "std", "column": "ask", "window": "all" },
        ],
    });
    let start = || host.reloadable_transform("features", &context, schema.clone(), &options);
    let (mut whole, mut replaced) = (start().unwrap(), start().unwrap());
    let (mut expected, mut found) = (Vec::new(), Vec::new());
    for batch in &batches[..2] {
        whole.process(batch, &mut expected).unwrap();
    }
    replaced.process(&batches[0], &mut found).unwrap();
    assert!(matches!(replaced.upgrade(), Ok(Upgrade::Unchanged)));
    std::fs::write(&path, [&bytes[..], &note_section("second")].concat()).unwrap();
    let before = replaced.info().digest.clone();
    match replaced.upgrade().unwrap() {
        Upgrade::Taken { from } => assert_eq!(from.digest, before),
        other => panic!("{other:?}"),
    }
    assert_ne!(replaced.info().digest, before);
    replaced.process(&batches[1], &mut found).unwrap();
    assert_eq!(found, expected);

    // Through the traits of the core, as an engine would do it.
    let snapshot = whole.snapshot().unwrap();
    let restore = |snapshot: &[u8]| {
        host.restore_transform("features", &context, schema.clone(), &options, snapshot)
    };
    let mut restored = restore(&snapshot).unwrap();
    let (mut expected, mut found) = (Vec::new(), Vec::new());
    whole.process(&batches[2], &mut expected).unwrap();
    restored.process(&batches[2], &mut found).unwrap();
    assert_eq!(found, expected);
    assert!(restore(&snapshot[..snapshot.len() - 1]).is_err(), "half a snapshot was taken");
}

#[test]
fn a_version_that_cannot_carry_on_is_refused_with_its_reason() {
    let wasm = repository().join("target/test-guests/guest-counts.wasm");
    let (scene, path, bytes) = with_state("guest-counts", &wasm);
    let host = host(&scene.project.root);
    let batch = quotes(0, 50);
    let start = || {
        let (name, context) = ("guest-counts", PluginContext::default());
        host.reloadable_transform(name, &context, batch.schema(), &Value::Null).unwrap()
    };
    let mut counting = start();
    let old = counting.info().digest.clone();
    // The numbers that fifty rows more are given.
    let next = |counting: &mut ReloadableTransform| -> Vec<u64> {
        let mut out: Vec<RecordBatch> = Vec::new();
        counting.process(&batch, &mut out).unwrap();
        let numbers = out[0].columns().last().unwrap().as_primitive::<UInt64Type>();
        numbers.values().to_vec()
    };
    assert_eq!(next(&mut counting), (0..50).collect::<Vec<u64>>());

    let mut from = 50;
    for (old_text, new_text, says) in [
        ("layout-1 of counts", "layout-2 of counts", "the snapshot is not in layout-2"),
        ("number-1 of counts", "number-2 of counts", "emits other columns"),
    ] {
        std::fs::write(&path, with_text(&bytes, old_text, new_text)).unwrap();
        match counting.upgrade().unwrap() {
            Upgrade::Refused { why } => assert!(why.to_string().contains(says), "{why}"),
            other => panic!("{other:?}"),
        }
        assert!(host.refused()["guest-counts"].contains(says), "{:?}", host.refused());
        // The old one goes on; trying cost it nothing, and is not done again.
        assert_eq!(counting.info().digest, old);
        assert!(matches!(counting.upgrade(), Ok(Upgrade::Unchanged)));
        assert_eq!(next(&mut counting), (from..from + 50).collect::<Vec<u64>>());
        from += 50;
        // Whoever begins without a state begins with the new one.
        let mut fresh = start();
        assert_ne!(fresh.info().digest, old);
        assert_eq!(next(&mut fresh)[0], 0);
    }
    std::fs::write(&path, [&bytes[..], &note_section("mended")].concat()).unwrap();
    assert!(matches!(counting.upgrade(), Ok(Upgrade::Taken { .. })));
    assert!(host.refused().is_empty());
    assert_eq!(next(&mut counting), (from..from + 50).collect::<Vec<u64>>());
}
