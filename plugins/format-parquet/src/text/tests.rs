//! Files beside those that the crate writes by itself.

use std::sync::Arc;

use arrow_array::types::Int16Type;
use arrow_array::{
    BinaryArray, DictionaryArray, Int32Array, RecordBatch, StringArray, StringViewArray,
};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use proptest::prelude::*;

use super::*;
use crate::file::File;

/// Texts with many alike, some long ones, and nulls.
fn rows() -> impl Strategy<Value = Vec<Option<String>>> {
    let text = prop_oneof![
        6 => "[A-D]{1,2}",
        2 => "",
        2 => "[a-z]{0,12}",
        1 => "[a-zé]{60,100}",
    ];
    let part = prop_oneof![
        (prop::option::of("[A-D]{1,2}"), 0_usize..60).prop_map(|(text, count)| vec![text; count]),
        prop::collection::vec(prop::option::weighted(0.9, text.clone()), 0..60),
        prop::collection::vec(text.prop_map(Some), 0..60),
    ];
    prop::collection::vec(part, 0..5).prop_map(|parts| parts.concat())
}

fn batch(rows: &[Option<String>]) -> RecordBatch {
    let text: Vec<Option<&str>> = rows.iter().map(Option::as_deref).collect();
    let bytes = text.iter().map(|text| text.map(str::as_bytes)).collect::<BinaryArray>();
    let dictionary: DictionaryArray<Int16Type> = text.iter().copied().collect();
    let full = text.iter().map(|text| Some(text.unwrap_or("none"))).collect::<StringArray>();
    let columns: [(&str, ArrayRef, bool); 6] = [
        ("number", Arc::new(Int32Array::from_iter_values(0..rows.len() as i32)), false),
        ("text", Arc::new(StringArray::from(text.clone())), true),
        ("full", Arc::new(full), false),
        ("view", Arc::new(StringViewArray::from(text)), true),
        ("bytes", Arc::new(bytes), true),
        ("dictionary", Arc::new(dictionary), true),
    ];
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

fn ours(batches: &[RecordBatch], properties: &WriterProperties) -> Bytes {
    let mut file = File::new(Vec::new(), batches[0].schema(), properties.clone()).unwrap();
    batches.iter().for_each(|batch| file.write(batch).unwrap());
    file.finish().unwrap().into()
}

fn theirs(batches: &[RecordBatch], properties: &WriterProperties) -> Bytes {
    let options = ArrowWriterOptions::new()
        .with_properties(properties.clone())
        .with_skip_arrow_metadata(true);
    let mut out = Vec::new();
    let schema = batches[0].schema();
    let mut writer = ArrowWriter::try_new_with_options(&mut out, schema, options).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.close().unwrap();
    out.into()
}

fn metadata(file: &Bytes) -> Arc<ParquetMetaData> {
    let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required);
    Arc::clone(ArrowReaderMetadata::load(file, options).unwrap().metadata())
}

fn read(file: &Bytes) -> Vec<RecordBatch> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file.clone()).unwrap();
    reader.with_batch_size(1 << 20).build().unwrap().map(|batch| batch.unwrap()).collect()
}

/// What both must say of every chunk.
fn described(file: &Bytes) -> Vec<String> {
    let metadata = metadata(file);
    let mut all = Vec::new();
    for (number, group) in metadata.row_groups().iter().enumerate() {
        for chunk in group.columns() {
            let statistics = chunk.statistics();
            let exact = statistics.is_some_and(|s| s.min_is_exact() && s.max_is_exact());
            let bounds = statistics.filter(|_| exact);
            all.push(format!(
                "{number} {} values {} nulls {:?} exact {exact} {:?} {:?} text {:?} dictionary {}",
                chunk.column_path(),
                chunk.num_values(),
                statistics.and_then(Statistics::null_count_opt),
                bounds.and_then(Statistics::min_bytes_opt),
                bounds.and_then(Statistics::max_bytes_opt),
                chunk.unencoded_byte_array_data_bytes(),
                chunk.dictionary_page_offset().is_some(),
            ));
        }
    }
    all
}

/// Compares the index of the text column with what was written.
fn pages_are_as_indexed(file: &Bytes, rows: &[Option<String>], page_rows: usize) {
    let metadata = metadata(file);
    let mut rows = rows;
    for (number, group) in metadata.row_groups().iter().enumerate() {
        let (here, after) = rows.split_at(group.num_rows() as usize);
        rows = after;
        let index = &metadata.column_index().unwrap()[number][1];
        let order = index.get_boundary_order();
        let ColumnIndexMetaData::BYTE_ARRAY(index) = index else { panic!("no index of texts") };
        let mut bounds = Vec::new();
        let locations = metadata.offset_index().unwrap()[number][1].page_locations();
        assert_eq!(locations.len(), here.len().div_ceil(page_rows));
        for (page, rows) in here.chunks(page_rows).enumerate() {
            assert_eq!(locations[page].first_row_index as usize, page * page_rows);
            let texts: Vec<&[u8]> = rows.iter().flatten().map(|text| text.as_bytes()).collect();
            let nulls = rows.len() - texts.len();
            assert_eq!(index.null_count(page), Some(nulls as i64));
            assert_eq!(index.is_null_page(page), texts.is_empty());
            let (Some(low), Some(high)) = (texts.iter().min(), texts.iter().max()) else {
                continue;
            };
            let (found_low, found_high) =
                (index.min_value(page).unwrap(), index.max_value(page).unwrap());
            assert!(found_low <= *low && found_high >= *high);
            assert!(low.len() > 64 || found_low == *low);
            assert!(high.len() > 64 || found_high == *high);
            bounds.push((*low, *high));
        }
        let by = |f: fn(&[u8], &[u8]) -> bool| {
            bounds.windows(2).all(|w| f(w[0].0, w[1].0) && f(w[0].1, w[1].1))
        };
        let expected = match (by(|a, b| a <= b), by(|a, b| a >= b)) {
            (true, _) => BoundaryOrder::ASCENDING,
            (_, true) => BoundaryOrder::DESCENDING,
            _ => BoundaryOrder::UNORDERED,
        };
        assert_eq!(order, Some(expected));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn files_say_and_hold_the_same_as_the_crate_s(
        parts in prop::collection::vec(rows(), 1..4),
        compressed in any::<bool>(),
        page_rows in prop_oneof![Just(7_usize), Just(64), Just(20_000)],
        group_rows in prop_oneof![Just(50_usize), Just(100_000)],
        statistics in prop_oneof![
            Just(EnabledStatistics::Page), Just(EnabledStatistics::Chunk), Just(EnabledStatistics::None)
        ],
    ) {
        let batches: Vec<RecordBatch> = parts.iter().map(|rows| batch(rows)).collect();
        let zstd = Compression::ZSTD(ZstdLevel::try_new(1).unwrap());
        let properties = WriterProperties::builder()
            .set_compression(if compressed { zstd } else { Compression::UNCOMPRESSED })
            .set_data_page_row_count_limit(page_rows)
            // Theirs looks at the limit after so many rows.
            .set_write_batch_size(1)
            .set_max_row_group_row_count(Some(group_rows))
            .set_statistics_enabled(statistics)
            .set_coerce_types(true)
            .build();
        let (ours, theirs) = (ours(&batches, &properties), theirs(&batches, &properties));
        prop_assert_eq!(read(&ours), read(&theirs));
        prop_assert_eq!(described(&ours), described(&theirs));
        if statistics == EnabledStatistics::Page {
            pages_are_as_indexed(&ours, &parts.concat(), page_rows);
        }
    }

    #[test]
    fn a_dictionary_that_outgrows_its_limit_ends(
        parts in prop::collection::vec(rows(), 2..6),
        limit in 0_usize..600,
        page_bytes in prop_oneof![Just(40_usize), Just(1 << 20)],
    ) {
        let batches: Vec<RecordBatch> = parts.iter().map(|rows| batch(rows)).collect();
        let properties = WriterProperties::builder()
            .set_dictionary_page_size_limit(limit)
            .set_data_page_size_limit(page_bytes)
            .set_data_page_row_count_limit(50)
            .set_bloom_filter_enabled(true)
            .set_coerce_types(true)
            .build();
        let file = ours(&batches, &properties);
        let written: usize = batches.iter().map(RecordBatch::num_rows).sum();
        let back = read(&file);
        prop_assert_eq!(back.iter().map(RecordBatch::num_rows).sum::<usize>(), written);
        prop_assert_eq!(back, read(&theirs(&batches, &properties)));
        let metadata = metadata(&file);
        for (number, group) in metadata.row_groups().iter().enumerate() {
            let chunk = group.column(1);
            let bounds = chunk.statistics().unwrap();
            let texts: Vec<&str> = parts.iter().flatten().flatten().map(String::as_str).collect();
            let (low, high) = (texts.iter().min(), texts.iter().max());
            prop_assert!(bounds.min_bytes_opt().is_none() == low.is_none());
            if let (Some(low), Some(high)) = (low, high) {
                prop_assert!(bounds.min_bytes_opt().unwrap() <= low.as_bytes());
                prop_assert!(bounds.max_bytes_opt().unwrap() >= high.as_bytes());
            }
            let reader = ParquetRecordBatchReaderBuilder::try_new(file.clone()).unwrap();
            let bloom = reader.get_row_group_column_bloom_filter(number, 1).unwrap();
            prop_assert!(texts.iter().all(|text| bloom.as_ref().unwrap().check(*text)));
        }
    }
}

#[test]
fn plain_pages_follow_the_dictionary() {
    let many: Vec<Option<String>> = (0..30_000).map(|i| Some(format!("order-{i:08}"))).collect();
    let batches: Vec<RecordBatch> = many.chunks(1000).map(batch).collect();
    let properties = WriterProperties::builder()
        .set_dictionary_page_size_limit(64 << 10)
        .set_coerce_types(true)
        .build();
    let file = ours(&batches, &properties);
    assert_eq!(read(&file), read(&theirs(&batches, &properties)));
    let metadata = metadata(&file);
    let encodings: Vec<Encoding> = metadata.row_group(0).column(1).encodings().collect();
    assert!(encodings.contains(&Encoding::PLAIN) && encodings.contains(&Encoding::RLE_DICTIONARY));
}
