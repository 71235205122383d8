//! One transform in Rust, Python and JavaScript: equal rows and equal content hashes, in both
//! tiers.

use std::path::Path;

use tidelake_core::time::Micros;

use crate::support::stranger::QUOTES;
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
    let table = QUOTES.replace("\"spread\"", &format!("{plugin:?}"));
    let config = format!(
        r#"{table}
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

/// The example in another language, as `make` built it.
fn built(language: &str) -> Project {
    let name = format!("spread-{language}");
    let wasm = repository().join(format!("target/{name}.wasm"));
    assert!(wasm.exists(), "{} is missing: build it with `make test-{language}`", wasm.display());
    project(&name, &wasm)
}

#[test]
fn the_same_transform_in_three_languages_gives_equal_results() {
    let sql = "SELECT * FROM quotes ORDER BY ts, symbol";
    let now = Micros::parse("2024-03-10").unwrap();
    let see = |project: Project| {
        let hot = project.query(sql);
        project.run(&["run", "--now", "2024-03-10"]).success();
        assert_eq!(project.query(sql), hot, "the same rows from both tiers");
        let seen = oracle::look(&project.root, "quotes", now);
        (hot, seen.lake, seen.query)
    };
    let rust = see(project("spread", &custom_transform()));
    assert_eq!(rust.0.len(), 3000);
    assert!(rust.1 != Default::default());
    for language in ["python", "javascript"] {
        let other = see(built(language));
        assert_eq!(other.0, rust.0, "{language}: rows");
        assert_eq!((other.1, other.2), (rust.1, rust.2), "{language}: content hashes");
    }
}
