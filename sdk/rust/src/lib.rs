//! Write a tidelake plugin in Rust: a struct, its options, a trait, one macro.
