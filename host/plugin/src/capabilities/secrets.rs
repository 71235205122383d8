//! `secrets`: texts that the operator gives to one plugin by name.
//!
//! What is kept here is where they are. Each is read when the plugin asks for it,
//! goes to the plugin, and is kept nowhere: not in a cache, not in a log, not in an
//! error, not in what `Debug` shows.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use tidelake_core::config::SecretSource;
use wasmtime::component::{LinkerInstance, WasmStr};
use wasmtime::{Result, StoreContextMut};

use crate::bindings::v0_1::{ErrorCode, GuestError, func};
use crate::run::state::State;
use crate::text;

/// The longest secret, in bytes.
const LONGEST: u64 = 64 << 10;

/// Where one plugin's secrets are.
#[derive(Clone, Default)]
pub(crate) struct Secrets {
    sources: BTreeMap<String, SecretSource>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.sources.keys()).finish()
    }
}

impl Secrets {
    /// Secrets of a plugin. Files that are not named from the root are the project's.
    pub(crate) fn new(sources: &BTreeMap<String, SecretSource>, project: Option<&Path>) -> Self {
        let place = |source: &SecretSource| match (source, project) {
            (SecretSource::File(path), Some(root)) => SecretSource::File(root.join(path)),
            (source, _) => source.clone(),
        };
        let sources = sources.iter().map(|(name, source)| (name.clone(), place(source)));
        Self { sources: sources.collect() }
    }

    /// Reads one for the plugin of this name.
    fn get(&self, plugin: &str, name: &str) -> std::result::Result<String, GuestError> {
        let shown = text::clean(name, 64);
        let Some(source) = self.sources.get(name) else {
            return Err(GuestError::new(
                ErrorCode::NotFound,
                format!(
                    "plugin `{plugin}` was not given the secret `{shown}`; write \
                     `{shown} = \"env:VARIABLE\"` or \"file:PATH\" under [plugin.{plugin}.secrets]"
                ),
            ));
        };
        read(source).map_err(|why| {
            let what = format!("the secret `{shown}` of plugin `{plugin}` cannot be read: {why}");
            GuestError::new(ErrorCode::Denied, what)
        })
    }
}

/// Reads a secret; the error says why it is not there and nothing of what it is.
fn read(source: &SecretSource) -> std::result::Result<String, String> {
    match source {
        SecretSource::Env(name) => match std::env::var(name) {
            Ok(value) if value.is_empty() => Err(format!("the variable {name} is empty")),
            Ok(value) => Ok(value),
            Err(std::env::VarError::NotPresent) => Err(format!("there is no variable {name}")),
            Err(std::env::VarError::NotUnicode(_)) => Err(format!("{name} is not UTF-8")),
        },
        SecretSource::File(path) => {
            let shown = path.display();
            let mut bytes = Vec::new();
            File::open(path)
                .and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes))
                .map_err(|error| format!("{shown}: {error}"))?;
            if bytes.len() as u64 > LONGEST {
                return Err(format!("{shown} is longer than {LONGEST} bytes"));
            }
            let mut value =
                String::from_utf8(bytes).map_err(|_| format!("{shown} is not UTF-8"))?;
            if value.ends_with('\n') {
                value.pop();
                if value.ends_with('\r') {
                    value.pop();
                }
            }
            if value.is_empty() { Err(format!("{shown} is empty")) } else { Ok(value) }
        }
    }
}

pub(super) fn link(mut interface: LinkerInstance<'_, State>) -> Result<()> {
    func(&mut interface, "get", |cx: StoreContextMut<'_, State>, (name,): (WasmStr,)| {
        let name = name.to_str(&cx)?;
        let shared = &cx.data().shared;
        Ok((shared.reach.secrets.get(&shared.name, &name),))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_read_when_they_are_asked_for_and_shown_nowhere() {
        let dir = tempfile::tempdir().expect("directory");
        std::fs::write(dir.path().join("word"), "open sesame\r\n").expect("file");
        std::fs::write(dir.path().join("odd"), [0xff, 0xfe]).expect("file");
        let sources =
            [("word", "file:word"), ("odd", "file:odd"), ("none", "env:TIDELAKE_NO_SUCH")]
                .map(|(name, source)| (name.to_owned(), source.parse().expect("source")));
        let secrets = Secrets::new(&sources.into(), Some(dir.path()));
        assert_eq!(secrets.get("s3", "word").expect("word"), "open sesame");
        assert!(!format!("{secrets:?}").contains("sesame"));
        std::fs::write(dir.path().join("word"), "changed").expect("file");
        assert_eq!(secrets.get("s3", "word").expect("word"), "changed");
        for (name, code, says) in [
            ("odd", ErrorCode::Denied, "not UTF-8"),
            ("none", ErrorCode::Denied, "TIDELAKE_NO_SUCH"),
            ("other", ErrorCode::NotFound, "[plugin.s3.secrets]"),
        ] {
            let error = secrets.get("s3", name).expect_err(name);
            assert_eq!(error.code, code);
            assert!(error.message.contains(says), "{error:?}");
        }
    }
}
