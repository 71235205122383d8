//! Dictionaries and runs: the words of their values, put where they are used.

use arrow::array::{Array, ArrowPrimitiveType, AsArray};
use arrow::datatypes::{
    ArrowDictionaryKeyType, ArrowNativeType, DataType, Int8Type, Int16Type, Int32Type, Int64Type,
    RunEndIndexType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};

use super::canon::{Node, unexpected};
use crate::error::Result;

/// A dictionary so much larger than the rows that use it (a slice of a large
/// batch) is not hashed whole; its used values are.
const LARGE_DICTIONARY: usize = 4;

/// Adds the words of a dictionary array.
pub(super) fn dictionary(node: &Node, array: &dyn Array, sums: &mut [u64]) -> Result<()> {
    match array.data_type() {
        DataType::Dictionary(keys, _) => match keys.as_ref() {
            DataType::Int8 => keyed::<Int8Type>(node, array, sums),
            DataType::Int16 => keyed::<Int16Type>(node, array, sums),
            DataType::Int32 => keyed::<Int32Type>(node, array, sums),
            DataType::Int64 => keyed::<Int64Type>(node, array, sums),
            DataType::UInt8 => keyed::<UInt8Type>(node, array, sums),
            DataType::UInt16 => keyed::<UInt16Type>(node, array, sums),
            DataType::UInt32 => keyed::<UInt32Type>(node, array, sums),
            DataType::UInt64 => keyed::<UInt64Type>(node, array, sums),
            _ => Err(unexpected(array)),
        },
        _ => Err(unexpected(array)),
    }
}

fn keyed<K: ArrowDictionaryKeyType>(
    node: &Node,
    array: &dyn Array,
    sums: &mut [u64],
) -> Result<()> {
    let array = array.as_dictionary_opt::<K>().ok_or_else(|| unexpected(array))?;
    let (keys, values) = (array.keys(), array.values());
    if values.len() > LARGE_DICTIONARY * keys.len() && selectable(values.data_type()) {
        return node.add_words(&arrow::compute::take(values, keys, None)?, sums);
    }
    let words = node.words(values)?;
    // The key under a null may point anywhere, and a null value has the word 0.
    let found = keys.values().iter().map(|k| words.get(k.as_usize()).copied().unwrap_or(0));
    super::fixed::add(found, keys.nulls(), sums);
    Ok(())
}

/// Whether only the values that are used may be selected before they are hashed: Arrow's
/// selection is sound for these. Of values without bytes it forgets how many there are,
/// and in runs it overlooks nulls among the keys; so everything that may hold such values
/// is hashed whole, which is right as well.
fn selectable(values: &DataType) -> bool {
    use DataType::{Binary, BinaryView, LargeBinary, LargeUtf8, Utf8, Utf8View};
    values.is_primitive()
        || matches!(values, Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary | BinaryView)
}

/// Adds the words of a run-end encoded array.
pub(super) fn runs(node: &Node, array: &dyn Array, sums: &mut [u64]) -> Result<()> {
    match array.data_type() {
        DataType::RunEndEncoded(ends, _) => match ends.data_type() {
            DataType::Int16 => ended::<Int16Type>(node, array, sums),
            DataType::Int32 => ended::<Int32Type>(node, array, sums),
            DataType::Int64 => ended::<Int64Type>(node, array, sums),
            _ => Err(unexpected(array)),
        },
        _ => Err(unexpected(array)),
    }
}

fn ended<E>(node: &Node, array: &dyn Array, sums: &mut [u64]) -> Result<()>
where
    E: RunEndIndexType + ArrowPrimitiveType,
{
    let array = array.as_run_opt::<E>().ok_or_else(|| unexpected(array))?;
    let words = node.words(&array.values_slice())?;
    let mut start = 0;
    for (end, word) in array.run_ends().sliced_values().zip(words) {
        let end = end.as_usize();
        for sum in &mut sums[start..end] {
            *sum = sum.wrapping_add(word);
        }
        start = end;
    }
    Ok(())
}
