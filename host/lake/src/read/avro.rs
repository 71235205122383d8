//! Avro object container files, block by block.

mod framing;

use std::io::{BufRead, Cursor, Read};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::datatypes::{Schema, SchemaRef};
use arrow_avro::codec::Tz;
use arrow_avro::compression::CompressionCodec;
use arrow_avro::reader::ReaderBuilder;
use async_stream::try_stream;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use tidelake_core::file::DataFile;
use tidelake_core::{Error, Result};

use self::framing::{Block, Framing};
use super::BATCH_ROWS;
use crate::error::store_error;
use crate::table::BatchStream;

/// The columns of a file, in the types that Avro has for them. A column that may have
/// nulls and that the file lacks was added to the table later.
pub(super) async fn open(
    store: Arc<dyn ObjectStore>,
    path: Path,
    file: &DataFile,
    columns: &Schema,
) -> Result<BatchStream> {
    let opened = store.get(&path).await.map_err(|e| store_error(e, &path))?;
    let mut chunks = opened.into_stream();
    let mut framing = Framing::new(file.rows);
    let wanted = Arc::new(columns.clone());
    Ok(try_stream! {
        let mut decoder: Option<BlockDecoder> = None;
        while let Some(chunk) = chunks.try_next().await.map_err(|e| store_error(e, &path))? {
            framing.push(&chunk);
            if decoder.is_none() {
                let header = framing.header().map_err(broken)?;
                decoder = header.map(|header| BlockDecoder::new(header, wanted.clone())).transpose()?;
            }
            let Some(decoder) = &decoder else { continue };
            while let Some(block) = framing.block().map_err(broken)? {
                let rows = decoder.decode(&block)?;
                for start in (0..rows.num_rows()).step_by(BATCH_ROWS) {
                    yield rows.slice(start, BATCH_ROWS.min(rows.num_rows() - start));
                }
            }
        }
        framing.finish().map_err(broken)?;
    }
    .boxed())
}

/// Turns blocks into rows.
struct BlockDecoder {
    header: Bytes,
    wanted: SchemaRef,
    /// Where in the file's record the columns are that it has.
    projection: Vec<usize>,
    /// The fewest bytes that a block of this compression has.
    least: usize,
}

impl BlockDecoder {
    fn new(header: Bytes, wanted: SchemaRef) -> Result<Self> {
        let reader = ReaderBuilder::new().build(Cursor::new(&header)).map_err(broken)?;
        let has = reader.schema();
        let found = wanted.fields().iter().filter_map(|field| has.index_of(field.name()).ok());
        let projection = found.collect();
        let snappy =
            reader.avro_header().compression().map_err(broken)? == Some(CompressionCodec::Snappy);
        // The crate takes the checksum of such a block for granted.
        let least = if snappy { 4 } else { 0 };
        Ok(Self { header, wanted, projection, least })
    }

    /// The crate reads files: it gets one of this block alone. All rows are asked for at
    /// once: for more than a block says to hold the crate would look without end, if there
    /// are bytes left in it.
    fn decode(&self, block: &Block) -> Result<RecordBatch> {
        if block.bytes < self.least {
            return Err(broken(Broken("a block is shorter than its checksum")));
        }
        let file = Cursor::new(&self.header[..]).chain(Cursor::new(&block.framed[..]));
        let rows = self.read(file, block.rows)?;
        if rows.num_rows() != block.rows {
            return Err(broken(Broken("a block has fewer rows than it says")));
        }
        // What it lacks is null, where that is possible; the caller misses the rest.
        let fields = self.wanted.fields().iter().filter_map(|field| {
            match rows.schema_ref().column_with_name(field.name()) {
                Some((i, stored)) => Some((Arc::new(stored.clone()), rows.column(i).clone())),
                None if field.is_nullable() => {
                    Some((field.clone(), new_null_array(field.data_type(), block.rows)))
                }
                None => None,
            }
        });
        let (fields, columns): (Vec<_>, Vec<ArrayRef>) = fields.unzip();
        let options = RecordBatchOptions::new().with_row_count(Some(block.rows));
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
            .map_err(broken)
    }

    fn read(&self, file: impl BufRead, rows: usize) -> Result<RecordBatch> {
        let mut reader = ReaderBuilder::new()
            .with_batch_size(rows)
            .with_projection(self.projection.clone())
            .with_tz(Tz::Utc)
            .build(file)
            .map_err(broken)?;
        match reader.next() {
            Some(rows) => rows.map_err(broken),
            None => Err(broken(Broken("a block has no rows"))),
        }
    }
}

/// What is wrong with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Broken(&'static str);

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Broken {}

fn broken(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::corrupt("a data file is not an Avro file that can be read").with_source(error)
}
