use std::sync::Arc;

use arrow_array::{
    ArrayRef, Date64Array, DurationSecondArray, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray, UInt64Array,
};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use prost::Message;
use serde_json::{Value, json};
use tidelake_sdk::testing::conformance::Suite;
use tidelake_sdk::{ErrorKind, SortColumn, testing};

use crate::{OrcFile, proto};

fn write(batch: &RecordBatch, options: Value) -> tidelake_sdk::Result<Vec<u8>> {
    let sort = [SortColumn { column: 0, descending: true, nulls_first: false }];
    testing::write_file::<OrcFile>(&batch.schema(), &sort, &options, std::slice::from_ref(batch))
}

fn one(name: &str, array: impl arrow_array::Array + 'static) -> RecordBatch {
    RecordBatch::try_from_iter([(name, Arc::new(array) as ArrayRef)]).unwrap()
}

/// The end of a file that is not compressed.
struct Tail {
    footer: proto::Footer,
    metadata: proto::Metadata,
    postscript: proto::PostScript,
}

fn tail(file: &[u8]) -> Tail {
    let end = file.len() - 1;
    let begin = end - usize::from(file[end]);
    let postscript = proto::PostScript::decode(&file[begin..end]).unwrap();
    let footer = begin - postscript.footer_length.unwrap() as usize;
    let metadata = footer - postscript.metadata_length.unwrap() as usize;
    Tail {
        footer: proto::Footer::decode(&file[footer..begin]).unwrap(),
        metadata: proto::Metadata::decode(&file[metadata..footer]).unwrap(),
        postscript,
    }
}

#[test]
fn the_tail_says_what_the_file_is() {
    let batch = one("id", Int64Array::from_iter_values(0..2500));
    let options = json!({"compression": "none", "stripe_rows": 1000, "row_index_stride": 400});
    let file = write(&batch, options).unwrap();
    assert_eq!(&file[..3], b"ORC");
    let Tail { footer, metadata, postscript } = tail(&file);
    assert_eq!((postscript.version.as_slice(), postscript.compression), (&[0, 12][..], Some(0)));
    assert_eq!((footer.number_of_rows, footer.row_index_stride), (Some(2500), Some(400)));
    let rows: Vec<_> = footer.stripes.iter().map(|s| s.number_of_rows.unwrap()).collect();
    assert_eq!(rows, [1000, 1000, 500]);
    let order = &footer.metadata[0];
    assert_eq!(order.name.as_deref(), Some("tidelake.sort"));
    assert_eq!(order.value.as_deref(), Some(&b"id desc nulls last"[..]));
    let range = |statistics: &proto::ColumnStatistics| {
        let int = statistics.int_statistics.clone().unwrap();
        (int.minimum.unwrap(), int.maximum.unwrap(), int.sum.unwrap())
    };
    assert_eq!(range(&footer.statistics[1]), (0, 2499, 2499 * 1250));
    let stripes: Vec<_> = metadata.stripe_stats.iter().map(|s| range(&s.col_stats[1])).collect();
    assert_eq!(stripes[1], (1000, 1999, 1_499_500));

    // The row index of the second stripe: one of the root, then one of the column.
    let stripe = &footer.stripes[1];
    let begin = stripe.offset.unwrap() as usize;
    let index = stripe.index_length.unwrap() as usize;
    let at = begin + index + stripe.data_length.unwrap() as usize;
    let end = at + stripe.footer_length.unwrap() as usize;
    let stripe = proto::StripeFooter::decode(&file[at..end]).unwrap();
    assert_eq!(stripe.writer_timezone.as_deref(), Some("UTC"));
    let root = stripe.streams[0].length.unwrap() as usize;
    let index = proto::RowIndex::decode(&file[begin + root..begin + index]).unwrap();
    let groups = index.entry.iter().map(|entry| entry.statistics.as_deref().unwrap());
    let groups: Vec<_> =
        groups.map(|bytes| range(&proto::ColumnStatistics::decode(bytes).unwrap())).collect();
    assert_eq!(groups, [(1000, 1399, 479_800), (1400, 1799, 639_800), (1800, 1999, 379_900)]);
    // Where in the stream, and none of the run's values; a run of 400 steps has five bytes.
    let positions: Vec<_> = index.entry.iter().map(|entry| entry.positions.clone()).collect();
    assert_eq!(positions, [[0, 0], [5, 0], [10, 0]]);
}

#[test]
fn stripes_end_where_bytes_do() {
    let texts = (0..50_000).map(|i| format!("{i} is not like any other"));
    let batch = one("text", StringArray::from_iter_values(texts));
    let file = write(&batch, json!({"compression": "none", "stripe_bytes": 400_000})).unwrap();
    let Tail { footer, .. } = tail(&file);
    // By row groups.
    assert!(footer.stripes.len() >= 3, "{}", footer.stripes.len());
    assert!(footer.stripes[..2].iter().all(|s| s.number_of_rows.unwrap() % 10_000 == 0));
}

#[test]
fn a_file_without_rows_is_a_file() {
    let file =
        write(&one("id", Int64Array::from_iter_values(0..0)), json!({"compression": "none"}))
            .unwrap();
    let Tail { footer, .. } = tail(&file);
    assert_eq!((footer.number_of_rows, footer.content_length), (Some(0), Some(3)));
    assert_eq!(footer.types.len(), 2);
}

#[test]
fn errors_name_the_option() {
    let batch = one("price", Int64Array::from(vec![1]));
    let message = |options| write(&batch, options).unwrap_err().message().to_owned();
    assert!(message(json!({"compression": "zstd(99)"})).starts_with("option `compression`"));
    assert!(message(json!({"compression": "brotli"})).starts_with("option `compression`"));
    assert!(message(json!({"stripe_rows": 0})).starts_with("option `stripe_rows`"));
    assert!(message(json!({"columns": {"prize": {}}})).starts_with("option `columns.prize`"));
    let dictionary = json!({"columns": {"price": {"dictionary": true}}});
    assert!(message(dictionary).starts_with("option `columns.price.dictionary`"));
    let filter = json!({"columns": {"ratio": {"bloom_filter": true}}});
    let ratio = one("ratio", Float64Array::from(vec![0.5]));
    let error = write(&ratio, filter).unwrap_err();
    assert!(error.message().starts_with("option `columns.ratio.bloom_filter`"), "{error}");
    assert!(message(json!({"columns": {"price": {"dict": true}}})).contains("columns.price"));
}

#[test]
fn what_cannot_be_held_is_refused_by_name() {
    let refused = |batch: &RecordBatch| write(batch, json!({})).unwrap_err();
    let error = refused(&one("held", DurationSecondArray::from(vec![1])));
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.message().contains("column `held`"), "{error}");

    let error = refused(&one("count", UInt64Array::from(vec![1, u64::MAX])));
    assert!(error.message().contains("count") && error.message().contains("18446744073709551615"));
    let error = refused(&one("day", Date64Array::from(vec![1])));
    assert!(error.message().contains("day"), "{error}");
    // Half a second before 1970 would read as half a second after it.
    let error = refused(&one("ts", TimestampMicrosecondArray::from(vec![-500_000])));
    assert!(error.message().contains("ts") && error.message().contains("-500000 microseconds"));
    write(&one("ts", TimestampMicrosecondArray::from(vec![-1_000_000, -1_500_000])), json!({}))
        .unwrap();
}

/// Reading back is in `roundtrip`, by a reader that shares no code with this crate.
#[test]
fn conforms() {
    let schema = Schema::new(vec![
        Field::new("ts", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), false),
        Field::new("symbol", DataType::Utf8, true),
        Field::new("token", DataType::Binary, true),
        Field::new("price", DataType::Float64, true),
        Field::new("size", DataType::Int64, true),
        Field::new("halted", DataType::Boolean, true),
        Field::new("fee", DataType::Decimal128(20, 4), true),
    ]);
    for options in [json!({}), json!({"compression": "zlib", "row_index_stride": 100})] {
        Suite::new(schema.clone(), options).format_writer::<OrcFile>(None).unwrap();
    }
}
