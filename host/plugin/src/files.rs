//! Files that are written whole or not at all.

use std::fs::{self, File};
use std::io::{Result, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a crash of the machine may take away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Nothing: when the call is over, the file is there to stay.
    Durable,
    /// The file: what is in it can be made again.
    Lossy,
}

/// Puts a file in place of what was there, from parts one after the other. Readers, and
/// whoever comes after a crash, see the old one or the new one, and never half of it.
/// Two that do so at once do not disturb each other: one of them comes last.
pub fn replace(path: &Path, parts: &[&[u8]], durability: Durability) -> Result<()> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let directory = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = directory.join(format!(".{name}.{}-{number}.tmp", std::process::id()));
    let written = (|| {
        let mut file = File::create(&temporary)?;
        parts.iter().try_for_each(|part| file.write_all(part))?;
        if durability == Durability::Durable {
            file.sync_all()?;
        }
        drop(file);
        fs::rename(&temporary, path)?;
        match durability {
            Durability::Durable => File::open(directory)?.sync_all(),
            Durability::Lossy => Ok(()),
        }
    })();
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_new_file_takes_the_place_of_the_old_one_and_leaves_nothing_behind() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("file");
        for (durability, text) in [(Durability::Durable, "one"), (Durability::Lossy, "two")] {
            replace(&path, &[text.as_bytes(), b"!"], durability).expect("written");
            assert_eq!(fs::read_to_string(&path).expect("there"), format!("{text}!"));
        }
        let below = path.join("below");
        replace(&below, &[b"x"], Durability::Lossy).expect_err("a file is no directory");
        assert_eq!(fs::read_dir(directory.path()).expect("listed").count(), 1);
    }
}
