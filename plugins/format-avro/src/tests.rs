use std::io::Cursor;
use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, Int32Array, RecordBatch, RecordBatchOptions, StringArray,
    Time64NanosecondArray, TimestampSecondArray,
};
use arrow_avro::reader::ReaderBuilder;
use arrow_avro::schema::SCHEMA_METADATA_KEY;
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use proptest::prelude::*;
use serde_json::{Value, json};
use tidelake_columns::samples::{Flavour, Samples, cut, difference, every_type};
use tidelake_sdk::codec::{self, Algorithm};
use tidelake_sdk::testing::conformance::Suite;
use tidelake_sdk::{ErrorKind, testing};

use crate::AvroFile;

fn write(batch: &RecordBatch, options: Value) -> tidelake_sdk::Result<Vec<u8>> {
    write_all(&batch.schema(), std::slice::from_ref(batch), options)
}

fn write_all(
    schema: &SchemaRef,
    batches: &[RecordBatch],
    options: Value,
) -> tidelake_sdk::Result<Vec<u8>> {
    testing::write_file::<AvroFile>(schema, &[], &options, batches)
}

/// Rows through the crate's own reader, cast back to the types of a schema.
fn read_back(file: &[u8], schema: &SchemaRef) -> Result<RecordBatch, String> {
    let reader = ReaderBuilder::new().with_batch_size(100_000).build(Cursor::new(file));
    let mut batches = reader
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| error.to_string())?;
    let found = match batches.len() {
        0 => return Ok(RecordBatch::new_empty(schema.clone())),
        1 => batches.remove(0),
        more => return Err(format!("{more} batches")),
    };
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let columns = schema.fields().iter().zip(found.columns());
    let columns = columns
        .map(|(field, array)| cast_with_options(array, field.data_type(), &options))
        .collect::<Result<Vec<_>, _>>();
    let rows = RecordBatchOptions::new().with_row_count(Some(found.num_rows()));
    columns
        .and_then(|columns| RecordBatch::try_new_with_options(schema.clone(), columns, &rows))
        .map_err(|error| error.to_string())
}

/// The schema in the header.
fn schema_of(file: &[u8]) -> Value {
    let reader = ReaderBuilder::new().build(Cursor::new(file)).unwrap();
    let json = reader.avro_header().metadata().find(|(key, _)| *key == b"avro.schema");
    serde_json::from_slice(json.unwrap().1).unwrap()
}

/// Reads one of Avro's integers, and moves on.
fn long(bytes: &mut &[u8]) -> i64 {
    let (mut value, mut shift) = (0u64, 0);
    loop {
        let byte = bytes[0];
        *bytes = &bytes[1..];
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            return (value >> 1) as i64 ^ -((value & 1) as i64);
        }
    }
}

/// The blocks behind a header: rows and bytes. Each ends with the marker.
fn blocks(file: &[u8]) -> Vec<(i64, Vec<u8>)> {
    assert!(file.starts_with(b"Obj\x01"));
    let mut rest = &file[4..];
    let entries = long(&mut rest);
    for _ in 0..2 * entries {
        let length = long(&mut rest) as usize;
        rest = &rest[length..];
    }
    assert_eq!(long(&mut rest), 0);
    let (marker, mut rest) = rest.split_at(16);
    let mut blocks = Vec::new();
    while !rest.is_empty() {
        let (rows, length) = (long(&mut rest), long(&mut rest) as usize);
        blocks.push((rows, rest[..length].to_vec()));
        assert_eq!(&rest[length..length + 16], marker);
        rest = &rest[length + 16..];
    }
    blocks
}

fn ids(count: i32) -> RecordBatch {
    let ids: ArrayRef = Arc::new(Int32Array::from_iter_values(0..count));
    RecordBatch::try_from_iter([("id", ids)]).unwrap()
}

/// What Avro holds, beyond the types that every plugin meets.
fn nested_types() -> Vec<DataType> {
    use DataType as D;
    let item = |data_type| Arc::new(Field::new("item", data_type, true));
    let record = |fields: Vec<(&str, D)>| {
        D::Struct(fields.into_iter().map(|(n, t)| Field::new(n, t, true)).collect())
    };
    vec![
        D::List(item(D::List(item(D::UInt32)))),
        D::List(item(record(vec![("row", D::Float32), ("at", D::Time32(TimeUnit::Second))]))),
        record(vec![("row", record(vec![("row", D::FixedSizeBinary(3))])), ("n", D::UInt64)]),
        record(vec![("list", D::List(item(D::Decimal128(9, 2)))), ("day", D::Date64)]),
        D::Decimal128(38, 38),
        D::Decimal256(76, 0),
        D::Timestamp(TimeUnit::Nanosecond, Some("Europe/Berlin".into())),
        D::Timestamp(TimeUnit::Millisecond, None),
        D::Timestamp(TimeUnit::Microsecond, None),
    ]
}

/// Rows of one column.
fn column(data_type: &DataType, rows: usize, flavour: Flavour, seed: u64) -> RecordBatch {
    let schema = Arc::new(Schema::new(vec![Field::new("the_column", data_type.clone(), true)]));
    Samples::new(schema).seeded(seed).batch(0..rows, flavour).unwrap()
}

#[test]
fn every_type_comes_back_or_is_refused() {
    let mut refused = Vec::new();
    for data_type in every_type().into_iter().chain(nested_types()) {
        for flavour in [Flavour::Ordinary, Flavour::Nulls, Flavour::AllNull] {
            let mut batch = column(&data_type, 500, flavour, 3);
            if data_type == DataType::Time64(TimeUnit::Nanosecond) {
                batch = whole_micros(&batch);
            }
            match write(&batch, json!({"compression": "snappy"})) {
                Ok(file) => {
                    let back = read_back(&file, &batch.schema())
                        .unwrap_or_else(|error| panic!("{data_type}: {error}"));
                    let difference = difference(&batch, &back, &[]);
                    assert_eq!(difference, None, "{data_type} ({flavour:?})");
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Unsupported, "{data_type}: {error}");
                    assert!(error.message().contains("column `the_column`"), "{error}");
                    assert!(error.message().contains("standardize"), "{error}");
                    refused.push(data_type.clone());
                }
            }
        }
    }
    refused.dedup();
    let expected = [
        DataType::Null,
        DataType::Duration(TimeUnit::Microsecond),
        DataType::Interval(arrow_schema::IntervalUnit::YearMonth),
    ];
    assert_eq!(refused, expected);
}

fn whole_micros(batch: &RecordBatch) -> RecordBatch {
    let times = batch.column(0).as_any().downcast_ref::<Time64NanosecondArray>().unwrap();
    let whole: Time64NanosecondArray = times.unary(|t| t / 1000 * 1000);
    RecordBatch::try_new(batch.schema(), vec![Arc::new(whole)]).unwrap()
}

#[test]
fn the_header_has_avros_types() {
    let fields = |types: &[(&str, DataType)]| -> Value {
        let fields: Vec<_> =
            types.iter().map(|(name, t)| Field::new(*name, t.clone(), false)).collect();
        let schema = Arc::new(Schema::new(fields));
        schema_of(&write_all(&schema, &[], json!({})).unwrap())
    };
    let nanos =
        |zone: Option<&str>| DataType::Timestamp(TimeUnit::Nanosecond, zone.map(Into::into));
    let inner = DataType::Struct(vec![Field::new("x", DataType::Int64, true)].into());
    let schema = fields(&[
        ("at", nanos(Some("UTC"))),
        ("local", nanos(None)),
        ("u", DataType::UInt64),
        ("time", DataType::Time32(TimeUnit::Second)),
        ("views", DataType::BinaryView),
        ("row", inner),
    ]);
    let expected = json!({
        "type": "record",
        // Not that of a column.
        "name": "row_",
        "fields": [
            {"name": "at", "type": {"type": "long", "logicalType": "timestamp-nanos"}},
            {"name": "local", "type": {"type": "long", "logicalType": "local-timestamp-nanos"}},
            {"name": "u", "type": {
                "type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 0,
            }},
            {"name": "time", "type": {"type": "int", "logicalType": "time-millis"}},
            {"name": "views", "type": "bytes"},
            {"name": "row", "type": {
                "type": "record", "name": "row", "fields": [{"name": "x", "type": ["null", "long"]}],
            }},
        ],
    });
    assert_eq!(schema, expected);
}

#[test]
fn metadata_of_the_rows_decides_nothing() {
    let plain = ids(10);
    let odd = [("avro.name", "other"), ("logicalType", "uuid"), ("default", "3")]
        .map(|(key, value)| (key.to_owned(), value.to_owned()));
    let field = plain.schema().field(0).clone().with_metadata(odd.into());
    let schema = Schema::new_with_metadata(
        vec![field],
        [(SCHEMA_METADATA_KEY.to_owned(), "\"int\"".to_owned())].into(),
    );
    let marked = RecordBatch::try_new(Arc::new(schema), plain.columns().to_vec()).unwrap();
    assert_eq!(write(&marked, json!({})).unwrap(), write(&plain, json!({})).unwrap());
}

#[test]
fn blocks_end_where_they_are_full_however_the_rows_come() {
    let batch = ids(20_000);
    let options = json!({"block_bytes": 5000});
    let file = write(&batch, options.clone()).unwrap();
    let found = blocks(&file);
    assert_eq!(found.iter().map(|(rows, _)| rows).sum::<i64>(), 20_000);
    let (last, full) = found.split_last().unwrap();
    assert!(full.iter().all(|(_, bytes)| (5000..5003).contains(&bytes.len())));
    assert!(!last.1.is_empty() && last.1.len() <= 5000);
    assert_eq!(write_all(&batch.schema(), &cut(&batch), options).unwrap(), file);
    assert_eq!(read_back(&file, &batch.schema()).unwrap(), batch);
}

#[test]
fn the_marker_depends_on_the_rows() {
    let markers = [ids(10), ids(11), ids(0)].map(|batch| {
        let file = write(&batch, json!({})).unwrap();
        file[file.len() - 16..].to_vec()
    });
    assert!(markers[0] != markers[1] && markers[1] != markers[2] && markers[0] != markers[2]);
}

#[test]
fn every_compression_holds_the_same_rows() {
    let batch = ids(30_000);
    let plain = blocks(&write(&batch, json!({})).unwrap());
    for compression in ["deflate", "deflate(0)", "deflate(9)", "snappy", "zstd", "zstd(19)"] {
        let file = write(&batch, json!({"compression": compression})).unwrap();
        let packed = blocks(&file);
        assert_eq!(packed.len(), plain.len(), "{compression}");
        if compression.starts_with("zstd") {
            for (plain, packed) in plain.iter().zip(&packed) {
                let limit = plain.1.len() as u64;
                let back = codec::decompress(Algorithm::Zstd, &packed.1, limit).unwrap();
                assert!(plain.0 == packed.0 && plain.1 == back);
            }
        } else {
            assert_eq!(read_back(&file, &batch.schema()).unwrap(), batch, "{compression}");
        }
    }
}

#[test]
fn a_file_without_rows_is_a_file() {
    let batch = ids(0);
    let file = write_all(&batch.schema(), &[], json!({"compression": "zstd(3)"})).unwrap();
    assert!(blocks(&file).is_empty());
    let file = write_all(&batch.schema(), &[batch.clone(), batch.clone()], json!({})).unwrap();
    assert_eq!(read_back(&file, &batch.schema()).unwrap(), batch);
}

#[test]
fn values_that_do_not_fit_are_refused_by_name() {
    let far: ArrayRef = Arc::new(TimestampSecondArray::from(vec![Some(0), None, Some(i64::MAX)]));
    let fine: ArrayRef = Arc::new(Time64NanosecondArray::from(vec![Some(1000), Some(1001)]));
    for array in [far, fine] {
        let batch = RecordBatch::try_from_iter_with_nullable([("held", array, true)]).unwrap();
        let error = write(&batch, json!({})).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.message().contains("column `held`"), "{error}");
    }
}

#[test]
fn types_and_names_that_avro_lacks_are_refused_by_name() {
    let refusal = |name: &str, data_type: DataType| {
        let schema = Arc::new(Schema::new(vec![Field::new(name, data_type, true)]));
        let error = write_all(&schema, &[], json!({})).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.message().contains("standardize"), "{error}");
        error.message().to_owned()
    };
    for name in ["", "a b", "1st", "größe", "a.b"] {
        assert!(refusal(name, DataType::Int32).contains(&format!("column {name:?}")));
    }
    let odd = DataType::Struct(vec![Field::new("a-b", DataType::Int8, true)].into());
    assert!(refusal("held", odd.clone()).contains("\"a-b\""));
    let list = DataType::List(Arc::new(Field::new("any name", odd, true)));
    assert!(refusal("held", list).contains("\"a-b\""));
    let pair = |key| {
        let pair = vec![Field::new("k", key, false), Field::new("v", DataType::Int8, true)];
        let entries = Field::new("entries", DataType::Struct(pair.into()), false);
        DataType::Map(Arc::new(entries), false)
    };
    assert!(refusal("held", pair(DataType::Int32)).contains("Map"));
    assert!(refusal("held", DataType::Decimal128(5, -2)).contains("column `held`"));
    assert!(refusal("held", DataType::Decimal128(5, 6)).contains("column `held`"));
    assert!(refusal("held", DataType::FixedSizeBinary(0)).contains("column `held`"));
    assert!(refusal("held", DataType::Struct(Vec::<Field>::new().into())).contains("`held`"));
    let schema = Arc::new(Schema::new(vec![Field::new("held", pair(DataType::LargeUtf8), true)]));
    write_all(&schema, &[], json!({})).unwrap();
}

#[test]
fn maps_and_run_ends_come_back() {
    let mut map = arrow_array::builder::MapBuilder::new(
        None,
        arrow_array::builder::StringBuilder::new(),
        arrow_array::builder::UInt16Builder::new(),
    );
    for row in 0..50u16 {
        for entry in 0..row % 4 {
            map.keys().append_value(format!("key {entry}"));
            map.values().append_option((entry != 1).then_some(row));
        }
        map.append(row % 5 != 0).unwrap();
    }
    let map: ArrayRef = Arc::new(map.finish());
    let batch = RecordBatch::try_from_iter_with_nullable([("map", map, true)]).unwrap();
    let file = write(&batch, json!({})).unwrap();
    let back = read_back(&file, &batch.schema()).unwrap();
    assert_eq!(difference(&batch, &back, &[]), None);

    let runs: arrow_array::RunArray<arrow_array::types::Int32Type> =
        [Some("a"), Some("a"), None, Some("b")].into_iter().collect();
    let batch =
        RecordBatch::try_from_iter_with_nullable([("runs", Arc::new(runs) as ArrayRef, true)])
            .unwrap();
    let file = write(&batch.slice(1, 3), json!({})).unwrap();
    let texts = Arc::new(Schema::new(vec![Field::new("runs", DataType::Utf8, true)]));
    let back = read_back(&file, &texts).unwrap();
    assert_eq!(back.column(0).as_ref(), &StringArray::from(vec![Some("a"), None, Some("b")]));
}

#[test]
fn options_are_held_against_what_there_is() {
    let message = |options| write(&ids(1), options).unwrap_err().message().to_owned();
    assert!(message(json!({"compression": "bzip2"})).starts_with("option `compression`"));
    assert!(message(json!({"compression": "zstd(23)"})).starts_with("option `compression`"));
    assert!(message(json!({"block_bytes": 10})).starts_with("option `block_bytes`"));
    assert!(message(json!({"block_size": 10})).contains("block_size"));
}

#[test]
fn conforms() {
    let schema = Schema::new(vec![
        Field::new("ts", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), false),
        Field::new("symbol", DataType::Utf8, true),
        Field::new("token", DataType::Binary, true),
        Field::new("price", DataType::Float64, true),
        Field::new("size", DataType::Int64, true),
        Field::new("flags", DataType::UInt64, true),
        Field::new("day", DataType::Date32, true),
        Field::new("halted", DataType::Boolean, true),
        Field::new("fee", DataType::Decimal128(20, 4), true),
    ]);
    for options in [
        json!({}),
        json!({"compression": "deflate(1)", "block_bytes": 2000}),
        json!({"compression": "snappy"}),
    ] {
        let suite = Suite::new(schema.clone(), options);
        suite.format_writer::<AvroFile>(Some(&read_back)).unwrap();
    }
    Suite::new(schema, json!({"compression": "zstd(3)"})).format_writer::<AvroFile>(None).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn random_rows_come_back(
        picks in prop::collection::vec((0..100usize, any::<bool>()), 1..8),
        rows in 1..700usize,
        flavour in prop::sample::select(vec![Flavour::Ordinary, Flavour::Nulls, Flavour::Edges]),
        seed in any::<u64>(),
        block_bytes in 1024..20_000usize,
        compression in prop::sample::select(vec!["none", "deflate(1)", "snappy"]),
    ) {
        let types: Vec<DataType> = every_type().into_iter().chain(nested_types()).collect();
        let fields = picks.iter().enumerate().map(|(i, (pick, nullable))| {
            Field::new(format!("c{i}"), types[pick % types.len()].clone(), *nullable)
        });
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let batch = Samples::new(schema.clone()).seeded(seed).batch(0..rows, flavour).unwrap();
        let options = json!({"compression": compression, "block_bytes": block_bytes});
        match write_all(&schema, &cut(&batch), options) {
            Ok(file) => {
                let back = read_back(&file, &schema).map_err(TestCaseError::fail)?;
                prop_assert_eq!(difference(&batch, &back, &[]), None);
            }
            Err(error) => {
                let kind = error.kind();
                prop_assert!(
                    matches!(kind, ErrorKind::Unsupported | ErrorKind::InvalidInput),
                    "{}", error
                );
            }
        }
    }
}
