//! Text, by a dictionary where values repeat ("String, Char, and VarChar Columns").
//!
//! Which way a stripe goes is known when it ends, since one encoding holds for all of it.
//! Until then values are the codes of [`tidelake_interner`]:
//!
//! ```text
//! rows ── codes ── end of the stripe ──┬── few distinct: places in the sorted dictionary
//!            │                         └── many: the texts themselves
//!            └── a row group: lengths, least and greatest, each text looked at once
//! ```
//!
//! A dictionary that grows large without being of use ends at once, and the rest of the
//! stripe is written directly.

use arrow_array::ArrayRef;
use tidelake_interner::{Interner, NULL};
use tidelake_sdk::Result;

use super::binary::Direct;
use super::integer::start;
use super::{Encoded, Encoder};
use crate::bloom;
use crate::compress::Compression;
use crate::proto;
use crate::rle::int;
use crate::statistics::{Statistics, TextRange, Values};
use crate::stream::{Positions, Stream};

/// Bytes from which on a dictionary has to be of use.
const LARGE: usize = 4 << 20;

/// Columns of text.
#[derive(Debug)]
pub(crate) struct Texts {
    compression: Compression,
    /// Whether a dictionary is tried at all.
    dictionary: bool,
    /// Whether this stripe is written by codes so far.
    by_codes: bool,
    interner: Interner,
    /// Of all values of the stripe.
    codes: Vec<u32>,
    /// Where in `codes` each row group ends that has ended.
    ends: Vec<usize>,
    /// For each code the last row group that has it, numbered from one.
    seen: Vec<u32>,
    direct: Direct,
}

impl Texts {
    pub(crate) fn new(dictionary: bool, compression: Compression) -> Self {
        Self {
            compression,
            dictionary,
            by_codes: dictionary,
            interner: Interner::default(),
            codes: Vec::new(),
            ends: Vec::new(),
            seen: Vec::new(),
            direct: Direct::new(compression),
        }
    }

    /// Whether at most every other value is a new one.
    fn of_use(&self) -> bool {
        !self.codes.is_empty() && self.interner.len() <= self.codes.len() / 2
    }

    /// Writes all row groups that ended as they are.
    fn go_direct(&mut self) -> Result<()> {
        let mut from = 0;
        for to in self.ends.drain(..) {
            for code in &self.codes[from..to] {
                self.direct.push(self.interner.text(*code));
            }
            self.direct.end_group()?;
            from = to;
        }
        self.forget();
        Ok(())
    }

    /// Gives memory back, too: the columns after this one end their stripe as well.
    fn forget(&mut self) {
        self.by_codes = false;
        self.interner.clear();
        self.codes = Vec::new();
        self.ends = Vec::new();
        self.seen = Vec::new();
    }

    /// The least and the greatest text of the row group, and the sum of lengths.
    fn of_group(&mut self) -> (TextRange, i64) {
        let group = self.ends.len() as u32 + 1;
        let from = self.ends.last().copied().unwrap_or(0);
        self.seen.resize(self.interner.len(), 0);
        let (mut range, mut sum) = (TextRange::default(), 0);
        for code in &self.codes[from..] {
            let text = self.interner.text(*code);
            sum += text.len() as i64;
            let seen = &mut self.seen[*code as usize];
            if *seen != group {
                *seen = group;
                range.add(text);
            }
        }
        (range, sum)
    }

    /// Dictionary, in the order of its texts, and a place in it for each value.
    fn end_dictionary(&mut self) -> Result<Encoded> {
        let distinct = self.interner.len();
        let mut sorted: Vec<u32> = (0..distinct as u32).collect();
        sorted.sort_unstable_by_key(|code| self.interner.text(*code));
        let mut places = vec![0_i64; distinct];
        let mut texts = Stream::new(self.compression);
        let mut lengths = Vec::with_capacity(distinct);
        for (place, code) in sorted.iter().enumerate() {
            let text = self.interner.text(*code);
            places[*code as usize] = place as i64;
            lengths.push(text.len() as i64);
            texts.open.extend_from_slice(text);
            texts.spill()?;
        }
        let mut length = Stream::new(self.compression);
        int::encode_unsigned(&lengths, &mut length.open);
        let mut data = Stream::new(self.compression);
        let (mut starts, mut group): (Vec<Positions>, Vec<i64>) = Default::default();
        let mut from = 0;
        for to in &self.ends {
            starts.push(start(&data));
            group.clear();
            group.extend(self.codes[from..*to].iter().map(|code| places[*code as usize]));
            int::encode_unsigned(&group, &mut data.open);
            data.spill()?;
            from = *to;
        }
        self.forget();
        Ok(Encoded {
            encoding: proto::encoding::DICTIONARY_V2,
            dictionary_size: Some(distinct as u32),
            streams: vec![
                (proto::stream::DATA, data.take()?),
                (proto::stream::LENGTH, length.take()?),
                (proto::stream::DICTIONARY_DATA, texts.take()?),
            ],
            starts,
        })
    }
}

impl Encoder for Texts {
    fn no_statistics(&self) -> Statistics {
        Statistics::new(Values::Text(TextRange::default(), 0))
    }

    fn write(&mut self, array: &ArrayRef) -> Result<()> {
        if !self.by_codes {
            return self.direct.append(array);
        }
        let before = self.codes.len();
        self.interner.codes(array, &mut self.codes)?;
        if array.logical_null_count() > 0 {
            let mut kept = before;
            for at in before..self.codes.len() {
                self.codes[kept] = self.codes[at];
                kept += usize::from(self.codes[at] != NULL);
            }
            self.codes.truncate(kept);
        }
        Ok(())
    }

    fn hashes(&self, hashes: &mut Vec<u64>) -> bool {
        if !self.by_codes {
            hashes.extend(self.direct.group().map(bloom::of_text));
            return true;
        }
        let from = self.ends.last().copied().unwrap_or(0);
        let mut codes = self.codes[from..].to_vec();
        codes.sort_unstable();
        codes.dedup();
        hashes.extend(codes.into_iter().map(|code| bloom::of_text(self.interner.text(code))));
        true
    }

    fn end_group(&mut self, statistics: &mut Statistics) -> Result<()> {
        if !self.by_codes {
            let mut range = TextRange::default();
            self.direct.group().for_each(|text| range.add(text));
            statistics.values = Values::Text(range, self.direct.end_group()?);
            return Ok(());
        }
        let (range, sum) = self.of_group();
        statistics.values = Values::Text(range, sum);
        self.ends.push(self.codes.len());
        if self.interner.memory() > LARGE && !self.of_use() {
            self.go_direct()?;
        }
        Ok(())
    }

    fn bytes(&self) -> usize {
        let codes = (self.codes.len() + self.seen.len()) * size_of::<u32>();
        let texts = if self.by_codes { self.interner.text_bytes() } else { 0 };
        self.direct.bytes() + codes + texts
    }

    fn end_stripe(&mut self) -> Result<Encoded> {
        let encoded = if self.by_codes && self.of_use() {
            self.end_dictionary()
        } else {
            if self.by_codes {
                self.go_direct()?;
            }
            self.direct.end_stripe()
        };
        self.by_codes = self.dictionary;
        encoded
    }
}
