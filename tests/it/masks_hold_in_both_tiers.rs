//! A row never appears masked in one tier and clear in the other: the chain runs
//! when rows are exported and when hot rows are queried.

use tidelake_core::time::Micros;

use crate::support::Project;
use crate::support::ticks::{self, DAY, Ticks};

const MASK: &str = r#"
[[table.ticks.transform]]
plugin = "mask"
options = { columns = ["account"], method = "hash", salt = "a salt of this test" }
"#;

fn at(day: i64) -> Micros {
    Micros(Micros::parse("2024-03-01").unwrap().0 + day * DAY)
}

#[test]
fn masks_hold_in_both_tiers() {
    let project = Project::new(&ticks::config("delta", MASK));
    let mut made = Ticks::new(3);
    let rows: Vec<_> = (0..8).flat_map(|d| made.day(at(d), 100)).collect();
    let path = project.write("ticks.csv", ticks::csv(&rows));
    project.run(&["ingest", "ticks", &path.to_string_lossy()]).success();
    let sql = "SELECT symbol, size, account FROM ticks ORDER BY size";
    let hot_only = project.query(sql);
    assert_eq!(hot_only.len(), 800);
    let clear = project.scalar("SELECT count(*) AS n FROM ticks WHERE account LIKE 'ACC-%'");
    assert_eq!(clear, 0, "hot rows are masked when they are queried");
    let masked = project.scalar("SELECT count(*) AS n FROM ticks WHERE account IS NOT NULL");
    assert_eq!(masked, rows.iter().filter(|t| t.account.is_some()).count());
    project.run(&["run", "--now", &at(8).to_string()]).success();
    let status = project.json(&["status", "ticks"]);
    for tier in ["hot", "warm", "cold"] {
        assert_ne!(status[0][tier]["rows"], 0, "every tier holds rows: {status}");
    }
    assert_eq!(project.query(sql), hot_only, "the same rows, whichever tier holds them");
    project.run(&["run", "--now", &at(30).to_string()]).success();
    assert_eq!(project.query(sql), hot_only, "and when all of them are cold");
}

#[test]
fn a_mask_without_a_salt_is_refused_before_anything_moves() {
    let chain =
        "[[table.ticks.transform]]\nplugin = \"mask\"\noptions = { columns = [\"account\"] }\n";
    let project = Project::new(&ticks::config("delta", chain));
    let path = project.write("ticks.csv", ticks::csv(&Ticks::new(1).day(at(0), 5)));
    let ingest = project.run(&["ingest", "ticks", &path.to_string_lossy()]);
    ingest.fails(1, &["salt", "mask"]);
}
