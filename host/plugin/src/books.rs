//! What plugins did, beyond the life of a process.
//!
//! ```text
//! .tidelake/plugin-stats.json
//! { "version": 1,
//!   "plugins": [ { "name": "spread", "digest": "…", "calls": 12, … } ],
//!   "refused": { "spread": "why its new version was not taken" } }
//! ```
//!
//! An entry belongs to a name and a digest, so a new version starts anew. Each process
//! adds what its plugins did since it last wrote: when a piece of work has ended, and
//! when it ends itself. Two that do so at once wait for each other; the file is
//! replaced as a whole, so that whoever is killed leaves the old one or the new one.
//!
//! Numbers are not worth a failed run. A file that cannot be read is put aside with a
//! warning, one that cannot be written is tried again the next time.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tidelake_core::plugin::PluginInfo;

use crate::files::{Durability, replace};
use crate::stats::{Counters, PluginStats};

/// The shape that this version reads and writes.
const VERSION: u64 = 1;
/// Versions of one plugin that are remembered.
const VERSIONS: usize = 16;
/// How long another process is waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// What one version of a plugin did in a project, in all processes together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeptStats {
    /// The plugin's name.
    pub name: String,
    /// SHA-256 of its file, in hex.
    pub digest: String,
    /// What it said its version is.
    pub version: String,
    /// Calls into it.
    pub calls: u64,
    /// Rows handed to it.
    pub rows_in: u64,
    /// Rows that it emitted.
    pub rows_out: u64,
    /// Bytes that crossed into it.
    pub bytes_in: u64,
    /// Bytes that crossed out of it.
    pub bytes_out: u64,
    /// Calls that trapped.
    pub traps: u64,
    /// Instances made.
    pub instances: u64,
    /// Processor time inside calls, in nanoseconds.
    pub cpu_nanos: u64,
    /// Time inside calls by the clock, in nanoseconds.
    pub busy_nanos: u64,
    /// The most linear memory that one instance had, in bytes.
    pub peak_memory: u64,
}

/// All that a project remembers of its plugins' work.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Kept {
    version: u64,
    /// By version of a plugin, those that worked last at the end.
    pub plugins: Vec<KeptStats>,
    /// Why a running process did not take the newest version of a plugin, by name.
    pub refused: BTreeMap<String, String>,
}

impl Kept {
    /// What a version of a plugin did.
    pub fn of(&self, name: &str, digest: &str) -> Option<&KeptStats> {
        self.plugins.iter().find(|kept| kept.name == name && kept.digest == digest)
    }

    /// Adds what was done.
    fn add(&mut self, version: &Version, new: &PluginStats, old: &PluginStats) {
        let known = self
            .plugins
            .iter()
            .position(|kept| kept.name == version.name && kept.digest == version.digest);
        let mut kept = match known {
            Some(at) => self.plugins.remove(at),
            None => KeptStats {
                name: version.name.clone(),
                digest: version.digest.clone(),
                ..KeptStats::default()
            },
        };
        kept.version.clone_from(&version.version);
        let add = |sum: &mut u64, new: u64, old: u64| {
            *sum = sum.saturating_add(new.saturating_sub(old));
        };
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        add(&mut kept.calls, new.calls, old.calls);
        add(&mut kept.rows_in, new.rows_in, old.rows_in);
        add(&mut kept.rows_out, new.rows_out, old.rows_out);
        add(&mut kept.bytes_in, new.bytes_in, old.bytes_in);
        add(&mut kept.bytes_out, new.bytes_out, old.bytes_out);
        add(&mut kept.traps, new.traps, old.traps);
        add(&mut kept.instances, new.instances, old.instances);
        add(&mut kept.cpu_nanos, nanos(new.cpu), nanos(old.cpu));
        add(&mut kept.busy_nanos, nanos(new.busy), nanos(old.busy));
        kept.peak_memory = kept.peak_memory.max(new.peak_memory);
        self.plugins.push(kept);
        let of_it = |kept: &&KeptStats| kept.name == version.name;
        if self.plugins.iter().filter(of_it).count() > VERSIONS
            && let Some(oldest) = self.plugins.iter().position(|kept| kept.name == version.name)
        {
            self.plugins.remove(oldest);
        }
    }
}

/// A version of a plugin that works in this process.
#[derive(Debug)]
struct Version {
    name: String,
    digest: String,
    version: String,
    counters: Arc<Counters>,
    /// What of its numbers is in the file.
    kept: PluginStats,
}

/// The books of one process. When it ends, what is left is kept.
#[derive(Debug, Default)]
pub(crate) struct Books {
    /// `None`: there is no project that they would belong to.
    project: Option<PathBuf>,
    pages: Mutex<Pages>,
}

#[derive(Debug, Default)]
struct Pages {
    versions: Vec<Version>,
    /// What is to be said of each plugin, or no longer.
    refused: BTreeMap<String, Option<String>>,
    /// Something of it is not in the file.
    news: bool,
}

impl Books {
    pub(crate) fn new(project: Option<PathBuf>) -> Self {
        Self { project, pages: Mutex::default() }
    }

    /// A version begins to work. What it did until now, to be described, is not work.
    pub(crate) fn open(&self, info: &PluginInfo, counters: &Arc<Counters>) {
        let Ok(mut pages) = self.pages.lock() else { return };
        let kept = PluginStats { peak_memory: 0, ..counters.read() };
        pages.versions.push(Version {
            name: info.name.clone(),
            digest: info.digest.clone(),
            version: info.version.clone(),
            counters: Arc::clone(counters),
            kept,
        });
    }

    /// A new version of a plugin was not taken, or was (`None`).
    pub(crate) fn refused(&self, name: &str, why: Option<String>) {
        if let Ok(mut pages) = self.pages.lock() {
            pages.refused.insert(name.to_owned(), why);
            pages.news = true;
        }
    }

    /// Keeps what is new.
    pub(crate) fn keep(&self) {
        let (Some(project), Ok(mut pages)) = (&self.project, self.pages.lock()) else { return };
        let worked = |version: &Version| {
            let now = version.counters.read();
            (now.calls != version.kept.calls).then_some(now)
        };
        let new: Vec<Option<PluginStats>> = pages.versions.iter().map(worked).collect();
        if new.iter().all(Option::is_none) && !pages.news {
            return;
        }
        let kept = update(project, |kept| {
            for (version, new) in pages.versions.iter().zip(&new) {
                let Some(new) = new else { continue };
                // It works: whatever was said of it is over, unless we say so.
                kept.refused.remove(&version.name);
                kept.add(version, new, &version.kept);
            }
            for (name, why) in &pages.refused {
                match why {
                    Some(why) => drop(kept.refused.insert(name.clone(), why.clone())),
                    None => drop(kept.refused.remove(name)),
                }
            }
        });
        match kept {
            Ok(()) => {
                for (version, new) in pages.versions.iter_mut().zip(new) {
                    version.kept = new.unwrap_or_else(|| version.kept.clone());
                }
                // What is refused is said again whenever there is something else to keep.
                pages.refused.retain(|_, why| why.is_some());
                pages.news = false;
                let alive = |version: &Version| Arc::strong_count(&version.counters) > 1;
                pages.versions.retain(alive);
            }
            Err(error) => tracing::warn!(%error, "what the plugins did is not kept this time"),
        }
    }
}

impl Drop for Books {
    fn drop(&mut self) {
        self.keep();
    }
}

fn path(project: &Path) -> PathBuf {
    project.join(".tidelake").join("plugin-stats.json")
}

/// What a project remembers; nothing when there is no file, or none that can be read.
pub(crate) fn read(project: &Path) -> Kept {
    load(&path(project)).unwrap_or_else(|error| {
        tracing::warn!(%error, "what the plugins did until now cannot be read");
        Kept::default()
    })
}

fn load(path: &Path) -> std::io::Result<Kept> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Kept::default()),
        Err(error) => return Err(error),
    };
    let kept: Kept = serde_json::from_slice(&text)?;
    match kept.version {
        VERSION => Ok(kept),
        other => Err(std::io::Error::other(format!(
            "{} is of version {other}, this tidelake reads version {VERSION}",
            path.display()
        ))),
    }
}

fn update(project: &Path, change: impl FnOnce(&mut Kept)) -> std::io::Result<()> {
    let path = path(project);
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    let _held = lock(&path.with_extension("lock"))?;
    let mut kept = match load(&path) {
        Ok(kept) => kept,
        Err(error) => {
            let aside = path.with_extension("json.damaged");
            tracing::warn!(%error, aside = %aside.display(),
                "what the plugins did until now cannot be read and begins anew");
            fs::rename(&path, aside)?;
            Kept::default()
        }
    };
    change(&mut kept);
    kept.version = VERSION;
    let text = serde_json::to_vec_pretty(&kept)?;
    replace(&path, &[&text, b"\n"], Durability::Durable)
}

/// Waits for others, but not for one that hangs.
fn lock(path: &Path) -> std::io::Result<File> {
    let file = File::create(path)?;
    let start = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if start.elapsed() > PATIENCE => {
                return Err(std::io::Error::new(
                    ErrorKind::WouldBlock,
                    format!("another process holds {}", path.display()),
                ));
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;
    use tidelake_core::plugin::PluginKind;

    use super::*;
    use crate::stats::add;

    fn info(name: &str, digest: &str) -> PluginInfo {
        PluginInfo {
            name: name.into(),
            version: "0.1.0".into(),
            kind: PluginKind::Transform,
            description: String::new(),
            options: serde_json::Value::Null,
            row_wise: false,
            file_format: None,
            extension: None,
            digest: digest.into(),
        }
    }

    /// Books in which one version did some calls.
    fn books(dir: &TempDir, digest: &str, calls: u64) -> (Books, Arc<Counters>) {
        let books = Books::new(Some(dir.path().to_owned()));
        let counters = work(&books, digest, calls);
        (books, counters)
    }

    fn work(books: &Books, digest: &str, calls: u64) -> Arc<Counters> {
        let counters = Arc::<Counters>::default();
        add(&counters.calls, 1);
        books.open(&info("spread", digest), &counters);
        add(&counters.calls, calls);
        counters
    }

    #[test]
    fn processes_add_up_and_versions_start_anew() {
        let dir = TempDir::new().expect("directory");
        let (first, counters) = books(&dir, "one", 2);
        let (second, _counters) = books(&dir, "one", 3);
        first.keep();
        second.keep();
        // Nothing is counted twice.
        first.keep();
        add(&counters.calls, 5);
        drop((first, second));
        drop(books(&dir, "two", 7));
        let kept = read(dir.path());
        assert_eq!(kept.of("spread", "one").map(|kept| kept.calls), Some(10));
        assert_eq!(kept.of("spread", "two").map(|kept| kept.calls), Some(7));
    }

    #[test]
    fn threads_and_files_at_once_lose_nothing() {
        let dir = TempDir::new().expect("directory");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..5).for_each(|_| drop(books(&dir, "one", 1))));
            }
        });
        assert_eq!(read(dir.path()).of("spread", "one").map(|kept| kept.calls), Some(40));
    }

    #[test]
    fn who_only_described_a_plugin_writes_nothing() {
        let dir = TempDir::new().expect("directory");
        drop(books(&dir, "one", 0));
        assert_eq!(fs::read_dir(dir.path()).expect("listed").count(), 0);
        // Without a project there is no place for it.
        let books = Books::new(None);
        work(&books, "one", 5);
        books.keep();
    }

    #[test]
    fn damage_is_put_aside_and_a_writer_that_cannot_write_tries_again() {
        let dir = TempDir::new().expect("directory");
        for text in ["", "{", "[]", "{\"version\": 9}"] {
            fs::create_dir_all(dir.path().join(".tidelake")).expect("directory");
            fs::write(path(dir.path()), text).expect("file");
            drop(books(&dir, text, 2));
            assert_eq!(read(dir.path()).of("spread", text).map(|kept| kept.calls), Some(2));
        }
        let taken = lock(&path(dir.path()).with_extension("lock")).expect("lock");
        let (books, _counters) = books(&dir, "late", 4);
        books.keep();
        drop(taken);
        books.keep();
        assert_eq!(read(dir.path()).of("spread", "late").map(|kept| kept.calls), Some(4));
    }

    #[test]
    fn a_refusal_is_told_until_the_plugin_is_taken() {
        let dir = TempDir::new().expect("directory");
        let (books, counters) = books(&dir, "one", 1);
        books.refused("spread", Some("it is not signed".into()));
        books.keep();
        add(&counters.calls, 1);
        books.keep();
        assert_eq!(read(dir.path()).refused["spread"], "it is not signed");
        books.refused("spread", None);
        books.keep();
        assert!(read(dir.path()).refused.is_empty());
    }

    #[test]
    fn few_versions_are_remembered() {
        let dir = TempDir::new().expect("directory");
        for number in 0..VERSIONS + 4 {
            drop(books(&dir, &number.to_string(), 1));
        }
        let kept = read(dir.path());
        assert_eq!(kept.plugins.len(), VERSIONS);
        assert!(kept.of("spread", "3").is_none() && kept.of("spread", "4").is_some());
    }
}
