//! One transform in Rust and in Python: equal rows and equal content hashes, in both
//! tiers.

use std::path::Path;

use tidelake_core::time::Micros;

use crate::support::{Project, custom_transform, oracle, repository};

/// Prices with nulls, zeros and numbers that round, in three partitions and more.
fn quotes() -> String {
    let mut csv = String::from("ts,symbol,bid,ask\n");
    for row in 0..3000_u32 {
        let (day, minute) = (row / 400 + 1, row % 400);
        let bid =
            if row % 7 == 0 { String::new() } else { format!("{}", f64::from(row % 90) / 3.0) };
        let ask =
            if row % 11 == 0 { String::new() } else { format!("{}", f64::from(row % 91) / 3.0) };
        let (hour, minute) = (minute / 60, minute % 60);
        csv.push_str(&format!(
            "2024-03-{day:02}T{hour:02}:{minute:02}:00Z,S{},{bid},{ask}\n",
            row % 3
        ));
    }
    csv
}

fn project(plugin: &str, wasm: &Path) -> Project {
    let config = format!(
        r#"
[table.quotes]
time = "ts"
key = ["symbol"]

[table.quotes.lifecycle]
hot = "2d"
warm = "4d"

[[table.quotes.transform]]
plugin = "{plugin}"

[plugin.{plugin}]
source = "{}"
# Built a moment ago, from source that is at hand.
allow_unsigned = true
"#,
        wasm.display()
    );
    let project = Project::new(&config);
    let path = project.write("quotes.csv", quotes());
    project.run(&["ingest", "quotes", &path.to_string_lossy()]).success();
    project
}

#[test]
fn the_same_transform_in_python_gives_equal_results() {
    let python = repository().join("target/spread-python.wasm");
    assert!(python.exists(), "{} is missing: build it with `make test-python`", python.display());
    let rust = project("spread", &custom_transform());
    let python = project("spread-python", &python);
    let sql = "SELECT * FROM quotes ORDER BY ts, symbol";
    let hot = rust.query(sql);
    assert_eq!(hot.len(), 3000);
    assert_eq!(python.query(sql), hot, "hot rows");
    for project in [&rust, &python] {
        project.run(&["run", "--now", "2024-03-10"]).success();
    }
    assert_eq!(rust.query(sql), hot);
    assert_eq!(python.query(sql), hot, "rows of both tiers");
    let now = Micros::parse("2024-03-10").unwrap();
    let [rust, python] = [rust, python].map(|p| oracle::look(&p.root, "quotes", now));
    assert!(rust.lake != Default::default());
    assert_eq!(python.lake, rust.lake, "content hashes of the lake");
    assert_eq!(python.query, rust.query);
}
