//! Bloom filters of row groups ("Bloom Filter Index").
//!
//! A filter has ten bits for each distinct value and sets seven of them: one answer in a
//! hundred is wrong. It is as long as its own row group asks for, since readers look at
//! each by itself.
//!
//! Text is hashed by the first half of Murmur3 of 128 bits, as it is read eight bytes at a
//! time; numbers by Thomas Wang's mix of 64 bits.

use crate::proto;

const BITS_A_VALUE: usize = 10;
const HASHES: u32 = 7;

/// Where the specification has Murmur3 begin.
const SEED: u64 = 104_729;

/// The filter of values with these hashes.
pub(crate) fn filter(hashes: &mut Vec<u64>) -> proto::BloomFilter {
    hashes.sort_unstable();
    hashes.dedup();
    let words = (hashes.len() * BITS_A_VALUE).div_ceil(64).max(1);
    let mut bits = vec![0_u64; words];
    for hash in hashes.iter() {
        let (first, second) = (*hash as i32, (*hash >> 32) as i32);
        for i in 1..=HASHES as i32 {
            let place = first.wrapping_add(i.wrapping_mul(second));
            let place = if place < 0 { !place } else { place } as usize % (words * 64);
            bits[place / 64] |= 1 << (place % 64);
        }
    }
    proto::BloomFilter {
        num_hash_functions: Some(HASHES),
        utf8bitset: Some(bits.iter().flat_map(|word| word.to_le_bytes()).collect()),
    }
}

/// The hash of a number.
pub(crate) fn of_number(value: i64) -> u64 {
    let mut key = (!value).wrapping_add(value << 21);
    key ^= key >> 24;
    key = key.wrapping_add(key << 3).wrapping_add(key << 8);
    key ^= key >> 14;
    key = key.wrapping_add(key << 2).wrapping_add(key << 4);
    key ^= key >> 28;
    key.wrapping_add(key << 31) as u64
}

/// The hash of a text.
pub(crate) fn of_text(text: &[u8]) -> u64 {
    let word =
        |bytes: &[u8]| bytes.iter().rev().fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
    let mixed = |word: u64| {
        word.wrapping_mul(0x87c3_7b91_1142_53d5).rotate_left(31).wrapping_mul(0x4cf5_ad43_2745_937f)
    };
    let whole = text.chunks_exact(8);
    let rest = whole.remainder();
    let mut hash = whole.fold(SEED, |hash, bytes| {
        (hash ^ mixed(word(bytes))).rotate_left(27).wrapping_mul(5).wrapping_add(0x52dc_e729)
    });
    if !rest.is_empty() {
        hash ^= mixed(word(rest));
    }
    hash ^= text.len() as u64;
    hash = (hash ^ hash >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ hash >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ hash >> 33
}
