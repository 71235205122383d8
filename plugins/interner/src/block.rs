//! From a column to words, so many rows at a time.
//!
//! Reading texts and looking words up are two loops, each of which has little to keep in
//! mind: a guest's compiler has fewer registers to give than a native one, and a loop
//! that needs more of them runs at half the speed.

use arrow_array::types::{ByteArrayType, ByteViewType};
use arrow_array::{Array, GenericByteArray, GenericByteViewArray};
use arrow_buffer::ArrowNativeType;

use crate::short::{ONE, one_word};

/// Rows of a block.
pub(crate) const ROWS: usize = 512;

/// A column of texts that are looked at by their words.
pub(crate) trait Texts {
    /// Number of rows.
    fn rows(&self) -> usize;

    /// Writes the words of rows from `start`, one for each place, if all of them are texts
    /// of one word. What is under nulls counts as a text here.
    fn words(&self, start: usize, words: &mut [u64]) -> bool;

    /// The text of a row.
    fn text(&self, row: usize) -> &[u8];
}

impl<T: ByteArrayType> Texts for &GenericByteArray<T> {
    fn rows(&self) -> usize {
        self.len()
    }

    #[inline]
    fn words(&self, start: usize, words: &mut [u64]) -> bool {
        let (offsets, data) = (&self.value_offsets()[start..], self.value_data());
        let mut lengths = 0;
        for (word, ends) in words.iter_mut().zip(offsets.windows(2)) {
            let (start, end) = (ends[0].as_usize(), ends[1].as_usize());
            // The last texts of all are too near to the end.
            let Some(read) = data.get(start..start.wrapping_add(8)).and_then(<[u8]>::first_chunk)
            else {
                return false;
            };
            lengths |= end - start;
            *word = one_word(u64::from_le_bytes(*read), end - start);
        }
        lengths <= ONE
    }

    #[inline]
    fn text(&self, row: usize) -> &[u8] {
        self.value(row).as_ref()
    }
}

impl<T: ByteViewType> Texts for &GenericByteViewArray<T> {
    fn rows(&self) -> usize {
        self.len()
    }

    #[inline]
    fn words(&self, start: usize, words: &mut [u64]) -> bool {
        let mut lengths = 0;
        for (word, view) in words.iter_mut().zip(&self.views()[start..]) {
            // A view begins with its length, and a short one goes on with its bytes.
            let len = *view as u32 as usize;
            lengths |= len;
            *word = one_word((view >> 32) as u64, len);
        }
        lengths <= ONE
    }

    #[inline]
    fn text(&self, row: usize) -> &[u8] {
        self.value(row).as_ref()
    }
}
