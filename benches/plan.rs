//! What is to be measured, and where things are.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use tidelake_core::{Error, Result};
use tidelake_plugin::{HostOptions, PluginHost};

/// The repository, where `target` is.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Section {
    /// Columns into a guest and out.
    Crossing,
    /// The same plugins native and as wasm.
    Plugins,
    /// The same on two threads at once.
    Threads,
    /// How long it takes until a plugin can be used.
    Ready,
    /// Whole runs.
    #[cfg(feature = "whole")]
    Run,
    /// The same work done by others; left out where they are not installed.
    Peers,
}

/// What is to be measured.
#[derive(Debug, Clone, Args)]
pub(crate) struct Plan {
    /// Rows of the tick set that whole runs move.
    #[arg(long, default_value_t = 20_000_000)]
    pub(crate) rows: u64,
    /// Seed of the tick set.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Figures are medians of so many runs (of whole runs: of 3 at most).
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// Only these; can be given several times.
    #[arg(long, value_enum)]
    pub(crate) only: Vec<Section>,
    /// Where the plugins are.
    #[arg(long, default_value_os_t = root().join("target/plugins"))]
    pub(crate) plugins: PathBuf,
    /// Where the probe is.
    #[arg(long, default_value_os_t = root().join("target/plugins-bench"))]
    pub(crate) probe: PathBuf,
    /// Where the report goes, and the data while it is worked on.
    #[arg(long, default_value_os_t = root().join("target/bench"))]
    pub(crate) out: PathBuf,
}

impl Plan {
    /// Whether a section is wanted.
    pub(crate) fn wants(&self, section: Section) -> bool {
        self.only.is_empty() || self.only.contains(&section)
    }

    /// How often a thing that takes milliseconds is run.
    pub(crate) fn runs(&self) -> usize {
        self.runs.into()
    }

    /// How often a thing that takes many seconds is run.
    pub(crate) fn whole_runs(&self) -> usize {
        self.runs().min(3)
    }

    /// The plugins under measurement.
    pub(crate) fn plugins(&self) -> Result<PluginHost> {
        for dir in [&self.plugins, &self.probe] {
            if !dir.is_dir() {
                return Err(Error::not_found("the plugins are not built")
                    .with("directory", dir.display())
                    .with_help("run `make bench`, which builds everything that it measures"));
            }
        }
        PluginHost::new(HostOptions {
            plugin_dirs: vec![self.plugins.clone(), self.probe.clone()],
            cache_dir: self.out.join("cache"),
            ..HostOptions::default()
        })
    }

    /// A directory for data, removed when it is dropped.
    pub(crate) fn scratch(&self) -> Result<tempfile::TempDir> {
        let made = std::fs::create_dir_all(&self.out)
            .and_then(|()| tempfile::Builder::new().prefix("data-").tempdir_in(&self.out));
        made.map_err(|e| {
            Error::unavailable("there is no place for the data")
                .with("directory", self.out.display())
                .with_source(e)
        })
    }
}
