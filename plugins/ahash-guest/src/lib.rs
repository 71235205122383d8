//! Hashing of short keys, for what a guest can do fast.
//!
//! The `ahash` crate hashes with AES instructions where there are some. A guest has
//! none, nor a product of 128 bits, nor an instruction that swaps bytes, and what the
//! crate falls back to is made of the latter two: it stood at the top of profiles of
//! the Parquet writer, which looks every text up in a dictionary. This is the part of
//! the crate that arrow and parquet use, over what a guest does have, a product of 64
//! bits: eight bytes at a time are mixed in by a multiplication and a shift.
//!
//! The seed is fixed, as it is for every table in a guest: a plugin has no randomness
//! to draw one from, and the same source gives the same bytes. Results never depend
//! on the order of hashes.

use std::hash::{BuildHasher, Hash, Hasher};

/// Odd constants without pattern: the fractions of √2 and √3.
const ROUND: u64 = 0x6a09_e667_f3bc_c909;
const LAST: u64 = 0xbb67_ae85_84ca_a73b;

/// Makes hashers. All of them are alike.
#[derive(Debug, Clone, Copy, Default)]
pub struct RandomState;

impl RandomState {
    /// The same as any other.
    pub fn new() -> Self {
        Self
    }

    /// The same as any other: seeds separate tables of a process that strangers fill.
    pub fn with_seeds(_: u64, _: u64, _: u64, _: u64) -> Self {
        Self
    }

    /// The hash of one value, also for those who do not have [`BuildHasher`] in scope.
    #[inline]
    pub fn hash_one<T: Hash>(&self, value: T) -> u64 {
        BuildHasher::hash_one(self, value)
    }
}

impl BuildHasher for RandomState {
    type Hasher = AHasher;

    fn build_hasher(&self) -> AHasher {
        AHasher { state: ROUND }
    }
}

/// Hashes one key.
#[derive(Debug, Clone)]
pub struct AHasher {
    state: u64,
}

impl AHasher {
    #[inline(always)]
    fn mix(&mut self, word: u64) {
        let product = (self.state ^ word).wrapping_mul(ROUND);
        // Without it the high bits of a word would never reach the low ones.
        self.state = product ^ (product >> 32);
    }
}

impl Hasher for AHasher {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let len = bytes.len();
        // The length tells apart what the overlapping reads below do not.
        self.mix(len as u64);
        if len > 8 {
            let mut rest = bytes;
            while let Some((word, after)) = rest.split_first_chunk::<8>()
                && !after.is_empty()
            {
                self.mix(u64::from_le_bytes(*word));
                rest = after;
            }
            if let Some(word) = bytes.last_chunk::<8>() {
                self.mix(u64::from_le_bytes(*word));
            }
        } else if let (Some(first), Some(last)) =
            (bytes.first_chunk::<4>(), bytes.last_chunk::<4>())
        {
            let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
            self.mix(u64::from(first) << 32 | u64::from(last));
        } else if let (Some(first), Some(last)) = (bytes.first(), bytes.last()) {
            let middle = bytes[len / 2];
            self.mix(u64::from(*first) << 16 | u64::from(middle) << 8 | u64::from(*last));
        }
    }

    #[inline]
    fn write_u8(&mut self, value: u8) {
        self.mix(value.into());
    }

    #[inline]
    fn write_u16(&mut self, value: u16) {
        self.mix(value.into());
    }

    #[inline]
    fn write_u32(&mut self, value: u32) {
        self.mix(value.into());
    }

    #[inline]
    fn write_u64(&mut self, value: u64) {
        self.mix(value);
    }

    #[inline]
    fn write_usize(&mut self, value: usize) {
        self.mix(value as u64);
    }

    #[inline]
    fn finish(&self) -> u64 {
        let product = (self.state ^ (self.state >> 29)).wrapping_mul(LAST);
        product ^ (product >> 32)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn hash(bytes: &[u8]) -> u64 {
        RandomState::new().hash_one(bytes)
    }

    /// Keys as time series have them: symbols, numbers as text, numbers.
    fn keys() -> impl Iterator<Item = Vec<u8>> {
        let numbers = (0..200_000_u64).map(|i| i.to_le_bytes().to_vec());
        let texts = (0..200_000_u64).map(|i| format!("SYM{i}").into_bytes());
        let zeros = (0..64).map(|len| vec![0; len]);
        let letters = (b'A'..=b'Z').flat_map(|a| {
            (b'A'..=b'Z').flat_map(move |b| (b'A'..=b'Z').map(move |c| vec![a, b, c]))
        });
        numbers.chain(texts).chain(zeros).chain(letters)
    }

    #[test]
    fn keys_differ_and_so_do_their_hashes() {
        let mut hashes = HashSet::new();
        let mut distinct = HashSet::new();
        for key in keys() {
            if distinct.insert(key.clone()) {
                assert!(hashes.insert(hash(&key)), "{key:?}");
            }
        }
    }

    /// Tables take the low bits for the place and the seven highest for the tag.
    #[test]
    fn low_and_high_bits_are_even() {
        let mut low = vec![0_u32; 4096];
        let mut high = vec![0_u32; 128];
        let mut count = 0;
        for key in keys() {
            let hash = hash(&key);
            low[(hash & 4095) as usize] += 1;
            high[(hash >> 57) as usize] += 1;
            count += 1;
        }
        // Six standard deviations of an even spread.
        for (bins, name) in [(low, "low"), (high, "high")] {
            let mean = f64::from(count) / bins.len() as f64;
            let spread = 6.0 * mean.sqrt();
            for bin in bins {
                assert!((f64::from(bin) - mean).abs() < spread, "{name}: {bin} around {mean}");
            }
        }
    }

    #[test]
    fn every_byte_counts() {
        for len in 1..40 {
            let key: Vec<u8> = (0..len as u8).collect();
            for at in 0..len {
                let mut other = key.clone();
                other[at] ^= 0x80;
                assert_ne!(hash(&key), hash(&other), "byte {at} of {len}");
            }
        }
    }
}
