//! The same project with `format` switched among delta, parquet, json and avro by
//! that one key gives identical answers to ten queries, and foreign readers agree.

use serde_json::Value;
use tidelake_core::time::Micros;

use crate::support::Project;
use crate::support::ticks::{self, DAY, Tick, Ticks};

/// Ten queries: counts, sums, bounds, filters by time and key, a group by month,
/// a join, a window, nulls, a rollup, late rows.
const QUERIES: [(&str, &str); 10] = [
    (
        "counts",
        "SELECT count(*) AS n, count(price) AS priced, count(DISTINCT symbol) AS symbols FROM ticks",
    ),
    ("sums", "SELECT class, sum(size) AS size FROM ticks GROUP BY class ORDER BY class"),
    (
        "bounds",
        "SELECT min(ts) AS a, max(ts) AS b, min(price) AS c, max(price) AS d, min(symbol) AS e, max(account) AS f FROM ticks",
    ),
    (
        "a filter by time and key",
        "SELECT ts, price, size FROM ticks WHERE symbol = 'S007' AND ts >= TIMESTAMP '2024-03-03T12:00:00Z' AND ts < TIMESTAMP '2024-03-12T00:00:00Z' ORDER BY ts, size",
    ),
    (
        "a group by month",
        "SELECT date_trunc('month', ts) AS month, symbol, count(*) AS n, sum(size) AS size FROM ticks GROUP BY 1, 2 ORDER BY 1, 2",
    ),
    (
        "a join of two tables",
        "SELECT n.desk, count(*) AS n, sum(t.size) AS size FROM ticks t JOIN names n ON t.symbol = n.symbol GROUP BY n.desk ORDER BY n.desk",
    ),
    (
        "a window",
        "SELECT * FROM (SELECT symbol, ts, size, size - lag(size) OVER (PARTITION BY symbol ORDER BY ts, size) AS step, row_number() OVER (PARTITION BY symbol ORDER BY ts, size) AS r FROM ticks) w WHERE r <= 3 ORDER BY symbol, r",
    ),
    (
        "nulls",
        "SELECT symbol, count(*) AS n FROM ticks WHERE account IS NULL AND price IS NOT NULL GROUP BY symbol ORDER BY symbol",
    ),
    ("a rollup", "SELECT * FROM \"ticks@1d\" WHERE symbol IN ('S001', 'S002') ORDER BY symbol, ts"),
    (
        "late rows",
        "SELECT ts, symbol, size FROM ticks WHERE size > 8000 AND ts < TIMESTAMP '2024-03-08T00:00:00Z' ORDER BY size",
    ),
];

const MORE: &str = r#"
[[table.ticks.rollup]]
every = "1d"
plugin = "ohlcv"
options = { price = "price", volume = "size" }

[table.names]
time = "since"
key = ["symbol"]

[table.names.schema]
since = "date32"
symbol = "utf8"
desk = "utf8"

[table.names.lifecycle]
hot = "2d"
warm = "5d"
"#;

fn at(day: i64) -> Micros {
    Micros(Micros::parse("2024-02-25").unwrap().0 + day * DAY)
}

fn names() -> String {
    let rows = (0..40).map(|n| format!("2024-02-{:02},S{n:03},desk {}\n", 1 + n % 28, n % 4));
    format!("since,symbol,desk\n{}", rows.collect::<String>())
}

/// A project of this format, tiered in several runs, with late rows in between
/// and some that no run has seen yet.
fn project(format: &str) -> (Project, Vec<Tick>) {
    let config = ticks::config(format, MORE)
        .replace("grace = \"0s\"\n", "grace = \"0s\"\n# one key decides the format\n");
    let project = Project::new(&config);
    let mut made = Ticks::new(5);
    let mut all = Vec::new();
    let ingest = |table: &str, text: String| {
        let path = project.write("rows.csv", text);
        project.run(&["ingest", table, &path.to_string_lossy()]).success();
    };
    ingest("names", names());
    let mut add = |rows: Vec<Tick>| {
        ingest("ticks", ticks::csv(&rows));
        all.extend(rows);
    };
    add((0..16).flat_map(|d| made.day(at(d), 500)).collect());
    project.run(&["run", "--now", &at(10).to_string()]).success();
    add((0..6).flat_map(|d| made.day(at(d), 30)).collect());
    project.run(&["run", "--now", &at(16).to_string()]).success();
    add((2..4).flat_map(|d| made.day(at(d), 20)).collect());
    (project, all)
}

#[test]
fn four_formats_give_ten_equal_answers_and_foreign_readers_agree() {
    let mut answers: Vec<(String, Vec<Vec<Value>>)> = Vec::new();
    let mut seen: Option<String> = None;
    for format in ["delta", "parquet", "json", "avro"] {
        let (project, all) = project(format);
        let results: Vec<Vec<Value>> = QUERIES.iter().map(|(_, sql)| project.query(sql)).collect();
        for ((what, _), rows) in QUERIES.iter().zip(&results) {
            assert!(!rows.is_empty(), "{format}: {what} is empty");
        }
        assert_eq!(results[0][0]["n"], all.len(), "{format}");
        assert_eq!(results[9].len(), 220, "{format}: every late row shows");
        let others = foreign_readers_agree(&project, format);
        assert_eq!(
            *seen.get_or_insert_with(|| others.clone()),
            others,
            "{format}: foreign readers"
        );
        answers.push((format.to_owned(), results));
    }
    let (first, rest) = answers.split_first().unwrap();
    for (format, results) in rest {
        for (i, (what, sql)) in QUERIES.iter().enumerate() {
            assert_eq!(first.1[i], results[i], "{what}: {} and {format} differ: {sql}", first.0);
        }
    }
}

/// Each foreign reader that knows the format finds the lake's rows and sums. What they see
/// is the same in every format.
fn foreign_readers_agree(project: &Project, format: &str) -> String {
    let status = project.json(&["status", "ticks"]);
    let tables = status.as_array().unwrap();
    let lake =
        tables[0]["warm"]["rows"].as_u64().unwrap() + tables[0]["cold"]["rows"].as_u64().unwrap();
    let readers =
        crate::support::read_with_others(&project.root.join("lake/ticks"), format, "class", "size");
    let least = if format == "avro" { 1 } else { 2 };
    assert!(readers.len() >= least, "{format}: too few readers: {readers:?}");
    // One prints a zone where another leaves it out.
    let text = |seen: &Value| seen.to_string().replace("Z\"", "\"");
    let first = text(readers.values().next().unwrap());
    for (reader, seen) in &readers {
        assert_eq!(seen["rows"], lake, "{format}: {reader}");
        assert_eq!(text(seen), first, "{format}: {reader} sees something else");
    }
    first
}

#[test]
fn files_may_be_compressed() {
    for (format, compression) in [
        ("json", "gzip"),
        ("json", "zstd(3)"),
        ("avro", "deflate"),
        ("avro", "snappy"),
        ("avro", "zstd(3)"),
    ] {
        let key = format!("format = \"{format}\"");
        let options = format!("{key}\noptions = {{ compression = \"{compression}\" }}");
        let config = ticks::config(format, "").replace(&key, &options);
        let project = Project::new(&config.replace("[\"day\", \"class\"]", "[\"day\"]"));
        // Large enough for several frames a file.
        let path = project.write("rows.csv", ticks::csv(&Ticks::new(8).day(at(0), 30_000)));
        project.run(&["ingest", "ticks", &path.to_string_lossy()]).success();
        let sql = "SELECT count(*) AS n, sum(size) AS size, min(ts) AS first FROM ticks";
        let hot = project.query(sql);
        let run = project.run(&["run", "--now", &at(30).to_string()]).success();
        assert_eq!(project.query(sql), hot, "{format} {compression}: {run:?}");
        let verified = project.run(&["verify", "ticks"]).success();
        assert!(verified.stdout.contains("ticks"), "{verified:?}");
        let status = project.json(&["status", "ticks"]);
        assert_eq!(status[0]["cold"]["rows"], 30_000, "{format} {compression}");
        assert!(
            status[0]["file_bytes"].as_u64().unwrap() < 1_500_000,
            "{format} {compression}: {status}"
        );
    }
}
