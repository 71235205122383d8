//! Deadlines: a guest that is still running when its time is over is stopped.
//!
//! Compiled wasm cannot be stopped from outside; it must look up from its work
//! now and then. There are two ways to make it look:
//!
//! | | how it looks | costs | works |
//! |---|---|---|---|
//! | [`polls`] | a load from a page that is taken away at the deadline | next to nothing | Linux, x86-64 and ARM64 |
//! | [`epochs`] | load, compare, branch: wasmtime's own epoch checks | up to half of a tight loop's time | everywhere |
//!
//! Both look at the head of every loop and at the entry of every function, and
//! both end in the same error. Which is used is the operator's choice
//! (`[engine] interrupt`); where polls cannot be had, epochs take their place.
//!
//! A store's deadlines are kept by its [`Timer`]. Guest code runs inside of
//! [`timed`] and nowhere else:
//!
//! ```text
//! arm ── guest code ─┬─ host import ─┬─ guest code ── disarm
//!                    └ over? ─ over? ┘
//! ```

mod epochs;
pub(crate) mod images;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod polls;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tidelake_core::Result;
use tidelake_core::config::Interruption;
use wasmtime::{Config, Engine, Store, Trap, WasmBacktrace};

use self::images::{Image, Images};
use crate::run::state::State;

/// One way of keeping deadlines, for all guests of an engine.
pub(crate) trait Interrupter: Debug + Send + Sync {
    /// Which way it is.
    fn kind(&self) -> Interruption;

    /// Names what compiled code depends on that the engine does not know of; part
    /// of its name in the cache.
    fn variant(&self) -> &'static str;

    /// What the engine must be made with.
    fn configure(&self, config: &mut Config);

    /// Starts keeping time for the guests of an engine.
    fn watch(&self, engine: &Engine) -> Result<()>;

    /// The component as it is to be compiled. Fails for one that is not valid.
    fn prepare<'a>(&self, component: &'a [u8]) -> wasmtime::Result<Prepared<'a>>;

    /// Images that are in no file yet, ready to be mapped. Instances of what was prepared
    /// need them.
    fn hold(&self, images: &[Image]) -> std::io::Result<Images> {
        debug_assert!(images.is_empty(), "who takes images out keeps them");
        Ok(Images::default())
    }

    /// Size limit, in bytes, that marks linear memories which are not the guest's
    /// own. No guest has a memory with just this limit.
    fn marker(&self) -> Option<usize> {
        None
    }

    /// What keeps the deadlines of one store.
    fn timer(&self) -> Arc<dyn Timer>;
}

/// A component, ready to be compiled.
#[derive(Debug)]
pub(crate) struct Prepared<'a> {
    pub(crate) component: Cow<'a, [u8]>,
    /// What its memories begin with, beyond what it says itself.
    pub(crate) images: Vec<Image>,
}

/// Keeps the deadlines of one store, one at a time.
pub(crate) trait Timer: Debug + Send + Sync {
    /// Time starts to run. Guest code that runs longer than the limit traps, until
    /// [`Timer::disarm`].
    fn arm(&self, store: &mut Store<State>, limit: Duration);

    /// Time stops. From here on nothing happens to the store's guest.
    fn disarm(&self) -> Verdict;

    /// Whether time is over: asked by host functions, which nothing stops.
    fn over(&self) -> bool {
        false
    }

    /// Runs what makes instances of the store, of a component with these images.
    fn adopt(&self, _images: &Arc<Images>, make: &mut dyn FnMut()) {
        make();
    }
}

/// How a stretch of time ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(target_os = "linux"), allow(dead_code))] // Epochs leave it to their trap.
pub(crate) enum Verdict {
    /// Before the deadline, or by a trap that says so itself.
    InTime,
    /// After the deadline was enforced, at this moment. The guest was stopped, or
    /// finished just so.
    Late(Instant),
    /// As before, and the guest can never run again.
    Dead(Instant),
}

/// Runs guest code with a deadline. Being stopped is [`Trap::Interrupt`].
pub(crate) fn timed<T>(
    timer: &dyn Timer,
    store: &mut Store<State>,
    limit: Duration,
    work: impl FnOnce(&mut Store<State>) -> wasmtime::Result<T>,
) -> wasmtime::Result<T> {
    timer.arm(store, limit);
    let result = work(store);
    let verdict = timer.disarm();
    match (verdict, result) {
        (Verdict::InTime, result) => result,
        (_, Err(error)) => Err(stopped(error)),
        // It was just done: late, but whole.
        (Verdict::Late(_), Ok(done)) => Ok(done),
        (Verdict::Dead(_), Ok(_)) => Err(Trap::Interrupt.into()),
    }
}

/// The error of a call whose time is over.
///
/// The page that was taken away shows as a memory fault. The guest's own memory
/// faults look the same, and one that happens in the moment of the deadline is
/// taken for it: the guest had not finished in time, whatever else it did.
fn stopped(error: wasmtime::Error) -> wasmtime::Error {
    if error.downcast_ref::<Trap>() != Some(&Trap::MemoryOutOfBounds) {
        return error;
    }
    let trap = wasmtime::Error::from(Trap::Interrupt);
    match error.downcast::<WasmBacktrace>() {
        // Where it was: the one thing worth keeping.
        Ok(place) => trap.context(place),
        Err(_) => trap,
    }
}

/// An engine, and what stops its guests: in the way that is wanted, or else by
/// epochs.
pub(crate) fn choose(
    wanted: Interruption,
    build: impl Fn(&dyn Interrupter) -> Result<Engine>,
) -> Result<(Engine, Arc<dyn Interrupter>)> {
    if wanted == Interruption::Polls {
        let polls = polls().and_then(|polls| Ok((build(&*polls)?, polls)));
        match polls {
            Ok(chosen) => return Ok(chosen),
            Err(error) => tracing::warn!(
                %error,
                "polls are not possible here: deadlines of plugins are kept by epochs, which \
                 make plugins slower"
            ),
        }
    }
    let epochs: Arc<dyn Interrupter> = Arc::new(epochs::Epochs::default());
    Ok((build(&*epochs)?, epochs))
}

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
fn polls() -> Result<Arc<dyn Interrupter>> {
    Ok(Arc::new(polls::Polls::new()?))
}

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
fn polls() -> Result<Arc<dyn Interrupter>> {
    Err(tidelake_core::Error::unsupported("polls need Linux on x86-64 or ARM64"))
}
