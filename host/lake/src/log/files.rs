//! tidelake's own log, for files of any format.
//!
//! `<table>/_tidelake/log/<20 digits>.json` holds one commit each, the first one
//! (number 0) what the table is. A commit is created under the next number and
//! must not replace anything: of two writers one wins. Every [`CHECKPOINT_EVERY`]
//! commits the whole state is written to `<20 digits>.checkpoint.json`, and
//! `newest-checkpoint` names the newest, so that a load reads one checkpoint and
//! the commits after it:
//!
//! ```text
//! 00000000000000000000.json               init
//! ...
//! 00000000000000000020.checkpoint.json    state after commit 20
//! 00000000000000000021.json               + add, - remove, watermark
//! newest-checkpoint                       20
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tidelake_core::commit::{Commit, CommitOutcome, TableInit, TableState, Watermark};
use tidelake_core::partition::PartitionSpec;
use tidelake_core::time::Micros;
use tidelake_core::{Error, Result, ResultExt};

use super::wire::FileEntry;
use super::{Sent, TableLog, schema};
use crate::error::{is_missing, store_error};
use crate::records::{number, numbered};
use crate::table::store_path;

/// The log's directory below the table's root.
pub(crate) const LOG_DIRECTORY: &str = "_tidelake/log";
/// Version of entries and checkpoints.
const FORMAT_VERSION: u32 = 1;
/// Commits between two checkpoints.
const CHECKPOINT_EVERY: u64 = 20;
const CHECKPOINT_SUFFIX: &str = ".checkpoint.json";
const NEWEST_CHECKPOINT: &str = "newest-checkpoint";
/// Entries read at a time.
const PARALLEL: usize = 16;

/// See the module's head.
#[derive(Debug, Clone)]
pub struct FilesLog {
    store: Arc<dyn ObjectStore>,
    table: Arc<str>,
}

/// What the table is; part of entry 0 and of checkpoints.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Init {
    /// Public schema, see [`schema`].
    schema: String,
    partition: PartitionSpec,
    file_format: String,
}

/// One commit, or with `checkpoint` all commits up to its version.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    /// [`FORMAT_VERSION`].
    tidelake_log: u32,
    version: u64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    checkpoint: bool,
    /// Names this commit and no other.
    token: String,
    operation: String,
    at: Micros,
    watermark: Watermark,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    init: Option<Init>,
    #[serde(default)]
    add: Vec<FileEntry>,
    #[serde(default)]
    remove: Vec<String>,
}

impl FilesLog {
    /// The log of a table in a lake's store.
    pub fn new(store: Arc<dyn ObjectStore>, table: &str) -> Self {
        Self { store, table: table.into() }
    }

    fn path(&self, name: &str) -> Result<Path> {
        store_path(&self.table, &format!("{LOG_DIRECTORY}/{name}"))
    }

    async fn read(&self, name: &str) -> Result<Bytes> {
        let path = self.path(name)?;
        let read = async { self.store.get(&path).await?.bytes().await };
        read.await.map_err(|e| store_error(e, &path))
    }

    async fn entry(&self, name: String) -> Result<Entry> {
        let bytes = self.read(&name).await?;
        parse(&bytes).with("file", self.path(&name)?)
    }

    /// The newest checkpoint that is known. Not knowing it costs time only.
    async fn checkpoint(&self) -> Result<Option<Entry>> {
        let bytes = match self.read(NEWEST_CHECKPOINT).await {
            Ok(bytes) => bytes,
            Err(e) if is_missing(&e) => return Ok(None),
            Err(e) => return Err(e),
        };
        let Some(version) = std::str::from_utf8(&bytes).ok().and_then(|t| t.trim().parse().ok())
        else {
            return Ok(None);
        };
        match self.entry(checkpoint_name(version)).await {
            Ok(entry) => Ok(Some(entry)),
            Err(e) if is_missing(&e) => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Numbers of the entries from `first` on.
    async fn numbers(&self, first: u64) -> Result<Vec<u64>> {
        let directory = store_path(&self.table, LOG_DIRECTORY)?;
        // Sorts after every entry before `first` and before its own.
        let offset = self.path(&format!("{first:020}"))?;
        let mut numbers: Vec<u64> = self
            .store
            .list_with_offset(Some(&directory), &offset)
            .map_err(|e| store_error(e, &directory))
            .try_filter_map(|meta| {
                std::future::ready(Ok(meta.location.filename().and_then(number)))
            })
            .try_collect()
            .await?;
        numbers.retain(|n| *n >= first);
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Creates an entry; what it found when the answer was an error.
    async fn send(&self, entry: &Entry) -> Result<()> {
        tidelake_core::failpoint!("lake.commit-before");
        let path = self.path(&numbered(entry.version))?;
        let bytes = encode(entry)?;
        self.store
            .put_opts(&path, bytes.into(), PutMode::Create.into())
            .await
            .map_err(|e| store_error(e, &path))?;
        tidelake_core::failpoint!("lake.commit-after");
        Ok(())
    }

    async fn settle(&self, sent: &Entry, error: Error) -> Result<CommitOutcome> {
        let read_back = match self.entry(numbered(sent.version)).await {
            Ok(found) if found.token == sent.token => Ok(Sent::Ours),
            Ok(_) => Ok(Sent::Theirs),
            Err(e) if is_missing(&e) => Ok(Sent::Nobodys),
            Err(e) => Err(e),
        };
        Sent::settle(read_back, sent.version, error)
    }

    async fn try_load(&self) -> Result<Option<TableState>> {
        let checkpoint = self.checkpoint().await?;
        let first = checkpoint.as_ref().map_or(0, |c| c.version + 1);
        let numbers = self.numbers(first).await?;
        if let Some(gap) = numbers.iter().zip(first..).find(|(found, expected)| *found != expected)
        {
            return Err(Error::corrupt(format!("entry {} of the log is missing", gap.1))
                .with_help("restore the file from a backup; nothing was deleted"));
        }
        let mut entries = stream::iter(numbers).map(|n| self.entry(numbered(n))).buffered(PARALLEL);
        let mut replay = checkpoint.map(Replay::start).transpose()?;
        while let Some(entry) = entries.try_next().await? {
            match &mut replay {
                None => replay = Some(Replay::start(entry)?),
                Some(replay) => replay.apply(entry)?,
            }
        }
        replay.map(Replay::finish).transpose()
    }
}

#[async_trait]
impl TableLog for FilesLog {
    async fn load(&self) -> Result<Option<TableState>> {
        self.try_load().await.with("table", &self.table)
    }

    async fn create(&self, init: &TableInit, at: Micros) -> Result<TableState> {
        if let Some(state) = self.load().await? {
            return Ok(state);
        }
        let entry = Entry {
            tidelake_log: FORMAT_VERSION,
            version: 0,
            checkpoint: false,
            token: token(),
            operation: "create".to_owned(),
            at,
            watermark: Watermark::EMPTY,
            init: Some(Init {
                schema: schema::encode(&init.schema)?,
                partition: init.partition.clone(),
                file_format: init.file_format.clone(),
            }),
            add: Vec::new(),
            remove: Vec::new(),
        };
        if let Err(error) = self.send(&entry).await {
            self.settle(&entry, error).await.with("table", &self.table)?;
        }
        self.load().await?.ok_or_else(|| {
            Error::unavailable("a table vanished right after it was created")
                .with("table", &self.table)
        })
    }

    async fn commit(&self, commit: &Commit) -> Result<CommitOutcome> {
        let entry = Entry {
            tidelake_log: FORMAT_VERSION,
            version: commit.base + 1,
            checkpoint: false,
            token: token(),
            operation: commit.operation.to_owned(),
            at: commit.at,
            watermark: commit.watermark,
            init: None,
            add: commit.add.iter().map(FileEntry::from).collect(),
            remove: commit.remove.clone(),
        };
        match self.send(&entry).await {
            Ok(()) => Ok(CommitOutcome::Committed(entry.version)),
            Err(error) => self.settle(&entry, error).await.with("table", &self.table),
        }
    }

    async fn maintain(&self, state: &TableState) -> Result<()> {
        let newest = self.checkpoint().await?.map_or(0, |c| c.version);
        if state.version < newest + CHECKPOINT_EVERY {
            return Ok(());
        }
        let entry = Entry {
            tidelake_log: FORMAT_VERSION,
            version: state.version,
            checkpoint: true,
            token: token(),
            operation: "checkpoint".to_owned(),
            at: state.watermark.time,
            watermark: state.watermark,
            init: Some(Init {
                schema: schema::encode(&state.schema)?,
                partition: state.partition.clone(),
                file_format: state.file_format.clone(),
            }),
            add: state.files.values().map(FileEntry::from).collect(),
            remove: Vec::new(),
        };
        let put = |name: String, bytes: Vec<u8>| async move {
            let path = self.path(&name)?;
            let put = self.store.put(&path, bytes.into()).await;
            put.map_err(|e| store_error(e, &path)).with("table", &self.table)
        };
        put(checkpoint_name(state.version), encode(&entry)?).await?;
        put(NEWEST_CHECKPOINT.to_owned(), format!("{}\n", state.version).into_bytes()).await?;
        Ok(())
    }
}

/// A state that grows by one entry after the other.
struct Replay {
    version: u64,
    init: Init,
    watermark: Watermark,
    files: BTreeMap<String, FileEntry>,
}

impl Replay {
    fn start(entry: Entry) -> Result<Self> {
        let init = entry.init.ok_or_else(|| {
            Error::corrupt("the first entry of the log does not say what the table is")
        })?;
        let files = entry.add.into_iter().map(|f| (f.path.clone(), f)).collect();
        Ok(Self { version: entry.version, init, watermark: entry.watermark, files })
    }

    fn apply(&mut self, entry: Entry) -> Result<()> {
        if entry.version != self.version + 1 {
            return Err(Error::corrupt(format!(
                "entry {} of the log says that it is entry {}",
                self.version + 1,
                entry.version
            )));
        }
        for path in &entry.remove {
            self.files.remove(path);
        }
        self.files.extend(entry.add.into_iter().map(|f| (f.path.clone(), f)));
        self.version = entry.version;
        self.watermark = entry.watermark;
        Ok(())
    }

    fn finish(self) -> Result<TableState> {
        Ok(TableState {
            version: self.version,
            schema: schema::decode(&self.init.schema)?,
            partition: self.init.partition,
            file_format: self.init.file_format,
            watermark: self.watermark,
            files: self
                .files
                .into_iter()
                .map(|(path, file)| Ok((path, file.into_file()?)))
                .collect::<Result<_>>()?,
        })
    }
}

fn checkpoint_name(version: u64) -> String {
    format!("{version:020}{CHECKPOINT_SUFFIX}")
}

fn token() -> String {
    uuid::Uuid::new_v4().to_string()
}

fn encode(entry: &Entry) -> Result<Vec<u8>> {
    serde_json::to_vec(entry)
        .map_err(|e| Error::internal("a log entry could not be written as JSON").with_source(e))
}

/// Reads an entry, the version first: a newer one may have any other shape.
fn parse(bytes: &[u8]) -> Result<Entry> {
    #[derive(Deserialize)]
    struct Version {
        tidelake_log: u32,
    }
    fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
        serde_json::from_slice(bytes).map_err(|e| {
            let what = if bytes.is_empty() { "empty" } else { "damaged" };
            Error::corrupt(format!("an entry of the log is {what}")).with_source(e).with_help(
                "restore the file from a backup; if it is the newest entry and was never whole, \
                 move it away: then the table is as it was before that commit",
            )
        })
    }
    let version = json::<Version>(bytes)?.tidelake_log;
    if version != FORMAT_VERSION {
        return Err(Error::unsupported(format!(
            "the log is of version {version}, and this tidelake reads version {FORMAT_VERSION}"
        ))
        .with_help("use the version of tidelake that wrote it, or a newer one"));
    }
    json(bytes)
}
