use std::io::Write;

use ::parquet::arrow::ArrowWriter;
use arrow::array::{
    Array, DictionaryArray, Float64Array, StringArray, TimestampNanosecondArray, UInt32Array,
};
use arrow::datatypes::Int32Type;
use arrow_avro::compression::CompressionCodec;
use arrow_avro::writer::WriterBuilder;
use arrow_avro::writer::format::AvroOcfFormat;
use object_store::memory::InMemory;
use tidelake_core::hash::{Digest, RowHasher};
use tidelake_core::table::LogKind;
use tidelake_core::time::Micros;

use super::*;
use crate::{Lake, LakeTable, coerce, conformance, storage_schema};

/// Public rows of [`conformance::init`], all of one partition.
fn rows(count: usize) -> RecordBatch {
    let symbols: DictionaryArray<Int32Type> =
        (0..count).map(|i| (i % 3 != 0).then(|| ["A", "B/C", "ü"][i % 3])).collect();
    let price = |i: usize| match i % 5 {
        0 => None,
        1 => Some(f64::NAN),
        2 => Some(f64::NEG_INFINITY),
        _ => Some(0.1 * i as f64),
    };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(TimestampNanosecondArray::from_iter_values((0..count).map(|i| i as i64 * 1_000))),
        Arc::new(symbols),
        Arc::new(UInt32Array::from_iter((0..count).map(|i| Some(u32::MAX - i as u32)))),
        Arc::new(Float64Array::from_iter((0..count).map(price))),
        Arc::new(StringArray::from(vec!["a/b"; count])),
    ];
    RecordBatch::try_new(conformance::init("json").schema, columns).unwrap()
}

/// The file columns of the rows, as stored.
fn stored(rows: &RecordBatch, kind: LogKind, format: &str) -> RecordBatch {
    let all = storage_schema(&rows.schema(), kind, format).unwrap();
    let fields: Vec<_> = all.fields().iter().take(4).cloned().collect();
    coerce(rows, &Arc::new(Schema::new(fields))).unwrap()
}

fn parquet_bytes(batch: &RecordBatch) -> Vec<u8> {
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

/// JSON as the format plugin writes it: floats that JSON lacks are texts.
fn json_bytes(batch: &RecordBatch) -> Vec<u8> {
    let mut text = Vec::new();
    let symbol = batch.column(1).as_any().downcast_ref::<StringArray>().unwrap();
    let ts = batch.column(0).as_any().downcast_ref::<TimestampNanosecondArray>().unwrap();
    let size = batch.column(2).as_any().downcast_ref::<UInt32Array>().unwrap();
    let price = batch.column(3).as_any().downcast_ref::<Float64Array>().unwrap();
    for i in 0..batch.num_rows() {
        let price = match price.is_valid(i).then(|| price.value(i)) {
            None => serde_json::Value::Null,
            Some(v) if v.is_nan() => "NaN".into(),
            Some(f64::INFINITY) => "Infinity".into(),
            Some(f64::NEG_INFINITY) => "-Infinity".into(),
            Some(v) => v.into(),
        };
        let at = ts.value_as_datetime(i).unwrap().format("%Y-%m-%dT%H:%M:%S%.f").to_string();
        let mut line = serde_json::json!({ "ts": at, "size": size.value(i), "price": price });
        if symbol.is_valid(i) {
            line["symbol"] = symbol.value(i).into();
        }
        writeln!(text, "{line}").unwrap();
    }
    text
}

/// Avro in so many blocks, as the crate makes it.
fn avro_bytes(batch: &RecordBatch, codec: Option<CompressionCodec>, blocks: usize) -> Vec<u8> {
    let mut writer = WriterBuilder::new(batch.schema().as_ref().clone())
        .with_compression(codec)
        .build::<_, AvroOcfFormat>(Vec::new())
        .unwrap();
    let rows = batch.num_rows().div_ceil(blocks);
    for start in (0..batch.num_rows()).step_by(rows) {
        writer.write(&batch.slice(start, rows.min(batch.num_rows() - start))).unwrap();
    }
    writer.finish().unwrap();
    writer.into_inner()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

async fn written(
    kind: LogKind,
    name: &str,
    bytes: Vec<u8>,
    count: usize,
) -> (LakeTable, TableState, DataFile) {
    let lake = Lake::from_store(Arc::new(InMemory::new()), "memory".into());
    let table = lake.table("trades", kind);
    let format = match name {
        _ if name.ends_with("parquet") => "parquet",
        _ if name.ends_with("avro") => "avro",
        _ => "json",
    };
    let state = table.log().create(&conformance::init(format), Micros(0)).await.unwrap();
    let partition = vec![
        ("ts_day".to_owned(), Some("1970-01-01".to_owned())),
        ("asset_class".to_owned(), Some("a/b".to_owned())),
    ];
    let file = DataFile {
        path: format!("{}/{name}", tidelake_core::partition::hive_path(&partition)),
        partition,
        rows: count as u64,
        bytes: bytes.len() as u64,
        min_time: Micros(0),
        max_time: Micros(0),
        stats: vec![],
        digest: Digest::default(),
        generation: 1,
    };
    let mut upload = table.start_file(&file.path).await.unwrap();
    upload.write(bytes.into()).await.unwrap();
    upload.finish().await.unwrap();
    (table, state, file)
}

async fn read(table: &LakeTable, state: &TableState, file: &DataFile) -> Result<RecordBatch> {
    let batches: Vec<_> = table.read_file(state, file, None).await?.try_collect().await?;
    Ok(arrow::compute::concat_batches(&state.schema, &batches)?)
}

/// Equal values, whatever the dictionaries and whatever hides under nulls.
fn assert_same(found: &RecordBatch, expected: &RecordBatch) {
    assert_eq!(found.schema(), expected.schema());
    for (found, expected) in found.columns().iter().zip(expected.columns()) {
        // NaN is not equal to itself, so texts are compared.
        let text = |c: &ArrayRef| arrow::compute::cast(c, &DataType::Utf8).unwrap();
        assert_eq!(&text(found), &text(expected));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_format_gives_the_rows_back() {
    let count = BATCH_ROWS + 100;
    let rows = rows(count);
    let json = json_bytes(&stored(&rows, LogKind::Files, "json"));
    let avro = |codec, blocks| avro_bytes(&stored(&rows, LogKind::Files, "avro"), codec, blocks);
    let cases = [
        (LogKind::Files, "x.avro", avro(None, 7)),
        (LogKind::Files, "x.avro", avro(Some(CompressionCodec::Deflate), 1)),
        (LogKind::Files, "x.avro", avro(Some(CompressionCodec::Snappy), 2)),
        (LogKind::Files, "x.avro", avro(Some(CompressionCodec::ZStandard), 40)),
        (LogKind::Files, "x.parquet", parquet_bytes(&stored(&rows, LogKind::Files, "parquet"))),
        (LogKind::Delta, "x.parquet", parquet_bytes(&stored(&rows, LogKind::Delta, "parquet"))),
        (LogKind::Files, "x.ndjson", json.clone()),
        (LogKind::Files, "x.ndjson.gz", gzip(&json)),
        (LogKind::Files, "x.ndjson.zst", zstd::encode_all(&json[..], 1).unwrap()),
    ];
    for (kind, name, bytes) in cases {
        let (table, state, file) = written(kind, name, bytes, count).await;
        assert_same(&read(&table, &state, &file).await.unwrap(), &rows);
        let digest = table.digest_file(&state, &file).await.unwrap();
        let expected = RowHasher::new("trades", &rows.schema()).unwrap().digest(&rows).unwrap();
        assert_eq!(digest, expected, "{kind:?} {name}");

        let names = ["asset_class", "price", "ts_day"].map(str::to_owned).to_vec();
        let some = table.read_file(&state, &file, Some(names)).await.unwrap();
        let some: Vec<_> = some.try_collect().await.unwrap();
        let schema = some[0].schema();
        assert_eq!(schema.field(2).data_type(), &DataType::Date32);
        assert_eq!(some.iter().map(RecordBatch::num_rows).sum::<usize>(), count);
        for none in [vec![], vec!["asset_class".to_owned()]] {
            let none = table.read_file(&state, &file, Some(none)).await.unwrap();
            let none: Vec<_> = none.try_collect().await.unwrap();
            assert_eq!(none.iter().map(RecordBatch::num_rows).sum::<usize>(), count);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_changed_are_corrupt() {
    let rows = rows(100);
    let parquet = parquet_bytes(&stored(&rows, LogKind::Files, "parquet"));
    let json = json_bytes(&stored(&rows, LogKind::Files, "json"));
    let zipped = gzip(&json);
    let packed = zstd::encode_all(&json[..], 1).unwrap();
    let mut flipped = parquet.clone();
    let end = flipped.len() - 20;
    flipped[end..].fill(0);
    let some = stored(&rows, LogKind::Files, "avro");
    let avro = avro_bytes(&some, None, 3);
    let mut claims = avro.clone();
    // The count of rows of the first block: 34, and one less than that.
    let at = claims.windows(16).position(|bytes| bytes == &avro[avro.len() - 16..]).unwrap() + 16;
    assert_eq!(claims[at], 68);
    claims[at] = 66;
    let mut more = avro.clone();
    more[at] = 70;
    let snappy = avro_bytes(&some, Some(CompressionCodec::Snappy), 1);
    let mut sum = snappy.clone();
    let end = sum.len() - 17;
    sum[end] ^= 1;
    let header =
        snappy[..snappy.windows(16).position(|b| b == &snappy[end + 1..]).unwrap() + 16].to_vec();
    let short = [&header[..], &[200, 1, 2, 9], &snappy[end + 1..]].concat();
    let fewer = json_bytes(&stored(&rows.slice(0, 99), LogKind::Files, "json"));
    let cases = [
        ("x.parquet", parquet[..parquet.len() / 2].to_vec()),
        ("x.parquet", flipped),
        ("x.ndjson", json[..json.len() - 20].to_vec()),
        ("x.ndjson", fewer),
        ("x.avro", avro[..avro.len() - 20].to_vec()),
        ("x.avro", avro_bytes(&some.slice(0, 99), None, 3)),
        ("x.avro", claims),
        ("x.avro", more),
        ("x.avro", sum),
        ("x.avro", short),
        ("x.avro", header),
        ("x.avro", json.clone()),
        ("x.avro", Vec::new()),
        ("x.ndjson.gz", zipped[..zipped.len() / 2].to_vec()),
        ("x.ndjson.zst", packed[..packed.len() / 2].to_vec()),
    ];
    for (name, bytes) in cases {
        let (table, state, file) = written(LogKind::Files, name, bytes, 100).await;
        let error = read(&table, &state, &file).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{name}: {error:?}");
        assert!(error.to_string().contains(&file.path), "{error}");
        assert!(table.digest_file(&state, &file).await.is_err());
    }
    let (table, state, mut file) = written(LogKind::Files, "x.parquet", parquet, 100).await;
    file.bytes += 1;
    let grown = table.digest_file(&state, &file).await.unwrap_err();
    assert_eq!(grown.kind(), ErrorKind::Corrupt);
    table.delete_files(std::slice::from_ref(&file.path)).await.unwrap();
    for error in [
        read(&table, &state, &file).await.unwrap_err(),
        table.digest_file(&state, &file).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error:?}");
        assert!(error.help().is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_an_avro_file_lacks_was_added_later() {
    let rows = rows(100);
    let some = stored(&rows, LogKind::Files, "avro");
    let avro = |columns: &[usize]| avro_bytes(&some.project(columns).unwrap(), None, 3);
    let (table, state, file) = written(LogKind::Files, "x.avro", avro(&[2, 0, 1]), 100).await;
    let found = read(&table, &state, &file).await.unwrap();
    assert_eq!(found.column(3).null_count(), 100);
    for i in [0, 1, 2, 4] {
        assert_eq!(found.column(i).null_count(), rows.column(i).null_count(), "{i}");
    }
    let alone = table.read_file(&state, &file, Some(vec!["price".to_owned()])).await.unwrap();
    let alone: Vec<_> = alone.try_collect().await.unwrap();
    assert_eq!(alone.iter().map(|batch| batch.column(0).null_count()).sum::<usize>(), 100);
    // The time may not be null.
    let (table, state, file) = written(LogKind::Files, "x.avro", avro(&[1, 2, 3]), 100).await;
    assert_eq!(read(&table, &state, &file).await.unwrap_err().kind(), ErrorKind::Corrupt);
}

#[test]
fn partition_values_become_columns() {
    for (value, data_type) in [
        ("a/b", DataType::LargeUtf8),
        ("18446744073709551615", DataType::UInt64),
        ("true", DataType::Boolean),
        ("2013-03-02", DataType::Date32),
        ("x", DataType::Dictionary(DataType::Int8.into(), DataType::Utf8.into())),
        ("7", DataType::Dictionary(DataType::Int8.into(), DataType::Int64.into())),
    ] {
        let column = constant(Some(value), &data_type, 3).unwrap();
        assert_eq!(column.data_type(), &data_type);
        let texts = arrow::compute::cast(&column, &DataType::Utf8).unwrap();
        assert_eq!(texts.as_ref(), &StringArray::from(vec![value; 3]) as &dyn Array);
        assert_eq!(constant(None, &data_type, 2).unwrap().null_count(), 2);
    }
    assert!(constant(Some("x"), &DataType::Int64, 1).is_err());
}

#[tokio::test]
async fn a_file_in_memory_is_read_as_a_tables_files_are() {
    let schema: SchemaRef = Arc::new(Schema::new(vec![
        Field::new("n", DataType::UInt32, true),
        Field::new("x", DataType::Float64, true),
    ]));
    let file = bytes::Bytes::from_static(b"{\"n\":1,\"x\":\"NaN\"}\n{\"x\":-0.5}\n");
    let back = crate::read_back("json", file.clone(), &schema, 2).await.unwrap();
    assert_eq!((back.num_rows(), back.column(0).null_count()), (2, 1));
    let error = crate::read_back("json", file.clone(), &schema, 3).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    let error = crate::read_back("orc", file, &schema, 2).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}
