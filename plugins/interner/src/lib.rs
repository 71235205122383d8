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
//! Most of such texts are shorter than sixteen bytes, so these are two words: looked up
//! without a call, without a loop over bytes and without a second look at the text
//! itself, which costs a guest several times what it costs native code. Neighbours are
//! often equal, and then not even looked up. Longer texts take the way of any hash
//! table.

mod short;

use ahash::RandomState;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    BinaryViewType, ByteArrayType, ByteViewType, GenericBinaryType, GenericStringType,
    StringViewType,
};
use arrow_array::{Array, ArrayRef, GenericByteArray, GenericByteViewArray};
use arrow_buffer::ArrowNativeType;
use arrow_schema::DataType;
use hashbrown::HashTable;
use tidelake_sdk::{Error, Result};

use short::{Short, Table};

/// The code of rows without a value.
pub const NULL: u32 = u32::MAX;

/// Distinct texts and their codes.
#[derive(Debug, Clone, Default)]
pub struct Interner {
    short: Table,
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
        self.short.memory()
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
        self.short.clear();
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
        match array.data_type() {
            DataType::Utf8 => self.bytes_of::<GenericStringType<i32>>(array.as_bytes(), codes),
            DataType::LargeUtf8 => self.bytes_of::<GenericStringType<i64>>(array.as_bytes(), codes),
            DataType::Binary => self.bytes_of::<GenericBinaryType<i32>>(array.as_bytes(), codes),
            DataType::LargeBinary => {
                self.bytes_of::<GenericBinaryType<i64>>(array.as_bytes(), codes);
            }
            DataType::Utf8View => self.views_of::<StringViewType>(array.as_byte_view(), codes),
            DataType::BinaryView => self.views_of::<BinaryViewType>(array.as_byte_view(), codes),
            DataType::Dictionary(_, values) if is_text(values) => {
                let dictionary = array.as_any_dictionary();
                self.dictionary(dictionary, codes)?;
            }
            other => return Err(Error::internal(format!("{other} is not a type of texts"))),
        }
        Ok(())
    }

    /// The code of one text.
    pub fn code(&mut self, text: &[u8]) -> u32 {
        match Short::of(text, 0, text.len()) {
            Some(short) => self.short(short, text),
            None => self.long(text),
        }
    }

    fn bytes_of<T: ByteArrayType>(&mut self, array: &GenericByteArray<T>, codes: &mut Vec<u32>) {
        let (offsets, data) = (array.value_offsets(), array.value_data());
        let mut last = Last::default();
        let mut row = |start: T::Offset, end: T::Offset| {
            let (start, end) = (start.as_usize(), end.as_usize());
            match Short::of(data, start, end - start) {
                Some(short) => last.code(short, || self.short(short, &data[start..end])),
                None => self.long(&data[start..end]),
            }
        };
        match array.nulls().filter(|nulls| nulls.null_count() > 0) {
            None => codes.extend(offsets.windows(2).map(|ends| row(ends[0], ends[1]))),
            // What lies under nulls is not looked at: it must not show.
            Some(nulls) => codes.extend(
                offsets
                    .windows(2)
                    .zip(nulls)
                    .map(|(ends, valid)| if valid { row(ends[0], ends[1]) } else { NULL }),
            ),
        }
    }

    fn views_of<T: ByteViewType>(&mut self, array: &GenericByteViewArray<T>, codes: &mut Vec<u32>) {
        let mut last = Last::default();
        codes.extend(array.iter().map(|value| {
            let Some(value) = value else { return NULL };
            let text: &[u8] = value.as_ref();
            match Short::of(text, 0, text.len()) {
                Some(short) => last.code(short, || self.short(short, text)),
                None => self.long(text),
            }
        }));
    }

    /// Each value of the dictionary that a row has is looked at once, in the order of
    /// those rows, so that codes do not depend on how the dictionary lies.
    fn dictionary(
        &mut self,
        dictionary: &dyn arrow_array::array::AnyDictionaryArray,
        codes: &mut Vec<u32>,
    ) -> Result<()> {
        const UNSEEN: u32 = NULL - 1;
        let values = dictionary.values();
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

    #[inline]
    fn short(&mut self, short: Short, text: &[u8]) -> u32 {
        match self.short.find(short) {
            Some(code) => code,
            None => {
                let code = self.add(text);
                self.short.insert(short, code);
                code
            }
        }
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

/// The text of the row before.
#[derive(Default)]
struct Last(Option<(Short, u32)>);

impl Last {
    #[inline(always)]
    fn code(&mut self, short: Short, look_up: impl FnOnce() -> u32) -> u32 {
        match self.0 {
            Some((last, code)) if last == short => code,
            _ => {
                let code = look_up();
                self.0 = Some((short, code));
                code
            }
        }
    }
}

fn text<'a>(bytes: &'a [u8], ends: &[usize], code: u32) -> &'a [u8] {
    let code = code as usize;
    let start = if code == 0 { 0 } else { ends[code - 1] };
    &bytes[start..ends[code]]
}

/// Fixed seeds: the order of hashes never shows, and a plugin has no randomness to
/// draw seeds from.
fn hash(text: &[u8]) -> u64 {
    RandomState::with_seeds(1, 2, 3, 4).hash_one(text)
}

#[cfg(test)]
mod tests;
