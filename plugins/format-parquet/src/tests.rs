use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, Date64Array, DurationSecondArray, Float64Array, Int64Array, RecordBatch,
    StringArray, TimestampMicrosecondArray, TimestampSecondArray,
};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, Encoding};
use serde_json::{Value, json};
use tidelake_sdk::testing::conformance::Suite;
use tidelake_sdk::{ErrorKind, SortColumn, testing};

use crate::ParquetFile;

fn ticks(rows: i64) -> RecordBatch {
    let prices = (0..rows).map(|i| (i % 7 != 0).then_some(i as f64 / 3.0));
    RecordBatch::try_from_iter([
        ("ts", Arc::new(TimestampMicrosecondArray::from_iter_values(0..rows)) as ArrayRef),
        (
            "symbol",
            Arc::new(StringArray::from_iter_values((0..rows).map(|i| format!("S{}", i % 9)))),
        ),
        ("price", Arc::new(prices.collect::<Float64Array>())),
        ("size", Arc::new(Int64Array::from_iter_values((0..rows).map(|i| i * i % 1000)))),
    ])
    .unwrap()
}

fn write(batch: &RecordBatch, sort: &[SortColumn], options: Value) -> tidelake_sdk::Result<Bytes> {
    let batches = [
        batch.slice(0, batch.num_rows() / 2),
        batch.slice(batch.num_rows() / 2, batch.num_rows() - batch.num_rows() / 2),
    ];
    testing::write_file::<ParquetFile>(&batch.schema(), sort, &options, &batches).map(Bytes::from)
}

fn reader(file: &Bytes) -> ParquetRecordBatchReaderBuilder<Bytes> {
    ParquetRecordBatchReaderBuilder::try_new(file.clone()).unwrap()
}

#[test]
fn what_is_written_is_read_back_with_every_compression() {
    let batch = ticks(10_000);
    for compression in ["zstd(1)", "zstd", "zstd(9)", "snappy", "lz4", "none"] {
        let file = write(&batch, &[], json!({"compression": compression})).unwrap();
        let back = reader(&file).with_batch_size(20_000).build().unwrap().next().unwrap().unwrap();
        assert_eq!(back.columns(), batch.columns(), "{compression}");
    }
}

#[test]
fn row_groups_encodings_order_and_statistics_are_as_asked_for() {
    let sort = [
        SortColumn { column: 1, descending: false, nulls_first: true },
        SortColumn { column: 0, descending: true, nulls_first: false },
    ];
    let options = json!({
        "row_group_rows": 4000,
        "columns": {"size": {"dictionary": true, "compression": "snappy", "bloom_filter": true}},
    });
    let file = write(&ticks(10_000), &sort, options).unwrap();
    let metadata = reader(&file).metadata().clone();
    let rows: Vec<i64> = metadata.row_groups().iter().map(|g| g.num_rows()).collect();
    assert_eq!(rows, [4000, 4000, 2000]);
    let group = metadata.row_group(0);
    let sorting: Vec<_> = group
        .sorting_columns()
        .unwrap()
        .iter()
        .map(|s| (s.column_idx, s.descending, s.nulls_first))
        .collect();
    assert_eq!(sorting, [(1, false, true), (0, true, false)]);
    let encodings = |column: usize| group.column(column).encodings().collect::<Vec<_>>();
    assert!(encodings(0).contains(&Encoding::DELTA_BINARY_PACKED));
    assert!(encodings(1).contains(&Encoding::RLE_DICTIONARY));
    assert!(encodings(2).contains(&Encoding::BYTE_STREAM_SPLIT));
    assert!(encodings(3).contains(&Encoding::RLE_DICTIONARY));
    assert_eq!(group.column(3).compression(), Compression::SNAPPY);
    assert!(group.column(3).bloom_filter_offset().is_some());
    assert!(group.column(0).statistics().is_some());
    assert!(metadata.file_metadata().key_value_metadata().is_none());
}

#[test]
fn units_that_parquet_lacks_are_converted_or_refused_by_name() {
    let batch = RecordBatch::try_from_iter([
        (
            "ts",
            Arc::new(TimestampSecondArray::from(vec![Some(1), None]).with_timezone("UTC"))
                as ArrayRef,
        ),
        ("day", Arc::new(Date64Array::from(vec![86_400_000, -86_400_000]))),
    ])
    .unwrap();
    let file = write(&batch, &[], json!({})).unwrap();
    let back = reader(&file).build().unwrap().next().unwrap().unwrap();
    let zone = Some("UTC".into());
    assert_eq!(back.column(0).data_type(), &DataType::Timestamp(TimeUnit::Millisecond, zone));
    assert_eq!(back.column(1).data_type(), &DataType::Date32);

    let part_of_a_day: ArrayRef = Arc::new(Date64Array::from(vec![1]));
    let batch = RecordBatch::try_from_iter([("day", part_of_a_day)]).unwrap();
    assert!(write(&batch, &[], json!({})).unwrap_err().message().contains("column `day`"));

    let duration: ArrayRef = Arc::new(DurationSecondArray::from(vec![1]));
    let batch = RecordBatch::try_from_iter([("held", duration)]).unwrap();
    let error = write(&batch, &[], json!({})).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.message().contains("column `held`"), "{error}");
}

#[test]
fn errors_name_the_option() {
    let message = |options| write(&ticks(10), &[], options).unwrap_err().message().to_owned();
    assert!(message(json!({"compression": "zstd(99)"})).starts_with("option `compression`"));
    assert!(message(json!({"compression": "brotli"})).starts_with("option `compression`"));
    assert!(message(json!({"row_group_rows": 0})).starts_with("option `row_group_rows`"));
    assert!(message(json!({"columns": {"prize": {}}})).starts_with("option `columns.prize`"));
    assert!(message(json!({"columns": {"price": {"dict": true}}})).contains("columns.price"));
}

#[test]
fn a_file_without_rows_is_a_file() {
    let batch = ticks(0);
    let file = write(&batch, &[], json!({})).unwrap();
    assert_eq!(reader(&file).metadata().file_metadata().num_rows(), 0);
}

/// Rows through the reader of the same library; foreign readers are in the scenarios.
fn read_back(file: &[u8], _: &SchemaRef) -> Result<RecordBatch, String> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::copy_from_slice(file));
    let reader = reader.map_err(|error| error.to_string())?.with_batch_size(100_000);
    let schema = reader.schema().clone();
    let batches = reader.build().map_err(|error| error.to_string())?;
    let mut batches = batches.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
    match batches.len() {
        0 => Ok(RecordBatch::new_empty(schema)),
        1 => Ok(batches.remove(0)),
        more => Err(format!("{more} batches")),
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
        Field::new("size", DataType::Int64, true),
        Field::new("day", DataType::Date32, true),
        Field::new("halted", DataType::Boolean, true),
        Field::new("fee", DataType::Decimal128(20, 4), true),
    ]);
    for options in [json!({}), json!({"compression": "none", "row_group_rows": 1000})] {
        let suite = Suite::new(schema.clone(), options);
        suite.format_writer::<ParquetFile>(Some(&read_back)).unwrap();
    }
}
