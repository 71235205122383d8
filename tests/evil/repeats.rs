//! Twenty times the same attack leave nothing behind.
//!
//! Each instance touches a megabyte of its memory, so that one that stayed would
//! show. Measured in a process of its own: other tests would disturb it.

use std::process::Command;

use crate::attack::WAYS;
use crate::catalogue;

const WARM_UP: usize = 4;
const REPEATS: usize = 20;
/// Bytes that resident memory may grow by over all repeats of one attack; twenty
/// instances that stay are more.
const SLACK: u64 = 8 << 20;
/// As well, of mappings: the poll page of each instance is one.
const MAPPINGS: usize = REPEATS / 2;

#[test]
fn nothing_stays_behind() {
    let test = std::env::current_exe().expect("the test");
    let args = ["--exact", "--ignored", "--nocapture", "repeats::measure"];
    let child = Command::new(test).args(args).output().expect("a process of its own");
    let said = [child.stdout, child.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(child.status.success(), "{said}");
    assert!(said.contains("1 passed"), "{said}");
}

#[test]
#[ignore = "measures its process; run by `nothing_stays_behind`"]
fn measure() {
    let mut grown = Vec::new();
    for (name, attack) in catalogue::all() {
        for way in WAYS {
            let (_dir, host) = attack.host(way);
            (0..WARM_UP).for_each(|_| attack.once(&host));
            let before = (resident(), mappings(), threads());
            (0..REPEATS).for_each(|_| attack.once(&host));
            let after = (resident(), mappings(), threads());
            let bytes = after.0.saturating_sub(before.0);
            println!("{name} with {way:?}: {bytes} bytes, {before:?} to {after:?}");
            if bytes > SLACK || after.1 > before.1 + MAPPINGS || after.2 > before.2 {
                grown.push((name, way, before, after));
            }
        }
    }
    assert!(grown.is_empty(), "{grown:#?}");
}

fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.expect("pages") * 4096
}

fn mappings() -> usize {
    std::fs::read_to_string("/proc/self/maps").expect("Linux").lines().count()
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").expect("Linux").count()
}
