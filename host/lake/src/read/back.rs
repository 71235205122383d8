//! One file in memory, for whoever tests a writer.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use futures::TryStreamExt;
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt};
use tidelake_core::Result;
use tidelake_core::commit::{TableState, Watermark};
use tidelake_core::file::DataFile;
use tidelake_core::hash::Digest;
use tidelake_core::partition::PartitionSpec;
use tidelake_core::period::Period;
use tidelake_core::table::LogKind;
use tidelake_core::time::Micros;

use super::read_file;
use crate::coerce::storage_schema;
use crate::error::store_error;
use crate::table::store_path;

const TABLE: &str = "sample";
const FILE: &str = "file";

/// The rows of a file of some format, in the columns and types of `schema`: read by the
/// very readers that prove a table's files before anything is evicted.
///
/// `Unsupported` when files of this format, or a type in it, cannot be read back;
/// `Corrupt` when the file does not hold so many rows of these columns.
pub async fn read_back(
    file_format: &str,
    bytes: Bytes,
    schema: &SchemaRef,
    rows: u64,
) -> Result<RecordBatch> {
    storage_schema(schema, LogKind::Files, file_format)?;
    let file = DataFile {
        path: FILE.to_owned(),
        partition: Vec::new(),
        rows,
        bytes: bytes.len() as u64,
        min_time: Micros::MIN,
        max_time: Micros::MIN,
        stats: Vec::new(),
        digest: Digest::default(),
        generation: 0,
    };
    let state = TableState {
        version: 0,
        schema: schema.clone(),
        // Of a name that no column can have.
        partition: PartitionSpec { time: "\0".into(), period: Period::Day, columns: Vec::new() },
        file_format: file_format.to_owned(),
        watermark: Watermark::EMPTY,
        files: BTreeMap::new(),
    };
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let path = store_path(TABLE, FILE)?;
    store.put(&path, bytes.into()).await.map_err(|e| store_error(e, FILE))?;
    let stream = read_file(store, TABLE, &state, &file, None).await?;
    let batches: Vec<RecordBatch> = stream.try_collect().await?;
    Ok(concat_batches(schema, &batches)?)
}
