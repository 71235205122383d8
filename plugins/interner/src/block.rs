//! From a column to words, so many rows at a time.
//!
//! Reading texts and looking words up are two loops, each of which has little to keep in
//! mind: a guest's compiler has fewer registers to give than a native one, and a loop
//! that needs more of them runs at half the speed.

use arrow_array::types::{ByteArrayType, ByteViewType};
use arrow_array::{Array, GenericByteArray, GenericByteViewArray};
use arrow_buffer::ArrowNativeType;

use crate::short::{LONGER, ONE, one_word};

/// Rows of a block.
pub(crate) const ROWS: usize = 512;

/// A column of texts that are looked at by their words.
pub(crate) trait Texts {
    /// Number of rows.
    fn rows(&self) -> usize;

    /// Writes the words of rows from `start`, one for each place, [`LONGER`] where a text
    /// has more, and returns how many of these there are. What is under nulls counts as a
    /// text here.
    fn words(&self, start: usize, words: &mut [u64]) -> usize;

    /// The text of a row.
    fn text(&self, row: usize) -> &[u8];
}

impl<T: ByteArrayType> Texts for &GenericByteArray<T> {
    fn rows(&self) -> usize {
        self.len()
    }

    #[inline]
    fn words(&self, start: usize, words: &mut [u64]) -> usize {
        let (offsets, data) = (&self.value_offsets()[start..], self.value_data());
        let mut longer = 0;
        for (word, ends) in words.iter_mut().zip(offsets.windows(2)) {
            let (start, end) = (ends[0].as_usize(), ends[1].as_usize());
            *word = match data.get(start..start.wrapping_add(8)).and_then(<[u8]>::first_chunk) {
                Some(read) => word_of(u64::from_le_bytes(*read), end - start),
                // The last texts of all are too near to the end.
                None => LONGER,
            };
            longer += usize::from(*word == LONGER);
        }
        longer
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
    fn words(&self, start: usize, words: &mut [u64]) -> usize {
        let mut longer = 0;
        for (word, view) in words.iter_mut().zip(&self.views()[start..]) {
            // A view begins with its length, and a short one goes on with its bytes.
            *word = word_of((view >> 32) as u64, *view as u32 as usize);
            longer += usize::from(*word == LONGER);
        }
        longer
    }

    #[inline]
    fn text(&self, row: usize) -> &[u8] {
        self.value(row).as_ref()
    }
}

/// Without a branch: which texts are longer nothing foretells.
#[inline(always)]
fn word_of(read: u64, len: usize) -> u64 {
    let longer = 0_u64.wrapping_sub(u64::from(len > ONE));
    one_word(read, len) & !longer | LONGER & longer
}
