//! `tidelake.lock` on disk, and the files it pins.
//!
//! The lock stands beside `tidelake.toml`; the plugins it pins are kept in
//! `.tidelake/plugins`, each under its name and the beginning of its digest, so that
//! another version never replaces the file of one that is running. Files are
//! written whole or not at all.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use tidelake_core::config::Runtime;
use tidelake_core::config::lock::Lock;
use tidelake_core::{Error, Result};

use crate::files::{Durability, replace};

/// Name of the lock.
const FILE: &str = "tidelake.lock";

/// Where the lock is.
pub(crate) fn path(project: &Path) -> PathBuf {
    project.join(FILE)
}

/// The project's lock; an empty one when there is none.
pub(crate) fn read(project: &Path) -> Result<Lock> {
    let path = path(project);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Lock::default()),
        Err(error) => {
            return Err(Error::config("tidelake.lock cannot be read")
                .with("file", path.display())
                .with_source(error)
                .with_help("no plugin is loaded before it can be"));
        }
    };
    Lock::parse(&text).map_err(|problems| {
        let lines: Vec<String> = problems
            .iter()
            .map(|problem| format!("line {}: {}", problem.position(&text).0, problem.message))
            .collect();
        let error = Error::config(format!("tidelake.lock cannot be used: {}", lines.join("; ")));
        let help = problems.iter().find_map(|problem| problem.help.clone());
        let help = help.unwrap_or_else(|| "restore the file from version control".to_owned());
        error.with("file", path.display()).with_help(help)
    })
}

/// Where the file of a plugin is put when it is added.
pub(crate) fn plugin_path(project: &Path, name: &str, sha256: &str, runtime: Runtime) -> PathBuf {
    let short = sha256.get(..12).unwrap_or(sha256);
    directory(project).join(format!("{name}-{short}.{}", runtime.extension()))
}

/// Where the file of an added plugin is. Its digest decides whether it is the right one,
/// not its ending.
pub(crate) fn added_path(project: &Path, name: &str, sha256: &str) -> PathBuf {
    let library = plugin_path(project, name, sha256, Runtime::Native);
    match library.is_file() {
        true => library,
        false => plugin_path(project, name, sha256, Runtime::Wasm),
    }
}

fn directory(project: &Path) -> PathBuf {
    project.join(".tidelake").join("plugins")
}

/// Keeps an added plugin: its files first, then its entry, so that the lock never
/// names what is not there. Two that do so at once wait for each other.
pub(crate) fn keep(
    project: &Path,
    files: &[(PathBuf, &[u8])],
    enter: impl FnOnce(&mut Lock),
) -> Result<()> {
    let unwritten = |path: &Path| {
        let path = path.display().to_string();
        move |error: std::io::Error| {
            Error::unavailable("the plugin could not be added: a file could not be written")
                .with("file", path)
                .with_source(error)
        }
    };
    let directory = directory(project);
    fs::create_dir_all(&directory).map_err(unwritten(&directory))?;
    let guard = directory.join(".adding");
    let held = File::create(&guard).map_err(unwritten(&guard))?;
    held.lock().map_err(unwritten(&guard))?;
    let mut lock = read(project)?;
    enter(&mut lock);
    for (path, bytes) in files {
        replace(path, &[bytes], Durability::Durable).map_err(unwritten(path))?;
    }
    let path = self::path(project);
    let text = lock.to_string();
    replace(&path, &[text.as_bytes()], Durability::Durable).map_err(unwritten(&path))
}
