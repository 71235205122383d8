//! Decimals: each a number of any length, and its scale.

use arrow_array::ArrayRef;
use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal32Type, Decimal64Type, Decimal128Type};
use arrow_schema::DataType;
use tidelake_sdk::Result;

use super::integer::start;
use super::{Encoded, Encoder, valid};
use crate::compress::Compression;
use crate::proto;
use crate::rle::int;
use crate::statistics::{Statistics, Values, fits, range};
use crate::stream::{Positions, Stream};

/// DATA: numbers; SECONDARY: scales.
#[derive(Debug)]
pub(crate) struct Decimals {
    scale: u32,
    values: Vec<i128>,
    data: Stream,
    scales: Stream,
    starts: Vec<Positions>,
}

impl Decimals {
    pub(crate) fn new(scale: u32, compression: Compression) -> Self {
        Self {
            scale,
            values: Vec::new(),
            data: Stream::new(compression),
            scales: Stream::new(compression),
            starts: Vec::new(),
        }
    }
}

impl Encoder for Decimals {
    fn no_statistics(&self) -> Statistics {
        Statistics::new(Values::Decimal(None, Some(0), self.scale))
    }

    fn write(&mut self, array: &ArrayRef) -> Result<()> {
        let out = &mut self.values;
        match array.data_type() {
            DataType::Decimal32(..) => valid(array.as_primitive::<Decimal32Type>(), |values| {
                out.extend(values.iter().map(|v| i128::from(*v)));
            }),
            DataType::Decimal64(..) => valid(array.as_primitive::<Decimal64Type>(), |values| {
                out.extend(values.iter().map(|v| i128::from(*v)));
            }),
            _ => valid(array.as_primitive::<Decimal128Type>(), |values| {
                out.extend_from_slice(values);
            }),
        }
        Ok(())
    }

    fn end_group(&mut self, statistics: &mut Statistics) -> Result<()> {
        let mut position = Positions::new();
        self.data.position(&mut position);
        position.extend(start(&self.scales));
        self.starts.push(position);
        for value in &self.values {
            let zigzag = match i64::try_from(*value) {
                Ok(short) => u128::from(int::zigzag(short)),
                Err(_) => (value << 1 ^ value >> 127) as u128,
            };
            int::varint(zigzag, &mut self.data.open);
        }
        int::encode_signed(&vec![i64::from(self.scale); self.values.len()], &mut self.scales.open);
        let sum = self.values.iter().try_fold(0_i128, |sum, value| sum.checked_add(*value));
        statistics.values = Values::Decimal(range(&self.values), sum.filter(fits), self.scale);
        self.values.clear();
        self.data.spill()?;
        self.scales.spill()
    }

    fn bytes(&self) -> usize {
        self.data.bytes() + self.scales.bytes() + self.values.len() * size_of::<i128>()
    }

    fn end_stripe(&mut self) -> Result<Encoded> {
        let streams = vec![
            (proto::stream::DATA, self.data.take()?),
            (proto::stream::SECONDARY, self.scales.take()?),
        ];
        Ok(Encoded::direct(proto::encoding::DIRECT_V2, streams, &mut self.starts))
    }
}
