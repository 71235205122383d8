//! Parquet files.

use std::ops::Range;
use std::sync::Arc;

use arrow::datatypes::Schema;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryFutureExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::arrow::{ParquetRecordBatchStreamBuilder, ProjectionMask};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use tidelake_core::file::DataFile;
use tidelake_core::{Error, Result};

use super::BATCH_ROWS;
use crate::error::store_error;
use crate::table::BatchStream;

/// Footers are smaller than this as a rule, so that one read gets them.
const FOOTER_BYTES: usize = 64 << 10;

/// The columns of a file, in the types that Parquet has for them. A schema that
/// the writer may have left in the file is not looked at: what counts is what
/// other readers see.
pub(super) async fn open(
    store: Arc<dyn ObjectStore>,
    path: Path,
    file: &DataFile,
    columns: &Schema,
) -> Result<BatchStream> {
    let reader = FileReader { store, path, bytes: file.bytes };
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder = ParquetRecordBatchStreamBuilder::new_with_options(reader, options)
        .await
        .map_err(parquet_error)?;
    let wanted: Vec<usize> = builder
        .schema()
        .fields()
        .iter()
        .enumerate()
        .filter(|(_, field)| columns.field_with_name(field.name()).is_ok())
        .map(|(i, _)| i)
        .collect();
    let mask = ProjectionMask::roots(builder.parquet_schema(), wanted);
    let batches =
        builder.with_projection(mask).with_batch_size(BATCH_ROWS).build().map_err(parquet_error)?;
    Ok(batches.map_err(parquet_error).boxed())
}

/// One file in a store, of the size that the log says.
struct FileReader {
    store: Arc<dyn ObjectStore>,
    path: Path,
    bytes: u64,
}

impl AsyncFileReader for FileReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ParquetError>> {
        self.store.get_range(&self.path, range).map_err(ParquetError::from).boxed()
    }

    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, Result<Vec<Bytes>, ParquetError>> {
        async move { Ok(self.store.get_ranges(&self.path, &ranges).await?) }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>, ParquetError>> {
        async move {
            let bytes = self.bytes;
            let footer = ParquetMetaDataReader::new()
                .with_metadata_options(options.map(|o| o.metadata_options().clone()))
                .with_prefetch_hint(Some(FOOTER_BYTES));
            Ok(Arc::new(footer.load_and_finish(self, bytes).await?))
        }
        .boxed()
    }
}

/// The store's error if it caused this one, and otherwise that the file is broken.
fn parquet_error(error: ParquetError) -> Error {
    match error {
        ParquetError::External(source) => match source.downcast::<object_store::Error>() {
            Ok(store) => match *store {
                missing @ object_store::Error::NotFound { .. } => {
                    super::read_error(store_error(missing, "a Parquet file"))
                }
                other => store_error(other, "a Parquet file"),
            },
            Err(other) => broken().with_source(other),
        },
        other => broken().with_source(other),
    }
}

fn broken() -> Error {
    Error::corrupt("a data file is not a Parquet file that can be read")
}
