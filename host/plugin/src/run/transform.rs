//! Transforms.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use serde_json::Value;
use tidelake_columns::schema_to_message;
use tidelake_core::Result;
use tidelake_core::plugin::{BatchSink, PluginContext, PluginInfo, Transform};
use wasmtime::component::Resource;

use super::options_text;
use super::plugin::{Lease, Plugin};
use crate::bindings::v0_1::Stage;
use crate::crossing::pieces;

/// A transform that runs in a guest.
pub(crate) struct WasmTransform {
    lease: Lease,
    stage: Stage,
    schema: SchemaRef,
}

impl WasmTransform {
    pub(crate) fn new(
        plugin: &Arc<Plugin>,
        context: &PluginContext,
        input: &SchemaRef,
        options: &Value,
        snapshot: Option<&[u8]>,
    ) -> Result<Self> {
        let options = options_text(&plugin.info, plugin.schema.as_ref(), context, options)?;
        let mut lease = plugin.lease(context)?;
        let instance = lease.instance()?;
        let stage = instance.bind(Stage::of)?;
        let params = (schema_to_message(input), options, snapshot.map(<[u8]>::to_vec));
        let resource = instance.create(&stage.create, params)?;
        lease.hold(resource);
        let (message,) = lease.instance()?.call(&stage.output_schema, (resource,))?;
        let schema = lease.declared(&message)?;
        Ok(Self { lease, stage, schema })
    }
}

impl WasmTransform {
    /// The version that it runs in.
    pub(crate) fn info(&self) -> &PluginInfo {
        &self.lease.plugin().info
    }
}

impl Transform for WasmTransform {
    fn output_schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn process(&mut self, batch: &RecordBatch, out: &mut dyn BatchSink) -> Result<()> {
        let (resource, process) = (self.lease.resource()?, self.stage.process);
        for piece in pieces(batch, self.lease.plugin().piece()) {
            let instance = self.lease.instance()?;
            let result = instance.with_input(&piece, |instance| {
                let (batch, sink) = (Resource::new_borrow(0), Resource::new_borrow(0));
                instance.attempt(&process, (resource, batch, sink))
            });
            for batch in instance.emitted(result)? {
                out.emit(batch)?;
            }
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut dyn BatchSink) -> Result<()> {
        let (resource, finish) = (self.lease.resource()?, self.stage.finish);
        let instance = self.lease.instance()?;
        let result = instance.attempt(&finish, (resource, Resource::new_borrow(0)));
        for batch in instance.emitted(result)? {
            out.emit(batch)?;
        }
        Ok(())
    }

    fn snapshot(&mut self) -> Result<Vec<u8>> {
        let (resource, snapshot) = (self.lease.resource()?, self.stage.snapshot);
        let instance = self.lease.instance()?;
        let (answer,) = instance.call(&snapshot, (resource,))?;
        answer.map_err(|error| instance.refused(&error, false))
    }
}
