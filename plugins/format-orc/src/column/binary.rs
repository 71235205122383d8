//! Bytes, one value after the other, and their lengths.

use arrow_array::cast::AsArray;
use arrow_array::types::{ByteArrayType, ByteViewType};
use arrow_array::{Array, ArrayRef, GenericByteArray, GenericByteViewArray};
use arrow_buffer::ArrowNativeType;
use arrow_schema::DataType;
use arrow_select::take::take;
use tidelake_sdk::{Error, Result};

use super::integer::start;
use super::{Encoded, Encoder};
use crate::compress::Compression;
use crate::proto;
use crate::rle::int;
use crate::statistics::{Statistics, Values};
use crate::stream::{Positions, Stream};

/// DATA: bytes; LENGTH: lengths. Of binary columns, and of text without a dictionary.
#[derive(Debug)]
pub(super) struct Direct {
    /// Of the row group in progress.
    bytes: Vec<u8>,
    lengths: Vec<i64>,
    data: Stream,
    length: Stream,
    starts: Vec<Positions>,
}

impl Direct {
    pub(super) fn new(compression: Compression) -> Self {
        Self {
            bytes: Vec::new(),
            lengths: Vec::new(),
            data: Stream::new(compression),
            length: Stream::new(compression),
            starts: Vec::new(),
        }
    }

    /// Adds one value.
    #[inline]
    pub(super) fn push(&mut self, value: &[u8]) {
        self.bytes.extend_from_slice(value);
        self.lengths.push(value.len() as i64);
    }

    /// Adds the values that are not null.
    pub(super) fn append(&mut self, array: &ArrayRef) -> Result<()> {
        match array.data_type() {
            DataType::Utf8 => self.contiguous(array.as_string::<i32>()),
            DataType::LargeUtf8 => self.contiguous(array.as_string::<i64>()),
            DataType::Binary => self.contiguous(array.as_binary::<i32>()),
            DataType::LargeBinary => self.contiguous(array.as_binary::<i64>()),
            DataType::Utf8View => self.views(array.as_string_view()),
            DataType::BinaryView => self.views(array.as_binary_view()),
            DataType::FixedSizeBinary(_) => {
                let array = array.as_fixed_size_binary();
                array.iter().flatten().for_each(|value| self.push(value));
            }
            DataType::Dictionary(..) => {
                let dictionary = array.as_any_dictionary();
                self.append(&take(dictionary.values(), dictionary.keys(), None)?)?;
            }
            other => return Err(Error::internal(format!("{other} is not made of bytes"))),
        }
        Ok(())
    }

    fn contiguous<T: ByteArrayType>(&mut self, array: &GenericByteArray<T>) {
        let offsets = array.value_offsets();
        let mut part = |from: usize, to: usize| {
            let (start, end) = (offsets[from].as_usize(), offsets[to].as_usize());
            self.bytes.extend_from_slice(&array.value_data()[start..end]);
            let pairs = offsets[from..=to].windows(2);
            self.lengths.extend(pairs.map(|pair| (pair[1].as_usize() - pair[0].as_usize()) as i64));
        };
        match array.nulls() {
            None => part(0, array.len()),
            Some(nulls) => nulls.valid_slices().for_each(|(from, to)| part(from, to)),
        }
    }

    fn views<T: ByteViewType>(&mut self, array: &GenericByteViewArray<T>) {
        array.iter().flatten().for_each(|value| self.push(value.as_ref()));
    }

    /// The values of the row group in progress.
    pub(super) fn group(&self) -> impl Iterator<Item = &[u8]> {
        let mut left = self.bytes.as_slice();
        self.lengths.iter().map(move |len| {
            let (value, after) = left.split_at(*len as usize);
            left = after;
            value
        })
    }

    /// Ends the row group, and says how many bytes its values have.
    pub(super) fn end_group(&mut self) -> Result<i64> {
        let sum = self.bytes.len() as i64;
        let mut position = Positions::new();
        self.data.position(&mut position);
        position.extend(start(&self.length));
        self.starts.push(position);
        self.data.open.append(&mut self.bytes);
        int::encode_unsigned(&self.lengths, &mut self.length.open);
        self.lengths.clear();
        self.data.spill()?;
        self.length.spill()?;
        Ok(sum)
    }

    pub(super) fn bytes(&self) -> usize {
        let waiting = self.bytes.len() + self.lengths.len() * size_of::<i64>();
        self.data.bytes() + self.length.bytes() + waiting
    }

    pub(super) fn end_stripe(&mut self) -> Result<Encoded> {
        let streams = vec![
            (proto::stream::DATA, self.data.take()?),
            (proto::stream::LENGTH, self.length.take()?),
        ];
        Ok(Encoded::direct(proto::encoding::DIRECT_V2, streams, &mut self.starts))
    }
}

/// Columns of bytes.
#[derive(Debug)]
pub(crate) struct Binary(Direct);

impl Binary {
    pub(crate) fn new(compression: Compression) -> Self {
        Self(Direct::new(compression))
    }
}

impl Encoder for Binary {
    fn no_statistics(&self) -> Statistics {
        Statistics::new(Values::Binary(0))
    }

    fn write(&mut self, array: &ArrayRef) -> Result<()> {
        self.0.append(array)
    }

    fn end_group(&mut self, statistics: &mut Statistics) -> Result<()> {
        statistics.values = Values::Binary(self.0.end_group()?);
        Ok(())
    }

    fn bytes(&self) -> usize {
        self.0.bytes()
    }

    fn end_stripe(&mut self) -> Result<Encoded> {
        self.0.end_stripe()
    }
}
