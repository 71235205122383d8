//! Scenarios live in `it/`; this library holds nothing.
