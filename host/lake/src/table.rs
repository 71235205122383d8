//! One table's directory in the lake.

use std::sync::Arc;

use arrow::array::RecordBatch;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use tidelake_core::commit::TableState;
use tidelake_core::file::DataFile;
use tidelake_core::hash::{Digest, RowHasher};
use tidelake_core::table::LogKind;
use tidelake_core::{Error, Result, ResultExt};

use crate::error::store_error;
use crate::intents::Intents;
use crate::ledger::Ledger;
use crate::log::TableLog;
use crate::log::delta::DeltaLog;
use crate::log::files::FilesLog;
use crate::read;
use crate::upload::FileUpload;

/// A stream of batches of one schema.
pub type BatchStream = BoxStream<'static, Result<RecordBatch>>;

/// A table of a lake, which need not exist yet. Cheap to clone.
#[derive(Debug, Clone)]
pub struct LakeTable {
    store: Arc<dyn ObjectStore>,
    name: Arc<str>,
    log: Arc<dyn TableLog>,
}

/// The path of something below a table's root, as it is.
pub(crate) fn store_path(table: &str, below: &str) -> Result<Path> {
    Path::parse(format!("{table}/{below}")).map_err(|e| store_error(e.into(), below))
}

/// Whether a path below a table's root belongs to a log or to nobody, as Hive
/// and Delta have it: a name that starts with `_` or `.` and is no partition.
fn is_hidden(path: &str) -> bool {
    path.split('/').any(|name| name.starts_with(['_', '.']) && !name.contains('='))
}

impl LakeTable {
    pub(crate) fn new(store: Arc<dyn ObjectStore>, name: &str, kind: LogKind) -> Self {
        let log: Arc<dyn TableLog> = match kind {
            LogKind::Delta => Arc::new(DeltaLog::new(store.clone(), name)),
            LogKind::Files => Arc::new(FilesLog::new(store.clone(), name)),
        };
        Self { store, name: name.into(), log }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its directory, in the lake's store.
    pub fn root(&self) -> String {
        self.name.to_string()
    }

    /// The store that it lives in, rooted at the lake.
    pub fn store(&self) -> Arc<dyn ObjectStore> {
        self.store.clone()
    }

    /// Its log.
    pub fn log(&self) -> &dyn TableLog {
        &*self.log
    }

    /// Starts a data file at a path below the root ([`DataFile::path`]).
    pub async fn start_file(&self, path: &str) -> Result<FileUpload> {
        if is_hidden(path) {
            return Err(Error::internal("a data file would hide from readers")
                .with("table", &self.name)
                .with("file", path));
        }
        let location = store_path(&self.name, path)?;
        let upload = self
            .store
            .put_multipart(&location)
            .await
            .map_err(|e| store_error(e, path))
            .with("table", &self.name)?;
        Ok(FileUpload::new(upload, path.to_owned()))
    }

    /// The rows of a file as people know them: public columns and types, the
    /// partition columns put back. `columns` chooses and orders (the derived
    /// partition column may be asked for by name); `None`: the public schema.
    ///
    /// The stream ends with a `Corrupt` error when the file does not hold the
    /// number of rows that the log says.
    pub async fn read_file(
        &self,
        state: &TableState,
        file: &DataFile,
        columns: Option<Vec<String>>,
    ) -> Result<BatchStream> {
        read::read_file(self.store.clone(), &self.name, state, file, columns)
            .await
            .with("table", &self.name)
    }

    /// Reads a file back and hashes its rows. A `Corrupt` error names the file
    /// when its size or its number of rows is not what the log says.
    pub async fn digest_file(&self, state: &TableState, file: &DataFile) -> Result<Digest> {
        let location = store_path(&self.name, &file.path)?;
        let found = match self.store.head(&location).await {
            Ok(found) => found.size,
            Err(e) => return Err(read::read_error(store_error(e, &file.path))),
        };
        if found != file.bytes {
            return Err(Error::corrupt(format!(
                "a data file has {found} bytes where {} were written",
                file.bytes
            ))
            .with("file", &file.path)
            .with("table", &self.name));
        }
        let mut hasher = RowHasher::new(&self.name, &state.schema)?;
        let mut digest = Digest::default();
        let mut batches = self.read_file(state, file, None).await?;
        while let Some(batch) = batches.try_next().await.with("table", &self.name)? {
            digest = digest.merge(hasher.digest(&batch)?);
        }
        Ok(digest)
    }

    /// Every file below the root that may be a data file, referenced or not,
    /// with its size. Logs and hidden files are left out.
    pub async fn list_data_files(&self) -> Result<Vec<(String, u64)>> {
        let root = Path::parse(&*self.name).map_err(|e| store_error(e.into(), &self.name))?;
        let prefix = format!("{root}/");
        self.store
            .list(Some(&root))
            .map_err(|e| store_error(e, &self.name))
            .try_filter_map(|meta| {
                let below = meta.location.as_ref().strip_prefix(&prefix);
                let file = below.filter(|p| !is_hidden(p)).map(|p| (p.to_owned(), meta.size));
                std::future::ready(Ok(file))
            })
            .try_collect()
            .await
    }

    /// Deletes files by their paths below the root. Missing ones are fine.
    pub async fn delete_files(&self, paths: &[String]) -> Result<()> {
        let mut locations = Vec::with_capacity(paths.len());
        for path in paths {
            if is_hidden(path) {
                return Err(Error::internal("only data files may be deleted")
                    .with("table", &self.name)
                    .with("file", path));
            }
            locations.push(Ok(store_path(&self.name, path)?));
        }
        let mut deleted = self.store.delete_stream(stream::iter(locations).boxed());
        while let Some(result) = deleted.next().await {
            match result {
                Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                Err(e) => return Err(store_error(e, &self.name)),
            }
        }
        Ok(())
    }

    /// The proofs made before evictions.
    pub fn ledger(&self) -> Ledger {
        Ledger::new(self.store.clone(), &self.name)
    }

    /// What commits are about to add.
    pub fn intents(&self) -> Intents {
        Intents::new(self.store.clone(), &self.name)
    }
}

#[cfg(test)]
mod tests;
