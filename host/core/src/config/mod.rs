//! The configuration: `tidelake.toml`, read and validated.
//!
//! Reading finds everything that is wrong at once: [`parse`] answers either a
//! [`Config`] or all [`Problem`]s, each with the bytes it is about.
//!
//! ```text
//! text ── syntax ──> TOML document ── walk ──> sections ── table, ... ──> Config
//!           │                          │                       │
//!           └─ what is no TOML         └─ unknown keys,        └─ values that make
//!              (line by line)             wrong types             no sense together
//! ```
//!
//! Beside it stands `tidelake.lock` ([`lock`]), which is read the same way and
//! written by `tidelake plugin add`, and in a plugin's project `tidelake-test.toml`
//! ([`PluginSample`]).
//!
//! The document is walked by hand instead of through serde because serde stops
//! at the first mistake. A key is known because somebody asked for it: there is
//! no list of keys that could fall behind the code that reads them.

mod check;
mod foreign;
mod hosts;
mod locate;
pub mod lock;
mod problem;
mod project;
mod sample;
mod secrets;
pub mod size;
mod syntax;
mod table;
pub mod types;
mod walk;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::table::TableSpec;

pub use foreign::texts_of;
pub use hosts::HostRule;
pub use locate::{Place, Step, locate};
pub use problem::{Problem, closest};
pub use project::is_plugin_name;
pub use sample::PluginSample;
pub use secrets::SecretSource;

/// A validated project.
#[derive(Debug, Clone)]
pub struct Config {
    /// The hot store.
    pub hot: HotConfig,
    /// The lake.
    pub lake: LakeConfig,
    /// How the engine works.
    pub engine: EngineConfig,
    /// The tables, by name.
    pub tables: BTreeMap<String, TableSpec>,
    /// What the configuration says of plugins, by name.
    pub plugins: BTreeMap<String, PluginConfig>,
    /// Whose plugins may run.
    pub trust: TrustConfig,
}

/// `[hot]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HotConfig {
    /// `kind = "embedded"`: a store in a directory, relative to the project.
    Embedded {
        /// The directory; default `hot`.
        path: PathBuf,
    },
}

/// `[lake]`
#[derive(Debug, Clone, PartialEq)]
pub struct LakeConfig {
    /// A path relative to the project, or a URL; default `lake`.
    pub url: String,
    /// The plugin that keeps its objects; `None`: a directory of this machine.
    pub storage: Option<StorageConfig>,
}

/// `storage` and `options` of `[lake]`
#[derive(Debug, Clone, PartialEq)]
pub struct StorageConfig {
    /// `storage`: the plugin; default: one that is named as the URL's scheme.
    pub plugin: String,
    /// `options`, a JSON object that the plugin understands.
    pub options: serde_json::Value,
}

/// `[engine]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineConfig {
    /// `memory`: what sorting, buffers and plugins may use together, in bytes;
    /// default 512 MB.
    pub memory: u64,
    /// `threads`: units worked on at once; default: one a core.
    pub threads: Option<usize>,
    /// `interrupt`: how plugins are stopped at their deadline.
    pub interrupt: Interruption,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self { memory: 512_000_000, threads: None, interrupt: Interruption::default() }
    }
}

/// How a plugin is stopped that does not finish before its deadline. Default:
/// polls on Linux (x86-64 and ARM64), epochs elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Interruption {
    /// Its code loads from a page that is protected at the deadline: almost free.
    Polls,
    /// Its code compares a counter: slower, and possible everywhere.
    Epochs,
}

impl Default for Interruption {
    fn default() -> Self {
        let cheap =
            cfg!(target_os = "linux") && cfg!(any(target_arch = "x86_64", target_arch = "aarch64"));
        if cheap { Self::Polls } else { Self::Epochs }
    }
}

/// `[plugins]`: what holds for all plugins that did not come with the installation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustConfig {
    /// `trusted_keys`: public keys (minisign, `RW...`) whose signature is enough.
    pub trusted_keys: Vec<String>,
    /// `allow_unsigned`: plugins without a signature run, whoever made them.
    pub allow_unsigned: bool,
}

/// `runtime` of `[plugin.<name>]`: what a plugin runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Runtime {
    /// `wasm`: it is a component, in a sandbox.
    #[default]
    Wasm,
    /// `native`: it is a library, in the process itself, trusted with all that the process
    /// can do; so it runs only when somebody signed it whom the operator trusts.
    Native,
}

impl Runtime {
    /// As configurations write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Wasm => "wasm",
            Self::Native => "native",
        }
    }

    /// Ending of the files of such plugins, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Wasm => "wasm",
            Self::Native => "so",
        }
    }
}

/// `[plugin.<name>]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginConfig {
    /// `runtime`: what it runs in; default `wasm`.
    pub runtime: Runtime,
    /// `source`: the component or library, relative to the project. `None`: looked for
    /// where plugins are installed.
    pub source: Option<PathBuf>,
    /// `memory`: cap of one instance's linear memory, in bytes; default 64 MB. Of a
    /// native plugin, what is set aside for one, which nothing holds it to.
    pub memory: u64,
    /// `deadline`: wall time of one call, in milliseconds; default 5 s. Nothing stops
    /// a native plugin.
    pub deadline_ms: u64,
    /// `grants`: the capabilities that it may import, such as `kv` or `wasi:http`;
    /// default none.
    pub grants: Vec<String>,
    /// `allow_unsigned`: it runs without a signature; default no.
    pub allow_unsigned: bool,
    /// `hosts`: whom it may reach with `wasi:http`; default nobody.
    pub hosts: Vec<HostRule>,
    /// `[plugin.<name>.secrets]`: what it may ask for with `secrets`, by name.
    pub secrets: BTreeMap<String, SecretSource>,
}

impl Default for PluginConfig {
    fn default() -> Self {
        Self {
            runtime: Runtime::Wasm,
            source: None,
            memory: 64_000_000,
            deadline_ms: 5_000,
            grants: Vec::new(),
            allow_unsigned: false,
            hosts: Vec::new(),
            secrets: BTreeMap::new(),
        }
    }
}

/// Reads and validates a configuration; on failure, everything that is wrong,
/// in the order of the text.
pub fn parse(text: &str) -> Result<Config, Vec<Problem>> {
    let problems = problem::Problems::default();
    let config = syntax::read(text, &problems).map(|document| {
        let root = walk::Section::root(&problems, document.as_table());
        project::read(root)
    });
    match (config, problems.into_sorted()) {
        (Some(config), problems) if problems.is_empty() => Ok(config),
        (_, problems) => Err(problems),
    }
}
