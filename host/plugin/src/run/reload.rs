//! Transforms that live longer than a unit, and outlive their plugin's version.
//!
//! Between two units [`ReloadableTransform::upgrade`] asks for the newest version. The
//! state goes over as the old one's snapshot; only when the new one has taken it, and
//! promises the same columns, does it take the place:
//!
//! ```text
//! old ── snapshot ──▶ new.create(input, options, snapshot) ──▶ same columns? ──▶ new
//!  │                        └ refused, with its reason ────────┘ no
//!  └──────────────────────────────── goes on as if nothing had been ◀┘
//! ```
//!
//! So what is emitted is what one instance would have emitted that was never replaced,
//! as far as the new version computes alike; no row is seen twice, and none is missed.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use serde_json::Value;
use tidelake_core::plugin::{BatchSink, PluginContext, PluginInfo, PluginKind, Transform};
use tidelake_core::{Error, Result};

use super::transform::WasmTransform;
use crate::host::PluginHost;

/// A transform whose plugin may be replaced between two units.
pub struct ReloadableTransform {
    host: PluginHost,
    name: String,
    context: PluginContext,
    input: SchemaRef,
    options: Value,
    running: WasmTransform,
    /// The digest of a version that could not go on from this state.
    refused: Option<String>,
}

/// What came of asking for a newer version.
#[derive(Debug)]
pub enum Upgrade {
    /// There is none, or the one that was refused before.
    Unchanged,
    /// It took over, with the state.
    Taken {
        /// The version before it.
        from: Box<PluginInfo>,
    },
    /// It could not; the one before it goes on.
    Refused {
        /// Why.
        why: Error,
    },
}

impl std::fmt::Debug for ReloadableTransform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReloadableTransform").field("info", self.info()).finish_non_exhaustive()
    }
}

impl PluginHost {
    /// A transform over batches of `input` that can take new versions of its plugin.
    pub fn reloadable_transform(
        &self,
        name: &str,
        context: &PluginContext,
        input: SchemaRef,
        options: &Value,
    ) -> Result<ReloadableTransform> {
        let host = self.share();
        let plugin = host.component(name, PluginKind::Transform, context)?;
        let running = WasmTransform::new(&plugin, context, &input, options, None)?;
        Ok(ReloadableTransform {
            host,
            name: name.to_owned(),
            context: context.clone(),
            input,
            options: options.clone(),
            running,
            refused: None,
        })
    }
}

impl ReloadableTransform {
    /// The version that is in use.
    pub fn info(&self) -> &PluginInfo {
        self.running.info()
    }

    /// Takes the newest version of the plugin, if there is a newer one. To be called
    /// between units. An error says that the old version itself is not fit to go on.
    pub fn upgrade(&mut self) -> Result<Upgrade> {
        let newest = match self.host.component(&self.name, PluginKind::Transform, &self.context) {
            Ok(newest) => newest,
            Err(why) => return Ok(Upgrade::Refused { why }),
        };
        let digest = &newest.info.digest;
        if *digest == self.info().digest || self.refused.as_ref() == Some(digest) {
            return Ok(Upgrade::Unchanged);
        }
        let snapshot = self.running.snapshot()?;
        // Without a state there is nothing to carry on from.
        let snapshot = Some(&snapshot[..]).filter(|snapshot| !snapshot.is_empty());
        let made = WasmTransform::new(&newest, &self.context, &self.input, &self.options, snapshot);
        let made = made.and_then(|made| match made.output_schema() == self.output_schema() {
            true => Ok(made),
            false => Err(Error::config("the new version emits other columns")
                .with("plugin", &self.name)
                .with("before", columns(&self.output_schema()))
                .with("now", columns(&made.output_schema()))
                .with_help("begin anew with it, or set the plugin back")),
        });
        match made {
            Ok(made) => {
                let from = Box::new(self.info().clone());
                self.running = made;
                self.refused = None;
                Ok(Upgrade::Taken { from })
            }
            Err(why) => {
                tracing::warn!(plugin = self.name, error = %why,
                    "a new version of a plugin cannot carry on; the one before it goes on");
                self.refused = Some(digest.clone());
                self.host.slot(&self.name)?.note(&self.host, &self.name, why.to_string());
                Ok(Upgrade::Refused { why })
            }
        }
    }
}

fn columns(schema: &SchemaRef) -> String {
    let fields = schema.fields().iter();
    fields.map(|f| format!("{}: {}", f.name(), f.data_type())).collect::<Vec<_>>().join(", ")
}

impl Transform for ReloadableTransform {
    fn output_schema(&self) -> SchemaRef {
        self.running.output_schema()
    }

    fn process(&mut self, batch: &RecordBatch, out: &mut dyn BatchSink) -> Result<()> {
        self.running.process(batch, out)
    }

    fn finish(&mut self, out: &mut dyn BatchSink) -> Result<()> {
        self.running.finish(out)
    }

    fn snapshot(&mut self) -> Result<Vec<u8>> {
        self.running.snapshot()
    }
}
