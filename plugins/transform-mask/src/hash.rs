//! Keyed hashes of the values of a column, each distinct value hashed once.

use arrow_array::{Array, ArrayRef, StringArray};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use tidelake_interner::{Interner, NULL};
use tidelake_sdk::{Error, Result};

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Values that are remembered, and bytes of them. Columns that identify people or
/// accounts repeat a lot within a unit, and looking one up costs a hundredth of hashing
/// it.
const MEMORY: usize = 16 * 1024;
const MEMORY_BYTES: usize = 4 << 20;

/// Rows between two looks at the memory.
const CHUNK: usize = 2 * 1024;

/// HMAC-SHA-256 in hex.
#[derive(Clone)]
pub(crate) struct Hasher {
    key: Hmac<Sha256>,
    length: usize,
    known: Interner,
    /// `length` digits for each value that is known.
    digits: Vec<u8>,
    codes: Vec<u32>,
}

impl Hasher {
    /// Hashes of `length` digits, from 16 to 64.
    pub(crate) fn new(salt: &str, length: usize) -> Result<Self> {
        if !(16..=64).contains(&length) {
            return Err(Error::option("length", "must be from 16 to 64"));
        }
        let key =
            Hmac::new_from_slice(salt.as_bytes()).map_err(|error| Error::option("salt", error))?;
        let (known, digits, codes) = (Interner::default(), Vec::new(), Vec::new());
        Ok(Self { key, length, known, digits, codes })
    }

    /// The hashes of a column of texts or bytes; nulls stay null.
    pub(crate) fn column(&mut self, array: &ArrayRef) -> Result<StringArray> {
        // A copy of a length that the compiler knows is no call, which would cost more
        // than the copy does.
        match self.length {
            16 => self.column_of::<16>(array),
            32 => self.column_of::<32>(array),
            64 => self.column_of::<64>(array),
            // Digits one by one.
            _ => self.column_of::<1>(array),
        }
    }

    /// Hashes of digits in pieces of so many.
    fn column_of<const PIECE: usize>(&mut self, array: &ArrayRef) -> Result<StringArray> {
        let (rows, pieces) = (array.len(), self.length / PIECE);
        let valid = rows - array.logical_null_count();
        if i32::try_from(valid.saturating_mul(self.length)).is_err() {
            return Err(Error::exhausted("a batch has more than 2 GiB of hashes"));
        }
        let mut out: Vec<[u8; PIECE]> = Vec::with_capacity(valid * pieces);
        for start in (0..rows).step_by(CHUNK) {
            self.look_up(&array.slice(start, CHUNK.min(rows - start)))?;
            if valid < rows {
                self.codes.retain(|code| *code != NULL);
            }
            let (known, _) = self.digits.as_chunks::<PIECE>();
            if pieces == 1 {
                out.extend(self.codes.iter().map(|code| known[*code as usize]));
            } else {
                for code in &self.codes {
                    let from = *code as usize * pieces;
                    out.extend_from_slice(&known[from..from + pieces]);
                }
            }
        }
        let nulls = array.logical_nulls().filter(|_| valid < rows);
        let length =
            |row| if nulls.as_ref().is_some_and(|n| n.is_null(row)) { 0 } else { self.length };
        let ends = OffsetBuffer::from_lengths((0..rows).map(length));
        Ok(text(ends, out.into_flattened(), nulls))
    }

    /// Codes of the rows, and digits of all codes.
    fn look_up(&mut self, chunk: &ArrayRef) -> Result<()> {
        if self.known.len() >= MEMORY || self.known.text_bytes() >= MEMORY_BYTES {
            self.known.clear();
            self.digits.clear();
        }
        self.codes.clear();
        let before = self.known.len();
        self.known.codes(chunk, &mut self.codes)?;
        for code in before..self.known.len() {
            let mut mac = self.key.clone();
            mac.update(self.known.text(code as u32));
            let hash: [u8; 32] = mac.finalize().into_bytes().into();
            let hex = hash
                .iter()
                .flat_map(|byte| [byte >> 4, byte & 15].map(|digit| DIGITS[usize::from(digit)]));
            self.digits.extend(hex.take(self.length));
        }
        Ok(())
    }
}

/// Digits as text.
#[allow(unsafe_code)]
fn text(ends: OffsetBuffer<i32>, digits: Vec<u8>, nulls: Option<NullBuffer>) -> StringArray {
    // SAFETY: the bytes are hexadecimal digits, so each of them is a character, and the
    // offsets ascend from 0 to their number, one more of them than there are rows.
    unsafe { StringArray::new_unchecked(ends, Buffer::from(digits), nulls) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::BinaryArray;

    use super::*;

    fn hash(hasher: &mut Hasher, values: &[Option<&[u8]>]) -> StringArray {
        let array: ArrayRef = Arc::new(BinaryArray::from(values.to_vec()));
        let hashes = hasher.column(&array).unwrap();
        // What was taken on trust.
        hashes.to_data().validate_full().unwrap();
        hashes
    }

    #[test]
    fn agrees_with_the_published_test_vector() {
        // RFC 4231, test case 2.
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let value = Some(&b"what do ya want for nothing?"[..]);
        for length in 16..=64 {
            let mut hasher = Hasher::new("Jefe", length).unwrap();
            let hashes = hash(&mut hasher, &[value, None, Some(b""), value]);
            let expected = &expected[..length];
            assert_eq!((hashes.value(0), hashes.value(3)), (expected, expected));
            assert!(hashes.is_null(1) && hashes.value(2).len() == length);
        }
    }

    #[test]
    fn what_is_forgotten_is_hashed_again() {
        let mut hasher = Hasher::new("salt", 16).unwrap();
        let values: Vec<Vec<u8>> = (0..3 * MEMORY).map(|i| i.to_le_bytes().to_vec()).collect();
        let values: Vec<Option<&[u8]>> = values.iter().map(|value| Some(&value[..])).collect();
        let all = hash(&mut hasher, &values);
        assert!(hasher.known.len() <= MEMORY + CHUNK);
        let last = hash(&mut Hasher::new("salt", 16).unwrap(), &values[3 * MEMORY - 5..]);
        assert_eq!(all.slice(3 * MEMORY - 5, 5), last);
        let long = vec![7; MEMORY_BYTES];
        hash(&mut hasher, &[Some(&long), Some(b"x")]);
        hash(&mut hasher, &[Some(b"x")]);
        assert!(hasher.known.text_bytes() < 100);
    }
}
