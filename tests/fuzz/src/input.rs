//! A fuzzer's bytes as numbers and choices, to the last byte and zeros after it.

/// What is left of the bytes.
#[derive(Debug)]
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    /// Reads from the first byte on.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    /// A number below `end`, which is at most 256.
    pub fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end.max(1)
    }

    /// True in one of so many cases; false once the bytes have ended.
    pub fn once_in(&mut self, cases: usize) -> bool {
        self.below(cases) + 1 == cases
    }

    /// A number at which arithmetic goes wrong, or any.
    pub fn strange(&mut self) -> u64 {
        let strange = [0, 1, 7, 8, 9, 1 << 31, (1 << 31) - 1, 1 << 32, u64::MAX, i64::MAX as u64];
        match self.below(strange.len() + 4) {
            choice @ 0..10 => strange[choice],
            10 => self.byte().into(),
            _ => u64::from_le_bytes(std::array::from_fn(|_| self.byte())),
        }
    }

    /// Bytes of a length, the next ones over and over.
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        let pattern = self.below(32).min(self.0.len());
        let (pattern, rest) = self.0.split_at(pattern);
        self.0 = rest;
        pattern.iter().copied().chain([0]).cycle().take(len).collect()
    }
}
