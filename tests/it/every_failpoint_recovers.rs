//! The process dies at each point of the protocol in turn: whatever it left, the
//! next run completes, and the rows are the same before, between and after.

use std::cell::RefCell;

use tidelake_core::failpoint;
use tidelake_core::time::Micros;

use crate::support::ticks::{self, DAY, Ticks};
use crate::support::{Project, oracle};

const ROLLUP: &str = r#"
[[table.ticks.rollup]]
every = "1d"
plugin = "ohlcv"
options = { price = "price", volume = "size" }
"#;

fn at(day: i64) -> Micros {
    Micros(Micros::parse("2024-03-01").unwrap().0 + day * DAY)
}

#[test]
fn every_failpoint_recovers_delta() {
    every_failpoint_recovers("delta");
}

#[test]
fn every_failpoint_recovers_parquet() {
    every_failpoint_recovers("parquet");
}

fn every_failpoint_recovers(format: &str) {
    let project = Project::new(&ticks::config(format, ROLLUP));
    let mut made = Ticks::new(11);
    let source = RefCell::new(Vec::new());
    let mut ingest = |project: &Project, days: std::ops::Range<i64>, late: Option<i64>| {
        let mut rows: Vec<_> = days.flat_map(|d| made.day(at(d), 200)).collect();
        rows.extend(late.into_iter().flat_map(|d| made.day(at(d), 20)));
        project.write("ticks.csv", ticks::csv(&rows));
        project
            .run(&["ingest", "ticks", &project.root.join("ticks.csv").to_string_lossy()])
            .success();
        source.borrow_mut().extend(rows);
        oracle::digest("ticks", &[ticks::batch(&source.borrow())])
    };
    let mut now = 10;
    ingest(&project, 0..10, None);
    let time = |day: i64| at(day).to_string();
    project.run(&["run", "--now", &time(now)]).success();
    for name in failpoint::ALL {
        // A new day, one late row set in an evicted day, and one in a warm day.
        now += 1;
        ingest(&project, now - 1..now, Some(now - 9));
        let expected = ingest(&project, now..now, Some(now - 4));
        let armed = format!("{name}=return(kill)");
        let run = ["run", "--now", &time(now)];
        project.run_with_failpoints(&armed, &run).killed_at(name);
        let seen = oracle::look(&project.root, "ticks", at(now));
        assert_eq!(seen.query, expected, "{format}: after dying at {name}");
        let report = project.run(&run).success();
        let seen = oracle::look(&project.root, "ticks", at(now));
        assert_eq!(
            seen.query, expected,
            "{format}: after the run that followed {name}: {report:?}"
        );
        assert!(seen.orphans.is_empty(), "{format}: {name} left {:?}", seen.orphans);
        // W is two days before now: what is older is in the lake, all of it.
        let lake =
            source.borrow().iter().filter(|t| t.ts < at(now - 2).0).cloned().collect::<Vec<_>>();
        let lake = oracle::digest("ticks", &[ticks::batch(&lake)]);
        assert_eq!(seen.lake, lake, "{format}: {name}");
    }
}
