//! One process owns the hot store: a second one is told who, and loses nothing.

use std::process::Child;
use std::time::{Duration, Instant};

use tidelake_core::time::Micros;

use crate::support::Project;
use crate::support::ticks::{self, Ticks};

/// A project with a `run` that sleeps inside its first unit.
fn busy_project() -> (Project, Child) {
    let project = Project::new(&ticks::config("delta", ""));
    let day = Micros::parse("2024-03-01").unwrap();
    let path = project.write("ticks.csv", ticks::csv(&Ticks::new(1).day(day, 50)));
    project.run(&["ingest", "ticks", &path.to_string_lossy()]).success();
    let mut command = project.command(&["run", "--now", "2024-04-01"]);
    command.env("FAILPOINTS", "engine.unit-planned=sleep(6000)");
    let child = command.spawn().unwrap();
    let started = Instant::now();
    // The owner is known as soon as its lock is held.
    let owner = project.root.join("hot/owner.json");
    while !std::fs::read_to_string(&owner).unwrap_or_default().contains("tidelake run") {
        assert!(started.elapsed() < Duration::from_secs(5), "the run never took the store");
        std::thread::sleep(Duration::from_millis(10));
    }
    (project, child)
}

#[test]
fn a_second_run_a_query_and_a_status_are_told_who_holds_the_store() {
    let (project, mut first) = busy_project();
    let pid = format!("{}", first.id());
    for args in [
        &["run", "--now", "2024-04-01"][..],
        &["query", "SELECT count(*) FROM ticks"],
        &["status"],
        &["plan"],
    ] {
        project.run(args).fails(1, &["held by", "tidelake run", &pid, "wait"]);
    }
    assert!(first.wait().unwrap().success(), "the first run is not disturbed");
    assert_eq!(project.scalar("SELECT count(*) AS n FROM ticks"), 50);
    project.run(&["verify"]).success();
}
