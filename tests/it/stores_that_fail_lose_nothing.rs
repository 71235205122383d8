//! A lake that cannot be written, a disk that is full at each write in turn.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use tidelake_core::time::Micros;

use crate::support::ticks::{self, DAY, Ticks};
use crate::support::{Project, binary, oracle, plugins};

/// Where a full disk can show itself while the lake is written, and how often a
/// run must at least meet it: a unit that fails on a store is tried once more, so
/// that one full moment while its files are written does not end the run.
const LAKE_WRITES: [(&str, usize); 3] = [("lake.put", 3), ("lake.part", 1), ("lake.complete", 1)];

fn at(day: i64) -> Micros {
    Micros(Micros::parse("2024-03-01").unwrap().0 + day * DAY)
}

fn project() -> (Project, Vec<ticks::Tick>) {
    let project = Project::new(&ticks::config("delta", ""));
    let mut made = Ticks::new(9);
    let rows: Vec<_> = (0..6).flat_map(|d| made.day(at(d), 100)).collect();
    let path = project.write("ticks.csv", ticks::csv(&rows));
    project.run(&["ingest", "ticks", &path.to_string_lossy()]).success();
    (project, rows)
}

#[test]
fn a_full_disk_at_each_write_stops_cleanly_and_the_next_run_completes() {
    let now = at(6).to_string();
    for (name, at_least) in LAKE_WRITES {
        let (project, rows) = project();
        let expected = oracle::digest("ticks", &[ticks::batch(&rows)]);
        // The 1st, 2nd, ... time that the point is passed, until a run passes it
        // fewer times than that.
        let mut met = 0;
        for hit in 0..60 {
            let armed = format!("{name}={hit}*off->1*return(enospc)->off");
            let outcome = project.run_with_failpoints(&armed, &["run", "--now", &now]);
            if !outcome.stderr.contains(&format!("failpoint {name} hit")) {
                outcome.success();
                break;
            }
            met += 1;
            if outcome.code != Some(0) {
                outcome.fails(1, &["full"]);
            }
            let seen = oracle::look(&project.root, "ticks", at(6));
            assert_eq!(seen.query, expected, "{name}, hit {hit}");
        }
        assert!(met >= at_least, "{name}: a full disk was met {met} times only");
        project.run(&["run", "--now", &now]).success();
        let seen = oracle::look(&project.root, "ticks", at(6));
        assert_eq!(seen.query, expected, "{name}");
        assert!(seen.orphans.is_empty(), "{name}: {:?}", seen.orphans);
    }
}

#[test]
fn a_full_disk_during_ingest_acknowledges_nothing() {
    let (project, rows) = project();
    let path = project.write("more.csv", ticks::csv(&Ticks::new(2).day(at(3), 10)));
    let args = ["ingest", "ticks", &path.to_string_lossy()];
    project.run_with_failpoints("hot.append-before=return(enospc)", &args).fails(1, &["full"]);
    assert_eq!(project.scalar("SELECT count(*) AS n FROM ticks"), rows.len());
    project.run(&args).success();
    assert_eq!(project.scalar("SELECT count(*) AS n FROM ticks"), rows.len() + 10);
}

#[test]
fn a_lake_that_this_user_may_not_write_is_named() {
    let (project, rows) = project();
    let lake = project.root.join("lake");
    std::fs::create_dir_all(&lake).unwrap();
    std::fs::set_permissions(&lake, std::fs::Permissions::from_mode(0o555)).unwrap();
    // Root may write anywhere, so the run is made by a user without privileges,
    // from copies that this user may read wherever the checkout is.
    let program = project.root.join("tidelake");
    std::fs::copy(binary(), &program).unwrap();
    let format = std::fs::read(plugins().join("format-parquet.wasm")).unwrap();
    project.write("plugins/format-parquet.wasm", format);
    let root = project.root.to_string_lossy().into_owned();
    let own = format!("chmod 755 {root} && chown -R nobody {root} && chmod 555 {root}/lake");
    assert!(Command::new("sh").args(["-c", &own]).status().unwrap().success());
    let run = project.command(&["run", "--now", &at(6).to_string()]);
    let mut as_nobody = Command::new("setpriv");
    as_nobody.args(["--reuid=nobody", "--clear-groups"]).arg(&program).args(run.get_args());
    for (key, value) in run.get_envs() {
        match value {
            Some(value) => as_nobody.env(key, value),
            None => as_nobody.env_remove(key),
        };
    }
    as_nobody
        .env("TIDELAKE_CACHE", project.root.join("cache"))
        .env("TIDELAKE_PLUGINS", project.root.join("plugins"))
        .current_dir(&project.root);
    let outcome = crate::support::Outcome::of(&["run"], as_nobody.output().unwrap());
    let outcome = outcome.fails(1, &["lake", "writ"]);
    drop(outcome);
    std::fs::set_permissions(&lake, std::fs::Permissions::from_mode(0o755)).unwrap();
    project.run(&["run", "--now", &at(6).to_string()]).success();
    assert_eq!(project.scalar("SELECT count(*) AS n FROM ticks"), rows.len());
}
