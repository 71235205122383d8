//! Downsamplers.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use serde_json::Value;
use tidelake_columns::schema_to_message;
use tidelake_core::Result;
use tidelake_core::plugin::{BatchSink, DownsampleSpec, Downsampler, PluginContext};
use wasmtime::component::{Resource, ResourceAny, TypedFunc};

use super::plugin::{Lease, Plugin};
use super::{index, options_text};
use crate::bindings::v0_1::{Aggregator, BatchHandle, GuestError, Spec};
use crate::crossing::pieces;

type Add = TypedFunc<(ResourceAny, Resource<BatchHandle>), (std::result::Result<(), GuestError>,)>;

/// A downsampler that runs in a guest.
pub(crate) struct WasmDownsampler {
    lease: Lease,
    aggregator: Aggregator,
    schema: SchemaRef,
}

impl WasmDownsampler {
    pub(crate) fn new(
        plugin: &Arc<Plugin>,
        context: &PluginContext,
        input: &SchemaRef,
        spec: &DownsampleSpec,
        options: &Value,
    ) -> Result<Self> {
        let options = options_text(&plugin.info, plugin.schema.as_ref(), context, options)?;
        let spec = Spec {
            time_column: index(spec.time_column)?,
            bucket_column: index(spec.bucket_column)?,
            group_columns: spec.group_columns.iter().map(|&i| index(i)).collect::<Result<_>>()?,
        };
        let mut lease = plugin.lease(context)?;
        let instance = lease.instance()?;
        let aggregator = instance.bind(Aggregator::of)?;
        let params = (schema_to_message(input), spec, options);
        let resource = instance.create(&aggregator.create, params)?;
        lease.hold(resource);
        let (message,) = lease.instance()?.call(&aggregator.output_schema, (resource,))?;
        let schema = lease.declared(&message)?;
        Ok(Self { lease, aggregator, schema })
    }

    fn add(&mut self, function: &Add, batch: &RecordBatch) -> Result<()> {
        let resource = self.lease.resource()?;
        for piece in pieces(batch, self.lease.plugin().piece()) {
            self.lease.instance()?.with_input(&piece, |instance| {
                instance.attempt(function, (resource, Resource::new_borrow(0)))
            })?;
        }
        Ok(())
    }
}

impl Downsampler for WasmDownsampler {
    fn output_schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn update(&mut self, batch: &RecordBatch) -> Result<()> {
        let update = self.aggregator.update;
        self.add(&update, batch)
    }

    fn merge(&mut self, partials: &RecordBatch) -> Result<()> {
        let merge = self.aggregator.merge;
        self.add(&merge, partials)
    }

    fn drain(&mut self, out: &mut dyn BatchSink) -> Result<()> {
        let (resource, drain) = (self.lease.resource()?, self.aggregator.drain);
        let instance = self.lease.instance()?;
        let result = instance.attempt(&drain, (resource, Resource::new_borrow(0)));
        for batch in instance.emitted(result)? {
            out.emit(batch)?;
        }
        Ok(())
    }
}
