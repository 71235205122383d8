//! Opening a project: the stores and the plugins that its configuration names.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tidelake_core::Result;
use tidelake_core::clock::{Clock, SystemClock};
use tidelake_core::config::{Config, HotConfig, LakeConfig};
use tidelake_hot::{EmbeddedHotStore, OpenOptions as HotOptions};
use tidelake_lake::Lake;
use tidelake_plugin::{HostOptions, PluginHost};

use crate::engine::{Engine, EngineParts};

/// How a project is opened.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// Where "now" comes from.
    pub clock: Arc<dyn Clock>,
    /// What others are told who find the hot store taken, `tidelake run`.
    pub command: String,
    /// Directories of the installation, searched for `<plugin>.wasm` in order. What is
    /// in them is trusted as the program is; the project's own plugins are found
    /// without being named here, and need a signature.
    pub plugin_dirs: Vec<PathBuf>,
    /// Where compiled plugins are kept; default `.tidelake/cache` in the project.
    pub cache_dir: Option<PathBuf>,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            command: "tidelake".to_owned(),
            plugin_dirs: Vec::new(),
            cache_dir: None,
        }
    }
}

impl Engine {
    /// Opens the project in `root`. The hot store belongs to this process until
    /// the engine and everything made from it are dropped; a `Busy` error names
    /// the process that has it.
    pub fn open(root: &Path, config: Config, options: OpenOptions) -> Result<Self> {
        let plugins = Self::plugin_host(root, &config, &options)?;
        let lake = Self::lake_at(root, &config.lake, &plugins)?;
        let HotConfig::Embedded { path } = &config.hot;
        let hot = EmbeddedHotStore::open(HotOptions {
            path: root.join(path),
            command: options.command,
            // The owner's file tells people when it was taken, which is a fact
            // about this machine and not about the project's time.
            now: SystemClock.now(),
        })?;
        Ok(Self::new(EngineParts {
            config,
            root: root.to_owned(),
            clock: options.clock,
            hot: Arc::new(hot),
            lake,
            plugins: Arc::new(plugins),
        }))
    }

    /// The lake of a project: a directory, or what a storage plugin keeps.
    fn lake_at(root: &Path, config: &LakeConfig, plugins: &PluginHost) -> Result<Lake> {
        match &config.storage {
            None => Lake::open(&config.url, root),
            Some(storage) => {
                let store = plugins.storage(&storage.plugin, &config.url, &storage.options)?;
                Ok(Lake::from_store(store, config.url.clone()))
            }
        }
    }

    /// The plugins of a project, without its stores.
    pub fn plugin_host(root: &Path, config: &Config, options: &OpenOptions) -> Result<PluginHost> {
        let mut sources = config.plugins.clone();
        for plugin in sources.values_mut() {
            plugin.source = plugin.source.take().map(|source| root.join(source));
        }
        let cache_dir =
            options.cache_dir.clone().unwrap_or_else(|| root.join(".tidelake").join("cache"));
        PluginHost::new(HostOptions {
            plugin_dirs: options.plugin_dirs.clone(),
            sources,
            trust: config.trust.clone(),
            project: Some(root.to_owned()),
            cache_dir,
            kv_dir: Some(root.join(".tidelake").join("kv")),
            interrupt: config.engine.interrupt,
            ..HostOptions::default()
        })
    }
}
