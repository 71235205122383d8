//! Lists and maps: how many children each value has ("List Columns", "Map Columns").

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, OffsetSizeTrait};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{DataType, FieldRef};
use arrow_select::filter::filter;
use tidelake_sdk::{Error, Result};

use super::Encoded;
use super::integer::start;
use crate::compress::Compression;
use crate::proto;
use crate::rle::int;
use crate::statistics::{Statistics, Values, range};
use crate::stream::{Positions, Stream};

/// LENGTH: numbers of children.
#[derive(Debug)]
pub(crate) struct Lengths {
    values: Vec<i64>,
    stream: Stream,
    starts: Vec<Positions>,
}

impl Lengths {
    pub(crate) fn new(compression: Compression) -> Self {
        Self { values: Vec::new(), stream: Stream::new(compression), starts: Vec::new() }
    }

    pub(super) fn no_statistics(&self) -> Statistics {
        Statistics::new(Values::Children(None, 0))
    }

    /// Takes values without nulls, and gives the columns of their children.
    pub(super) fn write(&mut self, array: &ArrayRef) -> Result<Vec<ArrayRef>> {
        Ok(match array.data_type() {
            DataType::List(_) => vec![self.list::<i32>(array)],
            DataType::LargeList(_) => vec![self.list::<i64>(array)],
            DataType::FixedSizeList(_, width) => {
                let list = array.as_fixed_size_list();
                self.values.extend(std::iter::repeat_n(i64::from(*width), list.len()));
                let width = usize::try_from(*width).unwrap_or(0);
                // Its values are those of the slice already.
                vec![list.values().slice(0, list.len() * width)]
            }
            DataType::Map(..) => {
                let map = array.as_map();
                let (from, len) = self.offsets(map.offsets());
                map.entries().slice(from, len).columns().to_vec()
            }
            other => return Err(Error::internal(format!("{other} has no children"))),
        })
    }

    fn list<O: OffsetSizeTrait>(&mut self, array: &ArrayRef) -> ArrayRef {
        let list = array.as_list::<O>();
        let (from, len) = self.offsets(list.offsets());
        list.values().slice(from, len)
    }

    /// Where children begin, and how many there are.
    fn offsets<O: OffsetSizeTrait>(&mut self, offsets: &OffsetBuffer<O>) -> (usize, usize) {
        self.values.extend(offsets.lengths().map(|len| len as i64));
        let from = offsets.first().map_or(0, |first| first.as_usize());
        let to = offsets.last().map_or(0, |last| last.as_usize());
        (from, to - from)
    }

    pub(super) fn end_group(&mut self, statistics: &mut Statistics) -> Result<()> {
        self.starts.push(start(&self.stream));
        int::encode_unsigned(&self.values, &mut self.stream.open);
        let range = range(&self.values).map(|(low, high)| (low as u64, high as u64));
        statistics.values = Values::Children(range, self.values.iter().sum::<i64>() as u64);
        self.values.clear();
        self.stream.spill()
    }

    pub(super) fn bytes(&self) -> usize {
        self.stream.bytes() + self.values.len() * size_of::<i64>()
    }

    pub(super) fn end_stripe(&mut self) -> Result<Encoded> {
        let streams = vec![(proto::stream::LENGTH, self.stream.take()?)];
        Ok(Encoded::direct(proto::encoding::DIRECT_V2, streams, &mut self.starts))
    }
}

/// The values alone: what lies under nulls has no place in the columns inside.
pub(super) fn without_nulls(array: &ArrayRef, nulls: Option<&NullBuffer>) -> Result<ArrayRef> {
    match nulls {
        None => Ok(array.clone()),
        Some(nulls) => Ok(filter(array, &BooleanArray::new(nulls.inner().clone(), None))?),
    }
}

/// Keys and values of a map.
pub(crate) fn entries(entries: &FieldRef) -> Option<[&FieldRef; 2]> {
    match entries.data_type() {
        DataType::Struct(fields) if fields.len() == 2 => Some([&fields[0], &fields[1]]),
        _ => None,
    }
}
