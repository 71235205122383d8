//! Keyed hashes of the values of a column, each distinct value hashed once.

use arrow_array::{Array, ArrayRef, StringArray};
use arrow_buffer::{Buffer, OffsetBuffer, ScalarBuffer};
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
const CHUNK: usize = 8 * 1024;

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
        let rows = array.len();
        let valid = rows - array.logical_null_count();
        let too_large = || Error::exhausted("a batch has more than 2 GiB of hashes");
        let bytes = valid
            .checked_mul(self.length)
            .filter(|bytes| i32::try_from(*bytes).is_ok())
            .ok_or_else(too_large)?;
        let mut out = vec![0; bytes];
        let mut ends = Vec::with_capacity(rows + 1);
        ends.push(0);
        let mut left = &mut out[..];
        for start in (0..rows).step_by(CHUNK) {
            let chunk = array.slice(start, CHUNK.min(rows - start));
            self.look_up(&chunk)?;
            let mut end = ends.last().copied().unwrap_or(0);
            ends.extend(self.codes.iter().map(|code| {
                end += if *code == NULL { 0 } else { self.length as i32 };
                end
            }));
            self.codes.retain(|code| *code != NULL);
            let (here, after) = left.split_at_mut(self.codes.len() * self.length);
            spell(&self.codes, &self.digits, self.length, here);
            left = after;
        }
        Ok(text(OffsetBuffer::new(ScalarBuffer::from(ends)), out, array))
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

/// Writes the digits of every code.
fn spell(codes: &[u32], digits: &[u8], length: usize, out: &mut [u8]) {
    // A copy of a length that the compiler knows is no call, which would cost more than
    // the copy does.
    match length {
        16 => spell_chunks::<16>(codes, digits, out),
        32 => spell_chunks::<32>(codes, digits, out),
        64 => spell_chunks::<64>(codes, digits, out),
        _ => {
            for (code, out) in codes.iter().zip(out.chunks_exact_mut(length)) {
                let from = *code as usize * length;
                out.copy_from_slice(&digits[from..from + length]);
            }
        }
    }
}

fn spell_chunks<const LENGTH: usize>(codes: &[u32], digits: &[u8], out: &mut [u8]) {
    let (digits, _) = digits.as_chunks::<LENGTH>();
    let (out, _) = out.as_chunks_mut::<LENGTH>();
    for (code, out) in codes.iter().zip(out) {
        *out = digits[*code as usize];
    }
}

/// Digits as text, null where `like` is.
#[allow(unsafe_code)]
fn text(offsets: OffsetBuffer<i32>, digits: Vec<u8>, like: &ArrayRef) -> StringArray {
    // SAFETY: the bytes are hexadecimal digits, so each of them is a character, and the
    // offsets ascend from 0 to their number, one more of them than there are rows.
    unsafe { StringArray::new_unchecked(offsets, Buffer::from(digits), like.logical_nulls()) }
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
