//! What a commit is about to add: `<table>/_tidelake/intents/<20 digits>.json`.
//!
//! A run writes the manifest of a generation before it sends the commit, and
//! removes it when the commit's rows are verified. Whoever finds one after a
//! crash knows which units the generation consisted of without reading the
//! hot store again.

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use serde::{Deserialize, Serialize};
use tidelake_core::unit::ManifestRow;
use tidelake_core::{Result, ResultExt};

use crate::error::store_error;
use crate::ledger::numbers;
use crate::log::wire::FileEntry;
use crate::records::{decode, encode, numbered};
use crate::table::store_path;

const KIND: &str = "intents";
const DIRECTORY: &str = "_tidelake/intents";

/// The intents of one table.
#[derive(Debug, Clone)]
pub struct Intents {
    store: Arc<dyn ObjectStore>,
    table: Arc<str>,
}

/// A manifest row as stored. Its files stand apart because the plain JSON of a
/// float does not hold every bound exactly.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    row: ManifestRow,
    files: Vec<FileEntry>,
}

impl Intents {
    pub(crate) fn new(store: Arc<dyn ObjectStore>, table: &str) -> Self {
        Self { store, table: table.into() }
    }

    /// Writes the manifest of a generation, in place of an earlier one of the
    /// same generation.
    pub async fn write(&self, generation: u64, rows: &[ManifestRow]) -> Result<()> {
        let lines: Vec<Line> = rows
            .iter()
            .map(|row| {
                let files = row.files.iter().map(FileEntry::from).collect();
                Line { row: ManifestRow { files: Vec::new(), ..row.clone() }, files }
            })
            .collect();
        let path = self.path(generation)?;
        let bytes = encode(KIND, &lines)?;
        self.store
            .put(&path, bytes.into())
            .await
            .map_err(|e| store_error(e, &path))
            .with("table", &self.table)?;
        Ok(())
    }

    /// All manifests that were written and not removed, by generation.
    pub async fn load(&self) -> Result<Vec<(u64, Vec<ManifestRow>)>> {
        let generations = numbers(&*self.store, &store_path(&self.table, DIRECTORY)?).await?;
        stream::iter(generations)
            .then(|generation| async move {
                let path = self.path(generation)?;
                let read = async { self.store.get(&path).await?.bytes().await };
                let bytes = read.await.map_err(|e| store_error(e, &path))?;
                let lines: Vec<Line> =
                    decode(KIND, &bytes, path.as_ref()).with("table", &self.table)?;
                let rows = lines.into_iter().map(Line::into_row).collect::<Result<_>>()?;
                Ok((generation, rows))
            })
            .try_collect()
            .await
    }

    /// Removes the manifest of a generation; it may be gone already.
    pub async fn remove(&self, generation: u64) -> Result<()> {
        let path = self.path(generation)?;
        match self.store.delete(&path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(e) => Err(store_error(e, path)).with("table", &self.table),
        }
    }

    fn path(&self, generation: u64) -> Result<Path> {
        store_path(&self.table, &format!("{DIRECTORY}/{}", numbered(generation)))
    }
}

impl Line {
    fn into_row(self) -> Result<ManifestRow> {
        let files = self.files.into_iter().map(FileEntry::into_file).collect::<Result<_>>()?;
        Ok(ManifestRow { files, ..self.row })
    }
}
