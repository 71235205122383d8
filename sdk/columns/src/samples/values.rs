//! Values of any type, for any row, always the same.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::types::*;
use arrow_array::{
    ArrayRef, ArrowPrimitiveType, BinaryArray, BinaryViewArray, BooleanArray, DictionaryArray,
    FixedSizeBinaryArray, FixedSizeListArray, LargeBinaryArray, LargeListArray, LargeStringArray,
    ListArray, NullArray, PrimitiveArray, StringArray, StringViewArray, StructArray, make_array,
};
use arrow_buffer::{BooleanBuffer, NullBuffer, OffsetBuffer, i256};
use arrow_schema::{DataType, IntervalUnit, TimeUnit};

use super::{Flavour, hash};

/// A few hundred characters.
const LONG: &str = "a text that fits into no view: 0123456789 0123456789 0123456789 0123456789 \
    0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 \
    0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789";

const WORDS: [&str; 8] =
    ["A", "B", "EURUSD", "XNYS", "Zürich", "a longer text, in a buffer", "x y", "42"];

const ODD: [&str; 12] = [
    "",
    " ",
    "東京証券取引所",
    "👩‍👩‍👧 family",
    "e\u{301} is not é",
    "\u{202e}backwards",
    "a\0b",
    "two\nlines\r\n\t\"quoted\" 'and' \\escaped\\ , ; |",
    "\u{feff}mark",
    "NULL",
    "-0",
    LONG,
];

const FLOATS: [f64; 12] = [
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    -0.0,
    0.0,
    5e-324,
    f64::MIN_POSITIVE,
    f64::MAX,
    f64::MIN,
    1e16,
    -1.5,
    0.1,
];

const INTS: [i128; 8] = [0, 1, -1, i128::MIN, i128::MAX, 2, 10, -1000];

/// What decides the values of one column.
#[derive(Clone, Copy)]
pub(super) struct Seeds {
    pub(super) value: u64,
    pub(super) null: u64,
    /// Other values under nulls, and nowhere else.
    pub(super) under_nulls: u64,
}

/// Values of one type for a row each. `None` for types that are not made here.
pub(super) fn column(
    data_type: &DataType,
    nullable: bool,
    rows: Range<usize>,
    flavour: Flavour,
    seeds: Seeds,
) -> Option<ArrayRef> {
    let Seeds { value: seed, null: null_seed, under_nulls } = seeds;
    let is_null = |row: usize| {
        nullable
            && match flavour {
                Flavour::Ordinary => hash(&(null_seed, row)).is_multiple_of(8),
                Flavour::Edges => hash(&(null_seed, row)).is_multiple_of(5),
                Flavour::Nulls => hash(&(null_seed, row)).is_multiple_of(2),
                Flavour::AllNull => true,
            }
    };
    let picks: Vec<Pick> = rows
        .clone()
        .map(|row| Pick {
            row,
            hash: hash(&(seed, row, if is_null(row) { under_nulls } else { 0 })),
            edge: flavour == Flavour::Edges,
        })
        .collect();
    let array = values(data_type, &picks)?;
    let start = rows.start;
    let nulls = BooleanBuffer::collect_bool(rows.len(), |i| !is_null(start + i));
    with_nulls(array, NullBuffer::new(nulls))
}

/// An array with other nulls, where its type has a place for them.
fn with_nulls(array: ArrayRef, nulls: NullBuffer) -> Option<ArrayRef> {
    let has_none = matches!(
        array.data_type(),
        DataType::Null | DataType::Union(..) | DataType::RunEndEncoded(..)
    );
    if has_none || nulls.null_count() == 0 {
        return Some(array);
    }
    let data = array.to_data().into_builder().nulls(Some(nulls)).build().ok()?;
    Some(make_array(data))
}

/// What decides one value.
#[derive(Clone, Copy)]
struct Pick {
    row: usize,
    hash: u64,
    edge: bool,
}

impl Pick {
    fn of<T: Copy>(&self, pool: &[T]) -> T {
        pool[(self.hash % pool.len() as u64) as usize]
    }

    /// A whole number; an edge is cut to the range.
    fn int(&self, least: i128, most: i128) -> i128 {
        let value = if self.edge { self.of(&INTS) } else { (self.hash % 1000) as i128 + 1 };
        value.clamp(least, most)
    }

    fn float(&self) -> f64 {
        if self.edge { self.of(&FLOATS) } else { (self.hash % 1_000_000) as f64 / 997.0 + 1.0 }
    }

    fn text(&self) -> &'static str {
        if self.edge { self.of(&ODD) } else { self.of(&WORDS) }
    }

    fn bytes(&self) -> &'static [u8] {
        const BYTES: [&[u8]; 4] = [&[0xff, 0xfe, 0], &[], &[0], &[0x80; 40]];
        if self.edge { self.of(&BYTES) } else { self.text().as_bytes() }
    }

    /// An instant in seconds since 1970, later for later rows.
    fn instant(&self) -> i64 {
        1_700_000_000 + self.row as i64 * 7
    }
}

fn primitive<T: ArrowPrimitiveType>(
    picks: &[Pick],
    data_type: &DataType,
    value: impl Fn(&Pick) -> T::Native,
) -> Option<ArrayRef> {
    let array = PrimitiveArray::<T>::from_iter_values(picks.iter().map(value));
    Some(Arc::new(array.with_data_type(data_type.clone())))
}

macro_rules! integers {
    ($picks:expr, $data_type:expr, $($variant:ident => $arrow:ident $native:ident),* $(,)?) => {
        match $data_type {
            $(DataType::$variant => {
                return primitive::<$arrow>($picks, $data_type, |p| {
                    p.int($native::MIN as i128, $native::MAX as i128) as $native
                });
            })*
            _ => {}
        }
    };
}

fn values(data_type: &DataType, picks: &[Pick]) -> Option<ArrayRef> {
    use DataType as D;
    integers!(picks, data_type,
        Int8 => Int8Type i8, Int16 => Int16Type i16, Int32 => Int32Type i32, Int64 => Int64Type i64,
        UInt8 => UInt8Type u8, UInt16 => UInt16Type u16, UInt32 => UInt32Type u32,
        UInt64 => UInt64Type u64,
    );
    let texts = || picks.iter().map(Pick::text);
    let bytes = || picks.iter().map(Pick::bytes);
    let number = |p: &Pick| p.int(i64::MIN.into(), i64::MAX.into()) as i64;
    match data_type {
        D::Null => Some(Arc::new(NullArray::new(picks.len()))),
        D::Boolean => Some(Arc::new(BooleanArray::from_iter(
            picks.iter().map(|p| Some(p.hash.is_multiple_of(2))),
        ))),
        D::Float16 => primitive::<Float16Type>(picks, data_type, |p| {
            <<Float16Type as ArrowPrimitiveType>::Native>::from_f64(p.float())
        }),
        D::Float32 => primitive::<Float32Type>(picks, data_type, |p| p.float() as f32),
        D::Float64 => primitive::<Float64Type>(picks, data_type, Pick::float),
        D::Utf8 => Some(Arc::new(StringArray::from_iter_values(texts()))),
        D::LargeUtf8 => Some(Arc::new(LargeStringArray::from_iter_values(texts()))),
        D::Utf8View => Some(Arc::new(StringViewArray::from_iter_values(texts()))),
        D::Binary => Some(Arc::new(BinaryArray::from_iter_values(bytes()))),
        D::LargeBinary => Some(Arc::new(LargeBinaryArray::from_iter_values(bytes()))),
        D::BinaryView => Some(Arc::new(BinaryViewArray::from_iter_values(bytes()))),
        D::FixedSizeBinary(width) => {
            let value = |p: &Pick| vec![(p.hash >> 8) as u8; *width as usize];
            FixedSizeBinaryArray::try_from_iter(picks.iter().map(value))
                .ok()
                .filter(|_| !picks.is_empty())
                .map(|array| Arc::new(array) as ArrayRef)
                .or_else(|| Some(arrow_array::new_empty_array(data_type)))
        }
        D::Timestamp(..) | D::Date32 | D::Date64 | D::Time32(_) | D::Time64(_) => {
            times(data_type, picks)
        }
        D::Duration(TimeUnit::Second) => primitive::<DurationSecondType>(picks, data_type, number),
        D::Duration(TimeUnit::Millisecond) => {
            primitive::<DurationMillisecondType>(picks, data_type, number)
        }
        D::Duration(TimeUnit::Microsecond) => {
            primitive::<DurationMicrosecondType>(picks, data_type, number)
        }
        D::Duration(TimeUnit::Nanosecond) => {
            primitive::<DurationNanosecondType>(picks, data_type, number)
        }
        D::Interval(IntervalUnit::YearMonth) => {
            primitive::<IntervalYearMonthType>(picks, data_type, |p| p.int(0, 1000) as i32)
        }
        D::Decimal32(digits, _) => {
            let most = 10i128.pow(u32::from(*digits)) - 1;
            primitive::<Decimal32Type>(picks, data_type, |p| p.int(-most, most) as i32)
        }
        D::Decimal64(digits, _) => {
            let most = 10i128.pow(u32::from(*digits)) - 1;
            primitive::<Decimal64Type>(picks, data_type, |p| p.int(-most, most) as i64)
        }
        D::Decimal128(digits, _) => {
            let most = 10i128.pow(u32::from(*digits)) - 1;
            primitive::<Decimal128Type>(picks, data_type, |p| p.int(-most, most))
        }
        D::Decimal256(digits, _) => {
            let most = 10i128.pow(u32::from(*digits).min(38)) - 1;
            primitive::<Decimal256Type>(picks, data_type, |p| i256::from_i128(p.int(-most, most)))
        }
        D::Dictionary(key, of) => dictionary(key, of, picks),
        D::List(_) | D::LargeList(_) | D::FixedSizeList(..) | D::Struct(_) => {
            nested(data_type, picks)
        }
        _ => None,
    }
}

fn times(data_type: &DataType, picks: &[Pick]) -> Option<ArrayRef> {
    use DataType as D;
    use TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};
    let stamp = |per_second: i64| {
        move |p: &Pick| {
            // The edges of a column of times are within what people keep times of: what
            // lies beyond is refused by nearly every format.
            let odd = [0, -1, 1, -2_208_988_800, 4_102_444_800].map(|s: i64| s * per_second);
            if p.edge { p.of(&odd) } else { p.instant() * per_second }
        }
    };
    let day = |p: &Pick| {
        if p.edge { p.of(&[0, -1, 1, -25_567, 47_482]) } else { 19_675 + p.row as i32 % 900 }
    };
    let clock = |p: &Pick| if p.edge { p.of(&[0, 1, 86_399]) } else { (p.hash % 86_400) as i64 };
    match data_type {
        D::Timestamp(Second, _) => primitive::<TimestampSecondType>(picks, data_type, stamp(1)),
        D::Timestamp(Millisecond, _) => {
            primitive::<TimestampMillisecondType>(picks, data_type, stamp(1_000))
        }
        D::Timestamp(Microsecond, _) => {
            primitive::<TimestampMicrosecondType>(picks, data_type, stamp(1_000_000))
        }
        D::Timestamp(Nanosecond, _) => {
            primitive::<TimestampNanosecondType>(picks, data_type, stamp(1_000_000_000))
        }
        D::Date32 => primitive::<Date32Type>(picks, data_type, day),
        D::Date64 => primitive::<Date64Type>(picks, data_type, |p| i64::from(day(p)) * 86_400_000),
        D::Time32(Second) => primitive::<Time32SecondType>(picks, data_type, |p| clock(p) as i32),
        D::Time32(Millisecond) => {
            primitive::<Time32MillisecondType>(picks, data_type, |p| clock(p) as i32 * 1000)
        }
        D::Time64(Microsecond) => {
            primitive::<Time64MicrosecondType>(picks, data_type, |p| clock(p) * 1_000_000)
        }
        D::Time64(Nanosecond) => {
            primitive::<Time64NanosecondType>(picks, data_type, |p| clock(p) * 1_000_000_000)
        }
        _ => None,
    }
}

/// Nine values, one of which no key points to; some may be equal.
fn dictionary(key: &DataType, of: &DataType, picks: &[Pick]) -> Option<ArrayRef> {
    let edge = picks.first().is_some_and(|p| p.edge);
    let entries: Vec<Pick> = (0..9).map(|i| Pick { row: i, hash: i as u64, edge }).collect();
    let entries = values(of, &entries)?;
    macro_rules! keyed {
        ($($variant:ident => $arrow:ident),*) => {
            match key {
                $(DataType::$variant => {
                    let keys = picks.iter().map(|p| (p.hash % 8) as _);
                    let keys = PrimitiveArray::<$arrow>::from_iter_values(keys);
                    let array = DictionaryArray::<$arrow>::try_new(keys, entries).ok()?;
                    Some(Arc::new(array) as ArrayRef)
                })*
                _ => None,
            }
        };
    }
    keyed!(Int8 => Int8Type, Int16 => Int16Type, Int32 => Int32Type, Int64 => Int64Type,
        UInt8 => UInt8Type, UInt16 => UInt16Type, UInt32 => UInt32Type, UInt64 => UInt64Type)
}

/// Lists of none to two items, structs of all their fields.
fn nested(data_type: &DataType, picks: &[Pick]) -> Option<ArrayRef> {
    let lengths = || picks.iter().map(|p| p.row % 3);
    let items = |lengths: Vec<usize>| -> Vec<Pick> {
        let items = picks.iter().zip(lengths).flat_map(|(p, len)| {
            (0..len).map(move |item| Pick { hash: hash(&(p.hash, item)), ..*p })
        });
        items.collect()
    };
    Some(match data_type {
        DataType::List(field) => {
            let child = values(field.data_type(), &items(lengths().collect()))?;
            let offsets = OffsetBuffer::from_lengths(lengths());
            Arc::new(ListArray::try_new(field.clone(), offsets, child, None).ok()?)
        }
        DataType::LargeList(field) => {
            let child = values(field.data_type(), &items(lengths().collect()))?;
            let offsets = OffsetBuffer::from_lengths(lengths());
            Arc::new(LargeListArray::try_new(field.clone(), offsets, child, None).ok()?)
        }
        DataType::FixedSizeList(field, size) => {
            let child = values(field.data_type(), &items(vec![*size as usize; picks.len()]))?;
            Arc::new(FixedSizeListArray::try_new(field.clone(), *size, child, None).ok()?)
        }
        DataType::Struct(fields) => {
            let children =
                fields.iter().map(|f| values(f.data_type(), picks)).collect::<Option<Vec<_>>>()?;
            Arc::new(StructArray::try_new(fields.clone(), children, None).ok()?)
        }
        _ => return None,
    })
}
