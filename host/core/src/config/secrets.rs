//! Where secrets are: the values of `[plugin.<name>.secrets]`.
//!
//! A configuration says where a secret is, never the secret itself, so that it can
//! be shown, copied and kept under version control.

use std::path::PathBuf;
use std::str::FromStr;

use crate::error::{Error, Result};

/// Where one secret is. It is read whenever the plugin asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// `env:NAME`: an environment variable of the process.
    Env(String),
    /// `file:PATH`: a file, relative to the project; a line break at its end does
    /// not count.
    File(PathBuf),
}

impl FromStr for SecretSource {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let named = |rest: &str| !rest.trim().is_empty() && !rest.contains(['\0', '=']);
        match text.split_once(':') {
            Some(("env", name)) if named(name) => Ok(Self::Env(name.to_owned())),
            Some(("file", path)) if !path.trim().is_empty() && !path.contains('\0') => {
                Ok(Self::File(PathBuf::from(path)))
            }
            // What was written may be the secret itself, so it is not repeated.
            _ => Err(Error::config("this does not say where the secret is").with_help(
                "write \"env:VARIABLE\" or \"file:PATH\"; the secret itself does not belong into \
                 the configuration",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_read_and_secrets_are_not_repeated() {
        assert_eq!(
            "env:KEY".parse::<SecretSource>().expect("env"),
            SecretSource::Env("KEY".into())
        );
        let file = "file:/run/key".parse::<SecretSource>().expect("file");
        assert_eq!(file, SecretSource::File("/run/key".into()));
        for text in ["hunter2", "env:", "file:", "ENV:KEY", "env:A=B", "vault:x"] {
            let error = text.parse::<SecretSource>().expect_err(text);
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
    }
}
