//! `tidelake plugin verify`

use std::path::PathBuf;

use serde_json::json;
use tidelake_core::Error;
use tidelake_plugin::trust::signature::{Key, verify_file};

use super::{Out, print_json};
use crate::args::Global;
use crate::failure::Failure;
use crate::project::Project;

/// `plugin verify`
#[derive(Debug, clap::Args)]
pub(crate) struct Verify {
    /// The plugin; its signature is beside it
    file: PathBuf,
    /// The signer's public key, or the file with it [default: the project's trusted keys]
    #[arg(long, value_name = "KEY")]
    key: Vec<String>,
}

/// Checks a signature. Fails unless it holds.
pub(super) fn run(global: &Global, args: &Verify, out: Out<'_>) -> Result<(), Failure> {
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
    let (signer, comment) = verify_file(&args.file, &keys)?;
    if global.json {
        let report =
            json!({ "ok": true, "signer": signer.id, "key": signer.key, "comment": comment });
        return print_json(out, &report);
    }
    writeln!(out, "{}: good signature of key {}", args.file.display(), signer.id)?;
    writeln!(out, "  {comment}")?;
    Ok(())
}
