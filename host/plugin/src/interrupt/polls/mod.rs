//! Deadlines by polls on a page that can be taken away.
//!
//! The idea is that of the safepoint polls of Java's virtual machines: a load
//! whose result nobody wants, from an address that is readable for as long as
//! the guest may run. It costs one instruction without a branch. At the deadline
//! the page is protected, the next load faults, and wasmtime makes a trap of it
//! like of any other access outside of memory.
//!
//! ```text
//!  component ── instrument ──> compiled code        Gate (one for each store)
//!                              loop:                 ├ over: flag
//!                                load [poll page] ─┐ └ spans: poll pages ─┐
//!                                ...               │                      │
//!  store ── memory::Creator ──> poll page <────────┘   mprotect at the    │
//!                                  ^                   deadline, and back │
//!  watchdog (one thread, a heap of deadlines) ────────────────────────────┘
//! ```
//!
//! [`instrument`] adds to every core module with code a memory of its own, and
//! the polls. [`memory`] makes all linear memories, so that the host knows where
//! these are, and registers them with the [`gate`] of their store. The
//! [`watchdog`] closes gates.
//!
//! Who makes the memories also fills them: [`data`] takes out of the modules what their memories
//! begin with, which is mapped when they are made (see `images`).
//!
//! What makes it safe:
//!
//! - **No guest can name its poll memory.** It has the first index that the
//!   module does not use, and the module was validated before, when that index
//!   did not exist; it is neither exported nor imported.
//! - **No guest memory is ever protected.** Poll memories are told by a size limit
//!   that no other memory has: a component with a memory like that is refused.
//! - **No instance sees what another wrote.** Images are mapped privately, from a file that
//!   nobody writes to, over memory that no code has seen; which memory that is follows
//!   from the order in which an instance's memories are made, and it must be large enough.
//! - **The host cannot fault.** The canonical ABI reads and writes memories that
//!   the guest exports; nothing in the host knows the address of a poll page but
//!   `mprotect`. Pages are read-only even while the gate is open.
//! - **No poll can be optimized away.** Every poll of a module has an address of
//!   its own: of two loads from one address, with no store between them, the
//!   compiler drops one, and an inner loop would never look up again. For the same
//!   reason functions are not inlined, which would make two of one poll.
//!
//! What can still take time after a deadline: one piece of straight code, one bulk
//! operation on a memory (bounded by its cap), one host import (which looks at the
//! flag when entered and left), and the copy of one list between two components.

mod data;
mod gate;
mod instrument;
mod memory;
mod watchdog;

use std::borrow::Cow;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use tidelake_core::config::Interruption;
use tidelake_core::{Error, Result};
use wasmtime::{Config, Engine, Inlining, Store};

use self::gate::Gate;
use self::watchdog::Watchdog;
use super::images::{Image, Images, Layout};
use super::{Interrupter, Prepared, Timer, Verdict};
use crate::run::state::State;

/// Bytes of address space of each memory: as much as 32 bits can name, so that
/// compiled code need not compare addresses.
const RESERVATION: u64 = 4 << 30;
/// Bytes after that which are never accessible.
const GUARD: u64 = 32 << 20;

/// The watchdog of one engine. It rests when this is dropped.
#[derive(Debug)]
pub(crate) struct Polls {
    watchdog: Arc<Watchdog>,
}

impl Polls {
    /// Fails where pages cannot be taken away and given back.
    pub(crate) fn new() -> Result<Self> {
        memory::probe(RESERVATION as usize, GUARD as usize).map_err(|error| {
            Error::unsupported("memory cannot be protected here").with_source(error)
        })?;
        Ok(Self { watchdog: Arc::default() })
    }
}

impl Interrupter for Polls {
    fn kind(&self) -> Interruption {
        Interruption::Polls
    }

    fn variant(&self) -> &'static str {
        instrument::VERSION
    }

    fn configure(&self, config: &mut Config) {
        config
            .with_host_memory(Arc::new(memory::Creator))
            .memory_reservation(RESERVATION)
            .memory_guard_size(GUARD)
            .memory_may_move(false)
            // wasmtime maps images into its own memories only; ours have ours.
            .memory_init_cow(false)
            .signals_based_traps(true)
            .wasm_multi_memory(true)
            .compiler_inlining(Inlining::No);
    }

    fn watch(&self, _: &Engine) -> Result<()> {
        watchdog::start(&self.watchdog).map_err(|error| {
            Error::unavailable("the thread that keeps plugin deadlines could not be started")
                .with_source(error)
        })
    }

    fn prepare<'a>(&self, component: &'a [u8]) -> wasmtime::Result<Prepared<'a>> {
        let (component, images) = instrument::instrument(component)?;
        Ok(Prepared { component: Cow::Owned(component), images })
    }

    fn hold(&self, images: &[Image]) -> std::io::Result<Images> {
        if images.is_empty() {
            return Ok(Images::default());
        }
        let mut file = memory::nameless_file()?;
        for image in images {
            file.write_all(&image.bytes)?;
        }
        Images::new(file, Layout::behind(0, images).parts)
    }

    fn marker(&self) -> Option<usize> {
        Some(instrument::MARKER as usize * instrument::PAGE)
    }

    fn timer(&self) -> Arc<dyn Timer> {
        Arc::new(PollTimer(Gate::new(Arc::clone(&self.watchdog))))
    }
}

impl Drop for Polls {
    fn drop(&mut self) {
        self.watchdog.rest();
    }
}

/// Deadlines through a gate.
#[derive(Debug)]
struct PollTimer(Arc<Gate>);

impl Timer for PollTimer {
    fn arm(&self, _: &mut Store<State>, limit: Duration) {
        self.0.arm(limit);
    }

    fn disarm(&self) -> Verdict {
        self.0.disarm()
    }

    fn over(&self) -> bool {
        self.0.over()
    }

    fn adopt(&self, images: &Arc<Images>, make: &mut dyn FnMut()) {
        memory::adopt(&self.0, images, make);
    }
}
