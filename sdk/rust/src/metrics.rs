//! Numbers that the host shows per plugin. Names are `snake_case` with the unit at
//! the end (`rows_total`, `wait_seconds`). Outside a component they go nowhere.

#[cfg(target_arch = "wasm32")]
use crate::bindings::host::tidelake::plugin::metrics as imp;

/// Adds to a counter.
pub fn counter(name: &str, delta: u64) {
    imp::counter(name, delta);
}

/// Sets a gauge.
pub fn gauge(name: &str, value: f64) {
    imp::gauge(name, value);
}

/// Records one observation.
pub fn histogram(name: &str, value: f64) {
    imp::histogram(name, value);
}

#[cfg(all(feature = "native", not(target_arch = "wasm32")))]
use crate::native::host as imp;

#[cfg(not(any(feature = "native", target_arch = "wasm32")))]
mod imp {
    pub(super) fn counter(_: &str, _: u64) {}
    pub(super) fn gauge(_: &str, _: f64) {}
    pub(super) fn histogram(_: &str, _: f64) {}
}
