//! Whether a plugin may run: asked of its bytes, before any of it is compiled.
//!
//! ```text
//!  file ── read once ──▶ bytes ─▶ digest ─▶ signature ─▶ version, imports ─▶ Vetted ─▶ compiler
//!                                   │           │               │
//!                     tidelake.lock ┘           │               └ grants
//!                                        trusted keys
//! ```
//!
//! A [`Vetted`] is made here and nowhere else, and the compiler takes nothing else:
//! what was not asked about cannot be compiled, and what is compiled are the very
//! bytes that were asked about, however the file changes meanwhile.
//!
//! Plugins of the installation are trusted as the program itself is. All others,
//! named by the configuration, added to the project or lying in its directory, need
//! a signature by a key that the operator trusts, or the operator's word that they
//! may run without. Capabilities need a grant wherever a plugin comes from.

pub mod add;
pub mod grants;
pub(crate) mod lock;
mod own;
pub mod report;
pub mod signature;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tidelake_core::config::lock::{Locked, Signer};
use tidelake_core::config::{PluginConfig, Runtime, TrustConfig};
use tidelake_core::plugin::PluginKind;
use tidelake_core::{Error, Result};

use crate::load::{Entry, Read, inspect};
use crate::native::look;
use crate::text;
use signature::{Key, Verdict};

/// Where a plugin comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It came with the installation.
    Installed,
    /// `source` of the configuration names its file.
    Configured,
    /// It was added: `tidelake.lock` pins it.
    Added,
    /// It lies in the project's `plugins` directory.
    Project,
    /// It was named on the command line.
    File,
    /// Its author named it, to test or measure it.
    Built,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Installed => "installed",
            Self::Configured => "source",
            Self::Added => "added",
            Self::Project => "project",
            Self::File => "file",
            Self::Built => "built",
        })
    }
}

/// A plugin's file, not yet opened.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) origin: Origin,
}

/// What the operator decided about one plugin.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    /// Keys whose signature is enough.
    pub(crate) keys: Vec<Key>,
    /// It may run without a signature.
    pub(crate) unsigned: bool,
    /// What the configuration says that it runs in.
    pub(crate) runtime: Runtime,
    /// Capabilities that it was granted, by name.
    pub(crate) granted: BTreeSet<String>,
    /// Its entry in the lock, which it must match.
    pub(crate) pinned: Option<Locked>,
    /// It is about to be added: this is how what is missing would be given.
    pub(crate) adding: bool,
    /// The version that an added one takes the place of.
    pub(crate) earlier: Option<Locked>,
}

/// On which occasion a plugin is vetted, and so, where what it lacks would be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asking {
    /// `plugin add`: by an argument.
    Add,
    /// `plugin inspect` of a file: by an argument.
    Inspect,
    /// Everywhere else: in the configuration.
    Use,
}

impl Rules {
    fn asking(&self, found: &Found) -> Asking {
        match found.origin {
            _ if self.adding => Asking::Add,
            Origin::File | Origin::Built => Asking::Inspect,
            _ => Asking::Use,
        }
    }

    /// The rules for a plugin in use: what the configuration says, and the lock.
    pub(crate) fn of(
        trust: &TrustConfig,
        config: &PluginConfig,
        pinned: Option<Locked>,
    ) -> Result<Self> {
        let mut keys = keys(&trust.trusted_keys)?;
        let mut granted: BTreeSet<String> =
            config.grants.iter().map(|grant| grants::name(grant)).collect();
        let mut unsigned = trust.allow_unsigned || config.allow_unsigned;
        if let Some(pinned) = &pinned {
            granted.extend(pinned.grants.iter().map(|grant| grants::name(grant)));
            match &pinned.signer {
                Some(signer) => keys.push(Key::parse(&signer.key)?),
                // The lock pins the very bytes of which somebody said so.
                None => unsigned = true,
            }
        }
        let runtime = config.runtime;
        Ok(Self { keys, unsigned, runtime, granted, pinned, ..Self::default() })
    }
}

fn keys(texts: &[String]) -> Result<Vec<Key>> {
    texts
        .iter()
        .map(|text| Key::parse(text))
        .collect::<Result<_>>()
        .map_err(|error| error.with("key", "trusted_keys of [plugins]"))
}

/// A plugin that may be compiled.
#[derive(Debug)]
pub(crate) struct Vetted {
    name: String,
    path: PathBuf,
    bytes: Vec<u8>,
    /// The text of its signature file, as it was read with the bytes.
    signature: Option<String>,
    checked: Checked,
    /// What it was compiled to before, should it have the digest that is written there.
    entry: Option<Entry>,
}

/// What the checks found out.
#[derive(Debug, Clone)]
pub(crate) struct Checked {
    pub(crate) digest: String,
    pub(crate) kind: PluginKind,
    pub(crate) runtime: Runtime,
    pub(crate) imports: Vec<String>,
    pub(crate) signer: Option<Signer>,
}

impl Vetted {
    /// Reads a plugin, once, and asks all that is to be asked. While it is read and hashed,
    /// its entry in the cache is looked for by a hash that proves nothing; nothing is
    /// made of it here.
    pub(crate) fn read(
        found: &Found,
        rules: &Rules,
        look: impl FnOnce(u128) -> Option<Entry> + Send,
    ) -> Result<Self> {
        let again = rules.pinned.as_ref().map(|pinned| pinned.source.as_str());
        let Read { bytes, digest, meanwhile } = crate::load::read(found, again, look)?;
        let signature = match found.origin {
            // As the program itself is: whoever could change it could change the check.
            Origin::Installed if !look::is_library(&bytes) => None,
            Origin::Built => None,
            _ => signature::read(&found.path).map_err(|error| {
                refusal(found, "its signature cannot be read")
                    .with_source(error)
                    .with_help("check the .minisig file beside it and its permissions")
            })?,
        };
        let checked = check(found, rules, &bytes, digest, signature.as_deref())?;
        let Found { name, path, .. } = found.clone();
        Ok(Self { name, path, bytes, signature, checked, entry: meanwhile })
    }

    /// Asks of bytes that were read.
    pub(crate) fn of(
        found: &Found,
        rules: &Rules,
        bytes: Vec<u8>,
        signature: Option<String>,
    ) -> Result<Self> {
        let checked = check(found, rules, &bytes, digest(&bytes), signature.as_deref())?;
        let Found { name, path, .. } = found.clone();
        Ok(Self { name, path, bytes, signature, checked, entry: None })
    }

    /// Asks again under other rules, of the same bytes.
    pub(crate) fn again(mut self, found: &Found, rules: &Rules) -> Result<Self> {
        let digest = self.checked.digest.clone();
        self.checked = check(found, rules, &self.bytes, digest, self.signature.as_deref())?;
        self.name.clone_from(&found.name);
        Ok(self)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn signature(&self) -> Option<&str> {
        self.signature.as_deref()
    }

    /// What may be the entry of the cache for it: its digest has to be compared.
    pub(crate) fn entry(&self) -> Option<&Entry> {
        self.entry.as_ref()
    }

    pub(crate) fn checked(&self) -> &Checked {
        &self.checked
    }
}

/// The checks, cheapest and most telling first; nothing of the plugin runs.
fn check(
    found: &Found,
    rules: &Rules,
    bytes: &[u8],
    digest: String,
    signature: Option<&str>,
) -> Result<Checked> {
    pinned(found, rules, &digest)?;
    let library = look::is_library(bytes);
    let signer = match found.origin {
        Origin::Built => None,
        _ if library || rules.runtime == Runtime::Native => {
            native(found, rules, library)?;
            signed_natively(found, rules, signature::verify(bytes, signature, &rules.keys))?
        }
        Origin::Installed => None,
        _ => signed(found, rules, signature::verify(bytes, signature, &rules.keys))?,
    };
    let looked = inspect::inspect(&found.name, &found.path, bytes)?;
    granted(found, rules, &looked.imports)?;
    inspect::offered(&found.name, &found.path, &looked)?;
    Ok(Checked {
        digest,
        kind: looked.kind,
        runtime: looked.runtime,
        imports: looked.imports,
        signer,
    })
}

/// SHA-256 of a plugin file, in hex.
pub fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Bytes in hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn refusal(found: &Found, what: &str) -> Error {
    Error::plugin(format!("plugin `{}` is not loaded: {what}", found.name))
        .with("plugin", &found.name)
        .with("path", found.path.display())
}

/// The bytes are those that were added.
fn pinned(found: &Found, rules: &Rules, digest: &str) -> Result<()> {
    let Some(pinned) = rules.pinned.as_ref().filter(|pinned| pinned.sha256 != digest) else {
        return Ok(());
    };
    let file = match found.origin {
        Origin::Added => &pinned.source,
        _ => &found.path.display().to_string(),
    };
    Err(refusal(found, "it is not the file that tidelake.lock pins")
        .with("pinned sha256", &pinned.sha256)
        .with("found sha256", digest)
        .with_help(format!(
            "find out who changed it; then put the file of version {} back, or, if the new one is \
             meant, `tidelake plugin add {file}`",
            pinned.version
        )))
}

/// Somebody who is trusted signed them, or nobody needs to have.
fn signed(found: &Found, rules: &Rules, verdict: Verdict) -> Result<Option<Signer>> {
    let (what, help) = match verdict {
        Verdict::Signed { signer, .. } => return Ok(Some(signer)),
        Verdict::Unsigned | Verdict::Stranger { .. } if rules.unsigned => return Ok(None),
        Verdict::Bad { what } => (
            what,
            "do not use it; fetch the plugin and its signature again, from its signer".into(),
        ),
        Verdict::Unsigned => {
            let leave = match rules.asking(found) {
                Asking::Add => "or, if you know where it comes from, add it with --allow-unsigned",
                Asking::Inspect => "or let it run, in its sandbox, with --allow-unsigned",
                Asking::Use => "or, if you built it yourself, write `allow_unsigned = true`",
            };
            let place = match rules.asking(found) {
                Asking::Use => format!(" under [plugin.{}]", found.name),
                _ => String::new(),
            };
            let with = match found.path.starts_with("oci:") {
                true => "ask its publisher to push it with its signature",
                false => "get it with its .minisig file",
            };
            let help = format!("{with}, {leave}{place}");
            ("it is not signed".to_owned(), help)
        }
        Verdict::Stranger { id } => {
            let how = match rules.asking(found) {
                Asking::Add => "pass its public key: --trust RW...",
                Asking::Inspect => "pass its public key: --key RW...",
                Asking::Use => "write its public key (RW...) into `trusted_keys` of [plugins]",
            };
            let what = format!("it is signed with key {id}, which is not trusted");
            (what, format!("if you know whose key that is, {how}"))
        }
    };
    Err(refusal(found, &what).with_help(help))
}

/// The configuration says that it runs in what it was built for.
fn native(found: &Found, rules: &Rules, library: bool) -> Result<()> {
    let name = &found.name;
    match (library, rules.runtime) {
        (true, Runtime::Native) => Ok(()),
        (true, Runtime::Wasm) => {
            Err(refusal(found, "it is a native library, which runs without a sandbox").with_help(
                format!(
                    "if you trust its signer with all that this process can do, write \
                     `runtime = \"native\"` under [plugin.{name}]; otherwise take its component \
                     (.wasm)"
                ),
            ))
        }
        (false, _) => {
            let what =
                "the configuration says `runtime = \"native\"`, and it is not a native library";
            Err(refusal(found, what).with_help(format!(
                "take the plugin's library (.so), or leave `runtime` out of [plugin.{name}]"
            )))
        }
    }
}

/// Nobody's word takes the place of a signature here: what runs without a sandbox is what
/// somebody answers for.
fn signed_natively(found: &Found, rules: &Rules, verdict: Verdict) -> Result<Option<Signer>> {
    if verdict == Verdict::Unsigned {
        return Err(refusal(found, "it is not signed").with_help(
            "a native library runs only with a signature by a key that is trusted, and \
             `allow_unsigned` does not change that: get its .minisig file, or sign it with \
             `tidelake plugin sign`",
        ));
    }
    signed(found, &Rules { unsigned: false, ..rules.clone() }, verdict)
}

/// All that it can reach beyond its data was granted.
fn granted(found: &Found, rules: &Rules, imports: &[String]) -> Result<()> {
    let refused = grants::ungranted(imports, &rules.granted);
    if refused.is_empty() {
        return Ok(());
    }
    let named: Vec<String> =
        refused.iter().map(|import| format!("`{}`", text::clean(import, 256))).collect();
    let mut what = format!("it imports {}, which it was not granted", named.join(", "));
    if let Some(earlier) = &rules.earlier {
        what.push_str(&format!("; version {} was added without", earlier.version));
    }
    let lacking = grants::capabilities(refused);
    let lacking = lacking.iter().map(|capability| text::clean(capability, 256));
    let how = match rules.asking(found) {
        Asking::Use => {
            let list: Vec<String> = lacking.map(|c| format!("{c:?}")).collect();
            format!("write `grants = [{}]` under [plugin.{}]", list.join(", "), found.name)
        }
        Asking::Add | Asking::Inspect => {
            let flags: Vec<String> = lacking.map(|c| format!("--grant {c}")).collect();
            format!("say so with {}", flags.join(" "))
        }
    };
    Err(refusal(found, &what).with_help(format!("if it may use that, {how}")))
}

#[cfg(test)]
mod tests;
