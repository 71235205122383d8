//! The configuration: `tidelake.toml`, read and validated.
//!
//! Reading finds everything that is wrong at once: [`parse`] answers either a
//! [`Config`] or all [`Problem`]s, each with the bytes it is about.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

use crate::table::TableSpec;

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LakeConfig {
    /// A path relative to the project, or a URL; default `lake`.
    pub url: String,
}

/// `[engine]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineConfig {
    /// `memory`: what sorting, buffers and plugins may use together, in bytes;
    /// default 512 MB.
    pub memory: u64,
    /// `threads`: units worked on at once; default: one a core.
    pub threads: Option<usize>,
}

/// `[plugin.<name>]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginConfig {
    /// `source`: the component, relative to the project. `None`: looked for
    /// where plugins are installed.
    pub source: Option<PathBuf>,
    /// `memory`: cap of one instance's linear memory, in bytes; default 64 MB.
    pub memory: u64,
    /// `deadline`: wall time of one call, in milliseconds; default 5 s.
    pub deadline_ms: u64,
}

impl Default for PluginConfig {
    fn default() -> Self {
        Self { source: None, memory: 64_000_000, deadline_ms: 5_000 }
    }
}

/// One thing wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The bytes of the text that it is about.
    pub span: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do, when there is something better to say than the message.
    pub help: Option<String>,
}

/// Reads and validates a configuration; on failure, everything that is wrong.
pub fn parse(text: &str) -> Result<Config, Vec<Problem>> {
    let _ = text;
    Err(vec![])
}
