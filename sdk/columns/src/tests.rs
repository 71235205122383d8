//! Random arrays of every type survive the crossing, whole and sliced; random
//! damage to a record is an error or a valid array, never a panic.

use std::sync::Arc;

use arrow_array::builder::{BinaryViewBuilder, StringViewBuilder};
use arrow_array::types::{Int8Type, Int16Type, Int32Type, UInt16Type};
use arrow_array::*;
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field, Fields, IntervalUnit, Schema, TimeUnit, UnionFields};
use proptest::prelude::*;

use super::*;

/// SplitMix64: small, seeded, good enough for shapes.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn nulls(&mut self, len: usize) -> Option<NullBuffer> {
        (self.below(3) > 0)
            .then(|| NullBuffer::from((0..len).map(|_| self.below(4) > 0).collect::<Vec<_>>()))
    }

    fn text(&mut self) -> String {
        let len = [0, 3, 12, 13, 40][self.below(5)];
        (0..len).map(|_| ['a', 'ß', '水', '🌊'][self.below(4)]).collect()
    }

    fn bytes(&mut self, len: usize) -> Buffer {
        (0..len).map(|_| self.next() as u8).collect::<Vec<_>>().into()
    }

    fn offsets(&mut self, len: usize) -> Vec<usize> {
        let lengths = (0..len).map(|_| self.below(4)).collect::<Vec<_>>();
        let mut offsets = vec![0];
        offsets.extend(lengths.iter().scan(0, |at, n| {
            *at += n;
            Some(*at)
        }));
        offsets
    }
}

fn fixed(data_type: &DataType, len: usize, random: &mut Random) -> ArrayRef {
    let width = data_type.primitive_width().expect("fixed width");
    let data = arrow_data::ArrayData::builder(data_type.clone())
        .len(len)
        .nulls(random.nulls(len))
        .add_buffer(random.bytes(len * width))
        .align_buffers(true)
        .build()
        .expect("valid");
    make_array(data)
}

fn leaf_types() -> Vec<DataType> {
    use DataType::*;
    let zone = Some("Europe/Berlin".into());
    let mut types = vec![Null, Boolean, Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64];
    types.extend([Float16, Float32, Float64, Date32, Date64, Time32(TimeUnit::Millisecond)]);
    types.extend([Time64(TimeUnit::Nanosecond), Timestamp(TimeUnit::Microsecond, zone)]);
    types.extend([Duration(TimeUnit::Second), Interval(IntervalUnit::MonthDayNano)]);
    types.extend([Interval(IntervalUnit::DayTime), Interval(IntervalUnit::YearMonth)]);
    types.extend([Decimal32(9, 2), Decimal64(18, 3), Decimal128(38, 10), Decimal256(76, -3)]);
    types.extend([Utf8, LargeUtf8, Binary, LargeBinary, Utf8View, BinaryView]);
    types.push(FixedSizeBinary(5));
    types
}

/// One array of a random type; `depth` levels of nesting are left.
fn any(random: &mut Random, len: usize, depth: usize) -> ArrayRef {
    let leaves = leaf_types();
    let choice = random.below(leaves.len() + if depth > 0 { 16 } else { 0 });
    if let Some(leaf) = leaves.get(choice) {
        self::leaf(leaf, random, len)
    } else {
        nested(choice - leaves.len(), random, len, depth - 1)
    }
}

fn leaf(data_type: &DataType, random: &mut Random, len: usize) -> ArrayRef {
    let nulls = random.nulls(len);
    let valid = |i: usize| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(i));
    let texts = (0..len).map(|i| valid(i).then(|| random.text())).collect::<Vec<_>>();
    let bytes = || texts.iter().map(|t| t.as_ref().map(|t| t.as_bytes()));
    match data_type {
        DataType::Null => Arc::new(NullArray::new(len)),
        DataType::Boolean => {
            let bits = BooleanBuffer::collect_bool(len, |_| random.next().is_multiple_of(2));
            Arc::new(BooleanArray::new(bits, nulls))
        }
        DataType::Utf8 => Arc::new(StringArray::from(texts)),
        DataType::LargeUtf8 => Arc::new(LargeStringArray::from(texts)),
        DataType::Binary => Arc::new(BinaryArray::from_iter(bytes())),
        DataType::LargeBinary => Arc::new(LargeBinaryArray::from_iter(bytes())),
        DataType::Utf8View => {
            let mut builder = StringViewBuilder::new().with_fixed_block_size(64);
            texts.iter().for_each(|text| builder.append_option(text.as_ref()));
            Arc::new(builder.finish())
        }
        DataType::BinaryView => {
            let mut builder = BinaryViewBuilder::new().with_fixed_block_size(64);
            bytes().for_each(|text| builder.append_option(text));
            Arc::new(builder.finish())
        }
        DataType::FixedSizeBinary(width) => {
            let values = random.bytes(len * *width as usize);
            Arc::new(FixedSizeBinaryArray::new(*width, values, nulls))
        }
        other => fixed(other, len, random),
    }
}

fn nested(choice: usize, random: &mut Random, len: usize, depth: usize) -> ArrayRef {
    let item = |array: &ArrayRef| Arc::new(Field::new("item", array.data_type().clone(), true));
    match choice {
        0..=2 => {
            let offsets = random.offsets(len);
            let items = offsets[len] + random.below(3);
            let child = any(random, items, depth);
            let offsets: Vec<i32> = offsets.into_iter().map(|o| o as i32).collect();
            let offsets = OffsetBuffer::new(offsets.into());
            Arc::new(ListArray::new(item(&child), offsets, child, random.nulls(len)))
        }
        3 => {
            let offsets = random.offsets(len);
            let child = any(random, offsets[len], depth);
            let offsets: Vec<i64> = offsets.into_iter().map(|o| o as i64).collect();
            let offsets = OffsetBuffer::new(offsets.into());
            Arc::new(LargeListArray::new(item(&child), offsets, child, random.nulls(len)))
        }
        4 => {
            let child = any(random, len * 3, depth);
            Arc::new(FixedSizeListArray::new(item(&child), 3, child, random.nulls(len)))
        }
        5..=7 => {
            let (a, b) = (any(random, len, depth), any(random, len, depth));
            let fields = Fields::from(vec![
                Field::new("a", a.data_type().clone(), true),
                Field::new("b", b.data_type().clone(), true),
            ]);
            Arc::new(StructArray::new(fields, vec![a, b], random.nulls(len)))
        }
        8 => {
            let offsets = random.offsets(len);
            let keys = Arc::new(Int32Array::from_iter_values(0..offsets[len] as i32)) as ArrayRef;
            let values = any(random, offsets[len], depth);
            let fields = Fields::from(vec![
                Field::new("keys", DataType::Int32, false),
                Field::new("values", values.data_type().clone(), true),
            ]);
            let entries = StructArray::new(fields.clone(), vec![keys, values], None);
            let field = Arc::new(Field::new("entries", DataType::Struct(fields), false));
            let offsets: Vec<i32> = offsets.into_iter().map(|o| o as i32).collect();
            let offsets = OffsetBuffer::new(offsets.into());
            Arc::new(MapArray::new(field, offsets, entries, random.nulls(len), false))
        }
        9..=11 => {
            let mut values = any(random, 5, depth);
            while matches!(values.data_type(), DataType::Dictionary(..)) {
                values = any(random, 5, depth);
            }
            let keys = (0..len).map(|_| (random.below(4) > 0).then(|| random.below(5)));
            if choice == 9 {
                let keys: UInt16Array = keys.map(|k| k.map(|k| k as u16)).collect();
                Arc::new(DictionaryArray::<UInt16Type>::new(keys, values))
            } else {
                let keys: Int8Array = keys.map(|k| k.map(|k| k as i8)).collect();
                Arc::new(DictionaryArray::<Int8Type>::new(keys, values))
            }
        }
        12 | 13 => {
            let mut ends = vec![];
            while ends.last().copied().unwrap_or(0) < len as i32 {
                ends.push(ends.last().copied().unwrap_or(0) + 1 + random.below(3) as i32);
            }
            let values = any(random, ends.len(), 0);
            let array: ArrayRef = if choice == 12 {
                let ends = Int16Array::from_iter_values(ends.iter().map(|end| *end as i16));
                Arc::new(RunArray::<Int16Type>::try_new(&ends, &values).expect("runs"))
            } else {
                let ends = Int32Array::from(ends);
                Arc::new(RunArray::<Int32Type>::try_new(&ends, &values).expect("runs"))
            };
            array.slice(0, len)
        }
        _ => {
            let (a, b) = (any(random, len, depth), any(random, len, depth));
            let fields = UnionFields::try_new(
                [3, 7],
                [
                    Field::new("a", a.data_type().clone(), true),
                    Field::new("b", b.data_type().clone(), true),
                ],
            );
            let ids: ScalarBuffer<i8> = (0..len).map(|_| [3, 7][random.below(2)]).collect();
            let offsets = (choice == 15)
                .then(|| (0..len).map(|_| random.below(len) as i32).collect::<ScalarBuffer<i32>>());
            let fields = fields.expect("union fields");
            Arc::new(UnionArray::try_new(fields, ids, offsets, vec![a, b]).expect("union"))
        }
    }
}

fn some_columns(seed: u64) -> (Fields, Vec<ArrayRef>) {
    let mut random = Random(seed);
    let len = [0, 1, 7, 8, 65, 200][random.below(6)];
    let count = 1 + random.below(3);
    let arrays: Vec<ArrayRef> = (0..count).map(|_| any(&mut random, len, 3)).collect();
    let fields = arrays
        .iter()
        .enumerate()
        .map(|(i, a)| Field::new(format!("c{i}"), a.data_type().clone(), true))
        .collect();
    (fields, arrays)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn arrays_survive_whole_and_sliced(seed: u64) {
        let (fields, arrays) = some_columns(seed);
        let mut random = Random(!seed);
        let len = arrays[0].len();
        let start = random.below(len + 1);
        let slices = [(0, len), (start, random.below(len - start + 1))];
        for (offset, len) in slices {
            let cut: Vec<_> = arrays.iter().map(|a| a.slice(offset, len)).collect();
            let columns = encode(&cut).expect("encode");
            for check in [Check::Full, Check::Trusted] {
                let back = decode(&fields, columns.clone(), check).expect("decode");
                for (a, b) in cut.iter().zip(&back) {
                    prop_assert_eq!(a.len(), b.len());
                    prop_assert_eq!(a.data_type(), b.data_type());
                    let nulls = [a, b].map(|array| array.logical_nulls().filter(|n| n.null_count() > 0));
                    prop_assert_eq!(&nulls[0], &nulls[1]);
                    // An array without rows may differ in what it does not show.
                    prop_assert!(a.is_empty() || a == b, "{:?}\n{:?}", a, b);
                }
            }
        }
    }

    #[test]
    fn damage_is_an_error_and_never_a_panic(seed: u64, hits in 1..4usize) {
        let (fields, arrays) = some_columns(seed);
        let mut columns = encode(&arrays).expect("encode");
        let mut random = Random(seed ^ 0x5eed);
        for _ in 0..hits {
            damage(&mut columns, &mut random);
        }
        if let Ok(back) = decode(&fields, columns, Check::Full) {
            for array in back {
                array.to_data().validate_full().expect("an accepted array is valid");
                let _ = format!("{array:?}");
            }
        }
    }

    #[test]
    fn schemas_survive(seed: u64) {
        let (fields, _) = some_columns(seed);
        let metadata = [("k".to_owned(), "v".to_owned())].into();
        let schema = Schema::new_with_metadata(fields, metadata);
        let message = schema_to_message(&schema);
        prop_assert_eq!(schema_from_message(&message).expect("schema"), schema);
    }

    #[test]
    fn damaged_schemas_never_panic(seed: u64, hits in 1..8usize, cut: bool) {
        let (fields, _) = some_columns(seed);
        let mut message = schema_to_message(&Schema::new(fields));
        let mut random = Random(seed);
        for _ in 0..hits {
            let at = 8 + random.below(message.len() - 8);
            message[at] = random.next() as u8;
        }
        if cut {
            message.truncate(random.below(message.len()));
        }
        if let Ok(schema) = schema_from_message(&message) {
            let _ = schema_to_message(&schema);
        }
    }
}

fn damage(columns: &mut Columns, random: &mut Random) {
    let strange = [0, 1, 3, u64::MAX, 1 << 31, i64::MAX as u64, random.next() % 300];
    let number = strange[random.below(strange.len())];
    match random.below(8) {
        0 => columns.rows = number,
        1 | 2 if !columns.nodes.is_empty() => {
            let at = random.below(columns.nodes.len());
            let node = &mut columns.nodes[at];
            if random.below(2) == 0 { node.len = number } else { node.nulls = number }
        }
        3 if !columns.variadic.is_empty() => {
            let at = random.below(columns.variadic.len());
            columns.variadic[at] = number as u32;
        }
        4 if !columns.buffers.is_empty() => {
            let at = random.below(columns.buffers.len());
            let buffer = &columns.buffers[at];
            columns.buffers[at] = match random.below(3) {
                0 => Buffer::from_vec::<u8>(vec![]),
                1 => buffer.slice(random.below(buffer.len() + 1)),
                _ => buffer.slice_with_length(0, random.below(buffer.len() + 1)),
            };
        }
        5 if !columns.buffers.is_empty() => {
            drop(columns.buffers.remove(random.below(columns.buffers.len())));
        }
        6 => drop(columns.nodes.pop()),
        _ if !columns.buffers.is_empty() => {
            let at = random.below(columns.buffers.len());
            let mut bytes = columns.buffers[at].to_vec();
            if !bytes.is_empty() {
                let at = random.below(bytes.len());
                bytes[at] = [0, 0xff, 0x80, random.next() as u8][random.below(4)];
            }
            columns.buffers[at] = bytes.into();
        }
        _ => {}
    }
}

#[test]
fn whole_arrays_are_not_copied() {
    let floats = Arc::new(Float64Array::from_iter_values((0..100).map(f64::from))) as ArrayRef;
    let texts = Arc::new(StringArray::from(vec!["tide"; 100])) as ArrayRef;
    let columns = encode(&[floats.clone(), texts.clone()]).expect("encode");
    assert_eq!(columns.buffers[1].as_ptr(), floats.to_data().buffers()[0].as_ptr());
    assert_eq!(columns.buffers[4].as_ptr(), texts.to_data().buffers()[1].as_ptr());
    let fields = Fields::from(vec![
        Field::new("f", DataType::Float64, false),
        Field::new("t", DataType::Utf8, false),
    ]);
    let back = decode(&fields, columns, Check::Full).expect("decode");
    assert_eq!(back[0].to_data().buffers()[0].as_ptr(), floats.to_data().buffers()[0].as_ptr());
}

#[test]
fn slices_of_views_leave_unused_bytes_behind() {
    let texts = (0..1_000).map(|i| format!("a string that is not inlined, number {i}"));
    let array = Arc::new(StringViewArray::from_iter_values(texts)) as ArrayRef;
    let columns = encode(&[array.slice(500, 10)]).expect("encode");
    assert!(columns.byte_size() < 1_000, "{}", columns.byte_size());
}

#[test]
fn each_rule_has_its_error() {
    let fields = Fields::from(vec![Field::new("price", DataType::Int32, false)]);
    let good = encode(&[Arc::new(Int32Array::from(vec![1, 2, 3])) as ArrayRef]).expect("encode");
    let error = |columns| decode(&fields, columns, Check::Full).expect_err("refused").to_string();

    let nulls = encode(&[Arc::new(Int32Array::from(vec![Some(1), None])) as ArrayRef]);
    let message = error(nulls.expect("encode"));
    assert_eq!(message, "column `price`: 1 nulls in a column that is declared without nulls");

    let rows = Columns { rows: 4, ..good.clone() };
    assert_eq!(error(rows), "column `price`: 3 values instead of 4");

    let mut short = good.clone();
    short.buffers[1] = short.buffers[1].slice_with_length(0, 11);
    assert!(error(short).contains("Need at least 12 bytes"));

    let mut more = good.clone();
    more.buffers.push(Buffer::from_vec(vec![0u8]));
    assert!(error(more).contains("more buffers"));

    let mut count = good.clone();
    count.nodes[0].nulls = 1;
    assert!(error(count).contains("no validity bitmap"));

    let mut deep = DataType::Int32;
    for _ in 0..MAX_DEPTH {
        deep = DataType::List(Arc::new(Field::new("item", deep, true)));
    }
    let fields = Fields::from(vec![Field::new("deep", deep, true)]);
    let error = decode(&fields, good, Check::Full).expect_err("too deep");
    assert!(matches!(error, Error::Unsupported { .. }));
}

#[test]
fn misaligned_values_are_realigned() {
    let fields = Fields::from(vec![Field::new("x", DataType::Int64, false)]);
    let array = Arc::new(Int64Array::from(vec![1, 2, 3])) as ArrayRef;
    let mut columns = encode(std::slice::from_ref(&array)).expect("encode");
    let mut shifted = vec![0u8];
    shifted.extend_from_slice(&columns.buffers[1]);
    columns.buffers[1] = Buffer::from(shifted).slice(1);
    for check in [Check::Full, Check::Trusted] {
        let back = decode(&fields, columns.clone(), check).expect("decode");
        assert_eq!(&back[0], &array);
    }
}
