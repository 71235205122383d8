//! Values that arrow-json would lose.
//!
//! It writes null for NaN and the infinities. They become strings here, the spelling of
//! JavaScript; every other float stays a number. And of a dictionary it takes a row for
//! null only when its key is: a key that points to a null would be written as the empty
//! text or 0 that happens to be there.

use std::io::Write;

use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, Float16Type, Float32Type, Float64Type};
use arrow_array::{Array, PrimitiveArray};
use arrow_json::writer::{Encoder, EncoderFactory, EncoderOptions, NullableEncoder, make_encoder};
use arrow_schema::{ArrowError, DataType, FieldRef};

/// Encodes floats of every width, and dictionaries, wherever they stand in the schema.
#[derive(Debug)]
pub(crate) struct Exact;

impl EncoderFactory for Exact {
    fn make_default_encoder<'a>(
        &self,
        field: &'a FieldRef,
        array: &'a dyn Array,
        options: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        let encoder: Box<dyn Encoder + 'a> = match array.data_type() {
            DataType::Float64 => Box::new(FloatEncoder(array.as_primitive::<Float64Type>())),
            DataType::Float32 => Box::new(FloatEncoder(array.as_primitive::<Float32Type>())),
            DataType::Float16 => Box::new(FloatEncoder(array.as_primitive::<Float16Type>())),
            DataType::Dictionary(..) => return dictionary(field, array, options).map(Some),
            _ => return Ok(None),
        };
        Ok(Some(NullableEncoder::new(encoder, array.nulls().cloned())))
    }
}

fn dictionary<'a>(
    field: &'a FieldRef,
    array: &'a dyn Array,
    options: &'a EncoderOptions,
) -> Result<NullableEncoder<'a>, ArrowError> {
    let dictionary = array.as_any_dictionary();
    let values = dictionary.values();
    // Without values there are nulls alone, whose keys are not looked at.
    let keys = if values.is_empty() { Vec::new() } else { dictionary.normalized_keys() };
    let values = make_encoder(field, values, options)?;
    Ok(NullableEncoder::new(Box::new(DictionaryEncoder { keys, values }), array.logical_nulls()))
}

struct DictionaryEncoder<'a> {
    keys: Vec<usize>,
    values: NullableEncoder<'a>,
}

impl Encoder for DictionaryEncoder<'_> {
    fn encode(&mut self, index: usize, out: &mut Vec<u8>) {
        self.values.encode(self.keys[index], out);
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
