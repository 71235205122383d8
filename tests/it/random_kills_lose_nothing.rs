//! 100 SIGKILLs at random moments of `run` on 200,000 rows, with late rows between
//! them: no row is lost, doubled or half-masked, and no file that the log names is missing.

use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tidelake_core::time::Micros;

use crate::support::ticks::{self, DAY, Tick, Ticks};
use crate::support::{Project, oracle};

const KILLS: usize = 100;
const DAYS: i64 = 50;
const ROWS_A_DAY: usize = 4_000;

const MASK: &str = r#"
[[table.ticks.transform]]
plugin = "mask"
options = { columns = ["account"], method = "truncate", keep = 4 }

[[table.ticks.rollup]]
every = "1d"
plugin = "ohlcv"
options = { price = "price", volume = "size" }
"#;

fn at(day: i64) -> Micros {
    Micros(Micros::parse("2024-03-01").unwrap().0 + day * DAY)
}

/// What the chain makes of a row.
fn public(tick: &Tick) -> Tick {
    let account = tick.account.as_ref().map(|a| a.chars().take(4).collect());
    Tick { account, ..tick.clone() }
}

#[test]
fn random_kills_lose_nothing() {
    let seed: u64 = std::env::var("TIDELAKE_SEED").map_or(20_241_122, |s| s.parse().unwrap());
    println!("seed {seed}; repeat with TIDELAKE_SEED={seed}");
    let mut random = SmallRng::seed_from_u64(seed);
    let project = Project::new(&ticks::config("delta", MASK));
    let mut made = Ticks::new(seed);
    let ingest = |rows: &[Tick]| {
        let path = project.write("ticks.csv", ticks::csv(rows));
        project.run(&["ingest", "ticks", &path.to_string_lossy()]).success();
    };
    let mut source: Vec<Tick> = (0..DAYS).flat_map(|d| made.day(at(d), ROWS_A_DAY)).collect();
    ingest(&source);
    source = source.iter().map(public).collect();
    assert_eq!(source.len(), 200_000);

    let (mut killed, mut finished, mut day) = (0, 0, 2);
    // Kills are spread over the time that a run takes, which is learnt as we go.
    let mut typical = Duration::from_millis(400);
    while killed < KILLS {
        // There is always something to do: a new day, late rows, or both.
        let new_day = random.random_bool(0.5) && day < DAYS + 6;
        if new_day {
            day += 1;
        }
        if !new_day || random.random_bool(0.3) {
            let back = random.random_range(0..day.min(DAYS));
            let late = made.day(at(back), 50);
            ingest(&late);
            source.extend(late.iter().map(public));
        }
        let now = at(day).to_string();
        let after = typical.mul_f64(random.random_range(0.0..1.0));
        let started = Instant::now();
        let mut child = project.start(&["run", "--now", &now]);
        std::thread::sleep(after);
        let done = child.try_wait().unwrap().is_some();
        if !done {
            // SIGKILL, as nothing can prepare for it.
            child.kill().unwrap();
            killed += 1;
        }
        let output = child.wait_with_output().unwrap();
        if done {
            finished += 1;
            typical = started.elapsed().min(typical);
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        } else {
            typical = typical.mul_f64(1.03).min(Duration::from_secs(4));
        }
        let expected = oracle::digest("ticks", &[ticks::batch(&source)]);
        let seen = oracle::look(&project.root, "ticks", at(day));
        assert_eq!(seen.query, expected, "seed {seed}, kill {killed} after {after:?}");
    }
    println!("{killed} kills, {finished} runs that were faster, day {day}");
    project.run(&["run", "--now", &at(DAYS + 10).to_string()]).success();
    let expected = oracle::digest("ticks", &[ticks::batch(&source)]);
    let seen = oracle::look(&project.root, "ticks", at(DAYS + 10));
    assert_eq!(seen.query, expected, "seed {seed}: at the end");
    assert_eq!(seen.lake, expected, "seed {seed}: everything is in the lake");
    assert!(seen.orphans.is_empty(), "seed {seed}: {:?}", seen.orphans);
}
