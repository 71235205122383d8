//! Sort keys as integers: the columns of an order, packed into one number a row.
//!
//! Every column becomes ranks, small integers in the order of its values (nulls
//! first): numbers and times by their distance from the smallest one, texts by
//! their place among the distinct ones. The ranks of a row side by side, the row's
//! own number behind them, are one `u128`:
//!
//! ```text
//!  0…0 │ asset class: 3 bits │ symbol: 11 bits │ ts: 35 bits │ row: 32 bits
//! ```
//!
//! Sorting these is sorting the rows, stably, without looking at a column again.
//! Rows mostly arrive in order of time, which is the last column then: a stable sort
//! by the others is enough, and with few bits left it is one pass of counting.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanBufferBuilder, GenericByteBuilder};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::{
    BinaryType, ByteArrayType, DataType, Float64Type, Int64Type, LargeBinaryType, LargeUtf8Type,
    UInt64Type, Utf8Type,
};
use datafusion::common::hash_utils::RandomState;
use tidelake_core::Result;

/// Bits of the row's number.
const ROW_BITS: u32 = 32;
/// Keys of so many bits are counted: the counters stay in the processor's cache.
const MOST_BITS_COUNTED: u32 = 16;

/// What the values of a column are turned into before they are ranked.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    Signed,
    Unsigned,
    Float,
    /// Texts and bytes, in arrays of this type.
    Text(DataType),
}

fn form(data_type: &DataType) -> Option<Form> {
    use DataType as T;
    Some(match data_type {
        t if t.is_signed_integer() => Form::Signed,
        T::Timestamp(..) | T::Date32 | T::Date64 | T::Time32(_) | T::Time64(_) => Form::Signed,
        t if t.is_unsigned_integer() => Form::Unsigned,
        T::Boolean => Form::Unsigned,
        T::Float32 | T::Float64 => Form::Float,
        T::Utf8 | T::LargeUtf8 | T::Binary | T::LargeBinary => Form::Text(data_type.clone()),
        T::Utf8View => Form::Text(T::LargeUtf8),
        T::BinaryView => Form::Text(T::LargeBinary),
        T::Dictionary(_, values) => form(values)?,
        _ => return None,
    })
}

/// Whether columns of this type can be ranked.
pub(super) fn can_rank(data_type: &DataType) -> bool {
    form(data_type).is_some()
}

/// Memory that the order of a row takes while it is found, in bytes: its key, a
/// rank, and what finding out the distinct texts of a column takes.
pub(super) const BYTES_PER_ROW: usize = 16 + 8 + 24;

/// A column of few distinct texts: row by row the place of its value among them.
pub(super) struct Coded {
    /// In order; the first one is null if the column has nulls.
    pub(super) distinct: ArrayRef,
    pub(super) codes: Vec<u32>,
}

/// The order of rows.
pub(super) struct Order {
    /// The numbers of the rows, in order.
    pub(super) rows: Vec<u32>,
    /// The columns as codes, where that is worth while; finding texts again by codes
    /// spares looking them up where they are, all over the memory.
    pub(super) coded: Vec<Option<Coded>>,
}

/// The order of the rows of these columns, nulls first, equal rows as they are.
/// Columns come in pieces. `None` when the order cannot be told by packed ranks (more
/// than 96 bits a row, a column that cannot be ranked).
pub(super) fn order(columns: &[Vec<ArrayRef>]) -> Result<Option<Order>> {
    let rows = columns.first().map_or(0, |pieces| pieces.iter().map(|p| p.len()).sum());
    let mut keys = vec![0u128; rows];
    let mut coded = Vec::with_capacity(columns.len());
    let mut bits = 0;
    for (i, column) in columns.iter().enumerate() {
        let Some(ranks) = Ranks::of(column)? else { return Ok(None) };
        if i + 1 == columns.len() && ranks.values.is_sorted() {
            coded.push(ranks.coded());
            break;
        }
        bits += ranks.bits;
        if bits > u128::BITS - ROW_BITS {
            return Ok(None);
        }
        for (key, rank) in keys.iter_mut().zip(&ranks.values) {
            *key = *key << ranks.bits | u128::from(*rank);
        }
        coded.push(ranks.coded());
    }
    let rows = if bits <= MOST_BITS_COUNTED {
        counted(&keys, 1 << bits)
    } else {
        for (row, key) in keys.iter_mut().enumerate() {
            *key = *key << ROW_BITS | row as u128;
        }
        keys.sort_unstable();
        keys.into_iter().map(|key| key as u32).collect()
    };
    Ok(Some(Order { rows, coded }))
}

/// The order of keys below `limit`, by counting them.
fn counted(keys: &[u128], limit: usize) -> Vec<u32> {
    let mut next = vec![0u32; limit];
    for key in keys {
        next[*key as usize] += 1;
    }
    let mut start = 0;
    for next in &mut next {
        (*next, start) = (start, start + *next);
    }
    let mut order = vec![0; keys.len()];
    for (row, key) in keys.iter().enumerate() {
        let next = &mut next[*key as usize];
        order[*next as usize] = row as u32;
        *next += 1;
    }
    order
}

/// The ranks of one column, and how many bits the largest one takes.
struct Ranks {
    values: Vec<u64>,
    bits: u32,
    /// The values in order, when the ranks are places among them and they are few.
    distinct: Option<ArrayRef>,
}

impl Ranks {
    fn of(pieces: &[ArrayRef]) -> Result<Option<Self>> {
        let Some(first) = pieces.first() else {
            return Ok(Some(Self { values: Vec::new(), bits: 0, distinct: None }));
        };
        let nulls = nulls(pieces);
        let nulls = nulls.as_ref();
        let values = match form(first.data_type()) {
            None => return Ok(None),
            Some(Form::Signed) => each(pieces, &DataType::Int64, |piece, values| {
                // Turning the sign bit moves negative numbers below the others.
                let piece = piece.as_primitive::<Int64Type>().values();
                values.extend(piece.iter().map(|v| *v as u64 ^ SIGN));
            })?,
            Some(Form::Unsigned) => each(pieces, &DataType::UInt64, |piece, values| {
                values.extend_from_slice(piece.as_primitive::<UInt64Type>().values());
            })?,
            Some(Form::Float) => each(pieces, &DataType::Float64, |piece, values| {
                let piece = piece.as_primitive::<Float64Type>().values();
                values.extend(piece.iter().map(|v| total_order(*v)));
            })?,
            Some(Form::Text(data_type)) => {
                let found = match data_type {
                    DataType::Utf8 => places::<Utf8Type>(pieces, &data_type, nulls)?,
                    DataType::LargeUtf8 => places::<LargeUtf8Type>(pieces, &data_type, nulls)?,
                    DataType::Binary => places::<BinaryType>(pieces, &data_type, nulls)?,
                    _ => places::<LargeBinaryType>(pieces, &data_type, nulls)?,
                };
                let plain = first.data_type() == &data_type;
                let ranks = Self::new(found.places, nulls);
                return Ok(ranks.map(|r| Self { distinct: found.distinct.filter(|_| plain), ..r }));
            }
        };
        Ok(Self::new(values, nulls))
    }

    fn coded(self) -> Option<Coded> {
        let codes = self.values;
        let distinct = self.distinct?;
        Some(Coded { distinct, codes: codes.into_iter().map(|code| code as u32).collect() })
    }

    /// From numbers in the order of the values; those under nulls are whatever.
    /// `None` when the nulls have no room below the smallest one.
    fn new(mut values: Vec<u64>, nulls: Option<&NullBuffer>) -> Option<Self> {
        let bounds = |bounds: (u64, u64), value: u64| (bounds.0.min(value), bounds.1.max(value));
        let none = (u64::MAX, u64::MIN);
        let (min, max) = match nulls {
            None => values.iter().copied().fold(none, bounds),
            Some(nulls) => nulls.valid_indices().map(|row| values[row]).fold(none, bounds),
        };
        let mut largest = max.saturating_sub(min);
        match nulls {
            None => values.iter_mut().for_each(|v| *v -= min),
            Some(nulls) => {
                largest = largest.checked_add(1)?;
                for (value, valid) in values.iter_mut().zip(nulls.iter()) {
                    *value = if valid { *value - min + 1 } else { 0 };
                }
            }
        }
        Some(Self { values, bits: u64::BITS - largest.leading_zeros(), distinct: None })
    }
}

const SIGN: u64 = 1 << 63;

/// IEEE 754 total order as the order of integers.
fn total_order(value: f64) -> u64 {
    let bits = value.to_bits();
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

/// Numbers of every value of every piece, brought to one type.
fn each(
    pieces: &[ArrayRef],
    data_type: &DataType,
    add: impl Fn(&ArrayRef, &mut Vec<u64>),
) -> Result<Vec<u64>> {
    let mut values = Vec::with_capacity(pieces.iter().map(|p| p.len()).sum());
    for piece in pieces {
        add(&cast(piece, data_type)?, &mut values);
    }
    Ok(values)
}

/// Where the pieces together have nulls; `None`: nowhere.
fn nulls(pieces: &[ArrayRef]) -> Option<NullBuffer> {
    let nulls: Vec<_> = pieces.iter().map(|p| (p.len(), p.logical_nulls())).collect();
    if nulls.iter().all(|(_, n)| n.as_ref().is_none_or(|n| n.null_count() == 0)) {
        return None;
    }
    let mut all = BooleanBufferBuilder::new(nulls.iter().map(|(rows, _)| rows).sum());
    for (rows, nulls) in nulls {
        match nulls {
            Some(nulls) => all.append_buffer(nulls.inner()),
            None => all.append_n(rows, true),
        }
    }
    Some(NullBuffer::new(all.finish()))
}

/// Texts are worth being kept as codes when each occurs so often on average.
const OFTEN: usize = 8;

/// What [`places`] finds.
struct Places {
    /// The place of each value among the distinct ones; 0 where there is none.
    places: Vec<u64>,
    /// See [`Coded`]; `None` when there are too many.
    distinct: Option<ArrayRef>,
}

/// Finds the distinct values of a column and puts them in order.
fn places<T: ByteArrayType>(
    pieces: &[ArrayRef],
    data_type: &DataType,
    nulls: Option<&NullBuffer>,
) -> Result<Places> {
    // Dictionaries and views become plain first; plain pieces are not copied.
    let pieces = pieces.iter().map(|p| cast(p, data_type)).collect::<Result<Vec<_>, _>>()?;
    let mut codes: HashMap<&[u8], u32, RandomState> = HashMap::default();
    let mut distinct: Vec<&T::Native> = Vec::new();
    let mut found = Vec::with_capacity(pieces.iter().map(|p| p.len()).sum());
    let mut last: Option<(&[u8], u32)> = None;
    for piece in &pieces {
        let piece = piece.as_bytes::<T>();
        for row in 0..piece.len() {
            if nulls.is_some_and(|nulls| nulls.is_null(found.len())) {
                found.push(0);
                continue;
            }
            let value = piece.value(row);
            let bytes: &[u8] = value.as_ref();
            let code = match last {
                Some((same, code)) if same == bytes => code,
                _ => *codes.entry(bytes).or_insert_with(|| {
                    distinct.push(value);
                    distinct.len() as u32 - 1
                }),
            };
            last = Some((bytes, code));
            found.push(u64::from(code));
        }
    }
    let mut order: Vec<u32> = (0..distinct.len() as u32).collect();
    order.sort_unstable_by_key(|code| -> &[u8] { distinct[*code as usize].as_ref() });
    let mut places = vec![0; distinct.len()];
    for (place, code) in order.iter().enumerate() {
        places[*code as usize] = place as u64;
    }
    for code in &mut found {
        // There is none when all are null.
        *code = places.get(*code as usize).copied().unwrap_or(0);
    }
    let few = distinct.len() <= found.len() / OFTEN;
    let distinct = few.then(|| {
        let mut values = GenericByteBuilder::<T>::new();
        if nulls.is_some() {
            values.append_null();
        }
        for code in order {
            values.append_value(distinct[code as usize]);
        }
        Arc::new(values.finish()) as ArrayRef
    });
    Ok(Places { places: found, distinct })
}

#[cfg(test)]
mod tests {
    use arrow::array::{
        BinaryArray, BooleanArray, DictionaryArray, Float64Array, Int32Array, Int64Array,
        StringArray, StringViewArray, TimestampMicrosecondArray, UInt32Array, UInt64Array,
    };
    use arrow::compute::{SortColumn, SortOptions, lexsort_to_indices, take};
    use arrow::datatypes::Int8Type;
    use proptest::prelude::*;

    use super::*;

    /// What arrow's own sort makes of the columns: the values in order.
    fn expected(columns: &[ArrayRef]) -> Vec<ArrayRef> {
        let options = Some(SortOptions { descending: false, nulls_first: true });
        let keys: Vec<_> =
            columns.iter().map(|c| SortColumn { values: c.clone(), options }).collect();
        let order = lexsort_to_indices(&keys, None).expect("sorted");
        columns.iter().map(|c| take(c, &order, None).expect("taken")).collect()
    }

    /// The same by ranks, from two pieces.
    fn sorted(columns: &[ArrayRef]) -> Vec<ArrayRef> {
        let cut = |c: &ArrayRef| {
            vec![c.slice(0, c.len() / 3), c.slice(c.len() / 3, c.len() - c.len() / 3)]
        };
        let pieces: Vec<_> = columns.iter().map(cut).collect();
        let order = order(&pieces).expect("ranked").expect("fits");
        let rows = UInt32Array::from(order.rows);
        let coded = |c: &Option<Coded>| {
            let c = c.as_ref()?;
            let codes = take(&UInt32Array::from(c.codes.clone()), &rows, None).expect("taken");
            Some(take(&c.distinct, &codes, None).expect("taken"))
        };
        let taken = |c: &ArrayRef| take(c, &rows, None).expect("taken");
        let columns = columns.iter().zip(&order.coded);
        columns.map(|(column, c)| coded(c).unwrap_or_else(|| taken(column))).collect()
    }

    fn of(columns: &[&ArrayRef]) -> Option<Vec<u32>> {
        let pieces: Vec<_> = columns.iter().map(|c| vec![ArrayRef::clone(c)]).collect();
        order(&pieces).expect("ranked").map(|order| order.rows)
    }

    #[test]
    fn every_type_is_in_arrows_order() {
        let floats = [Some(1.5), None, Some(-0.0), Some(0.0), Some(f64::NAN), Some(-1e300)];
        let texts = [Some("b"), Some(""), None, Some("abc"), Some("b"), Some("é")];
        let extremes = [i64::MIN, i64::MAX, 0, -1, 1, i64::MIN];
        let coded: DictionaryArray<Int8Type> = texts.into_iter().collect();
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Float64Array::from_iter(floats)),
            Arc::new(StringArray::from_iter(texts)),
            Arc::new(StringViewArray::from_iter(texts)),
            Arc::new(BinaryArray::from_iter(texts.map(|t| t.map(str::as_bytes)))),
            Arc::new(coded),
            Arc::new(Int64Array::from(extremes.to_vec())),
            Arc::new(TimestampMicrosecondArray::from(extremes.to_vec()).with_timezone("UTC")),
            Arc::new(UInt64Array::from(vec![u64::MAX, 0, 1, 7, 7, 2])),
            Arc::new(BooleanArray::from(vec![Some(true), None, Some(false), None, None, None])),
            Arc::new(Int32Array::from(vec![None::<i32>; 6])),
        ];
        for column in columns {
            assert!(can_rank(column.data_type()), "{}", column.data_type());
            let columns = [column];
            assert_eq!(&sorted(&columns), &expected(&columns));
        }
    }

    #[test]
    fn equal_rows_stay_as_they_are() {
        let column: ArrayRef = Arc::new(StringArray::from(vec!["b", "a", "b", "a"]));
        assert_eq!(of(&[&column]), Some(vec![1, 3, 0, 2]));
        assert_eq!(of(&[]), Some(vec![]));
    }

    #[test]
    fn a_last_column_that_is_in_order_costs_no_bits() {
        let symbols: ArrayRef = Arc::new(StringArray::from(vec!["b", "a", "b", "a"]));
        let times: ArrayRef = Arc::new(Int64Array::from(vec![1, 1, i64::MAX, i64::MAX]));
        let wide: ArrayRef = Arc::new(Int64Array::from(vec![i64::MIN, i64::MAX, 0, 0]));
        assert_eq!(of(&[&symbols, &wide, &times]), Some(vec![3, 1, 0, 2]));
        assert_eq!(of(&[&symbols, &times]), Some(vec![1, 3, 0, 2]));
    }

    #[test]
    fn what_does_not_fit_is_left_to_others() {
        let wide: ArrayRef = Arc::new(Int64Array::from(vec![i64::MIN, i64::MAX]));
        let down: ArrayRef = Arc::new(Int64Array::from(vec![i64::MAX, i64::MIN]));
        assert_eq!(of(&[&wide, &down]), None);
        let wide: ArrayRef = Arc::new(Int64Array::from(vec![Some(i64::MIN), None, Some(i64::MAX)]));
        assert_eq!(of(&[&wide]), None);
    }

    proptest! {
        #[test]
        fn columns_together_are_in_arrows_order(
            rows in proptest::collection::vec(
                (proptest::option::of(0u8..4), proptest::option::of("[a-c]{0,2}"), -5i64..5),
                0..200,
            )
        ) {
            let columns: Vec<ArrayRef> = vec![
                Arc::new(arrow::array::UInt8Array::from_iter(rows.iter().map(|r| r.0))),
                Arc::new(StringArray::from_iter(rows.iter().map(|r| r.1.clone()))),
                Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.2))),
            ];
            prop_assert_eq!(sorted(&columns), expected(&columns));
        }
    }
}
