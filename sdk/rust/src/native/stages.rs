//! The three kinds of plugins behind one set of functions.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use tidelake_columns::native as abi;

use super::border::{Made, Runs};
use super::host;
use crate::batch::Batch;
use crate::downsampler::{self, Downsampler};
use crate::error::{Error, Result};
use crate::format_writer::{self, FormatWriter};
use crate::options;
use crate::output::{Output, Sink};
use crate::transform::{self, Transform};

/// A transform.
#[doc(hidden)]
pub struct Stage<T> {
    input: SchemaRef,
    output: SchemaRef,
    transform: T,
}

impl<T: Transform + Send> Runs for Stage<T> {
    const KIND: u32 = abi::TRANSFORM;

    fn describe() -> String {
        transform::describe::<T>()
    }

    fn create(with: Made<'_>) -> Result<Self> {
        let transform = T::create(with.input.clone(), options::parse(with.options)?)?;
        Ok(Self { input: with.input, output: transform.output_schema(), transform })
    }

    fn takes(&self, partials: bool) -> Result<SchemaRef> {
        if partials { Err(no_partials()) } else { Ok(self.input.clone()) }
    }

    fn output_schema(&self) -> Result<SchemaRef> {
        Ok(self.output.clone())
    }

    fn take(&mut self, _: bool, batch: &RecordBatch) -> Result<()> {
        let batch = Batch::from_memory(batch);
        let mut out = Output::to_native(self.output.clone(), Some(&batch));
        self.transform.process(&batch, &mut out)
    }

    fn finish(&mut self) -> Result<()> {
        self.transform.finish(&mut Output::to_native(self.output.clone(), None))
    }

    fn buffered(&self) -> u64 {
        0
    }
}

/// A format writer.
#[doc(hidden)]
pub struct Writer<T> {
    schema: SchemaRef,
    /// Taken by `finish`.
    writer: Option<T>,
}

impl<T: FormatWriter + Send> Runs for Writer<T> {
    const KIND: u32 = abi::FORMAT_WRITER;

    fn describe() -> String {
        format_writer::describe::<T>()
    }

    fn create(with: Made<'_>) -> Result<Self> {
        let options = options::parse(with.options)?;
        let out = Sink::from_fn(host::write);
        let writer = T::create(with.input.clone(), &with.sort, options, out)?;
        Ok(Self { schema: with.input, writer: Some(writer) })
    }

    fn takes(&self, partials: bool) -> Result<SchemaRef> {
        if partials { Err(no_partials()) } else { Ok(self.schema.clone()) }
    }

    fn output_schema(&self) -> Result<SchemaRef> {
        Err(Error::internal("a writer emits no batches"))
    }

    fn take(&mut self, _: bool, batch: &RecordBatch) -> Result<()> {
        let writer = self.writer.as_mut().ok_or_else(format_writer::finished)?;
        writer.write(&Batch::from_memory(batch))
    }

    fn finish(&mut self) -> Result<()> {
        self.writer.take().ok_or_else(format_writer::finished)?.finish()
    }

    fn buffered(&self) -> u64 {
        self.writer.as_ref().map_or(0, T::buffered)
    }
}

/// A downsampler.
#[doc(hidden)]
pub struct Aggregator<T> {
    input: SchemaRef,
    output: SchemaRef,
    downsampler: T,
}

impl<T: Downsampler + Send> Runs for Aggregator<T> {
    const KIND: u32 = abi::DOWNSAMPLER;

    fn describe() -> String {
        downsampler::describe::<T>()
    }

    fn create(with: Made<'_>) -> Result<Self> {
        let options = options::parse(with.options)?;
        let downsampler: T = downsampler::open(&with.input, &with.roles, options)?;
        Ok(Self { input: with.input, output: downsampler.output_schema(), downsampler })
    }

    fn takes(&self, partials: bool) -> Result<SchemaRef> {
        Ok(if partials { &self.output } else { &self.input }.clone())
    }

    fn output_schema(&self) -> Result<SchemaRef> {
        Ok(self.output.clone())
    }

    fn take(&mut self, partials: bool, batch: &RecordBatch) -> Result<()> {
        let batch = Batch::from_memory(batch);
        match partials {
            true => self.downsampler.merge(&batch),
            false => self.downsampler.update(&batch),
        }
    }

    fn finish(&mut self) -> Result<()> {
        self.downsampler.drain(&mut Output::to_native(self.output.clone(), None))
    }

    fn buffered(&self) -> u64 {
        0
    }
}

fn no_partials() -> Error {
    Error::internal("only a downsampler merges aggregates")
}
