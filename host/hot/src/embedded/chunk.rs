//! A chunk's bytes: one record batch as an Arrow IPC stream, uncompressed.
//!
//! Reading makes no copy: the arrays point into the bytes that came from disk.
//! Columns that are not wanted are neither checked nor built. A chunk that was
//! partly evicted has one more column at its end: its rows' sequence numbers.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, RecordBatchOptions, UInt64Array};
use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, UInt64Type};
use arrow::error::ArrowError;
use arrow_ipc::MessageHeader;
use arrow_ipc::convert::fb_to_schema;
use arrow_ipc::reader::{RecordBatchDecoder, StreamReader, read_dictionary};
use arrow_ipc::writer::StreamWriter;
use bytes::Bytes;
use fjall::Slice;
use tidelake_core::{Error, Result};

/// Encodes rows, with their sequence numbers when these are not consecutive.
pub(super) fn encode(rows: &RecordBatch, seqs: Option<UInt64Array>) -> Result<Slice> {
    let numbered;
    let rows = match seqs {
        None => rows,
        Some(seqs) => {
            let mut fields = rows.schema().fields().to_vec();
            fields.push(Arc::new(Field::new("seq", DataType::UInt64, false)));
            let mut columns = rows.columns().to_vec();
            columns.push(Arc::new(seqs));
            numbered = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?;
            &numbered
        }
    };
    let mut writer = StreamWriter::try_new(Vec::new(), &rows.schema())?;
    writer.write(rows)?;
    Ok(writer.into_inner()?.into())
}

/// Decodes columns, by their position.
pub(super) fn decode(bytes: Slice, columns: &[usize]) -> Result<Vec<ArrayRef>> {
    let damaged = |e: ArrowError| {
        Error::corrupt("a chunk of the hot store cannot be read")
            .with_source(e)
            .with_help("restore the store from a copy; nothing was deleted")
    };
    let buffer = Buffer::from(Bytes::from_owner(bytes));
    Ok(read(&buffer, columns).map_err(damaged)?.columns().to_vec())
}

/// The last column of a chunk of so many columns, as sequence numbers.
pub(super) fn numbers(column: &ArrayRef) -> Result<UInt64Array> {
    column
        .as_primitive_opt::<UInt64Type>()
        .cloned()
        .ok_or_else(|| Error::corrupt("a chunk of the hot store has no sequence numbers"))
}

/// Reads an IPC stream of one batch: schema, dictionaries, rows.
fn read(buffer: &Buffer, columns: &[usize]) -> Result<RecordBatch, ArrowError> {
    const CONTINUES: [u8; 4] = [0xff; 4];
    let broken = |what: &str| ArrowError::IpcError(what.to_owned());
    let mut schema: Option<SchemaRef> = None;
    let mut dictionaries = HashMap::new();
    let mut at = 0;
    let take = |at: &mut usize, length: usize| {
        let start = *at;
        *at = start.checked_add(length).filter(|end| *end <= buffer.len())?;
        Some(buffer.slice_with_length(start, length))
    };
    loop {
        let head = take(&mut at, 8).ok_or_else(|| broken("the chunk ends early"))?;
        let (mark, length) = head.split_at(4);
        let length = <[u8; 4]>::try_from(length).map_or(0, u32::from_le_bytes);
        if mark != CONTINUES || length == 0 {
            return Err(broken("the chunk holds no rows"));
        }
        let header =
            take(&mut at, length as usize).ok_or_else(|| broken("the chunk ends early"))?;
        let message = arrow_ipc::root_as_message(&header)
            .map_err(|e| broken(&format!("a message is malformed: {e}")))?;
        let body = usize::try_from(message.bodyLength())
            .ok()
            .and_then(|length| take(&mut at, length))
            .ok_or_else(|| broken("the chunk ends early"))?;
        let version = message.version();
        let known = || schema.clone().ok_or_else(|| broken("the chunk has no schema"));
        match message.header_type() {
            MessageHeader::Schema => {
                let header = message.header_as_schema().ok_or_else(|| broken("no schema"))?;
                schema = Some(Arc::new(fb_to_schema(header)));
            }
            MessageHeader::DictionaryBatch => {
                let header =
                    message.header_as_dictionary_batch().ok_or_else(|| broken("no dictionary"))?;
                read_dictionary(&body, header, &*known()?, &mut dictionaries, &version)?;
            }
            MessageHeader::RecordBatch => {
                let header = message.header_as_record_batch().ok_or_else(|| broken("no rows"))?;
                let schema = known()?;
                if columns.iter().any(|c| *c >= schema.fields().len()) {
                    return Err(broken("the chunk lacks a column"));
                }
                return RecordBatchDecoder::try_new(
                    &body,
                    header,
                    schema,
                    &dictionaries,
                    &version,
                )?
                .with_projection(Some(columns))
                .read_record_batch();
            }
            _ => return Err(broken("a message is of an unknown kind")),
        }
    }
}

/// A schema as bytes.
pub(super) fn encode_schema(schema: &Schema) -> Result<Vec<u8>> {
    Ok(StreamWriter::try_new(Vec::new(), schema)?.into_inner()?)
}

/// Reads what [`encode_schema`] wrote.
pub(super) fn decode_schema(bytes: &[u8]) -> Result<SchemaRef> {
    StreamReader::try_new(bytes, None).map(|r| r.schema()).map_err(|e| {
        Error::corrupt("a schema in the hot store's catalogue cannot be read").with_source(e)
    })
}

/// Rows of the given schema from decoded columns.
pub(super) fn rows(schema: SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(schema, columns, &options)?)
}
