//! Which directories are known to be durable, and the leftovers in them.

use std::collections::HashSet;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The directories below a root.
#[derive(Debug)]
pub(super) struct Directories {
    root: PathBuf,
    /// Directories whose own entry was synced by this process. That another
    /// process made one says nothing: it may not have synced it yet.
    durable: Mutex<HashSet<PathBuf>>,
}

impl Directories {
    /// Creates the root when it does not exist.
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        create_durably(root)?;
        Ok(Self { root: fs::canonicalize(root)?, durable: Mutex::default() })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Makes sure that a directory exists and survives a power failure. The
    /// first time, leftovers in it are swept.
    pub(super) fn ensure(&self, directory: &Path) -> io::Result<()> {
        let known = |d: &Path| self.lock().contains(d);
        if known(directory) {
            return Ok(());
        }
        if directory != self.root
            && let Some(parent) = directory.parent()
        {
            self.ensure(parent)?;
            create(directory)?;
            sync(parent)?;
        }
        sweep(directory)?;
        self.lock().insert(directory.to_path_buf());
        Ok(())
    }

    /// Forgets a directory and everything below it: somebody removed it.
    pub(super) fn forget(&self, directory: &Path) {
        let mut durable = self.lock();
        durable.retain(|d| !d.starts_with(directory));
        let mut above = directory.parent();
        while let Some(parent) = above.filter(|p| p.starts_with(&self.root) && !p.exists()) {
            durable.remove(parent);
            above = parent.parent();
        }
    }

    /// Sweeps the whole tree.
    pub(super) fn sweep_all(&self) -> io::Result<u64> {
        let mut swept = 0;
        let mut waiting = vec![self.root.clone()];
        while let Some(directory) = waiting.pop() {
            swept += sweep(&directory)?;
            for entry in fs::read_dir(&directory)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    waiting.push(entry.path());
                }
            }
        }
        Ok(swept)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<PathBuf>> {
        self.durable.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Flushes a directory's entries.
pub(super) fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

fn create(directory: &Path) -> io::Result<()> {
    match fs::create_dir(directory) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists && directory.is_dir() => Ok(()),
        other => other,
    }
}

fn create_durably(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let parent = match directory.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    create_durably(parent)?;
    create(directory)?;
    sync(parent)
}

/// Whether a file name is that of a temporary: `name#digits`.
fn is_temporary(name: &str) -> bool {
    name.split_once('#')
        .is_some_and(|(_, digits)| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// Removes the temporaries in one directory whose writers are dead. A file that
/// vanishes meanwhile, or that this user may not open, is left alone.
fn sweep(directory: &Path) -> io::Result<u64> {
    let mut swept = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if !entry.file_name().to_str().is_some_and(is_temporary) {
            continue;
        }
        let Ok(file) = File::open(entry.path()) else { continue };
        match file.try_lock() {
            Ok(()) => swept += u64::from(fs::remove_file(entry.path()).is_ok()),
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => {}
        }
    }
    Ok(swept)
}
