//! A loaded plugin, and its instances: made when needed, lent, taken back.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow::datatypes::{Schema, SchemaRef};
use tidelake_columns::schema_from_message;
use tidelake_core::config::lock::Signer;
use tidelake_core::plugin::{PluginContext, PluginInfo};
use tidelake_core::{Error, Result};
use wasmtime::Engine;
use wasmtime::component::{InstancePre, ResourceAny};

use super::fault;
use super::instance::Instance;
use super::state::{Shared, State};
use crate::interrupt::Interrupter;
use crate::interrupt::images::Images;
use crate::options::OptionSchema;

/// Columns of the widest schema that a plugin may declare.
const COLUMNS: usize = 10_000;

/// A compiled plugin.
pub(crate) struct Plugin {
    pub(crate) info: PluginInfo,
    /// Checks options; there once the plugin has described them.
    pub(crate) schema: Option<OptionSchema>,
    /// Who signed it, if that was asked.
    pub(crate) signer: Option<Signer>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) pre: InstancePre<State>,
    /// What memories of its instances begin with.
    pub(crate) images: Arc<Images>,
    pub(crate) interrupter: Arc<dyn Interrupter>,
    /// Memory cap of one instance, in bytes.
    pub(crate) memory: u64,
    /// Wall time of one call.
    pub(crate) deadline: Duration,
    pub(crate) idle: Mutex<Vec<Instance>>,
    /// Idle instances that are kept.
    pub(crate) keep: usize,
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin").field("info", &self.info).finish_non_exhaustive()
    }
}

impl Plugin {
    pub(crate) fn engine(&self) -> &Engine {
        self.pre.engine()
    }

    /// Bytes of a batch that cross in one piece: a guest holds its input, its
    /// output and what it works with at the same time.
    pub(crate) fn piece(&self) -> usize {
        piece(self.memory)
    }

    /// Lends an instance for one piece of work.
    pub(crate) fn lease(self: &Arc<Self>, context: &PluginContext) -> Result<Lease> {
        let idle = self.idle.lock().ok().and_then(|mut idle| idle.pop());
        let mut instance = match idle {
            Some(instance) => instance,
            None => Instance::new(self)?,
        };
        instance.begin(context);
        Ok(Lease { plugin: Arc::clone(self), instance: Some(instance), resource: None })
    }
}

/// Bytes of a batch that crosses in one piece to a plugin with so much memory.
pub(crate) fn piece(memory: u64) -> usize {
    (memory / 8).clamp(1 << 20, 32 << 20) as usize
}

/// An instance on loan, with the resource that it works through. Dropping it
/// drops the resource and gives the instance back, if it is fit for another.
pub(crate) struct Lease {
    plugin: Arc<Plugin>,
    instance: Option<Instance>,
    resource: Option<ResourceAny>,
}

impl Lease {
    pub(crate) fn plugin(&self) -> &Plugin {
        &self.plugin
    }

    /// The instance; it is there until the lease is dropped.
    pub(crate) fn instance(&mut self) -> Result<&mut Instance> {
        self.instance.as_mut().ok_or_else(|| Error::internal("a lease without its instance"))
    }

    /// Remembers the resource that all calls go to.
    pub(crate) fn hold(&mut self, resource: ResourceAny) {
        self.resource = Some(resource);
    }

    /// The resource that all calls go to.
    pub(crate) fn resource(&self) -> Result<ResourceAny> {
        self.resource.ok_or_else(|| Error::internal("a plugin used before it was created"))
    }

    /// Reads the schema that a plugin declares, and holds it to it from now on.
    pub(crate) fn declared(&mut self, message: &[u8]) -> Result<SchemaRef> {
        let instance = self.instance()?;
        let schema = schema_from_message(message)
            .map_err(|error| error.to_string())
            .and_then(usable)
            .map_err(|why| {
                let why = crate::text::message(&why);
                let error =
                    Error::plugin(format!("the plugin's output schema is not valid: {why}"))
                        .with_help("report it to the plugin's author");
                fault::located(error, instance.state())
            })?;
        let schema = Arc::new(schema);
        instance.state().output.declare(Some(Arc::clone(&schema)));
        Ok(schema)
    }
}

/// Rules of output schemas that the Arrow format does not have.
pub(crate) fn usable(schema: Schema) -> Result<Schema, String> {
    let fields = schema.fields();
    if fields.is_empty() || fields.len() > COLUMNS {
        return Err(format!("{} columns; possible are 1 to {COLUMNS}", fields.len()));
    }
    let mut names: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
    if let Some(odd) = names.iter().find(|n| n.is_empty() || n.chars().any(char::is_control)) {
        return Err(format!("{odd:?} is not a name for a column"));
    }
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!("two columns are named `{}`", twice[0]));
    }
    Ok(schema)
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(mut instance) = self.instance.take() else { return };
        if let Some(resource) = self.resource.take() {
            instance.release(resource);
        }
        if instance.reusable()
            && let Ok(mut idle) = self.plugin.idle.lock()
            && idle.len() < self.plugin.keep
        {
            idle.push(instance);
        }
    }
}
