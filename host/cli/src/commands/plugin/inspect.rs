//! `tidelake plugin inspect`

use tidelake_plugin::trust::report::InspectRequest;

use super::{Out, host, print_json, with_plugins};
use crate::args::Global;
use crate::failure::Failure;
use crate::project::Project;
use crate::render;
use crate::render::progress::download;

/// `plugin inspect`
#[derive(Debug, clap::Args)]
pub(crate) struct Inspect {
    /// A plugin's source (a file, https://, oci://), or the name of one that is added,
    /// configured or installed
    #[arg(value_name = "SOURCE|NAME")]
    target: String,
    /// Take the signature of this public key, or of the one in this file
    #[arg(long, value_name = "KEY")]
    key: Vec<String>,
    /// Ask it what it is although nobody signed it; it runs in its sandbox
    #[arg(long)]
    allow_unsigned: bool,
    /// Ask it what it is although it imports this capability
    #[arg(long = "grant", value_name = "CAPABILITY")]
    grants: Vec<String>,
    /// Fetch it without encryption, from other machines too
    #[arg(long)]
    allow_http: bool,
}

/// Shows one plugin. That it may not run is a fact to be shown, and no failure.
pub(super) async fn run(global: &Global, args: Inspect, out: Out<'_>) -> Result<(), Failure> {
    let project = Project::find(global)?;
    let Inspect { target, key, allow_unsigned, grants, allow_http } = args;
    let request = InspectRequest { target, trust: key, allow_unsigned, grants, allow_http };
    let bar = download(global.json);
    let host = host(project.as_ref())?;
    let report = with_plugins(host, move |host| host.inspect(&request, &*bar)).await??;
    if global.json {
        return print_json(out, &render::plugins::report_json(&report));
    }
    Ok(render::plugins::write_report(out, &report)?)
}
