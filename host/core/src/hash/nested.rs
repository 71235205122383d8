//! Words of lists, maps and structs: folds of the words of their children.
//!
//! Each fold starts from the seed, so that an empty list, an empty map and a
//! struct of nulls differ from a null, whose word is 0.

use arrow::array::{Array, ArrayRef, AsArray, OffsetSizeTrait, StructArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{ArrowNativeType, DataType};

use super::canon::{Node, unexpected};
use super::fixed::add;
use super::mix64;
use crate::error::Result;

/// Adds the words of lists of any layout.
pub(super) fn lists(seed: u64, item: &Node, array: &dyn Array, sums: &mut [u64]) -> Result<()> {
    match array.data_type() {
        DataType::List(_) => offset_lists::<i32>(seed, item, array, sums),
        DataType::LargeList(_) => offset_lists::<i64>(seed, item, array, sums),
        DataType::ListView(_) => view_lists::<i32>(seed, item, array, sums),
        DataType::LargeListView(_) => view_lists::<i64>(seed, item, array, sums),
        DataType::FixedSizeList(..) => {
            let lists = array.as_fixed_size_list();
            let len = lists.value_length().as_usize();
            let words = item.words(lists.values())?;
            let folded = (0..lists.len()).map(|i| fold(seed, &words[i * len..(i + 1) * len]));
            add(folded, lists.nulls(), sums);
            Ok(())
        }
        _ => Err(unexpected(array)),
    }
}

fn offset_lists<O: OffsetSizeTrait>(
    seed: u64,
    item: &Node,
    array: &dyn Array,
    sums: &mut [u64],
) -> Result<()> {
    let lists = array.as_list::<O>();
    let (words, first) = used_words(item, lists.values(), lists.value_offsets())?;
    let folded = lists
        .value_offsets()
        .windows(2)
        .map(|ends| fold(seed, &words[ends[0].as_usize() - first..ends[1].as_usize() - first]));
    add(folded, lists.nulls(), sums);
    Ok(())
}

fn view_lists<O: OffsetSizeTrait>(
    seed: u64,
    item: &Node,
    array: &dyn Array,
    sums: &mut [u64],
) -> Result<()> {
    let lists = array.as_list_view::<O>();
    let words = item.words(lists.values())?;
    let folded = std::iter::zip(lists.value_offsets(), lists.value_sizes()).map(|(start, len)| {
        // What a null points at need not exist.
        let (start, len) = (start.as_usize(), len.as_usize());
        fold(seed, start.checked_add(len).and_then(|end| words.get(start..end)).unwrap_or(&[]))
    });
    add(folded, lists.nulls(), sums);
    Ok(())
}

/// Adds the words of maps: the order of a map's entries does not count.
pub(super) fn maps(
    seed: u64,
    key: &Node,
    value: &Node,
    array: &dyn Array,
    sums: &mut [u64],
) -> Result<()> {
    let maps = array.as_map_opt().ok_or_else(|| unexpected(array))?;
    let (mut words, first) = used_words(key, maps.keys(), maps.value_offsets())?;
    let (values, _) = used_words(value, maps.values(), maps.value_offsets())?;
    for (word, value) in words.iter_mut().zip(values) {
        *word = mix64(word.wrapping_add(value));
    }
    let summed = maps.value_offsets().windows(2).map(|ends| {
        let entries = &words[ends[0].as_usize() - first..ends[1].as_usize() - first];
        let sum = entries.iter().fold(0u64, |sum, entry| sum.wrapping_add(*entry));
        mix64(sum.wrapping_add(mix64(seed ^ entries.len() as u64)))
    });
    add(summed, maps.nulls(), sums);
    Ok(())
}

/// Adds the words of structs: their fields are told apart by name.
pub(super) fn structs(
    seed: u64,
    fields: &[(String, Node)],
    array: &dyn Array,
    sums: &mut [u64],
) -> Result<()> {
    let array: &StructArray = array.as_struct_opt().ok_or_else(|| unexpected(array))?;
    let mut words = vec![mix64(seed); array.len()];
    for (name, node) in fields {
        let column = array.column_by_name(name).ok_or_else(|| unexpected(array))?;
        node.add_words(column, &mut words)?;
    }
    let nulls: Option<&NullBuffer> = array.nulls();
    add(words.into_iter().map(mix64), nulls, sums);
    Ok(())
}

/// The words of the children between the first and the last offset, and the
/// first offset.
fn used_words<O: OffsetSizeTrait>(
    node: &Node,
    children: &ArrayRef,
    offsets: &[O],
) -> Result<(Vec<u64>, usize)> {
    let first = offsets.first().map_or(0, |o| o.as_usize());
    let last = offsets.last().map_or(0, |o| o.as_usize());
    Ok((node.words(&children.slice(first, last - first))?, first))
}

/// An ordered fold, with the length.
fn fold(seed: u64, words: &[u64]) -> u64 {
    words.iter().fold(mix64(seed ^ words.len() as u64), |hash, word| mix64(hash ^ word))
}
