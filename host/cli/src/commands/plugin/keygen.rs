//! `tidelake plugin keygen`

use std::path::PathBuf;

use minisign::KeyPair;
use serde_json::json;
use tidelake_core::Error;
use tidelake_plugin::trust::signature::Key;

use super::{Out, keys, print_json};
use crate::args::Global;
use crate::failure::Failure;

/// `plugin keygen`
#[derive(Debug, clap::Args)]
pub(crate) struct Keygen {
    /// Where to: writes NAME.key, which is secret, and NAME.pub
    #[arg(value_name = "NAME", default_value = "tidelake")]
    name: PathBuf,
    /// Leave the secret key without a password
    #[arg(long)]
    no_password: bool,
}

/// Makes a pair of keys. Never over one that is there.
pub(super) fn run(global: &Global, args: &Keygen, out: Out<'_>) -> Result<(), Failure> {
    let file = |ending: &str| {
        let mut path = args.name.clone().into_os_string();
        path.push(ending);
        PathBuf::from(path)
    };
    let (secret, public) = (file(".key"), file(".pub"));
    // Before anybody types a password for nothing.
    for path in [&secret, &public] {
        if path.exists() {
            return Err(Error::input("there is a key already")
                .with("file", path.display())
                .with_help("a lost key cannot be made again: choose another name")
                .into());
        }
    }
    let pair = match args.no_password {
        true => KeyPair::generate_unencrypted_keypair(),
        false => {
            let password = keys::password(global.json, ", or choose --no-password")?;
            KeyPair::generate_encrypted_keypair(password)
        }
    };
    let pair = pair.map_err(|error| {
        Error::input("no key was made").with_source(error).with_help("try again")
    })?;
    let key = Key::parse(&pair.pk.to_base64())?;
    let id = &key.signer().id;
    let text =
        |kind: &str, line: String| format!("untrusted comment: tidelake {kind} key {id}\n{line}\n");
    let secret_box = pair.sk.to_box(Some(&format!("tidelake secret key {id}")));
    keys::write_new(&secret, &secret_box.map_err(keys::failed)?.into_string(), true)?;
    let written = keys::write_new(&public, &text("public", pair.pk.to_base64()), false);
    if let Err(error) = written {
        // A secret key without its public half is of no use.
        let _ = std::fs::remove_file(&secret);
        return Err(error.into());
    }
    if global.json {
        let report =
            json!({ "id": id, "public_key": key.signer().key, "secret": secret, "public": public });
        return print_json(out, &report);
    }
    writeln!(
        out,
        "wrote {} (keep it secret) and {}\nnext:\n  tidelake plugin sign FILE.wasm --key {}\n\
         and whoever shall run what it signs writes into tidelake.toml\n  \
         [plugins]\n  trusted_keys = [\"{}\"]",
        secret.display(),
        public.display(),
        secret.display(),
        key.signer().key
    )?;
    Ok(())
}
