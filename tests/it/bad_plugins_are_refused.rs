//! Plugins that are missing, damaged, of the wrong kind, or that trap, loop or eat
//! memory: a clear error that names them, and the rows stay where they are.

use std::path::PathBuf;

use tidelake_core::time::Micros;

use crate::support::ticks::{self, Ticks};
use crate::support::{Outcome, Project, plugins, repository};

const CHAIN: &str = r#"
[[table.ticks.transform]]
plugin = "guest"

[plugin.guest]
source = "guest.wasm"
# Nobody signs these; what is tested is what happens once they run.
allow_unsigned = true
memory = "64MB"
deadline = "2s"
"#;

fn project(chain: &str) -> Project {
    let project = Project::new(&ticks::config("delta", ""));
    let day = Micros::parse("2024-03-01").unwrap();
    let path = project.write("ticks.csv", ticks::csv(&Ticks::new(1).day(day, 50)));
    project.run(&["ingest", "ticks", &path.to_string_lossy()]).success();
    project.configure(&ticks::config("delta", chain));
    project
}

/// Runs with this plugin in the chain; then without it: no row is missing.
fn run_with(bytes: &[u8]) -> Outcome {
    run_in(CHAIN, bytes)
}

/// As [`run_with`], with each of the ways in which plugins are stopped. Either must
/// fail in these words.
fn fails_however_stopped(bytes: &[u8], words: &[&str]) {
    for interrupt in ["polls", "epochs"] {
        let chain = format!("[engine]\ninterrupt = {interrupt:?}\n{CHAIN}");
        run_in(&chain, bytes).fails(1, words);
    }
}

fn run_in(chain: &str, bytes: &[u8]) -> Outcome {
    let project = project(chain);
    project.write("guest.wasm", bytes);
    let outcome = project.run(&["run", "--now", "2024-04-01"]);
    project.configure(&ticks::config("delta", ""));
    assert_eq!(project.scalar("SELECT count(*) AS n FROM ticks"), 50);
    let run = project.run(&["run", "--now", "2024-04-01"]).success();
    assert_eq!(project.scalar("SELECT count(*) AS n FROM ticks"), 50, "{run:?}");
    outcome
}

/// A hostile guest of `tests/guests`, built by `make plugins`.
fn guest(name: &str) -> Vec<u8> {
    let path: PathBuf = repository().join("target/test-guests").join(format!("{name}.wasm"));
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}; run `make plugins`", path.display()))
}

#[test]
fn a_missing_plugin_is_named_with_the_places_searched() {
    let project = project("[[table.ticks.transform]]\nplugin = \"nowhere\"\n");
    project.run(&["run", "--now", "2024-04-01"]).fails(1, &["nowhere", "plugins"]);
    project.run(&["validate"]).fails(1, &["nowhere"]);
}

#[test]
fn a_truncated_plugin_is_refused() {
    let bytes = std::fs::read(plugins().join("mask.wasm")).unwrap();
    run_with(&bytes[..bytes.len() / 2]).fails(1, &["guest"]);
}

#[test]
fn a_corrupt_plugin_is_refused() {
    run_with(b"this is not WebAssembly").fails(1, &["guest", "not"]);
    run_with(b"").fails(1, &["guest"]);
}

#[test]
fn a_core_module_is_not_a_component() {
    run_with(b"\0asm\x01\0\0\0").fails(1, &["guest", "component"]);
}

#[test]
fn a_plugin_of_the_wrong_world_is_refused() {
    let bytes = std::fs::read(plugins().join("format-json.wasm")).unwrap();
    run_with(&bytes).fails(1, &["guest"]);
    let project = project("").root.clone();
    drop(project);
    let wrong = self::project("[[table.ticks.transform]]\nplugin = \"ohlcv\"\n");
    wrong.run(&["run", "--now", "2024-04-01"]).fails(1, &["ohlcv", "downsampler", "transform"]);
}

#[test]
fn a_plugin_that_traps_says_its_own_last_words() {
    fails_however_stopped(&guest("guest-panics"), &["guest", "the guest gives up on row 7"]);
}

#[test]
fn a_plugin_that_loops_is_stopped_at_its_deadline() {
    fails_however_stopped(&guest("guest-loops"), &["guest", "did not finish within 2s"]);
}

#[test]
fn a_plugin_that_eats_memory_meets_its_cap() {
    fails_however_stopped(&guest("guest-eats"), &["guest", "memory"]);
}
