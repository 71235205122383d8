//! A configuration with several mistakes: all of them at once, with lines and suggestions.

use crate::support::Project;

#[test]
fn every_mistake_is_shown_with_its_line() {
    let project = Project::new(
        r#"
[hot]
kind = "embeded"

[lake]
urll = "lake"

[table.trades]
time = "ts"
key = "symbol"

[table.trades.lifecycle]
hot = "90 days"
warm = "365d"

[table.trades.layout]
format = "delta"
partition = ["asset_class"]
target_file_size = "128 parsecs"
"#,
    );
    for command in [&["validate"][..], &["plan"], &["run"], &["query", "SELECT 1"]] {
        let outcome = project.run(command).fails(
            1,
            &["embeded", "embedded", "urll", "url", "90 days", "asset_class", "128 parsecs", "key"],
        );
        for line in ["3", "6", "10", "13", "18", "19"] {
            assert!(outcome.stderr.contains(line), "line {line} is not named: {outcome:?}");
        }
    }
    assert!(!project.root.join("hot").exists(), "nothing was made");
    assert!(!project.root.join("lake").exists(), "nothing was made");
}

#[test]
fn a_missing_configuration_says_how_to_get_one() {
    let dir = tempfile::tempdir().unwrap();
    Project::at(dir.path()).run(&["plan"]).fails(1, &["tidelake.toml", "tidelake init"]);
}

#[test]
fn wrong_usage_exits_with_two() {
    let project = Project::new("[table.t]\ntime = \"ts\"\n");
    assert_eq!(project.run(&["frobnicate"]).code, Some(2));
    assert_eq!(project.run(&["plan", "--now", "yesterday"]).code, Some(2));
}

#[test]
fn an_unknown_table_names_the_known_ones() {
    let project = Project::new("[table.trades]\ntime = \"ts\"\n");
    project.run(&["plan", "tradse"]).fails(1, &["tradse", "trades"]);
}
