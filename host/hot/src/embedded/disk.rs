//! The fjall database of a store: its keyspaces, its limits, its way of being opened.
//!
//! fjall keeps every keyspace's newest writes in a memtable of its own and bounds
//! each of them, not their sum. A table with a hundred months would hold a hundred
//! memtables, so [`Disk::make_room`] bounds the sum.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use fjall::{
    AbstractTree, Database, Keyspace, KeyspaceCreateOptions, KvSeparationOptions, OwnedWriteBatch,
    PersistMode, Readable, Snapshot,
};
use tidelake_core::time::Micros;
use tidelake_core::{Error, Result};

use super::keys::{self, TableId};
use super::{Limits, error};

/// The keyspaces of a table's months.
pub(super) type Months = BTreeMap<Micros, Keyspace>;

/// An open database.
pub(super) struct Disk {
    months: RwLock<BTreeMap<TableId, Months>>,
    /// Everything but rows; see [`keys`].
    pub(super) catalogue: Keyspace,
    db: Database,
    write_buffer: u64,
    path: PathBuf,
}

impl Disk {
    /// Opens the database in `directory`, which this process owns, or makes it.
    pub(super) fn open(directory: &Path, limits: &Limits) -> Result<Self> {
        let failed = |e| error::store(e, "be opened", directory);
        let path = directory.join("db");
        let open = || {
            Database::builder(&path)
                .cache_size(limits.cache)
                .max_journaling_size(limits.journal)
                // Two suffice: one flushes while the other compacts.
                .worker_threads(2)
                .open()
        };
        // fjall asserts what it expects of its files; a damaged store must not end the process.
        let db = catch_unwind(AssertUnwindSafe(open))
            .map_err(|panic| error::panicked(&*panic, directory))?
            .map_err(failed)?;
        let catalogue =
            db.keyspace(keys::CATALOGUE, KeyspaceCreateOptions::default).map_err(failed)?;
        let disk = Self {
            months: RwLock::default(),
            catalogue,
            db,
            write_buffer: limits.write_buffer,
            path: directory.to_owned(),
        };
        disk.check_format()?;
        disk.find_months()?;
        Ok(disk)
    }

    fn check_format(&self) -> Result<()> {
        let expected = keys::FORMAT.as_bytes();
        match self.read(|| self.catalogue.get(keys::FORMAT_KEY))? {
            Some(found) if &*found == expected => Ok(()),
            Some(found) => Err(Error::unsupported(format!(
                "the hot store is a {:?}; this version of tidelake reads a {:?}",
                String::from_utf8_lossy(&found),
                keys::FORMAT
            ))
            .with("path", self.path.display())
            .with_help("open it with the version of tidelake that wrote it; nothing was changed")),
            // New, or its making was interrupted before anything was in it.
            None if self.read(|| self.catalogue.is_empty())? => {
                let mut batch = self.batch();
                batch.insert(&self.catalogue, keys::FORMAT_KEY, expected);
                self.commit(batch, "be created")
            }
            None => Err(Error::corrupt("the hot store does not say which format it has")
                .with("path", self.path.display())
                .with_help("restore its directory from a copy; nothing was deleted")),
        }
    }

    /// Finds the months there are; those that an interrupted eviction left empty go.
    fn find_months(&self) -> Result<()> {
        let view = self.db.snapshot();
        for name in self.db.list_keyspace_names() {
            let Some((table, month)) = keys::parse_month(&name) else { continue };
            let keyspace = self.keyspace(table, month)?;
            if self.is_empty(&view, table, month)? {
                self.read(|| self.db.delete_keyspace(keyspace))?;
            } else {
                let mut months = self.months.write().unwrap_or_else(PoisonError::into_inner);
                months.entry(table).or_default().insert(month, keyspace);
            }
        }
        Ok(())
    }

    fn keyspace(&self, table: TableId, month: Micros) -> Result<Keyspace> {
        let options = || {
            KeyspaceCreateOptions::default()
                // We rotate memtables ourselves; see `make_room`.
                .max_memtable_size(u64::MAX / 2)
                .with_kv_separation(Some(KvSeparationOptions::default()))
        };
        self.db
            .keyspace(&keys::month(table, month), options)
            .map_err(|e| error::store(e, "begin a new month", &self.path))
    }

    /// Whether a month holds no chunk.
    pub(super) fn is_empty(&self, view: &Snapshot, table: TableId, month: Micros) -> Result<bool> {
        let mut chunks = view.range(&self.catalogue, keys::metas(table, month, month));
        match chunks.next() {
            None => Ok(true),
            Some(entry) => self.read(|| entry.key()).map(|_| false),
        }
    }

    /// The keyspace of a month, made when there is none. Only the writer calls this.
    pub(super) fn month(&self, table: TableId, month: Micros) -> Result<Keyspace> {
        let known = {
            let months = self.months.read().unwrap_or_else(PoisonError::into_inner);
            months.get(&table).and_then(|m| m.get(&month)).cloned()
        };
        if let Some(keyspace) = known {
            return Ok(keyspace);
        }
        let keyspace = self.keyspace(table, month)?;
        let mut months = self.months.write().unwrap_or_else(PoisonError::into_inner);
        months.entry(table).or_default().insert(month, keyspace.clone());
        Ok(keyspace)
    }

    /// Removes a month with all that is in it. A snapshot that was taken before
    /// holds the keyspace, whose files go when the last holder does.
    pub(super) fn remove_month(&self, table: TableId, month: Micros) -> Result<()> {
        let mut months = self.months.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(keyspace) = months.entry(table).or_default().remove(&month) {
            self.db
                .delete_keyspace(keyspace)
                .map_err(|e| error::store(e, "remove an empty month", &self.path))?;
        }
        Ok(())
    }

    /// The state now, with the months of a table. Both are taken under one lock,
    /// so that every chunk that the view shows is in a month that is there.
    pub(super) fn view(&self, table: TableId) -> (Snapshot, Months) {
        let months = self.months.read().unwrap_or_else(PoisonError::into_inner);
        (self.db.snapshot(), months.get(&table).cloned().unwrap_or_default())
    }

    /// A change that happens as a whole, or not at all.
    pub(super) fn batch(&self) -> OwnedWriteBatch {
        self.db.batch().durability(Some(PersistMode::SyncAll))
    }

    /// Makes a change durable, then visible.
    pub(super) fn commit(&self, batch: OwnedWriteBatch, doing: &str) -> Result<()> {
        batch.commit().map_err(|e| error::store(e, doing, &self.path))
    }

    /// Runs a read, with its error told.
    pub(super) fn read<T>(&self, f: impl FnOnce() -> fjall::Result<T>) -> Result<T> {
        f().map_err(|e| error::store(e, "be read", &self.path))
    }

    /// Has the largest memtables flushed when all of them together have grown too
    /// large; before that waits for earlier flushes, so that memory stays bounded.
    pub(super) fn make_room(&self) -> Result<()> {
        let mut sizes: Vec<(u64, Keyspace)> = {
            let months = self.months.read().unwrap_or_else(PoisonError::into_inner);
            months
                .values()
                .flat_map(BTreeMap::values)
                .chain([&self.catalogue])
                .cloned()
                .collect::<Vec<_>>()
        }
        .into_iter()
        .map(|k| (k.tree.active_memtable().size(), k))
        .collect();
        let mut total: u64 = sizes.iter().map(|(size, _)| size).sum();
        if total <= self.write_buffer {
            return Ok(());
        }
        self.wait_for_flushes()?;
        sizes.sort_by_key(|(size, _)| std::cmp::Reverse(*size));
        for (size, keyspace) in sizes {
            if total <= self.write_buffer / 2 {
                break;
            }
            keyspace
                .rotate_memtable()
                .map_err(|e| error::store(e, "write its memory to disk", &self.path))?;
            total -= size;
        }
        Ok(())
    }

    /// Waits until no memtable is queued for flushing. A worker that failed has
    /// poisoned the database and will never take the next one: that ends the wait.
    fn wait_for_flushes(&self) -> Result<()> {
        while self.db.outstanding_flushes() > 0 {
            self.db
                .persist(PersistMode::Buffer)
                .map_err(|e| error::store(e, "write its memory to disk", &self.path))?;
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Where the store is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl std::fmt::Debug for Disk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Disk").field("path", &self.path).finish_non_exhaustive()
    }
}
