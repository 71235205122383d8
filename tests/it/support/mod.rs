//! What scenarios share: projects in temporary directories, the real binary, oracles.

pub mod author;
pub mod flaky;
pub mod lakes;
pub mod listen;
pub mod objects;
pub mod oracle;
pub mod pages;
pub mod project;
pub mod registry;
pub mod s3;
pub mod stranger;
pub mod ticks;
pub mod web;

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

/// A plugin built as a native library.
pub fn native_plugin(name: &str) -> PathBuf {
    let path = repository().join("target/plugins-native").join(format!("{name}.so"));
    assert!(path.exists(), "{} is missing: build it with `make plugins-native`", path.display());
    path
}

/// Signs a file of a project with the key of a name, which is made when it is not there yet;
/// the public key.
pub fn sign(project: &Project, name: &str, file: &std::path::Path) -> String {
    let key = project.root.join(name);
    let (key, file) = (key.to_string_lossy(), file.to_string_lossy());
    let (secret, public) = (format!("{key}.key"), format!("{key}.pub"));
    if !std::path::Path::new(&secret).exists() {
        project.run(&["plugin", "keygen", &key, "--no-password"]).success();
    }
    project.run(&["plugin", "sign", &file, "--key", &secret]).success();
    let text = std::fs::read_to_string(public).unwrap();
    text.lines().find(|line| line.starts_with("RW")).unwrap().to_owned()
}

/// Compiled plugins, shared by all scenarios so that each is compiled once.
pub fn plugin_cache() -> PathBuf {
    repository().join("target/test-plugin-cache")
}

/// The plugin `spread` of `examples/custom-transform`, built with the one command
/// that its README names.
pub fn custom_transform() -> PathBuf {
    let example = repository().join("examples/custom-transform");
    let readme = std::fs::read_to_string(example.join("README.md")).unwrap();
    let build = readme
        .lines()
        .map(str::trim)
        .find(|l| l.starts_with("cargo build"))
        .expect("the README documents one build command");
    let built = std::process::Command::new("sh")
        .args(["-c", build])
        .current_dir(&example)
        .env("CARGO_TARGET_DIR", repository().join("target/guests"))
        .env_remove("RUSTFLAGS")
        .output()
        .unwrap();
    assert!(built.status.success(), "{build}: {}", String::from_utf8_lossy(&built.stderr));
    repository().join("target/guests/wasm32-wasip2/release/spread.wasm")
}

/// The whole chain of an error, as one text.
pub fn shown(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
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
