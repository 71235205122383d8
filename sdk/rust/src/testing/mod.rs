//! Runs plugins in the process of a test, as the host would: options are JSON,
//! batches come one after the other, what is emitted is collected and checked.
//!
//! There is no component here and nothing crosses; native builds of plugins are
//! measured with the same functions. [`conformance`] is what every plugin must keep to.

pub mod conformance;
pub(crate) mod outside;

use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use serde_json::Value;

use crate::batch::Batch;
use crate::downsampler::{self, Downsampler, Roles};
use crate::error::Result;
use crate::format_writer::{self, FormatWriter, SortColumn};
use crate::options;
use crate::output::{Output, Sink};
use crate::source::{self, Polled, Source};
use crate::storage_backend::{self, StorageBackend};
use crate::transform::{self, Transform};

pub use outside::{Installed, Outside};

/// What a transform says about itself, as the host reads it.
pub fn describe_transform<T: Transform>() -> Value {
    serde_json::from_str(&transform::describe::<T>()).unwrap_or_default()
}

/// What a format writer says about itself, as the host reads it.
pub fn describe_format_writer<T: FormatWriter>() -> Value {
    serde_json::from_str(&format_writer::describe::<T>()).unwrap_or_default()
}

/// What a downsampler says about itself, as the host reads it.
pub fn describe_downsampler<T: Downsampler>() -> Value {
    serde_json::from_str(&downsampler::describe::<T>()).unwrap_or_default()
}

/// What a storage backend says about itself, as the host reads it.
pub fn describe_storage_backend<T: StorageBackend>() -> Value {
    serde_json::from_str(&storage_backend::describe::<T>()).unwrap_or_default()
}

/// What a source says about itself, as the host reads it.
pub fn describe_source<T: Source>() -> Value {
    serde_json::from_str(&source::describe::<T>()).unwrap_or_default()
}

/// Opens a source at an offset, or at its start.
pub fn open_source<T: Source>(options: &Value, offset: Option<&[u8]>) -> Result<T> {
    T::open(options::parse(&options.to_string())?, offset)
}

/// Polls a source once: what it answers, and the rows that it emits.
pub fn poll<T: Source>(source: &mut T, max_rows: usize) -> Result<(Polled, Vec<RecordBatch>)> {
    let mut emitted = Vec::new();
    let schema = source.schema();
    let polled = source.poll(max_rows, &mut Output::to_memory(&mut emitted, schema, None))?;
    Ok((polled, emitted))
}

/// Opens a store.
pub fn open_store<T: StorageBackend>(url: &str, options: &Value) -> Result<T> {
    T::open(url, options::parse(&options.to_string())?)
}

/// Runs a transform over all batches and returns all that it emits.
pub fn transform<T: Transform>(
    input: &SchemaRef,
    options: &Value,
    batches: &[RecordBatch],
) -> Result<Vec<RecordBatch>> {
    let mut transform = T::create(input.clone(), options::parse(&options.to_string())?)?;
    let schema = transform.output_schema();
    let mut emitted = Vec::new();
    for batch in batches {
        let batch = Batch::from_memory(batch);
        let mut out = Output::to_memory(&mut emitted, schema.clone(), Some(&batch));
        transform.process(&batch, &mut out)?;
    }
    transform.finish(&mut Output::to_memory(&mut emitted, schema, None))?;
    Ok(emitted)
}

/// Writes all batches into one file and returns its bytes.
pub fn write_file<T: FormatWriter>(
    schema: &SchemaRef,
    sort: &[SortColumn],
    options: &Value,
    batches: &[RecordBatch],
) -> Result<Vec<u8>> {
    let file = Arc::new(Mutex::new(Vec::new()));
    let target = file.clone();
    let out = Sink::from_fn(move |bytes| {
        target.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(())
    });
    let mut writer = T::create(schema.clone(), sort, options::parse(&options.to_string())?, out)?;
    for batch in batches {
        writer.write(&Batch::from_memory(batch))?;
    }
    writer.finish()?;
    let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(std::mem::take(&mut *file))
}

/// Makes a downsampler.
pub fn downsampler<T: Downsampler>(input: &SchemaRef, roles: &Roles, options: &Value) -> Result<T> {
    downsampler::open(input, roles, options::parse(&options.to_string())?)
}

/// Drains a downsampler.
pub fn drain<T: Downsampler>(downsampler: &mut T) -> Result<Vec<RecordBatch>> {
    let mut emitted = Vec::new();
    let schema = downsampler.output_schema();
    downsampler.drain(&mut Output::to_memory(&mut emitted, schema, None))?;
    Ok(emitted)
}
