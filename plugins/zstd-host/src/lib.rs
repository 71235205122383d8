//! Zstandard without C: the part of the `zstd` crate's interface that the parquet
//! crate uses, over the codec that the host lends its plugins.
//!
//! The workspace patches it in under the name `zstd`, so that a guest needs neither
//! a C toolchain nor a codec of its own, and compresses at the host's native speed.

/// Compression of whole pages.
pub mod bulk {
    use std::io::{self, Cursor};

    use tidelake_sdk::codec::{Algorithm, compress, decompress};

    /// Compresses at one level.
    #[derive(Debug)]
    pub struct Compressor<'a> {
        level: i32,
        lifetime: std::marker::PhantomData<&'a ()>,
    }

    impl Compressor<'static> {
        /// A compressor; the host checks the level when it is used.
        pub fn new(level: i32) -> io::Result<Self> {
            Ok(Self { level, lifetime: std::marker::PhantomData })
        }
    }

    impl Compressor<'_> {
        /// Writes one frame at the destination's position, which ends after it.
        pub fn compress_to_buffer(
            &mut self,
            source: &[u8],
            destination: &mut Cursor<&mut Vec<u8>>,
        ) -> io::Result<usize> {
            let frame = compress(Algorithm::Zstd, self.level, source)?;
            Ok(put(&frame, destination))
        }
    }

    /// Decompresses.
    #[derive(Debug)]
    pub struct Decompressor<'a>(std::marker::PhantomData<&'a ()>);

    impl Decompressor<'static> {
        /// A decompressor.
        pub fn new() -> io::Result<Self> {
            Ok(Self(std::marker::PhantomData))
        }
    }

    impl Decompressor<'_> {
        /// Writes the content at the destination's position, as far as its capacity
        /// reaches.
        pub fn decompress_to_buffer(
            &mut self,
            source: &[u8],
            destination: &mut Cursor<&mut Vec<u8>>,
        ) -> io::Result<usize> {
            let start = destination.position() as usize;
            let room = destination.get_ref().capacity().saturating_sub(start);
            let content = decompress(Algorithm::Zstd, source, room as u64)?;
            Ok(put(&content, destination))
        }
    }

    fn put(bytes: &[u8], destination: &mut Cursor<&mut Vec<u8>>) -> usize {
        let start = destination.position() as usize;
        let to = destination.get_mut();
        to.resize(start, 0);
        to.extend_from_slice(bytes);
        destination.set_position((start + bytes.len()) as u64);
        bytes.len()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn appends_a_frame_and_reads_it_back() {
            let data = b"page after page after page after page".repeat(20);
            let mut page = b"head".to_vec();
            let mut cursor = Cursor::new(&mut page);
            cursor.set_position(4);
            let n = Compressor::new(1).unwrap().compress_to_buffer(&data, &mut cursor).unwrap();
            assert_eq!((page.len(), &page[..4]), (4 + n, &b"head"[..]));
            let mut back = Vec::with_capacity(data.len());
            let mut cursor = Cursor::new(&mut back);
            Decompressor::new().unwrap().decompress_to_buffer(&page[4..], &mut cursor).unwrap();
            assert_eq!(back, data);
        }
    }
}

/// Sizes.
pub mod zstd_safe {
    /// The most bytes that a frame of `size` bytes can take.
    pub fn compress_bound(size: usize) -> usize {
        let margin = if size < 128 << 10 { ((128 << 10) - size) >> 11 } else { 0 };
        size + (size >> 8) + margin
    }

    /// The content size that a frame declares. Not looked for here: `None`, as for a
    /// frame that declares none.
    pub fn get_frame_content_size(_frame: &[u8]) -> Result<Option<u64>, std::io::Error> {
        Ok(None)
    }
}
