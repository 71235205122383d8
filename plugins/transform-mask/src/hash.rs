//! Keyed hashes of values, remembered.

use std::collections::HashMap;

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
    known: HashMap<Box<[u8]>, Box<str>>,
    scratch: String,
}

impl Hasher {
    pub(crate) fn new(salt: &str, length: usize) -> Result<Self> {
        let key =
            Hmac::new_from_slice(salt.as_bytes()).map_err(|error| Error::option("salt", error))?;
        Ok(Self { key, length, known: HashMap::new(), scratch: String::with_capacity(64) })
    }

    /// Digits of every hash.
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    /// The hash of one value.
    pub(crate) fn digest(&mut self, value: &[u8]) -> &str {
        if value.len() > LONGEST_REMEMBERED {
            self.compute(value);
            return &self.scratch;
        }
        if !self.known.contains_key(value) {
            self.compute(value);
            if self.known.len() >= MEMORY {
                self.known.clear();
            }
            self.known.insert(value.into(), self.scratch.as_str().into());
        }
        &self.known[value]
    }

    fn compute(&mut self, value: &[u8]) {
        let mut mac = self.key.clone();
        mac.update(value);
        self.scratch.clear();
        for byte in mac.finalize().into_bytes() {
            self.scratch.push(DIGITS[usize::from(byte >> 4)] as char);
            self.scratch.push(DIGITS[usize::from(byte & 15)] as char);
        }
        self.scratch.truncate(self.length);
    }
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
