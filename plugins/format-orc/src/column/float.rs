//! Floats and doubles: their bytes, the least significant ones first.

use arrow_array::ArrayRef;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float16Type, Float32Type, Float64Type};
use arrow_schema::DataType;
use tidelake_sdk::Result;

use super::{Encoded, Encoder, valid};
use crate::compress::Compression;
use crate::proto;
use crate::statistics::{Doubles, Statistics, Values};
use crate::stream::{Positions, Stream};

/// DATA: bytes.
#[derive(Debug)]
pub(crate) struct Floats {
    bytes: Vec<u8>,
    doubles: Doubles,
    data: Stream,
    starts: Vec<Positions>,
}

impl Floats {
    pub(crate) fn new(compression: Compression) -> Self {
        Self {
            bytes: Vec::new(),
            doubles: Doubles::NONE,
            data: Stream::new(compression),
            starts: Vec::new(),
        }
    }
}

impl Encoder for Floats {
    fn no_statistics(&self) -> Statistics {
        Statistics::new(Values::Double(Doubles::NONE))
    }

    fn write(&mut self, array: &ArrayRef) -> Result<()> {
        let Self { bytes, doubles, .. } = self;
        match array.data_type() {
            DataType::Float16 => valid(array.as_primitive::<Float16Type>(), |values| {
                bytes.extend(values.iter().flat_map(|v| v.to_f32().to_le_bytes()));
                doubles.add(values.iter().map(|v| v.to_f64()));
            }),
            DataType::Float32 => valid(array.as_primitive::<Float32Type>(), |values| {
                bytes.extend(values.iter().flat_map(|v| v.to_le_bytes()));
                doubles.add(values.iter().map(|v| f64::from(*v)));
            }),
            _ => valid(array.as_primitive::<Float64Type>(), |values| {
                bytes.extend(values.iter().flat_map(|v| v.to_le_bytes()));
                doubles.add(values.iter().copied());
            }),
        }
        Ok(())
    }

    fn end_group(&mut self, statistics: &mut Statistics) -> Result<()> {
        let mut start = Positions::new();
        self.data.position(&mut start);
        self.starts.push(start);
        self.data.open.append(&mut self.bytes);
        statistics.values = Values::Double(std::mem::replace(&mut self.doubles, Doubles::NONE));
        self.data.spill()
    }

    fn bytes(&self) -> usize {
        self.data.bytes() + self.bytes.len()
    }

    fn end_stripe(&mut self) -> Result<Encoded> {
        let streams = vec![(proto::stream::DATA, self.data.take()?)];
        Ok(Encoded::direct(proto::encoding::DIRECT, streams, &mut self.starts))
    }
}
