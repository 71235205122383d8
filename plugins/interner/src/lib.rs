//! Distinct texts of columns, numbered in the order of first sight.
//!
//! Columns of a time series repeat a few texts: symbols, venues, names of sensors. What
//! works on numbers instead of them does each thing once for each text, and compares
//! and looks up numbers for each row:
//!
//! | `symbol` | code | | code | text |
//! |---|---|---|---|---|
//! | `EURUSD` | 0 | | 0 | `EURUSD` |
//! | `EURUSD` | 0 | | 1 | `IBM` |
//! | null | [`NULL`] | | | |
//! | `IBM` | 1 | | | |
//!
//! Parquet's dictionaries, masks and groups are all made of this.
//!
//! Most of such texts are shorter than eight bytes, so these are one word ([`short`]):
//! looked up without a call, without a loop over bytes and without a second look at the
//! text itself, all of which cost a guest several times what they cost native code.
//! Neighbours are often equal, and then not even looked up. Longer texts take the way of
//! any hash table.
//!
//! [`bounds`] are what files say of the texts of a part of them.

mod block;
pub mod bounds;
mod short;

use ahash::RandomState;
use arrow_array::array::AnyDictionaryArray;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_buffer::NullBuffer;
use arrow_schema::DataType;
use arrow_select::take::take;
use hashbrown::HashTable;
use tidelake_sdk::{Error, Result};

use block::{ROWS, Texts};
use short::{NONE, Table, Words};

/// The code of rows without a value.
pub const NULL: u32 = u32::MAX;

/// Distinct texts and their codes.
#[derive(Debug, Clone, Default)]
pub struct Interner {
    one: Table<1>,
    two: Table<2>,
    /// Codes of longer texts.
    long: HashTable<u32>,
    /// All texts, one after the other.
    bytes: Vec<u8>,
    /// Where each ends in `bytes`.
    ends: Vec<usize>,
}

/// Whether a column of this type is made of texts, as [`Interner::codes`] takes it.
pub fn is_text(data_type: &DataType) -> bool {
    use DataType::{Binary, BinaryView, LargeBinary, LargeUtf8, Utf8, Utf8View};
    match data_type {
        DataType::Dictionary(_, values) => !values.is_nested() && is_text(values),
        other => {
            matches!(other, Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary | BinaryView)
        }
    }
}

impl Interner {
    /// Number of distinct texts.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of all distinct texts together.
    pub fn text_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes that it keeps, besides itself.
    pub fn memory(&self) -> usize {
        self.one.memory()
            + self.two.memory()
            + self.long.allocation_size()
            + self.bytes.capacity()
            + self.ends.capacity() * size_of::<usize>()
    }

    /// The text of a code that this gave.
    pub fn text(&self, code: u32) -> &[u8] {
        text(&self.bytes, &self.ends, code)
    }

    /// Forgets all texts; codes begin at 0 again.
    pub fn clear(&mut self) {
        self.one.clear();
        self.two.clear();
        self.long.clear();
        self.bytes.clear();
        self.ends.clear();
    }

    /// Appends the codes of a column's rows, [`NULL`] where there is no value.
    ///
    /// Columns of text and bytes, whatever their offsets, views, and dictionaries of
    /// them (see [`is_text`]); of anything else it is an error.
    pub fn codes(&mut self, array: &ArrayRef, codes: &mut Vec<u32>) -> Result<()> {
        if self.len() + array.len() >= NULL as usize {
            return Err(Error::exhausted("more than four billion distinct texts"));
        }
        let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
        match array.data_type() {
            DataType::Utf8 => self.texts(&array.as_string::<i32>(), nulls, codes),
            DataType::LargeUtf8 => self.texts(&array.as_string::<i64>(), nulls, codes),
            DataType::Binary => self.texts(&array.as_binary::<i32>(), nulls, codes),
            DataType::LargeBinary => self.texts(&array.as_binary::<i64>(), nulls, codes),
            DataType::Utf8View => self.texts(&array.as_string_view(), nulls, codes),
            DataType::BinaryView => self.texts(&array.as_binary_view(), nulls, codes),
            DataType::Dictionary(_, values) if is_text(values) => {
                self.dictionary(array.as_any_dictionary(), codes)?;
            }
            other => return Err(not_text(other)),
        }
        Ok(())
    }

    /// The code of one text.
    #[inline]
    pub fn code(&mut self, text: &[u8]) -> u32 {
        let known = match short::words(text) {
            Some(Words::One(words)) => self.one.find(words),
            Some(Words::Two(words)) => self.two.find(words),
            None => return self.long(text),
        };
        known.unwrap_or_else(|| self.add_short(text))
    }

    fn texts(&mut self, texts: &impl Texts, nulls: Option<&NullBuffer>, codes: &mut Vec<u32>) {
        let (rows, before) = (texts.rows(), codes.len());
        codes.resize(before + rows, NULL);
        let mut words = [NONE; ROWS];
        for (i, out) in codes[before..].chunks_mut(ROWS).enumerate() {
            let start = i * ROWS;
            let block = &mut words[..out.len()];
            let longer = texts.words(start, block);
            // What lies under nulls is not looked at any further: it must not show.
            if let Some(nulls) = nulls {
                for (word, valid) in block.iter_mut().zip(&nulls.slice(start, out.len())) {
                    *word = if valid { *word } else { NONE };
                }
            }
            if longer <= out.len() / 4 {
                self.block(texts, start, block, out);
            } else {
                self.rows(texts, start, block, out);
            }
        }
    }

    /// Codes of rows with texts of which many have more than one word.
    fn rows(&mut self, texts: &impl Texts, start: usize, block: &[u64], codes: &mut [u32]) {
        let (mut last, mut last_words): ((&[u8], u32), _) = ((&[], NULL), None);
        for (row, (word, code)) in block.iter().zip(codes).enumerate() {
            if *word == NONE {
                continue;
            }
            let text = texts.text(start + row);
            // To compare is cheaper than to look up, and words are cheaper than bytes.
            let words = short::words(text);
            let same = match words {
                Some(_) => words == last_words,
                None => last_words.is_none() && last.0 == text,
            };
            *code = if same && last.1 != NULL { last.1 } else { self.code(text) };
            (last, last_words) = ((text, *code), words);
        }
    }

    /// Codes of rows with texts of which most have one word.
    fn block(&mut self, texts: &impl Texts, start: usize, block: &[u64], codes: &mut [u32]) {
        let mut done = 0;
        while done < block.len() {
            done += self.one.find_all(&block[done..], &mut codes[done..]);
            if done < block.len() {
                // New, or longer.
                codes[done] = self.code(texts.text(start + done));
                done += 1;
            }
        }
    }

    /// Each value of the dictionary that a row has is looked at once, in the order of
    /// those rows, so that codes do not depend on how the dictionary lies.
    fn dictionary(
        &mut self,
        dictionary: &dyn AnyDictionaryArray,
        codes: &mut Vec<u32>,
    ) -> Result<()> {
        const UNSEEN: u32 = NULL - 1;
        let values = dictionary.values();
        if values.is_empty() {
            codes.resize(codes.len() + dictionary.len(), NULL);
            return Ok(());
        }
        let mut known = vec![UNSEEN; values.len()];
        if let Some(nulls) = values.nulls() {
            known.iter_mut().zip(nulls).for_each(|(code, valid)| {
                if !valid {
                    *code = NULL;
                }
            });
        }
        let nulls = dictionary.keys().nulls();
        let mut one = Vec::with_capacity(1);
        for (row, key) in dictionary.normalized_keys().into_iter().enumerate() {
            if nulls.is_some_and(|nulls| nulls.is_null(row)) {
                codes.push(NULL);
                continue;
            }
            if known[key] == UNSEEN {
                one.clear();
                self.codes(&values.slice(key, 1), &mut one)?;
                known[key] = one[0];
            }
            codes.push(known[key]);
        }
        Ok(())
    }

    #[cold]
    fn add_short(&mut self, text: &[u8]) -> u32 {
        let code = self.add(text);
        match short::words(text) {
            Some(Words::One(words)) => self.one.insert(words, code),
            Some(Words::Two(words)) => self.two.insert(words, code),
            // Whoever calls has looked.
            None => {}
        }
        code
    }

    fn long(&mut self, wanted: &[u8]) -> u32 {
        let hash = hash(wanted);
        let (bytes, ends) = (&self.bytes, &self.ends);
        if let Some(code) = self.long.find(hash, |code| text(bytes, ends, *code) == wanted) {
            return *code;
        }
        let code = self.add(wanted);
        let (bytes, ends) = (&self.bytes, &self.ends);
        self.long.insert_unique(hash, code, |code| self::hash(text(bytes, ends, *code)));
        code
    }

    #[cold]
    fn add(&mut self, text: &[u8]) -> u32 {
        let code = self.ends.len() as u32;
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len());
        code
    }
}

fn text<'a>(bytes: &'a [u8], ends: &[usize], code: u32) -> &'a [u8] {
    let code = code as usize;
    let start = if code == 0 { 0 } else { ends[code - 1] };
    &bytes[start..ends[code]]
}

/// Hands over the text of every row, as it is in the column; see [`is_text`].
pub fn for_each_text(array: &ArrayRef, each: &mut dyn FnMut(Option<&[u8]>)) -> Result<()> {
    fn all(texts: &impl Texts, array: &ArrayRef, each: &mut dyn FnMut(Option<&[u8]>)) {
        let nulls = array.nulls();
        for row in 0..array.len() {
            let valid = nulls.is_none_or(|nulls| nulls.is_valid(row));
            each(valid.then(|| texts.text(row)));
        }
    }
    match array.data_type() {
        DataType::Utf8 => all(&array.as_string::<i32>(), array, each),
        DataType::LargeUtf8 => all(&array.as_string::<i64>(), array, each),
        DataType::Binary => all(&array.as_binary::<i32>(), array, each),
        DataType::LargeBinary => all(&array.as_binary::<i64>(), array, each),
        DataType::Utf8View => all(&array.as_string_view(), array, each),
        DataType::BinaryView => all(&array.as_binary_view(), array, each),
        DataType::Dictionary(_, values) if is_text(values) => {
            for_each_text(
                &take(array.as_any_dictionary().values(), array.as_any_dictionary().keys(), None)?,
                each,
            )?;
        }
        other => return Err(not_text(other)),
    }
    Ok(())
}

fn not_text(data_type: &DataType) -> Error {
    Error::internal(format!("{data_type} is not a type of texts"))
}

/// Fixed seeds: the order of hashes never shows, and a plugin has no randomness to
/// draw seeds from.
fn hash(text: &[u8]) -> u64 {
    RandomState::with_seeds(1, 2, 3, 4).hash_one(text)
}

#[cfg(test)]
mod tests;
