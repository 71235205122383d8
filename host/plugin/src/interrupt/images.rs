//! What memories begin with, kept beside the compiled code.
//!
//! A plugin brings a megabyte of constants. To copy it into every new instance takes longer
//! than all else about one; so it is taken out of the component before that is compiled,
//! and mapped over the beginnings of the memories that are made: pages that a guest
//! does not write to are one for all instances, and those it does become its own.
//!
//! ```text
//! entry of the cache:  [ code | images, by blocks | parts | how many ]
//!                                  ╎ mapped, private
//! memory of a guest:   [ zero | image       | zero, grows ──────────> ]
//! ```
//!
//! `polls` is what makes memories, and so what takes out and maps; here is what both
//! agree on, and how it is written down.

use std::fs::File;
use std::io::{Error, Read, Result, Seek, SeekFrom};

/// Images begin and end at multiples of this, in memories and in files: a page of
/// WebAssembly, and of every system.
pub(crate) const BLOCK: u64 = 65_536;

/// Bytes of a part as it is written.
const PART: usize = 5 * 8;
/// The most parts that are read: each is of a memory, and those are limited.
const PARTS: u64 = 1 << 16;

/// What one memory begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Image {
    pub(crate) place: Place,
    /// Whole blocks.
    pub(crate) bytes: Vec<u8>,
}

/// Where an image belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Which of the component's modules with images, from 1.
    pub(crate) module: u64,
    /// Which of its memories, counted from the last.
    pub(crate) from_last: u64,
    /// Where in the memory it begins, a multiple of a block.
    pub(crate) start: u64,
}

/// An image in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) place: Place,
    /// Bytes of it, a multiple of a block.
    pub(crate) length: u64,
    /// Where in the file it begins, a multiple of a block.
    pub(crate) position: u64,
}

/// The images of a component, ready to be mapped.
#[derive(Debug, Default)]
pub(crate) struct Images {
    file: Option<File>,
    parts: Vec<Part>,
}

impl Images {
    /// Those of a file, which is never changed. Parts that are not what they must be are an
    /// error.
    pub(crate) fn new(file: File, parts: Vec<Part>) -> Result<Self> {
        let length = file.metadata()?.len();
        let blocks = |number: u64| number.is_multiple_of(BLOCK);
        let sound = parts.iter().all(|part| {
            let ends = [part.position, part.place.start].map(|from| from.checked_add(part.length));
            blocks(part.position)
                && blocks(part.length)
                && blocks(part.place.start)
                && ends[0].is_some_and(|end| end <= length)
                && ends[1].is_some_and(|end| end <= 1 << 32)
        });
        match sound {
            true if parts.is_empty() => Ok(Self::default()),
            true => Ok(Self { file: Some(file), parts }),
            false => Err(Error::other("images that are not in the file")),
        }
    }

    /// Those of a module, and the file that they are in.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code))] // There polls are possible.
    pub(crate) fn of(&self, module: u64) -> impl Iterator<Item = (&File, &Part)> {
        let parts = self.parts.iter().filter(move |part| part.place.module == module);
        self.file.as_ref().into_iter().flat_map(move |file| parts.clone().map(move |p| (file, p)))
    }
}

/// How images stand in a file, behind so many bytes of something else: those bytes are
/// followed by the padding, the images and the table.
pub(crate) struct Layout {
    pub(crate) padding: Vec<u8>,
    pub(crate) parts: Vec<Part>,
}

impl Layout {
    pub(crate) fn behind(before: u64, images: &[Image]) -> Self {
        if images.is_empty() {
            return Self { padding: Vec::new(), parts: Vec::new() };
        }
        let mut position = before.next_multiple_of(BLOCK);
        let padding = vec![0; (position - before) as usize];
        let parts = images
            .iter()
            .map(|image| {
                let length = image.bytes.len() as u64;
                let part = Part { place: image.place, length, position };
                position += length;
                part
            })
            .collect();
        Self { padding, parts }
    }

    /// The table of the parts.
    pub(crate) fn table(&self) -> Vec<u8> {
        let numbers = self.parts.iter().flat_map(|part| {
            let Place { module, from_last, start } = part.place;
            [module, from_last, start, part.length, part.position]
        });
        numbers.chain([self.parts.len() as u64]).flat_map(u64::to_le_bytes).collect()
    }
}

/// Reads the table that ends at a place in a file.
pub(crate) fn table(file: &mut File, end: u64) -> Result<Vec<Part>> {
    let short = || Error::other("a table of images that is cut short");
    let mut count = [0; 8];
    file.seek(SeekFrom::Start(end.checked_sub(8).ok_or_else(short)?))?;
    file.read_exact(&mut count)?;
    let count = u64::from_le_bytes(count);
    if count > PARTS {
        return Err(short());
    }
    let mut table = vec![0; count as usize * PART];
    let start = end.checked_sub(8 + table.len() as u64).ok_or_else(short)?;
    file.seek(SeekFrom::Start(start))?;
    file.read_exact(&mut table)?;
    let parts = table.chunks_exact(PART).map(|part| {
        let mut numbers = part.chunks_exact(8).map(|number| {
            number.iter().rev().fold(0u64, |value, byte| value << 8 | u64::from(*byte))
        });
        let mut next = || numbers.next().unwrap_or_default();
        Part {
            place: Place { module: next(), from_last: next(), start: next() },
            length: next(),
            position: next(),
        }
    });
    Ok(parts.collect())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn image(module: u64, start: u64, blocks: usize) -> Image {
        let place = Place { module, from_last: 1, start };
        Image { place, bytes: vec![7; blocks * BLOCK as usize] }
    }

    #[test]
    fn what_is_written_is_read() {
        let images = [image(1, 0, 2), image(3, 17 * BLOCK, 1)];
        for images in [&images[..], &images[..1], &[]] {
            let mut file = tempfile::tempfile().expect("file");
            let layout = Layout::behind(1000, images);
            let mut bytes = [vec![1; 1000], layout.padding.clone()].concat();
            for image in images {
                bytes.extend_from_slice(&image.bytes);
            }
            bytes.extend(layout.table());
            let end = bytes.len() as u64;
            bytes.extend([9; 24]);
            file.write_all(&bytes).expect("written");
            let parts = table(&mut file, end).expect("table");
            assert_eq!(parts, layout.parts);
            for (image, part) in images.iter().zip(&parts) {
                let start = part.position as usize;
                assert_eq!(bytes[start..start + part.length as usize], image.bytes);
            }
            let read = Images::new(file, parts).expect("images");
            assert_eq!(read.of(1).count(), images.len().min(1));
            assert_eq!(read.of(2).count(), 0);
        }
    }

    #[test]
    fn images_beyond_the_file_or_the_memory_are_refused() {
        let good = Part {
            place: Place { module: 1, from_last: 1, start: BLOCK },
            length: BLOCK,
            position: BLOCK,
        };
        let read = |part: Part| {
            let file = tempfile::tempfile().expect("file");
            file.set_len(2 * BLOCK).expect("length");
            Images::new(file, vec![part])
        };
        assert!(read(good).is_ok());
        let at = |start| Part { place: Place { start, ..good.place }, ..good };
        for bad in [
            Part { position: 2 * BLOCK, ..good },
            Part { position: 1, ..good },
            Part { position: u64::MAX - BLOCK + 1, ..good },
            Part { length: 2 * BLOCK, ..good },
            Part { length: 4096, ..good },
            at(4096),
            at(1 << 32),
        ] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_table_that_is_no_table_is_refused() {
        for bytes in [&[][..], &[1; 7], &[0xff; 8], &2u64.to_le_bytes()] {
            let mut file = tempfile::tempfile().expect("file");
            file.write_all(bytes).expect("written");
            assert!(table(&mut file, bytes.len() as u64).is_err(), "{bytes:?}");
        }
    }
}
