//! From `plugin new --kind source` to rows in the lake, as its author does it: new, build,
//! test, sign, add, sync, run, query.

use serde_json::json;

use crate::support::Project;
use crate::support::author::new_plugin;

#[test]
fn a_new_source_is_built_tested_signed_added_and_synced() {
    let project = Project::new("");
    let dir = new_plugin(&project, "source", "fresh-feed");
    let path = dir.to_string_lossy();
    let built = project.json(&["plugin", "build", &path]);
    assert_eq!((&built["name"], &built["kind"]), (&json!("fresh-feed"), &json!("source")));
    assert_eq!(built["capabilities"], json!([]), "{built}");
    let tested = project.json(&["plugin", "test", &path]);
    assert_eq!((&tested["ok"], &tested["sha256"]), (&json!(true), &built["sha256"]), "{tested}");
    let checks = tested["checks"].as_array().unwrap();
    assert!(checks.iter().all(|check| check["verdict"] == "passed"), "{tested}");
    assert!(checks.iter().any(|c| c["note"] == "1000 rows in 10 polls"), "{tested}");
    project.run(&["plugin", "bench", &path]).fails(1, &["brings rows of its own"]);

    let at = |name: &str| project.root.join(name).to_string_lossy().into_owned();
    project.run(&["plugin", "keygen", &at("me"), "--no-password"]).success();
    std::fs::copy(built["path"].as_str().unwrap(), at("mine.wasm")).unwrap();
    project.run(&["plugin", "sign", &at("mine.wasm"), "--key", &at("me.key")]).success();
    let added = project.json(&["plugin", "add", &at("mine.wasm"), "--trust", &at("me.pub")]);
    assert_eq!(added["sha256"], built["sha256"], "{added}");

    project.configure(
        "[table.ticks]\ntime = \"ts\"\nkey = [\"symbol\"]\n\n\
         [table.ticks.source]\nplugin = \"fresh-feed\"\noptions = { rows = 1000 }\n\
         max_rows = 300\n",
    );
    project.run(&["validate"]).success();
    let report = project.json(&["sync"]);
    let sync = &report["tables"][0];
    assert_eq!((&sync["rows"], &sync["polls"]), (&json!(1000), &json!(4)), "{report}");
    assert_eq!((&sync["offset"], &sync["ended"]), (&json!("1000"), &json!(true)), "{report}");
    assert_eq!(project.json(&["sync", "ticks"])["tables"][0]["rows"], 0);
    let report = project.json(&["run", "--now", "2024-09-01"]);
    assert_eq!(report["tables"][0]["rows"], 1000, "{report}");
    let sql = "SELECT count(*) AS n, sum(price) AS price FROM ticks";
    assert_eq!(project.query(sql), [json!({ "n": 1000, "price": 599_500.0 })]);
}
