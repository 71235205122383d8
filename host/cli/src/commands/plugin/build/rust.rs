//! Rust: `cargo build` for `wasm32-wasip2`, which gives a component at once; natively, a library.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tidelake_core::Error;

use super::Language;
use crate::failure::Failure;

/// What a project in Rust is, and how it is built.
pub(super) const LANGUAGE: Language =
    Language { name: "Rust", marker: "Cargo.toml", component, library };

const TARGET: &str = "wasm32-wasip2";

/// Every engine that runs components has these two; without them, copies and
/// comparisons take several times as long. Projects of `plugin new` say so themselves.
const FLAGS: &str = "target.wasm32-wasip2.rustflags=[\"-Ctarget-feature=+simd128,+bulk-memory\"]";

/// Flags meant for native code: they would replace those of the project.
const NATIVE_FLAGS: [&str; 3] = ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS"];

/// What a native library is built with: its symbols are exported, and a panic unwinds as
/// far as its border.
const NATIVE: [&str; 4] =
    ["--features", "tidelake-sdk/native", "--config", "profile.release.panic=\"unwind\""];

fn component(dir: &Path) -> Result<PathBuf, Failure> {
    let dir = canonical(dir)?;
    let package = package(&dir)?;
    let has_target = has_target(&dir);
    if !has_target? {
        return Err(Error::not_found(format!("Rust's target {TARGET} is not installed"))
            .with("directory", dir.display())
            .with_help(format!("rustup target add {TARGET}"))
            .into());
    }
    let mut arguments = vec!["--target", TARGET];
    if !configured(&dir) {
        arguments.extend(["--config", FLAGS]);
    }
    build(&dir, &package, &arguments, "wasm")
}

fn library(dir: &Path) -> Result<PathBuf, Failure> {
    let dir = canonical(dir)?;
    build(&dir, &package(&dir)?, &NATIVE, std::env::consts::DLL_EXTENSION)
}

fn canonical(dir: &Path) -> Result<PathBuf, Failure> {
    dir.canonicalize().map_err(|error| {
        Error::input("the project cannot be read")
            .with("directory", dir.display())
            .with_source(error)
            .into()
    })
}

/// Builds the library of a package; the file with this ending is what is wanted.
fn build(dir: &Path, package: &str, arguments: &[&str], ending: &str) -> Result<PathBuf, Failure> {
    let mut cargo = cargo(dir);
    cargo.args(["build", "--release", "--lib", "--package", package]).args(arguments);
    cargo.arg("--message-format=json-render-diagnostics");
    // A dependency bakes random seeds into what it compiles; with a fixed one the same
    // source gives the same component.
    if std::env::var_os("CONST_RANDOM_SEED").is_none() {
        cargo.env("CONST_RANDOM_SEED", "tidelake");
    }
    // Its words go to the user as they come; the facts come here.
    let output = cargo.stderr(Stdio::inherit()).output().map_err(|e| unstarted("cargo", e))?;
    if !output.status.success() {
        return Err(Error::input("the plugin does not compile: cargo says why")
            .with("directory", dir.display())
            .into());
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    artifact(&messages, package, ending).ok_or_else(|| {
        Error::internal("cargo does not say which file it made")
            .with("directory", dir.display())
            .into()
    })
}

/// The component among cargo's messages, one JSON object a line: of this package, which
/// may have dependencies that are plugins, too.
fn artifact(messages: &str, package: &str, ending: &str) -> Option<PathBuf> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let ours = messages.filter(|m| {
        m["reason"] == "compiler-artifact" && m["package_id"] == package && is_library(&m["target"])
    });
    let files = ours.flat_map(|m| m["filenames"].as_array().cloned().unwrap_or_default());
    let mut files = files.filter_map(|file| file.as_str().map(PathBuf::from));
    files.rfind(|file| file.extension().is_some_and(|own| own == ending))
}

fn is_library(target: &Value) -> bool {
    target["crate_types"].as_array().is_some_and(|types| types.iter().any(|t| t == "cdylib"))
}

/// The package of the project's own manifest, by cargo's id.
fn package(dir: &Path) -> Result<String, Failure> {
    let output = cargo(dir)
        .args(["metadata", "--no-deps", "--format-version=1"])
        .output()
        .map_err(|error| unstarted("cargo", error))?;
    let wrong = |what: &str| Error::input(what).with("directory", dir.display());
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(wrong("the project's Cargo.toml cannot be used")
            .with_source(std::io::Error::other(said.trim().to_owned()))
            .into());
    }
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().cloned().unwrap_or_default();
    let manifest = dir.join("Cargo.toml");
    let of_path =
        |p: &&Value| p["manifest_path"].as_str().is_some_and(|path| Path::new(path) == manifest);
    let Some(package) = packages.iter().find(of_path) else {
        return Err(wrong("the directory holds a workspace, not a plugin")
            .with_help("name the directory of one of its members")
            .into());
    };
    let targets = package["targets"].as_array().cloned().unwrap_or_default();
    if !targets.iter().any(is_library) {
        return Err(wrong("the project is no plugin: it makes no cdylib")
            .with_help("write `crate-type = [\"cdylib\", \"rlib\"]` under [lib] in its Cargo.toml")
            .into());
    }
    Ok(package["id"].as_str().unwrap_or_default().to_owned())
}

/// Whether the standard library is there for the target.
fn has_target(dir: &Path) -> Result<bool, Failure> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(&rustc)
        .args(["--print", "target-libdir", "--target", TARGET])
        .current_dir(dir)
        .output()
        .map_err(|error| unstarted("rustc", error))?;
    let directory = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Ok(output.status.success() && Path::new(&directory).is_dir())
}

/// Whether the project, or a directory above it, says itself how it is compiled.
fn configured(dir: &Path) -> bool {
    let says = |dir: &Path| {
        let text = std::fs::read_to_string(dir.join(".cargo").join("config.toml"));
        text.is_ok_and(|text| text.contains("target.wasm32-wasip2"))
    };
    dir.ancestors().any(says)
}

fn cargo(dir: &Path) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut cargo = Command::new(program);
    cargo.current_dir(dir).stdin(Stdio::null());
    for flags in NATIVE_FLAGS {
        cargo.env_remove(flags);
    }
    cargo
}

fn unstarted(program: &str, error: std::io::Error) -> Error {
    Error::not_found(format!("`{program}` could not be started"))
        .with_source(error)
        .with_help("install Rust with rustup (https://rustup.rs)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_component_is_the_one_that_cargo_names() {
        let message = |package: &str, kind: &str, file: &str| {
            serde_json::json!({
                "reason": "compiler-artifact",
                "package_id": package,
                "target": { "crate_types": [kind] },
                "filenames": [file, "/t/lib.rlib"],
            })
            .to_string()
        };
        let messages = [
            "not json".to_owned(),
            message("dependency", "cdylib", "/t/dependency.wasm"),
            message("mine", "cdylib", "/t/mine.wasm"),
            message("mine", "bin", "/t/tool.wasm"),
            "{\"reason\":\"build-finished\",\"success\":true}".to_owned(),
        ]
        .join("\n");
        assert_eq!(artifact(&messages, "mine", "wasm"), Some(PathBuf::from("/t/mine.wasm")));
        assert_eq!(artifact(&messages, "other", "wasm"), None);
    }
}
