//! A stream of a stripe in progress: bytes in, compressed blocks out.

use tidelake_sdk::Result;

use crate::compress::{BLOCK, Compression};

/// A place in a stream, as row indexes have it: where the block begins and how far into it,
/// or, without compression, how far into the stream.
pub(crate) type Positions = Vec<u64>;

/// Bytes of one kind of one column.
#[derive(Debug)]
pub(crate) struct Stream {
    compression: Compression,
    /// What is encoded and not compressed yet; shorter than a block after [`Self::spill`].
    pub(crate) open: Vec<u8>,
    done: Vec<u8>,
}

impl Stream {
    pub(crate) fn new(compression: Compression) -> Self {
        Self { compression, open: Vec::new(), done: Vec::new() }
    }

    /// Compresses the blocks that are full. To be called after adding to `open`.
    pub(crate) fn spill(&mut self) -> Result<()> {
        if self.open.len() < BLOCK {
            return Ok(());
        }
        let full = self.open.len() / BLOCK * BLOCK;
        for block in self.open[..full].chunks(BLOCK) {
            self.compression.block(block, &mut self.done)?;
        }
        self.open.drain(..full);
        Ok(())
    }

    /// Appends where the next byte will be.
    pub(crate) fn position(&self, positions: &mut Positions) {
        match self.compression {
            Compression::None => positions.push((self.done.len() + self.open.len()) as u64),
            _ => positions.extend([self.done.len() as u64, self.open.len() as u64]),
        }
    }

    /// Bytes that it keeps.
    pub(crate) fn bytes(&self) -> usize {
        self.open.len() + self.done.len()
    }

    /// The stream, and an empty one from here on.
    pub(crate) fn take(&mut self) -> Result<Vec<u8>> {
        self.spill()?;
        if !self.open.is_empty() {
            self.compression.block(&self.open, &mut self.done)?;
            self.open.clear();
        }
        Ok(std::mem::take(&mut self.done))
    }
}
