//! Texts that fit into one word or two, and the tables of their codes.
//!
//! | text | words |
//! |---|---|
//! | up to 7 bytes | one: the bytes, zeros, the length in the last byte |
//! | up to 15 bytes | two: the bytes, zeros, the length in the last byte of the second |
//!
//! No two texts have the same words. Tables are openly addressed and at most a quarter
//! full, since a guess that fails costs more than a longer table; words and codes lie
//! apart, so that what is searched is as short as it can be.

use crate::NULL;

/// What no text has for words: free slots, and rows without a value.
pub(crate) const NONE: u64 = u64::MAX;

/// The longest text of one word, in bytes.
pub(crate) const ONE: usize = 7;
/// The longest text of two words, in bytes.
pub(crate) const TWO: usize = 15;

/// The first `len` bytes of a word, zeros, and the length; of one to seven bytes.
#[inline(always)]
pub(crate) fn one_word(word: u64, len: usize) -> u64 {
    let len = len as u64 & 7;
    word & ((1 << (8 * len)) - 1) | len << 56
}

/// The words of a text of 8 to 15 bytes: of its first and last eight bytes.
#[inline(always)]
pub(crate) fn two_words(first: u64, last: u64, len: usize) -> [u64; 2] {
    // Of the last eight bytes those that are not among the first eight.
    let rest = last.checked_shr(8 * (16 - len as u32)).unwrap_or(0);
    [first, rest | (len as u64) << 56]
}

/// The words of any text that is short enough.
#[inline]
pub(crate) fn words(text: &[u8]) -> Option<Words> {
    Some(match (text.first_chunk(), text.last_chunk()) {
        (Some(first), Some(last)) if text.len() <= TWO => {
            Words::Two(two_words(u64::from_le_bytes(*first), u64::from_le_bytes(*last), text.len()))
        }
        (Some(_), _) => return None,
        _ => {
            let mut word = [0; 8];
            word[..text.len()].copy_from_slice(text);
            Words::One([one_word(u64::from_le_bytes(word), text.len())])
        }
    })
}

/// A short text.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Words {
    One([u64; 1]),
    Two([u64; 2]),
}

/// Codes of texts of so many words.
#[derive(Debug, Clone)]
pub(crate) struct Table<const N: usize> {
    slots: Vec<[u64; N]>,
    codes: Vec<u32>,
    used: usize,
    /// 64 less the logarithm of the number of slots.
    shift: u32,
}

const FIRST_SLOTS: usize = 64;

impl<const N: usize> Default for Table<N> {
    fn default() -> Self {
        let (slots, codes) = (vec![[NONE; N]; FIRST_SLOTS], vec![NULL; FIRST_SLOTS]);
        Self { slots, codes, used: 0, shift: u64::BITS - FIRST_SLOTS.ilog2() }
    }
}

impl<const N: usize> Table<N> {
    pub(crate) fn memory(&self) -> usize {
        self.slots.capacity() * size_of::<[u64; N]>() + self.codes.capacity() * size_of::<u32>()
    }

    pub(crate) fn clear(&mut self) {
        self.slots.fill([NONE; N]);
        self.codes.fill(NULL);
        self.used = 0;
    }

    /// The code of a text that is there; [`NULL`] for rows without a value.
    #[inline(always)]
    pub(crate) fn find(&self, words: [u64; N]) -> Option<u32> {
        let last = self.slots.len() - 1;
        let mut at = place(words, self.shift);
        loop {
            let slot = self.slots[at & last];
            if slot == words {
                // The slot that a row without a value finds is a free one.
                return self.codes.get(at & last).copied();
            }
            if slot == [NONE; N] {
                return None;
            }
            at += 1;
        }
    }

    /// Adds a text that is not there.
    #[cold]
    pub(crate) fn insert(&mut self, words: [u64; N], code: u32) {
        if self.used >= self.slots.len() / 4 {
            let len = self.slots.len() * 2;
            let slots = std::mem::replace(&mut self.slots, vec![[NONE; N]; len]);
            let codes = std::mem::replace(&mut self.codes, vec![NULL; len]);
            self.shift -= 1;
            for (words, code) in slots.into_iter().zip(codes) {
                if words != [NONE; N] {
                    self.put(words, code);
                }
            }
        }
        self.put(words, code);
        self.used += 1;
    }

    fn put(&mut self, words: [u64; N], code: u32) {
        let last = self.slots.len() - 1;
        let mut at = place(words, self.shift);
        while self.slots[at & last] != [NONE; N] {
            at += 1;
        }
        self.slots[at & last] = words;
        self.codes[at & last] = code;
    }
}

impl Table<1> {
    /// The codes of rows up to the first whose text is not there, and how many these are.
    #[inline(never)]
    pub(crate) fn find_all(&self, words: &[u64], codes: &mut [u32]) -> usize {
        let (mut last, mut known) = (NONE, NULL);
        for (row, (word, code)) in words.iter().zip(codes).enumerate() {
            if *word != last {
                let Some(found) = self.find([*word]) else { return row };
                (last, known) = (*word, found);
            }
            *code = known;
        }
        words.len()
    }
}

/// Where words are looked for in a table of 2^(64 - `shift`) slots: the high bits of a
/// product, which depend on all bits of its factors.
#[inline(always)]
fn place<const N: usize>(words: [u64; N], shift: u32) -> usize {
    // Odd, without pattern: the fraction of √2.
    const FACTOR: u64 = 0x6a09_e667_f3bc_c909;
    let mixed = words.into_iter().fold(0, |all: u64, word| {
        let all = (all ^ word).wrapping_mul(FACTOR);
        all ^ (all >> 32)
    });
    (mixed.wrapping_mul(FACTOR) >> shift) as usize
}
