//! Keyed hashes of values, remembered.

use ahash::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use tidelake_sdk::{Error, Result};

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Values that are remembered. Columns that identify people or accounts repeat a
/// lot within a unit, and looking one up costs a tenth of hashing it.
const MEMORY: usize = 16 * 1024;

/// Longer values are hashed each time.
const LONGEST_REMEMBERED: usize = 64;

/// HMAC-SHA-256 in hex.
#[derive(Clone)]
pub(crate) struct Hasher {
    key: Hmac<Sha256>,
    length: usize,
    known: HashTable<Known>,
    state: RandomState,
    scratch: String,
}

/// A value whose hash is remembered.
#[derive(Clone)]
struct Known {
    value: Box<[u8]>,
    digits: Box<str>,
}

impl Hasher {
    pub(crate) fn new(salt: &str, length: usize) -> Result<Self> {
        let key =
            Hmac::new_from_slice(salt.as_bytes()).map_err(|error| Error::option("salt", error))?;
        Ok(Self {
            key,
            length,
            known: HashTable::new(),
            // The order of this table never shows.
            state: RandomState::with_seeds(1, 2, 3, 4),
            scratch: String::with_capacity(64),
        })
    }

    /// Digits of every hash.
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    /// The hash of one value.
    pub(crate) fn digest(&mut self, value: &[u8]) -> &str {
        let Self { key, length, known, state, scratch } = self;
        if value.len() > LONGEST_REMEMBERED {
            compute(key, *length, value, scratch);
            return scratch;
        }
        if known.len() >= MEMORY {
            known.clear();
        }
        let hash = state.hash_one(value);
        let same = |other: &Known| *other.value == *value;
        match known.entry(hash, same, |other| state.hash_one(&*other.value)) {
            Entry::Occupied(found) => &found.into_mut().digits,
            Entry::Vacant(place) => {
                compute(key, *length, value, scratch);
                let new = Known { value: value.into(), digits: scratch.as_str().into() };
                &place.insert(new).into_mut().digits
            }
        }
    }
}

/// Writes the hash of one value over what is in `out`.
fn compute(key: &Hmac<Sha256>, length: usize, value: &[u8], out: &mut String) {
    let mut mac = key.clone();
    mac.update(value);
    out.clear();
    for byte in mac.finalize().into_bytes() {
        out.push(DIGITS[usize::from(byte >> 4)] as char);
        out.push(DIGITS[usize::from(byte & 15)] as char);
    }
    out.truncate(length);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_published_test_vector() {
        // RFC 4231, test case 2.
        let mut hasher = Hasher::new("Jefe", 64).unwrap();
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        for _ in 0..2 {
            assert_eq!(hasher.digest(b"what do ya want for nothing?"), expected);
        }
        assert_eq!(
            Hasher::new("Jefe", 16).unwrap().digest(b"what do ya want for nothing?"),
            &expected[..16]
        );
    }
}
