//! Failpoints: named places between two steps of a protocol where a test makes
//! the process die or an operation fail.
//!
//! Without the cargo feature `fail/failpoints` they compile to nothing. With it,
//! `FAILPOINTS="engine.before-commit=return(kill)"` in the environment arms one
//! (syntax of the `fail` crate; `3*off->return(enospc)` acts on the fourth hit).

use crate::error::{Error, Result};

/// Every failpoint of the write path, in the order in which a `run` passes them.
pub const ALL: &[&str] = &[
    "engine.unit-planned",
    "engine.unit-written",
    "engine.intent-written",
    "lake.commit-before",
    "lake.commit-after",
    "engine.committed",
    "engine.verified",
    "engine.ledger-written",
    "engine.before-evict",
    "hot.evict-before",
    "hot.evict-between",
    "hot.evict-after",
    "engine.evicted",
    "engine.rollup-written",
    "engine.rollup-committed",
];

/// Every failpoint between a source and the hot store, in the order in which a poll of a
/// `sync` passes them.
pub const SYNC: &[&str] = &[
    "engine.source-polled",
    "hot.append-before",
    "hot.append-after",
    "engine.source-appended",
    "engine.source-committed",
];

/// Acts on what a test armed at `name`: `kill` ends the process at once as
/// SIGKILL would, `enospc` fails as a full disk does, `error` fails plainly.
/// The hit is announced on standard error, so that a test can tell that the
/// point was passed.
pub fn act(name: &str, action: Option<String>) -> Result<()> {
    eprintln!("failpoint {name} hit");
    match action.as_deref() {
        Some("kill") => std::process::abort(),
        Some("enospc") => Err(Error::unavailable("the disk is full")
            .with_source(std::io::Error::from_raw_os_error(28))
            .with("failpoint", name)
            .with_help("free some space and run the command again; nothing was lost")),
        _ => Err(Error::unavailable("a failpoint made this step fail").with("failpoint", name)),
    }
}

/// Returns early from a function whose error is [`Error`] when a test armed the
/// failpoint of this name.
#[macro_export]
macro_rules! failpoint {
    ($name:expr) => {
        fail::fail_point!($name, |action: Option<String>| Err($crate::failpoint::act(
            $name, action
        )
        .expect_err("a failpoint that acts fails")
        .into()));
    };
}
