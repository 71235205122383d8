//! One process owns a store, and everybody else is told which.
//!
//! The lock is an flock on `lock`: the kernel gives it up when the process dies,
//! however it dies. `owner.json` beside it only says who took the lock, for
//! messages; left over after a crash, it means nothing.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tidelake_core::time::Micros;
use tidelake_core::{Error, Result};

use super::error;

/// The right to a store, until dropped.
#[derive(Debug)]
pub(super) struct Owner {
    note: PathBuf,
    _lock: File,
}

#[derive(Debug, Serialize, Deserialize)]
struct Note {
    pid: u32,
    command: String,
    since: Micros,
}

impl Owner {
    /// Takes the store in `directory`, which exists, or says who holds it.
    pub(super) fn acquire(directory: &Path, command: &str, now: Micros) -> Result<Self> {
        let failed = |e| error::file(e, "be locked", directory);
        let note = directory.join("owner.json");
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(directory.join("lock"))
            .map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(held(directory, &note)),
            Err(TryLockError::Error(e)) => return Err(failed(e)),
        }
        let text = serde_json::to_vec(&Note {
            pid: std::process::id(),
            command: command.to_owned(),
            since: now,
        })
        .map_err(|e| Error::internal("the owner's note cannot be written").with_source(e))?;
        // Under another name first, so that nobody reads half a note.
        let draft = directory.join("owner.json.new");
        fs::write(&draft, text).and_then(|()| fs::rename(&draft, &note)).map_err(failed)?;
        Ok(Self { note, _lock: lock })
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // While the lock is still held: afterwards the note may be the next owner's.
        let _ = fs::remove_file(&self.note);
    }
}

fn held(directory: &Path, note: &Path) -> Error {
    let who = fs::read(note).ok().and_then(|text| serde_json::from_slice::<Note>(&text).ok());
    let who = who.map_or_else(
        || "another process".to_owned(),
        |n| format!("`{}` (pid {}, since {})", n.command, n.pid, n.since),
    );
    Error::busy(format!("the hot store {} is held by {who}", directory.display()))
        .with_help("wait for it to finish, or stop it; nothing was changed")
}

#[cfg(test)]
mod tests {
    use tidelake_core::ErrorKind;

    use super::*;

    #[test]
    fn the_holder_is_named_and_a_stale_note_is_no_obstacle() {
        let directory = tempfile::tempdir().unwrap();
        let now = Micros::parse("2013-03-02T10:00:00").unwrap();
        // What a crash leaves behind.
        fs::write(directory.path().join("owner.json"), "{\"pid\":1,").unwrap();
        fs::write(directory.path().join("lock"), "").unwrap();

        let first = Owner::acquire(directory.path(), "tidelake run", now).unwrap();
        let error = Owner::acquire(directory.path(), "tidelake query", now).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy);
        assert_eq!(
            error.message(),
            format!(
                "the hot store {} is held by `tidelake run` (pid {}, since 2013-03-02T10:00:00Z)",
                directory.path().display(),
                std::process::id()
            )
        );
        assert!(error.help().unwrap().contains("nothing was changed"));

        drop(first);
        Owner::acquire(directory.path(), "tidelake query", now).unwrap();
    }
}
