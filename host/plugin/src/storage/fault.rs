//! What goes wrong in a store that a plugin keeps, in the words of `object_store`.

use std::sync::Arc;

use object_store::path::Path;
use tidelake_core::{Error, ErrorKind};

use crate::bindings::v0_1::ErrorCode;

/// An error of a call.
#[derive(Debug)]
pub(super) struct Fault {
    /// What the guest called it; `None`: it did not come to that, or it lied.
    pub(super) code: Option<ErrorCode>,
    pub(super) error: Error,
}

/// Which answers a call can have. Any other is a defect of the plugin, and must not
/// be taken for what it says: a writer would believe that it lost a race.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected {
    exists: bool,
    precondition: bool,
    modified: bool,
    writes: bool,
}

impl Expected {
    /// A call that reads, without a condition.
    pub(super) const READ: Self =
        Self { exists: false, precondition: false, modified: false, writes: false };
    /// A call that reads an object in one state only.
    pub(super) const READ_IF_MATCH: Self = Self { precondition: true, ..Self::READ };
    /// A call that reads an object unless it is in one state.
    pub(super) const READ_IF_CHANGED: Self = Self { modified: true, ..Self::READ };
    /// A call that writes, without a condition.
    pub(super) const WRITE: Self = Self { writes: true, ..Self::READ };
    /// A call that writes what must not be there.
    pub(super) const CREATE: Self = Self { exists: true, ..Self::WRITE };
    /// A call that replaces one state of an object.
    pub(super) const UPDATE: Self = Self { precondition: true, ..Self::WRITE };
}

impl Fault {
    pub(super) fn broken(error: Error) -> Self {
        Self { code: None, error }
    }

    pub(super) fn is_missing(&self) -> bool {
        self.code == Some(ErrorCode::NotFound)
    }

    /// Whether the same call may succeed when it is made again.
    pub(super) fn is_transient(&self) -> bool {
        self.code == Some(ErrorCode::Transient)
    }

    /// The same, to be told a second time.
    pub(super) fn again(&self) -> Self {
        let error = Error::new(self.error.kind(), self.error.to_string());
        let error = match self.error.help() {
            Some(help) => error.with_help(help),
            None => error,
        };
        Self { code: self.code, error }
    }

    /// The error of a call about one object.
    pub(super) fn into_store(self, path: &Path, expected: Expected) -> object_store::Error {
        let Self { code, error } = self;
        let path = path.to_string();
        match code {
            Some(ErrorCode::NotFound) => {
                object_store::Error::NotFound { path, source: error.into() }
            }
            Some(ErrorCode::AlreadyExists) if expected.exists => {
                object_store::Error::AlreadyExists { path, source: error.into() }
            }
            Some(ErrorCode::Precondition) if expected.precondition => {
                object_store::Error::Precondition { path, source: error.into() }
            }
            Some(ErrorCode::Precondition) if expected.modified => {
                object_store::Error::NotModified { path, source: error.into() }
            }
            Some(ErrorCode::Unsupported) => {
                object_store::Error::NotSupported { source: error.into() }
            }
            Some(ErrorCode::Denied) => {
                object_store::Error::PermissionDenied { path, source: error.into() }
            }
            code => {
                let surely_undone =
                    matches!(code, Some(ErrorCode::InvalidInput | ErrorCode::Exhausted));
                let mut error = error.with("object", path);
                if expected.writes && !surely_undone {
                    error = error.with("outcome", "not known: it may have been written");
                }
                generic(error)
            }
        }
    }
}

/// An error that says no more than that it is one.
pub(super) fn generic(error: Error) -> object_store::Error {
    object_store::Error::Generic { store: "plugin", source: error.into() }
}

/// What a plugin answered cannot be.
pub(super) fn lie(plugin: &str, what: &str) -> Fault {
    let what = crate::text::clean(what, 512);
    Fault::broken(
        Error::new(ErrorKind::Plugin, format!("plugin `{plugin}` answered what cannot be: {what}"))
            .with("plugin", plugin)
            .with_help("report it to the plugin's author; nothing of the answer was used"),
    )
}

/// The error of a runtime that ends, or of work that panicked.
pub(super) fn unfinished(plugin: &Arc<str>, error: tokio::task::JoinError) -> Fault {
    Fault::broken(
        Error::internal(format!("a call of plugin `{plugin}` did not finish")).with_source(error),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::Error as StoreError;

    fn told(code: Option<ErrorCode>, expected: Expected) -> StoreError {
        let fault = Fault { code, error: Error::plugin("why") };
        fault.into_store(&Path::from("a/b"), expected)
    }

    #[test]
    fn a_conflict_is_one_only_where_there_was_a_condition() {
        let exists = Some(ErrorCode::AlreadyExists);
        assert!(matches!(told(exists, Expected::CREATE), StoreError::AlreadyExists { .. }));
        for expected in [Expected::READ, Expected::WRITE, Expected::UPDATE] {
            assert!(matches!(told(exists, expected), StoreError::Generic { .. }), "{expected:?}");
        }
        let stale = Some(ErrorCode::Precondition);
        assert!(matches!(told(stale, Expected::UPDATE), StoreError::Precondition { .. }));
        assert!(matches!(told(stale, Expected::READ_IF_MATCH), StoreError::Precondition { .. }));
        assert!(matches!(told(stale, Expected::READ_IF_CHANGED), StoreError::NotModified { .. }));
        for expected in [Expected::READ, Expected::WRITE, Expected::CREATE] {
            assert!(matches!(told(stale, expected), StoreError::Generic { .. }), "{expected:?}");
        }
    }

    #[test]
    fn what_is_not_known_is_said_to_be_so() {
        for code in [None, Some(ErrorCode::Transient), Some(ErrorCode::Internal)] {
            let error = told(code, Expected::CREATE).to_string();
            assert!(error.contains("outcome: not known"), "{error}");
            let error = told(code, Expected::READ).to_string();
            assert!(!error.contains("outcome"), "{error}");
        }
        let error = told(Some(ErrorCode::InvalidInput), Expected::CREATE).to_string();
        assert!(!error.contains("outcome"), "{error}");
    }
}
