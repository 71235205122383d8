//! Plugins from registries.
//!
//! Who we are is agreed upon by `oci-client`. Manifest and blob are fetched by the same
//! downloads as everything else, so that the same bounds hold for them, and each is
//! compared with the digest that names it: the manifest with the one that was asked
//! for, the component with the one in the manifest.

use std::time::Duration;

use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::errors::{OciDistributionError, OciErrorCode};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, RegistryOperation};
use reqwest::StatusCode;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue};
use tidelake_core::{Error, Result};
use url::Url;

use super::artifact::{ACCEPTED, Artifact, LAYER, Manifest};
use super::credentials::{self, PASSWORD, USER};
use super::web::{Miss, Web, block_on, prepare_tls};
use super::{Fetched, Progress, is_loopback, silent};
use crate::load::LARGEST;
use crate::{text, trust};

/// The longest manifest, as registries have it.
const MANIFEST_LIMIT: u64 = 4 << 20;
const CONNECT: Duration = Duration::from_secs(10);
const STALL: Duration = Duration::from_secs(30);

/// A registry, once it is agreed upon who we are.
pub(super) struct Registry {
    pub(super) client: Client,
    pub(super) artifact: Artifact,
    scheme: &'static str,
    headers: HeaderMap,
}

/// Plain HTTP to this machine, and to any other when the operator says so.
fn scheme(artifact: &Artifact, allow_http: bool) -> Result<&'static str> {
    let loopback = is_loopback(&artifact.base("http")?);
    Ok(if allow_http || loopback { "http" } else { "https" })
}

impl Registry {
    /// Introduces us.
    pub(super) async fn open(
        artifact: &Artifact,
        allow_http: bool,
        operation: RegistryOperation,
    ) -> Result<Self> {
        prepare_tls();
        let scheme = scheme(artifact, allow_http)?;
        let protocol = match scheme {
            "http" => ClientProtocol::Http,
            _ => ClientProtocol::Https,
        };
        let config = ClientConfig {
            protocol,
            connect_timeout: Some(CONNECT),
            read_timeout: Some(STALL),
            user_agent: concat!("tidelake/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        };
        let failed = |error| failure(error, artifact);
        let client = Client::try_from(config).map_err(failed)?;
        let auth = credentials::of(artifact.registry());
        let reference = artifact.reference();
        let token = tokio::time::timeout(STALL, client.auth(&reference, &auth, operation))
            .await
            .map_err(|_| unavailable(artifact, "the registry did not answer in time"))?;
        let mut headers = HeaderMap::new();
        if let Some(value) = authorization(token.map_err(failed)?, &auth) {
            let mut value = HeaderValue::from_str(&value).map_err(|error| {
                Error::config("the registry's user or password cannot be sent").with_source(error)
            })?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        Ok(Self { client, artifact: artifact.clone(), scheme, headers })
    }

    /// The manifest and its digest.
    async fn manifest(&self, web: &Web) -> Result<(Manifest, String)> {
        let url = self.artifact.manifest_url(self.scheme)?;
        let mut headers = self.headers.clone();
        headers.insert(ACCEPT, HeaderValue::from_static(ACCEPTED));
        let answer = web.get(&url, headers, MANIFEST_LIMIT, &silent).await;
        let answer = answer.map_err(|miss| self.missed(miss, &url))?;
        let digest = format!("sha256:{}", trust::digest(&answer.bytes));
        if let Some(wanted) = self.artifact.digest().filter(|wanted| *wanted != digest) {
            return Err(self.changed("the manifest", wanted, &digest));
        }
        let refuse = |what: &str| {
            Error::plugin(format!("the artifact is no plugin: {what}"))
                .with("source", &self.artifact)
                .with_help("plugins are pushed with `tidelake plugin push`")
        };
        if answer.content_type.contains("index") {
            return Err(refuse("it is a list of images"));
        }
        let manifest = serde_json::from_slice(&answer.bytes)
            .map_err(|error| refuse("its manifest cannot be read").with_source(error))?;
        Ok((manifest, digest))
    }

    fn missed(&self, miss: Miss, url: &Url) -> Error {
        match miss {
            Miss::Status(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                denied(&self.artifact, self.headers.contains_key(AUTHORIZATION))
            }
            Miss::Status(StatusCode::NOT_FOUND) => {
                Error::not_found("the registry has no such artifact")
                    .with("source", &self.artifact)
                    .with_help("check repository, tag and digest")
            }
            other => other.into_error(url).with("source", &self.artifact),
        }
    }

    fn changed(&self, what: &str, wanted: &str, found: &str) -> Error {
        Error::plugin(format!("{what} is not the one that is named by its digest"))
            .with("source", &self.artifact)
            .with("wanted", text::clean(wanted, 128))
            .with("found", found)
            .with_help("do not use it: the registry, or somebody on the way, changed it")
    }
}

/// What a request says about us.
fn authorization(token: Option<String>, auth: &RegistryAuth) -> Option<String> {
    use base64::Engine as _;
    match (token, auth) {
        (Some(token), _) => Some(format!("Bearer {token}")),
        (None, RegistryAuth::Basic(user, password)) => {
            let pair = base64::engine::general_purpose::STANDARD
                .encode(format!("{user}:{password}").as_bytes());
            Some(format!("Basic {pair}"))
        }
        (None, _) => None,
    }
}

fn unavailable(artifact: &Artifact, what: &str) -> Error {
    Error::unavailable(what).with("source", artifact).with_help("try again later")
}

fn denied(artifact: &Artifact, known: bool) -> Error {
    let registry = artifact.registry();
    let (what, help) = match known {
        true => (
            "the registry refuses these credentials, or what they may do",
            format!("check {USER} and {PASSWORD}, or `docker login {registry}` again"),
        ),
        false => (
            "the registry wants to know who we are",
            format!("set {USER} and {PASSWORD}, or `docker login {registry}`"),
        ),
    };
    Error::config(what).with("source", artifact).with_help(help)
}

/// What the library of registries says, for the person who must act.
pub(super) fn failure(error: OciDistributionError, artifact: &Artifact) -> Error {
    use OciDistributionError as E;
    let known = credentials::of(artifact.registry()) != RegistryAuth::Anonymous;
    match &error {
        E::UnauthorizedError { .. } | E::AuthenticationFailure(_) => denied(artifact, known),
        E::ServerError { code: 401 | 403, .. } => denied(artifact, known),
        E::RegistryError { envelope, .. }
            if envelope
                .errors
                .iter()
                .any(|e| matches!(e.code, OciErrorCode::Denied | OciErrorCode::Unauthorized)) =>
        {
            denied(artifact, known)
        }
        E::RequestError(e) if e.is_connect() || e.is_timeout() => {
            unavailable(artifact, "the registry cannot be reached")
                .with_source(text::clean(&error.to_string(), 512))
        }
        _ => unavailable(artifact, "the registry gave no proper answer")
            .with_source(text::clean(&error.to_string(), 512)),
    }
}

/// Gets a plugin and its signature from a registry.
pub(super) fn pull(
    artifact: &Artifact,
    allow_http: bool,
    progress: Progress<'_>,
) -> Result<Fetched> {
    let web = Web::new(&artifact.base(scheme(artifact, allow_http)?)?, allow_http)?;
    block_on(async {
        let registry = Registry::open(artifact, allow_http, RegistryOperation::Pull).await?;
        let (manifest, digest) = registry.manifest(&web).await?;
        let (layer, signature) = manifest.plugin().map_err(|what| {
            Error::plugin(format!("the artifact is no plugin: {what}"))
                .with("source", artifact)
                .with_help(format!("a plugin has one layer of the type {LAYER}"))
        })?;
        if layer.size > LARGEST {
            return Err(Error::plugin(format!(
                "{} is more than a plugin may have ({})",
                text::bytes(layer.size),
                text::bytes(LARGEST)
            ))
            .with("source", artifact)
            .with_help("get a smaller build from its author"));
        }
        let url = artifact.blob_url(registry.scheme, &layer.digest)?;
        let answer = web.get(&url, registry.headers.clone(), LARGEST, progress).await;
        let bytes = answer.map_err(|miss| registry.missed(miss, &url))?.bytes;
        let found = format!("sha256:{}", trust::digest(&bytes));
        if found != layer.digest {
            return Err(registry.changed("the component", &layer.digest, &found));
        }
        Ok(Fetched { bytes, signature, pinned: artifact.at(digest).to_string() })
    })
}
