//! A component of 200 MB.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;

use tempfile::TempDir;
use tidelake_core::ErrorKind;
use tidelake_core::config::PluginConfig;
use tidelake_core::plugin::Plugins;
use tidelake_plugin::{HostOptions, PluginHost};

use crate::frame::component;

/// A good plugin, with so many bytes that mean nothing in a section behind it.
fn padded(bytes: u64, path: &std::path::Path) {
    let good = component("well-behaved", "evil", "");
    let mut file = File::create(path).expect("file");
    file.write_all(&good).expect("written");
    // A custom section: 0, its length (LEB128 of five bytes), a name of one byte.
    let length: Vec<u8> =
        (0..5).map(|i| (bytes >> (7 * i)) as u8 & 0x7f | if i < 4 { 0x80 } else { 0 }).collect();
    file.write_all(&[&[0], &length[..], &[1, b'x']].concat()).expect("written");
    // The rest is a hole.
    file.set_len(good.len() as u64 + 6 + bytes).expect("length");
}

#[test]
fn a_component_of_200_mb_is_not_even_read() {
    let dir = TempDir::new().expect("directory");
    let host = || {
        PluginHost::new(HostOptions {
            plugin_dirs: vec![dir.path().to_owned()],
            sources: BTreeMap::from([("evil".to_owned(), PluginConfig::default())]),
            cache_dir: dir.path().join("cache"),
            ..HostOptions::default()
        })
        .expect("host")
    };
    let path = dir.path().join("evil.wasm");
    padded(200_000_000, &path);
    let first = host();
    let error = first.describe("evil").expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Plugin);
    for part in ["evil", "200 MB", "134.2 MB"] {
        assert!(error.message().contains(part), "{error:?}");
    }
    assert!(error.help().is_some_and(|help| help.contains("smaller build")), "{error:?}");
    assert_eq!(first.compilations(), 0);
    // It is the size: the same plugin with less behind it is as good as any.
    padded(1_000_000, &path);
    host().describe("evil").expect("good");
}
