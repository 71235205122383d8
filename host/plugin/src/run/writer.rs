//! Format writers.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use serde_json::Value;
use tidelake_columns::schema_to_message;
use tidelake_core::plugin::{ByteSink, FormatWriter, PluginContext, SortColumn};
use tidelake_core::{Error, Result};
use wasmtime::component::Resource;

use super::plugin::{Lease, Plugin};
use super::{fault, index, options_text};
use crate::bindings::v0_1::{self, Writer};
use crate::crossing::pieces;
use crate::text;

/// A format writer that runs in a guest.
pub(crate) struct WasmWriter {
    lease: Lease,
    writer: Writer,
    out: Box<dyn ByteSink>,
}

impl WasmWriter {
    pub(crate) fn new(
        plugin: &Arc<Plugin>,
        context: &PluginContext,
        schema: &SchemaRef,
        sort: &[SortColumn],
        options: &Value,
        out: Box<dyn ByteSink>,
    ) -> Result<Self> {
        let options = options_text(&plugin.info, plugin.schema.as_ref(), context, options)?;
        let sort = sort
            .iter()
            .map(|sort| {
                Ok(v0_1::SortColumn {
                    column: index(sort.column)?,
                    descending: sort.descending,
                    nulls_first: sort.nulls_first,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let mut lease = plugin.lease(context)?;
        let instance = lease.instance()?;
        let writer = instance.bind(Writer::of)?;
        let params = (schema_to_message(schema), sort, options, Resource::new_own(0));
        let resource = instance.create(&writer.create, params)?;
        lease.hold(resource);
        let mut new = Self { lease, writer, out };
        // A format may write its head at once.
        new.drain()?;
        Ok(new)
    }

    /// Hands on what the last call wrote; may block.
    fn drain(&mut self) -> Result<()> {
        let state = self.lease.instance()?.state();
        let Some(queue) = state.file.drain() else {
            let cap = text::bytes(state.shared.output_cap);
            let error = Error::exhausted(format!("the plugin wrote more than {cap} in one call"));
            return Err(fault::located(error, state));
        };
        queue.into_iter().try_for_each(|bytes| self.out.write(bytes))
    }
}

impl FormatWriter for WasmWriter {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let (resource, write) = (self.lease.resource()?, self.writer.write);
        for piece in pieces(batch, self.lease.plugin().piece()) {
            self.lease.instance()?.with_input(&piece, |instance| {
                instance.attempt(&write, (resource, Resource::new_borrow(0)))
            })?;
            self.drain()?;
        }
        Ok(())
    }

    fn buffered(&mut self) -> Result<u64> {
        let (resource, buffered) = (self.lease.resource()?, self.writer.buffered);
        let (bytes,) = self.lease.instance()?.call(&buffered, (resource,))?;
        Ok(bytes)
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        let (resource, finish) = (self.lease.resource()?, self.writer.finish);
        self.lease.instance()?.attempt(&finish, (resource,))?;
        self.drain()
    }
}
