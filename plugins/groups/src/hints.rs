//! Where a key is looked for first.

/// The group that was last found for a key with a first word like this one.
///
/// The first word is of codes, and codes are dense: they are the place themselves, without
/// a hash and mostly without another key in it. So a series stays found while its bucket
/// stays the same, and ticks of many symbols need no more of the memory than there are
/// symbols.
pub(crate) struct Hints {
    /// A power of two of them; any group, since whoever looks compares its key.
    groups: Vec<u32>,
    /// Bits of the lower half of the word.
    low: u32,
}

impl Hints {
    /// Bits of a place.
    const MOST: u32 = 16;

    pub(crate) fn new() -> Self {
        Self { groups: vec![0], low: 0 }
    }

    /// Prepares for words that have values of so many bits in either half.
    pub(crate) fn expect(&mut self, low: u32, high: u32) {
        self.low = low.min(Self::MOST);
        let hints = 1 << (low + high).min(Self::MOST);
        if hints > self.groups.len() {
            self.groups.resize(hints, 0);
        }
    }

    #[inline(always)]
    pub(crate) fn get(&self, word: u64) -> u32 {
        self.groups[self.place(word)]
    }

    #[inline(always)]
    pub(crate) fn set(&mut self, word: u64, group: u32) {
        let place = self.place(word);
        self.groups[place] = group;
    }

    #[inline(always)]
    fn place(&self, word: u64) -> usize {
        // Bit 0 of the higher half comes after the last one of the lower.
        let place = word ^ (word >> (32 - self.low));
        place as usize & (self.groups.len() - 1)
    }
}
