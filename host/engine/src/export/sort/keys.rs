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

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::buffer::NullBuffer;
use arrow::compute::{SortOptions, cast, rank};
use arrow::datatypes::{DataType, Float64Type, Int64Type, UInt32Type, UInt64Type};
use tidelake_core::Result;

/// Bits of the row's number.
const ROW_BITS: u32 = 32;

/// What the values of a column are turned into before they are ranked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Signed,
    Unsigned,
    Float,
    Text,
    Bytes,
    /// Dictionaries that come as such.
    Coded,
}

fn form(data_type: &DataType) -> Option<Form> {
    use DataType as T;
    Some(match data_type {
        t if t.is_signed_integer() => Form::Signed,
        T::Timestamp(..) | T::Date32 | T::Date64 | T::Time32(_) | T::Time64(_) => Form::Signed,
        t if t.is_unsigned_integer() => Form::Unsigned,
        T::Boolean => Form::Unsigned,
        T::Float32 | T::Float64 => Form::Float,
        T::Utf8 | T::LargeUtf8 | T::Utf8View => Form::Text,
        T::Binary | T::LargeBinary | T::BinaryView => Form::Bytes,
        T::Dictionary(_, values) if matches!(**values, T::Utf8 | T::LargeUtf8) => Form::Coded,
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

/// The order of the rows of these columns, nulls first, equal rows as they are:
/// the numbers of the rows. `None` when that cannot be told by packed ranks (more
/// than 96 bits a row, a column that cannot be ranked).
pub(super) fn order(columns: &[ArrayRef]) -> Result<Option<Vec<u32>>> {
    let rows = columns.first().map_or(0, |c| c.len());
    let mut keys = vec![0u128; rows];
    let mut left = u128::BITS - ROW_BITS;
    for column in columns {
        let Some(ranks) = Ranks::of(column)? else { return Ok(None) };
        let Some(rest) = left.checked_sub(ranks.bits) else { return Ok(None) };
        left = rest;
        for (key, rank) in keys.iter_mut().zip(&ranks.values) {
            *key = *key << ranks.bits | u128::from(*rank);
        }
    }
    for (row, key) in keys.iter_mut().enumerate() {
        *key = *key << ROW_BITS | row as u128;
    }
    keys.sort_unstable();
    Ok(Some(keys.into_iter().map(|key| key as u32).collect()))
}

/// The ranks of one column, and how many bits the largest one takes.
struct Ranks {
    values: Vec<u64>,
    bits: u32,
}

impl Ranks {
    fn of(column: &ArrayRef) -> Result<Option<Self>> {
        let Some(form) = form(column.data_type()) else { return Ok(None) };
        let nulls = column.logical_nulls().filter(|n| n.null_count() > 0);
        let values = match form {
            Form::Signed => {
                let column = cast(column, &DataType::Int64)?;
                // Turning the sign bit moves negative numbers below the others.
                let values = column.as_primitive::<Int64Type>().values();
                values.iter().map(|v| *v as u64 ^ SIGN).collect()
            }
            Form::Unsigned => {
                let column = cast(column, &DataType::UInt64)?;
                column.as_primitive::<UInt64Type>().values().to_vec()
            }
            Form::Float => {
                let column = cast(column, &DataType::Float64)?;
                let values = column.as_primitive::<Float64Type>().values();
                values.iter().map(|v| total_order(*v)).collect()
            }
            Form::Text => coded(&cast(column, &DataType::LargeUtf8)?, DataType::LargeUtf8)?,
            Form::Bytes => coded(&cast(column, &DataType::LargeBinary)?, DataType::LargeBinary)?,
            Form::Coded => coded(column, DataType::LargeUtf8)?,
        };
        Ok(Self::new(values, nulls.as_ref()))
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
        Some(Self { values, bits: u64::BITS - largest.leading_zeros() })
    }
}

const SIGN: u64 = 1 << 63;

/// IEEE 754 total order as the order of integers.
fn total_order(value: f64) -> u64 {
    let bits = value.to_bits();
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

/// The place of each value among the distinct ones.
fn coded(column: &ArrayRef, values: DataType) -> Result<Vec<u64>> {
    let data_type = DataType::Dictionary(Box::new(DataType::UInt32), Box::new(values));
    let column = cast(column, &data_type)?;
    let column = column.as_dictionary::<UInt32Type>();
    let options = SortOptions { descending: false, nulls_first: true };
    let ranks = rank(column.values(), Some(options))?;
    // The key under a null may point anywhere.
    let ranks = column.keys().values().iter().map(|key| ranks.get(*key as usize));
    Ok(ranks.map(|rank| rank.copied().map_or(0, u64::from)).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        BinaryArray, BooleanArray, DictionaryArray, Float64Array, Int32Array, Int64Array,
        StringArray, StringViewArray, TimestampMicrosecondArray, UInt64Array,
    };
    use arrow::compute::{SortColumn, lexsort_to_indices, take};
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

    fn sorted(columns: &[ArrayRef]) -> Vec<ArrayRef> {
        let order = order(columns).expect("ranked").expect("fits");
        let order = arrow::array::UInt32Array::from(order);
        columns.iter().map(|c| take(c, &order, None).expect("taken")).collect()
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
        assert_eq!(order(&[column]).expect("ranked"), Some(vec![1, 3, 0, 2]));
        assert_eq!(order(&[]).expect("ranked"), Some(vec![]));
    }

    #[test]
    fn what_does_not_fit_is_left_to_others() {
        let wide: ArrayRef = Arc::new(Int64Array::from(vec![i64::MIN, i64::MAX]));
        assert_eq!(order(&[wide.clone(), wide]).expect("ranked"), None);
        let wide: ArrayRef = Arc::new(Int64Array::from(vec![Some(i64::MIN), None, Some(i64::MAX)]));
        assert_eq!(order(&[wide]).expect("ranked"), None);
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
