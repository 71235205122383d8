//! Adding a plugin to a project.
//!
//! The same questions are asked as before every later use, and their answers are
//! kept: the lock pins the bytes, who signed them and what they were granted. A new
//! version takes the place of the earlier one only when its signer is trusted anew
//! (the earlier one's key counts) and it wants no more than the earlier one was
//! granted; whatever it wants beyond that is granted again, by name.

use std::path::{Path, PathBuf};

use tidelake_core::config::is_plugin_name;
use tidelake_core::config::lock::{Lock, Locked};
use tidelake_core::plugin::PluginInfo;
use tidelake_core::{Error, Result};

use super::signature::{Key, signature_path};
use super::{Found, Origin, Rules, Vetted, grants, lock};
use crate::host::PluginHost;
use crate::text;

/// What is to be added, and what the operator says about it.
#[derive(Debug, Clone, Default)]
pub struct AddRequest {
    /// A path or `file://` URL.
    pub source: String,
    /// The plugin's name; default: the file's, without its ending.
    pub name: Option<String>,
    /// Public keys, or files that hold one, whose signature is enough.
    pub trust: Vec<String>,
    /// It may be without a signature.
    pub allow_unsigned: bool,
    /// Capabilities that it is granted.
    pub grants: Vec<String>,
}

/// What was added.
#[derive(Debug, Clone)]
pub struct Added {
    /// What it says about itself.
    pub info: PluginInfo,
    /// Its entry in the lock.
    pub locked: Locked,
    /// The entry that it took the place of.
    pub earlier: Option<Locked>,
    /// Its file in the project.
    pub path: PathBuf,
    /// Grants that it has no use for, and that were not kept.
    pub unused_grants: Vec<String>,
}

impl PluginHost {
    /// Adds a plugin to the project: checks it, copies it there, and pins it.
    pub fn add(&self, request: &AddRequest) -> Result<Added> {
        let Some(project) = self.project() else {
            return Err(Error::config("a plugin is added to a project, and there is none")
                .with_help("name the project's directory with -C DIR"));
        };
        let path = local(&request.source)?;
        // Its own name is known only when it runs, and before it runs it is checked
        // under some name: this one, and then its own.
        let guess = match &request.name {
            Some(name) => name.clone(),
            None => stem(&path),
        };
        if !is_plugin_name(&guess) {
            return Err(Error::input(format!("{:?} cannot be the name of a plugin", guess))
                .with_help("names are lower-case letters, digits and `-`"));
        }
        let known = lock::read(project)?;
        let found =
            |name: &str| Found { name: name.to_owned(), path: path.clone(), origin: Origin::File };
        let vetted = Vetted::read(&found(&guess), &self.rules_to_add(request, &known, &guess)?)?;
        let info = self.try_out(&vetted, request.name.as_deref())?;
        let name = info.name.clone();
        let rules = self.rules_to_add(request, &known, &name)?;
        let vetted = match name == guess {
            true => vetted,
            false => vetted.again(&found(&name), &rules)?,
        };

        let checked = vetted.checked();
        let wanted = grants::capabilities(checked.imports.iter().map(String::as_str));
        let locked = Locked {
            version: info.version.clone(),
            sha256: checked.digest.clone(),
            signer: checked.signer.clone(),
            source: request.source.clone(),
            grants: wanted.iter().cloned().collect(),
        };
        let kept = lock::plugin_path(project, &name, &locked.sha256, checked.runtime);
        let mut files = vec![(kept.clone(), vetted.bytes())];
        files.extend(vetted.signature().map(|text| (signature_path(&kept), text.as_bytes())));
        lock::keep(project, &files, |lock| {
            lock.plugins.insert(name.clone(), locked.clone());
        })?;
        let unused = |grant: &&String| !wanted.contains(&grants::name(grant));
        Ok(Added {
            info,
            locked,
            earlier: rules.earlier,
            path: kept,
            unused_grants: request.grants.iter().filter(unused).cloned().collect(),
        })
    }

    /// What holds for a plugin of this name while it is added.
    fn rules_to_add(&self, request: &AddRequest, known: &Lock, name: &str) -> Result<Rules> {
        let earlier = known.plugins.get(name).cloned();
        let mut rules = Rules::of(self.trust(), &self.config(name), None)?;
        for key in &request.trust {
            rules.keys.push(Key::read(key)?);
        }
        if let Some(earlier) = &earlier {
            rules.granted.extend(earlier.grants.iter().map(|grant| grants::name(grant)));
            if let Some(signer) = &earlier.signer {
                rules.keys.push(Key::parse(&signer.key)?);
            }
        }
        rules.unsigned |= request.allow_unsigned;
        rules.granted.extend(request.grants.iter().map(|grant| grants::name(grant)));
        Ok(Rules { adding: true, earlier, ..rules })
    }
}

/// The local path that a source names.
fn local(source: &str) -> Result<PathBuf> {
    match source.split_once("://") {
        None => Ok(PathBuf::from(source)),
        Some(("file", path)) if path.starts_with('/') => Ok(PathBuf::from(path)),
        Some(("file", _)) => Err(Error::input(format!("{source:?} names no local file"))
            .with_help("write file:/// and the path from the root, or the path alone")),
        Some((scheme, _)) => Err(Error::unsupported(format!(
            "this version does not fetch plugins from {}://",
            text::clean(scheme, 32)
        ))
        .with_help("download the .wasm file and its .minisig file, and add the file")),
    }
}

/// The name that a file's name suggests; one that every check can speak of.
pub(super) fn stem(path: &Path) -> String {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let name = stem.to_lowercase().replace('_', "-");
    if is_plugin_name(&name) { name } else { "plugin".to_owned() }
}
