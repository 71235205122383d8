//! Hot stores: where data is born.
//!
//! [`HotStore`] is the contract; [`EmbeddedHotStore`] keeps it on local disk,
//! [`MemoryHotStore`] in memory for tests. [`conformance`] holds the properties
//! that every implementation must have, as functions over `&dyn HotStore`.
//!
//! A row's way: `append` checks it against its table, gives it the
//! next sequence number and makes it durable; a snapshot `scan`s it by time,
//! sequence, columns and keys; `evict` removes it once the lake holds it.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod conformance;

mod check;
mod embedded;
mod memory;
mod select;
mod store;
mod tally;

pub use embedded::{EmbeddedHotStore, Limits, OpenOptions};
pub use memory::MemoryHotStore;
pub use store::*;
