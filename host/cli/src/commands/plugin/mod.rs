//! `tidelake plugin ...`: one file for each command, with what can be typed after it.
//!
//! A new command is a file, a variant and a line in [`run`].

mod add;
mod bench;
mod build;
mod foreign;
mod inspect;
mod keygen;
mod keys;
mod list;
mod new;
mod push;
mod sample;
mod sign;
mod storage;
mod test;
mod verify;

use std::path::PathBuf;

use clap::Subcommand;
use tidelake::Engine;
use tidelake_core::Error;
use tidelake_plugin::{HostOptions, PluginHost};

use super::{Out, print_json};
use crate::args::Global;
use crate::failure::Failure;
use crate::project::{self, Project};

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum PluginCommand {
    /// Start a plugin: a project that compiles and passes its tests
    New(new::New),
    /// Build a plugin's project into a component
    Build(build::Build),
    /// Hold a plugin against what every plugin must keep to; it runs, signed or not
    Test(test::Test),
    /// Measure a plugin: speed, crossing, memory, start; it runs, signed or not
    Bench(bench::Bench),
    /// Show what a plugin is, what it may reach, its options, and who signed it
    Inspect(inspect::Inspect),
    /// Get and check a plugin, keep it in the project, and pin it in tidelake.lock
    Add(add::Add),
    /// Show all plugins: version, digest, signer, grants, origin, and what each did so far
    List,
    /// Make a key pair to sign plugins with
    Keygen(keygen::Keygen),
    /// Sign a plugin: writes FILE.minisig beside it
    Sign(sign::Sign),
    /// Check the signature beside a plugin
    Verify(verify::Verify),
    /// Publish a plugin with its signature in a registry
    Push(push::Push),
}

/// Does what was typed.
pub(super) async fn run(
    global: &Global,
    command: PluginCommand,
    out: Out<'_>,
) -> Result<(), Failure> {
    match command {
        PluginCommand::New(args) => new::run(global, &args, out),
        PluginCommand::Build(args) => build::run(global, args, out).await,
        PluginCommand::Test(args) => test::run(global, args, out).await,
        PluginCommand::Bench(args) => bench::run(global, args, out).await,
        PluginCommand::Inspect(args) => inspect::run(global, args, out).await,
        PluginCommand::Add(args) => add::run(global, args, out).await,
        PluginCommand::List => list::run(global, out).await,
        PluginCommand::Keygen(args) => keygen::run(global, &args, out),
        PluginCommand::Sign(args) => sign::run(global, &args, out),
        PluginCommand::Verify(args) => verify::run(global, args, out).await,
        PluginCommand::Push(args) => push::run(global, args, out).await,
    }
}

/// The plugins of a project, or of the installation alone.
fn host(project: Option<&Project>) -> Result<PluginHost, Failure> {
    Ok(match project {
        Some(project) => {
            let options = project.options("plugin", None);
            Engine::plugin_host(&project.root, &project.config, &options)?
        }
        None => PluginHost::new(HostOptions {
            plugin_dirs: project::plugin_dirs(),
            cache_dir: project::cache_dir()
                .unwrap_or_else(|| PathBuf::from(".tidelake").join("cache")),
            ..HostOptions::default()
        })?,
    })
}

/// Does something with plugins on a thread that may block, as plugins need it.
async fn with_plugins<T: Send + 'static>(
    host: PluginHost,
    work: impl FnOnce(&PluginHost) -> T + Send + 'static,
) -> Result<T, Failure> {
    blocking(move || work(&host)).await
}

/// Does something on a thread that may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    let work = tokio::task::spawn_blocking(work).await;
    Ok(work.map_err(|e| Error::internal("the command did not finish").with_source(e))?)
}
