//! What scenarios share: projects in temporary directories, the real binary, oracles.

pub mod oracle;
pub mod project;
pub mod ticks;

pub use project::{Outcome, Project};

use std::path::PathBuf;

/// The repository.
pub fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The binary under test.
pub fn binary() -> PathBuf {
    let path = std::env::var_os("TIDELAKE_BIN")
        .map_or_else(|| repository().join("target/debug/tidelake"), PathBuf::from);
    assert!(path.exists(), "{} is missing: build it with `make test`", path.display());
    path
}

/// The directory of the built plugins.
pub fn plugins() -> PathBuf {
    let path = std::env::var_os("TIDELAKE_PLUGINS")
        .map_or_else(|| repository().join("target/plugins"), PathBuf::from);
    assert!(path.exists(), "{} is missing: build it with `make plugins`", path.display());
    path
}

/// Compiled plugins, shared by all scenarios so that each is compiled once.
pub fn plugin_cache() -> PathBuf {
    repository().join("target/test-plugin-cache")
}

/// Python with the foreign readers.
pub fn python() -> PathBuf {
    let path = std::env::var_os("TIDELAKE_PYTHON")
        .map_or_else(|| repository().join("target/venv/bin/python"), PathBuf::from);
    assert!(path.exists(), "{} is missing: build it with `make venv`", path.display());
    path
}

/// What foreign readers see of a lake table: rows, and the sum of one column by
/// the values of another, reader by reader.
pub fn read_with_others(
    table: &std::path::Path,
    format: &str,
    group: &str,
    sum: &str,
) -> std::collections::BTreeMap<String, serde_json::Value> {
    let script = repository().join("tests/readers/readers.py");
    let output = std::process::Command::new(python())
        .arg(script)
        .arg(table)
        .arg(format)
        .args(["--group", group, "--sum", sum])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
}
