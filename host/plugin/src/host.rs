//! The host of all plugins of a project: finds them by name, loads each once, and
//! makes them work.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use arrow::datatypes::SchemaRef;
use serde_json::Value;
use tidelake_core::config::lock::{Lock, Locked};
use tidelake_core::config::{HostRule, Interruption, PluginConfig, TrustConfig, is_plugin_name};
use tidelake_core::plugin::{
    ByteSink, DownsampleSpec, Downsampler, FormatWriter, PluginContext, PluginInfo, PluginKind,
    Plugins, SortColumn, Source, Transform,
};
use tidelake_core::{Error, Result};

use crate::books::{self, Books, Kept};
use crate::capabilities::Reach;
use crate::capabilities::http::transport::Transport;
use crate::capabilities::kv::Kv;
use crate::capabilities::secrets::Secrets;
use crate::crossing::recycle::Recycler;
use crate::engine;
use crate::interrupt;
use crate::load::{Cache, Loaded, Loader};
use crate::native::{NativeDownsampler, NativeTransform, NativeWriter};
use crate::options::OptionProblem;
use crate::run::downsampler::WasmDownsampler;
use crate::run::plugin::Plugin;
use crate::run::source::WasmSource;
use crate::run::state::Shared;
use crate::run::transform::WasmTransform;
use crate::run::writer::WasmWriter;
use crate::stats::{Counters, PluginStats};
use crate::trust::{Found, Origin, Rules, Vetted, lock};
use crate::versions::Slot;

/// Where plugins are and what they may use.
#[derive(Debug, Clone)]
pub struct HostOptions {
    /// Directories of the installation, searched in order for `<name>.wasm`. What is
    /// in them is trusted as the program is; native libraries (`<name>.so`) are not.
    pub plugin_dirs: Vec<PathBuf>,
    /// What the configuration says of plugins, by name; paths are absolute.
    pub sources: BTreeMap<String, PluginConfig>,
    /// Whose plugins may run.
    pub trust: TrustConfig,
    /// The project's directory: its lock and the plugins that were added to it, and
    /// `plugins`, where others may lie.
    pub project: Option<PathBuf>,
    /// Where compiled plugins are kept; only the host writes there.
    pub cache_dir: PathBuf,
    /// Where plugins that were granted `kv` keep what they remember, a file each;
    /// `None`: in memory, for as long as the host lives.
    pub kv_dir: Option<PathBuf>,
    /// Bytes that a plugin may emit or write in one call before the host takes them.
    pub output_cap: u64,
    /// How plugins are stopped at their deadline. Where polls are not possible,
    /// epochs take their place.
    pub interrupt: Interruption,
}

impl Default for HostOptions {
    fn default() -> Self {
        Self {
            plugin_dirs: Vec::new(),
            sources: BTreeMap::new(),
            trust: TrustConfig::default(),
            project: None,
            cache_dir: PathBuf::from("plugin-cache"),
            kv_dir: None,
            output_cap: 256 << 20,
            interrupt: Interruption::default(),
        }
    }
}

/// Runs plugins: WebAssembly components, and native libraries where the configuration says so.
pub struct PluginHost {
    options: Arc<HostOptions>,
    loader: Arc<Loader>,
    recycler: Arc<Recycler>,
    transport: Arc<Transport>,
    slots: Arc<Mutex<HashMap<String, Arc<Slot>>>>,
    books: Arc<Books>,
    /// The versions that this view has come to know and stays with.
    held: Option<Mutex<HashMap<String, Loaded>>>,
}

impl fmt::Debug for PluginHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginHost").field("options", &self.options).finish_non_exhaustive()
    }
}

impl PluginHost {
    /// A host that loads plugins when they are first asked for.
    pub fn new(options: HostOptions) -> Result<Self> {
        let (engine, interrupter) = interrupt::choose(options.interrupt, engine::build)?;
        let cache = Cache::new(options.cache_dir.clone());
        let keep = std::thread::available_parallelism().map_or(4, |n| n.get()) + 1;
        let (compiled, linker) = (AtomicU64::new(0), OnceLock::new());
        let loader = Loader { engine, interrupter, cache, keep, compiled, linker };
        Ok(Self {
            books: Arc::new(Books::new(options.project.clone())),
            options: Arc::new(options),
            loader: Arc::new(loader),
            recycler: Arc::default(),
            transport: Arc::default(),
            slots: Arc::default(),
            held: None,
        })
    }

    /// The same host: what one loads, all have.
    pub(crate) fn share(&self) -> Self {
        Self {
            options: Arc::clone(&self.options),
            loader: Arc::clone(&self.loader),
            recycler: Arc::clone(&self.recycler),
            transport: Arc::clone(&self.transport),
            slots: Arc::clone(&self.slots),
            books: Arc::clone(&self.books),
            held: None,
        }
    }

    /// All plugins that are configured or installed, by name, each with what it
    /// says about itself or why it cannot be used. Loads them all.
    pub fn list(&self) -> Vec<(String, Result<PluginInfo>)> {
        let names: Vec<String> = self.installed().into_iter().collect();
        // Compiling is what takes time, and each can be compiled beside the others.
        std::thread::scope(|scope| {
            let loading: Vec<_> = names
                .into_iter()
                .map(|name| {
                    let work = name.clone();
                    (name, scope.spawn(move || self.describe(&work)))
                })
                .collect();
            loading
                .into_iter()
                .map(|(name, thread)| {
                    let info = thread.join().unwrap_or_else(|_| {
                        Err(Error::internal(format!("loading plugin `{name}` panicked")))
                    });
                    (name, info)
                })
                .collect()
        })
    }

    /// Bytes of memory that one instance of a plugin may come to use: what a unit
    /// that runs it reserves when it is admitted. For a native plugin nobody holds it to
    /// that: what it allocates is the process's own, and `memory` is the operator's word
    /// for how much to keep free for it.
    pub fn memory(&self, name: &str) -> u64 {
        self.config(name).memory
    }

    /// How plugins are stopped at their deadline, here and now.
    pub fn interruption(&self) -> Interruption {
        self.loader.interrupter.kind()
    }

    /// Whom a plugin may send requests to, if it may send any.
    pub fn hosts(&self, name: &str) -> Vec<HostRule> {
        self.config(name).hosts
    }

    /// What each plugin that was asked for did so far, in the version that is in use.
    pub fn stats(&self) -> BTreeMap<String, PluginStats> {
        let Ok(slots) = self.slots.lock() else { return BTreeMap::new() };
        slots.iter().map(|(name, slot)| (name.clone(), slot.counters().read())).collect()
    }

    /// Why the newest version of a plugin is not in use, of those for which it is so.
    pub fn refused(&self) -> BTreeMap<String, String> {
        let Ok(slots) = self.slots.lock() else { return BTreeMap::new() };
        let refused = slots.iter().filter_map(|(name, slot)| Some((name.clone(), slot.refused()?)));
        refused.collect()
    }

    /// What the plugins of the project did in all processes, as far as it was kept.
    pub fn kept_stats(&self) -> Kept {
        self.project().map(books::read).unwrap_or_default()
    }

    pub(crate) fn loader(&self) -> &Loader {
        &self.loader
    }

    pub(crate) fn books(&self) -> &Books {
        &self.books
    }

    /// Components that were handed to the compiler, or taken from its cache, since
    /// the host was made. One that is refused is not among them.
    pub fn compilations(&self) -> u64 {
        self.loader.compiled.load(Ordering::Relaxed)
    }

    /// All that is wrong with a plugin's options.
    pub fn check_options(&self, name: &str, options: &Value) -> Result<Vec<OptionProblem>> {
        let plugin = self.plugin(name)?;
        Ok(plugin.schema().map(|schema| schema.check(options)).unwrap_or_default())
    }

    /// The project's directory.
    pub(crate) fn project(&self) -> Option<&Path> {
        self.options.project.as_deref()
    }

    pub(crate) fn trust(&self) -> &TrustConfig {
        &self.options.trust
    }

    pub(crate) fn config(&self, name: &str) -> PluginConfig {
        self.options.sources.get(name).cloned().unwrap_or_default()
    }

    /// The project's lock, as it is now.
    pub(crate) fn lock(&self) -> Result<Lock> {
        self.project().map_or_else(|| Ok(Lock::default()), lock::read)
    }

    /// Directories that are searched, with what the plugins in them are.
    fn places(&self) -> Vec<(PathBuf, Origin)> {
        let installed = self.options.plugin_dirs.iter().cloned();
        let installed = installed.map(|place| (place, Origin::Installed));
        let project = self.project().map(|root| (root.join("plugins"), Origin::Project));
        installed.chain(project).collect()
    }

    /// Names of all plugins that could be found.
    pub(crate) fn installed(&self) -> BTreeSet<String> {
        let mut names: BTreeSet<String> = self.options.sources.keys().cloned().collect();
        names.extend(self.lock().unwrap_or_default().plugins.into_keys());
        for (directory, _) in self.places() {
            let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
            names.extend(entries.filter_map(|entry| {
                let path = entry.path();
                let ending = path.extension()?.to_str()?;
                let name = path.file_stem()?.to_str().filter(|name| is_plugin_name(name))?;
                // A library that nothing says to run is not a plugin that could be found.
                let wanted = ending == self.config(name).runtime.extension();
                wanted.then(|| name.to_owned())
            }));
        }
        names
    }

    /// The file of a plugin, and its entry in the lock. What the configuration names
    /// comes first, then what was added, then what is installed; what merely lies in
    /// the project never takes the place of any of these.
    pub(crate) fn find(&self, name: &str) -> Result<(Found, Option<Locked>)> {
        if !is_plugin_name(name) {
            let name = crate::text::clean(name, 64);
            return Err(Error::config(format!("{name:?} is not a name for a plugin"))
                .with_help("names are lower-case letters, digits and `-`"));
        }
        let locked = self.lock()?.plugins.remove(name);
        let found = |path, origin| Found { name: name.to_owned(), path, origin };
        if let Some(source) = self.config(name).source {
            return Ok((found(source, Origin::Configured), locked));
        }
        if let (Some(project), Some(pinned)) = (self.project(), &locked) {
            let path = lock::added_path(project, name, &pinned.sha256);
            return Ok((found(path, Origin::Added), locked));
        }
        let file = format!("{name}.{}", self.config(name).runtime.extension());
        let mut places =
            self.places().into_iter().map(|(place, origin)| (place.join(&file), origin));
        let (path, origin) =
            places.find(|(path, _)| path.is_file()).ok_or_else(|| self.missing(name))?;
        Ok((found(path, origin), None))
    }

    fn missing(&self, name: &str) -> Error {
        let places: Vec<String> =
            self.places().iter().map(|(place, _)| place.display().to_string()).collect();
        let installed: Vec<String> = self.installed().into_iter().collect();
        let there = match installed.is_empty() {
            true => "no plugin is installed there".to_owned(),
            false => format!("there are {}", installed.join(", ")),
        };
        let mut error = Error::not_found(format!("there is no plugin named `{name}`"));
        if !places.is_empty() {
            error = error.with("searched", places.join(", "));
        }
        error.with_help(format!(
            "{there}; `tidelake plugin add FILE`, or set `source` under [plugin.{name}]"
        ))
    }

    /// What the operator decided about a plugin in use.
    pub(crate) fn rules(&self, name: &str, pinned: Option<Locked>) -> Result<Rules> {
        Rules::of(&self.options.trust, &self.config(name), pinned)
    }

    /// Reads and vets a plugin.
    pub(crate) fn vet(&self, found: &Found, rules: &Rules) -> Result<Vetted> {
        Vetted::read(found, rules, |fast| self.loader.get_ready(fast))
    }

    /// Loads a vetted plugin under its own name, for nothing but its description.
    pub(crate) fn try_out(&self, vetted: &Vetted, expected: Option<&str>) -> Result<PluginInfo> {
        Ok(self.load(vetted, expected, &Arc::default())?.info().clone())
    }

    /// Loads a vetted plugin and keeps it under the name that it gives itself.
    pub(crate) fn adopt(&self, vetted: &Vetted, config: &PluginConfig) -> Result<PluginInfo> {
        let shared = self.shared(vetted.name(), &Arc::default());
        let plugin = self.loader.load(vetted, None, shared, config)?;
        let info = plugin.info().clone();
        let slot = Arc::new(Slot::of(plugin));
        self.slots.lock().map_err(|_| poisoned())?.insert(info.name.clone(), slot);
        Ok(info)
    }

    /// Loads a vetted plugin, as the configuration says.
    pub(crate) fn load(
        &self,
        vetted: &Vetted,
        expected: Option<&str>,
        counters: &Arc<Counters>,
    ) -> Result<Loaded> {
        let (name, config) = (vetted.name(), self.config(vetted.name()));
        let shared = self.shared(name, counters);
        self.loader.load(vetted, expected, shared, &config)
    }

    /// The plugin of a name: in a view, the version that it has come to know; else the
    /// newest that may run.
    pub(crate) fn plugin(&self, name: &str) -> Result<Loaded> {
        let Some(held) = &self.held else { return self.slot(name)?.plugin(self, name) };
        let known = held.lock().map_err(|_| poisoned())?.get(name).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let newest = self.slot(name)?.plugin(self, name)?;
        // Of two that came at once, the first decides for both.
        let mut held = held.lock().map_err(|_| poisoned())?;
        Ok(held.entry(name.to_owned()).or_insert(newest).clone())
    }

    /// The slot of a plugin that exists.
    pub(crate) fn slot(&self, name: &str) -> Result<Arc<Slot>> {
        let mut slots = self.slots.lock().map_err(|_| poisoned())?;
        if let Some(slot) = slots.get(name) {
            return Ok(Arc::clone(slot));
        }
        self.find(name)?;
        Ok(Arc::clone(slots.entry(name.to_owned()).or_default()))
    }

    fn shared(&self, name: &str, counters: &Arc<Counters>) -> Arc<Shared> {
        Arc::new(Shared {
            name: name.to_owned(),
            counters: Arc::clone(counters),
            recycler: Arc::clone(&self.recycler),
            output_cap: self.options.output_cap,
            reach: self.reach(name),
        })
    }

    /// How far a plugin's capabilities reach, as the configuration says.
    fn reach(&self, name: &str) -> Reach {
        let config = self.config(name);
        Reach {
            secrets: Secrets::new(&config.secrets, self.project()),
            kv: Kv::new(self.options.kv_dir.as_deref(), name),
            hosts: config.hosts,
            transport: Arc::clone(&self.transport),
        }
    }

    /// A plugin of the kind that is needed.
    /// The same, of a kind or use that native libraries do not have yet.
    pub(crate) fn component(
        &self,
        name: &str,
        kind: PluginKind,
        context: &PluginContext,
    ) -> Result<Arc<Plugin>> {
        match self.wanted(name, kind, context)? {
            Loaded::Component(plugin) => Ok(plugin),
            Loaded::Native(_) => {
                Err(Error::unsupported(format!("plugin `{name}` is a native library"))
                    .with("plugin", name)
                    .with_help(format!(
                        "use the component here: `runtime = \"wasm\"` under [plugin.{name}]"
                    )))
            }
        }
    }

    pub(crate) fn wanted(
        &self,
        name: &str,
        kind: PluginKind,
        context: &PluginContext,
    ) -> Result<Loaded> {
        let at = |error: Error| match context.table.is_empty() {
            true => error,
            false => error.with("table", &context.table),
        };
        let plugin = self.plugin(name).map_err(at)?;
        if plugin.info().kind == kind {
            return Ok(plugin);
        }
        let is = plugin.info().kind;
        Err(at(Error::config(format!("plugin `{name}` is a {is}, not a {kind}"))
            .with("plugin", name)
            .with_help(format!("name a {kind} here; `tidelake plugin list` shows them"))))
    }
}

/// Another thread panicked in a place that this one cannot do without.
pub(crate) fn poisoned() -> Error {
    Error::internal("a thread panicked while it loaded a plugin")
}

impl Plugins for PluginHost {
    fn describe(&self, name: &str) -> Result<PluginInfo> {
        Ok(self.plugin(name)?.info().clone())
    }

    fn transform(
        &self,
        name: &str,
        context: &PluginContext,
        input: SchemaRef,
        options: &Value,
    ) -> Result<Box<dyn Transform>> {
        let plugin = self.wanted(name, PluginKind::Transform, context)?;
        Ok(match plugin {
            Loaded::Component(plugin) => {
                Box::new(WasmTransform::new(&plugin, context, &input, options, None)?)
            }
            Loaded::Native(plugin) => {
                Box::new(NativeTransform::new(&plugin, context, &input, options)?)
            }
        })
    }

    fn restore_transform(
        &self,
        name: &str,
        context: &PluginContext,
        input: SchemaRef,
        options: &Value,
        snapshot: &[u8],
    ) -> Result<Box<dyn Transform>> {
        let plugin = self.component(name, PluginKind::Transform, context)?;
        Ok(Box::new(WasmTransform::new(&plugin, context, &input, options, Some(snapshot))?))
    }

    fn format_writer(
        &self,
        name: &str,
        context: &PluginContext,
        schema: SchemaRef,
        sort: &[SortColumn],
        options: &Value,
        out: Box<dyn ByteSink>,
    ) -> Result<Box<dyn FormatWriter>> {
        let plugin = self.wanted(name, PluginKind::FormatWriter, context)?;
        Ok(match plugin {
            Loaded::Component(plugin) => {
                Box::new(WasmWriter::new(&plugin, context, &schema, sort, options, out)?)
            }
            Loaded::Native(plugin) => {
                Box::new(NativeWriter::new(&plugin, context, &schema, sort, options, out)?)
            }
        })
    }

    fn downsampler(
        &self,
        name: &str,
        context: &PluginContext,
        input: SchemaRef,
        spec: &DownsampleSpec,
        options: &Value,
    ) -> Result<Box<dyn Downsampler>> {
        let plugin = self.wanted(name, PluginKind::Downsampler, context)?;
        Ok(match plugin {
            Loaded::Component(plugin) => {
                Box::new(WasmDownsampler::new(&plugin, context, &input, spec, options)?)
            }
            Loaded::Native(plugin) => {
                Box::new(NativeDownsampler::new(&plugin, context, &input, spec, options)?)
            }
        })
    }

    fn hold(&self) -> Option<Arc<dyn Plugins>> {
        Some(Arc::new(Self { held: Some(Mutex::default()), ..self.share() }))
    }

    fn keep_stats(&self) {
        self.books.keep();
    }

    fn source(
        &self,
        name: &str,
        context: &PluginContext,
        options: &Value,
        offset: Option<&[u8]>,
    ) -> Result<Box<dyn Source>> {
        let plugin = self.component(name, PluginKind::Source, context)?;
        Ok(Box::new(WasmSource::new(&plugin, context, options, offset)?))
    }
}
