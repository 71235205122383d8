//! Columns of a stripe in progress.
//!
//! ```text
//! rows ── PRESENT (who is null) ──┐
//!   └─ values ── row group ── end of the group: statistics, runs ──> streams
//!                                 └─ where the group begins ──> row index
//! ```
//!
//! Values are gathered for a row group and encoded when it ends, so that an encoder sees
//! slices of thousands of values, not one after the other, and a row group begins with a
//! run of its own. A value under a null, of the column or of a list or struct around it, is
//! not in the file at all ("Column Encodings" of the specification).

mod binary;
mod boolean;
mod decimal;
mod float;
mod integer;
mod nested;
mod present;
mod text;
mod timestamp;

use arrow_array::cast::AsArray;
use arrow_array::types::ArrowPrimitiveType;
use arrow_array::{Array, ArrayRef, PrimitiveArray};
use arrow_schema::DataType;
use arrow_select::take::take;
use prost::Message;
use tidelake_interner::is_text;
use tidelake_sdk::Result;

pub(crate) use binary::Binary;
pub(crate) use boolean::Booleans;
pub(crate) use decimal::Decimals;
pub(crate) use float::Floats;
pub(crate) use integer::{Bytes, Integers};
pub(crate) use nested::{Lengths, entries};
pub(crate) use text::Texts;
pub(crate) use timestamp::Timestamps;

use crate::bloom;
use crate::compress::Compression;
use crate::proto;
use crate::statistics::Statistics;
use crate::stream::Positions;
use present::Present;

/// Text is hashed as UTF-8, times as UTC ("Bloom Filter Index").
const BLOOM_ENCODING: u32 = 1;

/// Bytes that a row group takes beside its statistics: its positions in all streams.
const A_GROUP: usize = 160;

/// Writes the values of one column, nulls left out.
pub(crate) trait Encoder: Send {
    /// Statistics of no rows.
    fn no_statistics(&self) -> Statistics;

    /// Takes the values of some rows; those that are null are not looked at.
    fn write(&mut self, array: &ArrayRef) -> Result<()>;

    /// Adds the hashes of the row group's values, for its bloom filter; false if values of
    /// this kind have none.
    fn hashes(&self, _hashes: &mut Vec<u64>) -> bool {
        false
    }

    /// Encodes what the row group took, and adds what is known of its values.
    fn end_group(&mut self, statistics: &mut Statistics) -> Result<()>;

    /// Bytes that it keeps.
    fn bytes(&self) -> usize;

    /// The streams, and none from here on.
    fn end_stripe(&mut self) -> Result<Encoded>;
}

/// The streams of a column in a stripe.
#[derive(Debug, Default)]
pub(crate) struct Encoded {
    pub(crate) encoding: u32,
    pub(crate) dictionary_size: Option<u32>,
    /// Kind and bytes.
    pub(crate) streams: Vec<(u32, Vec<u8>)>,
    /// Where each row group begins.
    pub(crate) starts: Vec<Positions>,
}

impl Encoded {
    /// Of a column without a dictionary, whose row groups began so.
    fn direct(encoding: u32, streams: Vec<(u32, Vec<u8>)>, starts: &mut Vec<Positions>) -> Self {
        Self { encoding, dictionary_size: None, streams, starts: std::mem::take(starts) }
    }
}

/// A stripe, as its columns hand it over, in the order of their numbers.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    pub(crate) index: Vec<(proto::Stream, Vec<u8>)>,
    pub(crate) data: Vec<(proto::Stream, Vec<u8>)>,
    pub(crate) encodings: Vec<proto::ColumnEncoding>,
    pub(crate) statistics: Vec<proto::ColumnStatistics>,
}

/// What a column has inside.
pub(crate) enum Inside {
    /// Values.
    Values(Box<dyn Encoder>),
    /// Columns with a value for each value of this one.
    Struct(Vec<Column>),
    /// Lists, or maps: columns with as many values as the lengths say.
    Lists(Lengths, Vec<Column>),
}

impl Inside {
    fn no_statistics(&self) -> Statistics {
        match self {
            Self::Values(encoder) => encoder.no_statistics(),
            Self::Struct(_) => Statistics::new(crate::statistics::Values::Counted),
            Self::Lists(lengths, _) => lengths.no_statistics(),
        }
    }
}

/// A column and those inside of it.
pub(crate) struct Column {
    id: u32,
    compression: Compression,
    present: Present,
    inside: Inside,
    group: Statistics,
    stripe: Statistics,
    file: Statistics,
    /// Statistics of the row groups that ended, encoded.
    groups: Vec<Vec<u8>>,
    /// Bytes that the row index and the bloom filters keep, about.
    index_bytes: usize,
    /// The bloom filters of the row groups that ended, if there are any at all.
    filters: Option<Vec<proto::BloomFilter>>,
}

impl Column {
    pub(crate) fn new(id: u32, compression: Compression, inside: Inside) -> Self {
        let none = inside.no_statistics();
        Self {
            id,
            compression,
            present: Present::new(compression),
            inside,
            group: none.clone(),
            stripe: none.clone(),
            file: none,
            groups: Vec::new(),
            index_bytes: 0,
            filters: None,
        }
    }

    /// Gives its row groups bloom filters, if there are any of such values.
    pub(crate) fn filter(&mut self) -> bool {
        let can = match &self.inside {
            Inside::Values(encoder) => encoder.hashes(&mut Vec::new()),
            _ => false,
        };
        self.filters = can.then(Vec::new);
        can
    }

    /// Adds rows to the row group.
    pub(crate) fn write(&mut self, array: &ArrayRef) -> Result<()> {
        let array = &plain(array)?;
        let nulls = array.logical_nulls().filter(|nulls| nulls.null_count() > 0);
        let null_count = nulls.as_ref().map_or(0, |nulls| nulls.null_count());
        self.group.count += (array.len() - null_count) as u64;
        self.group.nulls |= null_count > 0;
        self.present.write(array.len(), nulls.as_ref())?;
        match &mut self.inside {
            Inside::Values(encoder) => encoder.write(array),
            Inside::Struct(children) => {
                let array = nested::without_nulls(array, nulls.as_ref())?;
                let columns = array.as_struct().columns();
                children.iter_mut().zip(columns).try_for_each(|(child, array)| child.write(array))
            }
            Inside::Lists(lengths, children) => {
                let array = nested::without_nulls(array, nulls.as_ref())?;
                let columns = lengths.write(&array)?;
                children.iter_mut().zip(&columns).try_for_each(|(child, array)| child.write(array))
            }
        }
    }

    /// Ends the row group.
    pub(crate) fn end_group(&mut self) -> Result<()> {
        self.present.end_group()?;
        match &mut self.inside {
            Inside::Values(encoder) => {
                if let Some(filters) = &mut self.filters {
                    let mut hashes = Vec::new();
                    encoder.hashes(&mut hashes);
                    let filter = bloom::filter(&mut hashes);
                    self.index_bytes += filter.utf8bitset.as_ref().map_or(0, Vec::len);
                    filters.push(filter);
                }
                encoder.end_group(&mut self.group)?;
            }
            Inside::Struct(children) => children.iter_mut().try_for_each(Self::end_group)?,
            Inside::Lists(lengths, children) => {
                lengths.end_group(&mut self.group)?;
                children.iter_mut().try_for_each(Self::end_group)?;
            }
        }
        let group = std::mem::replace(&mut self.group, self.inside.no_statistics());
        let encoded = group.to_proto().encode_to_vec();
        self.index_bytes += encoded.capacity() + A_GROUP;
        self.groups.push(encoded);
        self.stripe.merge(&group);
        Ok(())
    }

    /// Bytes that it keeps.
    pub(crate) fn bytes(&self) -> usize {
        self.present.bytes()
            + self.index_bytes
            + match &self.inside {
                Inside::Values(encoder) => encoder.bytes(),
                Inside::Struct(children) => children.iter().map(Self::bytes).sum(),
                Inside::Lists(lengths, children) => {
                    lengths.bytes() + children.iter().map(Self::bytes).sum::<usize>()
                }
            }
    }

    /// Ends the stripe, whose last row group has ended.
    pub(crate) fn end_stripe(&mut self, parts: &mut Parts) -> Result<()> {
        let mut encoded = match &mut self.inside {
            Inside::Values(encoder) => encoder.end_stripe()?,
            Inside::Struct(_) => Encoded {
                starts: vec![Positions::new(); self.groups.len()],
                encoding: proto::encoding::DIRECT,
                ..Encoded::default()
            },
            Inside::Lists(lengths, _) => lengths.end_stripe()?,
        };
        let stream = |kind: u32, bytes: &[u8]| proto::Stream {
            kind: Some(kind),
            column: Some(self.id),
            length: Some(bytes.len() as u64),
        };
        if let Some((bytes, starts)) = self.present.end_stripe()? {
            parts.data.push((stream(proto::stream::PRESENT, &bytes), bytes));
            for (start, mut before) in encoded.starts.iter_mut().zip(starts) {
                before.append(start);
                *start = before;
            }
        }
        for (kind, bytes) in encoded.streams {
            parts.data.push((stream(kind, &bytes), bytes));
        }
        self.index_bytes = 0;
        let groups = self.groups.drain(..).zip(encoded.starts);
        let entry = groups
            .map(|(statistics, positions)| proto::RowIndexEntry {
                positions,
                statistics: Some(statistics),
            })
            .collect();
        let index = self.compression.whole(&proto::RowIndex { entry }.encode_to_vec())?;
        parts.index.push((stream(proto::stream::ROW_INDEX, &index), index));
        if let Some(filters) = &mut self.filters {
            let filters = proto::BloomFilterIndex { bloom_filter: std::mem::take(filters) };
            let filters = self.compression.whole(&filters.encode_to_vec())?;
            parts.index.push((stream(proto::stream::BLOOM_FILTER_UTF8, &filters), filters));
        }
        parts.encodings.push(proto::ColumnEncoding {
            kind: Some(encoded.encoding),
            dictionary_size: encoded.dictionary_size,
            bloom_encoding: self.filters.as_ref().map(|_| BLOOM_ENCODING),
        });
        let stripe = std::mem::replace(&mut self.stripe, self.inside.no_statistics());
        parts.statistics.push(stripe.to_proto());
        self.file.merge(&stripe);
        match &mut self.inside {
            Inside::Values(_) => Ok(()),
            Inside::Struct(children) | Inside::Lists(_, children) => {
                children.iter_mut().try_for_each(|child| child.end_stripe(parts))
            }
        }
    }

    /// Appends the statistics of the file, of this column and those inside.
    pub(crate) fn file_statistics(&self, out: &mut Vec<proto::ColumnStatistics>) {
        out.push(self.file.to_proto());
        if let Inside::Struct(children) | Inside::Lists(_, children) = &self.inside {
            children.iter().for_each(|child| child.file_statistics(out));
        }
    }
}

/// The values of a dictionary where they are, unless they are text, which stays codes.
fn plain(array: &ArrayRef) -> Result<ArrayRef> {
    match array.data_type() {
        DataType::Dictionary(_, values) if !is_text(values) => {
            let dictionary = array.as_any_dictionary();
            Ok(take(dictionary.values(), dictionary.keys(), None)?)
        }
        _ => Ok(array.clone()),
    }
}

/// Hands over the values that are not null, as many at once as lie together.
fn valid<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>, mut each: impl FnMut(&[T::Native])) {
    match array.nulls() {
        None => each(array.values()),
        Some(nulls) => {
            for (start, end) in nulls.valid_slices() {
                each(&array.values()[start..end]);
            }
        }
    }
}
