//! Rows of every type that `format-orc` writes, and files of them, for readers that share
//! no code with it: orc-rust in `tests`, and whoever reads what `examples/files.rs` writes.

use std::sync::Arc;

use arrow_array::builder::{Int32Builder, MapBuilder, StringBuilder};
use arrow_array::types::{Float64Type, Int32Type};
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray,
    Float32Array, Float64Array, Int8Array, Int16Array, Int32Array, Int64Array, ListArray,
    RecordBatch, StringArray, StringViewArray, StructArray, TimestampMicrosecondArray,
    TimestampMillisecondArray, TimestampNanosecondArray, UInt8Array, UInt16Array, UInt32Array,
    UInt64Array,
};
use serde_json::Value;
use tidelake_format_orc::OrcFile;
use tidelake_sdk::{Result, SortColumn, testing};

/// What is written, in batches of uneven sizes.
pub fn write(batch: &RecordBatch, sort: &[SortColumn], options: &Value) -> Result<Vec<u8>> {
    let (mut batches, mut at) = (Vec::new(), 0);
    for size in [1, 777, 12_345, 5, 30_000].into_iter().cycle() {
        if at == batch.num_rows() {
            break;
        }
        let len = size.min(batch.num_rows() - at);
        batches.push(batch.slice(at, len));
        at += len;
    }
    testing::write_file::<OrcFile>(&batch.schema(), sort, options, &batches)
}

/// A number that looks like chance and is none.
pub fn mix(row: usize) -> u64 {
    let mut z =
        (row as u64).wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

/// A column of each flat type; with nulls in every other stretch of rows, or none at all.
pub fn flat(rows: usize, nulls: bool) -> RecordBatch {
    let there =
        |row: usize| !nulls || (row / 3000).is_multiple_of(2) || !mix(row).is_multiple_of(3);
    fn all<T, A: FromIterator<Option<T>> + arrow_array::Array + 'static>(
        rows: usize,
        there: impl Fn(usize) -> bool,
        value: impl Fn(usize) -> T,
    ) -> ArrayRef {
        Arc::new((0..rows).map(|row| there(row).then(|| value(row))).collect::<A>())
    }
    const DAY: i64 = 86_400;
    let seconds = |row: usize| 1_700_000_000 + row as i64;
    let micros = |row: usize| seconds(row) * 1_000_000 + (mix(row) % 1_000_000) as i64;
    // Before 1970, too.
    let millis = |row: usize| (mix(row) % 4_000_000_000_000) as i64 - 2_000_000_000_000;
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(Int64Array::from_iter_values(0..rows as i64))),
        ("flag", all::<bool, BooleanArray>(rows, there, |r| mix(r).is_multiple_of(3))),
        ("tiny", all::<i8, Int8Array>(rows, there, |r| mix(r / 5) as i8)),
        ("small", all::<i16, Int16Array>(rows, there, |r| mix(r) as i16)),
        ("int", all::<i32, Int32Array>(rows, there, |r| (r as i32) * 3 - 7)),
        ("big", all::<i64, Int64Array>(rows, there, |r| mix(r) as i64 >> (r % 60))),
        ("repeat", all::<i64, Int64Array>(rows, there, |r| mix(r / 17) as i64 % 100)),
        ("u8", all::<u8, UInt8Array>(rows, there, |r| mix(r) as u8)),
        ("u16", all::<u16, UInt16Array>(rows, there, |r| mix(r) as u16)),
        ("u32", all::<u32, UInt32Array>(rows, there, |r| mix(r) as u32)),
        ("u64", all::<u64, UInt64Array>(rows, there, |r| mix(r) >> 1)),
        ("float", all::<f32, Float32Array>(rows, there, |r| mix(r) as f32 / 7.0)),
        ("double", all::<f64, Float64Array>(rows, there, |r| mix(r) as f64 / 3e9 - 1e9)),
        ("symbol", all::<_, StringArray>(rows, there, |r| format!("SYM{}", mix(r) % 40))),
        ("view", all::<_, StringViewArray>(rows, there, |r| format!("a longer text {}", r / 9))),
        ("unique", all::<_, StringArray>(rows, there, |r| format!("ü{:x}", mix(r)))),
        ("bytes", all::<_, BinaryArray>(rows, there, |r| vec![mix(r) as u8; r % 5])),
        ("day", all::<i32, Date32Array>(rows, there, |r| (r as i64 - 5 * DAY) as i32 / 9)),
        ("ts", Arc::new(TimestampMicrosecondArray::from_iter_values((0..rows).map(micros)))),
        (
            "zoned",
            Arc::new(
                (0..rows)
                    .map(|r| there(r).then(|| micros(r) * 1000 + r as i64 % 1000))
                    .collect::<TimestampNanosecondArray>()
                    .with_timezone("UTC"),
            ),
        ),
        ("old", all::<i64, TimestampMillisecondArray>(rows, there, millis)),
        (
            "price",
            Arc::new(
                (0..rows)
                    .map(|r| there(r).then(|| i128::from(mix(r) as i64 % 100_000_000)))
                    .collect::<Decimal128Array>()
                    .with_precision_and_scale(18, 4)
                    .unwrap_or_else(|error| panic!("{error}")),
            ),
        ),
        (
            "wide",
            Arc::new(
                (0..rows)
                    .map(|r| there(r).then(|| i128::from(mix(r) as i64) * 10_i128.pow(18)))
                    .collect::<Decimal128Array>()
                    .with_precision_and_scale(38, 10)
                    .unwrap_or_else(|error| panic!("{error}")),
            ),
        ),
        (
            "coded",
            Arc::new(
                (0..rows)
                    .map(|r| there(r).then(|| ["north", "south", "east"][mix(r) as usize % 3]))
                    .collect::<DictionaryArray<Int32Type>>(),
            ),
        ),
    ];
    RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, array)| (name, array, nulls)),
    )
    .unwrap_or_else(|error| panic!("{error}"))
}

/// Lists, structs and maps, with nulls at all depths.
pub fn nested(rows: usize) -> RecordBatch {
    let lists = ListArray::from_iter_primitive::<Float64Type, _, _>((0..rows).map(|row| {
        (row % 5 != 0).then(|| {
            (0..mix(row) % 4).map(|i| (i != 2).then_some(row as f64 + i as f64)).collect::<Vec<_>>()
        })
    }));
    let a: ArrayRef = Arc::new(
        (0..rows).map(|r| (!mix(r).is_multiple_of(7)).then_some(r as i64)).collect::<Int64Array>(),
    );
    let b: ArrayRef =
        Arc::new(StringArray::from_iter_values((0..rows).map(|r| format!("b{}", r % 11))));
    let whole =
        StructArray::try_from(vec![("a", a), ("b", b)]).unwrap_or_else(|error| panic!("{error}"));
    let (fields, columns, _) = whole.into_parts();
    let there = arrow_buffer::NullBuffer::from_iter((0..rows).map(|row| row % 6 != 1));
    let structs = StructArray::new(fields, columns, Some(there));
    let mut maps = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
    for row in 0..rows {
        for entry in 0..mix(row) % 3 {
            maps.keys().append_value(format!("k{entry}"));
            maps.values().append_option((row % 4 != 0).then_some(row as i32));
        }
        maps.append(row % 9 != 0).unwrap_or_else(|error| panic!("{error}"));
    }
    RecordBatch::try_from_iter_with_nullable([
        ("list", Arc::new(lists) as ArrayRef, true),
        ("struct", Arc::new(structs), true),
        ("map", Arc::new(maps.finish()), true),
    ])
    .unwrap_or_else(|error| panic!("{error}"))
}
