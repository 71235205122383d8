//! Plugins: WebAssembly components behind the traits of `tidelake_core::plugin`.
//!
//! A plugin's way through the crate:
//!
//! 1. `load`: the file is found, checked without running any of it (is it a
//!    component, for which version, of which kind, what does it import), compiled
//!    once into a cache, and asked what it is.
//! 2. `run`: instances are made, reused and retired; every call has a deadline, a
//!    memory cap and an output cap; what goes wrong becomes an error for the
//!    person who must act.
//! 3. `crossing`: Arrow data goes in as raw buffers and comes back as raw buffers,
//!    one copy each way; nothing that comes back is believed.
//! 4. `bindings`: one module for each released version of `wit/`, linked by hand,
//!    and `inert`, what language runtimes import of WASI without needing it.
//!
//! Guests run on the thread that calls, which must be one that may block. What
//! stops them when they do not come back is `interrupt`.

mod bindings;
mod crossing;
mod engine;
mod host;
mod inert;
mod interrupt;
mod load;
mod run;
mod stats;
mod text;

pub use host::{HostOptions, PluginHost};
pub use stats::{Metric, PluginStats};
pub use tidelake_core::config::Interruption;
