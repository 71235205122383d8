//! The vocabulary and the pure decisions of tidelake.
//!
//! Nothing here does I/O, knows an async runtime or a wasm engine. The modules
//! follow the data: what an operator configures ([`config`], [`table`]), how rows fit it ([`columns`]), what
//! time and partitions are ([`time`], [`period`], [`partition`]), what policy
//! decides ([`policy`]), the piece of work that follows from it ([`unit`]), what
//! the work yields ([`file`], [`hash`], [`stats`]), and how it becomes part of a
//! table ([`commit`], [`ledger`]). [`plugin`] holds the traits behind which
//! every replaceable step stands.

pub mod clock;
pub mod columns;
pub mod commit;
pub mod config;
pub mod error;
pub mod failpoint;
pub mod file;
pub mod hash;
pub mod ledger;
pub mod partition;
pub mod period;
pub mod plugin;
pub mod policy;
pub mod stats;
pub mod table;
pub mod time;
pub mod unit;

pub use error::{Error, ErrorKind, Result, ResultExt};
