//! Compression of pages: by the host where there is one.

use bytes::Bytes;
use parquet::basic::Compression;
use parquet::errors::{ParquetError, Result};
use tidelake_sdk::codec::{self, Algorithm};

use super::external;

/// A page as it stands in the file.
pub(super) fn compress(compression: Compression, page: Vec<u8>) -> Result<Bytes> {
    let compressed = match compression {
        Compression::UNCOMPRESSED => return Ok(page.into()),
        Compression::ZSTD(level) => {
            codec::compress(Algorithm::Zstd, level.compression_level(), &page)
                .map_err(|error| external(&error))?
        }
        Compression::SNAPPY => snappy(&page)?,
        Compression::LZ4_RAW => lz4(&page)?,
        other => return Err(ParquetError::NYI(format!("compression {other}"))),
    };
    Ok(compressed.into())
}

#[cfg(target_arch = "wasm32")]
fn snappy(page: &[u8]) -> Result<Vec<u8>> {
    codec::compress(Algorithm::Snappy, 0, page).map_err(|error| external(&error))
}

#[cfg(target_arch = "wasm32")]
fn lz4(page: &[u8]) -> Result<Vec<u8>> {
    codec::compress(Algorithm::Lz4Raw, 0, page).map_err(|error| external(&error))
}

#[cfg(not(target_arch = "wasm32"))]
fn snappy(page: &[u8]) -> Result<Vec<u8>> {
    let compressed = snap::raw::Encoder::new().compress_vec(page);
    compressed.map_err(|error| ParquetError::External(Box::new(error)))
}

#[cfg(not(target_arch = "wasm32"))]
fn lz4(page: &[u8]) -> Result<Vec<u8>> {
    Ok(lz4_flex::block::compress(page))
}
