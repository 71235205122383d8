//! What is taken out of a module to become the images of its memories.
//!
//! ```text
//! (memory 18)                                  (memory 18)
//! (data (i32.const 1048576) "a megabyte")      (data (i32.const 1048576) "")   + image
//! (data $p "passive")                          (data $p "passive")
//! (data (i32.const 70) "later")                (data (i32.const 70) "")        + image
//! (data (global.get $g) "somewhere")           (data (global.get $g) "somewhere")
//! (data (i32.const 90) "last")                 (data (i32.const 90) "last")
//! ```
//!
//! Segments are written in their order, later ones over earlier ones, up to one that does
//! not fit, which is a trap. So taken are those from the first up to, and without, the
//! first of which it cannot be told beforehand where it is written to, and that it fits:
//! what they write together is known, and all others are written after them as before. A
//! segment that was taken remains, without bytes, so that no index changes; once the
//! module runs, an active segment is empty anyway. Passive ones write nothing by themselves
//! and stay what they are.
//!
//! Images are no larger than about twice what is in them: data at both ends of a large
//! memory stay in the module.

use std::ops::Range;

use wasmparser::{ConstExpr, Data, DataKind, Operator, Parser, Payload, TypeRef};

use super::super::images::{BLOCK, Image, Place};

/// Bytes of data below which nothing is taken: to copy them is as fast as to map them.
const LEAST: usize = 32 << 10;

/// What is taken out of one module.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// Of so many segments, those that are active.
    pub(super) segments: usize,
    /// At most one for each memory.
    pub(super) images: Vec<Image>,
}

impl Taken {
    /// Of a module that has been validated, and will be known by this number.
    pub(super) fn of(module: &[u8], number: u64) -> wasmparser::Result<Self> {
        let mut memories = Vec::new();
        let (mut segments, mut pieces) = (0, Vec::new());
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        if matches!(import?.ty, TypeRef::Memory(_)) {
                            memories.push(Memory::default());
                        }
                    }
                }
                Payload::MemorySection(section) => {
                    for memory in section {
                        memories.push(Memory::of(&memory?));
                    }
                }
                Payload::DataSection(section) => {
                    for segment in section {
                        let segment = segment?;
                        if let DataKind::Active { .. } = segment.kind {
                            match Piece::of(&segment, &memories)? {
                                Some(piece) => pieces.push(piece),
                                None => break,
                            }
                        }
                        segments += 1;
                    }
                }
                _ => {}
            }
        }
        let images = images(&memories, &pieces, number);
        Ok(images.map_or_else(Self::default, |images| Self { segments, images }))
    }
}

/// A memory of the module.
#[derive(Debug, Default)]
struct Memory {
    /// Its size when it is made; 0 for one that is not the module's own, or of a kind of its own.
    size: u64,
}

impl Memory {
    fn of(memory: &wasmparser::MemoryType) -> Self {
        let plain = !memory.memory64 && !memory.shared && memory.page_size_log2.is_none();
        Self { size: if plain { memory.initial * BLOCK } else { 0 } }
    }
}

/// What one segment writes.
struct Piece<'a> {
    memory: usize,
    start: u64,
    bytes: &'a [u8],
}

impl<'a> Piece<'a> {
    /// Nothing, if that is not known before the module is instantiated.
    fn of(segment: &Data<'a>, memories: &[Memory]) -> wasmparser::Result<Option<Self>> {
        let DataKind::Active { memory_index, offset_expr } = &segment.kind else {
            return Ok(None);
        };
        let (memory, bytes) = (*memory_index as usize, segment.data);
        let Some(start) = constant(offset_expr)? else { return Ok(None) };
        let piece = Self { memory, start, bytes };
        let fits = memories.get(memory).is_some_and(|memory| piece.range().end <= memory.size);
        Ok(fits.then_some(piece))
    }

    fn range(&self) -> Range<u64> {
        self.start..self.start + self.bytes.len() as u64
    }
}

/// The value of an offset that is nothing but a number.
fn constant(expression: &ConstExpr<'_>) -> wasmparser::Result<Option<u64>> {
    let mut operators = expression.get_operators_reader();
    let first = operators.read()?;
    let (Operator::I32Const { value }, Operator::End) = (first, operators.read()?) else {
        return Ok(None);
    };
    Ok(Some(u64::from(value.cast_unsigned())))
}

/// The images that pieces make; nothing, if they had better stay in the module.
fn images(memories: &[Memory], pieces: &[Piece<'_>], module: u64) -> Option<Vec<Image>> {
    let mut images = Vec::new();
    for memory in 0..memories.len() {
        let pieces =
            pieces.iter().filter(|piece| piece.memory == memory && !piece.bytes.is_empty());
        let start = pieces.clone().map(|piece| piece.start / BLOCK * BLOCK).min();
        let end = pieces.clone().map(|piece| piece.range().end.next_multiple_of(BLOCK)).max();
        let (Some(start), Some(end)) = (start, end) else { continue };
        let data: u64 = pieces.clone().map(|piece| piece.bytes.len() as u64).sum();
        if end - start > 2 * data + 2 * BLOCK {
            return None;
        }
        let mut bytes = vec![0; (end - start) as usize];
        for piece in pieces {
            let from = (piece.start - start) as usize;
            bytes[from..from + piece.bytes.len()].copy_from_slice(piece.bytes);
        }
        let from_last = (memories.len() - memory) as u64;
        images.push(Image { place: Place { module, from_last, start }, bytes });
    }
    let data: usize = pieces.iter().map(|piece| piece.bytes.len()).sum();
    (data >= LEAST).then_some(images)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text of so many bytes.
    fn text(letter: &str, bytes: usize) -> String {
        letter.repeat(bytes)
    }

    fn taken(module: &str) -> Taken {
        let bytes = wat::parse_str(format!("(module {module})")).expect("text");
        wasmparser::Validator::new().validate_all(&bytes).expect("valid");
        Taken::of(&bytes, 5).expect("read")
    }

    #[test]
    fn later_segments_are_written_over_earlier_ones() {
        let module = format!(
            r#"(memory 1) (memory 3)
            (data (memory 1) (i32.const 70000) "{}")
            (data (memory 1) (i32.const 70010) "xyz")
            (data "passive")
            (data (memory 1) (i32.const 65536) "z")
            (data (memory 0) (i32.const 65535) "e")
            (data (memory 1) (i32.const 196608) "")"#,
            text("a", LEAST)
        );
        let taken = taken(&module);
        assert_eq!(taken.segments, 6);
        let [first, second] = &taken.images[..] else { panic!("{}", taken.images.len()) };
        assert_eq!(first.place, Place { module: 5, from_last: 2, start: 0 });
        assert_eq!((first.bytes.len(), first.bytes[65_535]), (65_536, b'e'));
        assert_eq!(second.place, Place { module: 5, from_last: 1, start: BLOCK });
        assert_eq!(second.bytes.len(), 65_536);
        assert_eq!((second.bytes[0], second.bytes[1]), (b'z', 0));
        let at = 70_000 - 65_536;
        assert_eq!(&second.bytes[at..at + 14], b"aaaaaaaaaaxyza");
        assert_eq!((second.bytes[at + LEAST - 1], second.bytes[at + LEAST]), (b'a', 0));
    }

    #[test]
    fn what_is_not_known_beforehand_ends_it() {
        let large = text("a", LEAST);
        for odd in [
            // It does not fit: a trap, of which those after it see nothing.
            r#"(data (i32.const 65530) "0123456789")"#,
            r#"(data (i32.const -1) "x")"#,
            r#"(data (i32.const 65537) "")"#,
            r#"(data (global.get 0) "somewhere")"#,
            r#"(data (i32.add (i32.const 1) (i32.const 2)) "computed")"#,
            r#"(data (memory 0) (i32.const 0) "in a memory of another's")"#,
        ] {
            let module = |before: &str, after: &str| {
                format!(
                    r#"(import "a" "m" (memory 1)) (import "a" "g" (global i32)) (memory 1)
                    {before} {} {after}"#,
                    odd.replace("(data (", "(data (memory 1) (")
                        .replace("(memory 1) (memory 0)", "(memory 0)")
                )
            };
            let data = format!(r#"(data (memory 1) (i32.const 8) "{large}")"#);
            let first = taken(&module("", &data));
            assert!(first.images.is_empty() && first.segments == 0, "{odd}");
            let later = taken(&module(&data, &data));
            assert_eq!((later.segments, later.images.len()), (1, 1), "{odd}");
            assert_eq!(later.images[0].place.from_last, 1);
        }
    }

    #[test]
    fn little_data_and_data_that_are_far_apart_stay() {
        let stays = |module: &str| {
            let taken = taken(module);
            taken.segments == 0 && taken.images.is_empty()
        };
        assert!(stays("(memory 1)"));
        assert!(stays(&format!(r#"(memory 1) (data (i32.const 0) "{}")"#, text("a", LEAST - 1))));
        let ends = format!(
            r#"(data (i32.const 0) "{}") (data (i32.const -65536) "end")"#,
            text("a", LEAST)
        );
        assert!(stays(&format!("(memory 65536) {ends}")));
        assert!(!stays(&format!(r#"(memory 1) (data (i32.const 0) "{}")"#, text("a", LEAST))));
    }
}
