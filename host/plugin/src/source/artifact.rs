//! Artifacts of registries: how they are named, and what their manifests hold.
//!
//! The layout is that of WebAssembly's OCI artifacts: a config of the type
//! `application/vnd.wasm.config.v0+json`, one layer of the type `application/wasm`.
//! The signature, minisign's text as it is, stands in an annotation of the manifest:
//! the layer stays alone, as other tools want it, and the manifest's digest pins
//! plugin and signature at once.

use std::collections::BTreeMap;
use std::fmt;

use oci_client::Reference;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tidelake_core::{Error, Result};
use url::Url;

use crate::text;

/// The type of manifests.
pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Manifests that may turn out to be a plugin's.
pub(super) const ACCEPTED: &str = "application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.index.v1+json";
/// The type of the config.
pub(super) const CONFIG: &str = "application/vnd.wasm.config.v0+json";
/// The type of the layer.
pub(super) const LAYER: &str = "application/wasm";
/// The annotation that holds the signature.
pub(super) const SIGNATURE: &str = "dev.tidelake.minisig";

/// The name of an artifact: `oci://registry/repository:tag@sha256:...`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    registry: String,
    repository: String,
    tag: Option<String>,
    /// Of its manifest, with `sha256:` before it.
    digest: Option<String>,
}

impl Artifact {
    /// Reads a name. Without tag and digest it is the tag `latest`.
    pub fn parse(source: &str) -> Result<Self> {
        let wrong = |what: &str| {
            Error::input(format!("{:?} names no artifact: {what}", text::clean(source, 256)))
                .with_help("write oci://registry/repository:tag or ...@sha256:DIGEST")
        };
        let rest = source.strip_prefix("oci://").unwrap_or(source);
        let (registry, rest) =
            rest.split_once('/').ok_or_else(|| wrong("the repository is missing"))?;
        let (rest, digest) = match rest.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.to_owned())),
            None => (rest, None),
        };
        let (repository, tag) = match rest.rsplit_once(':') {
            Some((repository, tag)) => (repository, Some(tag.to_owned())),
            None => (rest, None),
        };
        let hex = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
        if let Some(digest) = &digest {
            let digits = digest.strip_prefix("sha256:").unwrap_or_default();
            if digits.len() != 64 || !digits.bytes().all(hex) {
                return Err(wrong("its digest is not sha256: and 64 hexadecimal digits"));
            }
        }
        let tag = tag.or_else(|| digest.is_none().then(|| "latest".to_owned()));
        // What registries allow in names is for their own library to say. It takes a
        // first part without a dot for a part of the repository, so it gets one.
        let shape = format!("r.example/{repository}:{}", tag.as_deref().unwrap_or("latest"));
        shape.parse::<Reference>().map_err(|error| wrong(&error.to_string()))?;
        let artifact =
            Self { registry: registry.into(), repository: repository.into(), tag, digest };
        let host = Url::parse(&format!("https://{registry}/"));
        let plain = |c: char| c.is_ascii_alphanumeric() || "-.:[]".contains(c);
        match host.is_ok() && registry.chars().all(plain) {
            true => Ok(artifact),
            false => Err(wrong("the registry is no host")),
        }
    }

    /// The last part of the repository's name.
    pub(super) fn name(&self) -> &str {
        self.repository.rsplit('/').next().unwrap_or_default()
    }

    pub(super) fn registry(&self) -> &str {
        &self.registry
    }

    pub(super) fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// The same, in exactly this state.
    pub(super) fn at(&self, digest: String) -> Self {
        Self { digest: Some(digest), ..self.clone() }
    }

    /// Whatever is under its tag now, if it has one.
    pub(crate) fn newest(&self) -> Self {
        Self { digest: self.digest.clone().filter(|_| self.tag.is_none()), ..self.clone() }
    }

    /// Where its manifest is.
    pub(super) fn manifest_url(&self, scheme: &str) -> Result<Url> {
        let of = self.digest.as_deref().or(self.tag.as_deref()).unwrap_or("latest");
        self.url(scheme, &format!("manifests/{of}"))
    }

    /// Where a blob of its repository is.
    pub(super) fn blob_url(&self, scheme: &str, digest: &str) -> Result<Url> {
        self.url(scheme, &format!("blobs/{digest}"))
    }

    /// Where its registry is.
    pub(super) fn base(&self, scheme: &str) -> Result<Url> {
        let text = format!("{scheme}://{}/v2/", self.registry);
        Url::parse(&text).map_err(|error| {
            Error::input("the registry is no host").with("address", &text).with_source(error)
        })
    }

    fn url(&self, scheme: &str, rest: &str) -> Result<Url> {
        let url = self.base(scheme)?.join(&format!("{}/{rest}", self.repository));
        url.map_err(|error| Error::input("the artifact has no address").with_source(error))
    }

    /// As the library of registries has it.
    pub(super) fn reference(&self) -> Reference {
        let (registry, repository) = (self.registry.clone(), self.repository.clone());
        match (&self.tag, &self.digest) {
            (Some(tag), _) => Reference::with_tag(registry, repository, tag.clone()),
            (None, Some(digest)) => Reference::with_digest(registry, repository, digest.clone()),
            (None, None) => Reference::with_tag(registry, repository, "latest".to_owned()),
        }
    }
}

impl fmt::Display for Artifact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "oci://{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

/// What we read of manifests, and all that ours have.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Manifest {
    schema_version: u32,
    media_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<String>,
    config: Option<Blob>,
    #[serde(default)]
    layers: Vec<Blob>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

/// A blob that a manifest names.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Blob {
    pub(super) media_type: String,
    pub(super) digest: String,
    pub(super) size: u64,
}

impl Blob {
    pub(super) fn of(media_type: &str, bytes: &[u8]) -> Self {
        let digest = format!("sha256:{}", crate::trust::digest(bytes));
        Self { media_type: media_type.to_owned(), digest, size: bytes.len() as u64 }
    }
}

impl Manifest {
    /// The manifest of a plugin.
    pub(super) fn of(config: Blob, layer: Blob, title: &str, signature: Option<String>) -> Self {
        let title = ("org.opencontainers.image.title".to_owned(), title.to_owned());
        let signature = signature.map(|text| (SIGNATURE.to_owned(), text));
        Self {
            schema_version: 2,
            media_type: Some(MANIFEST.to_owned()),
            artifact_type: Some(CONFIG.to_owned()),
            config: Some(config),
            layers: vec![layer],
            annotations: [Some(title), signature].into_iter().flatten().collect(),
        }
    }

    /// The plugin that it names, and its signature; else what it is instead.
    pub(super) fn plugin(mut self) -> Result<(Blob, Option<String>), String> {
        let signature = self.annotations.remove(SIGNATURE);
        let (mut ours, others): (Vec<_>, Vec<_>) =
            self.layers.into_iter().partition(|layer| layer.media_type == LAYER);
        match (ours.pop(), ours.is_empty()) {
            (Some(layer), true) => Ok((layer, signature)),
            (Some(_), false) => Err("it has several components".to_owned()),
            (None, _) => {
                let mut types: Vec<String> =
                    others.iter().map(|layer| text::clean(&layer.media_type, 128)).collect();
                types.dedup();
                types.truncate(4);
                Err(match types.is_empty() {
                    true => "it has no layers".to_owned(),
                    false => format!("its layers are {}", types.join(", ")),
                })
            }
        }
    }
}

/// The config of a component: what it needs and offers, as far as its file says.
pub(super) fn config(layer: &Blob, imports: &[String], exports: &[String]) -> Value {
    json!({
        "architecture": "wasm",
        "os": "wasip2",
        "layerDigests": [layer.digest],
        "component": { "imports": imports, "exports": exports },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written_alike() {
        let digest = format!("sha256:{}", "0123456789abcdef".repeat(4));
        for (text, whole) in [
            ("oci://r.example/a/b:1.0", "oci://r.example/a/b:1.0".to_owned()),
            ("oci://localhost:5000/spread", "oci://localhost:5000/spread:latest".to_owned()),
            ("oci://[::1]:5000/a/b", "oci://[::1]:5000/a/b:latest".to_owned()),
            (&format!("oci://r.example/a@{digest}"), format!("oci://r.example/a@{digest}")),
            (&format!("oci://r/a:2@{digest}"), format!("oci://r/a:2@{digest}")),
        ] {
            assert_eq!(Artifact::parse(text).expect(text).to_string(), whole);
        }
        for text in [
            "oci://spread",
            "oci:///spread",
            "oci://r.example/",
            "oci://r.example/A:1",
            "oci://r.example/a:",
            "oci://r.example/a@sha256:12",
            "oci://me:secret@r.example/a",
            "oci://r.example/../../x",
            "oci://r.example?/x",
        ] {
            Artifact::parse(text).expect_err(text);
        }
    }

    #[test]
    fn an_update_takes_the_tag_and_not_the_digest() {
        let digest = format!("sha256:{}", "0".repeat(64));
        let newest = |text: &str| Artifact::parse(text).expect(text).newest().to_string();
        assert_eq!(newest(&format!("oci://r.example/a:1@{digest}")), "oci://r.example/a:1");
        let pinned = format!("oci://r.example/a@{digest}");
        assert_eq!(newest(&pinned), pinned);
    }

    #[test]
    fn what_is_no_plugin_says_what_it_is() {
        let read = |text: Value| serde_json::from_value::<Manifest>(text).expect("manifest");
        let layer = |kind: &str| json!({ "mediaType": kind, "digest": "sha256:00", "size": 1 });
        let of = |layers: Value| read(json!({ "schemaVersion": 2, "layers": layers })).plugin();
        of(json!([layer(LAYER)])).expect("a plugin");
        let other = of(json!([layer("application/vnd.oci.image.layer.v1.tar+gzip")]));
        assert!(other.expect_err("an image").contains("tar+gzip"));
        of(json!([layer(LAYER), layer(LAYER)])).expect_err("two");
        of(json!([])).expect_err("none");
    }
}
