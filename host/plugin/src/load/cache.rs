//! Compiled plugins, kept between runs.
//!
//! An entry is native code: whoever can write one can run anything as the host.
//! So the directory is the host's alone (mode 0700), and one that others may
//! write to is not used. A checksum finds damage; an entry that does not match is
//! compiled again. The name holds the plugin's digest and a hash of everything
//! that compiled code depends on besides: in the engine, and in what was added to
//! the plugin so that it can be stopped.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use wasmtime::component::Component;
use wasmtime::{Engine, Result};
use xxhash_rust::xxh3::xxh3_128;

use crate::files::{Durability, replace};
use crate::interrupt::Interrupter;

const MAGIC: &[u8; 8] = b"tidecwa1";
const HEAD: usize = MAGIC.len() + 16;

/// The cache of one host.
#[derive(Debug)]
pub(crate) struct Cache {
    directory: PathBuf,
}

impl Cache {
    pub(crate) fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// The component, from the cache or compiled. Trouble with the cache is
    /// logged and costs time, nothing else.
    pub(crate) fn component(
        &self,
        engine: &Engine,
        interrupter: &dyn Interrupter,
        digest: &str,
        bytes: &[u8],
    ) -> Result<Component> {
        let path = self.path(engine, interrupter, digest);
        let usable = match self.prepare() {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, directory = %self.directory.display(),
                    "compiled plugins are not cached");
                false
            }
        };
        if usable && let Some(code) = read(&path) {
            // SAFETY: the code was written by this host's engine or one with the
            // same hash, into a directory that only this user may write to, and its
            // checksum holds.
            #[allow(unsafe_code)]
            match unsafe { Component::deserialize(engine, &code) } {
                Ok(component) => return Ok(component),
                Err(error) => tracing::warn!(%error, path = %path.display(),
                    "a cached plugin does not load and is compiled again"),
            }
        }
        let code = engine.precompile_component(&interrupter.prepare(bytes)?)?;
        if usable && let Err(error) = write(&path, &code) {
            tracing::warn!(%error, path = %path.display(), "a compiled plugin could not be kept");
        }
        // SAFETY: the engine has just made this code.
        #[allow(unsafe_code)]
        unsafe {
            Component::deserialize(engine, &code)
        }
    }

    fn path(&self, engine: &Engine, interrupter: &dyn Interrupter, digest: &str) -> PathBuf {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        interrupter.variant().hash(&mut hasher);
        self.directory.join(format!("{digest}-{:016x}.cwasm", hasher.finish()))
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

/// An entry's code, if the entry is there and whole.
fn read(path: &Path) -> Option<Vec<u8>> {
    let mut entry = fs::read(path).ok()?;
    let whole = entry.len() > HEAD
        && entry.starts_with(MAGIC)
        && entry[MAGIC.len()..HEAD] == xxh3_128(&entry[HEAD..]).to_le_bytes();
    if !whole {
        tracing::warn!(path = %path.display(), "a cached plugin is damaged and is compiled again");
        return None;
    }
    Some(entry.split_off(HEAD))
}

/// Writes an entry so that no reader ever sees half of it.
fn write(path: &Path, code: &[u8]) -> std::io::Result<()> {
    let checksum = xxh3_128(code).to_le_bytes();
    replace(path, &[MAGIC, &checksum, code], Durability::Lossy)
}
