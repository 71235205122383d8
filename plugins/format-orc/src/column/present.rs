//! Streams of bits, and the one that says which rows have a value.

use arrow_buffer::{BooleanBuffer, NullBuffer};
use tidelake_sdk::Result;

use crate::compress::Compression;
use crate::rle::bits::Bits;
use crate::stream::{Positions, Stream};

/// A stream of bits, by row groups.
#[derive(Debug)]
pub(super) struct BitStream {
    stream: Stream,
    bits: Bits,
    /// Where this row group begins.
    start: Positions,
    starts: Vec<Positions>,
}

impl BitStream {
    pub(super) fn new(compression: Compression) -> Self {
        let mut out = Self {
            stream: Stream::new(compression),
            bits: Bits::default(),
            start: Positions::new(),
            starts: Vec::new(),
        };
        out.start = out.position();
        out
    }

    /// The byte, none of its run, and so many of its bits.
    fn position(&self) -> Positions {
        let mut position = Positions::new();
        self.stream.position(&mut position);
        position.extend([0, self.bits.pending() as u64]);
        position
    }

    pub(super) fn append(&mut self, bits: &BooleanBuffer) {
        self.bits.append(bits);
    }

    pub(super) fn end_group(&mut self) -> Result<()> {
        self.bits.encode(&mut self.stream.open);
        self.stream.spill()?;
        let next = self.position();
        self.starts.push(std::mem::replace(&mut self.start, next));
        Ok(())
    }

    pub(super) fn bytes(&self) -> usize {
        self.stream.bytes() + self.bits.bytes()
    }

    pub(super) fn end_stripe(&mut self) -> Result<(Vec<u8>, Vec<Positions>)> {
        self.bits.finish(&mut self.stream.open);
        let bytes = self.stream.take()?;
        self.start = self.position();
        Ok((bytes, std::mem::take(&mut self.starts)))
    }
}

/// Which rows have a value. There is no stream in a stripe without nulls ("Column
/// Encodings": the stream is left out), so nothing is written before the first one.
#[derive(Debug)]
pub(super) struct Present {
    bits: BitStream,
    /// Whether a null was seen.
    any: bool,
    /// Until then: rows of the row groups that ended, and of this one.
    ended: Vec<usize>,
    rows: usize,
}

impl Present {
    pub(super) fn new(compression: Compression) -> Self {
        Self { bits: BitStream::new(compression), any: false, ended: Vec::new(), rows: 0 }
    }

    pub(super) fn write(&mut self, rows: usize, nulls: Option<&NullBuffer>) -> Result<()> {
        if nulls.is_some() && !self.any {
            self.any = true;
            for rows in self.ended.drain(..) {
                self.bits.bits.append_set(rows);
                self.bits.end_group()?;
            }
            self.bits.bits.append_set(std::mem::take(&mut self.rows));
        }
        match nulls {
            Some(nulls) => self.bits.append(nulls.inner()),
            None if self.any => self.bits.bits.append_set(rows),
            None => self.rows += rows,
        }
        Ok(())
    }

    pub(super) fn end_group(&mut self) -> Result<()> {
        if self.any {
            return self.bits.end_group();
        }
        self.ended.push(std::mem::take(&mut self.rows));
        Ok(())
    }

    pub(super) fn bytes(&self) -> usize {
        self.bits.bytes() + self.ended.len() * size_of::<usize>()
    }

    /// The stream and where the row groups begin in it, if there was a null.
    pub(super) fn end_stripe(&mut self) -> Result<Option<(Vec<u8>, Vec<Positions>)>> {
        self.ended.clear();
        if !std::mem::take(&mut self.any) {
            return Ok(None);
        }
        self.bits.end_stripe().map(Some)
    }
}
