//! The object container file around the rows: its header, its blocks.
//!
//! ```text
//! Obj 1 · {avro.schema, avro.codec} · marker
//! rows · bytes · the rows, compressed · marker        for each block
//! ```
//!
//! The `arrow-avro` crate encodes the rows. It would make the container, too, but with a
//! marker by chance, and a plugin has none: the same rows give the same file. Here the
//! marker is a hash of the header and the first block, so that no row of a table can be
//! made to hold the marker of its own file, which readers that split files look for.

use tidelake_sdk::codec::{self, Algorithm};
use tidelake_sdk::{Error, Result, Sink};

/// What is done to the bytes of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    Deflate(i32),
    Snappy,
    Zstd(i32),
}

impl Compression {
    /// As the option says it.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        match codec::name_and_level(text) {
            Some(("none" | "uncompressed", None)) => Ok(Self::None),
            Some(("snappy", None)) => Ok(Self::Snappy),
            Some(("deflate", level)) if (0..=9).contains(&level.unwrap_or(6)) => {
                Ok(Self::Deflate(level.unwrap_or(6)))
            }
            Some(("zstd", level)) if (1..=22).contains(&level.unwrap_or(3)) => {
                Ok(Self::Zstd(level.unwrap_or(3)))
            }
            _ => Err(Error::option(
                "compression",
                format!(
                    "{text:?} is none of none, deflate(0) to deflate(9), snappy, zstd(1) to \
                     zstd(22)"
                ),
            )),
        }
    }

    /// Avro's name for it.
    fn name(self) -> &'static str {
        match self {
            Self::None => "null",
            Self::Deflate(_) => "deflate",
            Self::Snappy => "snappy",
            Self::Zstd(_) => "zstandard",
        }
    }

    fn compress(self, rows: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(match self {
            Self::None => None,
            Self::Zstd(level) => Some(codec::compress(Algorithm::Zstd, level, rows)?),
            Self::Deflate(level) => {
                // Of a zlib stream Avro wants what is between its two bytes of header and
                // its four of checksum.
                let zlib = codec::compress(Algorithm::Zlib, level, rows)?;
                let deflate = zlib.get(2..zlib.len().saturating_sub(4));
                Some(deflate.ok_or_else(|| Error::internal("a zlib stream is cut off"))?.to_vec())
            }
            Self::Snappy => {
                let mut block = snap::raw::Encoder::new()
                    .compress_vec(rows)
                    .map_err(|e| Error::internal(format!("snappy: {e}")))?;
                block.extend_from_slice(&crc32fast::hash(rows).to_be_bytes());
                Some(block)
            }
        })
    }
}

/// A file that is being written.
pub(crate) struct Container {
    header: Vec<u8>,
    compression: Compression,
    /// Known with the first block.
    marker: Option<[u8; 16]>,
    out: Sink,
}

impl Container {
    /// Of rows of this schema, in Avro's JSON. Nothing is written yet.
    pub(crate) fn new(schema: &str, compression: Compression, out: Sink) -> Self {
        let mut header = b"Obj\x01".to_vec();
        long(2, &mut header);
        for text in ["avro.codec", compression.name(), "avro.schema", schema] {
            long(text.len() as i64, &mut header);
            header.extend_from_slice(text.as_bytes());
        }
        long(0, &mut header);
        Self { header, compression, marker: None, out }
    }

    /// Writes so many rows as one block.
    pub(crate) fn block(&mut self, rows: usize, bytes: &[u8]) -> Result<()> {
        let marker = self.marker(bytes)?;
        let compressed = self.compression.compress(bytes)?;
        let bytes = compressed.as_deref().unwrap_or(bytes);
        let mut head = Vec::with_capacity(20);
        long(rows as i64, &mut head);
        long(bytes.len() as i64, &mut head);
        self.out.append(&head)?;
        self.out.append(bytes)?;
        self.out.append(&marker)
    }

    /// Completes the file, which may hold no block at all.
    pub(crate) fn finish(mut self) -> Result<()> {
        self.marker(&[]).map(drop)
    }

    /// The marker; the header is written when it is made.
    fn marker(&mut self, first: &[u8]) -> Result<[u8; 16]> {
        if let Some(marker) = self.marker {
            return Ok(marker);
        }
        let marker = hash([&self.header[..], first]);
        self.header.extend_from_slice(&marker);
        self.out.append(&self.header)?;
        self.header = Vec::new();
        self.marker = Some(marker);
        Ok(marker)
    }
}

/// FNV-1a of 128 bits.
fn hash<const N: usize>(parts: [&[u8]; N]) -> [u8; 16] {
    let mut hash = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128;
    for byte in parts.into_iter().flatten() {
        hash ^= u128::from(*byte);
        hash = hash.wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
    }
    hash.to_be_bytes()
}

/// Avro's integer: zigzag, seven bits a byte.
fn long(value: i64, out: &mut Vec<u8>) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_zigzag() {
        for (value, bytes) in [(0, &[0][..]), (-1, &[1]), (1, &[2]), (-64, &[127]), (64, &[128, 1])]
        {
            let mut out = Vec::new();
            long(value, &mut out);
            assert_eq!(out, bytes, "{value}");
        }
        let mut out = Vec::new();
        long(i64::MIN, &mut out);
        assert_eq!(out.len(), 10);
    }

    #[test]
    fn compression_is_said_as_a_name_and_a_level() {
        assert_eq!(Compression::parse("none").unwrap(), Compression::None);
        assert_eq!(Compression::parse("deflate").unwrap(), Compression::Deflate(6));
        assert_eq!(Compression::parse("zstd(19)").unwrap(), Compression::Zstd(19));
        for wrong in ["deflate(10)", "snappy(1)", "zstd(0)", "bzip2", "none(1)", ""] {
            let error = Compression::parse(wrong).unwrap_err();
            assert!(error.message().starts_with("option `compression`"), "{error:?}");
        }
    }
}
