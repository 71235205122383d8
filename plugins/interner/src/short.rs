//! Texts that fit into two words.

/// A text of at most 15 bytes: its bytes, then zeros, and the length in the last one. No
/// two texts have the same words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Short {
    low: u64,
    high: u64,
}

/// What no text has in its last byte.
const EMPTY: u64 = u64::MAX;

impl Short {
    /// The text of `len` bytes from `start`, unless it is longer.
    #[inline(always)]
    pub(crate) fn of(data: &[u8], start: usize, len: usize) -> Option<Self> {
        if len < 8 {
            let kept = u64::MAX.checked_shr(64 - 8 * len as u32).unwrap_or(0);
            let low = match data.get(start..start + 8).and_then(|word| word.first_chunk()) {
                // What comes after is another text's.
                Some(word) => u64::from_le_bytes(*word) & kept,
                None => end_of(data, start, len),
            };
            return Some(Self { low, high: (len as u64) << 56 });
        }
        if len < 16 {
            let (first, last) = (start..start + 8, start + len - 8..start + len);
            let [low, last] = [&data[first], &data[last]]
                .map(|word| word.first_chunk().map_or(0, |word| u64::from_le_bytes(*word)));
            // Of the last eight bytes those that are not among the first eight.
            let high = last.checked_shr(8 * (16 - len as u32)).unwrap_or(0);
            return Some(Self { low, high: high | (len as u64) << 56 });
        }
        None
    }

    /// Its place in a table of 2^(64 - `shift`) slots.
    #[inline(always)]
    fn place(self, shift: u32) -> usize {
        // Odd, without pattern: the fractions of √2 and √3. Of a product the high bits
        // depend on all bits.
        let mixed = self.low ^ self.high.wrapping_mul(0xbb67_ae85_84ca_a73b);
        let mixed = (mixed ^ (mixed >> 32)).wrapping_mul(0x6a09_e667_f3bc_c909);
        (mixed >> shift) as usize
    }
}

/// Of a text that ends less than eight bytes before the end of all.
#[cold]
fn end_of(data: &[u8], start: usize, len: usize) -> u64 {
    let mut word = [0; 8];
    word[..len].copy_from_slice(&data[start..start + len]);
    u64::from_le_bytes(word)
}

/// Codes of short texts: open addressing, at most half full.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    slots: Vec<Slot>,
    used: usize,
    /// 64 less the logarithm of the number of slots.
    shift: u32,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    text: Short,
    code: u32,
}

const FREE: Slot = Slot { text: Short { low: 0, high: EMPTY }, code: 0 };
const FIRST_SLOTS: usize = 64;

impl Default for Table {
    fn default() -> Self {
        Self { slots: vec![FREE; FIRST_SLOTS], used: 0, shift: 64 - FIRST_SLOTS.ilog2() }
    }
}

impl Table {
    pub(crate) fn memory(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>()
    }

    pub(crate) fn clear(&mut self) {
        self.slots.fill(FREE);
        self.used = 0;
    }

    #[inline(always)]
    pub(crate) fn find(&self, text: Short) -> Option<u32> {
        let last = self.slots.len() - 1;
        let mut at = text.place(self.shift);
        loop {
            let slot = &self.slots[at & last];
            if slot.text == text {
                return Some(slot.code);
            }
            if slot.text.high == EMPTY {
                return None;
            }
            at += 1;
        }
    }

    /// Adds a text that is not there.
    #[cold]
    pub(crate) fn insert(&mut self, text: Short, code: u32) {
        if self.used >= self.slots.len() / 2 {
            let larger = vec![FREE; self.slots.len() * 2];
            let old = std::mem::replace(&mut self.slots, larger);
            self.shift -= 1;
            for slot in old.into_iter().filter(|slot| slot.text.high != EMPTY) {
                self.place(slot);
            }
        }
        self.place(Slot { text, code });
        self.used += 1;
    }

    fn place(&mut self, slot: Slot) {
        let last = self.slots.len() - 1;
        let mut at = slot.text.place(self.shift);
        while self.slots[at & last].text.high != EMPTY {
            at += 1;
        }
        self.slots[at & last] = slot;
    }
}
