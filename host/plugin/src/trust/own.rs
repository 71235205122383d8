//! The plugin that its author has just built.
//!
//! Testing and measuring a plugin is running it, and whoever does so has named the file.
//! So its signature is not asked for: a new build would not fit the signature of the one
//! before it. Everything else holds as ever: it is a plugin for this host, it runs in its
//! sandbox and under its limits, and capabilities need a grant. A native library that its
//! author names runs here too, without a sandbox, as the tests of its crate do.

use std::path::{Path, PathBuf};

use tidelake_core::config::PluginConfig;
use tidelake_core::plugin::PluginInfo;
use tidelake_core::{Error, Result};

use super::add::stem;
use super::{Found, Origin, Rules, Vetted, grants};
use crate::host::{HostOptions, PluginHost};

impl PluginHost {
    /// A host that knows one plugin, by the name that it gives itself. Its memory cap,
    /// deadline, grants, hosts and secrets are those of `config`.
    pub fn of_file(
        path: &Path,
        config: &PluginConfig,
        options: HostOptions,
    ) -> Result<(Self, PluginInfo)> {
        let options = HostOptions {
            plugin_dirs: Vec::new(),
            // How far it reaches is looked up by the name of the file until its own is known.
            sources: [(stem(path), config.clone())].into(),
            project: None,
            ..options
        };
        let found = Found { name: stem(path), path: PathBuf::from(path), origin: Origin::Built };
        let granted = config.grants.iter().map(|grant| grants::name(grant)).collect();
        // Two things that take their time, and do not need each other.
        let mut host = None;
        let rules = Rules { granted, ..Rules::default() };
        let vetted = Vetted::read(&found, &rules, |fast| {
            let host = host.insert(Self::new(options));
            host.as_ref().ok().and_then(|host| host.loader().get_ready(fast))
        })?;
        let host = host.ok_or_else(|| Error::internal("a plugin without its host"))??;
        let info = host.adopt(&vetted, config)?;
        Ok((host, info))
    }
}
