//! `codec`: compression for guests at native speed. Input is read where it lies in
//! the guest's memory, output goes through recycled memory, and the contexts of
//! the compressors live as long as their thread.

use std::cell::RefCell;
use std::io::{Read, Write};
use std::sync::Arc;

use bytes::Bytes;
use wasmtime::component::{ComponentType, Lift};

use super::types::{ErrorCode, GuestError};
use crate::crossing::recycle::Recycler;

type Answer = Result<Bytes, GuestError>;

/// `codec.algorithm`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[allow(dead_code)] // Made by lifting, which the compiler does not see.
pub(crate) enum Algorithm {
    #[component(name = "zstd")]
    Zstd,
    #[component(name = "gzip")]
    Gzip,
    #[component(name = "zlib")]
    Zlib,
    #[component(name = "lz4-raw")]
    Lz4Raw,
    #[component(name = "lz4-frame")]
    Lz4Frame,
    #[component(name = "snappy")]
    Snappy,
}

thread_local! {
    static ZSTD: RefCell<Option<(i32, zstd::bulk::Compressor<'static>)>> = const { RefCell::new(None) };
    static SNAPPY: RefCell<snap::raw::Encoder> = RefCell::new(snap::raw::Encoder::new());
}

/// The largest input: above it, formats with 32-bit lengths would lie.
const LARGEST: usize = 1 << 30;

fn invalid(why: impl ToString) -> GuestError {
    GuestError::new(ErrorCode::InvalidInput, why.to_string())
}

fn internal(why: impl ToString) -> GuestError {
    GuestError::new(ErrorCode::Internal, format!("compression failed: {}", why.to_string()))
}

fn too_long(limit: u64) -> GuestError {
    GuestError::new(ErrorCode::Exhausted, format!("decompressed to more than {limit} bytes"))
}

/// Compresses `input` whole.
pub(super) fn compress(
    algorithm: Algorithm,
    level: i32,
    input: &[u8],
    recycler: &Arc<Recycler>,
) -> Answer {
    if input.len() > LARGEST {
        return Err(invalid(format!("{} bytes; at most {LARGEST} at once", input.len())));
    }
    let mut out = recycler.take(bound(algorithm, input.len()));
    match algorithm {
        Algorithm::Zstd => zstd_compress(level, input, &mut out)?,
        Algorithm::Gzip => {
            let level = deflate_level(level)?;
            let mut encoder = flate2::write::GzEncoder::new(&mut out, level);
            encoder.write_all(input).and_then(|()| encoder.try_finish()).map_err(internal)?;
        }
        Algorithm::Zlib => {
            let level = deflate_level(level)?;
            let mut encoder = flate2::write::ZlibEncoder::new(&mut out, level);
            encoder.write_all(input).and_then(|()| encoder.try_finish()).map_err(internal)?;
        }
        Algorithm::Lz4Raw => {
            out.resize(bound(algorithm, input.len()), 0);
            let len = lz4_flex::block::compress_into(input, &mut out).map_err(internal)?;
            out.truncate(len);
        }
        Algorithm::Lz4Frame => {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(&mut out);
            encoder.write_all(input).map_err(internal)?;
            encoder.finish().map_err(internal)?;
        }
        Algorithm::Snappy => {
            out.resize(bound(algorithm, input.len()), 0);
            let len = SNAPPY
                .with_borrow_mut(|encoder| encoder.compress(input, &mut out))
                .map_err(internal)?;
            out.truncate(len);
        }
    }
    Ok(recycler.seal(out))
}

/// Bytes that the result can have, so that one allocation is enough.
fn bound(algorithm: Algorithm, len: usize) -> usize {
    match algorithm {
        Algorithm::Zstd => zstd::zstd_safe::compress_bound(len),
        Algorithm::Lz4Raw => lz4_flex::block::get_maximum_output_size(len),
        Algorithm::Snappy => snap::raw::max_compress_len(len),
        Algorithm::Gzip | Algorithm::Zlib | Algorithm::Lz4Frame => len / 2 + 64,
    }
}

fn zstd_compress(level: i32, input: &[u8], out: &mut Vec<u8>) -> Result<(), GuestError> {
    let level = match level {
        0 => zstd::DEFAULT_COMPRESSION_LEVEL,
        1..=22 => level,
        _ => return Err(invalid(format!("zstd level {level} is not in 0 to 22"))),
    };
    ZSTD.with_borrow_mut(|slot| {
        let compressor = match slot {
            Some((current, compressor)) => {
                if *current != level {
                    compressor.set_compression_level(level).map_err(internal)?;
                    *current = level;
                }
                compressor
            }
            None => {
                let new = zstd::bulk::Compressor::new(level).map_err(internal)?;
                &mut slot.insert((level, new)).1
            }
        };
        compressor.compress_to_buffer(input, out).map(drop).map_err(internal)
    })
}

fn deflate_level(level: i32) -> Result<flate2::Compression, GuestError> {
    match u32::try_from(level) {
        Ok(level) if level <= 9 => Ok(flate2::Compression::new(level)),
        _ => Err(invalid(format!("level {level} is not in 0 to 9"))),
    }
}

/// Decompresses `input` whole, to at most `limit` bytes.
pub(super) fn decompress(
    algorithm: Algorithm,
    input: &[u8],
    limit: u64,
    recycler: &Arc<Recycler>,
) -> Answer {
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let out = match algorithm {
        Algorithm::Zstd => {
            let decoder = zstd::stream::read::Decoder::with_buffer(input).map_err(invalid)?;
            read_limited(decoder, limit, recycler)?
        }
        Algorithm::Gzip => {
            read_limited(flate2::bufread::MultiGzDecoder::new(input), limit, recycler)?
        }
        Algorithm::Zlib => read_limited(flate2::bufread::ZlibDecoder::new(input), limit, recycler)?,
        Algorithm::Lz4Frame => {
            read_limited(lz4_flex::frame::FrameDecoder::new(input), limit, recycler)?
        }
        Algorithm::Lz4Raw => {
            // A block cannot hold more than 255 bytes for each of its own.
            let room = most.min(input.len().saturating_mul(255).saturating_add(64));
            let mut out = recycler.take(room);
            out.resize(room, 0);
            let len =
                lz4_flex::block::decompress_into(input, &mut out).map_err(|error| match error {
                    lz4_flex::block::DecompressError::OutputTooSmall { .. } => too_long(limit),
                    error => invalid(error),
                })?;
            out.truncate(len);
            out
        }
        Algorithm::Snappy => {
            let len = snap::raw::decompress_len(input).map_err(invalid)?;
            if len > most {
                return Err(too_long(limit));
            }
            let mut out = recycler.take(len);
            out.resize(len, 0);
            snap::raw::Decoder::new().decompress(input, &mut out).map_err(invalid)?;
            out
        }
    };
    Ok(recycler.seal(out))
}

fn read_limited(
    decoder: impl Read,
    limit: u64,
    recycler: &Recycler,
) -> Result<Vec<u8>, GuestError> {
    // What the frame says of its length is not believed: start small, grow as it comes.
    let mut out = recycler.take(limit.min(1 << 20) as usize);
    decoder.take(limit.saturating_add(1)).read_to_end(&mut out).map_err(invalid)?;
    if out.len() as u64 > limit { Err(too_long(limit)) } else { Ok(out) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [Algorithm; 6] = [
        Algorithm::Zstd,
        Algorithm::Gzip,
        Algorithm::Zlib,
        Algorithm::Lz4Raw,
        Algorithm::Lz4Frame,
        Algorithm::Snappy,
    ];

    #[test]
    fn everything_survives_and_limits_hold() {
        let recycler = Arc::default();
        let long: Vec<u8> = (0..300_000u32).flat_map(|i| (i / 7).to_le_bytes()).collect();
        for algorithm in ALL {
            for input in [&b""[..], b"tide", &long] {
                let packed = compress(algorithm, 1, input, &recycler).expect("compress");
                let len = input.len() as u64;
                let back = decompress(algorithm, &packed, len, &recycler).expect("decompress");
                assert_eq!(back, input, "{algorithm:?}");
                if len > 0 {
                    let error = decompress(algorithm, &packed, len - 1, &recycler);
                    let code = error.expect_err("too long").code;
                    assert_eq!(code, ErrorCode::Exhausted, "{algorithm:?}");
                }
            }
        }
    }

    #[test]
    fn levels_out_of_range_are_refused() {
        let recycler = Arc::default();
        for (algorithm, level) in
            [(Algorithm::Zstd, 23), (Algorithm::Zstd, -1), (Algorithm::Gzip, 10)]
        {
            let error = compress(algorithm, level, b"tide", &recycler).expect_err("refused");
            assert_eq!(error.code, ErrorCode::InvalidInput);
        }
    }

    proptest! {
        #[test]
        fn damaged_input_is_an_answer(input: Vec<u8>, which in 0..6usize, cut in 0..100usize) {
            let recycler = Arc::default();
            let _ = decompress(ALL[which], &input, 1 << 16, &recycler);
            let packed = compress(ALL[which], 1, &input, &recycler).expect("compress");
            let cut = packed.len().saturating_sub(cut);
            let _ = decompress(ALL[which], &packed[..cut], 1 << 16, &recycler);
        }
    }
}
