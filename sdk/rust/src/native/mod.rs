//! Plugins as native libraries.
//!
//! The same source that builds as a component builds as a library which the host loads
//! beside itself, with full speed and full trust:
//!
//! ```console
//! $ tidelake plugin build --native
//! ```
//!
//! which is `cargo build --release --features tidelake-sdk/native`, and
//! `--config profile.release.panic="unwind"`.
//!
//! The export macros export its three symbols (`tidelake_columns::native` says which) only
//! in such a build: the library that tests and benches link has none, so that any number
//! of plugins fit into one program. It must unwind: a panic is caught at the border and fails
//! the unit of work.
//!
//! Arrays cross by the Arrow C Data Interface, without a copy. A stage may be called from one
//! thread after the other, so a plugin that is exported natively is `Send`.

#[cfg(panic = "abort")]
compile_error!(
    "a native plugin has to unwind when it panics, or it would take the host down: build it with \
     `tidelake plugin build --native`, or with `--config profile.release.panic=\"unwind\"`"
);

mod border;
pub(crate) mod host;
mod stages;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

pub use border::{Runs, plugin};
pub use stages::{Aggregator, Stage, Writer};
pub use tidelake_columns::native as abi;

/// Exports the library's symbols.
#[doc(hidden)]
#[macro_export]
macro_rules! __native_symbols {
    ($runs:ty, $mark:ident) => {
        #[allow(unsafe_code)]
        const _: () = {
            #[unsafe(export_name = "tidelake_abi_version")]
            static ABI: u32 = $crate::native::abi::ABI;
            #[unsafe(export_name = "tidelake_plugin_v1")]
            static PLUGIN: $crate::native::abi::Plugin = $crate::native::plugin::<$runs>();
            #[unsafe(export_name = "tidelake_plugin_mark")]
            static MARK: &str = $crate::native::abi::$mark;
        };
    };
}
