//! Native plugins behind the traits of `tidelake_core::plugin`.

use std::ptr;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use serde_json::Value;
use tidelake_columns::native::{self as abi, Bytes, Create, what};
use tidelake_core::plugin::{
    BatchSink, ByteSink, DownsampleSpec, Downsampler, FormatWriter, PluginContext, SortColumn,
    Transform,
};
use tidelake_core::{Error, Result};

use super::NativePlugin;
use super::calls::{Session, Stage};
use crate::crossing::pieces;
use crate::run::{options_text, plugin::piece};
use crate::text;

/// What every kind is made from.
fn plain(input: *const abi::FFI_ArrowSchema, options: &str) -> Create {
    Create {
        input,
        options: Bytes::of(options.as_bytes()),
        sort: ptr::null(),
        sort_len: 0,
        time_column: 0,
        bucket_column: 0,
        groups: ptr::null(),
        groups_len: 0,
    }
}

fn begin(
    plugin: &NativePlugin,
    context: &PluginContext,
    options: &Value,
) -> Result<(Session, String)> {
    let options = options_text(&plugin.info, Some(&plugin.schema), context, options)?;
    Ok((Session::new(&plugin.shared, context), options))
}

/// A transform in a library.
pub(crate) struct NativeTransform {
    stage: Stage,
    schema: SchemaRef,
    piece: usize,
}

impl NativeTransform {
    pub(crate) fn new(
        plugin: &NativePlugin,
        context: &PluginContext,
        input: &SchemaRef,
        options: &Value,
    ) -> Result<Self> {
        let (session, options) = begin(plugin, context, options)?;
        let mut stage =
            Stage::create(plugin.library, session, input, |input| plain(input, &options))?;
        let schema = stage.declared()?;
        Ok(Self { stage, schema, piece: piece(plugin.memory) })
    }
}

impl Transform for NativeTransform {
    fn output_schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }

    fn process(&mut self, batch: &RecordBatch, out: &mut dyn BatchSink) -> Result<()> {
        for piece in pieces(batch, self.piece) {
            self.stage.take(what::INPUT, &piece)?.into_iter().try_for_each(|b| out.emit(b))?;
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut dyn BatchSink) -> Result<()> {
        self.stage.finish()?.into_iter().try_for_each(|batch| out.emit(batch))
    }
}

/// A format writer in a library.
pub(crate) struct NativeWriter {
    stage: Stage,
    out: Box<dyn ByteSink>,
    piece: usize,
}

impl NativeWriter {
    pub(crate) fn new(
        plugin: &NativePlugin,
        context: &PluginContext,
        schema: &SchemaRef,
        sort: &[SortColumn],
        options: &Value,
        out: Box<dyn ByteSink>,
    ) -> Result<Self> {
        let (session, options) = begin(plugin, context, options)?;
        let sort: Vec<abi::SortColumn> = sort
            .iter()
            .map(|sort| abi::SortColumn {
                column: sort.column as u64,
                descending: sort.descending.into(),
                nulls_first: sort.nulls_first.into(),
            })
            .collect();
        let stage = Stage::create(plugin.library, session, schema, |input| Create {
            sort: sort.as_ptr(),
            sort_len: sort.len(),
            ..plain(input, &options)
        })?;
        let mut new = Self { stage, out, piece: piece(plugin.memory) };
        // A format may write its head at once.
        new.drain()?;
        Ok(new)
    }

    /// Hands on what the last call wrote; may block.
    fn drain(&mut self) -> Result<()> {
        let session = &mut self.stage.session;
        let Some(queue) = session.file.drain() else {
            let cap = text::bytes(session.shared.output_cap);
            let error = Error::exhausted(format!("the plugin wrote more than {cap} in one call"));
            return Err(session.located(error));
        };
        queue.into_iter().try_for_each(|bytes| self.out.write(bytes))
    }
}

impl FormatWriter for NativeWriter {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        for piece in pieces(batch, self.piece) {
            self.stage.take(what::INPUT, &piece)?;
            self.drain()?;
        }
        Ok(())
    }

    fn buffered(&mut self) -> Result<u64> {
        self.stage.buffered()
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.stage.finish()?;
        self.drain()
    }
}

/// A downsampler in a library.
pub(crate) struct NativeDownsampler {
    stage: Stage,
    schema: SchemaRef,
    piece: usize,
}

impl NativeDownsampler {
    pub(crate) fn new(
        plugin: &NativePlugin,
        context: &PluginContext,
        input: &SchemaRef,
        spec: &DownsampleSpec,
        options: &Value,
    ) -> Result<Self> {
        let (session, options) = begin(plugin, context, options)?;
        let groups: Vec<u64> = spec.group_columns.iter().map(|&index| index as u64).collect();
        let mut stage = Stage::create(plugin.library, session, input, |input| Create {
            time_column: spec.time_column as u64,
            bucket_column: spec.bucket_column as u64,
            groups: groups.as_ptr(),
            groups_len: groups.len(),
            ..plain(input, &options)
        })?;
        let schema = stage.declared()?;
        Ok(Self { stage, schema, piece: piece(plugin.memory) })
    }

    fn add(&mut self, what: u32, batch: &RecordBatch) -> Result<()> {
        for piece in pieces(batch, self.piece) {
            self.stage.take(what, &piece)?;
        }
        Ok(())
    }
}

impl Downsampler for NativeDownsampler {
    fn output_schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }

    fn update(&mut self, batch: &RecordBatch) -> Result<()> {
        self.add(what::INPUT, batch)
    }

    fn merge(&mut self, partials: &RecordBatch) -> Result<()> {
        self.add(what::PARTIALS, partials)
    }

    fn drain(&mut self, out: &mut dyn BatchSink) -> Result<()> {
        self.stage.finish()?.into_iter().try_for_each(|batch| out.emit(batch))
    }
}
