//! A directory as a tree, abridged.

use std::io::{Result, Write};
use std::path::{Path, PathBuf};

use crate::render::{bytes, counted};

/// Entries of a directory that are shown: the first ones, and the last.
const SHOWN: usize = 3;

/// Writes what is below a directory.
pub(super) fn write(out: &mut dyn Write, root: &Path) -> Result<()> {
    writeln!(out, "\n{}/", root.display())?;
    level(out, root, "")
}

fn level(out: &mut dyn Write, dir: &Path, indent: &str) -> Result<()> {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(dir)?.map(|entry| entry.map(|e| e.path())).collect::<Result<_>>()?;
    entries.sort();
    let hidden = entries.len().saturating_sub(SHOWN + 1);
    for (i, path) in entries.iter().enumerate() {
        let last = i + 1 == entries.len();
        if hidden > 0 && i == SHOWN - 1 {
            let left_out = &entries[i..entries.len() - 1];
            let files: u64 = left_out.iter().map(|path| count_files(path)).sum();
            writeln!(out, "{indent}├── ... {} more in between", counted(files, "file"))?;
        }
        if hidden > 0 && i >= SHOWN - 1 && !last {
            continue;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let (branch, below) = if last { ("└── ", "    ") } else { ("├── ", "│   ") };
        if path.is_dir() {
            writeln!(out, "{indent}{branch}{name}/")?;
            level(out, path, &format!("{indent}{below}"))?;
        } else {
            let size = bytes(path.metadata()?.len());
            writeln!(out, "{indent}{branch}{} ({size})", shortened(&name))?;
        }
    }
    Ok(())
}

/// Names of data files are long for good reasons that do not matter here.
fn shortened(name: &str) -> String {
    let length = name.chars().count();
    if length <= 44 {
        return name.to_owned();
    }
    let head: String = name.chars().take(24).collect();
    let tail: String = name.chars().skip(length - 16).collect();
    format!("{head}...{tail}")
}

fn count_files(path: &Path) -> u64 {
    match std::fs::read_dir(path) {
        Ok(entries) => entries.flatten().map(|entry| count_files(&entry.path())).sum(),
        Err(_) => 1,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_tree_is_abridged() {
        let dir = tempfile::tempdir().unwrap();
        for i in 0..9 {
            let month = dir.path().join(format!("month={i}"));
            std::fs::create_dir_all(&month).unwrap();
            std::fs::write(month.join("a.parquet"), "12345").unwrap();
        }
        let mut text = Vec::new();
        super::write(&mut text, dir.path()).unwrap();
        let text = String::from_utf8(text).unwrap();
        for line in [
            "├── month=0/",
            "│   └── a.parquet (5 B)",
            "├── ... 6 files more in between",
            "└── month=8/",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
