//! `tidelake plugin sign`

use std::path::PathBuf;

use minisign::PublicKey;
use serde_json::json;
use tidelake_core::Error;
use tidelake_plugin::files::{Durability, replace};
use tidelake_plugin::trust::digest;
use tidelake_plugin::trust::signature::{Key, signature_path};

use super::{Out, keys, print_json};
use crate::args::Global;
use crate::failure::Failure;

/// `plugin sign`
#[derive(Debug, clap::Args)]
pub(crate) struct Sign {
    /// The plugin
    file: PathBuf,
    /// The secret key that `keygen` wrote
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

/// Signs a file. A signature that is there is replaced.
pub(super) fn run(global: &Global, args: &Sign, out: Out<'_>) -> Result<(), Failure> {
    let failed = |what: &str, error: std::io::Error| {
        Error::input(what).with("file", args.file.display()).with_source(error)
    };
    let bytes = std::fs::read(&args.file).map_err(|e| failed("the plugin cannot be read", e))?;
    let secret = keys::read_secret(&args.key, global.json)?;
    let public = PublicKey::from_secret_key(&secret).map_err(keys::failed)?;
    let key = Key::parse(&public.to_base64())?;
    let signer = key.signer();
    // Signed with the rest, and shown by whoever checks: which file this was.
    let name = args.file.file_name().unwrap_or_default().to_string_lossy();
    let name: String = name.chars().filter(|c| !c.is_control()).collect();
    let sha256 = digest(&bytes);
    let comment = format!("file:{name} sha256:{sha256}");
    let untrusted = format!("signature from tidelake key {}", signer.id);
    let signature =
        minisign::sign(Some(&public), &secret, &bytes[..], Some(&comment), Some(&untrusted))
            .map_err(keys::failed)?;
    let path = signature_path(&args.file);
    replace(&path, &[signature.into_string().as_bytes()], Durability::Durable)
        .map_err(|e| failed("the signature could not be written beside the plugin", e))?;
    if global.json {
        let report = json!({ "signature": path, "sha256": sha256, "signer": signer.id });
        return print_json(out, &report);
    }
    writeln!(out, "signed {} with key {}: {}", args.file.display(), signer.id, path.display())?;
    Ok(())
}
