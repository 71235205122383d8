//! Reading a plugin's file: the bytes, and what they hash to.
//!
//! Its digest is most of what it takes to get a plugin ready that was compiled before. So one
//! thread reads and another hashes what is there already; and once all has been read, the
//! first one goes on to what may be done before the digest is known.
//!
//! ```text
//! reader:  read ─ read ─ read ─ read ── meanwhile(fast hash) ──┐
//!             └──┐   └──┐   └──┐   └──┐                        ├─▶ Read
//! caller:        SHA-256 ─ SHA-256 ─ SHA-256 ─ SHA-256 ────────┘
//! ```

use std::fs::File;
use std::io::Read as _;
use std::sync::mpsc;

use sha2::{Digest, Sha256};
use tidelake_core::{Error, Result};
use xxhash_rust::xxh3::Xxh3;

use crate::trust::{Found, Origin, hex};

/// The largest plugin file, in bytes. Those that bring an interpreter along are tens of
/// megabytes; and compiling takes a multiple of a file's size, several at once.
pub(crate) const LARGEST: u64 = 128 << 20;

/// Bytes that are hashed at once, while the next are being read.
const PART: usize = 256 << 10;

/// A plugin's file, as it was read.
pub(crate) struct Read<T> {
    pub(crate) bytes: Vec<u8>,
    /// SHA-256, in hex.
    pub(crate) digest: String,
    /// What was done meanwhile.
    pub(crate) meanwhile: T,
}

/// Reads a plugin. `source` is where it can be had again, if that is known. `meanwhile` runs on
/// another thread and gets a hash that is good for finding things, and for nothing else.
pub(crate) fn read<T: Send>(
    found: &Found,
    source: Option<&str>,
    meanwhile: impl FnOnce(u128) -> T + Send,
) -> Result<Read<T>> {
    let Found { name, path, origin } = found;
    let unreadable = |error: std::io::Error| {
        let missing = error.kind() == std::io::ErrorKind::NotFound;
        let (new, help): (fn(String) -> Error, _) = match (missing, origin, source) {
            (false, ..) => (Error::plugin, "check the file and its permissions".to_owned()),
            (true, Origin::Added, Some(source)) => {
                (Error::not_found, format!("get it again: `tidelake plugin add {source}`"))
            }
            (true, Origin::File | Origin::Built, _) => {
                (Error::not_found, "correct the path".to_owned())
            }
            (true, ..) => {
                (Error::not_found, format!("correct `source` under [plugin.{name}], or build it"))
            }
        };
        let what = if missing { "there is no file" } else { "the file cannot be read" };
        new(format!("plugin `{name}` cannot be loaded: {what}"))
            .with("plugin", name)
            .with("path", path.display())
            .with_source(error)
            .with_help(help)
    };
    let mut file = File::open(path).map_err(unreadable)?;
    let length = file.metadata().map_err(unreadable)?.len();
    let too_long = |length: u64| {
        Error::plugin(format!(
            "plugin `{name}` cannot be loaded: {} is more than a plugin may have ({})",
            crate::text::bytes(length),
            crate::text::bytes(LARGEST)
        ))
        .with("plugin", name)
        .with("path", path.display())
        .with_help("get a smaller build from its author")
    };
    if length > LARGEST {
        return Err(too_long(length));
    }
    let mut bytes = vec![0; length as usize];
    let buffer = &mut bytes[..];
    let (mut digest, read) = std::thread::scope(|scope| {
        let (parts, read) = mpsc::channel();
        let reader = move || {
            let mut fast = Xxh3::new();
            for part in buffer.chunks_mut(PART) {
                file.read_exact(part)?;
                fast.update(part);
                let part: &[u8] = part;
                // Whoever does not listen any more does not want to know.
                let _ = parts.send(part);
            }
            drop(parts);
            // Of one that is longer than it seemed, or grows, no more is taken than may be.
            let mut rest = Vec::new();
            file.take(LARGEST + 1 - length).read_to_end(&mut rest)?;
            fast.update(&rest);
            Ok((rest, meanwhile(fast.digest128())))
        };
        let reader = std::thread::Builder::new().spawn_scoped(scope, reader)?;
        let mut digest = Sha256::new();
        read.iter().for_each(|part| digest.update(part));
        match reader.join() {
            Ok(read) => read.map(|read| (digest, read)),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
    .map_err(unreadable)?;
    let (rest, meanwhile) = read;
    digest.update(&rest);
    bytes.extend(rest);
    if bytes.len() as u64 > LARGEST {
        return Err(too_long(bytes.len() as u64));
    }
    Ok(Read { bytes, digest: hex(&digest.finalize()), meanwhile })
}
