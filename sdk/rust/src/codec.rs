//! Compression in the host, at native speed and without a C toolchain.
//!
//! Only format writers may import it; a component of another kind that calls it is
//! refused when it is loaded. Outside a component (tests, native builds) zstd,
//! gzip and zlib are done in place and the others are unsupported.

use crate::error::Result;

/// A format of compressed bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Zstandard frames; levels 1 to 22, 0 is the default (3).
    Zstd,
    /// gzip members; levels 0 to 9.
    Gzip,
    /// zlib streams; levels 0 to 9.
    Zlib,
    /// Raw LZ4 blocks, without a length prefix.
    Lz4Raw,
    /// LZ4 frames.
    Lz4Frame,
    /// Raw snappy blocks.
    Snappy,
}

/// Compresses `input` whole, as one frame, member or block.
pub fn compress(algorithm: Algorithm, level: i32, input: &[u8]) -> Result<Vec<u8>> {
    imp::compress(algorithm, level, input)
}

/// Decompresses `input` whole, to no more than `limit` bytes.
pub fn decompress(algorithm: Algorithm, input: &[u8], limit: u64) -> Result<Vec<u8>> {
    imp::decompress(algorithm, input, limit)
}

/// Splits the way that options write a compression: `zstd(3)` is `("zstd", Some(3))`,
/// `snappy` is `("snappy", None)`. `None` when it is neither form.
pub fn name_and_level(text: &str) -> Option<(&str, Option<i32>)> {
    let text = text.trim();
    match text.split_once('(') {
        None => Some((text, None)),
        Some((name, rest)) => {
            let level = rest.strip_suffix(')')?.trim().parse().ok()?;
            Some((name.trim_end(), Some(level)))
        }
    }
}

#[cfg(target_arch = "wasm32")]
mod imp {
    use super::{Algorithm, Result};
    use crate::bindings::host::tidelake::plugin::codec as wit;

    impl From<Algorithm> for wit::Algorithm {
        fn from(algorithm: Algorithm) -> Self {
            match algorithm {
                Algorithm::Zstd => Self::Zstd,
                Algorithm::Gzip => Self::Gzip,
                Algorithm::Zlib => Self::Zlib,
                Algorithm::Lz4Raw => Self::Lz4Raw,
                Algorithm::Lz4Frame => Self::Lz4Frame,
                Algorithm::Snappy => Self::Snappy,
            }
        }
    }

    pub(super) fn compress(algorithm: Algorithm, level: i32, input: &[u8]) -> Result<Vec<u8>> {
        Ok(wit::compress(algorithm.into(), level, input)?)
    }

    pub(super) fn decompress(algorithm: Algorithm, input: &[u8], limit: u64) -> Result<Vec<u8>> {
        Ok(wit::decompress(algorithm.into(), input, limit)?)
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod imp {
    use std::io::{Read, Write};

    use flate2::{Compression, read, write};

    use super::{Algorithm, Result};
    use crate::error::Error;

    pub(super) fn compress(algorithm: Algorithm, level: i32, input: &[u8]) -> Result<Vec<u8>> {
        match algorithm {
            Algorithm::Zstd if (0..=22).contains(&level) => Ok(zstd::bulk::compress(input, level)?),
            Algorithm::Gzip if (0..=9).contains(&level) => {
                let mut to = write::GzEncoder::new(Vec::new(), Compression::new(level as u32));
                to.write_all(input)?;
                Ok(to.finish()?)
            }
            Algorithm::Zlib if (0..=9).contains(&level) => {
                let mut to = write::ZlibEncoder::new(Vec::new(), Compression::new(level as u32));
                to.write_all(input)?;
                Ok(to.finish()?)
            }
            Algorithm::Zstd | Algorithm::Gzip | Algorithm::Zlib => {
                Err(Error::invalid_input(format!("{algorithm:?} has no level {level}")))
            }
            other => Err(elsewhere(other)),
        }
    }

    pub(super) fn decompress(algorithm: Algorithm, input: &[u8], limit: u64) -> Result<Vec<u8>> {
        match algorithm {
            Algorithm::Zstd => bounded(zstd::stream::read::Decoder::new(input)?, limit),
            Algorithm::Gzip => bounded(read::MultiGzDecoder::new(input), limit),
            Algorithm::Zlib => bounded(read::ZlibDecoder::new(input), limit),
            other => Err(elsewhere(other)),
        }
    }

    fn bounded(from: impl Read, limit: u64) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        from.take(limit.saturating_add(1))
            .read_to_end(&mut out)
            .map_err(|error| Error::invalid_input(format!("damaged bytes: {error}")))?;
        if out.len() as u64 > limit {
            return Err(Error::exhausted(format!("more than {limit} bytes after decompression")));
        }
        Ok(out)
    }

    fn elsewhere(algorithm: Algorithm) -> Error {
        Error::unsupported(format!("{algorithm:?} is only there inside a component"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn names_may_carry_a_level() {
        assert_eq!(name_and_level("zstd(3)"), Some(("zstd", Some(3))));
        assert_eq!(name_and_level(" snappy "), Some(("snappy", None)));
        assert_eq!(name_and_level("zstd(three)"), None);
        assert_eq!(name_and_level("zstd(3"), None);
    }

    #[test]
    fn what_was_compressed_comes_back_within_its_limit() {
        let data = b"a tide table, a tide table, a tide table".repeat(50);
        for algorithm in [Algorithm::Zstd, Algorithm::Gzip, Algorithm::Zlib] {
            let small = compress(algorithm, 3, &data).unwrap();
            assert!(small.len() < data.len());
            assert_eq!(decompress(algorithm, &small, data.len() as u64).unwrap(), data);
            let error = decompress(algorithm, &small, data.len() as u64 - 1).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Exhausted);
            assert!(compress(algorithm, 23, &data).is_err());
        }
    }
}
