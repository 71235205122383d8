//! The ledger's files: `<table>/_tidelake/ledger/<20 digits>.json`.
//!
//! Each append is one file that is created and never changed. Readers take all
//! of them in the order of their numbers.

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode};
use tidelake_core::ledger::LedgerEntry;
use tidelake_core::{Error, Result, ResultExt};

use crate::error::store_error;
use crate::records::{decode, encode, number, numbered};
use crate::table::store_path;

const KIND: &str = "ledger";
const DIRECTORY: &str = "_tidelake/ledger";
/// Files read at a time.
const PARALLEL: usize = 16;
/// Writers that may be faster than us before we give up.
const ATTEMPTS: usize = 64;

/// The ledger of one table.
#[derive(Debug, Clone)]
pub struct Ledger {
    store: Arc<dyn ObjectStore>,
    table: Arc<str>,
}

impl Ledger {
    pub(crate) fn new(store: Arc<dyn ObjectStore>, table: &str) -> Self {
        Self { store, table: table.into() }
    }

    /// Adds entries, all or none. An error may hide that they were added;
    /// adding them again does no harm.
    pub async fn append(&self, entries: &[LedgerEntry]) -> Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        let bytes = encode(KIND, entries)?;
        let mut next = self.numbers().await?.last().map_or(0, |n| n + 1);
        for _ in 0..ATTEMPTS {
            let path = self.path(next)?;
            match self.store.put_opts(&path, bytes.clone().into(), PutMode::Create.into()).await {
                Ok(_) => return Ok(()),
                Err(object_store::Error::AlreadyExists { .. }) => next += 1,
                Err(e) => return Err(store_error(e, path)).with("table", &self.table),
            }
        }
        Err(Error::busy("others write to the ledger without a pause").with("table", &self.table))
    }

    /// All entries, oldest first.
    pub async fn load(&self) -> Result<Vec<LedgerEntry>> {
        let files: Vec<Vec<LedgerEntry>> = stream::iter(self.numbers().await?)
            .map(|n| self.read(n))
            .buffered(PARALLEL)
            .try_collect()
            .await?;
        Ok(files.into_iter().flatten().collect())
    }

    async fn read(&self, number: u64) -> Result<Vec<LedgerEntry>> {
        let path = self.path(number)?;
        let read = async { self.store.get(&path).await?.bytes().await };
        let bytes = read.await.map_err(|e| store_error(e, &path))?;
        decode(KIND, &bytes, path.as_ref()).with("table", &self.table)
    }

    async fn numbers(&self) -> Result<Vec<u64>> {
        numbers(&*self.store, &store_path(&self.table, DIRECTORY)?).await
    }

    fn path(&self, number: u64) -> Result<Path> {
        store_path(&self.table, &format!("{DIRECTORY}/{}", numbered(number)))
    }
}

/// The numbers of the files in a directory, in order.
pub(crate) async fn numbers(store: &dyn ObjectStore, directory: &Path) -> Result<Vec<u64>> {
    let mut numbers: Vec<u64> = store
        .list(Some(directory))
        .map_err(|e| store_error(e, directory))
        .try_filter_map(|meta| std::future::ready(Ok(meta.location.filename().and_then(number))))
        .try_collect()
        .await?;
    numbers.sort_unstable();
    Ok(numbers)
}
