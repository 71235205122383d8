//! One column of the key, as integers and back.
//!
//! | type | integer | bits |
//! |---|---|---|
//! | texts and bytes, dictionaries of them | the code of the text | 32 |
//! | numbers and times of at most 4 bytes | the bits of the value | 32 |
//! | those of 8 bytes | the bits of the value | 64 |
//! | anything else | the code of the value in Arrow's row format | 32 |
//!
//! Codes have one for nulls; of bits all may be a value's, so nulls are 0 and flagged
//! beside them. Two values are equal exactly when their integers are: -0.0 and 0.0 are
//! two values, and so are two kinds of NaN.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, make_array, new_empty_array};
use arrow_buffer::{ArrowNativeType, Buffer, NullBuffer, ScalarBuffer};
use arrow_row::{RowConverter, SortField};
use arrow_schema::{DataType, IntervalUnit};
use arrow_select::take::take;
use tidelake_interner::{Interner, NULL, is_text};
use tidelake_sdk::{Error, ErrorKind, Result};

use crate::order::{Order, Ranks};
use crate::texts;

/// A column of the key.
pub(crate) struct Column {
    /// Its type; of dictionaries that of their values.
    data_type: DataType,
    kind: Kind,
}

enum Kind {
    Text(Coded),
    Bits { width: usize, order: Order },
    Rows(RowConverter, Coded),
}

/// Values by code.
#[derive(Default)]
struct Coded {
    values: Interner,
    /// Those of the rows at hand.
    codes: Vec<u32>,
}

/// The integers of the rows at hand.
pub(crate) struct Integers<'a> {
    values: Values<'a>,
    /// Rows without a value, of bits.
    pub(crate) nulls: Option<NullBuffer>,
    /// How many of the low bits of each tell them apart, mostly.
    pub(crate) bits: u32,
}

enum Values<'a> {
    Codes(&'a [u32]),
    One(ScalarBuffer<u8>),
    Two(ScalarBuffer<u16>),
    Four(ScalarBuffer<u32>),
    Eight(ScalarBuffer<u64>),
}

/// Where a column's integers are in the words of a key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) word: usize,
    pub(crate) shift: u32,
}

impl Column {
    /// A column of this type. Only with `flag` there is room for the flags of its nulls.
    pub(crate) fn new(data_type: &DataType, flag: bool) -> Result<Self> {
        let data_type = without_dictionary(data_type).clone();
        let kind = match (data_type.primitive_width(), Order::of(&data_type)) {
            _ if is_text(&data_type) => Kind::Text(Coded::default()),
            (Some(width @ 1..=8), Some(order)) if flag => Kind::Bits { width, order },
            _ => {
                let fields = vec![SortField::new(data_type.clone())];
                Kind::Rows(RowConverter::new(fields)?, Coded::default())
            }
        };
        Ok(Self { data_type, kind })
    }

    /// Whether its integers have more than 32 bits.
    pub(crate) fn is_wide(&self) -> bool {
        matches!(self.kind, Kind::Bits { width: 8, .. })
    }

    /// Whether nulls are flagged beside its integers.
    pub(crate) fn has_flag(&self) -> bool {
        matches!(self.kind, Kind::Bits { .. })
    }

    pub(crate) fn clear(&mut self) {
        match &mut self.kind {
            Kind::Text(coded) | Kind::Rows(_, coded) => coded.values.clear(),
            Kind::Bits { .. } => {}
        }
    }

    /// The integers of some rows.
    pub(crate) fn integers(&mut self, array: &ArrayRef) -> Result<Integers<'_>> {
        if !without_dictionary(array.data_type()).equals_datatype(&self.data_type) {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!("a key of {} cannot be {}", self.data_type, array.data_type()),
            ));
        }
        match &mut self.kind {
            Kind::Text(coded) => {
                coded.codes.clear();
                coded.values.codes(array, &mut coded.codes)?;
                Ok(coded.integers())
            }
            Kind::Bits { width, .. } => {
                let array = plain(array)?;
                let values = match width {
                    1 => Values::One(bits(&array)),
                    2 => Values::Two(bits(&array)),
                    4 => Values::Four(bits(&array)),
                    _ => Values::Eight(bits(&array)),
                };
                let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0).cloned();
                Ok(Integers { values, nulls, bits: 8 })
            }
            Kind::Rows(converter, coded) => {
                coded.rows(converter, &plain(array)?)?;
                Ok(coded.integers())
            }
        }
    }

    /// The way back: an array of its integers, where none are flagged as null.
    pub(crate) fn array(&self, values: &[u64], nulls: Option<NullBuffer>) -> Result<ArrayRef> {
        if values.is_empty() {
            return Ok(new_empty_array(&self.data_type));
        }
        let width = match &self.kind {
            Kind::Text(coded) => {
                return texts::array(&self.data_type, values.iter().map(|code| coded.value(*code)));
            }
            Kind::Rows(converter, coded) => {
                let parser = converter.parser();
                let rows = values.iter().filter_map(|code| coded.value(*code));
                let mut arrays = converter.convert_rows(rows.map(|row| parser.parse(row)))?;
                return Ok(arrays.swap_remove(0));
            }
            Kind::Bits { width, .. } => width,
        };
        let buffer = match width {
            1 => Buffer::from_vec(values.iter().map(|v| *v as u8).collect()),
            2 => Buffer::from_vec(values.iter().map(|v| *v as u16).collect::<Vec<_>>()),
            4 => Buffer::from_vec(values.iter().map(|v| *v as u32).collect::<Vec<_>>()),
            _ => Buffer::from_vec(values.to_vec()),
        };
        // From an empty array to be a builder of its type.
        let data = new_empty_array(&self.data_type).to_data().into_builder();
        Ok(make_array(data.len(values.len()).buffers(vec![buffer]).nulls(nulls).build()?))
    }

    /// What orders its values.
    pub(crate) fn ranks(&self) -> Ranks {
        match &self.kind {
            Kind::Text(coded) | Kind::Rows(_, coded) => Ranks::of_texts(&coded.values),
            Kind::Bits { width, order } => Ranks::of_bits(*width, *order),
        }
    }
}

impl Coded {
    /// The codes of an array, by its rows in Arrow's row format.
    fn rows(&mut self, converter: &RowConverter, array: &ArrayRef) -> Result<()> {
        if self.values.len() + array.len() >= NULL as usize {
            return Err(Error::exhausted("more than four billion distinct keys"));
        }
        self.codes.clear();
        let rows = converter.convert_columns(std::slice::from_ref(array))?;
        let mut last: Option<(&[u8], u32)> = None;
        for row in &rows {
            let row = row.data();
            let code = match last {
                Some((before, code)) if before == row => code,
                _ => self.values.code(row),
            };
            last = Some((row, code));
            self.codes.push(code);
        }
        Ok(())
    }

    fn integers(&self) -> Integers<'_> {
        let bits = usize::BITS - self.values.len().leading_zeros();
        Integers { values: Values::Codes(&self.codes), nulls: None, bits }
    }

    fn value(&self, code: u64) -> Option<&[u8]> {
        (code != u64::from(NULL)).then(|| self.values.text(code as u32))
    }
}

impl Integers<'_> {
    /// Puts the integers of some rows into their keys, which have zeros there.
    pub(crate) fn put(&self, rows: Range<usize>, keys: &mut [u64], width: usize, place: Place) {
        let nulls = self.nulls.as_ref().map(|nulls| nulls.slice(rows.start, rows.len()));
        let to = keys[place.word..].iter_mut().step_by(width);
        let (shift, nulls) = (place.shift, nulls.as_ref());
        match &self.values {
            Values::Codes(codes) => put(to, &codes[rows], shift, None),
            Values::One(bits) => put(to, &bits[rows], shift, nulls),
            Values::Two(bits) => put(to, &bits[rows], shift, nulls),
            Values::Four(bits) => put(to, &bits[rows], shift, nulls),
            Values::Eight(bits) => put(to, &bits[rows], shift, nulls),
        }
    }

    /// Puts a bit for nulls among some rows into their words of flags, which begin here.
    pub(crate) fn put_flags(&self, rows: Range<usize>, from: &mut [u64], width: usize, bit: usize) {
        let Some(nulls) = &self.nulls else { return };
        let words = from.iter_mut().step_by(width);
        let nulls = nulls.slice(rows.start, rows.len());
        words.zip(&nulls).for_each(|(word, valid)| *word |= u64::from(!valid) << bit);
    }
}

/// Of its own, so that the loop has the registers.
#[inline(never)]
fn put<'a, T: Copy + Into<u64>>(
    to: impl Iterator<Item = &'a mut u64>,
    values: &[T],
    shift: u32,
    nulls: Option<&NullBuffer>,
) {
    let values = values.iter().map(|value| (*value).into() << shift);
    match nulls {
        None => to.zip(values).for_each(|(word, value)| *word |= value),
        // What lies under nulls must not show.
        Some(nulls) => to.zip(values.zip(nulls)).for_each(|(word, (value, valid))| {
            if valid {
                *word |= value;
            }
        }),
    }
}

/// The values of a column of a type of `T`'s width, as they are in memory.
fn bits<T: ArrowNativeType>(array: &ArrayRef) -> ScalarBuffer<T> {
    let data = array.to_data();
    ScalarBuffer::new(data.buffers()[0].clone(), data.offset(), data.len())
}

fn without_dictionary(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Dictionary(_, values) => without_dictionary(values),
        other => other,
    }
}

/// A dictionary's values, one for each row; other arrays as they are.
fn plain(array: &ArrayRef) -> Result<ArrayRef> {
    match array.as_any_dictionary_opt() {
        Some(dictionary) => plain(&take(dictionary.values(), dictionary.keys(), None)?),
        None => Ok(Arc::clone(array)),
    }
}

impl Order {
    /// The order of the bits of a type, if they have one.
    fn of(data_type: &DataType) -> Option<Self> {
        use DataType::{Float16, Float32, Float64, Interval, UInt8, UInt16, UInt32, UInt64};
        match data_type {
            UInt8 | UInt16 | UInt32 | UInt64 => Some(Self::Unsigned),
            Float16 | Float32 | Float64 => Some(Self::Float),
            // Days, then milliseconds, each with a sign.
            Interval(IntervalUnit::DayTime) => None,
            _ => Some(Self::Signed),
        }
    }
}
