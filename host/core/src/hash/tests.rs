//! What th1 promises, held against rows and encodings drawn at random.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Date64Array, Decimal128Array,
    Decimal256Array, DictionaryArray, FixedSizeListArray, Float32Array, Float64Array, Int8Array,
    Int32Array, Int64Array, ListArray, MapArray, RecordBatch, RunArray, StringArray, StructArray,
    TimestampMicrosecondArray, TimestampNanosecondArray, TimestampSecondArray, UInt64Array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::compute::{cast, concat_batches, take_record_batch};
use arrow::datatypes::{DataType, Field, Int8Type, Int32Type, Schema, TimeUnit, i256};
use proptest::prelude::*;

use super::*;

/// Digest of a batch as a table of its own schema.
fn digest(batch: &RecordBatch) -> Digest {
    as_declared(&batch.schema(), batch)
}

fn as_declared(schema: &Schema, batch: &RecordBatch) -> Digest {
    RowHasher::new("t", schema).unwrap().digest(batch).unwrap()
}

/// Digest of one column declared as `data_type`.
fn column(data_type: &DataType, array: &ArrayRef) -> Digest {
    let declared = Schema::new(vec![Field::new("c", data_type.clone(), true)]);
    let batch = RecordBatch::try_from_iter_with_nullable([("c", array.clone(), true)]).unwrap();
    as_declared(&declared, &batch)
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true)))
        .unwrap()
}

type Row = (Option<i64>, Option<f64>, Option<String>, Option<bool>, Vec<Option<i32>>);

fn row() -> impl Strategy<Value = Row> {
    let int = prop_oneof![Just(0), -3i64..3, any::<i64>()];
    let float = prop_oneof![Just(0.0), Just(-0.0), Just(f64::NAN), any::<f64>()];
    (
        proptest::option::of(int),
        proptest::option::of(float),
        proptest::option::of("[ab]{0,3}|.{0,20}"),
        any::<Option<bool>>(),
        proptest::collection::vec(any::<Option<i32>>(), 0..3),
    )
}

fn rows(size: impl Into<proptest::collection::SizeRange>) -> impl Strategy<Value = Vec<Row>> {
    proptest::collection::vec(row(), size)
}

fn table(rows: &[Row]) -> RecordBatch {
    let lists = ListArray::from_iter_primitive::<Int32Type, _, _>(
        rows.iter().map(|r| (r.4.len() != 2).then(|| r.4.clone())),
    );
    batch(vec![
        ("i", Arc::new(rows.iter().map(|r| r.0).collect::<Int64Array>())),
        ("f", Arc::new(rows.iter().map(|r| r.1).collect::<Float64Array>())),
        ("s", Arc::new(rows.iter().map(|r| r.2.as_deref()).collect::<StringArray>())),
        ("b", Arc::new(rows.iter().map(|r| r.3).collect::<BooleanArray>())),
        ("l", Arc::new(lists)),
    ])
}

proptest! {
    #[test]
    fn order_of_rows_and_columns_does_not_count(
        (rows, order) in rows(0..40).prop_flat_map(|rows| {
            let order = (0..rows.len() as u64).collect::<Vec<_>>();
            (Just(rows), Just(order).prop_shuffle())
        }),
        columns in Just(vec![0usize, 1, 2, 3, 4]).prop_shuffle(),
    ) {
        let batch = table(&rows);
        let shuffled = take_record_batch(&batch, &UInt64Array::from(order)).unwrap();
        prop_assert_eq!(digest(&batch), digest(&shuffled));
        prop_assert_eq!(digest(&batch), digest(&shuffled.project(&columns).unwrap()));
    }

    #[test]
    fn parts_add_up_and_subtract(rows in rows(0..60), cut in 0usize..60) {
        let whole = table(&rows);
        let cut = cut.min(rows.len());
        let (left, right) = (whole.slice(0, cut), whole.slice(cut, rows.len() - cut));
        prop_assert_eq!(digest(&left).merge(digest(&right)), digest(&whole));
        prop_assert_eq!(digest(&whole).subtract(digest(&left)), digest(&right));
        let twice = concat_batches(&whole.schema(), [&whole, &whole]).unwrap();
        prop_assert_eq!(digest(&twice), digest(&whole).merge(digest(&whole)));
    }

    #[test]
    fn one_changed_cell_changes_both_sums(
        rows in rows(1..20), at in any::<proptest::sample::Index>(), with in row(), cell in 0..5,
    ) {
        let mut changed = rows.clone();
        let old = &mut changed[at.index(rows.len())];
        match cell {
            0 => old.0 = with.0,
            1 => old.1 = with.1,
            2 => old.2 = with.2,
            3 => old.3 = with.3,
            _ => old.4 = with.4,
        }
        let (before, after) = (table(&rows), table(&changed));
        // Arrow's equality tells −0 from 0 and NaN from NaN; th1 does not.
        let canonical = |rows: &[Row]| rows.iter().map(|r| {
            let list = (r.4.len() != 2).then_some(&r.4);
            format!("{:?} {:?} {:?} {:?} {list:?}", r.0, r.1.map(|f| f + 0.0), r.2, r.3)
        }).collect::<Vec<_>>();
        if canonical(&rows) == canonical(&changed) {
            prop_assert_eq!(digest(&before), digest(&after));
        } else {
            prop_assert_ne!(digest(&before).sum, digest(&after).sum);
            prop_assert_ne!(digest(&before).mixed, digest(&after).mixed);
        }
    }

    #[test]
    fn encodings_of_the_same_values_are_equal(rows in rows(0..50), from in 0usize..10) {
        let batch = table(&rows);
        let other = RecordBatch::try_from_iter(
            ["i", "f", "s", "b", "l"].into_iter().zip([
                dictionary(batch.column(0), DataType::Int64),
                runs(batch.column(1)),
                dictionary(batch.column(2), DataType::Utf8View),
                batch.column(3).clone(),
                cast(batch.column(4), &DataType::LargeList(Arc::new(
                    Field::new("element", DataType::Int64, true)))).unwrap(),
            ]),
        ).unwrap();
        let from = from.min(rows.len());
        let len = (rows.len() - from) / 2;
        prop_assert_eq!(
            as_declared(&batch.schema(), &other.slice(from, len)),
            digest(&batch.slice(from, len))
        );
        let large = RecordBatch::try_from_iter([
            ("s", cast(batch.column(2), &DataType::LargeUtf8).unwrap())]).unwrap();
        prop_assert_eq!(
            as_declared(&batch.project(&[2]).unwrap().schema(), &large),
            digest(&batch.project(&[2]).unwrap())
        );
    }

    #[test]
    fn garbage_under_nulls_does_not_count(
        values in proptest::collection::vec((any::<i64>(), any::<f64>(), "[a-c]{0,3}"), 1..80),
        nulls in proptest::collection::vec(any::<bool>(), 80),
    ) {
        let valid = NullBuffer::from(nulls[..values.len()].to_vec());
        let of = |garbage: bool| {
            let keep = |i: usize| garbage || valid.is_valid(i);
            let ints = values.iter().enumerate().map(|(i, v)| if keep(i) { v.0 } else { 7 });
            let floats = values.iter().enumerate().map(|(i, v)| if keep(i) { v.1 } else { 7.0 });
            let texts = values.iter().enumerate().map(|(i, v)| if keep(i) { v.2.as_str() } else { "" });
            let texts = StringArray::from_iter_values(texts);
            let ints = Int64Array::new(ints.collect(), Some(valid.clone()));
            let nested = StructArray::new(
                vec![Field::new("x", DataType::Utf8, false)].into(),
                vec![Arc::new(texts.clone())],
                Some(valid.clone()),
            );
            let lists = ListArray::new(
                Arc::new(Field::new("item", DataType::Int64, true)),
                OffsetBuffer::from_lengths(vec![1; values.len()]),
                Arc::new(Int64Array::new(ints.values().clone(), None)),
                Some(valid.clone()),
            );
            let keys = (0..values.len()).map(|i| if keep(i) { i as i32 } else { 0 });
            let keys = Int32Array::new(keys.collect(), Some(valid.clone()));
            batch(vec![
                ("i", Arc::new(ints)),
                ("f", Arc::new(Float64Array::new(floats.collect(), Some(valid.clone())))),
                ("s", Arc::new(StringArray::new(
                    texts.offsets().clone(), texts.values().clone(), Some(valid.clone())))),
                ("n", Arc::new(nested)),
                ("l", Arc::new(lists)),
                ("d", Arc::new(DictionaryArray::new(keys, Arc::new(texts)))),
            ])
        };
        // The dictionary's values differ where only nulls point at them.
        prop_assert_eq!(digest(&of(true)), digest(&of(false)));
    }
}

fn dictionary(array: &ArrayRef, values: DataType) -> ArrayRef {
    let encoded =
        DataType::Dictionary(Box::new(DataType::Int32), Box::new(array.data_type().clone()));
    let encoded = cast(array, &encoded).unwrap();
    let encoded = encoded.as_any().downcast_ref::<DictionaryArray<Int32Type>>().unwrap();
    Arc::new(encoded.with_values(cast(encoded.values(), &values).unwrap()))
}

/// Runs of length one and two over the same values.
fn runs(array: &ArrayRef) -> ArrayRef {
    let ends = Int32Array::from_iter_values(1..=array.len() as i32);
    Arc::new(RunArray::<Int32Type>::try_new(&ends, array).unwrap())
}

#[test]
fn the_formula_is_pinned() {
    let batch = batch(vec![
        ("i", Arc::new(Int64Array::from(vec![Some(1), None, Some(-7)]))),
        ("f", Arc::new(Float64Array::from(vec![Some(0.5), Some(-0.0), None]))),
        ("s", Arc::new(StringArray::from(vec![Some("IBM"), Some(""), None]))),
        ("t", Arc::new(TimestampSecondArray::from(vec![1, i64::MAX, 0]))),
        (
            "d",
            Arc::new(
                Decimal128Array::from(vec![1, i128::MAX, 0])
                    .with_precision_and_scale(38, 2)
                    .unwrap(),
            ),
        ),
        (
            "l",
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([
                Some(vec![Some(1), None]),
                Some(vec![]),
                None,
            ])),
        ),
    ]);
    assert_eq!(digest(&batch).to_string(), "th1:3:d94a77fb14ef577d:c1c000b13bac9485");
    let text = serde_json::to_string(&digest(&batch)).unwrap();
    assert_eq!(serde_json::from_str::<Digest>(&text).unwrap(), digest(&batch));
}

#[test]
fn row_hash_is_what_the_head_says() {
    let batch = batch(vec![("i", Arc::new(Int64Array::from(vec![42])))]);
    let seed = xxhash_rust::xxh3::xxh3_64(b"t\0i");
    let row = mix64(mix64(42 ^ seed));
    assert_eq!(digest(&batch), Digest { rows: 1, sum: row, mixed: mix64(row ^ K) });
}

#[test]
fn values_do_not_move_unnoticed() {
    let of = |a: Vec<Option<i64>>, b: Vec<Option<i64>>| {
        digest(&batch(vec![
            ("a", Arc::new(Int64Array::from(a)) as ArrayRef),
            ("b", Arc::new(Int64Array::from(b))),
        ]))
    };
    let (x, y) = (Some(1), Some(2));
    let base = of(vec![x, y], vec![y, x]);
    assert_eq!(base, of(vec![y, x], vec![x, y]), "order of rows");
    assert_ne!(base, of(vec![x, x], vec![y, y]), "between columns");
    assert_ne!(base, of(vec![x, y], vec![x, y]), "between rows");
    assert_ne!(of(vec![x], vec![None]), of(vec![None], vec![x]));
    assert_ne!(of(vec![x, x], vec![x, x]), of(vec![x], vec![x]), "duplicates");
    let alone = batch(vec![("a", Arc::new(Int64Array::from(vec![1])))]);
    let elsewhere = RowHasher::new("u", &alone.schema()).unwrap().digest(&alone).unwrap();
    assert_ne!(digest(&alone), elsewhere, "between tables");
}

#[test]
fn instants_are_equal_in_every_unit_and_zone() {
    let seconds = TimestampSecondArray::from(vec![Some(1_362_268_800), None, Some(-1)]);
    let micros: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![
        Some(1_362_268_800_000_000),
        None,
        Some(-1_000_000),
    ]));
    let nanos = TimestampNanosecondArray::from(vec![
        Some(1_362_268_800_000_000_000),
        None,
        Some(-1_000_000_000),
    ])
    .with_timezone("Europe/Vienna");
    let t = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let expected = column(&t, &micros);
    assert_eq!(column(&t, &(Arc::new(seconds) as _)), expected);
    assert_eq!(column(&t, &(Arc::new(nanos) as _)), expected);
    // Beyond 64 bits of nanoseconds, seconds and microseconds still agree.
    let far = 20_000_000_000i64;
    assert_eq!(
        column(&t, &(Arc::new(TimestampSecondArray::from(vec![far])) as _)),
        column(&t, &(Arc::new(TimestampMicrosecondArray::from(vec![far * 1_000_000])) as _)),
    );
}

#[test]
fn numbers_are_equal_in_every_width() {
    let ints: ArrayRef = Arc::new(Int64Array::from(vec![Some(5), None, Some(0)]));
    let u64s: ArrayRef = Arc::new(UInt64Array::from(vec![Some(5), None, Some(0)]));
    let i8s: ArrayRef = Arc::new(Int8Array::from(vec![Some(5), None, Some(0)]));
    assert_eq!(column(&DataType::UInt64, &ints), column(&DataType::UInt64, &u64s));
    assert_eq!(column(&DataType::Int16, &ints), column(&DataType::Int16, &i8s));
    let large: ArrayRef = Arc::new(UInt64Array::from(vec![u64::MAX]));
    let minus: ArrayRef = Arc::new(Int64Array::from(vec![-1]));
    assert_ne!(column(&DataType::UInt64, &large), column(&DataType::UInt64, &minus));

    let f64s: ArrayRef = Arc::new(Float64Array::from(vec![0.5, -0.0, f64::NAN, f64::INFINITY]));
    let nan = f32::from_bits(0xffc0_1234);
    let f32s: ArrayRef = Arc::new(Float32Array::from(vec![0.5, 0.0, nan, f32::INFINITY]));
    assert_eq!(column(&DataType::Float64, &f64s), column(&DataType::Float64, &f32s));

    let days: ArrayRef = Arc::new(Date32Array::from(vec![15_766, -1]));
    let millis: ArrayRef = Arc::new(Date64Array::from(vec![15_766 * 86_400_000, -86_400_000]));
    let within: ArrayRef = Arc::new(Date64Array::from(vec![15_766 * 86_400_000 + 1, -86_400_000]));
    assert_eq!(column(&DataType::Date32, &days), column(&DataType::Date32, &millis));
    assert_ne!(column(&DataType::Date32, &days), column(&DataType::Date32, &within));
}

#[test]
fn decimals_are_equal_at_every_scale_and_width() {
    let declared = DataType::Decimal128(20, 2);
    let narrow = |values: Vec<i128>, scale| {
        let array = Decimal128Array::from(values).with_precision_and_scale(38, scale).unwrap();
        column(&declared, &(Arc::new(array) as _))
    };
    let expected = narrow(vec![150, -5, i128::from(i64::MAX) * 4], 2);
    let wide = Decimal256Array::from(vec![
        i256::from_i128(15_000),
        i256::from_i128(-500),
        i256::from_i128(i128::from(i64::MAX) * 400),
    ])
    .with_precision_and_scale(76, 4)
    .unwrap();
    assert_eq!(column(&declared, &(Arc::new(wide) as _)), expected);
    assert_eq!(narrow(vec![15], 1), narrow(vec![150], 2));
    assert_ne!(narrow(vec![1501], 3), narrow(vec![150], 2), "a digit beyond the declared scale");
    assert_ne!(narrow(vec![150], 3), narrow(vec![150], 2));
}

#[test]
fn nested_values_count_by_place_and_name() {
    let list = |rows: Vec<Option<Vec<Option<i32>>>>| {
        digest(&batch(vec![(
            "l",
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(rows)) as ArrayRef,
        )]))
    };
    let ab = list(vec![Some(vec![Some(1), Some(2)])]);
    let all = [
        ab,
        list(vec![Some(vec![Some(2), Some(1)])]),
        list(vec![Some(vec![Some(1), Some(2), None])]),
        list(vec![Some(vec![None])]),
        list(vec![Some(vec![])]),
        list(vec![None]),
    ];
    for (i, one) in all.iter().enumerate() {
        assert!(all[i + 1..].iter().all(|other| other.sum != one.sum), "{i}");
    }
    let fixed = FixedSizeListArray::new(
        Arc::new(Field::new("x", DataType::Int32, true)),
        2,
        Arc::new(Int32Array::from(vec![9, 9, 1, 2])),
        None,
    );
    let declared = DataType::List(Arc::new(Field::new("item", DataType::Int32, true)));
    let fixed: ArrayRef = Arc::new(fixed.slice(1, 1));
    let one = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), Some(2)])]);
    let view = cast(&one, &DataType::ListView(Arc::new(Field::new("item", DataType::Int32, true))))
        .unwrap();
    assert_eq!(column(&declared, &fixed), column(&declared, &(Arc::new(one) as _)));
    assert_eq!(column(&declared, &fixed), column(&declared, &view));

    let x: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), None]));
    let y: ArrayRef = Arc::new(Int32Array::from(vec![Some(2), None]));
    let of = |fields: Vec<(&str, &ArrayRef)>, nulls: Option<Vec<bool>>| -> ArrayRef {
        let (fields, arrays): (Vec<_>, Vec<_>) = fields
            .into_iter()
            .map(|(n, a)| (Field::new(n, DataType::Int32, true), a.clone()))
            .unzip();
        Arc::new(StructArray::new(fields.into(), arrays, nulls.map(NullBuffer::from)))
    };
    let plain = of(vec![("x", &x), ("y", &y)], None);
    let declared = plain.data_type();
    let hash = |array: &ArrayRef| column(declared, array);
    assert_eq!(hash(&plain), hash(&of(vec![("y", &y), ("x", &x)], None)));
    assert_ne!(hash(&plain), hash(&of(vec![("x", &y), ("y", &x)], None)));
    assert_ne!(hash(&plain), hash(&of(vec![("x", &x), ("y", &y)], Some(vec![true, false]))));
}

#[test]
fn maps_have_no_order() {
    let map = |keys: Vec<&str>, values: Vec<i32>, names: [&str; 2]| -> ArrayRef {
        let fields = vec![
            Field::new(names[0], DataType::Utf8, false),
            Field::new(names[1], DataType::Int32, true),
        ];
        let entries = StructArray::new(
            fields.into(),
            vec![Arc::new(StringArray::from(keys)), Arc::new(Int32Array::from(values))],
            None,
        );
        let field = Field::new("entries", entries.data_type().clone(), false);
        let offsets = OffsetBuffer::new(ScalarBuffer::from(vec![0, entries.len() as i32]));
        Arc::new(MapArray::new(Arc::new(field), offsets, entries, None, false))
    };
    let base = map(vec!["a", "b"], vec![1, 2], ["key", "value"]);
    let hash = |array: &ArrayRef| column(base.data_type(), array);
    assert_eq!(hash(&base), hash(&map(vec!["b", "a"], vec![2, 1], ["keys", "values"])));
    assert_ne!(hash(&base), hash(&map(vec!["a", "b"], vec![2, 1], ["key", "value"])));
    assert_ne!(hash(&base), hash(&map(vec!["a"], vec![1], ["key", "value"])));
}

#[test]
fn slices_of_large_dictionaries_and_long_runs_are_equal_to_their_values() {
    let texts: ArrayRef = Arc::new(StringArray::from_iter(
        (0..200).map(|i| (i % 7 > 0).then(|| format!("s{}", i / 9))),
    ));
    let keyed = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8));
    let encoded = cast(&texts, &keyed).unwrap();
    assert!(encoded.as_any().is::<DictionaryArray<Int8Type>>());
    let ends = Int32Array::from(vec![50, 120, 200]);
    let values = StringArray::from(vec![Some("a"), None, Some("b")]);
    let runs = RunArray::<Int32Type>::try_new(&ends, &values).unwrap();
    let flat: ArrayRef = Arc::new(StringArray::from_iter(
        (0..200)
            .map(|i| [Some("a"), None, Some("b")][usize::from(i >= 50) + usize::from(i >= 120)]),
    ));
    for (from, len) in [(0, 200), (3, 2), (49, 80), (130, 1), (200, 0)] {
        let hash = |array: &ArrayRef| column(&DataType::Utf8, array);
        assert_eq!(hash(&encoded.slice(from, len)), hash(&texts.slice(from, len)));
        assert_eq!(hash(&(Arc::new(runs.slice(from, len)) as _)), hash(&flat.slice(from, len)));
    }
}

#[test]
fn many_rows_cross_chunks() {
    let ints = Int64Array::from_iter((0..3 * CHUNK as i64 + 5).map(|i| (i % 3 > 0).then_some(i)));
    let whole = batch(vec![("i", Arc::new(ints) as ArrayRef)]);
    let parts = (0..whole.num_rows())
        .map(|i| digest(&whole.slice(i, 1)))
        .fold(Digest::default(), Digest::merge);
    assert_eq!(digest(&whole), parts);
}

#[test]
fn other_columns_than_declared_are_refused() {
    let whole = table(&[]);
    let refused = |declared: &RecordBatch, batch: &RecordBatch, needle: &str| {
        let mut hasher = RowHasher::new("t", &declared.schema()).unwrap();
        let error = hasher.digest(batch).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Input);
        assert!(error.to_string().contains(needle), "{error}");
    };
    refused(&whole, &whole.project(&[0, 1, 2, 3]).unwrap(), "lack the column \"l\"");
    refused(&whole.project(&[0, 1]).unwrap(), &whole.project(&[0, 1, 2]).unwrap(), "column \"s\"");
    let bytes = batch(vec![("s", Arc::new(BinaryArray::from(vec![b"x".as_slice()])) as ArrayRef)]);
    refused(&whole.project(&[2]).unwrap(), &bytes, "Binary");
    let twice = Schema::new(vec![Field::new("a", DataType::Int8, true); 2]);
    assert!(RowHasher::new("t", &twice).is_err());
}

/// Found by fuzzing: a selection of such values forgot how many there were.
#[test]
fn values_without_bytes_hash_in_a_large_dictionary() {
    let data_type = DataType::FixedSizeBinary(0);
    let dictionary = |values: usize| {
        let values = arrow::array::ArrayData::builder(data_type.clone())
            .len(values)
            .add_buffer(arrow::buffer::Buffer::from(&[0u8; 0]))
            .build()
            .unwrap();
        let keys = Int8Array::from(vec![0]);
        let values = arrow::array::make_array(values);
        Arc::new(DictionaryArray::<Int8Type>::new(keys, values)) as ArrayRef
    };
    assert_eq!(column(&data_type, &dictionary(20)), column(&data_type, &dictionary(1)));
}

/// Found by fuzzing: a selection of runs takes no notice of nulls among the keys.
#[test]
fn null_keys_into_a_large_dictionary_of_runs_are_null() {
    let runs = |values: Vec<i64>| {
        let ends = Int32Array::from_iter_values((1..=values.len() as i32).map(|end| end * 5));
        RunArray::<Int32Type>::try_new(&ends, &Int64Array::from(values)).unwrap()
    };
    // Under a null the key points anywhere.
    let keys = Int8Array::new(vec![7, 100, 12].into(), Some(vec![true, false, true].into()));
    let keyed = DictionaryArray::<Int8Type>::new(keys, Arc::new(runs(vec![1, 2, 3, 4])));
    let flat: ArrayRef = Arc::new(Int64Array::from(vec![Some(2), None, Some(3)]));
    let hash = |array: ArrayRef| column(&DataType::Int64, &array);
    for (from, len) in [(0, 3), (0, 1), (1, 1), (1, 2), (3, 0)] {
        assert_eq!(hash(Arc::new(keyed.slice(from, len))), hash(flat.slice(from, len)));
    }
}
