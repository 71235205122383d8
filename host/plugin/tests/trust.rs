//! The gate before the compiler, seen from outside: what is refused is not compiled,
//! as the host's own count and its cache both say.

use std::collections::BTreeMap;
use std::path::Path;

use tempfile::TempDir;
use tidelake_core::Error;
use tidelake_core::config::lock::{Lock, Locked};
use tidelake_core::config::{PluginConfig, TrustConfig};
use tidelake_core::plugin::Plugins;
use tidelake_plugin::trust::digest;
use tidelake_plugin::{HostOptions, PluginHost};

/// A transform whose `describe` traps: compiling it is as far as it gets.
fn plugin(import: &str) -> Vec<u8> {
    let import = match import {
        "" => String::new(),
        name => format!(r#"(import "{name}" (instance))"#),
    };
    let text = format!(
        r#"(component
            {import}
            (core module $m
                (memory (export "memory") 1)
                (func (export "describe") (result i32) unreachable))
            (core instance $i (instantiate $m))
            (func $describe (result string)
                (canon lift (core func $i "describe") (memory (core memory $i "memory"))))
            (instance $meta (export "describe" (func $describe)))
            (export "tidelake:plugin/meta@0.1.0" (instance $meta))
            (instance $empty)
            (export "tidelake:plugin/transform@0.1.0" (instance $empty)))"#
    );
    wat::parse_str(text).expect("component")
}

/// What the host says of `evil`, configured like this; and how much it compiled.
fn tried(dir: &TempDir, bytes: &[u8], config: PluginConfig) -> (Error, u64, usize) {
    let path = dir.path().join("evil.wasm");
    std::fs::write(&path, bytes).expect("file");
    let config = PluginConfig { source: Some(path), ..config };
    let host = PluginHost::new(HostOptions {
        sources: BTreeMap::from([("evil".to_owned(), config)]),
        trust: TrustConfig::default(),
        project: Some(dir.path().to_owned()),
        cache_dir: dir.path().join("cache"),
        ..HostOptions::default()
    })
    .expect("host");
    let error = host.describe("evil").expect_err("refused");
    (error, host.compilations(), entries(&dir.path().join("cache")))
}

fn entries(dir: &Path) -> usize {
    std::fs::read_dir(dir).map_or(0, Iterator::count)
}

fn allowed() -> PluginConfig {
    PluginConfig { allow_unsigned: true, ..PluginConfig::default() }
}

fn pin(dir: &TempDir, bytes: &[u8]) {
    let locked = Locked {
        version: "0.1.0".into(),
        sha256: digest(bytes),
        signer: None,
        grants: Vec::new(),
        source: "evil.wasm".into(),
    };
    let lock = Lock { plugins: BTreeMap::from([("evil".to_owned(), locked)]) };
    std::fs::write(dir.path().join("tidelake.lock"), lock.to_string()).expect("lock");
}

#[test]
fn what_may_run_is_compiled_and_counted() {
    let dir = TempDir::new().expect("directory");
    let (error, compiled, cached) = tried(&dir, &plugin(""), allowed());
    assert!(error.message().contains("crashed"), "{error:?}");
    assert_eq!((compiled, cached), (1, 1));
}

#[test]
fn what_is_refused_is_not_compiled() {
    let good = plugin("");
    let kv = plugin("tidelake:plugin/kv@0.1.0");
    let granted = PluginConfig { grants: vec!["kv".into()], ..allowed() };
    for (bytes, pinned, config, part) in [
        (&good, None, PluginConfig::default(), "not signed"),
        (&kv, None, allowed(), "not granted"),
        (&kv, None, granted, "does not offer"),
        (&kv, Some(&good), allowed(), "tidelake.lock pins"),
    ] {
        let dir = TempDir::new().expect("directory");
        if let Some(pinned) = pinned {
            pin(&dir, pinned);
        }
        let (error, compiled, cached) = tried(&dir, bytes, config);
        assert!(error.message().contains(part), "{part}: {error:?}");
        assert_eq!((compiled, cached), (0, 0), "{error:?}");
    }
}

#[test]
fn the_lock_alone_is_leave_enough_for_the_bytes_it_pins() {
    let dir = TempDir::new().expect("directory");
    let good = plugin("");
    pin(&dir, &good);
    let (error, compiled, _) = tried(&dir, &good, PluginConfig::default());
    assert!(error.message().contains("crashed"), "{error:?}");
    assert_eq!(compiled, 1);
}
