//! `clock`: what time it is, of the machine and not of the project: servers compare
//! it with their own.

use std::sync::OnceLock;
use std::time::Instant;

use tidelake_core::clock::{Clock, SystemClock};
use wasmtime::component::LinkerInstance;
use wasmtime::{Result, StoreContextMut};

use crate::bindings::v0_1::func;
use crate::run::state::State;

pub(super) fn link(mut interface: LinkerInstance<'_, State>) -> Result<()> {
    func(&mut interface, "wall", |_: StoreContextMut<'_, State>, ()| Ok((SystemClock.now().0,)))?;
    func(&mut interface, "monotonic", |_: StoreContextMut<'_, State>, ()| Ok((monotonic(),)))
}

/// Nanoseconds since the first look of any plugin; the same for all instances.
fn monotonic() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let start = START.get_or_init(Instant::now);
    u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
