//! Booleans: bits.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray};
use arrow_select::filter::filter;
use tidelake_sdk::Result;

use super::present::BitStream;
use super::{Encoded, Encoder};
use crate::compress::Compression;
use crate::proto;
use crate::statistics::{Statistics, Values};

/// DATA: bits.
#[derive(Debug)]
pub(crate) struct Booleans {
    bits: BitStream,
    set: u64,
}

impl Booleans {
    pub(crate) fn new(compression: Compression) -> Self {
        Self { bits: BitStream::new(compression), set: 0 }
    }
}

impl Encoder for Booleans {
    fn no_statistics(&self) -> Statistics {
        Statistics::new(Values::Boolean(0))
    }

    fn write(&mut self, array: &ArrayRef) -> Result<()> {
        let valid = match array.nulls().filter(|nulls| nulls.null_count() > 0) {
            None => array.clone(),
            Some(nulls) => filter(array, &BooleanArray::new(nulls.inner().clone(), None))?,
        };
        let values = valid.as_boolean().values();
        self.set += values.count_set_bits() as u64;
        self.bits.append(values);
        Ok(())
    }

    fn end_group(&mut self, statistics: &mut Statistics) -> Result<()> {
        statistics.values = Values::Boolean(std::mem::take(&mut self.set));
        self.bits.end_group()
    }

    fn bytes(&self) -> usize {
        self.bits.bytes()
    }

    fn end_stripe(&mut self) -> Result<Encoded> {
        let (data, starts) = self.bits.end_stripe()?;
        Ok(Encoded {
            encoding: proto::encoding::DIRECT,
            dictionary_size: None,
            streams: vec![(proto::stream::DATA, data)],
            starts,
        })
    }
}
