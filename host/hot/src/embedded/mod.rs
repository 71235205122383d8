//! The embedded hot store: Arrow chunks in a fjall database on local disk.
//!
//! | file | holds |
//! |---|---|
//! | `keys` | what is stored under which key: the format |
//! | `chunk`, `meta` | a chunk's rows, and its description |
//! | `pack` | batches of any size become chunks of a good size |
//! | `disk`, `catalogue` | the database; the tables in it |
//! | `append`, `evict`, `view` | the three things done to it |
//! | `owner` | who may do them |
//!
//! A store is a directory: `lock` and `owner.json` ([`owner`]) beside `db`. One
//! writer at a time appends or evicts; readers never wait for it.

mod append;
mod catalogue;
mod chunk;
mod disk;
mod error;
mod evict;
mod keys;
mod meta;
mod owner;
mod pack;
#[cfg(test)]
mod tests;
mod view;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use arrow::array::RecordBatch;
use async_trait::async_trait;
use tidelake_core::time::{Micros, SeqRange, TimeRange};
use tidelake_core::{Error, Result};

use self::catalogue::{Entry, Tables};
use self::disk::Disk;
use self::owner::Owner;
use self::view::View;
use crate::check;
use crate::store::{Appended, Evicted, HotSnapshot, HotStore, HotTable, OffsetMove};

/// Which store to open, and for whom.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// Its directory; made when there is none.
    pub path: PathBuf,
    /// The command that opens it, told to others who try meanwhile.
    pub command: String,
    /// The time now, told to them too.
    pub now: Micros,
}

/// How much a store may use.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of blocks and chunks kept in memory after reading.
    pub cache: u64,
    /// Bytes of new rows kept in memory before they are written to their tables.
    pub write_buffer: u64,
    /// Bytes of journal on disk before the oldest is retired; at least 64 MiB.
    pub journal: u64,
    /// Bytes that a chunk should have.
    pub chunk: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { cache: 16 << 20, write_buffer: 32 << 20, journal: 128 << 20, chunk: 4 << 20 }
    }
}

/// A hot store on local disk. One process owns it for as long as the store, or a
/// snapshot or scan of it, exists.
///
/// Its methods do their work on tokio's blocking threads, so they need a tokio
/// runtime; once called, an append or eviction runs to its end even when the
/// future is dropped.
#[derive(Debug, Clone)]
pub struct EmbeddedHotStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    tables: RwLock<Tables>,
    writer: Mutex<()>,
    limits: Limits,
    disk: Disk,
    // Last: the store is given up when all of it is closed.
    _owner: Owner,
}

impl EmbeddedHotStore {
    /// Opens a store, or makes it. `Busy` when somebody else holds it, `Unsupported`
    /// when another version wrote it, `Corrupt` when its files are damaged.
    pub fn open(options: OpenOptions) -> Result<Self> {
        Self::open_with(options, Limits::default())
    }

    /// Opens a store that may use more or less than by default.
    pub fn open_with(options: OpenOptions, limits: Limits) -> Result<Self> {
        let OpenOptions { path, command, now } = options;
        std::fs::create_dir_all(&path).map_err(|e| error::file(e, "be created", &path))?;
        let owner = Owner::acquire(&path, &command, now)?;
        let limits = Limits { journal: limits.journal.max(64 << 20), ..limits };
        let disk = Disk::open(&path, &limits)?;
        let tables = RwLock::new(disk.load_tables()?);
        tracing::debug!(path = %path.display(), "opened the hot store");
        Ok(Self {
            inner: Arc::new(Inner { tables, writer: Mutex::new(()), limits, disk, _owner: owner }),
        })
    }

    async fn run<T: Send + 'static>(
        &self,
        f: impl FnOnce(Arc<Inner>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let inner = self.inner.clone();
        blocking(move || f(inner)).await
    }
}

/// Runs work that may wait for the disk.
async fn blocking<T: Send + 'static>(f: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(f)
        .await
        .map_err(|e| Error::internal("the hot store panicked").with_source(e))?
}

impl Inner {
    fn entry(&self, name: &str) -> Result<Arc<Entry>> {
        let tables = self.tables.read().unwrap_or_else(PoisonError::into_inner);
        let entry = tables.get(name).cloned();
        entry.ok_or_else(|| check::no_table(name, tables.keys().map(String::as_str)))
    }

    /// Waits to be the one writer. Nothing is remembered between writers that is
    /// not on disk, so one that panicked leaves no harm.
    fn writer(&self) -> MutexGuard<'_, ()> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn create_table(&self, table: &HotTable) -> Result<()> {
        let _writer = self.writer();
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(existing) = tables.get(&table.name) {
            return check::same_table(&existing.table, table);
        }
        check::new_table(table)?;
        let entry = self.disk.add_table(&tables, table)?;
        tables.insert(table.name.clone(), Arc::new(entry));
        Ok(())
    }
}

#[async_trait]
impl HotStore for EmbeddedHotStore {
    async fn create_table(&self, table: &HotTable) -> Result<()> {
        let table = table.clone();
        self.run(move |inner| inner.create_table(&table)).await
    }

    async fn table(&self, name: &str) -> Result<Option<HotTable>> {
        let tables = self.inner.tables.read().unwrap_or_else(PoisonError::into_inner);
        Ok(tables.get(name).map(|entry| entry.table.clone()))
    }

    async fn tables(&self) -> Result<Vec<HotTable>> {
        let tables = self.inner.tables.read().unwrap_or_else(PoisonError::into_inner);
        Ok(tables.values().map(|entry| entry.table.clone()).collect())
    }

    async fn append(&self, table: &str, batches: Vec<RecordBatch>) -> Result<Appended> {
        let table = table.to_owned();
        self.run(move |inner| inner.append(&table, batches, None)).await
    }

    async fn append_from(
        &self,
        table: &str,
        batches: Vec<RecordBatch>,
        offset: OffsetMove,
    ) -> Result<Appended> {
        let table = table.to_owned();
        self.run(move |inner| inner.append(&table, batches, Some(&offset))).await
    }

    async fn offset(&self, table: &str, source: &str) -> Result<Option<Vec<u8>>> {
        let (table, source) = (table.to_owned(), source.to_owned());
        self.run(move |inner| inner.disk.offset(inner.entry(&table)?.id, &source)).await
    }

    async fn snapshot(&self, table: &str) -> Result<Arc<dyn HotSnapshot>> {
        let table = table.to_owned();
        self.run(move |inner| Ok(Arc::new(View::take(inner, &table)?) as Arc<dyn HotSnapshot>))
            .await
    }

    async fn evict(&self, table: &str, time: TimeRange, seqs: SeqRange) -> Result<Evicted> {
        let table = table.to_owned();
        self.run(move |inner| inner.evict(&table, time, seqs)).await
    }
}
