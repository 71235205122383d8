//! From options to what the writer is told.

use arrow_schema::Schema;
use parquet::arrow::ArrowSchemaConverter;
use parquet::basic::{Encoding, Type};
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::{ColumnDescriptor, SchemaDescriptor};
use tidelake_sdk::{Error, Result, SortColumn};

use crate::error;
use crate::options::{ColumnOptions, ParquetOptions, Statistics, compression};

pub(crate) fn build(
    schema: &Schema,
    sort: &[SortColumn],
    options: &ParquetOptions,
) -> Result<WriterProperties> {
    check(schema, options)?;
    let parquet =
        ArrowSchemaConverter::new().with_coerce_types(true).convert(schema).map_err(error)?;
    let mut builder = WriterProperties::builder()
        .set_created_by(concat!("tidelake format-parquet ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_coerce_types(true)
        .set_compression(compression("compression", &options.compression)?)
        .set_max_row_group_row_count(Some(options.row_group_rows))
        .set_max_row_group_bytes(Some(options.row_group_bytes))
        .set_data_page_size_limit(options.page_bytes)
        .set_data_page_row_count_limit(options.page_rows)
        .set_statistics_enabled(enabled(options.statistics))
        .set_sorting_columns(sorting(&parquet, sort));
    for (leaf, column) in parquet.columns().iter().enumerate() {
        let top = schema.field(parquet.get_column_root_idx(leaf)).name();
        let own = options.columns.get(top);
        builder = encode(builder, column, options.dictionary, own)?;
        if let Some(own) = own {
            builder = particular(builder, top, column, own)?;
        }
    }
    Ok(builder.build())
}

fn check(schema: &Schema, options: &ParquetOptions) -> Result<()> {
    let sizes = [
        ("row_group_rows", options.row_group_rows),
        ("row_group_bytes", options.row_group_bytes),
        ("page_bytes", options.page_bytes),
        ("page_rows", options.page_rows),
    ];
    if let Some((name, _)) = sizes.iter().find(|(_, size)| *size == 0) {
        return Err(Error::option(name, "must be at least 1"));
    }
    match options.columns.keys().find(|name| schema.index_of(name).is_err()) {
        Some(name) => {
            Err(Error::option(&format!("columns.{name}"), format!("there is no column `{name}`")))
        }
        None => Ok(()),
    }
}

/// The encoding that suits the values; see the crate's head.
fn encode(
    builder: WriterPropertiesBuilder,
    column: &ColumnDescriptor,
    text_dictionary: bool,
    own: Option<&ColumnOptions>,
) -> Result<WriterPropertiesBuilder> {
    let (encoding, by_default) = match column.physical_type() {
        Type::FLOAT | Type::DOUBLE => (Some(Encoding::BYTE_STREAM_SPLIT), false),
        Type::INT32 | Type::INT64 => (Some(Encoding::DELTA_BINARY_PACKED), false),
        Type::BYTE_ARRAY | Type::FIXED_LEN_BYTE_ARRAY => (None, text_dictionary),
        Type::BOOLEAN | Type::INT96 => (None, false),
    };
    let dictionary = own.and_then(|own| own.dictionary).unwrap_or(by_default);
    let builder = builder.set_column_dictionary_enabled(column.path().clone(), dictionary);
    Ok(match encoding {
        Some(encoding) => builder.set_column_encoding(column.path().clone(), encoding),
        None => builder,
    })
}

fn particular(
    mut builder: WriterPropertiesBuilder,
    name: &str,
    column: &ColumnDescriptor,
    own: &ColumnOptions,
) -> Result<WriterPropertiesBuilder> {
    let path = column.path();
    if let Some(text) = &own.compression {
        let compression = compression(&format!("columns.{name}.compression"), text)?;
        builder = builder.set_column_compression(path.clone(), compression);
    }
    if let Some(statistics) = own.statistics {
        builder = builder.set_column_statistics_enabled(path.clone(), enabled(statistics));
    }
    Ok(builder.set_column_bloom_filter_enabled(path.clone(), own.bloom_filter))
}

fn enabled(statistics: Statistics) -> EnabledStatistics {
    match statistics {
        Statistics::Page => EnabledStatistics::Page,
        Statistics::Chunk => EnabledStatistics::Chunk,
        Statistics::None => EnabledStatistics::None,
    }
}

/// The order as Parquet says it, by leaf columns. It ends before the first column
/// that has several leaves, since nothing after it could be relied on.
fn sorting(parquet: &SchemaDescriptor, sort: &[SortColumn]) -> Option<Vec<SortingColumn>> {
    let leaf_of = |top: usize| {
        let mut leaves =
            (0..parquet.num_columns()).filter(|leaf| parquet.get_column_root_idx(*leaf) == top);
        match (leaves.next(), leaves.next()) {
            (Some(leaf), None) if parquet.column(leaf).max_rep_level() == 0 => Some(leaf),
            _ => None,
        }
    };
    let columns: Vec<SortingColumn> = sort
        .iter()
        .map_while(|s| {
            leaf_of(s.column).map(|leaf| SortingColumn {
                column_idx: leaf as i32,
                descending: s.descending,
                nulls_first: s.nulls_first,
            })
        })
        .collect();
    (!columns.is_empty()).then_some(columns)
}
