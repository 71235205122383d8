//! Which version of a plugin is in use, and taking a new one.
//!
//! A plugin is loaded once. Whoever asks for it later gets the same, unless what it was
//! loaded from has changed since: its entry in the lock, its file, its signature. Then
//! the new one goes through all that the first had to go through, and takes its place;
//! if it may not run, the old one goes on, and why is logged and told.
//!
//! ```text
//! asked for ─▶ do lock and files look as before? ── yes ──▶ the plugin in use
//!                        │ no
//!                        ▼
//!              read, vetted: other bytes? ── no ──▶ the plugin in use
//!                        │ yes
//!                        ▼
//!              loaded, of the same kind? ── yes ──▶ the new one, from now on
//!                        │ no, or refused
//!                        ▼
//!              the plugin in use; not tried again before something changes
//! ```
//!
//! Looking costs three calls to the file system, when somebody asks and at no other
//! time. Work that has begun keeps its instance, and with it its version. What has to
//! be of one version all along asks through one view (`PluginHost::hold`).
//!
//! What was granted is looked at when a version is taken. Taking a grant back from one
//! that runs is not possible in this way: end the process.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use tidelake_core::config::lock::Locked;
use tidelake_core::plugin::PluginInfo;
use tidelake_core::{Error, Result};

use crate::host::{PluginHost, poisoned};
use crate::load::Loaded;
use crate::stats::Counters;
use crate::trust::{Found, lock, signature};

/// A plugin by its name: loaded once, by the first who asks; others wait for it,
/// and for it alone.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    /// Of the version in use, or of the one that did not load.
    counters: Mutex<Arc<Counters>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    current: Option<Current>,
    refused: Option<Refused>,
}

/// The version in use.
#[derive(Debug)]
struct Current {
    plugin: Loaded,
    /// `None`: it is not to be looked at again.
    from: Option<Seen>,
}

/// A version that was not taken.
#[derive(Debug)]
struct Refused {
    from: Seen,
    why: String,
}

/// What a version came from, and how that looked when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    lock: Look,
    path: PathBuf,
    file: Look,
    signature: Look,
    pinned: Option<Locked>,
}

/// How a file looks without being read: whoever replaces it changes one of these.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Look(Option<(Option<SystemTime>, u64, u64)>);

impl Look {
    fn at(path: &Path) -> Self {
        Self(std::fs::metadata(path).ok().map(|data| {
            #[cfg(unix)]
            let inode = std::os::unix::fs::MetadataExt::ino(&data);
            #[cfg(not(unix))]
            let inode = 0;
            (data.modified().ok(), data.len(), inode)
        }))
    }
}

impl Seen {
    fn look(host: &PluginHost, path: &Path, pinned: Option<Locked>) -> Self {
        Self {
            lock: host.project().map_or(Look(None), |project| Look::at(&lock::path(project))),
            path: path.to_owned(),
            file: Look::at(path),
            signature: Look::at(&signature::signature_path(path)),
            pinned,
        }
    }

    /// How the same looks now.
    fn again(&self, host: &PluginHost) -> Self {
        Self::look(host, &self.path, self.pinned.clone())
    }
}

impl Slot {
    /// A slot for a plugin that stays what it is.
    pub(crate) fn of(plugin: Loaded) -> Self {
        let counters = Mutex::new(plugin.counters());
        let current = Some(Current { plugin, from: None });
        Self { counters, state: Mutex::new(State { current, refused: None }) }
    }

    /// The numbers of the version in use.
    pub(crate) fn counters(&self) -> Arc<Counters> {
        self.counters.lock().map(|counters| Arc::clone(&counters)).unwrap_or_default()
    }

    /// Why the newest version is not in use.
    pub(crate) fn refused(&self) -> Option<String> {
        let state = self.state.lock().ok()?;
        state.refused.as_ref().map(|refused| refused.why.clone())
    }

    /// The plugin; loaded, or taken in a new version, if that is due. One that did not
    /// load at first is tried again the next time: its file may have been mended.
    pub(crate) fn plugin(&self, host: &PluginHost, name: &str) -> Result<Loaded> {
        let mut state = self.state.lock().map_err(|_| poisoned())?;
        let State { current, refused } = &mut *state;
        let Some(current) = current else {
            let (found, pinned) = host.find(name)?;
            let from = Seen::look(host, &found.path, pinned.clone());
            let vetted = host.vet(&found, &host.rules(name, pinned)?)?;
            let counters = self.counters();
            let plugin = host.load(&vetted, Some(name), &counters)?;
            host.books().open(plugin.info(), &counters);
            let from = Some(from);
            return Ok(state.current.insert(Current { plugin, from }).plugin.clone());
        };
        let Some(from) = &current.from else { return Ok(current.plugin.clone()) };
        let as_before = |from: &Seen| from.again(host) == *from;
        if as_before(from) || refused.as_ref().is_some_and(|refused| as_before(&refused.from)) {
            return Ok(current.plugin.clone());
        }
        let mut now = from.again(host);
        match self.newer(host, name, from, &mut now, current.plugin.info()) {
            Ok(None) => current.from = Some(now),
            Ok(Some(plugin)) => {
                let (old, new) = (current.plugin.info(), plugin.info());
                tracing::info!(
                    plugin = name,
                    from = old.digest,
                    to = new.digest,
                    version = new.version,
                    "a new version of a plugin is taken"
                );
                *current = Current { plugin, from: Some(now) };
            }
            Err(error) => {
                let why = error.to_string();
                tracing::warn!(plugin = name, %error,
                    "a new version of a plugin is refused; the one before it goes on");
                host.books().refused(name, Some(why.clone()));
                *refused = Some(Refused { from: now, why });
                return Ok(current.plugin.clone());
            }
        }
        if refused.take().is_some() {
            host.books().refused(name, None);
        }
        Ok(current.plugin.clone())
    }

    /// The plugin from what is there now; `None` when it is the same. `now` becomes
    /// what was looked at.
    fn newer(
        &self,
        host: &PluginHost,
        name: &str,
        before: &Seen,
        now: &mut Seen,
        old: &PluginInfo,
    ) -> Result<Option<Loaded>> {
        let (found, pinned): (Found, _) = host.find(name)?;
        *now = Seen::look(host, &found.path, pinned.clone());
        // Another plugin's entry changed.
        if (Seen { lock: before.lock.clone(), ..now.clone() }) == *before {
            return Ok(None);
        }
        let vetted = host.vet(&found, &host.rules(name, pinned)?)?;
        if vetted.checked().digest == old.digest {
            return Ok(None);
        }
        let counters = Arc::<Counters>::default();
        let plugin = host.load(&vetted, Some(name), &counters)?;
        if plugin.info().kind != old.kind {
            let (was, is) = (old.kind, plugin.info().kind);
            return Err(Error::config(format!("plugin `{name}` was a {was} and is now a {is}"))
                .with("path", found.path.display())
                .with_help("give the new one a name of its own"));
        }
        host.books().open(plugin.info(), &counters);
        *self.counters.lock().map_err(|_| poisoned())? = counters;
        Ok(Some(plugin))
    }

    /// The version in use cannot be replaced by the newest somewhere, and this is why.
    pub(crate) fn note(&self, host: &PluginHost, name: &str, why: String) {
        host.books().refused(name, Some(why.clone()));
        if let Ok(mut state) = self.state.lock()
            && let Some(from) = state.current.as_ref().and_then(|current| current.from.clone())
        {
            state.refused = Some(Refused { from, why });
        }
    }
}
