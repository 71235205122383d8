//! Compiled plugins, kept between runs.
//!
//! An entry is native code: whoever can write one can run anything as the host.
//! So the directory is the host's alone (mode 0700), and one that others may
//! write to is not used. A checksum finds damage; an entry that does not match is
//! compiled again. It stands after the code, so that the file is mapped as it is: what a
//! guest never runs is never read into memory of this process. The name holds the
//! plugin's digest and a hash of everything that compiled code depends on besides: in the
//! engine, and in what was added to the plugin so that it can be stopped.
//!
//! ```text
//! [ code | images of memories, and their table | checksum of all before | magic ]
//! ```

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read;
use std::path::{Path, PathBuf};

use wasmtime::component::Component;
use wasmtime::{Engine, Result};
use xxhash_rust::xxh3::Xxh3;

use crate::files::{Durability, replace};
use crate::interrupt::images::{Image, Images, Layout, table};
use crate::interrupt::{Interrupter, Prepared};

const MAGIC: &[u8; 8] = b"tidecwa3";
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

    /// The component and its images, from the cache or compiled. Trouble with the cache
    /// is logged and costs time, nothing else.
    pub(crate) fn component(
        &self,
        engine: &Engine,
        interrupter: &dyn Interrupter,
        digest: &str,
        bytes: &[u8],
    ) -> Result<(Component, Images)> {
        let path = self.path(engine, interrupter, digest);
        let usable = match self.prepare() {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, directory = %self.directory.display(),
                    "compiled plugins are not cached");
                false
            }
        };
        if usable && let Some(images) = whole(&path) {
            // SAFETY: the code was written by this host's engine or one with the
            // same hash, into a directory that only this user may write to, and its
            // checksum holds. Entries are replaced, never changed, and whatever replaces
            // this one meanwhile was made of the same bytes in the same way.
            #[allow(unsafe_code)]
            match unsafe { Component::deserialize_file(engine, &path) } {
                Ok(component) => return Ok((component, images)),
                Err(error) => tracing::warn!(%error, path = %path.display(),
                    "a cached plugin does not load and is compiled again"),
            }
        }
        let Prepared { component, images } = interrupter.prepare(bytes)?;
        let code = engine.precompile_component(&component)?;
        if usable && let Err(error) = write(&path, &code, &images) {
            tracing::warn!(%error, path = %path.display(), "a compiled plugin could not be kept");
        }
        let images = interrupter.hold(&images)?;
        // SAFETY: the engine has just made this code.
        #[allow(unsafe_code)]
        let component = unsafe { Component::deserialize(engine, &code)? };
        Ok((component, images))
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

/// The images of an entry that is there, and as it was written.
fn whole(path: &Path) -> Option<Images> {
    let checked = || -> std::io::Result<Images> {
        let damaged = || std::io::Error::other("it is not what was written");
        let mut file = fs::File::open(path)?;
        let end = file.metadata()?.len().checked_sub(TAIL as u64).ok_or_else(damaged)?;
        // A buffer that stays in the cache: reading must not cost more than it spares.
        let (mut hasher, mut buffer) = (Xxh3::new(), vec![0; 256 << 10]);
        let mut left = end;
        while left > 0 {
            let part = &mut buffer[..left.min(256 << 10) as usize];
            file.read_exact(part)?;
            hasher.update(part);
            left -= part.len() as u64;
        }
        let mut tail = [0; TAIL];
        file.read_exact(&mut tail)?;
        let (checksum, magic) = tail.split_at(16);
        if magic != MAGIC || checksum != hasher.digest128().to_le_bytes() {
            return Err(damaged());
        }
        let parts = table(&mut file, end)?;
        Images::new(file, parts)
    };
    match checked() {
        Ok(images) => Some(images),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => {
            tracing::warn!(%error, path = %path.display(),
                "a cached plugin is damaged and is compiled again");
            None
        }
    }
}

/// Writes an entry so that no reader ever sees half of it.
fn write(path: &Path, code: &[u8], images: &[Image]) -> std::io::Result<()> {
    let layout = Layout::behind(code.len() as u64, images);
    let table = layout.table();
    let mut parts = vec![code, &layout.padding];
    parts.extend(images.iter().map(|image| &image.bytes[..]));
    parts.push(&table);
    let mut hasher = Xxh3::new();
    parts.iter().for_each(|part| hasher.update(part));
    let checksum = hasher.digest128().to_le_bytes();
    parts.extend([&checksum[..], MAGIC]);
    replace(path, &parts, Durability::Lossy)
}
