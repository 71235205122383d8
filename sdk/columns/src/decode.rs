//! Buffers to arrays, believing nothing.
//!
//! [`Decoder`] walks the types depth first and takes nodes and buffers in order.
//! What it checks itself is what has to hold before Arrow's own validation can
//! run without panicking (types that cannot exist, lengths that overflow, bitmaps
//! that are too short) and what Arrow does not ask for (null counts that match,
//! children exactly as long as their parents say, no nulls where the schema has
//! none). The rest is `ArrayData`'s validation.

use std::vec::IntoIter;

use arrow_array::{Array, ArrayRef, make_array};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer};
use arrow_data::{ArrayData, ArrayDataBuilder};
use arrow_schema::{DataType, Fields, TimeUnit, UnionMode};

use crate::ascii::is_plain;
use crate::{Columns, Error, MAX_DEPTH, MAX_LEN, Node};

/// How far a record of columns is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// Not at all: every value that could make an array invalid is looked at.
    Full,
    /// For guests that read what their host sent: structure and lengths are
    /// checked, the values (UTF-8, offsets in the middle, keys, views) are
    /// not. Records from anyone else must never be read this way.
    Trusted,
}

/// Builds the arrays of `fields` from a record, one for each field.
///
/// Buffers are taken over without copying, except those whose memory is not
/// aligned as their type needs. Input may be hostile: the answer is an error
/// naming the column, never a panic.
pub fn decode(fields: &Fields, columns: Columns, check: Check) -> Result<Vec<ArrayRef>, Error> {
    let Columns { rows, nodes, variadic, buffers } = columns;
    let rows = match usize::try_from(rows) {
        Ok(len) if rows <= MAX_LEN => len,
        _ => return Err(Error::Record(format!("{rows} rows; at most {MAX_LEN} can cross"))),
    };
    let mut decoder = Decoder {
        nodes: nodes.into_iter(),
        variadic: variadic.into_iter(),
        buffers: buffers.into_iter(),
        check,
        column: "",
    };
    let mut arrays = Vec::with_capacity(fields.len());
    for field in fields {
        decoder.column = field.name();
        arrays.push(decoder.column(field.data_type(), field.is_nullable(), rows)?);
    }
    let left =
        [decoder.nodes.len(), decoder.variadic.len(), decoder.buffers.len()].map(|left| left > 0);
    for (left, what) in left.into_iter().zip(["nodes", "variadic counts", "buffers"]) {
        if left {
            return Err(Error::Record(format!(
                "more {what} than the {} columns have use for",
                fields.len()
            )));
        }
    }
    Ok(arrays)
}

struct Decoder<'a> {
    nodes: IntoIter<Node>,
    variadic: IntoIter<u32>,
    buffers: IntoIter<Buffer>,
    check: Check,
    /// The top-level column at work, for errors.
    column: &'a str,
}

impl Decoder<'_> {
    fn column(
        &mut self,
        data_type: &DataType,
        nullable: bool,
        rows: usize,
    ) -> Result<ArrayRef, Error> {
        check_type(data_type, 1).map_err(|part| Error::Unsupported {
            column: self.column.to_owned(),
            data_type: part,
        })?;
        let data = self.array(data_type, Some(rows))?;
        if self.check == Check::Trusted {
            // Lengths of buffers and children, first and last offsets.
            data.validate().map_err(|error| Error::column(self.column, error))?;
        }
        let array = make_array(data);
        if self.check == Check::Full && !nullable && array.logical_null_count() > 0 {
            return Err(self.wrong(format!(
                "{} nulls in a column that is declared without nulls",
                array.logical_null_count()
            )));
        }
        Ok(array)
    }

    /// The next array, `len` values long if that is known beforehand.
    fn array(&mut self, data_type: &DataType, len: Option<usize>) -> Result<ArrayData, Error> {
        let node = self.nodes.next().ok_or_else(|| self.wrong("its node is missing"))?;
        if node.len > MAX_LEN {
            return Err(self.wrong(format!("{} values; at most {MAX_LEN} can cross", node.len)));
        }
        let found = node.len as usize;
        if let Some(expected) = len.filter(|&expected| expected != found) {
            return Err(self.wrong(format!("{found} values instead of {expected}")));
        }
        let nulls = self.validity(data_type, node, found)?;
        let mut builder =
            ArrayDataBuilder::new(data_type.clone()).len(found).nulls(nulls).align_buffers(true);
        // Whether nothing is left to be looked at.
        let mut sound = self.check == Check::Trusted;
        match data_type {
            DataType::Null | DataType::FixedSizeList(..) | DataType::Struct(_) => {}
            DataType::RunEndEncoded(..) => {}
            DataType::Utf8 | DataType::Binary => {
                let (offsets, bytes) = (self.values(found + 1, 4)?, self.buffer()?);
                sound |= *data_type == DataType::Utf8 && is_plain::<i32>(&offsets, &bytes, found);
                builder = builder.add_buffer(offsets).add_buffer(bytes);
            }
            DataType::LargeUtf8 | DataType::LargeBinary => {
                let (offsets, bytes) = (self.values(found + 1, 8)?, self.buffer()?);
                sound |=
                    *data_type == DataType::LargeUtf8 && is_plain::<i64>(&offsets, &bytes, found);
                builder = builder.add_buffer(offsets).add_buffer(bytes);
            }
            DataType::Utf8View | DataType::BinaryView => {
                builder = builder.add_buffer(self.values(found, 16)?);
                let count = self.variadic.next();
                let count = count.ok_or_else(|| self.wrong("its variadic count is missing"))?;
                if count as usize > self.buffers.len() {
                    return Err(self.wrong(format!("{count} data buffers, which are not there")));
                }
                builder = builder.add_buffers(self.buffers.by_ref().take(count as usize));
            }
            DataType::List(_) | DataType::Map(..) => {
                builder = builder.add_buffer(self.values(found + 1, 4)?);
            }
            DataType::LargeList(_) => builder = builder.add_buffer(self.values(found + 1, 8)?),
            DataType::Union(_, mode) => {
                builder = builder.add_buffer(self.values(found, 1)?);
                if *mode == UnionMode::Dense {
                    builder = builder.add_buffer(self.values(found, 4)?);
                }
            }
            DataType::Boolean => builder = builder.add_buffer(self.buffer()?),
            DataType::FixedSizeBinary(width) => {
                builder =
                    builder.add_buffer(self.values(found, usize::try_from(*width).unwrap_or(0))?);
            }
            DataType::Dictionary(key, _) => {
                builder =
                    builder.add_buffer(self.values(found, key.primitive_width().unwrap_or(1))?);
            }
            other => {
                let width = other.primitive_width();
                let width = width.ok_or_else(|| self.wrong(format!("unknown type {other}")))?;
                builder = builder.add_buffer(self.values(found, width)?);
            }
        }
        for (child, len) in self.children(data_type, found)? {
            builder = builder.add_child_data(self.array(child, len)?);
        }
        self.build(builder, sound)
    }

    /// The types of an array's children and, where the parent says so, their lengths.
    fn children<'t>(
        &self,
        data_type: &'t DataType,
        len: usize,
    ) -> Result<Vec<(&'t DataType, Option<usize>)>, Error> {
        Ok(match data_type {
            DataType::List(field) | DataType::LargeList(field) | DataType::Map(field, _) => {
                vec![(field.data_type(), None)]
            }
            DataType::FixedSizeList(field, size) => {
                let size = usize::try_from(*size).unwrap_or(0);
                let len = len.checked_mul(size);
                let len = len.ok_or_else(|| self.wrong("more list items than can be counted"))?;
                vec![(field.data_type(), Some(len))]
            }
            DataType::Struct(fields) => {
                fields.iter().map(|field| (field.data_type(), Some(len))).collect()
            }
            DataType::Union(fields, mode) => {
                let len = (*mode == UnionMode::Sparse).then_some(len);
                fields.iter().map(|(_, field)| (field.data_type(), len)).collect()
            }
            DataType::Dictionary(_, values) => vec![(&**values, None)],
            DataType::RunEndEncoded(ends, values) => {
                vec![(ends.data_type(), None), (values.data_type(), None)]
            }
            _ => vec![],
        })
    }

    fn validity(
        &mut self,
        data_type: &DataType,
        node: Node,
        len: usize,
    ) -> Result<Option<NullBuffer>, Error> {
        match data_type {
            DataType::Null if node.nulls == node.len => return Ok(None),
            DataType::Union(..) | DataType::RunEndEncoded(..) if node.nulls == 0 => {
                return Ok(None);
            }
            DataType::Null | DataType::Union(..) | DataType::RunEndEncoded(..) => {
                return Err(self.wrong(format!(
                    "a null count of {} for {} values of type {data_type}",
                    node.nulls, node.len
                )));
            }
            _ => {}
        }
        let bitmap = self.buffer()?;
        if bitmap.is_empty() {
            return match node.nulls {
                0 => Ok(None),
                nulls => Err(self.wrong(format!("{nulls} nulls, but no validity bitmap"))),
            };
        }
        if bitmap.len() < len.div_ceil(8) {
            return Err(
                self.wrong(format!("a validity bitmap of {} bytes for {len} values", bitmap.len()))
            );
        }
        let nulls = NullBuffer::new(BooleanBuffer::new(bitmap, 0, len));
        if nulls.null_count() as u64 != node.nulls {
            return Err(self.wrong(format!(
                "a null count of {}, but {} nulls in the bitmap",
                node.nulls,
                nulls.null_count()
            )));
        }
        Ok(Some(nulls))
    }

    fn buffer(&mut self) -> Result<Buffer, Error> {
        self.buffers.next().ok_or_else(|| self.wrong("one of its buffers is missing"))
    }

    /// The next buffer, cut to what `count` values of `width` bytes need: Arrow
    /// panics on a buffer that ends inside a value. Too short is left to it.
    fn values(&mut self, count: usize, width: usize) -> Result<Buffer, Error> {
        let buffer = self.buffer()?;
        let needed = count.saturating_mul(width);
        let whole = match buffer.len() {
            len if len >= needed => needed,
            // Also too short for one offset: an empty array may have none.
            len => len - len % width.max(1),
        };
        Ok(if whole == buffer.len() { buffer } else { buffer.slice_with_length(0, whole) })
    }

    fn build(&self, builder: ArrayDataBuilder, sound: bool) -> Result<ArrayData, Error> {
        if !sound {
            return builder.build().map_err(|error| self.wrong(error));
        }
        // SAFETY: the caller of `decode` vouches for the values by `Check::Trusted`, and
        // `column` checks the structure before an array is made of it; or it is text
        // whose offsets and bytes have been seen to be sound, in a buffer of offsets
        // that is long enough.
        #[allow(unsafe_code)]
        Ok(unsafe { builder.build_unchecked() })
    }

    fn wrong(&self, reason: impl ToString) -> Error {
        Error::column(self.column, reason)
    }
}

/// Refuses types that no array can have, and types outside the layout: Arrow's
/// own code panics on some of them. The error is the offending part.
pub(crate) fn check_type(data_type: &DataType, depth: usize) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err(format!("nested deeper than {MAX_DEPTH} levels"));
    }
    let refuse = || Err(data_type.to_string());
    match data_type {
        DataType::Time32(unit) if !matches!(unit, TimeUnit::Second | TimeUnit::Millisecond) => {
            refuse()
        }
        DataType::Time64(unit) if !matches!(unit, TimeUnit::Microsecond | TimeUnit::Nanosecond) => {
            refuse()
        }
        DataType::FixedSizeBinary(width) if *width < 0 => refuse(),
        DataType::ListView(_) | DataType::LargeListView(_) => refuse(),
        DataType::List(field) | DataType::LargeList(field) => {
            check_type(field.data_type(), depth + 1)
        }
        DataType::FixedSizeList(_, size) if *size < 0 => refuse(),
        DataType::FixedSizeList(field, _) => check_type(field.data_type(), depth + 1),
        DataType::Struct(fields) => {
            fields.iter().try_for_each(|field| check_type(field.data_type(), depth + 1))
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) if fields.len() == 2 && !entries.is_nullable() => {
                check_type(entries.data_type(), depth + 1)
            }
            _ => refuse(),
        },
        DataType::Union(fields, _) => {
            fields.iter().try_for_each(|(_, field)| check_type(field.data_type(), depth + 1))
        }
        DataType::Dictionary(key, values) => {
            // The format of schemas has no place for a dictionary of dictionaries.
            let nested = matches!(**values, DataType::Dictionary(..));
            if !key.is_dictionary_key_type() || nested {
                return refuse();
            }
            check_type(values, depth + 1)
        }
        DataType::RunEndEncoded(ends, values) => {
            if !ends.data_type().is_run_ends_type() || ends.is_nullable() {
                return refuse();
            }
            check_type(values.data_type(), depth + 1)
        }
        _ => Ok(()),
    }
}
