//! The gate: what may not run never reaches the compiler, and says why.

use std::path::PathBuf;

use tempfile::TempDir;
use tidelake_core::ErrorKind;
use tidelake_core::config::lock::Signer;

use super::*;

/// A transform that imports this, and whose body nothing runs.
fn plugin(import: &str) -> Vec<u8> {
    let import = match import {
        "" => String::new(),
        name => format!(r#"(import "{name}" (instance))"#),
    };
    wat::parse_str(format!(
        r#"(component
            {import}
            (instance $empty)
            (export "tidelake:plugin/meta@0.1.0" (instance $empty))
            (export "tidelake:plugin/transform@0.1.0" (instance $empty)))"#
    ))
    .expect("component")
}

fn found(dir: &TempDir, bytes: &[u8], origin: Origin) -> Found {
    let path: PathBuf = dir.path().join("evil.wasm");
    std::fs::write(&path, bytes).expect("file");
    Found { name: "evil".into(), path, origin }
}

/// What is said about a plugin under these rules.
fn vetted(bytes: &[u8], origin: Origin, rules: &Rules) -> Result<Vetted> {
    let dir = TempDir::new().expect("directory");
    Vetted::read(&found(&dir, bytes, origin), rules, |_| None)
}

fn allowing() -> Rules {
    Rules { unsigned: true, ..Rules::default() }
}

fn entry(bytes: &[u8]) -> Locked {
    Locked {
        version: "0.1.0".into(),
        sha256: digest(bytes),
        signer: None,
        grants: Vec::new(),
        source: "evil.wasm".into(),
    }
}

#[test]
fn only_the_installation_is_trusted_without_a_word() {
    let bytes = plugin("");
    vetted(&bytes, Origin::Installed, &Rules::default()).expect("installed");
    for origin in [Origin::Configured, Origin::Added, Origin::Project, Origin::File] {
        let error = vetted(&bytes, origin, &Rules::default()).expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::Plugin);
        assert!(error.message().contains("not signed"), "{origin:?}: {error:?}");
        assert!(error.help().is_some(), "{error:?}");
        vetted(&bytes, origin, &allowing()).expect("allowed");
    }
}

#[test]
fn capabilities_need_a_grant_wherever_the_plugin_comes_from() {
    for (import, capability) in [
        ("tidelake:plugin/kv@0.1.0", "kv"),
        ("wasi:http/outgoing-handler@0.2.3", "wasi:http"),
        ("wasi:keyvalue/store@0.2.0", "wasi:keyvalue/store"),
    ] {
        let bytes = plugin(import);
        for origin in [Origin::Installed, Origin::Configured] {
            let error = vetted(&bytes, origin, &allowing()).expect_err("refused");
            assert!(error.message().contains(import), "{error:?}");
            assert!(error.message().contains("not granted"), "{error:?}");
            let help = error.help().unwrap_or_default();
            assert!(help.contains(&format!("grants = [\"{capability}\"]")), "{help}");
            // Granted, and still not there: the next answer says so.
            let granted = [capability.to_owned()].into();
            let rules = Rules { granted, ..allowing() };
            let error = vetted(&bytes, origin, &rules).expect_err("not offered");
            assert!(error.message().contains("does not offer"), "{error:?}");
        }
    }
}

#[test]
fn the_lock_comes_first() {
    let (bytes, other) = (plugin(""), plugin("wasi:keyvalue/store@0.2.0"));
    let rules = Rules { pinned: Some(entry(&bytes)), ..allowing() };
    vetted(&bytes, Origin::Added, &rules).expect("the file that was added");
    for changed in [&other[..], b"", &bytes[..bytes.len() - 1]] {
        let error = vetted(changed, Origin::Added, &rules).expect_err("refused");
        let shown = error.to_string();
        assert!(shown.contains(&digest(&bytes)) && shown.contains(&digest(changed)), "{shown}");
        assert!(error.help().is_some_and(|h| h.contains("plugin add evil.wasm")), "{error:?}");
    }
}

#[test]
fn a_signature_that_does_not_hold_is_refused_even_where_none_is_needed() {
    let dir = TempDir::new().expect("directory");
    let found = found(&dir, &plugin(""), Origin::Configured);
    std::fs::write(signature::signature_path(&found.path), "not a signature").expect("file");
    let error = Vetted::read(&found, &allowing(), |_| None).expect_err("refused");
    assert!(error.message().contains("not a signature"), "{error:?}");
}

#[test]
fn an_entry_with_a_signer_needs_that_signature() {
    let key = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3".to_owned();
    let bytes = plugin("");
    let signer = Some(Signer { id: "E7620F1842B4E81F".into(), key });
    let signed = Locked { signer, ..entry(&bytes) };
    let of = |pinned| {
        Rules::of(&TrustConfig::default(), &PluginConfig::default(), Some(pinned)).expect("rules")
    };
    let error = vetted(&bytes, Origin::Added, &of(signed)).expect_err("refused");
    assert!(error.message().contains("not signed"), "{error:?}");
    vetted(&bytes, Origin::Added, &of(entry(&bytes))).expect("added as unsigned");
}

#[test]
fn an_update_that_wants_more_is_compared_with_its_earlier_version() {
    let bytes = plugin("tidelake:plugin/kv@0.1.0");
    let rules = Rules { adding: true, earlier: Some(entry(b"")), ..allowing() };
    let error = vetted(&bytes, Origin::File, &rules).expect_err("refused");
    assert!(error.message().contains("version 0.1.0 was added without"), "{error:?}");
    assert!(error.help().is_some_and(|help| help.contains("--grant kv")), "{error:?}");
}

#[test]
fn what_was_asked_about_is_what_is_compiled() {
    let dir = TempDir::new().expect("directory");
    let bytes = plugin("");
    let found = found(&dir, &bytes, Origin::Configured);
    let vetted = Vetted::read(&found, &allowing(), |_| None).expect("vetted");
    std::fs::write(&found.path, b"another file by now").expect("file");
    assert_eq!(vetted.bytes(), bytes);
    assert_eq!(vetted.checked().digest, digest(&bytes));
}
