//! Compression in chunks ("Compression" of the specification).
//!
//! A stream is cut into blocks of [`BLOCK`] bytes, each compressed by itself after a header
//! of three bytes: twice the length, plus one where the block is as it was because it does
//! not get smaller. Without compression there are no blocks and no headers.
//!
//! zstd and zlib are the host's; snappy and LZ4 are done here, so that a component and a
//! native library write the same bytes.

use tidelake_sdk::codec::{self, Algorithm};
use tidelake_sdk::{Error, Result};

/// Bytes of a block before compression.
pub(crate) const BLOCK: usize = 256 << 10;

/// How blocks are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    /// Not at all.
    None,
    /// Raw deflate streams.
    Zlib(i32),
    /// Raw snappy blocks.
    Snappy,
    /// Raw LZ4 blocks.
    Lz4,
    /// Zstandard frames.
    Zstd(i32),
}

impl Compression {
    /// The compression that a text names.
    pub(crate) fn parse(option: &str, text: &str) -> Result<Self> {
        match codec::name_and_level(text) {
            Some(("none" | "uncompressed", None)) => Ok(Self::None),
            Some(("snappy", None)) => Ok(Self::Snappy),
            Some(("lz4", None)) => Ok(Self::Lz4),
            Some(("zlib", level)) if (1..=9).contains(&level.unwrap_or(6)) => {
                Ok(Self::Zlib(level.unwrap_or(6)))
            }
            Some(("zstd", level)) if (1..=22).contains(&level.unwrap_or(1)) => {
                Ok(Self::Zstd(level.unwrap_or(1)))
            }
            _ => Err(Error::option(
                option,
                format!(
                    "{text:?} is none of zstd(1) to zstd(22), zlib(1) to zlib(9), snappy, lz4, none"
                ),
            )),
        }
    }

    /// `CompressionKind` of the postscript.
    pub(crate) fn kind(self) -> u32 {
        match self {
            Self::None => 0,
            Self::Zlib(_) => 1,
            Self::Snappy => 2,
            Self::Lz4 => 4,
            Self::Zstd(_) => 5,
        }
    }

    /// Appends a block of at most [`BLOCK`] bytes with its header.
    pub(crate) fn block(self, block: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let smaller = match self {
            Self::None => {
                out.extend_from_slice(block);
                return Ok(());
            }
            Self::Zlib(level) => deflate(level, block)?,
            Self::Snappy => snap::raw::Encoder::new()
                .compress_vec(block)
                .map_err(|error| Error::internal(format!("snappy: {error}")))?,
            Self::Lz4 => lz4_flex::block::compress(block),
            Self::Zstd(level) => codec::compress(Algorithm::Zstd, level, block)?,
        };
        let (bytes, original) =
            if smaller.len() < block.len() { (&smaller[..], 0) } else { (block, 1) };
        let header = (bytes.len() as u32) << 1 | original;
        out.extend_from_slice(&header.to_le_bytes()[..3]);
        out.extend_from_slice(bytes);
        Ok(())
    }

    /// All of a message, in blocks.
    pub(crate) fn whole(self, bytes: &[u8]) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        for block in bytes.chunks(BLOCK) {
            self.block(block, &mut out)?;
        }
        Ok(out)
    }
}

/// What is inside of a zlib stream, between two bytes of header and four of checksum.
fn deflate(level: i32, block: &[u8]) -> Result<Vec<u8>> {
    let mut stream = codec::compress(Algorithm::Zlib, level, block)?;
    let Some(end) = stream.len().checked_sub(4).filter(|end| *end >= 2) else {
        return Err(Error::internal("a zlib stream of fewer than six bytes"));
    };
    stream.truncate(end);
    stream.drain(..2);
    Ok(stream)
}
