//! Compiled plugins, kept between runs.
//!
//! An entry is native code: whoever can write one can run anything as the host.
//! So the directory is the host's alone (mode 0700), and one that others may
//! write to is not used. A checksum finds damage; an entry that does not match is
//! compiled again. It stands after the code, so that the file is mapped as it is: what a
//! guest never runs is never read into memory of this process. The name holds a fast hash
//! of the plugin, so that an entry can be found and checked for damage while the plugin
//! itself is still being vetted, and a hash of everything that compiled code depends on
//! besides: in the engine, and in what was added to the plugin so that it can be
//! stopped. The fast hash is easily forged, so nothing follows from it: the name goes on with the
//! digest of what the entry was compiled of, the entry repeats it, and nothing of it is
//! loaded but for a plugin that was vetted and has that digest.
//!
//! ```text
//! [ code | images of memories, and their table | digest | checksum of all before | magic ]
//! ```

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wasmtime::component::Component;
use wasmtime::{Engine, Result};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

#[cfg(unix)]
use super::mapped;
use crate::files::{Durability, replace};
use crate::interrupt::images::{Image, Images, Layout, table};
use crate::interrupt::{Interrupter, Prepared};

const MAGIC: &[u8; 8] = b"tidecwa3";
/// What they end with.
const SUFFIX: &str = ".cwasm";
/// SHA-256 in hex.
const DIGEST: usize = 64;

/// An entry that is as it was written. Nothing of it has been loaded.
#[derive(Debug)]
pub(crate) struct Entry {
    path: PathBuf,
    /// Of the component that it was compiled of.
    digest: [u8; DIGEST],
    images: Arc<Images>,
}

/// The cache of one host.
#[derive(Debug)]
pub(crate) struct Cache {
    directory: PathBuf,
}

impl Cache {
    pub(crate) fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// The entry of what may be a component with this fast hash (XXH3), if there is one
    /// and it is whole.
    pub(crate) fn look(
        &self,
        engine: &Engine,
        interrupter: &dyn Interrupter,
        fast: u128,
    ) -> Option<Entry> {
        // What is wrong with the directory is told when something is to be compiled.
        self.prepare().ok()?;
        let wanted = prefix(engine, interrupter, fast);
        let files = fs::read_dir(&self.directory).ok()?.flatten();
        let names = files.filter_map(|file| file.file_name().into_string().ok());
        let mut found = names.filter(|name| name.starts_with(&wanted) && name.ends_with(SUFFIX));
        whole(&self.directory.join(found.next()?))
    }

    /// The component of a digest and its images, from the entry that was found, or
    /// compiled. Trouble with the cache is logged and costs time, nothing else.
    pub(crate) fn component(
        &self,
        engine: &Engine,
        interrupter: &dyn Interrupter,
        digest: &str,
        bytes: &[u8],
        entry: Option<&Entry>,
    ) -> Result<(Component, Arc<Images>)> {
        let usable = match self.prepare() {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, directory = %self.directory.display(),
                    "compiled plugins are not cached");
                false
            }
        };
        let path = || {
            let name = prefix(engine, interrupter, xxh3_128(bytes));
            self.directory.join(format!("{name}{digest}{SUFFIX}"))
        };
        let ours = |entry: &&Entry| usable && entry.digest == digest.as_bytes();
        let found = entry.filter(ours);
        // Of bytes that were vetted without a look at the cache, or that share their fast
        // hash with others.
        let looked = (usable && found.is_none()).then(|| whole(&path())).flatten();
        if let Some(Entry { path, images, .. }) = found.or(looked.as_ref().filter(ours)) {
            // SAFETY: the code was written by this host's engine or one with the
            // same hash, into a directory that only this user may write to, and its
            // checksum holds. Entries are replaced, never changed, and whatever replaces
            // this one meanwhile was compiled of the same component: its digest is in
            // the name.
            #[allow(unsafe_code)]
            match unsafe { Component::deserialize_file(engine, path) } {
                Ok(component) => return Ok((component, Arc::clone(images))),
                Err(error) => tracing::warn!(%error, path = %path.display(),
                    "a cached plugin does not load and is compiled again"),
            }
        }
        let Prepared { component, images } = interrupter.prepare(bytes)?;
        let code = engine.precompile_component(&component)?;
        let path = path();
        if usable && let Err(error) = write(&path, &code, &images, digest) {
            tracing::warn!(%error, path = %path.display(), "a compiled plugin could not be kept");
        }
        let images = interrupter.hold(&images)?;
        // SAFETY: the engine has just made this code.
        #[allow(unsafe_code)]
        let component = unsafe { Component::deserialize(engine, &code)? };
        Ok((component, Arc::new(images)))
    }

    /// Makes the directory, or checks that it is ours alone.
    fn prepare(&self) -> std::io::Result<()> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&self.directory)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&self.directory)?.permissions().mode();
            if mode & 0o022 != 0 {
                return Err(std::io::Error::other(format!(
                    "others may write to the directory (mode {:o}); it should be 0700",
                    mode & 0o777
                )));
            }
        }
        Ok(())
    }
}

/// What names of entries begin with; the digest follows.
fn prefix(engine: &Engine, interrupter: &dyn Interrupter, fast: u128) -> String {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    interrupter.variant().hash(&mut hasher);
    format!("{fast:032x}-{:016x}-", hasher.finish())
}

/// An entry that is there, and as it was written.
fn whole(path: &Path) -> Option<Entry> {
    let checked = || -> std::io::Result<Entry> {
        let damaged = || std::io::Error::other("it is not what was written");
        let mut file = fs::File::open(path)?;
        let bytes = bytes(&file)?;
        let (before, magic) = bytes.split_last_chunk().ok_or_else(damaged)?;
        let (before, checksum) = before.split_last_chunk().ok_or_else(damaged)?;
        if magic != MAGIC || *checksum != xxh3_128(before).to_le_bytes() {
            return Err(damaged());
        }
        let (before, digest) = before.split_last_chunk().ok_or_else(damaged)?;
        let (digest, end) = (*digest, before.len() as u64);
        drop(bytes);
        let parts = table(&mut file, end)?;
        let images = Arc::new(Images::new(file, parts)?);
        Ok(Entry { path: path.to_owned(), digest, images })
    };
    match checked() {
        Ok(entry) => Some(entry),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => {
            tracing::warn!(%error, path = %path.display(),
                "a cached plugin is damaged and is compiled again");
            None
        }
    }
}

/// The bytes of an entry.
#[cfg(unix)]
fn bytes(file: &fs::File) -> std::io::Result<mapped::Mapped> {
    // SAFETY: entries are replaced, never changed, and only this user may do so.
    #[allow(unsafe_code)]
    unsafe {
        mapped::Mapped::new(file)
    }
}

#[cfg(not(unix))]
fn bytes(mut file: &fs::File) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut file, &mut bytes)?;
    Ok(bytes)
}

/// Writes an entry so that no reader ever sees half of it.
fn write(path: &Path, code: &[u8], images: &[Image], digest: &str) -> std::io::Result<()> {
    let layout = Layout::behind(code.len() as u64, images);
    let table = layout.table();
    let mut parts = vec![code, &layout.padding];
    parts.extend(images.iter().map(|image| &image.bytes[..]));
    parts.extend([&table[..], digest.as_bytes()]);
    let mut hasher = Xxh3::new();
    parts.iter().for_each(|part| hasher.update(part));
    let checksum = hasher.digest128().to_le_bytes();
    parts.extend([&checksum[..], MAGIC]);
    replace(path, &parts, Durability::Lossy)
}

#[cfg(test)]
mod tests {
    use tidelake_core::config::Interruption;

    use super::*;
    use crate::interrupt::choose;
    use crate::trust::digest;

    /// A component that can be told by what it exports.
    fn exporting(name: &str) -> Vec<u8> {
        let text = format!(r#"(component (core module $m) (export "{name}" (core module $m)))"#);
        wat::parse_str(text).expect("text")
    }

    #[test]
    fn an_entry_of_another_component_is_never_loaded() {
        let dir = tempfile::tempdir().expect("directory");
        let cache = Cache::new(dir.path().join("cache"));
        let (engine, interrupter) =
            choose(Interruption::default(), crate::engine::build).expect("engine");
        let [a, b] = ["a", "b"].map(exporting);
        let load = |bytes: &[u8], entry: Option<&Entry>| {
            let loaded = cache.component(&engine, &*interrupter, &digest(bytes), bytes, entry);
            loaded.expect("loaded").0
        };
        load(&b, None);
        let [of_b] = &fs::read_dir(&cache.directory).unwrap().flatten().collect::<Vec<_>>()[..]
        else {
            panic!("one entry")
        };
        // As if both had one fast hash, and as if it had come in the other's place.
        let begins = prefix(&engine, &*interrupter, xxh3_128(&a));
        for digest in [digest(&b), digest(&a)] {
            let place = cache.directory.join(format!("{begins}{digest}{SUFFIX}"));
            fs::copy(of_b.path(), place).expect("copied");
        }
        for _ in 0..2 {
            let found = cache.look(&engine, &*interrupter, xxh3_128(&a)).expect("an entry");
            for entry in [Some(&found), None] {
                let component = load(&a, entry);
                assert!(component.get_export_index(None, "a").is_some());
            }
        }
    }
}
