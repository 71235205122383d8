//! `tidelake plugin push`

use std::path::PathBuf;

use serde_json::json;
use tidelake_plugin::source::{PushRequest, push};

use super::{Out, blocking, print_json};
use crate::args::Global;
use crate::failure::Failure;

/// `plugin push`
#[derive(Debug, clap::Args)]
pub(crate) struct Push {
    /// The plugin; its signature is beside it
    file: PathBuf,
    /// Where to: oci://REGISTRY/REPOSITORY[:TAG]
    target: String,
    /// Publish it without a signature
    #[arg(long)]
    allow_unsigned: bool,
    /// Speak to the registry without encryption, on other machines too
    #[arg(long)]
    allow_http: bool,
}

/// Publishes a plugin with its signature.
pub(super) async fn run(global: &Global, args: Push, out: Out<'_>) -> Result<(), Failure> {
    let Push { file, target, allow_unsigned, allow_http } = args;
    let request = PushRequest { file, target, allow_unsigned, allow_http };
    let pushed = blocking(move || push(&request)).await??;
    if global.json {
        let report = json!({
            "source": pushed.source,
            "sha256": pushed.sha256,
            "signer": pushed.signer,
        });
        return print_json(out, &report);
    }
    writeln!(out, "pushed {}", pushed.source)?;
    writeln!(out, "  sha256   {}", pushed.sha256)?;
    match &pushed.signer {
        Some(signer) => writeln!(out, "  signer   {signer}")?,
        None => writeln!(out, "  signer   none: it was allowed without")?,
    }
    Ok(())
}
