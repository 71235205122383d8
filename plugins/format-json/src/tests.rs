use std::io::Read;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, DurationSecondArray, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};
use serde_json::{Value, json};
use tidelake_sdk::codec::{self, Algorithm};
use tidelake_sdk::testing::conformance::Suite;
use tidelake_sdk::{ErrorKind, testing};

use crate::JsonFile;

fn write(batch: &RecordBatch, options: Value) -> tidelake_sdk::Result<Vec<u8>> {
    testing::write_file::<JsonFile>(&batch.schema(), &[], &options, std::slice::from_ref(batch))
}

fn bars() -> RecordBatch {
    let ts = TimestampMicrosecondArray::from(vec![0, 1]).with_timezone("UTC");
    RecordBatch::try_from_iter([
        ("ts", Arc::new(ts) as ArrayRef),
        ("symbol", Arc::new(StringArray::from(vec![Some("A\"B"), None]))),
        ("price", Arc::new(Float64Array::from(vec![0.1, 1e300]))),
        ("size", Arc::new(Int64Array::from(vec![i64::MAX, -1]))),
    ])
    .unwrap()
}

#[test]
fn a_row_is_a_line() {
    let text = String::from_utf8(write(&bars(), json!({})).unwrap()).unwrap();
    let lines: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines[0]["symbol"], "A\"B");
    assert_eq!(lines[0]["size"], i64::MAX);
    assert_eq!(lines[0]["price"], 0.1);
    assert_eq!(lines[1]["price"], 1e300);
    assert!(lines[0]["ts"].as_str().unwrap().starts_with("1970-01-01T00:00:00"));
    assert!(lines[1].get("symbol").is_none());

    let text = String::from_utf8(write(&bars(), json!({"explicit_nulls": true})).unwrap()).unwrap();
    assert!(text.lines().nth(1).unwrap().contains("\"symbol\":null"));
}

#[test]
fn floats_that_json_lacks_survive() {
    let values =
        vec![Some(f64::NAN), Some(f64::INFINITY), Some(f64::NEG_INFINITY), None, Some(-0.0)];
    let array: ArrayRef = Arc::new(Float64Array::from(values));
    let batch = RecordBatch::try_from_iter_with_nullable([("v", array, true)]).unwrap();
    let text = String::from_utf8(write(&batch, json!({})).unwrap()).unwrap();
    let expected =
        "{\"v\":\"NaN\"}\n{\"v\":\"Infinity\"}\n{\"v\":\"-Infinity\"}\n{}\n{\"v\":-0.0}\n";
    assert_eq!(text, expected);
}

#[test]
fn compressed_blocks_read_as_one_stream() {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..300_000));
    let batch = RecordBatch::try_from_iter([("identifier", ids)]).unwrap();
    let plain = write(&batch, json!({})).unwrap();
    assert!(plain.len() > 3 * crate::BLOCK);
    let zstd = write(&batch, json!({"compression": "zstd(3)"})).unwrap();
    let back = codec::decompress(Algorithm::Zstd, &zstd, plain.len() as u64).unwrap();
    assert!(back == plain);
    let gzip = write(&batch, json!({"compression": "gzip"})).unwrap();
    let mut back = Vec::new();
    flate2::read::MultiGzDecoder::new(gzip.as_slice()).read_to_end(&mut back).unwrap();
    assert!(back == plain);
}

#[test]
fn what_cannot_be_held_is_refused_by_name() {
    let held: ArrayRef = Arc::new(DurationSecondArray::from(vec![1]));
    let batch = RecordBatch::try_from_iter([("held", held)]).unwrap();
    let error = write(&batch, json!({})).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.message().contains("column `held`"));
    let error = write(&bars(), json!({"compression": "gzip(12)"})).unwrap_err();
    assert!(error.message().starts_with("option `compression`"));
}

/// Rows through arrow's own reader, texts and bytes in their plain layouts.
fn read_back(file: &[u8], schema: &SchemaRef) -> Result<RecordBatch, String> {
    let plain = |field: &FieldRef| {
        let data_type = match field.data_type() {
            DataType::Dictionary(_, values) => values.as_ref().clone(),
            other => other.clone(),
        };
        field.as_ref().clone().with_data_type(data_type)
    };
    let schema = Arc::new(Schema::new(schema.fields().iter().map(plain).collect::<Vec<_>>()));
    let reader =
        arrow_json::ReaderBuilder::new(schema.clone()).with_batch_size(100_000).build(file);
    let mut batches = reader.and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match batches.as_mut().map_err(|error| error.to_string())? {
        batches if batches.is_empty() => Ok(RecordBatch::new_empty(schema)),
        batches if batches.len() == 1 => Ok(batches.remove(0)),
        batches => Err(format!("{} batches", batches.len())),
    }
}

#[test]
fn conforms() {
    let schema = vec![
        Field::new("ts", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), false),
        Field::new("symbol", DataType::Utf8, true),
        Field::new("token", DataType::Binary, true),
        Field::new("size", DataType::Int64, true),
        Field::new("day", DataType::Date32, true),
        Field::new("halted", DataType::Boolean, true),
        Field::new("fee", DataType::Decimal128(20, 4), true),
    ];
    Suite::new(Schema::new(schema.clone()), json!({}))
        .format_writer::<JsonFile>(Some(&read_back))
        .unwrap();
    // Of this reader, which does not know the names that floats have outside of JSON.
    let mut with_floats = schema;
    with_floats.push(Field::new("price", DataType::Float64, true));
    for options in [json!({"explicit_nulls": true}), json!({"compression": "zstd(1)"})] {
        let suite = Suite::new(Schema::new(with_floats.clone()), options);
        suite.format_writer::<JsonFile>(None).unwrap();
    }
}
