//! Words of text and bytes: their seeded xxh3, whatever the layout.

use arrow::array::{Array, ArrayAccessor, AsArray, GenericByteArray};
use arrow::datatypes::{
    ArrowNativeType, BinaryType, ByteArrayType, DataType, LargeBinaryType, LargeUtf8Type, Utf8Type,
};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::canon::unexpected;
use crate::error::Result;

/// Adds the word of every value.
pub(super) fn add_words(seed: u64, array: &dyn Array, sums: &mut [u64]) -> Result<()> {
    match array.data_type() {
        DataType::Utf8 => contiguous(seed, array.as_bytes::<Utf8Type>(), sums),
        DataType::LargeUtf8 => contiguous(seed, array.as_bytes::<LargeUtf8Type>(), sums),
        DataType::Binary => contiguous(seed, array.as_bytes::<BinaryType>(), sums),
        DataType::LargeBinary => contiguous(seed, array.as_bytes::<LargeBinaryType>(), sums),
        DataType::Utf8View => each(seed, array.as_string_view(), sums),
        DataType::BinaryView => each(seed, array.as_binary_view(), sums),
        DataType::FixedSizeBinary(_) => each(seed, array.as_fixed_size_binary(), sums),
        _ => return Err(unexpected(array)),
    }
    Ok(())
}

/// Values that lie one after the other. Those under nulls are skipped rather
/// than masked: they may be of any length.
fn contiguous<T: ByteArrayType>(seed: u64, array: &GenericByteArray<T>, sums: &mut [u64]) {
    let data = array.value_data();
    let nulls = array.nulls().filter(|n| n.null_count() > 0);
    for (i, (sum, ends)) in sums.iter_mut().zip(array.value_offsets().windows(2)).enumerate() {
        if nulls.is_none_or(|n| n.is_valid(i)) {
            let value = &data[ends[0].as_usize()..ends[1].as_usize()];
            *sum = sum.wrapping_add(xxh3_64_with_seed(value, seed));
        }
    }
}

fn each<A: ArrayAccessor<Item: AsRef<[u8]>>>(seed: u64, array: A, sums: &mut [u64]) {
    let nulls = array.nulls().filter(|n| n.null_count() > 0);
    for (i, sum) in sums.iter_mut().enumerate() {
        if nulls.is_none_or(|n| n.is_valid(i)) {
            *sum = sum.wrapping_add(xxh3_64_with_seed(array.value(i).as_ref(), seed));
        }
    }
}
