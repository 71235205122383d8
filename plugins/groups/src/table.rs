//! Keys of a few words, numbered.

use tidelake_sdk::{Error, Result};

use crate::hints::Hints;

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

/// No group.
const FREE: u32 = u32::MAX;
const FIRST_SLOTS: usize = 64;

impl Table {
    /// For keys of so many words, at least one.
    pub(crate) fn new(width: usize) -> Self {
        let shift = 64 - FIRST_SLOTS.ilog2();
        let (words, slots) = (Vec::new(), vec![FREE; FIRST_SLOTS]);
        Self { width, words, slots, shift, hints: Hints::new() }
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
        self.hints.expect(low, high);
    }

    /// The groups of rows with these keys.
    ///
    /// Rows that are where the hints say, nearly all, are one loop, and any other row
    /// interrupts it: a guest's compiler has few registers to give.
    pub(crate) fn groups(&mut self, keys: &[u64], groups: &mut [u32]) -> Result<()> {
        let mut done = 0;
        while done < groups.len() {
            let (keys, groups) = (&keys[done * self.width..], &mut groups[done..]);
            let hinted = match self.width {
                1 => self.hinted::<1>(keys, groups),
                2 => self.hinted::<2>(keys, groups),
                3 => self.hinted::<3>(keys, groups),
                _ => self.hinted_of_any_width(keys, groups),
            };
            if let Some(group) = groups.get_mut(hinted) {
                let key = &keys[hinted * self.width..(hinted + 1) * self.width];
                *group = self.find(key)?;
                self.hints.set(key[0], *group);
            }
            done += hinted + 1;
        }
        Ok(())
    }

    /// The groups of rows up to the first that is not where its hint says, and how many
    /// these are.
    #[inline(never)]
    fn hinted<const WIDTH: usize>(&self, keys: &[u64], groups: &mut [u32]) -> usize {
        let (known, _) = self.words.as_chunks::<WIDTH>();
        let (keys, _) = keys.as_chunks::<WIDTH>();
        for (row, (key, group)) in keys.iter().zip(groups).enumerate() {
            let hint = self.hints.get(key[0]);
            match known.get(hint as usize) {
                Some(known) if same(known, key) => *group = hint,
                _ => return row,
            }
        }
        keys.len()
    }

    /// The same, for keys of many words.
    fn hinted_of_any_width(&self, keys: &[u64], groups: &mut [u32]) -> usize {
        let rows = groups.len();
        for (row, (key, group)) in keys.chunks_exact(self.width).zip(groups).enumerate() {
            let hint = self.hints.get(key[0]);
            let start = hint as usize * self.width;
            match self.words.get(start..start + self.width) {
                Some(known) if same(known, key) => *group = hint,
                _ => return row,
            }
        }
        rows
    }

    fn find(&mut self, key: &[u64]) -> Result<u32> {
        let last = self.slots.len() - 1;
        let mut at = place(key, self.shift);
        loop {
            let group = self.slots[at & last];
            if group == FREE {
                return self.add(key);
            }
            let start = group as usize * key.len();
            if same(&self.words[start..start + key.len()], key) {
                return Ok(group);
            }
            at += 1;
        }
    }

    #[cold]
    fn add(&mut self, key: &[u64]) -> Result<u32> {
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
        Ok(group as u32)
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
