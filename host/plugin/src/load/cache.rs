//! Compiled plugins, kept between runs.
//!
//! An entry is native code: whoever can write one can run anything as the host.
//! So the directory is the host's alone (mode 0700), and one that others may
//! write to is not used. A checksum finds damage; an entry that does not match is
//! compiled again. It stands after the code, so that the file is mapped as it is: what a
//! guest never runs is never read into memory of this process. The name holds the plugin's digest and a hash of everything
//! that compiled code depends on besides: in the engine, and in what was added to
//! the plugin so that it can be stopped.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read;
use std::path::{Path, PathBuf};

use wasmtime::component::Component;
use wasmtime::{Engine, Result};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use crate::files::{Durability, replace};
use crate::interrupt::Interrupter;

const MAGIC: &[u8; 8] = b"tidecwa2";
/// The checksum of the code, and who wrote it.
const TAIL: usize = 16 + MAGIC.len();

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
        if usable && whole(&path) {
            // SAFETY: the code was written by this host's engine or one with the
            // same hash, into a directory that only this user may write to, and its
            // checksum holds. Entries are replaced, never changed.
            #[allow(unsafe_code)]
            match unsafe { Component::deserialize_file(engine, &path) } {
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

/// Whether an entry is there, and as it was written.
fn whole(path: &Path) -> bool {
    let checked = || -> std::io::Result<bool> {
        let mut file = fs::File::open(path)?;
        let Some(code) = file.metadata()?.len().checked_sub(TAIL as u64) else {
            return Ok(false);
        };
        // A buffer that stays in the cache: reading must not cost more than it spares.
        let (mut hasher, mut buffer) = (Xxh3::new(), vec![0; 256 << 10]);
        let mut left = code;
        while left > 0 {
            let part = &mut buffer[..left.min(256 << 10) as usize];
            file.read_exact(part)?;
            hasher.update(part);
            left -= part.len() as u64;
        }
        let mut tail = [0; TAIL];
        file.read_exact(&mut tail)?;
        let (checksum, magic) = tail.split_at(16);
        Ok(magic == MAGIC && checksum == hasher.digest128().to_le_bytes())
    };
    match checked() {
        Ok(true) => true,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
        _ => {
            tracing::warn!(path = %path.display(), "a cached plugin is damaged and is compiled again");
            false
        }
    }
}

/// Writes an entry so that no reader ever sees half of it.
fn write(path: &Path, code: &[u8]) -> std::io::Result<()> {
    let checksum = xxh3_128(code).to_le_bytes();
    replace(path, &[code, &checksum, MAGIC], Durability::Lossy)
}
