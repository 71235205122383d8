//! Adding a plugin to a project.
//!
//! The same questions are asked as before every later use, and their answers are
//! kept: the lock pins the bytes, who signed them and what they were granted. A new
//! version takes the place of the earlier one only when its signer is trusted anew
//! (the earlier one's key counts) and it wants no more than the earlier one was
//! granted; whatever it wants beyond that is granted again, by name.
//!
//! The lock pins the file's digest, wherever it came from, and the source as exactly as
//! it can be named: of an artifact, with the digest of its manifest. Naming an added
//! plugin instead of a source gets it again from there, in its newest version: of an
//! artifact, whatever is under its tag now.

use std::path::{Path, PathBuf};

use tidelake_core::config::is_plugin_name;
use tidelake_core::config::lock::{Lock, Locked};
use tidelake_core::plugin::PluginInfo;
use tidelake_core::{Error, Result};

use super::signature::{Key, signature_path};
use super::{Found, Origin, Rules, Vetted, digest, grants, lock};
use crate::host::PluginHost;
use crate::source::{Progress, Source};

/// What is to be added, and what the operator says about it.
#[derive(Debug, Clone, Default)]
pub struct AddRequest {
    /// A path, a URL (`file`, `https`, `http`), an artifact (`oci`), or the name of a
    /// plugin that was added, to take its newest version.
    pub source: String,
    /// The plugin's name; default: the file's, without its ending.
    pub name: Option<String>,
    /// Public keys, or files that hold one, whose signature is enough.
    pub trust: Vec<String>,
    /// It may be without a signature.
    pub allow_unsigned: bool,
    /// Capabilities that it is granted.
    pub grants: Vec<String>,
    /// SHA-256 that its file must have, in hex.
    pub sha256: Option<String>,
    /// It may come from another machine without encryption.
    pub allow_http: bool,
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
    /// Adds a plugin to the project: gets it, checks it, keeps it there, and pins it.
    pub fn add(&self, request: &AddRequest, progress: Progress<'_>) -> Result<Added> {
        let Some(project) = self.project() else {
            return Err(Error::config("a plugin is added to a project, and there is none")
                .with_help("name the project's directory with -C DIR"));
        };
        let known = lock::read(project)?;
        let request = &request.resolved(&known);
        let source = Source::parse(&request.source)?;
        // Its own name is known only when it runs, and before it runs it is checked
        // under some name: this one, and then its own.
        let guess = match &request.name {
            Some(name) => name.clone(),
            None => source.stem(),
        };
        if !is_plugin_name(&guess) {
            return Err(Error::input(format!("{:?} cannot be the name of a plugin", guess))
                .with_help("names are lower-case letters, digits and `-`"));
        }
        let fetched = source.fetch(request.allow_http, progress)?;
        request.expected(&fetched.bytes)?;
        // Files are called what they were called when they were added.
        let pinned = match source {
            Source::File(_) => request.source.clone(),
            _ => fetched.pinned,
        };
        let path = PathBuf::from(source.to_string());
        let found =
            |name: &str| Found { name: name.to_owned(), path: path.clone(), origin: Origin::File };
        let rules = self.rules_to_add(request, &known, &guess)?;
        let vetted = Vetted::of(&found(&guess), &rules, fetched.bytes, fetched.signature)?;
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
            source: pinned,
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

impl AddRequest {
    /// The same, with the source of an added plugin in place of its name.
    fn resolved(&self, known: &Lock) -> Self {
        let added = known.plugins.get(&self.source).filter(|_| !Path::new(&self.source).exists());
        let Some(added) = added else { return self.clone() };
        let source = match Source::parse(&added.source) {
            Ok(Source::Registry(artifact)) => artifact.newest().to_string(),
            _ => added.source.clone(),
        };
        let name = self.name.clone().unwrap_or_else(|| self.source.clone());
        Self { source, name: Some(name), ..self.clone() }
    }

    /// The bytes are those that were announced.
    fn expected(&self, bytes: &[u8]) -> Result<()> {
        let Some(wanted) = self.sha256.as_ref().map(|text| text.to_ascii_lowercase()) else {
            return Ok(());
        };
        let found = digest(bytes);
        if wanted == found {
            return Ok(());
        }
        Err(Error::plugin("the file is not the one whose sha256 was given")
            .with("source", &self.source)
            .with("wanted sha256", wanted)
            .with("found sha256", found)
            .with_help("do not use it before you know which of the two is wrong"))
    }
}

/// The name that a file's name suggests; one that every check can speak of.
pub(crate) fn stem(path: &Path) -> String {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let name = stem.to_lowercase().replace('_', "-");
    if is_plugin_name(&name) { name } else { "plugin".to_owned() }
}
