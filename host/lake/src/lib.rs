//! The lake: object stores, data files, table logs, verification.

pub mod log;
