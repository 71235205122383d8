//! Turns the errors of stores into errors for the person who must act.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::PathBuf;

use tidelake_core::{Error, ErrorKind};

/// What the operating system said about one path.
#[derive(Debug)]
pub(crate) struct AtPath {
    pub(crate) doing: &'static str,
    pub(crate) path: PathBuf,
    pub(crate) source: io::Error,
}

impl fmt::Display for AtPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "could not {} {}", self.doing, self.path.display())
    }
}

impl StdError for AtPath {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.source)
    }
}

/// Adds to an error of an object store what it was about, and what to do.
pub(crate) fn store_error(error: object_store::Error, path: impl fmt::Display) -> Error {
    let plain = match &error {
        object_store::Error::NotFound { .. } => {
            Error::not_found("there is no such file in the lake")
        }
        object_store::Error::AlreadyExists { .. } => {
            Error::conflict("the file exists in the lake already")
        }
        object_store::Error::InvalidPath { .. } => {
            Error::input("this is not a path that the lake can hold")
        }
        other => explain(other),
    };
    plain.with("file", path).with_source(error)
}

/// An io error about a directory or file of the lake.
pub(crate) fn io_error(doing: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Error {
    let at = AtPath { doing, path: path.into(), source };
    explain(&at).with("path", at.path.display()).with_source(at)
}

/// Says what an io error somewhere in the chain means for the lake.
pub(crate) fn explain(error: &(dyn StdError + 'static)) -> Error {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    let mut told: Option<&Error> = None;
    while let Some(current) = cause {
        told = told.or_else(|| current.downcast_ref::<Error>());
        if let Some(io) = current.downcast_ref::<io::Error>() {
            match io.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    return Error::unavailable("the disk of the lake is full")
                        .with_help("free some space and run the command again; nothing was lost");
                }
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                    return Error::unavailable("the lake is not writable by this user").with_help(
                        "give this user read and write permission on the lake's directory, \
                         or run as the user who owns it",
                    );
                }
                _ => {}
            }
            // An io error may carry another error inside.
            if let Some(inner) = io.get_ref() {
                cause = Some(inner);
                continue;
            }
        }
        cause = current.source();
    }
    // A store that a plugin keeps says itself what to do.
    let what = Error::unavailable("the lake could not be read or written");
    match told.and_then(Error::help) {
        Some(help) => what.with_help(help),
        None => what,
    }
}

/// Whether an object store failed because the file is not there.
pub(crate) fn is_missing(error: &Error) -> bool {
    error.kind() == ErrorKind::NotFound
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn io_errors_say_what_to_do() {
        let generic = |kind: io::ErrorKind| object_store::Error::Generic {
            store: "test",
            source: Box::new(AtPath { doing: "write", path: "/x".into(), source: kind.into() }),
        };
        let full = store_error(generic(io::ErrorKind::StorageFull), "a/b");
        assert_eq!(full.kind(), ErrorKind::Unavailable);
        assert_eq!(full.message(), "the disk of the lake is full");
        assert!(full.help().is_some());
        assert!(full.to_string().contains("a/b"));
        let denied = store_error(generic(io::ErrorKind::PermissionDenied), "a/b");
        assert!(denied.message().contains("not writable by this user"));
        let injected = object_store::Error::Generic {
            store: "test",
            source: Box::new(Error::unavailable("x").with_source(io::Error::from_raw_os_error(28))),
        };
        assert_eq!(store_error(injected, "x").message(), "the disk of the lake is full");
    }
}
