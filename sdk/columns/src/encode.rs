//! Arrays to buffers.
//!
//! Arrays come sliced (an offset into larger buffers); the layout knows no
//! offsets. Fixed-width values and byte-aligned bitmaps are sliced again without
//! a copy; 32- and 64-bit offsets that do not start at 0 and bitmaps that start
//! inside a byte are the only things that are rewritten as a rule.

use std::ops::Sub;

use arrow_array::{Array, ArrayRef};
use arrow_buffer::{ArrowNativeType, Buffer};
use arrow_data::{ArrayData, ByteView, MAX_INLINE_VIEW_LEN};
use arrow_schema::{DataType, UnionMode};

use crate::decode::check_type;
use crate::{Columns, Error, Node};

/// Lays columns out as `wit/arrow.wit` says.
///
/// Nothing is copied where arrays start at offset 0; slices are normalised:
/// offsets are rebased to 0, bitmaps realigned, buffers cut to length, data that
/// a view array no longer refers to is left out. A validity bitmap is empty when
/// no value is null. Without columns, `rows` is 0 and the caller's to set.
pub fn encode(columns: &[ArrayRef]) -> Result<Columns, Error> {
    let rows = columns.first().map_or(0, |column| column.len());
    let mut out = Columns { rows: rows as u64, ..Columns::default() };
    for (index, column) in columns.iter().enumerate() {
        if column.len() != rows {
            return Err(Error::Record(format!(
                "column {index} has {} rows and column 0 has {rows}",
                column.len()
            )));
        }
        check_type(column.data_type(), 1)
            .and_then(|()| array(&column.to_data(), &mut out).map_err(|part| part.to_string()))
            .map_err(|data_type| Error::Unsupported { column: index.to_string(), data_type })?;
    }
    Ok(out)
}

/// Appends one array and what is below it; an unsupported type is the error.
fn array(data: &ArrayData, out: &mut Columns) -> Result<(), DataType> {
    let (len, offset) = (data.len(), data.offset());
    node(data, out);
    match data.data_type() {
        DataType::Null => {}
        DataType::Boolean => {
            validity(data, out);
            out.buffers.push(data.buffers()[0].bit_slice(offset, len));
        }
        DataType::Utf8 | DataType::Binary => bytes::<i32>(data, out),
        DataType::LargeUtf8 | DataType::LargeBinary => bytes::<i64>(data, out),
        DataType::Utf8View | DataType::BinaryView => views(data, out),
        DataType::FixedSizeBinary(width) => {
            validity(data, out);
            fixed(data, usize::try_from(*width).unwrap_or(0), out);
        }
        DataType::List(_) | DataType::Map(_, _) => list::<i32>(data, out)?,
        DataType::LargeList(_) => list::<i64>(data, out)?,
        DataType::FixedSizeList(_, size) => {
            validity(data, out);
            let size = usize::try_from(*size).unwrap_or(0);
            array(&part(&data.child_data()[0], offset * size, len * size), out)?;
        }
        DataType::Struct(_) => {
            validity(data, out);
            for child in data.child_data() {
                // Slicing a struct slices its children as well and keeps the
                // offset; a struct built with an offset has longer children.
                let start = if child.len() == len { 0 } else { offset };
                array(&part(child, start, len), out)?;
            }
        }
        DataType::Union(_, mode) => union(data, *mode, out)?,
        DataType::Dictionary(key, _) => {
            validity(data, out);
            fixed(data, key.primitive_width().ok_or_else(|| data.data_type().clone())?, out);
            array(&data.child_data()[0], out)?;
        }
        DataType::RunEndEncoded(ends, _) => match ends.data_type() {
            DataType::Int16 => runs::<i16>(data, out)?,
            DataType::Int32 => runs::<i32>(data, out)?,
            DataType::Int64 => runs::<i64>(data, out)?,
            other => return Err(other.clone()),
        },
        other => {
            let width = other.primitive_width().ok_or_else(|| other.clone())?;
            validity(data, out);
            fixed(data, width, out);
        }
    }
    Ok(())
}

/// A slice, or the array itself when it is all of it (slicing a nested array
/// allocates).
fn part(data: &ArrayData, offset: usize, len: usize) -> ArrayData {
    if offset == 0 && len == data.len() { data.clone() } else { data.slice(offset, len) }
}

fn node(data: &ArrayData, out: &mut Columns) {
    let len = data.len() as u64;
    let nulls = match data.data_type() {
        DataType::Null => len,
        _ => data.null_count() as u64,
    };
    out.nodes.push(Node { len, nulls });
}

fn validity(data: &ArrayData, out: &mut Columns) {
    out.buffers.push(match data.nulls() {
        Some(nulls) if nulls.null_count() > 0 => nulls.inner().sliced(),
        _ => empty(),
    });
}

fn empty() -> Buffer {
    Buffer::from(&[] as &[u8])
}

fn fixed(data: &ArrayData, width: usize, out: &mut Columns) {
    let (start, len) = (data.offset() * width, data.len() * width);
    out.buffers.push(data.buffers()[0].slice_with_length(start, len));
}

/// The array's offsets from 0 on, and the first and last of them as they were.
fn offsets<T>(data: &ArrayData) -> (Buffer, usize, usize)
where
    T: ArrowNativeType + Sub<Output = T>,
{
    if data.is_empty() {
        return (Buffer::from_slice_ref([T::default()]), 0, 0);
    }
    // `buffer` starts at the array's offset.
    let all = &data.buffer::<T>(0)[..=data.len()];
    let (first, last) = (all[0], all[data.len()]);
    let buffer = if first == T::default() {
        let skipped = data.offset() * size_of::<T>();
        data.buffers()[0].slice_with_length(skipped, size_of_val(all))
    } else {
        Buffer::from_vec(all.iter().map(|&offset| offset - first).collect::<Vec<T>>())
    };
    (buffer, first.as_usize(), last.as_usize())
}

fn bytes<T>(data: &ArrayData, out: &mut Columns)
where
    T: ArrowNativeType + Sub<Output = T>,
{
    validity(data, out);
    let (buffer, first, last) = offsets::<T>(data);
    out.buffers.push(buffer);
    out.buffers.push(data.buffers()[1].slice_with_length(first, last - first));
}

fn list<T>(data: &ArrayData, out: &mut Columns) -> Result<(), DataType>
where
    T: ArrowNativeType + Sub<Output = T>,
{
    validity(data, out);
    let (buffer, first, last) = offsets::<T>(data);
    out.buffers.push(buffer);
    array(&part(&data.child_data()[0], first, last - first), out)
}

fn union(data: &ArrayData, mode: UnionMode, out: &mut Columns) -> Result<(), DataType> {
    fixed(data, 1, out);
    if mode == UnionMode::Dense {
        let (start, len) = (data.offset() * 4, data.len() * 4);
        out.buffers.push(data.buffers()[1].slice_with_length(start, len));
    }
    for child in data.child_data() {
        match mode {
            UnionMode::Dense => array(child, out)?,
            UnionMode::Sparse => array(&part(child, data.offset(), data.len()), out)?,
        }
    }
    Ok(())
}

/// The runs that the array still covers, cut at both ends.
fn runs<T>(data: &ArrayData, out: &mut Columns) -> Result<(), DataType>
where
    T: ArrowNativeType,
{
    let (ends, values) = (&data.child_data()[0], &data.child_data()[1]);
    let (offset, len) = (data.offset(), data.len());
    let all = &ends.buffer::<T>(0)[..ends.len()];
    let whole = offset == 0 && all.last().map_or(0, |end| end.as_usize()) == len;
    if whole {
        array(ends, out)?;
        return array(values, out);
    }
    let first = all.partition_point(|end| end.as_usize() <= offset);
    let count = if len == 0 {
        0
    } else {
        all.partition_point(|end| end.as_usize() < offset + len) + 1 - first
    };
    let cut = all[first..first + count]
        .iter()
        .map(|end| T::usize_as((end.as_usize() - offset).min(len)))
        .collect::<Vec<T>>();
    out.nodes.push(Node { len: count as u64, nulls: 0 });
    out.buffers.push(empty());
    out.buffers.push(Buffer::from_vec(cut));
    array(&part(values, first, count), out)
}

/// A slice of a view array keeps all the data buffers of the whole. They are
/// crossed as they are when the slice uses most of them and copied out otherwise,
/// so that crossing an array slice by slice costs no more than crossing it once.
fn views(data: &ArrayData, out: &mut Columns) {
    validity(data, out);
    let (len, start) = (data.len(), data.offset() * 16);
    let buffers = &data.buffers()[1..];
    let held: usize = buffers.iter().map(Buffer::len).sum();
    let all: &[u128] = if len == 0 { &[] } else { &data.buffer::<u128>(0)[..len] };
    // Only an array with far more bytes than rows can be worth a look.
    let used = if held > 4096 {
        all.iter()
            .enumerate()
            .filter(|(row, view)| outline(**view).is_some() && data.is_valid(*row))
            .map(|(_, view)| *view as u32 as usize)
            .sum()
    } else {
        held
    };
    if held <= used.saturating_mul(2) || used > i32::MAX as usize {
        out.buffers.push(data.buffers()[0].slice_with_length(start, len * 16));
        out.variadic.push(buffers.len() as u32);
        out.buffers.extend(buffers.iter().cloned());
        return;
    }
    let mut bytes = Vec::with_capacity(used);
    let compact: Vec<u128> = all
        .iter()
        .enumerate()
        .map(|(row, &view)| match outline(view) {
            _ if data.is_null(row) => 0,
            None => view,
            Some(outline) => {
                let from = outline.offset as usize;
                let moved = outline.with_buffer_index(0).with_offset(bytes.len() as u32);
                let source = &buffers[outline.buffer_index as usize];
                bytes.extend_from_slice(&source[from..from + outline.length as usize]);
                moved.as_u128()
            }
        })
        .collect();
    out.buffers.push(Buffer::from_vec(compact));
    out.variadic.push(u32::from(!bytes.is_empty()));
    if !bytes.is_empty() {
        out.buffers.push(Buffer::from_vec(bytes));
    }
}

/// The view, if its bytes are in a data buffer rather than in the view itself.
fn outline(view: u128) -> Option<ByteView> {
    (view as u32 > MAX_INLINE_VIEW_LEN).then(|| ByteView::from(view))
}
