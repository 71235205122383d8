//! `tidelake plugin add`

use tidelake_plugin::trust::add::AddRequest;

use super::{Out, host, print_json, with_plugins};
use crate::args::Global;
use crate::failure::Failure;
use crate::project::Project;
use crate::render;

/// `plugin add`
#[derive(Debug, clap::Args)]
pub(crate) struct Add {
    /// The plugin: a path or a file:// URL
    source: String,
    /// Its name [default: the one it gives itself]
    #[arg(long)]
    name: Option<String>,
    /// Take the signature of this public key, or of the one in this file
    #[arg(long, value_name = "KEY")]
    trust: Vec<String>,
    /// Take it without a signature
    #[arg(long)]
    allow_unsigned: bool,
    /// Give it this capability; may be repeated
    #[arg(long = "grant", value_name = "CAPABILITY")]
    grants: Vec<String>,
}

/// Adds a plugin to the project.
pub(super) async fn run(global: &Global, args: Add, out: Out<'_>) -> Result<(), Failure> {
    let project = Project::read(global)?;
    let Add { source, name, trust, allow_unsigned, grants } = args;
    let request = AddRequest { source, name, trust, allow_unsigned, grants };
    let added = with_plugins(host(Some(&project))?, move |host| host.add(&request)).await??;
    if global.json {
        return print_json(out, &render::plugins::added_json(&added));
    }
    Ok(render::plugins::write_added(out, &added)?)
}
