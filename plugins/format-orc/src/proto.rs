//! The protocol buffers of footers, indexes and statistics, as far as they are written.
//!
//! Tags and types are those of `orc_proto.proto` ("File Tail", "Stripes" and "Indexes" of
//! the [specification](https://orc.apache.org/specification/ORCv1/)). Written down here
//! since `orc-rust`, which has them too, wants the `zstd` crate and all of Arrow beside
//! them, neither of which a guest can carry.

use prost::Message;

/// How a column's values are written, `ColumnEncoding.Kind`.
pub(crate) mod encoding {
    pub(crate) const DIRECT: u32 = 0;
    pub(crate) const DIRECT_V2: u32 = 2;
    pub(crate) const DICTIONARY_V2: u32 = 3;
}

/// What a stream holds, `Stream.Kind`.
pub(crate) mod stream {
    pub(crate) const PRESENT: u32 = 0;
    pub(crate) const DATA: u32 = 1;
    pub(crate) const LENGTH: u32 = 2;
    pub(crate) const DICTIONARY_DATA: u32 = 3;
    pub(crate) const SECONDARY: u32 = 5;
    pub(crate) const ROW_INDEX: u32 = 6;
    pub(crate) const BLOOM_FILTER_UTF8: u32 = 8;
}

/// `Type.Kind`.
pub(crate) mod kind {
    pub(crate) const BOOLEAN: u32 = 0;
    pub(crate) const BYTE: u32 = 1;
    pub(crate) const SHORT: u32 = 2;
    pub(crate) const INT: u32 = 3;
    pub(crate) const LONG: u32 = 4;
    pub(crate) const FLOAT: u32 = 5;
    pub(crate) const DOUBLE: u32 = 6;
    pub(crate) const STRING: u32 = 7;
    pub(crate) const BINARY: u32 = 8;
    pub(crate) const TIMESTAMP: u32 = 9;
    pub(crate) const LIST: u32 = 10;
    pub(crate) const MAP: u32 = 11;
    pub(crate) const STRUCT: u32 = 12;
    pub(crate) const DECIMAL: u32 = 14;
    pub(crate) const DATE: u32 = 15;
    pub(crate) const TIMESTAMP_INSTANT: u32 = 18;
}

/// Of integers.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct IntegerStatistics {
    #[prost(sint64, optional, tag = "1")]
    pub(crate) minimum: Option<i64>,
    #[prost(sint64, optional, tag = "2")]
    pub(crate) maximum: Option<i64>,
    #[prost(sint64, optional, tag = "3")]
    pub(crate) sum: Option<i64>,
}

/// Of floats.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct DoubleStatistics {
    #[prost(double, optional, tag = "1")]
    pub(crate) minimum: Option<f64>,
    #[prost(double, optional, tag = "2")]
    pub(crate) maximum: Option<f64>,
    #[prost(double, optional, tag = "3")]
    pub(crate) sum: Option<f64>,
}

/// Of text; `sum` is of lengths, bounds stand in for values that are too long.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct StringStatistics {
    #[prost(string, optional, tag = "1")]
    pub(crate) minimum: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub(crate) maximum: Option<String>,
    #[prost(sint64, optional, tag = "3")]
    pub(crate) sum: Option<i64>,
    #[prost(string, optional, tag = "4")]
    pub(crate) lower_bound: Option<String>,
    #[prost(string, optional, tag = "5")]
    pub(crate) upper_bound: Option<String>,
}

/// Of booleans: how many are true.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct BucketStatistics {
    #[prost(uint64, repeated, tag = "1")]
    pub(crate) count: Vec<u64>,
}

/// Of decimals, as numbers in text.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct DecimalStatistics {
    #[prost(string, optional, tag = "1")]
    pub(crate) minimum: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub(crate) maximum: Option<String>,
    #[prost(string, optional, tag = "3")]
    pub(crate) sum: Option<String>,
}

/// Of dates, in days since 1970.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct DateStatistics {
    #[prost(sint32, optional, tag = "1")]
    pub(crate) minimum: Option<i32>,
    #[prost(sint32, optional, tag = "2")]
    pub(crate) maximum: Option<i32>,
}

/// Of timestamps, in milliseconds since 1970 and what is below, plus one.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TimestampStatistics {
    #[prost(sint64, optional, tag = "3")]
    pub(crate) minimum_utc: Option<i64>,
    #[prost(sint64, optional, tag = "4")]
    pub(crate) maximum_utc: Option<i64>,
    #[prost(int32, optional, tag = "5")]
    pub(crate) minimum_nanos: Option<i32>,
    #[prost(int32, optional, tag = "6")]
    pub(crate) maximum_nanos: Option<i32>,
}

/// Of bytes: the sum of lengths.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct BinaryStatistics {
    #[prost(sint64, optional, tag = "1")]
    pub(crate) sum: Option<i64>,
}

/// Of lists and maps: how many children they have.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct CollectionStatistics {
    #[prost(uint64, optional, tag = "1")]
    pub(crate) min_children: Option<u64>,
    #[prost(uint64, optional, tag = "2")]
    pub(crate) max_children: Option<u64>,
    #[prost(uint64, optional, tag = "3")]
    pub(crate) total_children: Option<u64>,
}

/// Of any column.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ColumnStatistics {
    #[prost(uint64, optional, tag = "1")]
    pub(crate) number_of_values: Option<u64>,
    #[prost(message, optional, tag = "2")]
    pub(crate) int_statistics: Option<IntegerStatistics>,
    #[prost(message, optional, tag = "3")]
    pub(crate) double_statistics: Option<DoubleStatistics>,
    #[prost(message, optional, tag = "4")]
    pub(crate) string_statistics: Option<StringStatistics>,
    #[prost(message, optional, tag = "5")]
    pub(crate) bucket_statistics: Option<BucketStatistics>,
    #[prost(message, optional, tag = "6")]
    pub(crate) decimal_statistics: Option<DecimalStatistics>,
    #[prost(message, optional, tag = "7")]
    pub(crate) date_statistics: Option<DateStatistics>,
    #[prost(message, optional, tag = "8")]
    pub(crate) binary_statistics: Option<BinaryStatistics>,
    #[prost(message, optional, tag = "9")]
    pub(crate) timestamp_statistics: Option<TimestampStatistics>,
    #[prost(bool, optional, tag = "10")]
    pub(crate) has_null: Option<bool>,
    #[prost(message, optional, tag = "12")]
    pub(crate) collection_statistics: Option<CollectionStatistics>,
}

/// Where a row group begins in each stream of a column.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct RowIndexEntry {
    #[prost(uint64, repeated, tag = "1")]
    pub(crate) positions: Vec<u64>,
    /// [`ColumnStatistics`], encoded: there is one for each row group until the stripe ends.
    #[prost(bytes = "vec", optional, tag = "2")]
    pub(crate) statistics: Option<Vec<u8>>,
}

/// The row groups of a column in a stripe.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct RowIndex {
    #[prost(message, repeated, tag = "1")]
    pub(crate) entry: Vec<RowIndexEntry>,
}

/// The bloom filter of a row group.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct BloomFilter {
    #[prost(uint32, optional, tag = "1")]
    pub(crate) num_hash_functions: Option<u32>,
    #[prost(bytes = "vec", optional, tag = "3")]
    pub(crate) utf8bitset: Option<Vec<u8>>,
}

/// The bloom filters of a column in a stripe.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct BloomFilterIndex {
    #[prost(message, repeated, tag = "1")]
    pub(crate) bloom_filter: Vec<BloomFilter>,
}

/// A stream of a stripe; they lie in this order.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Stream {
    #[prost(uint32, optional, tag = "1")]
    pub(crate) kind: Option<u32>,
    #[prost(uint32, optional, tag = "2")]
    pub(crate) column: Option<u32>,
    #[prost(uint64, optional, tag = "3")]
    pub(crate) length: Option<u64>,
}

/// How a column of a stripe is written.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ColumnEncoding {
    #[prost(uint32, optional, tag = "1")]
    pub(crate) kind: Option<u32>,
    #[prost(uint32, optional, tag = "2")]
    pub(crate) dictionary_size: Option<u32>,
    /// 1: text and numbers are hashed as UTF-8 and as they are.
    #[prost(uint32, optional, tag = "3")]
    pub(crate) bloom_encoding: Option<u32>,
}

/// The end of a stripe.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct StripeFooter {
    #[prost(message, repeated, tag = "1")]
    pub(crate) streams: Vec<Stream>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) columns: Vec<ColumnEncoding>,
    #[prost(string, optional, tag = "3")]
    pub(crate) writer_timezone: Option<String>,
}

/// A column's type. Columns are numbered in pre-order, the root is 0.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Type {
    #[prost(uint32, optional, tag = "1")]
    pub(crate) kind: Option<u32>,
    #[prost(uint32, repeated, tag = "2")]
    pub(crate) subtypes: Vec<u32>,
    #[prost(string, repeated, tag = "3")]
    pub(crate) field_names: Vec<String>,
    #[prost(uint32, optional, tag = "5")]
    pub(crate) precision: Option<u32>,
    #[prost(uint32, optional, tag = "6")]
    pub(crate) scale: Option<u32>,
}

/// Where a stripe is.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct StripeInformation {
    #[prost(uint64, optional, tag = "1")]
    pub(crate) offset: Option<u64>,
    #[prost(uint64, optional, tag = "2")]
    pub(crate) index_length: Option<u64>,
    #[prost(uint64, optional, tag = "3")]
    pub(crate) data_length: Option<u64>,
    #[prost(uint64, optional, tag = "4")]
    pub(crate) footer_length: Option<u64>,
    #[prost(uint64, optional, tag = "5")]
    pub(crate) number_of_rows: Option<u64>,
}

/// A note of the writer.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct UserMetadataItem {
    #[prost(string, optional, tag = "1")]
    pub(crate) name: Option<String>,
    #[prost(bytes = "vec", optional, tag = "2")]
    pub(crate) value: Option<Vec<u8>>,
}

/// The columns' statistics in a stripe.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct StripeStatistics {
    #[prost(message, repeated, tag = "1")]
    pub(crate) col_stats: Vec<ColumnStatistics>,
}

/// The statistics of all stripes.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Metadata {
    #[prost(message, repeated, tag = "1")]
    pub(crate) stripe_stats: Vec<StripeStatistics>,
}

/// What the file is.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Footer {
    #[prost(uint64, optional, tag = "1")]
    pub(crate) header_length: Option<u64>,
    #[prost(uint64, optional, tag = "2")]
    pub(crate) content_length: Option<u64>,
    #[prost(message, repeated, tag = "3")]
    pub(crate) stripes: Vec<StripeInformation>,
    #[prost(message, repeated, tag = "4")]
    pub(crate) types: Vec<Type>,
    #[prost(message, repeated, tag = "5")]
    pub(crate) metadata: Vec<UserMetadataItem>,
    #[prost(uint64, optional, tag = "6")]
    pub(crate) number_of_rows: Option<u64>,
    #[prost(message, repeated, tag = "7")]
    pub(crate) statistics: Vec<ColumnStatistics>,
    #[prost(uint32, optional, tag = "8")]
    pub(crate) row_index_stride: Option<u32>,
    #[prost(uint32, optional, tag = "9")]
    pub(crate) writer: Option<u32>,
    /// 2: days are those of the proleptic Gregorian calendar.
    #[prost(uint32, optional, tag = "11")]
    pub(crate) calendar: Option<u32>,
    #[prost(string, optional, tag = "12")]
    pub(crate) software_version: Option<String>,
}

/// How the tail is read; never compressed.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct PostScript {
    #[prost(uint64, optional, tag = "1")]
    pub(crate) footer_length: Option<u64>,
    #[prost(uint32, optional, tag = "2")]
    pub(crate) compression: Option<u32>,
    #[prost(uint64, optional, tag = "3")]
    pub(crate) compression_block_size: Option<u64>,
    #[prost(uint32, repeated, tag = "4")]
    pub(crate) version: Vec<u32>,
    #[prost(uint64, optional, tag = "5")]
    pub(crate) metadata_length: Option<u64>,
    #[prost(uint32, optional, tag = "6")]
    pub(crate) writer_version: Option<u32>,
    #[prost(string, optional, tag = "8000")]
    pub(crate) magic: Option<String>,
}
