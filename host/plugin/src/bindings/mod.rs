//! The WIT package as Rust types and functions, one module for each released
//! version. A plugin built for an older version keeps working through its module.

pub(crate) mod v0_1;

/// Released versions of `tidelake:plugin` that this host speaks.
pub(crate) const VERSIONS: &[&str] = &["0.1.0"];
