//! `plugin new`: what it writes compiles, passes its tests and is a plugin of its kind.

use std::path::Path;
use std::process::Command;

use crate::support::{Project, repository};

/// Runs cargo in a generated project. Dependencies come from the caches of the
/// plugins: the same versions, built once.
fn cargo(project: &Path, args: &[&str]) {
    let built = Command::new("cargo")
        .args(args)
        .current_dir(project)
        .env("CARGO_TARGET_DIR", repository().join("target/guests"))
        .env_remove("RUSTFLAGS")
        .output()
        .unwrap();
    assert!(built.status.success(), "{args:?}: {}", String::from_utf8_lossy(&built.stderr));
}

#[test]
fn a_new_plugin_is_one_from_the_start() {
    let project = Project::new("");
    let sdk = repository().join("sdk/rust");
    for (kind, name) in [
        ("transform", "fresh-rows"),
        ("downsampler", "fresh-bars"),
        ("format-writer", "fresh-file"),
    ] {
        let dir = project.root.join(name);
        let path = dir.to_string_lossy();
        let new = ["plugin", "new", "--kind", kind, "--sdk", &sdk.to_string_lossy(), &path];
        project.run(&new).success();
        project.run(&new).fails(1, &["holds something already"]);
        std::fs::copy(repository().join("plugins/Cargo.lock"), dir.join("Cargo.lock")).unwrap();
        cargo(&dir, &["test"]);
        cargo(&dir, &["build", "--release", "--target", "wasm32-wasip2"]);
        let wasm = format!("wasm32-wasip2/release/{}.wasm", name.replace('-', "_"));
        let wasm = repository().join("target/guests").join(wasm);
        // It tells its name itself, so it has to run for that, signed by nobody.
        let wasm = wasm.to_string_lossy();
        let facts = project.json(&["plugin", "inspect", &wasm, "--allow-unsigned"]);
        assert_eq!((&facts["name"], &facts["kind"]), (&name.into(), &kind.into()), "{facts}");
    }
}

#[test]
fn a_name_that_cannot_be_one_is_refused() {
    let project = Project::new("");
    for name in ["Spread", "9lives", "serde"] {
        let dir = project.root.join(name);
        let path = dir.to_string_lossy();
        project.run(&["plugin", "new", "--kind", "transform", &path]).fails(1, &[name]);
        assert!(!dir.exists());
    }
}
