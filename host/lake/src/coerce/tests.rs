use arrow::array::{
    BinaryViewArray, Date64Array, Decimal256Array, DictionaryArray, DurationSecondArray,
    FixedSizeBinaryArray, Float16Array, Int8Array, LargeStringArray, ListArray, StringArray,
    StringViewArray, StructArray, Time32SecondArray, Time64NanosecondArray,
    TimestampNanosecondArray, TimestampSecondArray, UInt8Array, UInt64Array,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{Int32Type, IntervalUnit, i256};
use tidelake_core::ErrorKind;

use super::*;

const KINDS: [(LogKind, &str); 4] = [
    (LogKind::Delta, "parquet"),
    (LogKind::Files, "parquet"),
    (LogKind::Files, "json"),
    (LogKind::Files, "avro"),
];

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let fields: Vec<Field> =
        columns.iter().map(|(n, c)| Field::new(*n, c.data_type().clone(), true)).collect();
    let columns = columns.into_iter().map(|(_, c)| c).collect();
    RecordBatch::try_new(Schema::new(fields).into(), columns).unwrap()
}

/// A column of every type that is neither the same everywhere nor refused by some.
fn many_types() -> RecordBatch {
    let ts = TimestampSecondArray::from(vec![Some(1), None, Some(-5)]);
    let ny =
        TimestampNanosecondArray::from(vec![Some(1_362_218_400_000_001_000), None, Some(-1_000)])
            .with_timezone("America/New_York");
    let dictionary: DictionaryArray<Int32Type> =
        vec![Some("a"), None, Some("b/c")].into_iter().collect();
    let inner = TimestampNanosecondArray::from(vec![1_000, 2_000, 3_000]).with_timezone("UTC");
    let list = ListArray::new(
        Arc::new(Field::new("item", inner.data_type().clone(), true)),
        arrow::buffer::OffsetBuffer::from_lengths([1, 0, 2]),
        Arc::new(inner),
        Some(NullBuffer::from(vec![true, false, true])),
    );
    let parts = StructArray::from(vec![(
        Arc::new(Field::new("p", DataType::Utf8View, true)),
        Arc::new(StringViewArray::from(vec![Some("x"), None, Some("a longer text than twelve")]))
            as ArrayRef,
    )]);
    batch(vec![
        ("seconds", Arc::new(ts)),
        ("new_york", Arc::new(ny)),
        ("date64", Arc::new(Date64Array::from(vec![Some(86_400_000), None, Some(-86_400_000)]))),
        ("u8", Arc::new(UInt8Array::from(vec![Some(0), None, Some(255)]))),
        ("u64", Arc::new(UInt64Array::from(vec![Some(0), None, Some(u64::MAX)]))),
        ("dictionary", Arc::new(dictionary)),
        ("large", Arc::new(LargeStringArray::from(vec![Some(""), None, Some("ü")]))),
        (
            "bytes",
            Arc::new(BinaryViewArray::from_iter(vec![Some(&b"\x00\xff"[..]), None, Some(b"")])),
        ),
        (
            "fixed",
            Arc::new(
                FixedSizeBinaryArray::try_from_iter([[1u8, 2], [3, 4], [5, 6]].iter()).unwrap(),
            ),
        ),
        ("list", Arc::new(list)),
        ("struct", Arc::new(parts)),
        ("i8", Arc::new(Int8Array::from(vec![Some(-128), None, Some(127)]))),
    ])
}

#[test]
fn values_survive_the_way_there_and_back() {
    let batch = many_types();
    for (kind, format) in KINDS {
        let storage = storage_schema(&batch.schema(), kind, format).unwrap();
        let stored = coerce(&batch, &storage).unwrap();
        for (column, field) in stored.columns().iter().zip(batch.schema().fields()) {
            let back = restore(column, field.data_type()).unwrap();
            let original = batch.column_by_name(field.name()).unwrap();
            assert_eq!(back.to_data(), original.to_data(), "{kind:?} {format} {field}");
        }
    }
}

#[test]
fn types_of_some_formats() {
    let float = Float16Array::from_iter([None, Some(arrow_half(1.5))]);
    let batch = batch(vec![
        ("f16", Arc::new(float)),
        ("duration", Arc::new(DurationSecondArray::from(vec![Some(3), None]))),
        ("time", Arc::new(Time32SecondArray::from(vec![Some(3), None]))),
        (
            "wide",
            Arc::new(
                Decimal256Array::from(vec![Some(i256::from_i128(7)), None])
                    .with_precision_and_scale(50, 3)
                    .unwrap(),
            ),
        ),
    ]);
    for format in ["parquet", "json", "avro"] {
        let storage = storage_schema(&batch.schema(), LogKind::Files, format).unwrap();
        let stored = coerce(&batch, &storage).unwrap();
        for (column, original) in stored.columns().iter().zip(batch.columns()) {
            let back = restore(column, original.data_type()).unwrap();
            assert_eq!(back.to_data(), original.to_data());
        }
    }
    let error = storage_schema(&batch.schema(), LogKind::Delta, "parquet").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("\"duration\""), "{error}");
    assert!(error.help().unwrap().contains("standardize"));
}

fn arrow_half(
    v: f32,
) -> <arrow::datatypes::Float16Type as arrow::array::ArrowPrimitiveType>::Native {
    let single: ArrayRef = Arc::new(arrow::array::Float32Array::from(vec![v]));
    let half = arrow::compute::cast(&single, &DataType::Float16).unwrap();
    half.as_primitive::<arrow::datatypes::Float16Type>().value(0)
}

#[test]
fn lossy_values_are_refused_by_name() {
    let fine = TimestampNanosecondArray::from(vec![Some(1_000), Some(1)]);
    let rows = batch(vec![("ts", Arc::new(fine) as ArrayRef)]);
    let storage = storage_schema(&rows.schema(), LogKind::Delta, "parquet").unwrap();
    let error = coerce(&rows, &storage).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Input);
    assert!(error.to_string().contains("\"ts\""));
    // A value under a null does not count.
    let hidden = TimestampNanosecondArray::new(
        vec![1_000, 1].into(),
        Some(NullBuffer::from(vec![true, false])),
    );
    let rows = batch(vec![("ts", Arc::new(hidden) as ArrayRef)]);
    coerce(&rows, &storage).unwrap();
    let far = TimestampSecondArray::from(vec![i64::MAX]);
    let rows = batch(vec![("ts", Arc::new(far) as ArrayRef)]);
    assert!(coerce(&rows, &storage).is_err());

    let inner = TimestampNanosecondArray::from(vec![1]);
    let list = ListArray::new(
        Arc::new(Field::new("item", inner.data_type().clone(), true)),
        arrow::buffer::OffsetBuffer::from_lengths([1]),
        Arc::new(inner),
        None,
    );
    let rows = batch(vec![("list", Arc::new(list) as ArrayRef)]);
    let storage = storage_schema(&rows.schema(), LogKind::Delta, "parquet").unwrap();
    assert!(coerce(&rows, &storage).is_err());

    let texts = StringArray::from(vec![Some("x"), None]);
    let required = Schema::new(vec![Field::new("s", DataType::Utf8, false)]);
    let rows = batch(vec![("s", Arc::new(texts) as ArrayRef)]);
    assert_eq!(coerce(&rows, &required.into()).unwrap_err().kind(), ErrorKind::Input);
}

#[test]
fn what_nothing_can_hold_is_refused() {
    let refused = |data_type: DataType| {
        let schema = Schema::new(vec![Field::new("x", data_type, true)]);
        for (kind, format) in KINDS {
            let error = storage_schema(&schema, kind, format).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
        }
    };
    refused(DataType::Null);
    refused(DataType::Interval(IntervalUnit::DayTime));
    refused(DataType::Decimal128(5, -2));
    let twice = Schema::new(vec![
        Field::new("Price", DataType::Int8, true),
        Field::new("price", DataType::Int8, true),
    ]);
    assert!(storage_schema(&twice, LogKind::Delta, "parquet").is_err());
    assert!(storage_schema(&twice, LogKind::Files, "parquet").is_ok());
    assert!(storage_schema(&twice, LogKind::Files, "orc").is_err());
}

#[test]
fn avro_takes_whole_microseconds_and_its_own_names() {
    let times = |nanos: Vec<Option<i64>>| {
        batch(vec![("time", Arc::new(Time64NanosecondArray::from(nanos)) as ArrayRef)])
    };
    let rows = times(vec![Some(86_399_999_999_000), None]);
    let storage = storage_schema(&rows.schema(), LogKind::Files, "avro").unwrap();
    assert_eq!(storage.field(0).data_type(), &DataType::Time64(TimeUnit::Microsecond));
    let stored = coerce(&rows, &storage).unwrap();
    let back = restore(stored.column(0), rows.column(0).data_type()).unwrap();
    assert_eq!(back.to_data(), rows.column(0).to_data());
    let error = coerce(&times(vec![Some(1_001)]), &storage).unwrap_err();
    assert!(error.to_string().contains("\"time\""), "{error}");

    let nested = DataType::Struct(vec![Field::new("a b", DataType::Int8, true)].into());
    for (name, data_type) in [
        ("größe", DataType::Int8),
        ("1st", DataType::Int8),
        ("x", nested),
        ("y", map(DataType::Int8)),
    ] {
        let schema = Schema::new(vec![Field::new(name, data_type, true)]);
        let error = storage_schema(&schema, LogKind::Files, "avro").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains(&format!("{name:?}")), "{error}");
        assert!(error.help().unwrap().contains("standardize"));
    }
    let schema = Schema::new(vec![Field::new("_x9", map(DataType::Utf8), true)]);
    storage_schema(&schema, LogKind::Files, "avro").unwrap();
}

fn map(key: DataType) -> DataType {
    let pair = vec![Field::new("key", key, false), Field::new("value", DataType::Int64, true)];
    DataType::Map(Arc::new(Field::new("entries", DataType::Struct(pair.into()), false)), false)
}
