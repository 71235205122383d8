//! Options that a plugin does not take: all mistakes at once, each with its line,
//! and what the plugin's own schema allows instead.

use crate::support::Project;

const CONFIG: &str = r#"[table.trades]
time = "ts"
key = ["symbol"]

[table.trades.layout]
format = "parquet"
options = { compresion = "zstd(1)", page_rows = "many" }

[[table.trades.transform]]
plugin = "mask"
options.columns = ["account"]
options.method = "hsh"

[[table.trades.transform]]
plugin = "mask"
[table.trades.transform.options]
columns = [7]

[[table.trades.rollup]]
every = "1h"
plugin = "ohlcv"
options = { price = "price", volumen = "size" }
"#;

#[test]
fn every_mistake_is_shown_with_its_line_and_what_is_allowed() {
    let project = Project::new(CONFIG);
    let outcome = project.run(&["validate"]).fails(
        1,
        &[
            "tidelake.toml has 5 mistakes",
            "there is no option `compresion`",
            "did you mean `compression`?",
            "`page_rows` is a text, not a whole number",
            "`method` cannot be \"hsh\"",
            "did you mean \"hash\"?",
            "`columns[0]`",
            "there is no option `volumen`",
            "did you mean `volume`?",
        ],
    );
    for line in ["7", "12", "17", "22"] {
        let place = format!("tidelake.toml:{line}:");
        assert!(outcome.stderr.contains(&place), "line {line} is not named: {outcome:?}");
    }
    let mut machine = project.command(&["validate", "--json"]);
    let report: serde_json::Value =
        serde_json::from_slice(&machine.output().unwrap().stdout).unwrap();
    assert_eq!(report["ok"], false);
    let mistakes = report["mistakes"].as_array().unwrap();
    let lines: Vec<u64> = mistakes.iter().map(|m| m["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [7, 7, 12, 17, 22], "{report:#}");
}

#[test]
fn a_run_refuses_them_too_before_anything_is_written() {
    let project = Project::new(
        "[table.t]\ntime = \"ts\"\n[table.t.layout]\nformat = \"json\"\noptions = { compresion = \"gzip\" }\n",
    );
    let path = project.write("t.csv", "ts,x\n2024-03-01T00:00:00Z,1\n");
    project.run(&["ingest", "t", &path.to_string_lossy()]).success();
    project
        .run(&["run", "--now", "2025-01-01"])
        .fails(1, &["format-json", "there is no option `compresion`", "compression"]);
    assert_eq!(project.scalar("SELECT count(*) AS n FROM t"), 1);
}
