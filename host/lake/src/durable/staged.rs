//! A file on its way to its name.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use object_store::Result;

use super::directories::{self, Directories};
use super::failed;

/// What to do when the target exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Publish {
    /// Replace it.
    Replace,
    /// Fail with `AlreadyExists`.
    Create,
}

/// A temporary beside its target. Dropped without [`Staged::publish`], it vanishes.
#[derive(Debug)]
pub(super) struct Staged {
    file: File,
    temporary: PathBuf,
    target: PathBuf,
    parent: PathBuf,
    published: bool,
}

/// Numbers the temporaries of this process.
static NUMBER: AtomicU64 = AtomicU64::new(0);

impl Staged {
    /// Opens a temporary for `target`.
    pub(super) fn create(directories: &Arc<Directories>, target: &Path) -> Result<Self> {
        let parent = target.parent().unwrap_or(directories.root()).to_path_buf();
        let mut removed = false;
        directories.ensure(&parent).map_err(|e| failed("create", &parent, e))?;
        loop {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let mut name = target.as_os_str().to_owned();
            name.push(format!("#{:010}{number:010}", std::process::id()));
            let temporary = PathBuf::from(name);
            match OpenOptions::new().write(true).create_new(true).open(&temporary) {
                Ok(file) => {
                    let staged = Self {
                        file,
                        temporary,
                        target: target.to_path_buf(),
                        parent: parent.clone(),
                        published: false,
                    };
                    if staged.claim() {
                        return Ok(staged);
                    }
                }
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                // Somebody removed the directory since it was made: once more.
                Err(e) if e.kind() == io::ErrorKind::NotFound && !removed => {
                    removed = true;
                    directories.forget(&parent);
                    directories.ensure(&parent).map_err(|e| failed("create", &parent, e))?;
                }
                Err(e) => return Err(failed("create", &temporary, e)),
            }
        }
    }

    /// Tells sweepers that the writer lives. False when one was faster. Where
    /// locks do not work, sweepers do not remove anything either.
    fn claim(&self) -> bool {
        match self.file.try_lock() {
            Err(fs::TryLockError::WouldBlock) => false,
            Err(fs::TryLockError::Error(_)) => true,
            Ok(()) => self.temporary.exists(),
        }
    }

    pub(super) fn write_all(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|e| failed("write", &self.target, e))
    }

    pub(super) fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<()> {
        self.file.seek(SeekFrom::Start(offset)).map_err(|e| failed("write", &self.target, e))?;
        self.write_all(bytes)
    }

    /// Makes the content durable, then visible, then the name durable.
    pub(super) fn publish(mut self, how: Publish) -> Result<()> {
        let target = &self.target;
        self.file.sync_all().map_err(|e| failed("write", target, e))?;
        match how {
            Publish::Replace => {
                fs::rename(&self.temporary, target).map_err(|e| failed("write", target, e))?;
                self.published = true;
            }
            Publish::Create => fs::hard_link(&self.temporary, target).map_err(|source| {
                if source.kind() == io::ErrorKind::AlreadyExists {
                    object_store::Error::AlreadyExists {
                        path: target.display().to_string(),
                        source: Box::new(source),
                    }
                } else {
                    failed("write", target, source)
                }
            })?,
        }
        directories::sync(&self.parent).map_err(|e| failed("sync", &self.parent, e))
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // After a rename there is nothing left; after a link, or when something
        // failed, the temporary is. What cannot be removed now is swept later.
        if !self.published {
            let _ = fs::remove_file(&self.temporary);
        }
    }
}
