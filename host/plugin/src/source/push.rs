//! The way to a registry, for whoever publishes a plugin.

use std::path::{Path, PathBuf};

use oci_client::RegistryOperation;
use reqwest::header::HeaderValue;
use tidelake_core::{Error, Result};

use super::artifact::{Artifact, Blob, CONFIG, LAYER, MANIFEST, Manifest, config};
use super::registry::{Registry, failure};
use super::web::block_on;
use super::{Source, silent};
use crate::load::inspect;
use crate::trust;
use crate::trust::signature::{self, Verdict};

/// What is to be published.
#[derive(Debug, Clone, Default)]
pub struct PushRequest {
    /// The plugin; its signature is beside it.
    pub file: PathBuf,
    /// Where to: `oci://registry/repository:tag`.
    pub target: String,
    /// It may go without a signature.
    pub allow_unsigned: bool,
    /// Without encryption to another machine, too.
    pub allow_http: bool,
}

/// What was published.
#[derive(Debug, Clone)]
pub struct Pushed {
    /// Where it is to be had, with its digest.
    pub source: String,
    /// SHA-256 of the component, in hex.
    pub sha256: String,
    /// The id of the key that it is signed with.
    pub signer: Option<String>,
}

/// Publishes a plugin with its signature. Whoever adds it from there decides whether
/// the signer is to be trusted; here it is only seen that it is for this file.
pub fn push(request: &PushRequest) -> Result<Pushed> {
    let artifact = Artifact::parse(&request.target)?;
    if artifact.digest().is_some() {
        return Err(Error::input("what is pushed cannot have a digest yet")
            .with("target", &artifact)
            .with_help("name it with a tag"));
    }
    let path = &request.file;
    let fetched = Source::File(path.clone()).fetch(false, &silent)?;
    let name = trust::add::stem(path);
    let looked = inspect::inspect(&name, path, &fetched.bytes)?;
    let sha256 = trust::digest(&fetched.bytes);
    let signer = signed(path, &fetched.bytes, fetched.signature.as_deref(), &sha256)?;
    if signer.is_none() && !request.allow_unsigned {
        return Err(Error::input("the plugin is not signed")
            .with("file", path.display())
            .with_help("sign it with `tidelake plugin sign`, or push it with --allow-unsigned"));
    }

    let layer = Blob::of(LAYER, &fetched.bytes);
    let exports = ["meta".to_owned(), looked.kind.to_string()];
    let exports = exports.map(|name| format!("tidelake:plugin/{name}@{}", looked.version));
    let config = config(&layer, &looked.imports, &exports).to_string().into_bytes();
    let (config_blob, title) = (Blob::of(CONFIG, &config), format!("{name}.wasm"));
    let manifest = Manifest::of(config_blob.clone(), layer.clone(), &title, fetched.signature);
    let manifest = serde_json::to_vec(&manifest)
        .map_err(|error| Error::internal("a manifest cannot be written").with_source(error))?;
    let digest = format!("sha256:{}", trust::digest(&manifest));

    block_on(async {
        let operation = RegistryOperation::Push;
        let registry = Registry::open(&artifact, request.allow_http, operation).await?;
        let (client, reference) = (&registry.client, artifact.reference());
        let failed = |error| failure(error, &artifact);
        client.push_blob(&reference, fetched.bytes, &layer.digest).await.map_err(failed)?;
        client.push_blob(&reference, config, &config_blob.digest).await.map_err(failed)?;
        // The manifest last: whoever sees it finds all that it names.
        let kind = HeaderValue::from_static(MANIFEST);
        client.push_manifest_raw(&reference, manifest, kind).await.map_err(failed)?;
        Ok(())
    })?;
    Ok(Pushed { source: artifact.at(digest).to_string(), sha256, signer })
}

/// The id of the key in a signature that is for these bytes, as far as can be seen
/// without the key.
fn signed(path: &Path, bytes: &[u8], text: Option<&str>, sha256: &str) -> Result<Option<String>> {
    let refuse = |what: &str| {
        Error::input(what).with("file", path.display()).with_help(format!(
            "sign it again: `tidelake plugin sign {} --key ...`",
            path.display()
        ))
    };
    match signature::verify(bytes, text, &[]) {
        Verdict::Unsigned => Ok(None),
        Verdict::Bad { what } => Err(refuse(&format!("the plugin cannot be pushed: {what}"))),
        Verdict::Signed { signer, .. } => Ok(Some(signer.id)),
        Verdict::Stranger { id } => {
            // `plugin sign` writes the digest into what it signs.
            let said = text.and_then(|text| text.rsplit_once("sha256:")?.1.get(..64));
            match said.is_some_and(|said| said != sha256) {
                true => Err(refuse("the plugin was built anew since it was signed")),
                false => Ok(Some(id)),
            }
        }
    }
}
