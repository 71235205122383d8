//! The house's plan, held against what cargo would build: who may depend on whom.
//!
//! Normal dependencies only, direct and through others; what a crate uses in its
//! own tests is its own affair.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A crate of the house, those of the house that it may reach, and the families
/// of foreign crates that it must not.
struct Rule {
    name: &'static str,
    house: &'static [&'static str],
    never: &'static [&'static str],
}

const WASM: &[&str] = &["wasmtime", "cranelift"];

const RULES: &[Rule] = &[
    Rule {
        name: "tidelake-core",
        house: &[],
        never: &["tokio", "wasmtime", "cranelift", "object_store", "datafusion", "deltalake"],
    },
    Rule {
        name: "tidelake-plugin",
        house: &["tidelake-core", "tidelake-columns"],
        never: &["datafusion", "deltalake", "wasmtime-wasi", "wasmtime-wasi-http"],
    },
    Rule { name: "tidelake-hot", house: &["tidelake-core"], never: WASM },
    Rule { name: "tidelake-lake", house: &["tidelake-core"], never: WASM },
    Rule {
        name: "tidelake",
        house: &[
            "tidelake-core",
            "tidelake-columns",
            "tidelake-plugin",
            "tidelake-hot",
            "tidelake-lake",
        ],
        never: &[],
    },
    Rule {
        name: "tidelake-query",
        house: &["tidelake-core", "tidelake-hot", "tidelake-lake"],
        never: WASM,
    },
    Rule {
        name: "tidelake-cli",
        house: &[
            "tidelake-core",
            "tidelake-columns",
            "tidelake-plugin",
            "tidelake-hot",
            "tidelake-lake",
            "tidelake",
            "tidelake-query",
        ],
        never: &[],
    },
    Rule { name: "tidelake-columns", house: &[], never: &["tokio", "wasmtime", "datafusion"] },
    Rule { name: "tidelake-sdk", house: &["tidelake-columns"], never: &["tokio", "wasmtime"] },
];

/// What a plugin may use of the house, ours and the examples' alike, next to the
/// crates of its own workspace.
const FOR_PLUGINS: &[&str] = &["tidelake-sdk", "tidelake-columns"];

#[test]
fn crates_depend_only_on_what_the_plan_allows() {
    let mut broken = Vec::new();
    for rule in RULES {
        let tree = dependencies(&root().join("Cargo.toml"), rule.name);
        assert!(tree.contains(rule.name), "cargo tree shows nothing of {}", rule.name);
        for name in &tree {
            let ours = name.starts_with("tidelake") && name != rule.name;
            let refused = if ours {
                !rule.house.contains(&name.as_str())
            } else {
                rule.never.iter().any(|family| is_of(name, family))
            };
            if refused {
                broken.push(format!("{} must not depend on {name}", rule.name));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_crate_of_the_house_has_a_rule() {
    let ruled: BTreeSet<_> = RULES.iter().map(|r| r.name.to_owned()).collect();
    let leaves = ["tidelake-tests", "tidelake-benches"].map(str::to_owned);
    let members = members(&root().join("Cargo.toml"));
    let names: BTreeSet<_> = members.into_values().collect();
    assert_eq!(names, ruled.into_iter().chain(leaves).collect());
}

#[test]
fn plugins_know_the_sdk_and_not_the_host() {
    let mut checked = 0;
    for manifest in guest_workspaces() {
        let siblings = members(&manifest);
        for (id, plugin) in &siblings {
            for name in dependencies(&manifest, id) {
                let sibling = siblings.values().any(|sibling| *sibling == name);
                let allowed = sibling || FOR_PLUGINS.contains(&name.as_str());
                assert!(
                    allowed || !name.starts_with("tidelake"),
                    "{plugin} must not depend on {name}"
                );
            }
            checked += 1;
        }
    }
    assert!(checked > 0, "no plugin was found");
}

/// Whether a crate is `family` or one of its parts: `wasmtime-environ` of `wasmtime`.
fn is_of(name: &str, family: &str) -> bool {
    name.strip_prefix(family).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_']))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The workspaces that plugins are built from.
fn guest_workspaces() -> Vec<PathBuf> {
    let mut manifests = vec![root().join("plugins/Cargo.toml")];
    for entry in std::fs::read_dir(root().join("examples")).unwrap() {
        let manifest = entry.unwrap().path().join("Cargo.toml");
        // An example that embeds the host is no plugin.
        let is_plugin = |text: String| text.contains("tidelake-sdk");
        if std::fs::read_to_string(&manifest).is_ok_and(is_plugin) {
            manifests.push(manifest);
        }
    }
    manifests
}

/// Names of everything that a crate's normal dependencies lead to, itself included.
fn dependencies(manifest: &Path, package: &str) -> BTreeSet<String> {
    let tree = cargo(manifest, &["tree", "--prefix", "none", "-e", "normal", "-p", package]);
    tree.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

/// Names of a workspace's members, by package id: a stand-in for a foreign crate
/// may share its name with another.
fn members(manifest: &Path) -> BTreeMap<String, String> {
    let metadata = cargo(manifest, &["metadata", "--no-deps", "--format-version", "1"]);
    let metadata: serde_json::Value = serde_json::from_str(&metadata).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    packages.iter().map(|p| (text(&p["id"]), text(&p["name"]))).collect()
}

fn cargo(manifest: &Path, args: &[&str]) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    // What the tests were built from is on the machine already.
    let output = Command::new(cargo)
        .args(args)
        .args(["--offline", "--manifest-path"])
        .arg(manifest)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {}: {stderr}", args.join(" "));
    String::from_utf8(output.stdout).unwrap()
}
