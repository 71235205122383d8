//! Keys of a few words, numbered.

use std::ops::Range;

use tidelake_sdk::{Error, Result};

/// Neighbouring rows of one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The rows.
    pub rows: Range<usize>,
    /// Their group, numbered from 0 in the order of first sight.
    pub group: usize,
}

/// Groups by the words of their keys: open addressing, at most half full.
pub(crate) struct Table {
    /// Words of a key.
    width: usize,
    /// All keys, one after the other.
    words: Vec<u64>,
    /// Groups, where the hashes of their keys place them.
    slots: Vec<u32>,
    /// 64 less the logarithm of the number of slots.
    shift: u32,
    hints: Hints,
}

/// Where to look first: the group that was last found for a key with this first word.
///
/// The first word is of codes, and codes are dense: they are the place themselves, without
/// a hash and mostly without another key in it. So a series stays found while its bucket
/// stays the same.
struct Hints {
    /// A power of two of them; any group, since its key is compared.
    groups: Vec<u32>,
    /// Bits of the lower half of the word.
    low: u32,
}

impl Hints {
    const MOST: u32 = 16;

    #[inline(always)]
    fn at(&mut self, key: &[u64]) -> &mut u32 {
        // Bit 0 of the higher half comes after the last one of the lower.
        let place = key[0] ^ (key[0] >> (32 - self.low));
        let last = self.groups.len() - 1;
        &mut self.groups[place as usize & last]
    }
}

/// No group.
const FREE: u32 = u32::MAX;
const FIRST_SLOTS: usize = 64;

impl Table {
    /// For keys of so many words, at least one.
    pub(crate) fn new(width: usize) -> Self {
        let shift = 64 - FIRST_SLOTS.ilog2();
        let hints = Hints { groups: vec![0], low: 0 };
        Self { width, words: Vec::new(), slots: vec![FREE; FIRST_SLOTS], shift, hints }
    }

    pub(crate) fn width(&self) -> usize {
        self.width
    }

    pub(crate) fn len(&self) -> usize {
        self.words.len() / self.width
    }

    /// The words of one place in the keys of all groups.
    pub(crate) fn words(&self, word: usize) -> impl Iterator<Item = u64> {
        self.words.chunks_exact(self.width).map(move |key| key[word])
    }

    /// One word of a group's key.
    pub(crate) fn word(&self, group: u32, word: usize) -> u64 {
        self.words[group as usize * self.width + word]
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.width);
    }

    /// Gives all keys one more word, which is 0.
    pub(crate) fn widen(&mut self) {
        let width = self.width + 1;
        let mut words = Vec::with_capacity(self.len() * width);
        for key in self.words.chunks_exact(self.width) {
            words.extend_from_slice(key);
            words.push(0);
        }
        (self.words, self.width) = (words, width);
        self.place_all();
    }

    /// Prepares for first words that have values of so many bits in either half.
    pub(crate) fn expect(&mut self, low: u32, high: u32) {
        self.hints.low = low.min(Hints::MOST);
        let hints = 1 << (low + high).min(Hints::MOST);
        if hints > self.hints.groups.len() {
            self.hints.groups.resize(hints, 0);
        }
    }

    /// Appends the runs of rows with these keys, the first of which is row `first`.
    pub(crate) fn runs(&mut self, keys: &[u64], first: usize, runs: &mut Vec<Run>) -> Result<()> {
        match self.width {
            1 => self.runs_of::<1>(keys, first, runs),
            2 => self.runs_of::<2>(keys, first, runs),
            3 => self.runs_of::<3>(keys, first, runs),
            _ => self.runs_of::<0>(keys, first, runs),
        }
    }

    /// `WIDTH` is the width, if it is known when this is compiled.
    fn runs_of<const WIDTH: usize>(
        &mut self,
        keys: &[u64],
        first: usize,
        runs: &mut Vec<Run>,
    ) -> Result<()> {
        let width = if WIDTH == 0 { self.width } else { WIDTH };
        let mut rows = keys.chunks_exact(width).enumerate();
        let Some((_, mut key)) = rows.next() else { return Ok(()) };
        let mut start = 0;
        for (row, next) in rows {
            if !same(key, next) {
                self.run(first + start..first + row, key, runs)?;
                (start, key) = (row, next);
            }
        }
        self.run(first + start..first + keys.len() / width, key, runs)
    }

    #[inline(always)]
    fn run(&mut self, rows: Range<usize>, key: &[u64], runs: &mut Vec<Run>) -> Result<()> {
        let hint = *self.hints.at(key) as usize;
        let hinted = self.words.get(hint * key.len()..(hint + 1) * key.len());
        let group = match hinted {
            Some(hinted) if same(hinted, key) => hint,
            _ => {
                let group = self.find(key)?;
                *self.hints.at(key) = group as u32;
                group
            }
        };
        match runs.last_mut() {
            // Where one part of a batch ends and the next one begins.
            Some(last) if last.group == group => last.rows.end = rows.end,
            _ => runs.push(Run { rows, group }),
        }
        Ok(())
    }

    #[inline(always)]
    fn find(&mut self, key: &[u64]) -> Result<usize> {
        let last = self.slots.len() - 1;
        let mut at = place(key, self.shift);
        loop {
            let group = self.slots[at & last];
            if group == FREE {
                return self.add(key);
            }
            let start = group as usize * key.len();
            if same(&self.words[start..start + key.len()], key) {
                return Ok(group as usize);
            }
            at += 1;
        }
    }

    #[cold]
    fn add(&mut self, key: &[u64]) -> Result<usize> {
        let group = self.len();
        if group >= FREE as usize {
            return Err(Error::exhausted("more than four billion groups"));
        }
        self.words.extend_from_slice(key);
        if group >= self.slots.len() / 2 {
            self.slots = vec![FREE; self.slots.len() * 2];
            self.shift -= 1;
            self.place_all();
        } else {
            place_in(&mut self.slots, group as u32, key, self.shift);
        }
        Ok(group)
    }

    fn place_all(&mut self) {
        self.slots.fill(FREE);
        for (group, key) in self.words.chunks_exact(self.width).enumerate() {
            place_in(&mut self.slots, group as u32, key, self.shift);
        }
    }
}

fn place_in(slots: &mut [u32], group: u32, key: &[u64], shift: u32) {
    let last = slots.len() - 1;
    let mut at = place(key, shift);
    while slots[at & last] != FREE {
        at += 1;
    }
    slots[at & last] = group;
}

/// Whether two keys of one width are equal. Of few words all are looked at, which is
/// cheaper than a branch after each.
#[inline(always)]
fn same(a: &[u64], b: &[u64]) -> bool {
    match (a, b) {
        ([a], [b]) => a == b,
        ([a0, a1], [b0, b1]) => (a0 ^ b0) | (a1 ^ b1) == 0,
        ([a0, a1, a2], [b0, b1, b2]) => (a0 ^ b0) | (a1 ^ b1) | (a2 ^ b2) == 0,
        _ => a == b,
    }
}

/// The place of a key in a table of 2^(64 - `shift`) slots.
#[inline(always)]
fn place(key: &[u64], shift: u32) -> usize {
    let mut mixed = 0_u64;
    for word in key {
        // Odd, without pattern: the fraction of √2. Of a product the high bits depend on
        // all bits, and the next word shall see them in its low bits, too.
        mixed = (mixed ^ (mixed >> 32) ^ word).wrapping_mul(0x6a09_e667_f3bc_c909);
    }
    (mixed >> shift) as usize
}
