//! Messages for the operator's log. The host adds plugin, table and unit.
//!
//! ```
//! # let rows = 3;
//! tidelake_sdk::log::info!("{rows} rows had no price");
//! ```

/// Severity, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Every step.
    Trace,
    /// What a developer wants to know.
    Debug,
    /// What an operator may want to know.
    Info,
    /// What an operator should look at.
    Warn,
    /// What failed.
    Error,
}

/// Writes one message.
pub fn write(level: Level, message: &str) {
    imp::write(level, message);
}

/// Whether messages of this level are kept.
pub fn enabled(level: Level) -> bool {
    imp::enabled(level)
}

pub use crate::{
    __log_debug as debug, __log_error as error, __log_info as info, __log_trace as trace,
    __log_warn as warn,
};

/// Logs at level [`Level::Trace`](crate::log::Level::Trace).
#[doc(hidden)]
#[macro_export]
macro_rules! __log_trace {
    ($($arg:tt)*) => { $crate::__log!(Trace, $($arg)*) };
}

/// Logs at level [`Level::Debug`](crate::log::Level::Debug).
#[doc(hidden)]
#[macro_export]
macro_rules! __log_debug {
    ($($arg:tt)*) => { $crate::__log!(Debug, $($arg)*) };
}

/// Logs at level [`Level::Info`](crate::log::Level::Info).
#[doc(hidden)]
#[macro_export]
macro_rules! __log_info {
    ($($arg:tt)*) => { $crate::__log!(Info, $($arg)*) };
}

/// Logs at level [`Level::Warn`](crate::log::Level::Warn).
#[doc(hidden)]
#[macro_export]
macro_rules! __log_warn {
    ($($arg:tt)*) => { $crate::__log!(Warn, $($arg)*) };
}

/// Logs at level [`Level::Error`](crate::log::Level::Error).
#[doc(hidden)]
#[macro_export]
macro_rules! __log_error {
    ($($arg:tt)*) => { $crate::__log!(Error, $($arg)*) };
}

/// Makes the text only if it is kept.
#[doc(hidden)]
#[macro_export]
macro_rules! __log {
    ($level:ident, $($arg:tt)*) => {
        if $crate::log::enabled($crate::log::Level::$level) {
            $crate::log::write($crate::log::Level::$level, &::std::format!($($arg)*));
        }
    };
}

#[cfg(target_arch = "wasm32")]
mod imp {
    use super::Level;
    use crate::bindings::host::tidelake::plugin::log as wit;

    impl From<Level> for wit::Level {
        fn from(level: Level) -> Self {
            match level {
                Level::Trace => Self::Trace,
                Level::Debug => Self::Debug,
                Level::Info => Self::Info,
                Level::Warn => Self::Warn,
                Level::Error => Self::Error,
            }
        }
    }

    pub(super) fn write(level: Level, message: &str) {
        wit::write(level.into(), message);
    }

    pub(super) fn enabled(level: Level) -> bool {
        wit::enabled(level.into())
    }
}

/// Outside a component there is no host to keep messages: they go to stderr.
#[cfg(not(target_arch = "wasm32"))]
mod imp {
    use super::Level;

    pub(super) fn write(level: Level, message: &str) {
        #[cfg(feature = "native")]
        if crate::native::host::log(level, message).is_some() {
            return;
        }
        eprintln!("{level:?}: {message}");
    }

    pub(super) fn enabled(level: Level) -> bool {
        #[cfg(feature = "native")]
        if let Some(enabled) = crate::native::host::log_enabled(level) {
            return enabled;
        }
        level >= Level::Info
    }
}
