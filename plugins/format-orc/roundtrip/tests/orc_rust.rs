//! What `format-orc` writes is what orc-rust reads.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch};
use arrow_schema::{DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit};
use bytes::Bytes;
use orc_rust::{ArrowReaderBuilder, Predicate, PredicateValue};
use proptest::prelude::*;
use serde_json::{Value, json};
use tidelake_format_orc::OrcFile;
use tidelake_format_orc_roundtrip::{flat, mix, nested, write};
use tidelake_sdk::testing::conformance::Suite;

/// A type as the reader has it.
fn plain(data_type: &DataType) -> DataType {
    use DataType as D;
    let inner = |field: &FieldRef| Arc::new(as_read(field));
    match data_type {
        D::Dictionary(_, values) => plain(values),
        D::UInt8 => D::Int16,
        D::UInt16 => D::Int32,
        D::UInt32 | D::UInt64 => D::Int64,
        D::Float16 => D::Float32,
        D::LargeUtf8 | D::Utf8View => D::Utf8,
        D::LargeBinary | D::BinaryView | D::FixedSizeBinary(_) => D::Binary,
        D::Date64 => D::Date32,
        D::Decimal32(p, s) | D::Decimal64(p, s) => D::Decimal128(*p, *s),
        D::Timestamp(unit, Some(_)) => D::Timestamp(*unit, Some("UTC".into())),
        D::List(item) | D::LargeList(item) | D::FixedSizeList(item, _) => D::List(inner(item)),
        D::Struct(fields) => D::Struct(fields.iter().map(inner).collect::<Fields>()),
        D::Map(entries, sorted) => D::Map(inner(entries), *sorted),
        other => other.clone(),
    }
}

fn as_read(field: &Field) -> Field {
    field.clone().with_data_type(plain(field.data_type()))
}

fn read_back(file: &[u8], schema: &SchemaRef) -> Result<RecordBatch, String> {
    let fields: Vec<Field> = schema.fields().iter().map(|field| as_read(field)).collect();
    let schema = Arc::new(Schema::new(fields));
    let reader = ArrowReaderBuilder::try_new(Bytes::copy_from_slice(file))
        .map_err(|error| error.to_string())?
        .with_schema(schema.clone())
        .with_batch_size(8192)
        .build();
    let batches = reader.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
    arrow_select::concat::concat_batches(&schema, &batches).map_err(|error| error.to_string())
}

fn assert_same(batch: &RecordBatch, options: &Value) {
    let file = write(batch, &[], options).unwrap();
    let found = read_back(&file, &batch.schema()).unwrap_or_else(|e| panic!("{options}: {e}"));
    assert_eq!(found.num_rows(), batch.num_rows(), "{options}");
    for (i, field) in batch.schema().fields().iter().enumerate() {
        let expected = arrow_cast::cast(batch.column(i), found.column(i).data_type()).unwrap();
        assert!(found.column(i) == &expected, "{options}: column {} differs", field.name());
    }
}

#[test]
fn every_flat_type_with_every_compression() {
    for compression in ["none", "zlib", "snappy", "lz4", "zstd"] {
        let options = json!({"compression": compression, "stripe_rows": 25_000});
        assert_same(&flat(60_000, false), &options);
        assert_same(&flat(60_000, true), &options);
    }
}

#[test]
fn row_groups_that_end_anywhere() {
    for stride in [1, 7, 333, 4096] {
        assert_same(&flat(7_000, true), &json!({"row_index_stride": stride, "stripe_rows": 3001}));
    }
}

#[test]
fn no_dictionaries_and_few_bytes_a_stripe() {
    assert_same(&flat(60_000, true), &json!({"dictionary": false}));
    assert_same(&flat(60_000, true), &json!({"stripe_bytes": 1 << 20}));
}

#[test]
fn lists_structs_and_maps() {
    for options in [json!({}), json!({"row_index_stride": 17, "stripe_rows": 9_999})] {
        assert_same(&nested(20_000), &options);
    }
}

#[test]
fn a_file_without_rows() {
    assert_same(&flat(0, true), &json!({}));
    assert_same(&nested(0), &json!({}));
}

fn ids(file: &[u8], predicate: Option<Predicate>) -> Vec<i64> {
    let reader = ArrowReaderBuilder::try_new(Bytes::copy_from_slice(file)).unwrap();
    // orc-rust 0.9 goes on to the stripe's end if a batch has fewer rows than what it selects.
    let mut reader = reader.with_batch_size(60_000);
    if let Some(predicate) = predicate {
        reader = reader.with_predicate(predicate);
    }
    let mut ids = Vec::new();
    for batch in reader.build() {
        let column: ArrayRef = batch.unwrap().column(0).clone();
        ids.extend_from_slice(column.as_any().downcast_ref::<Int64Array>().unwrap().values());
    }
    ids
}

#[test]
fn a_predicate_reads_one_row_group() {
    for compression in ["none", "zstd"] {
        let file = write(&flat(60_000, true), &[], &json!({"compression": compression})).unwrap();
        assert_eq!(ids(&file, None).len(), 60_000);
        let one = Predicate::eq("id", PredicateValue::Int64(Some(34_567)));
        let found = ids(&file, Some(one));
        let ends = (found.len(), found.first().copied(), found.last().copied());
        assert_eq!(ends, (10_000, Some(30_000), Some(39_999)), "{compression}");
    }
}

#[test]
fn a_bloom_filter_rules_out_what_a_range_does_not() {
    let batch = flat(60_000, true);
    let filter = json!({"bloom_filter": true});
    let columns = json!({"symbol": filter, "unique": filter, "big": filter, "tiny": filter});
    let without = write(&batch, &[], &json!({})).unwrap();
    for options in [json!({"columns": columns}), json!({"columns": columns, "dictionary": false})] {
        let file = write(&batch, &[], &options).unwrap();
        assert_same(&batch, &options);
        let text = |text: &str| PredicateValue::Utf8(Some(text.to_owned()));
        // Amid the least and the greatest, and nowhere.
        let absent = || Predicate::eq("symbol", text("SYM3a"));
        assert_eq!(ids(&without, Some(absent())).len(), 60_000);
        assert!(ids(&file, Some(absent())).is_empty());
        assert_eq!(ids(&file, Some(Predicate::eq("symbol", text("SYM39")))).len(), 60_000);
        for row in [5, 12_345, 54_321] {
            let unique = text(&format!("ü{:x}", mix(row)));
            let found = ids(&file, Some(Predicate::eq("unique", unique)));
            assert!(found.contains(&(row as i64)) && found.len() <= 20_000, "{}", found.len());
        }
        let number = |value| Predicate::eq("big", PredicateValue::Int64(Some(value)));
        assert!(ids(&file, Some(number(mix(61) as i64 >> 1))).contains(&61));
        assert!(ids(&file, Some(number(1_234_567_890_123))).is_empty());
    }
}

#[test]
fn conforms() {
    let schema = Schema::new(vec![
        Field::new("ts", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), false),
        Field::new("symbol", DataType::Utf8, true),
        Field::new("token", DataType::Binary, true),
        Field::new("price", DataType::Float64, true),
        Field::new("small", DataType::Float32, true),
        Field::new("tiny", DataType::Int8, true),
        Field::new("size", DataType::Int64, true),
        Field::new("day", DataType::Date32, true),
        Field::new("halted", DataType::Boolean, true),
        Field::new("fee", DataType::Decimal128(20, 4), true),
    ]);
    for options in [json!({}), json!({"compression": "snappy", "row_index_stride": 100})] {
        Suite::new(schema.clone(), options).format_writer::<OrcFile>(Some(&read_back)).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn integers_come_back(
        runs in prop::collection::vec((any::<i64>(), 0u32..64, -3i64..4, 0usize..700, 0u8..5), 0..12),
        stride in 1usize..3000,
    ) {
        let mut values = Vec::new();
        for (value, shift, step, len, what) in runs {
            let value = value >> shift;
            values.extend((0..len as i64).map(|i| match what {
                0 => Some(value),
                1 => Some(value.wrapping_add(i * step)),
                2 => Some(value.wrapping_add(i * i * step)),
                3 => Some(value ^ ((i * 0x5851_f42d) >> (shift / 2))),
                _ => (i % 3 != 0).then_some(value.wrapping_mul(i)),
            }));
        }
        let array: ArrayRef = Arc::new(values.into_iter().collect::<Int64Array>());
        let batch = RecordBatch::try_from_iter_with_nullable([("v", array, true)]).unwrap();
        assert_same(&batch, &json!({"row_index_stride": stride, "compression": "none"}));
    }
}
