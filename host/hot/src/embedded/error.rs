//! fjall's and the file system's errors, told to the person who must act.

use std::io;
use std::path::Path;

use fjall::LsmError;
use tidelake_core::Error;

/// An error of fjall, while doing something to the store at `path`.
pub(super) fn store(error: fjall::Error, doing: &str, path: &Path) -> Error {
    use fjall::Error as E;
    let known =
        match &error {
            E::Io(e) | E::Storage(LsmError::Io(e)) => io_error(e, doing),
            E::Poisoned => Error::unavailable(format!(
                "the hot store stopped after an input/output error, so it cannot {doing}"
            ))
            .with_help(
                "check that the disk is healthy and not full, then run the command again; \
             everything acknowledged is safe",
            ),
            E::Locked => Error::busy("the hot store is held by another process")
                .with_help("wait for it to finish, or stop it; nothing was changed"),
            E::InvalidVersion(_) | E::Storage(LsmError::InvalidVersion(_)) => Error::unsupported(
                "the hot store was written by another version of its storage engine",
            )
            .with_help("open it with the version of tidelake that wrote it; nothing was changed"),
            E::KeyspaceDeleted => Error::internal(format!("cannot {doing}: the month was deleted")),
            E::JournalRecovery(_) | E::InvalidTrailer | E::InvalidTag(_) => {
                corrupt("its journal cannot be read")
            }
            E::Storage(LsmError::ChecksumMismatch { .. }) => corrupt("a checksum does not match"),
            _ => corrupt("a file cannot be read"),
        };
    known.with("path", path.display()).with_source(error)
}

fn corrupt(what: &str) -> Error {
    Error::corrupt(format!("the hot store is damaged: {what}"))
        .with_help("restore its directory from a copy; nothing was deleted")
}

/// An error of the file system, while doing something to the store at `path`.
pub(super) fn file(error: io::Error, doing: &str, path: &Path) -> Error {
    io_error(&error, doing).with("path", path.display()).with_source(error)
}

fn io_error(error: &io::Error, doing: &str) -> Error {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::unavailable(format!(
            "the disk is full: the hot store cannot {doing}"
        ))
        .with_help("free some space and run the command again; everything acknowledged is safe"),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            Error::config(format!("no permission: the hot store cannot {doing}")).with_help(
                "give this user the right to write to its directory, or set another path in [hot]",
            )
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            Error::config(format!("not a directory: the hot store cannot {doing}"))
                .with_help("set another path in [hot]")
        }
        io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => {
            corrupt("a file is missing or too short")
        }
        _ => Error::unavailable(format!("the hot store cannot {doing}")).with_help(
            "check the disk, then run the command again; everything acknowledged is safe",
        ),
    }
}

/// A panic inside fjall while it reads its files: they are not what it wrote.
pub(super) fn panicked(panic: &(dyn std::any::Any + Send), path: &Path) -> Error {
    let what = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    corrupt(what).with("path", path.display())
}
