//! `tidelake plugin add`

use tidelake_plugin::PluginHost;
use tidelake_plugin::trust::add::AddRequest;

use super::{Out, host, print_json, with_plugins};
use crate::args::Global;
use crate::failure::Failure;
use crate::project::Project;
use crate::render;
use crate::render::progress::download;

/// `plugin add`
#[derive(Debug, clap::Args)]
pub(crate) struct Add {
    /// The plugin: a path, https://HOST/FILE.wasm, oci://REGISTRY/REPOSITORY[:TAG][@sha256:DIGEST];
    /// or the name of one that was added, to take its newest version
    #[arg(value_name = "SOURCE|NAME")]
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
    /// Take it only if its file has this SHA-256
    #[arg(long, value_name = "HEX")]
    sha256: Option<String>,
    /// Fetch it without encryption, from other machines too
    #[arg(long)]
    allow_http: bool,
}

/// Adds a plugin to the project.
pub(super) async fn run(global: &Global, args: Add, out: Out<'_>) -> Result<(), Failure> {
    let project = Project::read(global)?;
    let Add { source, name, trust, allow_unsigned, grants, sha256, allow_http } = args;
    let request = AddRequest { source, name, trust, allow_unsigned, grants, sha256, allow_http };
    let bar = download(global.json);
    let add = move |host: &PluginHost| host.add(&request, &*bar);
    let added = with_plugins(host(Some(&project))?, add).await??;
    if global.json {
        return print_json(out, &render::plugins::added_json(&added));
    }
    Ok(render::plugins::write_added(out, &added)?)
}
