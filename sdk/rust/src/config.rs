//! Facts about where the plugin runs. They may go into logs and file metadata, and
//! must not change a result.

/// The value of one key, if the host has it: `table`, `unit`, `host-version`.
/// Outside a component there is none.
pub fn get(key: &str) -> Option<String> {
    #[cfg(target_arch = "wasm32")]
    return crate::bindings::host::tidelake::plugin::config::get(key);
    #[cfg(not(target_arch = "wasm32"))]
    return {
        #[cfg(feature = "native")]
        let value = crate::native::host::config(key);
        #[cfg(not(feature = "native"))]
        let value = {
            let _ = key;
            None
        };
        value
    };
}
