//! What time it is, for plugins that talk to the outside: requests are signed with
//! it. Rows never depend on it; a component of another kind than a storage backend or a
//! source that asks is refused when it is loaded.
//!
//! Outside a component there is the clock of [`testing::Outside`](crate::testing::Outside).

use std::time::Duration;

/// Microseconds since 1970-01-01 UTC.
pub fn wall() -> i64 {
    #[cfg(target_arch = "wasm32")]
    return crate::bindings::host::tidelake::plugin::clock::wall();
    #[cfg(not(target_arch = "wasm32"))]
    return crate::testing::outside::wall();
}

/// The time since some moment; never goes back.
pub fn monotonic() -> Duration {
    #[cfg(target_arch = "wasm32")]
    return Duration::from_nanos(crate::bindings::host::tidelake::plugin::clock::monotonic());
    #[cfg(not(target_arch = "wasm32"))]
    return crate::testing::outside::monotonic();
}
