//! What can be said about a plugin: one in detail, all of them in a line each.
//!
//! Looking at a file runs none of it. Name, version and options are what the plugin
//! answers when it is asked, so they are shown of plugins that may run, and of the
//! others the reason why they may not.

use std::path::{Path, PathBuf};

use tidelake_core::Result;
use tidelake_core::config::lock::Signer;
use tidelake_core::config::{PluginConfig, Runtime};
use tidelake_core::plugin::{PluginInfo, PluginKind};

use super::signature::{self, Key, Verdict};
use super::{Found, Origin, Rules, Vetted, grants};
use crate::books::KeptStats;
use crate::host::PluginHost;
use crate::load::{self, inspect};
use crate::options::{OptionInfo, list};
use crate::source::{Progress, Source};
use crate::text;

/// What is to be looked at, and under which conditions it may be asked about itself.
#[derive(Debug, Clone, Default)]
pub struct InspectRequest {
    /// The name of a plugin of the project or the installation, or a source.
    pub target: String,
    /// Public keys, or files that hold one, whose signature is enough.
    pub trust: Vec<String>,
    /// It may be asked although nobody signed it.
    pub allow_unsigned: bool,
    /// Capabilities that it is granted.
    pub grants: Vec<String>,
    /// It may come from another machine without encryption.
    pub allow_http: bool,
}

/// All that is known about one plugin file.
#[derive(Debug)]
pub struct PluginReport {
    /// The file.
    pub path: PathBuf,
    /// Where it comes from.
    pub origin: Origin,
    /// Its size in bytes.
    pub size: u64,
    /// SHA-256, in hex.
    pub sha256: String,
    /// Its world.
    pub kind: PluginKind,
    /// What it runs in.
    pub runtime: Runtime,
    /// Version of `tidelake:plugin` that it was built for, or of the native interface.
    pub interface: String,
    /// All that it imports.
    pub imports: Vec<Import>,
    /// What its signature is worth.
    pub signature: Verdict,
    /// What it says about itself, or why it was not asked.
    pub info: Result<PluginInfo>,
    /// Its options.
    pub options: Vec<OptionInfo>,
}

/// One import of a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// The interface, with its version.
    pub name: String,
    /// The capability that it is; `None`: it needs no grant.
    pub capability: Option<String>,
    /// It was granted, or needs no grant.
    pub granted: bool,
}

/// A plugin in a list.
#[derive(Debug)]
pub struct Overview {
    /// Its name.
    pub name: String,
    /// Where it comes from; `None` when there is no file.
    pub origin: Option<Origin>,
    /// Its file.
    pub path: Option<PathBuf>,
    /// Who signed it.
    pub signer: Option<Signer>,
    /// What it was granted.
    pub grants: Vec<String>,
    /// What it says about itself, or why it cannot be used.
    pub info: Result<PluginInfo>,
    /// Capabilities that one of the installation imports and was not granted: it is fine,
    /// and only not in use.
    pub lacks: Vec<String>,
    /// What it did in this project, in all processes together, as far as it was kept.
    pub stats: Option<KeptStats>,
    /// What other versions of it did, those that worked last at the end.
    pub earlier: Vec<KeptStats>,
    /// Why a process that runs, or ran, did not take its newest version.
    pub refused: Option<String>,
}

impl PluginHost {
    /// Looks at one plugin.
    pub fn inspect(
        &self,
        request: &InspectRequest,
        progress: Progress<'_>,
    ) -> Result<PluginReport> {
        let target = &request.target;
        let is_file =
            target.ends_with(".wasm") || target.ends_with(".so") || target.contains(['/', '\\']);
        let is_file = is_file || Path::new(target).is_file();
        let source = if is_file { Some(Source::parse(target)?) } else { None };
        let (found, mut rules) = match &source {
            Some(source) => {
                let path = PathBuf::from(source.to_string());
                let found = Found { name: source.stem(), path, origin: Origin::File };
                // What the configuration says of a plugin of that name is not said of
                // any file that is called so.
                (found, Rules::of(self.trust(), &PluginConfig::default(), None)?)
            }
            None => {
                let (found, pinned) = self.find(target)?;
                let rules = self.rules(target, pinned)?;
                (found, rules)
            }
        };
        for key in &request.trust {
            rules.keys.push(Key::read(key)?);
        }
        rules.unsigned |= request.allow_unsigned;
        rules.granted.extend(request.grants.iter().map(|grant| grants::name(grant)));

        let (bytes, signed) = match &source {
            Some(source) => {
                let fetched = source.fetch(request.allow_http, progress)?;
                (fetched.bytes, fetched.signature)
            }
            None => (load::read(&found, None, |_| ())?.bytes, signature::beside(&found.path)?),
        };
        let looked = inspect::inspect(&found.name, &found.path, &bytes)?;
        let import = |import: &String| {
            let capability = grants::capability(import);
            let granted = capability.as_ref().is_none_or(|c| rules.granted.contains(c));
            Import {
                name: text::clean(import, 256),
                capability: capability.map(|c| text::clean(&c, 256)),
                granted,
            }
        };
        let size = bytes.len() as u64;
        let sha256 = super::digest(&bytes);
        let signature = signature::verify(&bytes, signed.as_deref(), &rules.keys);
        let info = self.ask(&found, &rules, bytes, signed, is_file);
        Ok(PluginReport {
            size,
            sha256,
            kind: looked.kind,
            runtime: looked.runtime,
            interface: text::clean(&looked.version, 64),
            imports: looked.imports.iter().map(import).collect(),
            signature,
            options: info.as_ref().map(|info| list(&info.options)).unwrap_or_default(),
            info,
            path: found.path,
            origin: found.origin,
        })
    }

    /// Asks a plugin what it is, if it may run.
    fn ask(
        &self,
        found: &Found,
        rules: &Rules,
        bytes: Vec<u8>,
        signature: Option<String>,
        any_name: bool,
    ) -> Result<PluginInfo> {
        let vetted = Vetted::of(found, rules, bytes, signature)?;
        self.try_out(&vetted, Some(found.name.as_str()).filter(|_| !any_name))
    }

    /// All plugins that are configured, added or installed. Loads those that may run.
    pub fn overview(&self) -> Vec<Overview> {
        let kept = self.kept_stats();
        let row = |(name, info): (String, Result<PluginInfo>)| {
            let found = self.find(&name);
            let (found, pinned) = match found {
                Ok((found, pinned)) => (Some(found), pinned),
                Err(_) => (None, None),
            };
            let signer = match &info {
                Ok(_) => self.plugin(&name).ok().and_then(|plugin| plugin.signer().cloned()),
                Err(_) => pinned.as_ref().and_then(|pinned| pinned.signer.clone()),
            };
            let rules = self.rules(&name, pinned).unwrap_or_default();
            let digest = info.as_ref().ok().map(|info| info.digest.clone()).unwrap_or_default();
            let of_it = kept.plugins.iter().filter(|kept| kept.name == name).cloned();
            let (mut stats, earlier): (Vec<_>, _) = of_it.partition(|kept| kept.digest == digest);
            let lacks = match (&info, &found) {
                (Err(_), Some(found)) if found.origin == Origin::Installed => {
                    lacks(found, &rules).unwrap_or_default()
                }
                _ => Vec::new(),
            };
            Overview {
                lacks,
                stats: stats.pop(),
                earlier,
                refused: kept.refused.get(&name).map(|why| text::message(why)),
                origin: found.as_ref().map(|found| found.origin),
                path: found.map(|found| found.path),
                grants: rules.granted.into_iter().collect(),
                name,
                signer,
                info,
            }
        };
        self.list().into_iter().map(row).collect()
    }
}

/// The capabilities that a file imports beyond what it was granted.
fn lacks(found: &Found, rules: &Rules) -> Result<Vec<String>> {
    let bytes = load::read(found, None, |_| ())?.bytes;
    let looked = inspect::inspect(&found.name, &found.path, &bytes)?;
    Ok(grants::capabilities(grants::ungranted(&looked.imports, &rules.granted))
        .into_iter()
        .collect())
}
