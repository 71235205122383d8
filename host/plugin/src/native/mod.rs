//! Plugins that are native libraries: full speed, full trust.
//!
//! ```text
//!  vetted bytes ─▶ look: magic, mark ─▶ library: sealed memory, dlopen, symbols ─▶ stages
//!                  (nothing runs)                                              calls │
//!                                              a table of host functions ◀───────────┘
//! ```
//!
//! What such a plugin does cannot be watched: it runs in the host's memory, without a sandbox,
//! without a deadline, and its `memory` is what is set aside for it, not a cap. So it
//! is loaded only when the configuration says `runtime = "native"` and somebody who is
//! trusted signed it (`trust`); and its bytes are those that were checked: they are
//! handed to the loader from memory that nobody can write to any more.
//!
//! What remains the host's: schemas and counts of what comes back, output caps, panics (which
//! end at the border), logs and numbers. The binary interface, with who owns what, is
//! `tidelake_columns::native`.

mod calls;
mod library;
pub(crate) mod look;
mod stages;

use std::fmt;
use std::sync::Arc;

use tidelake_core::config::PluginConfig;
use tidelake_core::config::lock::Signer;
use tidelake_core::plugin::{PluginContext, PluginInfo};
use tidelake_core::{Error, Result};

use crate::load::describe;
use crate::options::OptionSchema;
use crate::run::state::Shared;
use crate::trust::Vetted;
use calls::Session;
use library::Library;

pub(crate) use stages::{NativeDownsampler, NativeTransform, NativeWriter};

/// A loaded library.
pub(crate) struct NativePlugin {
    pub(crate) info: PluginInfo,
    /// Checks options.
    pub(crate) schema: OptionSchema,
    /// Who signed it.
    pub(crate) signer: Option<Signer>,
    pub(crate) shared: Arc<Shared>,
    library: &'static Library,
    /// What is set aside for one stage, in bytes; batches are cut by it as for components.
    memory: u64,
}

impl fmt::Debug for NativePlugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NativePlugin").field("info", &self.info).finish_non_exhaustive()
    }
}

impl NativePlugin {
    /// Loads a vetted library. It must call itself by the name given, if one is.
    pub(crate) fn load(
        vetted: &Vetted,
        expected: Option<&str>,
        shared: Arc<Shared>,
        config: &PluginConfig,
    ) -> Result<Self> {
        let (name, checked) = (vetted.name(), vetted.checked());
        let unusable = |what: String| {
            Error::plugin(format!("plugin `{name}` cannot be used: {what}"))
                .with("plugin", name)
                .with("path", vetted.path().display())
        };
        let library = library::load(vetted.bytes(), checked).map_err(|(what, help)| {
            Error::plugin(format!("plugin `{name}` cannot be loaded: {what}"))
                .with("plugin", name)
                .with("path", vetted.path().display())
                .with_help(help)
        })?;
        let mut session = Session::new(&shared, &PluginContext::default());
        let json = session.describe(library)?;
        let info =
            describe::read(&json, expected, checked.kind, &checked.digest).map_err(|what| {
                unusable(what)
                    .with_help("name the file and the configuration as the plugin names itself")
            })?;
        let schema = OptionSchema::compile(&info.options).map_err(|what| {
            unusable(format!("the JSON Schema of its options is not usable: {what}"))
                .with_help("report it to the plugin's author")
        })?;
        let signer = checked.signer.clone();
        Ok(Self { info, schema, signer, shared, library, memory: config.memory })
    }
}
