//! A container file, cut into its header and its blocks as it arrives.
//!
//! ```text
//! Obj 1 · {key: bytes, …} · marker      the header
//! rows · bytes · … · marker             each block
//! ```
//!
//! Nothing is set aside for what a file merely claims: lengths only say how much more has
//! to arrive.

use bytes::{Bytes, BytesMut};

use super::Broken;

const MAGIC: &[u8] = b"Obj\x01";
const MARKER: usize = 16;

/// What arrived and was not taken yet.
#[derive(Debug)]
pub(super) struct Framing {
    arrived: BytesMut,
    marker: Option<[u8; MARKER]>,
    /// Rows that the rest of the file may have.
    rows: u64,
}

/// A block.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// How many rows it says to hold: one at least.
    pub(super) rows: usize,
    /// How many bytes they take, compressed.
    pub(super) bytes: usize,
    /// All of the block, as it is in the file.
    pub(super) framed: Bytes,
}

/// Why something cannot be taken.
#[derive(Debug, PartialEq, Eq)]
enum Lack {
    /// It has not arrived as a whole.
    More,
    Broken(Broken),
}

impl From<Broken> for Lack {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

impl Framing {
    /// Of a file with so many rows.
    pub(super) fn new(rows: u64) -> Self {
        Self { arrived: BytesMut::new(), marker: None, rows }
    }

    pub(super) fn push(&mut self, chunk: &[u8]) {
        self.arrived.extend_from_slice(chunk);
    }

    /// The header, once, when it is there.
    pub(super) fn header(&mut self) -> Result<Option<Bytes>, Broken> {
        let Some((length, marker)) = whole(header(&self.arrived))? else { return Ok(None) };
        self.marker = Some(marker);
        Ok(Some(self.arrived.split_to(length).freeze()))
    }

    /// The next block, when it is there; blocks without rows are passed over.
    pub(super) fn block(&mut self) -> Result<Option<Block>, Broken> {
        let Some(marker) = self.marker else { return Ok(None) };
        while let Some((rows, bytes, length)) = whole(block(&self.arrived, &marker))? {
            let framed = self.arrived.split_to(length).freeze();
            self.rows = self.rows.checked_sub(rows).ok_or(Broken("it has more rows"))?;
            match (usize::try_from(rows), bytes) {
                (Ok(0), 0) => {}
                (Ok(0), _) => return Err(Broken("a block has bytes and no rows")),
                (Ok(rows), bytes) => return Ok(Some(Block { rows, bytes, framed })),
                (Err(_), _) => return Err(Broken("a block has too many rows")),
            }
        }
        Ok(None)
    }

    /// Nothing is left when all has arrived.
    pub(super) fn finish(self) -> Result<(), Broken> {
        match (self.marker, self.arrived.is_empty()) {
            (Some(_), true) => Ok(()),
            (Some(_), false) => Err(Broken("it ends within a block")),
            (None, _) => Err(Broken("it ends within its header")),
        }
    }
}

fn whole<T>(taken: Result<T, Lack>) -> Result<Option<T>, Broken> {
    match taken {
        Ok(taken) => Ok(Some(taken)),
        Err(Lack::More) => Ok(None),
        Err(Lack::Broken(broken)) => Err(broken),
    }
}

/// The length of a header, and the marker that it ends with.
fn header(file: &[u8]) -> Result<(usize, [u8; MARKER]), Lack> {
    let mut rest = file;
    let start = &file[..MAGIC.len().min(file.len())];
    if !MAGIC.starts_with(start) {
        return Err(Broken("it does not start as one").into());
    }
    take(&mut rest, MAGIC.len() as i64)?;
    loop {
        let entries = long(&mut rest)?;
        if entries == 0 {
            break;
        }
        if entries < 0 {
            // The bytes that these entries take.
            long(&mut rest)?;
        }
        for _ in 0..entries.unsigned_abs() {
            for _ in ["key", "value"] {
                let length = long(&mut rest)?;
                take(&mut rest, length)?;
            }
        }
    }
    let marker = marker(&mut rest)?;
    Ok((file.len() - rest.len(), marker))
}

/// The rows of a block, their bytes, and the length of all.
fn block(file: &[u8], expected: &[u8; MARKER]) -> Result<(u64, usize, usize), Lack> {
    let mut rest = file;
    let rows = long(&mut rest)?;
    let rows = u64::try_from(rows).map_err(|_| Broken("a block has fewer than no rows"))?;
    let length = long(&mut rest)?;
    let bytes = take(&mut rest, length)?.len();
    if marker(&mut rest)? != *expected {
        return Err(Broken("a block does not end where it should").into());
    }
    Ok((rows, bytes, file.len() - rest.len()))
}

fn marker(rest: &mut &[u8]) -> Result<[u8; MARKER], Lack> {
    take(rest, MARKER as i64)?.try_into().map_err(|_| Lack::More)
}

fn take<'a>(rest: &mut &'a [u8], length: i64) -> Result<&'a [u8], Lack> {
    let length = usize::try_from(length).map_err(|_| Broken("a length is out of range"))?;
    let (taken, left) = rest.split_at_checked(length).ok_or(Lack::More)?;
    *rest = left;
    Ok(taken)
}

/// Avro's integer: zigzag, seven bits a byte.
fn long(rest: &mut &[u8]) -> Result<i64, Lack> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = *take(rest, 1)?.first().ok_or(Lack::More)?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok((value >> 1) as i64 ^ -((value & 1) as i64));
        }
    }
    Err(Broken("an integer is longer than it can be").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header with entries of both kinds, and two blocks around an empty one.
    fn file() -> Vec<u8> {
        let mut file = b"Obj\x01".to_vec();
        file.extend_from_slice(b"\x02\x02a\x04bc\x01\x08\x02d\x02e\x00");
        file.extend_from_slice(&[7; 16]);
        for (rows, bytes) in [(3u8, &b"xyz"[..]), (0, b""), (1, b"w")] {
            file.extend_from_slice(&[rows << 1, (bytes.len() as u8) << 1]);
            file.extend_from_slice(bytes);
            file.extend_from_slice(&[7; 16]);
        }
        file
    }

    fn read(file: &[u8], step: usize, rows: u64) -> Result<Vec<(usize, usize)>, Broken> {
        let mut framing = Framing::new(rows);
        let mut blocks = Vec::new();
        let mut headers = 0;
        for chunk in file.chunks(step) {
            framing.push(chunk);
            if headers == 0 {
                headers += usize::from(framing.header()?.is_some());
            }
            while let Some(block) = framing.block()? {
                blocks.push((block.rows, block.bytes));
            }
        }
        framing.finish().map(|()| blocks)
    }

    #[test]
    fn a_file_is_cut_the_same_however_it_arrives() {
        let file = file();
        for step in 1..=file.len() {
            assert_eq!(read(&file, step, 4), Ok(vec![(3, 3), (1, 1)]), "{step}");
        }
    }

    #[test]
    fn what_is_cut_off_or_changed_is_seen() {
        let file = file();
        let ends = [file.len() - 19, file.len() - 37, file.len() - 58];
        for length in (0..file.len()).filter(|length| !ends.contains(length)) {
            assert!(read(&file[..length], 5, 4).is_err(), "{length}");
        }
        assert_eq!(read(&file, 5, 3), Err(Broken("it has more rows")));
        // All but the content of entries and blocks, and the counts of rows.
        let changed = |at: usize, byte: u8| {
            let mut file = file.clone();
            file[at] = byte;
            read(&file, 9, 4)
        };
        for at in [0, 3, 16, file.len() - 1, file.len() - 20] {
            assert!(changed(at, 0xff).is_err(), "{at}");
        }
        assert!(read(b"Obj\x01\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 3, 4).is_err());
    }
}
