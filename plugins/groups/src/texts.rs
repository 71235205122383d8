//! Columns of texts and bytes.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryViewArray, GenericBinaryArray, LargeStringArray, OffsetSizeTrait, StringArray,
};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer};
use arrow_schema::DataType;
use tidelake_sdk::{Error, Result};

/// A column of a type that `tidelake_interner::is_text`, and no dictionary.
pub(crate) fn array<'a>(
    data_type: &DataType,
    texts: impl ExactSizeIterator<Item = Option<&'a [u8]>>,
) -> Result<ArrayRef> {
    Ok(match data_type {
        DataType::Utf8 => Arc::new(StringArray::try_from_binary(binary(texts)?)?),
        DataType::LargeUtf8 => Arc::new(LargeStringArray::try_from_binary(binary(texts)?)?),
        DataType::Binary => Arc::new(binary::<i32>(texts)?),
        DataType::LargeBinary => Arc::new(binary::<i64>(texts)?),
        DataType::Utf8View => Arc::new(BinaryViewArray::from_iter(texts).to_string_view()?),
        DataType::BinaryView => Arc::new(BinaryViewArray::from_iter(texts)),
        other => return Err(Error::internal(format!("{other} is not a type of texts"))),
    })
}

fn binary<'a, O: OffsetSizeTrait>(
    texts: impl ExactSizeIterator<Item = Option<&'a [u8]>>,
) -> Result<GenericBinaryArray<O>> {
    let (mut data, mut valid) = (Vec::new(), Vec::with_capacity(texts.len()));
    let mut offsets = Vec::with_capacity(texts.len() + 1);
    offsets.push(O::usize_as(0));
    for text in texts {
        valid.push(text.is_some());
        data.extend_from_slice(text.unwrap_or_default());
        offsets.push(O::from_usize(data.len()).ok_or_else(|| {
            Error::exhausted("the keys of the groups have more bytes than a column can")
        })?);
    }
    let nulls = Some(NullBuffer::from(valid)).filter(|nulls| nulls.null_count() > 0);
    Ok(GenericBinaryArray::try_new(
        OffsetBuffer::new(offsets.into()),
        Buffer::from_vec(data),
        nulls,
    )?)
}
