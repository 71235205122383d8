//! Finding a project, reading its configuration, and opening it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tidelake::{Engine, OpenOptions};
use tidelake_core::clock::{Clock, FixedClock, SystemClock};
use tidelake_core::config::{self, Config, closest};
use tidelake_core::time::Micros;
use tidelake_core::{Error, ErrorKind};
use tidelake_query::{QueryOptions, QuerySession, RollupSource, TableSource};

use crate::args::{Global, Now};
use crate::failure::Failure;

/// Name of the configuration.
pub(crate) const CONFIG_FILE: &str = "tidelake.toml";

/// A project whose configuration is sound.
#[derive(Debug)]
pub(crate) struct Project {
    /// Its directory.
    pub(crate) root: PathBuf,
    /// The configuration's file.
    pub(crate) path: PathBuf,
    /// Its text.
    pub(crate) text: String,
    /// The configuration.
    pub(crate) config: Config,
}

impl Project {
    /// Reads the project that the arguments name.
    pub(crate) fn read(global: &Global) -> Result<Self, Failure> {
        let path = match (&global.config, &global.directory) {
            (Some(file), _) => file.clone(),
            (None, Some(directory)) => directory.join(CONFIG_FILE),
            (None, None) => PathBuf::from(CONFIG_FILE),
        };
        let text = std::fs::read_to_string(&path).map_err(|e| unreadable(&path, e))?;
        match config::parse(&text) {
            Ok(config) => {
                let parent = path.parent().filter(|p| !p.as_os_str().is_empty());
                let root = parent.unwrap_or(Path::new("."));
                // Stores want a path that stays what it is.
                let root = root.canonicalize().map_err(|e| unreadable(&path, e))?;
                Ok(Self { root, path, text, config })
            }
            Err(problems) => Err(Failure::Config { path, text, problems }),
        }
    }

    /// Reads the project that the arguments name; `None` when they name none and
    /// there is none here.
    pub(crate) fn find(global: &Global) -> Result<Option<Self>, Failure> {
        let named = global.config.is_some() || global.directory.is_some();
        match named || Path::new(CONFIG_FILE).exists() {
            true => Self::read(global).map(Some),
            false => Ok(None),
        }
    }

    /// How the engine opens it.
    pub(crate) fn options(&self, command: &str, now: Option<Micros>) -> OpenOptions {
        let clock: Arc<dyn Clock> = match now {
            Some(now) => Arc::new(FixedClock(now)),
            None => Arc::new(SystemClock),
        };
        OpenOptions {
            clock,
            command: format!("tidelake {command}"),
            plugin_dirs: plugin_dirs(),
            cache_dir: cache_dir(),
        }
    }

    /// Opens it for a command.
    pub(crate) fn open(&self, command: &str, now: Now) -> Result<Engine, Failure> {
        Ok(Engine::open(&self.root, self.config.clone(), self.options(command, now.now))?)
    }

    /// An error for a table that is not configured.
    pub(crate) fn no_table(&self, name: &str) -> Error {
        let known: Vec<&str> = self.config.tables.keys().map(String::as_str).collect();
        let help = match closest(name, known.iter().copied()) {
            Some(near) => format!("did you mean {near:?}?"),
            None if known.is_empty() => format!("add [table.{name}] with its `time` column"),
            None => format!("there are: {}; add [table.{name}] for a new one", known.join(", ")),
        };
        Error::not_found(format!("there is no table {name:?} in {}", self.path.display()))
            .with_help(help)
    }

    /// A query session over all tables of an opened project.
    pub(crate) async fn session(&self, engine: &Engine) -> Result<QuerySession, Failure> {
        let tables = engine.query_tables().await?.into_iter().map(|table| TableSource {
            spec: table.spec,
            hot: Some(table.hot),
            lake: table.lake,
            transform: table.transform,
            rollups: table
                .rollups
                .into_iter()
                .map(|r| RollupSource { name: r.name, lake: r.lake })
                .collect(),
        });
        let options = QueryOptions {
            memory: self.config.engine.memory,
            target_partitions: self.config.engine.threads,
            spill_dir: Some(self.root.join(".tidelake").join("spill")),
        };
        Ok(QuerySession::open(tables.collect(), options).await?)
    }
}

fn unreadable(path: &Path, error: std::io::Error) -> Error {
    let missing = error.kind() == std::io::ErrorKind::NotFound;
    let (kind, message) = match missing {
        true => (ErrorKind::NotFound, "there is no configuration here"),
        false => (ErrorKind::Unavailable, "the configuration could not be read"),
    };
    let result = Error::new(kind, message).with("file", path.display()).with_source(error);
    match missing {
        true => {
            result.with_help("write one with `tidelake init`, or name its directory with -C DIR")
        }
        false => result,
    }
}

/// Where the plugins of the installation are, in order.
pub(crate) fn plugin_dirs() -> Vec<PathBuf> {
    let mut dirs = Vec::new();
    if let Some(paths) = std::env::var_os("TIDELAKE_PLUGINS") {
        dirs.extend(std::env::split_paths(&paths).filter(|p| !p.as_os_str().is_empty()));
    }
    // Beside the program: `target/plugins` of a build, `lib/tidelake/plugins` of an installation.
    if let Ok(program) = std::env::current_exe()
        && let Some(bin) = program.parent()
    {
        dirs.push(bin.join("plugins"));
        if let Some(prefix) = bin.parent() {
            dirs.push(prefix.join("plugins"));
            dirs.push(prefix.join("lib").join("tidelake").join("plugins"));
        }
    }
    dirs
}

/// Where compiled plugins are kept, for all projects of a user; `None`: in each project.
pub(crate) fn cache_dir() -> Option<PathBuf> {
    let of = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    of("TIDELAKE_CACHE")
        .or_else(|| of("XDG_CACHE_HOME").map(|dir| dir.join("tidelake")))
        .or_else(|| of("HOME").map(|dir| dir.join(".cache").join("tidelake")))
}
