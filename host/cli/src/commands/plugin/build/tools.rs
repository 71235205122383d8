//! What languages that are not compiled by cargo have in common: their tools are found,
//! run, and not run again when nothing has changed.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use tidelake_core::Error;

use crate::failure::Failure;

/// The world that these languages write components for.
pub(super) const WORLD: &str = "transform-plugin";

/// Where components are put, in a project.
const OUT: &str = "target";

/// Directories that hold nothing of the author's.
const NOT_SOURCES: [&str; 3] = ["node_modules", "__pycache__", OUT];

/// A program: in one of these directories, beside the Python that `TIDELAKE_PYTHON`
/// names (whose environment may hold it), or in `PATH`.
pub(super) fn find(program: &str, first: &[PathBuf]) -> Option<PathBuf> {
    let python = std::env::var_os("TIDELAKE_PYTHON").map(PathBuf::from);
    let beside = python.iter().filter_map(|python| python.parent().map(Path::to_owned));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs = first.iter().cloned().chain(beside).chain(std::env::split_paths(&path));
    let mut files = dirs.map(|dir| dir.join(program));
    files.find(|file| file.is_file()).and_then(|file| std::path::absolute(file).ok())
}

/// Runs a tool, whose words go to the user: on standard error, because standard output
/// is for what this program says.
pub(super) fn run(mut command: Command, what: &str, dir: &Path) -> Result<(), Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(Stdio::from(std::io::stderr()));
    let status = command.status().map_err(|error| {
        Error::input(format!("`{program}` could not be started")).with_source(error)
    })?;
    if status.success() {
        return Ok(());
    }
    Err(Error::input(format!("no component was made: {what} says why"))
        .with("directory", dir.display())
        .into())
}

/// Where the component of a name is put.
pub(super) fn place(dir: &Path, name: &str) -> PathBuf {
    dir.join(OUT).join(format!("{name}.wasm"))
}

/// Makes a component elsewhere first, so that nobody sees half of one.
pub(super) fn make(
    place: PathBuf,
    work: impl FnOnce(&Path) -> Result<(), Failure>,
) -> Result<PathBuf, Failure> {
    let unwritten = |error: std::io::Error| {
        Error::input("the component could not be written")
            .with("file", place.display())
            .with_source(error)
    };
    if let Some(out) = place.parent() {
        std::fs::create_dir_all(out).map_err(unwritten)?;
    }
    let half = place.with_extension("wasm.tmp");
    work(&half)?;
    std::fs::rename(&half, &place).map_err(unwritten)?;
    Ok(place)
}

/// The text of a project's main file.
pub(super) fn read(marker: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(marker).map_err(|error| {
        Error::input("the project cannot be read").with("file", marker.display()).with_source(error)
    });
    Ok(text?)
}

/// Whether a file is younger than all that it is made of: files, and directories with
/// all that is in them.
pub(super) fn is_fresh(made: &Path, of: &[PathBuf]) -> bool {
    let Some(made) = modified(made) else { return false };
    of.iter().all(|path| newest(path).is_some_and(|newest| newest < made))
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|meta| meta.modified()).ok()
}

fn newest(path: &Path) -> Option<SystemTime> {
    let itself = modified(path)?;
    if !path.is_dir() {
        return Some(itself);
    }
    let entries = std::fs::read_dir(path).ok()?.flatten();
    let sources = entries.filter(|entry| {
        let name = entry.file_name();
        !NOT_SOURCES.iter().any(|other| name == *other)
    });
    // Not the directory's own time: caches come and go in it.
    let times = sources.map(|entry| newest(&entry.path()).unwrap_or(itself));
    Some(times.max().unwrap_or(itself))
}

/// A path of a project's own, which has to be there. `said`: where it is written.
pub(super) fn there(dir: &Path, path: &str, said: &str) -> Result<PathBuf, Failure> {
    let found = dir.join(path);
    if found.exists() {
        return Ok(found);
    }
    Err(Error::not_found(format!("there is no `{path}`"))
        .with("directory", dir.display())
        .with_help(format!("mend {said}: paths there are relative to the project"))
        .into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_is_older_than_its_sources_is_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("src");
        fs::create_dir_all(source.join("node_modules")).unwrap();
        let (made, file) = (dir.path().join("x.wasm"), source.join("a.py"));
        let old = SystemTime::UNIX_EPOCH;
        let set = |path: &Path, seconds| {
            let time = old + std::time::Duration::from_secs(seconds);
            fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
        };
        for path in [&made, &file, &source.join("node_modules").join("new")] {
            fs::write(path, "").unwrap();
        }
        set(&file, 10);
        set(&made, 11);
        assert!(is_fresh(&made, std::slice::from_ref(&source)));
        set(&file, 12);
        assert!(!is_fresh(&made, std::slice::from_ref(&source)));
        assert!(!is_fresh(&made, &[dir.path().join("missing")]));
        assert!(!is_fresh(&dir.path().join("missing"), &[source]));
    }
}
