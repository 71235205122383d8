//! Where plugins come from: a path, a web server, a registry.
//!
//! | source | the plugin | its signature |
//! |---|---|---|
//! | `path`, `file:///path` | the file | the file with `.minisig` after its name |
//! | `https://host/x.wasm` | the body | the body of `https://host/x.wasm.minisig` |
//! | `oci://registry/repository[:tag][@sha256:…]` | the layer `application/wasm` | the manifest's annotation `dev.tidelake.minisig` |
//!
//! Fetching decides nothing about trust. What arrives is held in memory, bounded while
//! it arrives, compared with the digests that were named, and handed to
//! [`crate::trust`], which looks at its bytes as at those of any file. Nothing is
//! written before that has agreed.
//!
//! Everything travels by HTTPS. Plain HTTP is spoken to this machine itself, and to
//! others only when the operator says so; HTTPS is never left for it by a redirect.

mod artifact;
mod credentials;
mod push;
mod registry;
mod web;

use std::path::{Path, PathBuf};

use tidelake_core::{Error, Result};
use url::{Host, Url};

pub use artifact::Artifact;
pub use push::{PushRequest, Pushed, push};

use crate::text;
use crate::trust::{self, Origin};

/// How far a download is: bytes so far, and in all if that is known. Called often.
pub type Progress<'a> = &'a (dyn Fn(u64, Option<u64>) + Sync);

/// Nobody wants to know.
pub fn silent(_: u64, _: Option<u64>) {}

/// Where a plugin is to be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// A file on a web server.
    Web(Url),
    /// An artifact in a registry.
    Registry(Artifact),
}

/// What was fetched. Nobody has looked at it yet.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) bytes: Vec<u8>,
    /// The text of its signature.
    pub(crate) signature: Option<String>,
    /// Where the same can be had again, as exactly as can be said.
    pub(crate) pinned: String,
}

impl Source {
    /// Reads a source as it is typed.
    pub fn parse(source: &str) -> Result<Self> {
        let wrong = |what: &str| Error::input(format!("{:?} {what}", text::clean(source, 256)));
        match source.split_once("://") {
            None => Ok(Self::File(PathBuf::from(source))),
            Some(("file", path)) if path.starts_with('/') => Ok(Self::File(PathBuf::from(path))),
            Some(("file", _)) => Err(wrong("names no local file")
                .with_help("write file:/// and the path from the root, or the path alone")),
            Some(("http" | "https", _)) => {
                let url = Url::parse(source).map_err(|error| {
                    wrong("is not an address").with_source(error).with_help("correct it")
                })?;
                if !url.username().is_empty() || url.password().is_some() {
                    return Err(Error::input("the address has a user or a password in it")
                        .with("address", without_user(&url))
                        .with_help(
                            "it would be kept in tidelake.lock: download the .wasm file and its \
                             .minisig file yourself, and add the file",
                        ));
                }
                Ok(Self::Web(url))
            }
            Some(("oci", _)) => Artifact::parse(source).map(Self::Registry),
            Some((scheme, _)) => Err(Error::unsupported(format!(
                "plugins are not fetched from {}://",
                text::clean(scheme, 32)
            ))
            .with_help("name a path, https:// or oci://registry/repository:tag")),
        }
    }

    /// What its name suggests that the plugin is called, without its ending.
    pub(crate) fn stem(&self) -> String {
        match self {
            Self::File(path) => trust::add::stem(path),
            Self::Web(url) => trust::add::stem(Path::new(url.path())),
            Self::Registry(artifact) => trust::add::stem(Path::new(artifact.name())),
        }
    }

    /// Gets it.
    pub(crate) fn fetch(&self, allow_http: bool, progress: Progress<'_>) -> Result<Fetched> {
        match self {
            Self::File(path) => {
                let found =
                    trust::Found { name: self.stem(), path: path.clone(), origin: Origin::File };
                let bytes = crate::load::read(&found, None, |_| ())?.bytes;
                let signature = trust::signature::beside(path)?;
                Ok(Fetched { bytes, signature, pinned: path.display().to_string() })
            }
            Self::Web(url) => web::fetch(url, allow_http, progress),
            Self::Registry(artifact) => registry::pull(artifact, allow_http, progress),
        }
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Web(url) => url.fmt(f),
            Self::Registry(artifact) => artifact.fmt(f),
        }
    }
}

fn without_user(url: &Url) -> Url {
    let mut url = url.clone();
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url
}

/// Whether an address is this machine's own.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// Whether plain HTTP, if it is that, may be spoken there.
fn check_scheme(url: &Url, allow_http: bool) -> Result<()> {
    if url.scheme() == "https" || allow_http || is_loopback(url) {
        return Ok(());
    }
    Err(Error::config("the plugin would be fetched without encryption")
        .with("address", url)
        .with_help("use https://, or say that it may be so with --allow-http"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_told_apart() {
        let parse = |text| Source::parse(text).expect("a source");
        assert_eq!(parse("a/b.wasm"), Source::File("a/b.wasm".into()));
        assert_eq!(parse("file:///a/b.wasm"), Source::File("/a/b.wasm".into()));
        assert_eq!(parse("https://example.com/x/Fast_Mask.wasm?v=1").stem(), "fast-mask");
        assert_eq!(parse("oci://example.com/acme/spread:1.0").stem(), "spread");
        for (text, says) in [
            ("file://b.wasm", "names no local file"),
            ("ftp://example.com/x.wasm", "not fetched from ftp"),
            ("https://me:secret@example.com/x.wasm", "a user or a password"),
            ("https://", "is not an address"),
        ] {
            let error = Source::parse(text).expect_err(text).to_string();
            assert!(error.contains(says) && !error.contains("secret"), "{text}: {error}");
        }
    }

    #[test]
    fn plain_http_is_for_this_machine_or_by_permission() {
        let check = |text, allow| check_scheme(&Url::parse(text).expect("a URL"), allow);
        for text in
            ["https://example.com/", "http://127.0.0.1:5000/", "http://localhost/", "http://[::1]/"]
        {
            check(text, false).expect(text);
        }
        for text in ["http://example.com/", "http://127.0.0.1.example.com/", "http://10.0.0.1/"] {
            check(text, false).expect_err(text);
            check(text, true).expect(text);
        }
    }
}
