//! Secret keys: their passwords and their files.

use std::fs::OpenOptions;
use std::io::{IsTerminal, Write};
use std::path::Path;

use minisign::{ErrorKind, PError, SecretKey, SecretKeyBox};
use tidelake_core::{Error, Result};

/// The variable that holds a key's password, where nobody can be asked.
const PASSWORD: &str = "TIDELAKE_KEY_PASSWORD";

/// The password from the environment; `None`: somebody is there to be asked.
pub(super) fn password(json: bool, without: &str) -> Result<Option<String>> {
    if let Ok(password) = std::env::var(PASSWORD) {
        return Ok(Some(password));
    }
    // The question would stand amid the report.
    match std::io::stdin().is_terminal() && !json {
        true => Ok(None),
        false => Err(Error::input("the key needs a password, and nobody can be asked for it")
            .with_help(format!("set {PASSWORD}{without}"))),
    }
}

/// Reads a secret key, which may need its password.
pub(super) fn read_secret(path: &Path, json: bool) -> Result<SecretKey> {
    let wrong = |what: &str| Error::input(what).with("file", path.display());
    let text = std::fs::read_to_string(path).map_err(|e| {
        wrong("the secret key cannot be read")
            .with_source(e)
            .with_help("name the .key file that `tidelake plugin keygen` wrote")
    })?;
    let boxed = |text: &str| SecretKeyBox::from(text.to_owned());
    let damaged = |error: PError| {
        wrong("the file is not a secret key")
            .with_source(error)
            .with_help("name the .key file that `tidelake plugin keygen` wrote")
    };
    let encrypted = match SecretKey::from_unencrypted_box(boxed(&text)) {
        Ok(key) => return Ok(key),
        Err(error) => error,
    };
    // There is no other way to ask whether a key has a password than to say it has none.
    if !encrypted.to_string().contains("might be encrypted") {
        return Err(damaged(encrypted));
    }
    SecretKey::from_box(boxed(&text), password(json, "")?).map_err(|error| match error.kind() {
        ErrorKind::Verify => wrong("the password is not this key's"),
        _ => damaged(error),
    })
}

/// Writes a file that is not there yet; a secret is for its owner alone.
pub(super) fn write_new(path: &Path, text: &str, secret: bool) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, if secret { 0o600 } else { 0o644 });
    let _ = secret;
    let written = options.open(path).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Error::input("there is a key already")
            .with("file", path.display())
            .with_help("a lost key cannot be made again: choose another name"),
        _ => Error::unavailable("the key could not be written")
            .with("file", path.display())
            .with_source(error),
    })
}

/// What only a defect can cause.
pub(super) fn failed(error: PError) -> Error {
    Error::internal("the key could not be used").with_source(error)
}
