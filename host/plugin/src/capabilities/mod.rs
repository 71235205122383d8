//! Capabilities: what some plugins get beyond their data, when it was granted.
//!
//! | grant | what it is | how far it reaches |
//! |---|---|---|
//! | `clock` | the time | nothing else |
//! | `kv` | small values that outlive the instance | those of the same plugin and project |
//! | `secrets` | texts by name | those of `[plugin.<name>.secrets]` |
//! | `wasi:http` | requests | the hosts of `[plugin.<name>] hosts` |
//!
//! The gate before the compiler (`trust`) has refused a plugin that imports any of
//! these without a grant, or is not of a kind that may have them. They are linked
//! to the others' sight neither: a plugin finds here what its kind may have.

pub(crate) mod clock;
pub(crate) mod http;
pub(crate) mod kv;
pub(crate) mod secrets;

use std::sync::Arc;

use tidelake_core::config::HostRule;
use tidelake_core::plugin::PluginKind;
use wasmtime::Result;
use wasmtime::component::Linker;

use self::http::transport::Transport;
use self::kv::Kv;
use self::secrets::Secrets;
use crate::run::state::State;

/// How far one plugin's capabilities reach, as the operator configured it.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    /// Whom it may send requests to.
    pub(crate) hosts: Vec<HostRule>,
    /// What it may ask for.
    pub(crate) secrets: Secrets,
    /// What it remembers.
    pub(crate) kv: Kv,
    /// Sends requests, for all plugins of the host.
    pub(crate) transport: Arc<Transport>,
}

/// Whether plugins of a kind may have capabilities at all: those that rows go through
/// may not, for rows depend on nothing but rows.
pub(crate) fn possible(kind: PluginKind) -> bool {
    matches!(kind, PluginKind::StorageBackend | PluginKind::Source)
}

/// Adds our own capabilities; those of WASI are linked by the types that the
/// component imports, see [`crate::inert::link`].
pub(crate) fn link(linker: &mut Linker<State>) -> Result<()> {
    clock::link(linker.instance("tidelake:plugin/clock@0.1.0")?)?;
    kv::link(linker.instance("tidelake:plugin/kv@0.1.0")?)?;
    secrets::link(linker.instance("tidelake:plugin/secrets@0.1.0")?)
}
