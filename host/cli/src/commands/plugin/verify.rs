//! `tidelake plugin verify`

use serde_json::json;
use tidelake_core::Error;
use tidelake_plugin::source::Source;
use tidelake_plugin::trust::signature::{Key, verify_source};

use super::{Out, blocking, print_json};
use crate::args::Global;
use crate::failure::Failure;
use crate::project::Project;
use crate::render::progress::download;

/// `plugin verify`
#[derive(Debug, clap::Args)]
pub(crate) struct Verify {
    /// The plugin (a file, https://, oci://); its signature is beside it
    source: String,
    /// The signer's public key, or the file with it [default: the project's trusted keys]
    #[arg(long, value_name = "KEY")]
    key: Vec<String>,
    /// Fetch it without encryption, from other machines too
    #[arg(long)]
    allow_http: bool,
}

/// Checks a signature. Fails unless it holds.
pub(super) async fn run(global: &Global, args: Verify, out: Out<'_>) -> Result<(), Failure> {
    let texts = match args.key.is_empty() {
        false => args.key.clone(),
        true => Project::find(global)?.map(|p| p.config.trust.trusted_keys).unwrap_or_default(),
    };
    if texts.is_empty() {
        return Err(Error::input("no key says whose signature would be good")
            .with_help("pass the signer's public key: --key RW..., or --key FILE.pub")
            .into());
    }
    let keys = texts.iter().map(|text| Key::read(text)).collect::<Result<Vec<_>, _>>()?;
    let source = Source::parse(&args.source)?;
    let (bar, shown) = (download(global.json), source.to_string());
    let verify = move || verify_source(&source, args.allow_http, &keys, &*bar);
    let (signer, comment) = blocking(verify).await??;
    if global.json {
        let report =
            json!({ "ok": true, "signer": signer.id, "key": signer.key, "comment": comment });
        return print_json(out, &report);
    }
    writeln!(out, "{shown}: good signature of key {}", signer.id)?;
    writeln!(out, "  {comment}")?;
    Ok(())
}
