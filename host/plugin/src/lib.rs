//! Loads plugins (WebAssembly components) behind the traits of tidelake-core.
