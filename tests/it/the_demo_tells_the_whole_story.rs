//! The demo: every row of the CSV is in the hot store or in the lake, the warm
//! boundary holds, `verify` passes, and Python's readers agree.

use std::collections::BTreeMap;
use std::process::Command;

use crate::support::{Project, binary, plugin_cache, plugins, read_with_others, repository};

/// Rows and sum of Volume per ticker, straight from the CSV.
fn source() -> BTreeMap<String, (u64, u64)> {
    let packed = repository().join("examples/data/stocks.csv.gz");
    let unpacked = Command::new("gzip").arg("-dc").arg(packed).output().unwrap();
    let mut sums = BTreeMap::<String, (u64, u64)>::new();
    for line in String::from_utf8(unpacked.stdout).unwrap().lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let sum = sums.entry(fields[0].to_owned()).or_default();
        sum.0 += 1;
        sum.1 += fields[6].parse::<u64>().unwrap();
    }
    assert_eq!(sums.values().map(|s| s.0).sum::<u64>(), 12_154);
    sums
}

#[test]
fn the_demo_tells_the_whole_story() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("demo");
    let demo = || {
        let output = Command::new(binary())
            .arg("demo")
            .arg(&root)
            .env("TIDELAKE_PLUGINS", plugins())
            .env("TIDELAKE_CACHE", plugin_cache())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        text
    };
    let story = demo();
    for part in [" plan --now", " run --now", " status --now", " query \"SELECT", "python3 -c"] {
        assert!(story.contains(part), "{part}: {story}");
    }
    // Commands are as long as they are; what they print reads well at 80 columns.
    let printed = story.lines().filter(|l| !l.starts_with(['$', '#']) && !l.contains("python3"));
    let wide = printed.map(|l| l.chars().count()).max().unwrap();
    assert!(wide <= 80, "lines of up to {wide} characters");
    let project = Project::at(&root);
    let check = || {
        let rows = project
            .query("SELECT Ticker, count(*) AS n, sum(Volume) AS v FROM stocks GROUP BY Ticker");
        let seen: BTreeMap<String, (u64, u64)> = rows
            .iter()
            .map(|r| {
                let number = |key: &str| r[key].as_u64().or(r[key].as_f64().map(|f| f as u64));
                (
                    r["Ticker"].as_str().unwrap().to_owned(),
                    (number("n").unwrap(), number("v").unwrap()),
                )
            })
            .collect();
        assert_eq!(seen, source());
    };
    check();

    // Nothing in the hot store is older than the warm boundary, 365 days.
    let status = project.json(&["status", "stocks", "--now", "2013-03-02"]);
    let boundary = tidelake_core::time::Micros::parse("2012-03-02").unwrap().0;
    let tiers = &status[0];
    let first = |tier: &str| tiers[tier]["min_time"].as_i64().unwrap();
    assert!(first("hot") >= boundary && first("warm") >= boundary, "{status}");
    for tier in ["hot", "warm", "cold"] {
        assert_ne!(tiers[tier]["rows"], 0, "{status}");
    }
    project.run(&["verify"]).success();

    let readers = read_with_others(&root.join("lake/stocks"), "delta", "Ticker", "Volume");
    for reader in ["pyarrow", "duckdb", "deltalake"] {
        let seen = &readers[reader];
        let lake =
            tiers["warm"]["rows"].as_u64().unwrap() + tiers["cold"]["rows"].as_u64().unwrap();
        assert_eq!(seen["rows"], lake, "{reader}");
        assert_eq!(seen, &readers["deltalake"], "{reader}");
    }
    // In the lake: all of the source less the hot rows, ticker by ticker.
    let hot = project.query(
        "SELECT Ticker, count(*) AS n FROM stocks WHERE Date >= DATE '2012-12-01' GROUP BY Ticker",
    );
    let groups = readers["deltalake"]["groups"].as_object().unwrap();
    for row in &hot {
        let ticker = row["Ticker"].as_str().unwrap();
        let all = source()[ticker].0;
        assert_eq!(groups[ticker]["rows"], all - row["n"].as_u64().unwrap(), "{ticker}");
    }

    // Again: harmless.
    demo();
    check();
    let again = project.json(&["status", "stocks", "--now", "2013-03-02"]);
    assert_eq!(again[0]["rows"], tiers["rows"]);
    assert_eq!(again[0]["files"], tiers["files"]);
}
