//! Bad rows, missing and unparsable times, schemas that changed, a clock that
//! runs behind: a clear error, nothing lost, nothing half-ingested.

use tidelake_core::time::Micros;

use crate::support::Project;
use crate::support::ticks::{self, Ticks};

const HEADER: &str = "ts,symbol,class,account,price,size\n";

fn project() -> Project {
    Project::new(&ticks::config("delta", ""))
}

fn ingest(project: &Project, text: &str, more: &[&str]) -> crate::support::Outcome {
    let path = project.write("rows.csv", text);
    let path = path.to_string_lossy();
    let mut args = vec!["ingest", "ticks", path.as_ref()];
    args.extend(more);
    project.run(&args)
}

fn rows(project: &Project) -> u64 {
    project.json(&["status", "ticks"])[0]["rows"].as_u64().unwrap()
}

#[test]
fn a_bad_row_is_named_by_line_and_column() {
    let project = project();
    let good = "2024-03-01T00:00:00Z,S1,fx,a,1.5,10\n";
    let bad = "2024-03-01T00:00:01Z,S1,fx,a,cheap,11\n";
    let text = format!("{HEADER}{good}{good}{bad}{good}");
    ingest(&project, &text, &[])
        .fails(1, &["rows.csv", "line 4", "price", "cheap", "--on-error skip"]);
    assert_eq!(rows(&project), 0, "abort ingests nothing of the file");
    let outcome = ingest(&project, &text, &["--on-error", "skip", "--json"]).success();
    let report: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    let text = report.to_string();
    assert!(text.contains("\"skipped\":1"), "{text}");
    assert_eq!(rows(&project), 3);
}

#[test]
fn a_row_with_too_few_fields_is_named_by_line() {
    let project = project();
    let text = format!("{HEADER}2024-03-01T00:00:00Z,S1,fx,a,1.5,10\n2024-03-01T00:00:00Z,S1\n");
    ingest(&project, &text, &[]).fails(1, &["line 3"]);
    assert_eq!(rows(&project), 0);
}

#[test]
fn a_missing_time_column_lists_the_columns() {
    let project = project();
    ingest(&project, "when,symbol\n2024-03-01,S1\n", &[])
        .fails(1, &["no time column \"ts\"", "\"when\" is new"]);
}

#[test]
fn unparsable_and_missing_times_are_refused() {
    let project = project();
    let text = format!("{HEADER}yesterday,S1,fx,a,1.5,10\n");
    ingest(&project, &text, &[]).fails(1, &["line 2", "ts", "yesterday"]);
    let text = format!("{HEADER},S1,fx,a,1.5,10\n");
    ingest(&project, &text, &[]).fails(1, &["line 2", "ts"]);
    assert_eq!(rows(&project), 0);
}

#[test]
fn a_schema_that_changed_names_every_difference() {
    let project = Project::new("[table.ticks]\ntime = \"ts\"\n");
    ingest(&project, "ts,symbol,size\n2024-03-01T00:00:00Z,S1,10\n", &[]).success();
    let text = "ts,symbol,size,venue\n2024-03-01T00:00:00Z,S1,1,X\n";
    ingest(&project, text, &[]).fails(1, &["venue"]);
    ingest(&project, "ts,symbol\n2024-03-01T00:00:00Z,S1\n", &[]).fails(1, &["size"]);
    assert_eq!(rows(&project), 1);
}

#[test]
fn a_clock_behind_the_watermark_changes_nothing() {
    let project = project();
    let mut made = Ticks::new(1);
    let day = |d: i64| Micros(Micros::parse("2024-03-01").unwrap().0 + d * ticks::DAY);
    let all: Vec<_> = (0..8).flat_map(|d| made.day(day(d), 20)).collect();
    ingest(&project, &ticks::csv(&all), &[]).success();
    project.run(&["run", "--now", "2024-03-08"]).success();
    let before = project.json(&["status", "ticks", "--now", "2024-03-08"]);
    for command in ["plan", "run"] {
        project
            .run(&[command, "--now", "2024-03-02"])
            .fails(1, &["2024-03-02", "before the watermark 2024-03-06"]);
    }
    let after = project.json(&["status", "ticks", "--now", "2024-03-08"]);
    assert_eq!(before, after);
    assert_eq!(rows(&project), 160);
}

#[test]
fn a_missing_or_empty_file_is_named() {
    let project = project();
    project.run(&["ingest", "ticks", "nowhere.csv"]).fails(1, &["nowhere.csv"]);
    ingest(&project, "", &[]).fails(1, &["rows.csv"]);
}
