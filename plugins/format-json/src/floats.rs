//! Floats that JSON has no numbers for.
//!
//! arrow-json writes null for NaN and the infinities, which would lose them. They
//! become strings here, the spelling of JavaScript; every other float stays a number.

use std::io::Write;

use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, Float16Type, Float32Type, Float64Type};
use arrow_array::{Array, PrimitiveArray};
use arrow_json::writer::{Encoder, EncoderFactory, EncoderOptions, NullableEncoder};
use arrow_schema::{ArrowError, DataType, FieldRef};

/// Encodes floats of every width, wherever they stand in the schema.
#[derive(Debug)]
pub(crate) struct Floats;

impl EncoderFactory for Floats {
    fn make_default_encoder<'a>(
        &self,
        _field: &'a FieldRef,
        array: &'a dyn Array,
        _options: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        let encoder: Box<dyn Encoder + 'a> = match array.data_type() {
            DataType::Float64 => Box::new(FloatEncoder(array.as_primitive::<Float64Type>())),
            DataType::Float32 => Box::new(FloatEncoder(array.as_primitive::<Float32Type>())),
            DataType::Float16 => Box::new(FloatEncoder(array.as_primitive::<Float16Type>())),
            _ => return Ok(None),
        };
        Ok(Some(NullableEncoder::new(encoder, array.nulls().cloned())))
    }
}

struct FloatEncoder<'a, T: ArrowPrimitiveType>(&'a PrimitiveArray<T>);

/// A float as JSON.
trait Json: Copy {
    fn write(self, out: &mut Vec<u8>);
}

macro_rules! json_float {
    ($($float:ty),*) => {$(
        impl Json for $float {
            fn write(self, out: &mut Vec<u8>) {
                if self.is_nan() {
                    out.extend_from_slice(b"\"NaN\"");
                } else if self.is_infinite() {
                    let text: &[u8] = if self > 0.0 { b"\"Infinity\"" } else { b"\"-Infinity\"" };
                    out.extend_from_slice(text);
                } else {
                    // Debug is the shortest form that reads back the same, and keeps a
                    // point or an exponent, so that readers see a float. Writing to a
                    // vector cannot fail.
                    let _ = write!(out, "{self:?}");
                }
            }
        }
    )*};
}

json_float!(f32, f64);

impl Json for half::f16 {
    fn write(self, out: &mut Vec<u8>) {
        self.to_f32().write(out);
    }
}

impl<T: ArrowPrimitiveType<Native: Json>> Encoder for FloatEncoder<'_, T> {
    fn encode(&mut self, index: usize, out: &mut Vec<u8>) {
        self.0.value(index).write(out);
    }
}
