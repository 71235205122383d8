//! Schemas and records of columns from a fuzzer's bytes.
//!
//! Bytes that were nothing but bytes would hardly ever get past the first check. So
//! the record is laid out by the schema, honestly as a rule, and one decision in
//! some is a lie: a length, a null count, a buffer, an offset.

use std::sync::Arc;

use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, Field, Fields, IntervalUnit, Schema, TimeUnit, UnionFields};
use arrow::datatypes::{UnionMode, UnionMode::Dense};
use tidelake_columns::{Columns, Node};

use super::Input;

/// One decision in so many is a lie.
const LIES: usize = 24;

/// A schema of one to three columns.
pub(crate) fn schema(input: &mut Input<'_>) -> Schema {
    let count = 1 + input.below(3);
    let field = |i| {
        let data_type = data_type(input, 3);
        Field::new(format!("c{i}"), data_type, !input.once_in(3))
    };
    Schema::new((0..count).map(field).collect::<Vec<_>>())
}

/// A type with so many levels below it, also one that no array can have.
fn data_type(input: &mut Input<'_>, depth: usize) -> DataType {
    use DataType::*;
    let units = [TimeUnit::Second, TimeUnit::Millisecond, TimeUnit::Microsecond];
    let unit = |input: &mut Input<'_>| *units.get(input.below(4)).unwrap_or(&TimeUnit::Nanosecond);
    let size = |input: &mut Input<'_>| match input.once_in(LIES) {
        true => input.strange() as i32,
        false => input.below(5) as i32,
    };
    match input.below(if depth > 0 { 48 } else { 36 }) {
        0 => Null,
        1 => Boolean,
        2 => Int8,
        3 => Int16,
        4 => Int32,
        5 => Int64,
        6 => UInt8,
        7 => UInt16,
        8 => UInt32,
        9 => UInt64,
        10 => Float16,
        11 => Float32,
        12 => Float64,
        13 => Date32,
        14 => Date64,
        15 => Time32(unit(input)),
        16 => Time64(unit(input)),
        17 => Timestamp(unit(input), None),
        18 => Timestamp(unit(input), Some("Europe/Berlin".into())),
        19 => Duration(unit(input)),
        20 => Interval(IntervalUnit::YearMonth),
        21 => Interval(IntervalUnit::DayTime),
        22 => Interval(IntervalUnit::MonthDayNano),
        23 => Decimal32(9, 2),
        24 => Decimal64(18, 3),
        25 => Decimal128(38, 10),
        26 => Decimal256(76, -3),
        27 | 28 => Utf8,
        29 => LargeUtf8,
        30 => Binary,
        31 => LargeBinary,
        32 | 33 => Utf8View,
        34 => BinaryView,
        35 => FixedSizeBinary(size(input)),
        36 | 37 => List(item(input, depth)),
        38 => LargeList(item(input, depth)),
        39 => {
            let size = size(input);
            FixedSizeList(item(input, depth), size)
        }
        40 | 41 => {
            let count = input.below(4);
            Struct(fields(input, depth, count))
        }
        42 => {
            let count = if input.once_in(LIES) { input.below(4) } else { 2 };
            let entries = Struct(fields(input, depth, count));
            Map(Arc::new(Field::new("entries", entries, input.once_in(LIES))), input.once_in(2))
        }
        43 | 44 => {
            let keys = [Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64, Utf8];
            let key = keys[input.below(keys.len())].clone();
            Dictionary(Box::new(key), Box::new(data_type(input, depth - 1)))
        }
        45 | 46 => {
            let ends = [Int16, Int32, Int64, UInt32][input.below(4)].clone();
            let ends = Field::new("run_ends", ends, input.once_in(LIES));
            RunEndEncoded(Arc::new(ends), item(input, depth))
        }
        _ => {
            let (count, sparse) = (input.below(4), input.once_in(2));
            let mode = if sparse { UnionMode::Sparse } else { Dense };
            let members = fields(input, depth, count);
            let ids = (0..count).map(|i| [3, 7, 0, 127][i]);
            match UnionFields::try_new(ids, members.iter().cloned()) {
                Ok(members) => Union(members, mode),
                Err(_) => Null,
            }
        }
    }
}

fn item(input: &mut Input<'_>, depth: usize) -> Arc<Field> {
    Arc::new(Field::new("item", data_type(input, depth - 1), !input.once_in(3)))
}

fn fields(input: &mut Input<'_>, depth: usize, count: usize) -> Fields {
    (0..count)
        .map(|i| Field::new(format!("f{i}"), data_type(input, depth - 1), !input.once_in(3)))
        .collect()
}

/// A record for these fields.
pub(crate) fn columns(input: &mut Input<'_>, fields: &Fields) -> Columns {
    let rows = input.below(40);
    let mut record = Record { input, out: Columns { rows: rows as u64, ..Columns::default() } };
    for field in fields {
        record.array(field.data_type(), rows);
    }
    let Record { input, mut out } = record;
    if input.once_in(LIES) {
        out.rows = input.strange();
    }
    if input.once_in(LIES) {
        out.nodes.pop();
    }
    if input.once_in(LIES) {
        let extra = input.below(9);
        out.buffers.push(input.bytes(extra).into());
    }
    out
}

struct Record<'a, 'b> {
    input: &'a mut Input<'b>,
    out: Columns,
}

impl Record<'_, '_> {
    fn lies(&mut self) -> bool {
        self.input.once_in(LIES)
    }

    /// One array and what is below it.
    fn array(&mut self, data_type: &DataType, len: usize) {
        use DataType::*;
        self.head(data_type, len);
        match data_type {
            Null | RunEndEncoded(..) | Struct(_) | FixedSizeList(..) => {}
            Boolean => self.buffer(len.div_ceil(8)),
            Utf8 | Binary => {
                let end = self.offsets::<4>(len);
                self.text(end);
            }
            LargeUtf8 | LargeBinary => {
                let end = self.offsets::<8>(len);
                self.text(end);
            }
            Utf8View | BinaryView => self.views(len),
            List(_) | Map(..) => {
                let end = self.offsets::<4>(len);
                self.children(data_type, end);
                return;
            }
            LargeList(_) => {
                let end = self.offsets::<8>(len);
                self.children(data_type, end);
                return;
            }
            FixedSizeBinary(width) => {
                self.buffer(len * usize::try_from(*width).unwrap_or(0).min(64));
            }
            Dictionary(key, _) => {
                let values = self.input.below(9);
                self.keys(len, key.primitive_width().unwrap_or(1), values);
                self.children(data_type, values);
                return;
            }
            Union(members, mode) => {
                let ids: Vec<i8> = members.iter().map(|(id, _)| id).collect();
                let (ids, count) = (ids.as_slice(), ids.len());
                let id = |input: &mut Input<'_>| ids.get(input.below(count)).copied().unwrap_or(0);
                let ids: Vec<u8> = (0..len).map(|_| id(self.input) as u8).collect();
                self.given(ids);
                if *mode == Dense {
                    self.keys(len, 4, len);
                }
            }
            other => self.buffer(len * other.primitive_width().unwrap_or(0)),
        }
        self.children(data_type, len);
    }

    fn children(&mut self, data_type: &DataType, len: usize) {
        use DataType::*;
        match data_type {
            List(field) | LargeList(field) | Map(field, _) => self.array(field.data_type(), len),
            FixedSizeList(field, size) => {
                let size = usize::try_from(*size).unwrap_or(0).min(64);
                self.array(field.data_type(), len * size);
            }
            Struct(fields) => fields.iter().for_each(|field| self.array(field.data_type(), len)),
            Union(members, _) => {
                members.iter().for_each(|(_, field)| self.array(field.data_type(), len));
            }
            Dictionary(_, values) => self.array(values, len),
            RunEndEncoded(ends, values) => {
                let runs = self.input.below(9).min(len);
                self.head(ends.data_type(), runs);
                let width = ends.data_type().primitive_width().unwrap_or(1);
                let ends = (1..=runs).map(|run| if run == runs { len } else { run });
                let ends = ends.flat_map(|end| (end as u64).to_le_bytes().into_iter().take(width));
                let ends = ends.collect();
                self.given(ends);
                self.array(values.data_type(), runs);
            }
            _ => {}
        }
    }

    /// Node and validity.
    fn head(&mut self, data_type: &DataType, len: usize) {
        use DataType::*;
        let bitmap = match data_type {
            Null | Union(..) | RunEndEncoded(..) => None,
            _ if self.input.once_in(2) => Some(self.input.bytes(len.div_ceil(8))),
            _ => Some(vec![]),
        };
        let set = |bitmap: &[u8]| (0..len).filter(|i| bitmap[i / 8] >> (i % 8) & 1 == 1).count();
        let nulls = match (&bitmap, data_type) {
            (None, Null) => len,
            (Some(bitmap), _) if bitmap.len() == len.div_ceil(8) => len - set(bitmap),
            _ => 0,
        };
        let mut node = Node { len: len as u64, nulls: nulls as u64 };
        if self.lies() {
            node.len = self.input.strange();
        }
        if self.lies() {
            node.nulls = self.input.strange();
        }
        self.out.nodes.push(node);
        if let Some(bitmap) = bitmap {
            self.given(bitmap);
        }
    }

    /// Offsets that only grow; answers the last one.
    fn offsets<const WIDTH: usize>(&mut self, len: usize) -> usize {
        let mut at = 0;
        let mut bytes = vec![0; WIDTH];
        for _ in 0..len {
            at += self.input.below(4);
            bytes.extend_from_slice(&(at as u64).to_le_bytes()[..WIDTH]);
        }
        self.given(bytes);
        at
    }

    /// Numbers below a count.
    fn keys(&mut self, len: usize, width: usize, count: usize) {
        let mut bytes = Vec::new();
        for _ in 0..len {
            let key = self.input.below(count.max(1)) as u64;
            bytes.extend_from_slice(&key.to_le_bytes()[..width]);
        }
        self.given(bytes);
    }

    /// ASCII as a rule.
    fn text(&mut self, len: usize) {
        let mut text = self.input.bytes(len);
        if !self.lies() {
            text.iter_mut().for_each(|byte| *byte &= 0x7f);
        }
        self.given(text);
    }

    /// Short values within their views, long ones in one buffer.
    fn views(&mut self, len: usize) {
        let data: Vec<u8> = self.input.bytes(64).iter().map(|byte| byte & 0x7f).collect();
        let mut views = Vec::new();
        for _ in 0..len {
            let size = self.input.below(26);
            let at = self.input.below(32);
            views.extend_from_slice(&(size as u32).to_le_bytes());
            if size <= 12 {
                views.extend((0..12).map(|i| if i < size { data[i] } else { 0 }));
            } else {
                views.extend_from_slice(&data[at..at + 4]);
                views.extend_from_slice(&0u32.to_le_bytes());
                views.extend_from_slice(&(at as u32).to_le_bytes());
            }
        }
        self.given(views);
        let count = if self.lies() { self.input.strange() as u32 } else { 1 };
        self.out.variadic.push(count);
        self.given(data);
    }

    fn buffer(&mut self, len: usize) {
        let bytes = self.input.bytes(len);
        self.given(bytes);
    }

    /// A buffer, perhaps cut, longer, misaligned, changed or forgotten.
    fn given(&mut self, mut bytes: Vec<u8>) {
        if self.lies() {
            match self.input.below(5) {
                0 => bytes.truncate(self.input.below(bytes.len() + 1)),
                1 => bytes.extend_from_slice(&[0xff; 9]),
                2 if !bytes.is_empty() => {
                    let at = self.input.below(bytes.len());
                    bytes[at] = self.input.byte();
                }
                3 if bytes.len() >= 8 => {
                    let at = self.input.below(bytes.len() / 8) * 8;
                    bytes[at..at + 8].copy_from_slice(&self.input.strange().to_le_bytes());
                }
                4 => return,
                _ => {}
            }
        }
        let misaligned = self.lies();
        if misaligned {
            bytes.insert(0, 0);
        }
        let buffer = Buffer::from(bytes);
        self.out.buffers.push(if misaligned { buffer.slice(1) } else { buffer });
    }
}
