//! Plugins: WebAssembly components and native libraries behind the traits of `tidelake_core::plugin`.
//!
//! A plugin's way through the crate:
//!
//! 0. `source`: one that is added comes from a file, a web server or a registry; what
//!    arrives is bytes and the text of a signature, and nothing else is made of them.
//! 1. `trust`: the file is read and checked without running any of it: is it the one
//!    that was added, who signed it, for which version is it, of which kind, what
//!    does it import, and was that granted.
//! 2. `load`: what passed is compiled once into a cache, and asked what it is.
//!    `options` holds what the configuration says against the schema it answers.
//! 3. `run`: instances are made, reused and retired; every call has a deadline, a
//!    memory cap and an output cap; what goes wrong becomes an error for the
//!    person who must act.
//! 4. `crossing`: Arrow data goes in as raw buffers and comes back as raw buffers,
//!    one copy each way; nothing that comes back is believed.
//! 5. `bindings`: one module for each released version of `wit/`, linked by hand,
//!    and `inert`, what language runtimes import of WASI without needing it.
//!
//! 6. `capabilities`: what some get beyond their data when it was granted, and
//!    `storage`: a plugin as the object store that a lake is in.
//!
//! `native` stands in for 3 to 5 where the operator trusts a plugin with everything.
//!
//! Around that way stand `versions`, which notices that a plugin was replaced and takes
//! the new one, and `books`, which keep what each did beyond the life of a process.
//!
//! Guests run on the thread that calls, which must be one that may block. What
//! stops them when they do not come back is `interrupt`.

mod bindings;
mod books;
mod capabilities;
pub mod conformance;
mod cpu;
mod crossing;
mod engine;
pub mod files;
mod host;
mod inert;
mod interrupt;
mod load;
pub mod measure;
mod native;
pub mod options;
mod run;
pub mod source;
mod stats;
mod storage;
mod text;
pub mod trust;
mod versions;

pub use books::{Kept, KeptStats};
pub use host::{HostOptions, PluginHost};
pub use run::reload::{ReloadableTransform, Upgrade};
pub use stats::{Metric, PluginStats};
pub use tidelake_core::config::Interruption;
