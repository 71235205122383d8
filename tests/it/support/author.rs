//! What the author of a plugin does before anybody can use it.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Project, repository};

/// Five quotes of one symbol on five days, in a table whose last two days stay hot.
pub const TRADES: &str = "ts,symbol,price\n2024-03-01T10:00:00Z,A,1.5\n\
                          2024-03-02T10:00:00Z,A,\n2024-03-03T10:00:00Z,A,3\n\
                          2024-03-04T10:00:00Z,A,4\n2024-03-05T10:00:00Z,A,5\n";

/// A new project in Rust, with the versions that the plugins of the repository have and one
/// directory for what is built: dependencies are compiled once for all.
pub fn new_plugin(project: &Project, kind: &str, name: &str) -> PathBuf {
    let dir = written(project, "rust", kind, name);
    share(&dir);
    dir
}

/// A new project, which is not written twice.
pub fn written(project: &Project, language: &str, kind: &str, name: &str) -> PathBuf {
    let dir = project.root.join(name);
    let sdk = repository().join("sdk").join(language);
    let (sdk, path) = (sdk.to_string_lossy(), dir.to_string_lossy());
    let new = ["plugin", "new", "--kind", kind, "--lang", language, "--sdk", &sdk, &path];
    project.run(&new).success();
    project.run(&new).fails(1, &["holds something already"]);
    dir
}

/// Gives a project in Rust what the repository has built and pinned.
pub fn share(plugin: &Path) {
    std::fs::copy(repository().join("plugins/Cargo.lock"), plugin.join("Cargo.lock")).unwrap();
    symlink(repository().join("target/guests"), plugin.join("target")).unwrap();
}

/// Build, test, sign and add: what is the same for every kind. The plugin is then part
/// of the project. `with`: further arguments of `plugin test`.
pub fn made_and_added(project: &Project, kind: &str, name: &str, with: &[&str]) {
    let dir = new_plugin(project, kind, name);
    let built = built(project, &dir, kind, name);
    tested(project, &dir, &built, with);
    added(project, &built, &[]);
}

/// What `plugin build` says of a project, whose component reaches nothing that rows need
/// not.
pub fn built(project: &Project, dir: &Path, kind: &str, name: &str) -> Value {
    let built = project.json(&["plugin", "build", &dir.to_string_lossy()]);
    assert_eq!((&built["name"], &built["kind"]), (&name.into(), &kind.into()), "{built}");
    if kind != "storage-backend" {
        assert_eq!(built["capabilities"], serde_json::json!([]), "{built}");
    }
    let wasm = built["path"].as_str().unwrap();
    assert_eq!(built["size"], std::fs::metadata(wasm).unwrap().len());
    built
}

/// What `plugin test` says of it: all is well.
pub fn tested(project: &Project, dir: &Path, built: &Value, with: &[&str]) -> Value {
    let path = dir.to_string_lossy();
    let tested = project.json(&[&["plugin", "test", &path], with].concat());
    assert_eq!((&tested["ok"], &tested["sha256"]), (&true.into(), &built["sha256"]), "{tested}");
    let checks = tested["checks"].as_array().unwrap();
    let passed = checks.iter().filter(|check| check["verdict"] == "passed").count();
    let least = if built["kind"] == "storage-backend" { 10 } else { 15 };
    assert!(passed >= least, "{tested}");
    tested
}

/// Signs a component and adds it to the project. `with`: further arguments of `plugin add`.
pub fn added(project: &Project, built: &Value, with: &[&str]) {
    let (secret, public) = (project.root.join("me.key"), project.root.join("me.pub"));
    let name = project.root.join("me");
    project.run(&["plugin", "keygen", &name.to_string_lossy(), "--no-password"]).success();
    // Not the file that others of these tests build over.
    let mine = project.root.join("mine.wasm");
    std::fs::copy(built["path"].as_str().unwrap(), &mine).unwrap();
    let mine = mine.to_string_lossy();
    project.run(&["plugin", "sign", &mine, "--key", &secret.to_string_lossy()]).success();
    let trust = public.to_string_lossy();
    let added = project.json(&[&["plugin", "add", &mine, "--trust", &trust], with].concat());
    assert_eq!(added["sha256"], built["sha256"], "{added}");
}

/// A table that runs a new transform, whatever it is written in: the price, doubled, is
/// there before and after the rows have left the hot store.
pub fn doubles(project: &Project, plugin: &str, section: &str) {
    project.configure(&format!(
        "[table.trades]\ntime = \"ts\"\nkey = [\"symbol\"]\n\n[table.trades.lifecycle]\n\
         hot = \"2d\"\nwarm = \"3d\"\n\n[[table.trades.transform]]\nplugin = \"{plugin}\"\n\
         options = {{ column = \"price\", factor = 2.0 }}\n\n{section}"
    ));
    let trades = project.write("trades.csv", TRADES);
    project.run(&["ingest", "trades", &trades.to_string_lossy()]).success();
    project.run(&["validate"]).success();
    let sql = "SELECT ts, price, price_scaled FROM trades ORDER BY ts";
    let hot = project.query(sql);
    let scaled: Vec<_> = hot.iter().map(|row| row["price_scaled"].as_f64()).collect();
    assert_eq!(scaled, [Some(3.0), None, Some(6.0), Some(8.0), Some(10.0)]);
    let report = project.json(&["run", "--now", "2024-03-10"]);
    assert_eq!(report["tables"][0]["rows"], 5, "{report}");
    assert_eq!(project.query(sql), hot, "the same rows from the lake");
    project.run(&["verify"]).success();
}
