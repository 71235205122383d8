//! From a file to a plugin that can be called: read, inspect, compile (or take
//! from the cache), link, describe.

mod cache;
mod describe;
mod inspect;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tidelake_core::config::PluginConfig;
use tidelake_core::plugin::{PluginContext, PluginInfo, PluginKind};
use tidelake_core::{Error, Result};
use wasmtime::Engine;
use wasmtime::component::{InstancePre, Linker};

pub(crate) use cache::Cache;
pub(crate) use describe::is_name;

use crate::bindings::v0_1;
use crate::inert;
use crate::interrupt::Interrupter;
use crate::run::plugin::Plugin;
use crate::run::state::{Shared, State};

/// The largest plugin file, in bytes.
const LARGEST: u64 = 256 << 20;

/// What loading needs of the host.
#[derive(Debug)]
pub(crate) struct Loader {
    pub(crate) engine: Engine,
    pub(crate) interrupter: Arc<dyn Interrupter>,
    pub(crate) cache: Cache,
    /// Idle instances kept for each plugin.
    pub(crate) keep: usize,
}

impl Loader {
    /// Loads the plugin in a file.
    pub(crate) fn load(
        &self,
        path: &Path,
        shared: Arc<Shared>,
        config: &PluginConfig,
    ) -> Result<Plugin> {
        let name = shared.name.clone();
        let bytes = read(&name, path)?;
        let kind = inspect::inspect(&name, path, &bytes)?;
        let digest = hex(&Sha256::digest(&bytes));
        let refuse = |what: &str, error: wasmtime::Error| {
            Error::plugin(format!("plugin `{name}` {what}"))
                .with("plugin", &name)
                .with("path", path.display())
                .with_source(error)
                .with_help("build it again, with the tidelake SDK of this host's version")
        };
        let component = self
            .cache
            .component(&self.engine, &*self.interrupter, &digest, &bytes)
            .map_err(|error| refuse("cannot be compiled", error))?;
        let pre = self
            .link(&component)
            .map_err(|error| refuse("does not fit the interfaces that it imports", error))?;
        let mut plugin = Plugin {
            // Until it has said more about itself.
            info: unknown(&name, kind),
            shared,
            pre,
            interrupter: Arc::clone(&self.interrupter),
            memory: config.memory,
            deadline: Duration::from_millis(config.deadline_ms),
            idle: Mutex::default(),
            keep: self.keep,
        };
        plugin.info = describe_itself(&plugin, kind, &digest)
            .map_err(|error| error.with("path", path.display()))?;
        Ok(plugin)
    }

    fn link(
        &self,
        component: &wasmtime::component::Component,
    ) -> wasmtime::Result<InstancePre<State>> {
        let mut linker = Linker::new(&self.engine);
        v0_1::link(&mut linker)?;
        inert::link(&mut linker, component)?;
        linker.instantiate_pre(component)
    }
}

/// Asks a fresh instance what it is.
fn describe_itself(plugin: &Plugin, kind: PluginKind, digest: &str) -> Result<PluginInfo> {
    let mut instance = crate::run::instance::Instance::new(plugin)?;
    instance.begin(&PluginContext::default());
    let meta = instance.bind(v0_1::Describe::of)?;
    let (json,) = instance.call(&meta.describe, ())?;
    let name = &plugin.shared.name;
    let info = describe::read(&json, name, kind, digest).map_err(|what| {
        Error::plugin(format!("plugin `{name}` cannot be used: {what}"))
            .with("plugin", name)
            .with_help("name the file and the configuration as the plugin names itself")
    })?;
    // The kind's own exports are looked at now: better here than in the first unit.
    match kind {
        PluginKind::FormatWriter => drop(instance.bind(v0_1::Writer::of)?),
        PluginKind::Transform => drop(instance.bind(v0_1::Stage::of)?),
        PluginKind::Downsampler => drop(instance.bind(v0_1::Aggregator::of)?),
    }
    if let Ok(mut idle) = plugin.idle.lock() {
        idle.push(instance);
    }
    Ok(info)
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

fn read(name: &str, path: &Path) -> Result<Vec<u8>> {
    let unreadable = |error: std::io::Error| {
        let missing = error.kind() == std::io::ErrorKind::NotFound;
        let (new, help): (fn(String) -> Error, _) = if missing {
            (Error::not_found, format!("correct `source` under [plugin.{name}], or build it"))
        } else {
            (Error::plugin, "check the file and its permissions".to_owned())
        };
        let what = if missing { "there is no file" } else { "the file cannot be read" };
        new(format!("plugin `{name}` cannot be loaded: {what}"))
            .with("plugin", name)
            .with("path", path.display())
            .with_source(error)
            .with_help(help)
    };
    let length = std::fs::metadata(path).map_err(unreadable)?.len();
    if length > LARGEST {
        return Err(Error::plugin(format!(
            "plugin `{name}` cannot be loaded: {} is more than a plugin may have ({})",
            crate::text::bytes(length),
            crate::text::bytes(LARGEST)
        ))
        .with("plugin", name)
        .with("path", path.display()));
    }
    std::fs::read(path).map_err(unreadable)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
