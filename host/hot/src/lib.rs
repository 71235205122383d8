//! Hot stores: where data is born.

mod store;

pub use store::*;
