//! Bits, the first one the most significant of its byte, whose bytes are run-length
//! encoded ("Boolean Run Length Encoding").
//!
//! A row group that ends amid a byte leaves its bits for the next one: the position of
//! that one is the byte and how many of its bits come before.

use arrow_buffer::BooleanBuffer;

use super::byte;

/// Bits that are not encoded yet.
#[derive(Debug, Default)]
pub(crate) struct Bits {
    whole: Vec<u8>,
    /// Bits of a byte that is not whole, from the top.
    part: u64,
    /// How many these are, fewer than eight.
    count: usize,
}

impl Bits {
    /// Adds all bits of a buffer.
    pub(crate) fn append(&mut self, bits: &BooleanBuffer) {
        self.whole.reserve(bits.len() / 8 + 1);
        // Arrow's first bit is the least significant one.
        let chunks = bits.bit_chunks();
        for chunk in chunks.iter() {
            self.push(chunk.reverse_bits(), 64);
        }
        self.push(chunks.remainder_bits().reverse_bits(), chunks.remainder_len());
    }

    /// Adds `n` bits that are set.
    pub(crate) fn append_set(&mut self, n: usize) {
        for _ in 0..n / 64 {
            self.push(u64::MAX, 64);
        }
        let rest = n % 64;
        if rest > 0 {
            self.push(!(u64::MAX >> rest), rest);
        }
    }

    /// Adds up to 64 bits from the top of a word, whose others are zero.
    #[inline]
    fn push(&mut self, bits: u64, n: usize) {
        let word = self.part | bits >> self.count;
        let total = self.count + n;
        let bytes = (total / 8).min(8);
        self.whole.extend_from_slice(&word.to_be_bytes()[..bytes]);
        self.part = match bytes {
            8 if self.count == 0 => 0,
            8 => bits << (64 - self.count),
            _ => word << (8 * bytes),
        };
        self.count = total - 8 * bytes;
    }

    /// Encodes the bytes that are whole.
    pub(crate) fn encode(&mut self, out: &mut Vec<u8>) {
        byte::encode(&self.whole, out);
        self.whole.clear();
    }

    /// Encodes all there is; the last byte is filled with zeros.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        if self.count > 0 {
            self.whole.push((self.part >> 56) as u8);
        }
        self.encode(out);
        (self.part, self.count) = (0, 0);
    }

    /// Bits of the next byte that are there already.
    pub(crate) fn pending(&self) -> usize {
        self.count
    }

    /// Bytes that wait.
    pub(crate) fn bytes(&self) -> usize {
        self.whole.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_in_the_specification() {
        let mut bits = Bits::default();
        bits.append(&BooleanBuffer::from(vec![
            true, false, false, false, false, false, false, false,
        ]));
        let mut out = Vec::new();
        bits.finish(&mut out);
        assert_eq!(out, [0xff, 0x80]);
    }

    #[test]
    fn parts_are_one_row_of_bits() {
        proptest::proptest!(|(
            bits in proptest::collection::vec(proptest::bool::ANY, 0..400),
            cuts in proptest::collection::vec(0usize..90, 0..8),
        )| {
            let buffer = BooleanBuffer::from(bits.clone());
            let (mut parts, mut at) = (Bits::default(), 0);
            for cut in cuts {
                let len = cut.min(bits.len() - at);
                parts.append(&buffer.slice(at, len));
                at += len;
                proptest::prop_assert_eq!(parts.pending(), at % 8);
            }
            parts.append(&buffer.slice(at, bits.len() - at));
            parts.append_set(67);
            let expected: Vec<bool> = bits.into_iter().chain([true; 67]).collect();
            if parts.count > 0 {
                parts.whole.push((parts.part >> 56) as u8);
            }
            let found: Vec<bool> = (0..expected.len())
                .map(|i| parts.whole[i / 8] & (0x80 >> (i % 8)) != 0)
                .collect();
            proptest::prop_assert_eq!(found, expected);
        });
    }
}
