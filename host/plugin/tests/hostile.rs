//! Files that are no plugins, and plugins that misbehave: each gets an error that
//! says what is wrong, and none takes the process with it. Errors are the same,
//! whatever stops plugins at their deadline.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tidelake_core::config::PluginConfig;
use tidelake_core::plugin::Plugins;
use tidelake_core::{Error, ErrorKind};
use tidelake_plugin::{HostOptions, Interruption, PluginHost};

/// A component that claims to be a transform and whose `describe` runs `body`.
fn claims(version: &str, imports: &str, body: &str) -> Vec<u8> {
    claims_with(version, imports, "", body)
}

/// As [`claims`], with more in its module.
fn claims_with(version: &str, imports: &str, fields: &str, body: &str) -> Vec<u8> {
    let text = format!(
        r#"(component
            {imports}
            (core module $m
                (memory (export "memory") 1)
                (func (export "describe") (result i32) {body}) {fields})
            (core instance $i (instantiate $m))
            (func $describe (result string)
                (canon lift (core func $i "describe") (memory (core memory $i "memory"))))
            (instance $meta (export "describe" (func $describe)))
            (export "tidelake:plugin/meta@{version}" (instance $meta))
            (instance $empty)
            (export "tidelake:plugin/transform@{version}" (instance $empty)))"#
    );
    wat::parse_str(text).expect("component")
}

/// `describe` answering this text.
fn says(json: &str) -> Vec<u8> {
    let stores: String = json
        .bytes()
        .enumerate()
        .map(|(i, byte)| format!("(i32.store8 (i32.const {}) (i32.const {byte}))", 16 + i))
        .collect();
    let head = format!(
        "(i32.store (i32.const 0) (i32.const 16)) (i32.store (i32.const 4) (i32.const {}))",
        json.len()
    );
    claims("0.1.0", "", &format!("{stores} {head} (i32.const 0)"))
}

const KINDS: [Interruption; 2] = [Interruption::Polls, Interruption::Epochs];

fn host(dir: &TempDir) -> PluginHost {
    host_with(dir, Interruption::default())
}

fn host_with(dir: &TempDir, interrupt: Interruption) -> PluginHost {
    let config = PluginConfig { memory: 8_000_000, deadline_ms: 100, ..PluginConfig::default() };
    let sources = ["evil"].map(|name| (name.to_owned(), config.clone()));
    PluginHost::new(HostOptions {
        plugin_dirs: vec![dir.path().join("plugins")],
        sources: BTreeMap::from(sources),
        cache_dir: dir.path().join("cache"),
        interrupt,
        ..HostOptions::default()
    })
    .expect("host")
}

fn install(dir: &TempDir, name: &str, bytes: &[u8]) {
    let plugins = dir.path().join("plugins");
    std::fs::create_dir_all(&plugins).expect("directory");
    std::fs::write(plugins.join(format!("{name}.wasm")), bytes).expect("file");
}

/// The error of loading these bytes as the plugin `evil`.
fn refused(bytes: &[u8]) -> Error {
    let dir = TempDir::new().expect("directory");
    install(&dir, "evil", bytes);
    let [one, other] = KINDS.map(|kind| {
        let error = host_with(&dir, kind).describe("evil").expect_err("refused");
        let named = |key: &str| error.context().iter().any(|(k, _)| *k == key);
        assert!(named("plugin") && named("path"), "{error:?}");
        assert!(error.help().is_some(), "{error:?}");
        error
    });
    assert_eq!(one.to_string(), other.to_string());
    assert_eq!((one.kind(), one.help()), (other.kind(), other.help()));
    one
}

fn cached(dir: &Path) -> usize {
    std::fs::read_dir(dir.join("cache")).map_or(0, Iterator::count)
}

#[test]
fn what_is_no_component_is_named_for_what_it_is() {
    let module = wat::parse_str("(module)").expect("module");
    let good = says("{}");
    for (bytes, part) in [
        (&b""[..], "the file is empty"),
        (b"#!/bin/sh\n", "not WebAssembly"),
        (b"\0as", "damaged or cut short"),
        (&module, "a WebAssembly module, not a component"),
        (&good[..good.len() / 2], "damaged or cut short"),
        (&good[..good.len() - 1], "damaged or cut short"),
        (&wat::parse_str("(component)").expect("component"), "not a tidelake plugin"),
    ] {
        let error = refused(bytes);
        assert_eq!(error.kind(), ErrorKind::Plugin);
        assert!(error.message().contains(part), "{part}: {error:?}");
    }
}

#[test]
fn another_version_is_refused_before_compilation_naming_both() {
    let dir = TempDir::new().expect("directory");
    install(&dir, "evil", &claims("0.9.0", "", "unreachable"));
    let host = host(&dir);
    let error = host.describe("evil").expect_err("refused");
    assert_eq!(host.compilations(), 0);
    assert!(error.message().contains("0.9.0") && error.message().contains("0.1.0"), "{error:?}");
    assert_eq!(cached(dir.path()), 0);
}

#[test]
fn imports_beyond_the_kind_are_refused_by_name() {
    for import in ["wasi:keyvalue/store@0.2.0", "tidelake:plugin/codec@0.1.0", "evil:own/thing"] {
        let import = format!(r#"(import "{import}" (instance))"#);
        let error = refused(&claims("0.1.0", &import, "unreachable"));
        let name = import.split('"').nth(1).expect("name");
        assert!(error.message().contains(name), "{error:?}");
    }
}

#[test]
fn an_endless_loop_ends_at_the_deadline() {
    let start = Instant::now();
    let error = refused(&claims("0.1.0", "", "(loop (br 0)) unreachable"));
    assert!(error.message().contains("did not finish within 100ms"), "{error:?}");
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[test]
fn the_deadline_is_kept_in_start_and_without_loops() {
    let fib = "(func $fib (param i32) (result i32)
        (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))
            (then (local.get 0))
            (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
                           (call $fib (i32.sub (local.get 0) (i32.const 2)))))))";
    for (fields, body) in [
        ("(func $spin (loop (br 0))) (start $spin)", "unreachable"),
        (fib, "(call $fib (i32.const 60))"),
    ] {
        let error = refused(&claims_with("0.1.0", "", fields, body));
        assert!(error.message().contains("did not finish within 100ms"), "{error:?}");
    }
}

#[test]
fn what_is_compiled_for_one_way_of_stopping_is_not_used_for_another() {
    let dir = TempDir::new().expect("directory");
    install(&dir, "evil", &claims("0.1.0", "", "(loop (br 0)) unreachable"));
    let mut ways = BTreeSet::new();
    for kind in [KINDS, KINDS].concat() {
        let host = host_with(&dir, kind);
        let error = host.describe("evil").expect_err("stopped");
        assert!(error.message().contains("did not finish"), "{error:?}");
        ways.insert(format!("{:?}", host.interruption()));
    }
    assert_eq!(cached(dir.path()), ways.len());
}

#[test]
fn what_only_polls_would_make_valid_is_refused() {
    // The first memory that the module has not is the one that polls would add.
    let thief = claims("0.1.0", "", "(i32.load 1 (i32.const 0))");
    assert!(refused(&thief).message().contains("cannot be compiled"));
}

#[test]
fn memory_ends_at_the_cap() {
    let grow = "(loop (br_if 0 (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable";
    let error = refused(&claims("0.1.0", "", grow));
    assert!(error.message().contains("more than its 8 MB of memory"), "{error:?}");
}

#[test]
fn a_crash_is_the_plugins_and_not_the_hosts() {
    let error = refused(&claims("0.1.0", "", "unreachable"));
    assert!(error.message().starts_with("plugin `evil` crashed"), "{error:?}");
    let deep = claims("0.1.0", "", "(drop (call 0)) unreachable");
    assert!(refused(&deep).message().contains("call stack"), "{:?}", refused(&deep));
    // A string outside of memory, an answer that is not UTF-8.
    refused(&claims("0.1.0", "", "(i32.store (i32.const 4) (i32.const -1)) (i32.const 0)"));
    refused(&claims("0.1.0", "", "(i32.const 65534)"));
}

#[test]
fn a_description_must_be_true() {
    let other = r#"{"name":"good","version":"1.0.0","kind":"transform"}"#;
    assert!(refused(&says(other)).message().contains("calls itself `good`"));
    assert!(refused(&says("not json")).message().contains("description is not valid"));
    // Options whose check would never end.
    let endless =
        r##"{"name":"evil","version":"1.0.0","kind":"transform","options":{"$ref":"#"}}"##;
    assert!(refused(&says(endless)).message().contains("leads back to itself"));
    // True, but the exports of a transform are not there.
    let evil = r#"{"name":"evil","version":"1.0.0","kind":"transform"}"#;
    assert!(refused(&says(evil)).message().contains("does not export what its kind must"));
}

#[test]
fn damaged_cache_entries_are_compiled_again() {
    let dir = TempDir::new().expect("directory");
    install(&dir, "evil", &says("not json"));
    for damage in [None, Some(0), Some(1000)] {
        let error = host(&dir).describe("evil").expect_err("refused");
        assert!(error.message().contains("description is not valid"), "{error:?}");
        let entry = std::fs::read_dir(dir.path().join("cache")).expect("cache");
        let entry = entry.map(|e| e.expect("entry").path()).next().expect("one entry");
        if let Some(at) = damage {
            let mut code = std::fs::read(&entry).expect("entry");
            code[at] ^= 0xff;
            code.truncate(code.len() - at);
            std::fs::write(&entry, code).expect("damage");
        }
    }
    assert_eq!(cached(dir.path()), 1);
}

#[cfg(unix)]
#[test]
fn the_cache_is_the_hosts_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = TempDir::new().expect("directory");
    install(&dir, "evil", &says("not json"));
    let _ = host(&dir).describe("evil");
    let cache = dir.path().join("cache");
    let mode = std::fs::metadata(&cache).expect("cache").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    // One that others may write to is not used.
    std::fs::remove_dir_all(&cache).expect("removed");
    std::fs::create_dir(&cache).expect("made");
    std::fs::set_permissions(&cache, PermissionsExt::from_mode(0o777)).expect("opened");
    let _ = host(&dir).describe("evil");
    assert_eq!(cached(dir.path()), 0);
}

#[test]
fn a_missing_plugin_says_where_it_was_looked_for() {
    let dir = TempDir::new().expect("directory");
    install(&dir, "mask", b"");
    let error = host(&dir).describe("masc").expect_err("missing");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.help().is_some_and(|help| help.contains("mask")), "{error:?}");
    assert!(error.to_string().contains("plugins"), "{error}");
    assert_eq!(host(&dir).describe("../mask").expect_err("name").kind(), ErrorKind::Config);
}

#[test]
fn listing_shows_the_broken_ones_too() {
    let dir = TempDir::new().expect("directory");
    install(&dir, "evil", b"");
    install(&dir, "other", &says("not json"));
    let list = host(&dir).list();
    let names: Vec<_> = list.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["evil", "other"]);
    assert!(list.iter().all(|(_, info)| info.is_err()));
}
