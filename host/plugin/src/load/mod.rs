//! From a file to a plugin that can be called: read and vetted (`crate::trust`),
//! compiled or taken from the cache, linked, asked what it is.

mod cache;
pub(crate) mod describe;
pub(crate) mod inspect;
#[cfg(unix)]
mod mapped;
mod read;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use tidelake_core::config::lock::Signer;
use tidelake_core::config::{PluginConfig, Runtime};
use tidelake_core::plugin::{PluginContext, PluginInfo, PluginKind};
use tidelake_core::{Error, Result};
use wasmtime::Engine;
use wasmtime::component::{InstancePre, Linker};

pub(crate) use cache::{Cache, Entry};
pub(crate) use read::{LARGEST, Read, read};

use crate::bindings::v0_1;
use crate::capabilities;
use crate::inert;
use crate::interrupt::Interrupter;
use crate::native::NativePlugin;
use crate::options::OptionSchema;
use crate::run::plugin::Plugin;
use crate::run::state::{Shared, State};
use crate::stats::Counters;
use crate::trust::Vetted;

/// A plugin that can be made to work.
#[derive(Debug, Clone)]
pub(crate) enum Loaded {
    /// In a sandbox.
    Component(Arc<Plugin>),
    /// In the host.
    Native(Arc<NativePlugin>),
}

impl Loaded {
    pub(crate) fn info(&self) -> &PluginInfo {
        match self {
            Self::Component(plugin) => &plugin.info,
            Self::Native(plugin) => &plugin.info,
        }
    }

    pub(crate) fn schema(&self) -> Option<&OptionSchema> {
        match self {
            Self::Component(plugin) => plugin.schema.as_ref(),
            Self::Native(plugin) => Some(&plugin.schema),
        }
    }

    /// What it does, in numbers.
    pub(crate) fn counters(&self) -> Arc<Counters> {
        let shared = match self {
            Self::Component(plugin) => &plugin.shared,
            Self::Native(plugin) => &plugin.shared,
        };
        Arc::clone(&shared.counters)
    }

    pub(crate) fn signer(&self) -> Option<&Signer> {
        match self {
            Self::Component(plugin) => plugin.signer.as_ref(),
            Self::Native(plugin) => plugin.signer.as_ref(),
        }
    }
}

/// What loading needs of the host.
pub(crate) struct Loader {
    pub(crate) engine: Engine,
    pub(crate) interrupter: Arc<dyn Interrupter>,
    pub(crate) cache: Cache,
    /// Idle instances kept for each plugin.
    pub(crate) keep: usize,
    /// Components handed to the compiler or its cache so far.
    pub(crate) compiled: AtomicU64,
    /// What every component may import, once one was needed.
    pub(crate) linker: OnceLock<Linker<State>>,
}

impl fmt::Debug for Loader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loader").field("cache", &self.cache).finish_non_exhaustive()
    }
}

impl Loader {
    /// Gets ready what can be before a plugin has been vetted: its entry in the cache is looked for,
    /// and damage in it; and the imports that all have. Of the plugin itself nothing is loaded
    /// or linked.
    pub(crate) fn get_ready(&self, fast: u128) -> Option<Entry> {
        // What goes wrong is told when the plugin is linked.
        let _ = self.imports();
        self.cache.look(&self.engine, &*self.interrupter, fast)
    }

    /// Loads a vetted plugin. It must call itself by the name given, if one is.
    pub(crate) fn load(
        &self,
        vetted: &Vetted,
        expected: Option<&str>,
        shared: Arc<Shared>,
        config: &PluginConfig,
    ) -> Result<Loaded> {
        Ok(match vetted.checked().runtime {
            Runtime::Native => {
                let plugin = NativePlugin::load(vetted, expected, shared, config)?;
                Loaded::Native(Arc::new(plugin))
            }
            Runtime::Wasm => {
                Loaded::Component(Arc::new(self.component(vetted, expected, shared, config)?))
            }
        })
    }

    fn component(
        &self,
        vetted: &Vetted,
        expected: Option<&str>,
        shared: Arc<Shared>,
        config: &PluginConfig,
    ) -> Result<Plugin> {
        let name = vetted.name();
        let checked = vetted.checked();
        let refuse = |what: &str, error: wasmtime::Error| {
            Error::plugin(format!("plugin `{name}` {what}"))
                .with("plugin", name)
                .with("path", vetted.path().display())
                .with_source(error)
                .with_help("build it again, with the tidelake SDK of this host's version")
        };
        self.compiled.fetch_add(1, Ordering::Relaxed);
        let (component, images) = self
            .cache
            .component(
                &self.engine,
                &*self.interrupter,
                &checked.digest,
                vetted.bytes(),
                vetted.entry(),
            )
            .map_err(|error| refuse("cannot be compiled", error))?;
        let pre = self
            .link(&component, checked.kind)
            .map_err(|error| refuse("does not fit the interfaces that it imports", error))?;
        let mut plugin = Plugin {
            // Until it has said more about itself.
            info: unknown(name, checked.kind),
            schema: None,
            signer: checked.signer.clone(),
            shared,
            pre,
            images,
            interrupter: Arc::clone(&self.interrupter),
            memory: config.memory,
            deadline: Duration::from_millis(config.deadline_ms),
            idle: Mutex::default(),
            keep: self.keep,
        };
        let (info, schema) = describe_itself(&plugin, checked.kind, &checked.digest, expected)
            .map_err(|error| error.with("path", vetted.path().display()))?;
        plugin.info = info;
        plugin.schema = Some(schema);
        Ok(plugin)
    }

    /// What every component may import.
    fn imports(&self) -> wasmtime::Result<&Linker<State>> {
        if let Some(linker) = self.linker.get() {
            return Ok(linker);
        }
        let mut linker = Linker::new(&self.engine);
        v0_1::link(&mut linker)?;
        Ok(self.linker.get_or_init(|| linker))
    }

    fn link(
        &self,
        component: &wasmtime::component::Component,
        kind: PluginKind,
    ) -> wasmtime::Result<InstancePre<State>> {
        let mut linker = self.imports()?.clone();
        let reaches = capabilities::possible(kind);
        if reaches {
            capabilities::link(&mut linker)?;
        }
        inert::link(&mut linker, component, reaches)?;
        linker.instantiate_pre(component)
    }
}

/// Asks a fresh instance what it is.
fn describe_itself(
    plugin: &Plugin,
    kind: PluginKind,
    digest: &str,
    expected: Option<&str>,
) -> Result<(PluginInfo, OptionSchema)> {
    let mut instance = crate::run::instance::Instance::new(plugin)?;
    instance.begin(&PluginContext::default());
    let meta = instance.bind(v0_1::Describe::of)?;
    let (json,) = instance.call(&meta.describe, ())?;
    let name = &plugin.shared.name;
    let unusable = |what: String| {
        Error::plugin(format!("plugin `{name}` cannot be used: {what}")).with("plugin", name)
    };
    let info = describe::read(&json, expected, kind, digest).map_err(|what| {
        unusable(what).with_help("name the file and the configuration as the plugin names itself")
    })?;
    let schema = OptionSchema::compile(&info.options).map_err(|what| {
        unusable(format!("the JSON Schema of its options is not usable: {what}"))
            .with_help("report it to the plugin's author")
    })?;
    // The kind's own exports are looked at now: better here than in the first unit.
    match kind {
        PluginKind::FormatWriter => drop(instance.bind(v0_1::Writer::of)?),
        PluginKind::Transform => drop(instance.bind(v0_1::Stage::of)?),
        PluginKind::Downsampler => drop(instance.bind(v0_1::Aggregator::of)?),
        PluginKind::StorageBackend => drop(instance.bind(v0_1::Objects::of)?),
        PluginKind::Source => drop(instance.bind(v0_1::Reader::of)?),
    }
    if let Ok(mut idle) = plugin.idle.lock() {
        idle.push(instance);
    }
    Ok((info, schema))
}

fn unknown(name: &str, kind: PluginKind) -> PluginInfo {
    PluginInfo {
        name: name.to_owned(),
        version: String::new(),
        kind,
        description: String::new(),
        options: serde_json::Value::Null,
        row_wise: false,
        file_format: None,
        extension: None,
        digest: String::new(),
    }
}
