//! The plugin `filter` in a table's chain: the same rows from both tiers, and those
//! that it drops are accounted for.

use crate::support::Project;

#[test]
fn a_filter_keeps_what_its_condition_says() {
    let project = Project::new(
        r#"
[table.ticks]
time = "ts"
key = ["symbol"]

[table.ticks.lifecycle]
hot = "2d"
warm = "4d"

[[table.ticks.transform]]
plugin = "filter"
options = { where = "price between 1 and 100 and symbol not like 'TEST%' and venue is not null" }
"#,
    );
    let mut csv = String::from("ts,symbol,price,venue\n");
    for day in 1..10 {
        let ts = format!("2024-03-{day:02}T10:00:00Z");
        for row in ["A,50.5,X", "B,0.5,X", "TEST1,50.5,X", "C,100.0,", "D,100.0,Y"] {
            csv.push_str(&format!("{ts},{row}\n"));
        }
    }
    let path = project.write("ticks.csv", csv);
    project.run(&["ingest", "ticks", &path.to_string_lossy()]).success();
    let sql = "SELECT symbol, count(*) AS n, sum(price) AS total FROM ticks GROUP BY symbol ORDER BY symbol";
    let hot = project.query(sql);
    let symbols: Vec<_> = hot.iter().map(|row| row["symbol"].clone()).collect();
    assert_eq!((symbols, &hot[0]["n"]), (vec!["A".into(), "D".into()], &9.into()));
    let report = project.json(&["run", "--now", "2024-03-10"]);
    let table = &report["tables"][0];
    assert_eq!(table["dropped"].as_u64(), table["rows"].as_u64().map(|kept| kept / 2 * 3));
    assert!(table["rows"].as_u64() > Some(0), "{report}");
    assert_eq!(project.query(sql), hot, "the same rows from the lake");
}

#[test]
fn a_transform_that_remembers_rows_is_refused_in_a_chain() {
    let project = Project::new(
        r#"
[table.ticks]
time = "ts"
key = ["symbol"]

[[table.ticks.transform]]
plugin = "features"
options = { time = "ts", key = ["symbol"], features = [{ name = "r", kind = "return", column = "price" }] }
"#,
    );
    let path = project.write("ticks.csv", "ts,symbol,price\n2024-03-01T10:00:00Z,A,1.5\n");
    project.run(&["ingest", "ticks", &path.to_string_lossy()]).fails(1, &["not row-wise"]);
}
