//! A place in an object store where tables live.

use std::fs::OpenOptions;
use std::io::ErrorKind as IoErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::StreamExt;
use object_store::ObjectStore;
use tidelake_core::table::LogKind;
use tidelake_core::{Error, Result};
use tokio::sync::OnceCell;
use url::Url;

use crate::durable::DurableLocal;
use crate::error::{io_error, store_error};
use crate::log::{delta, files};
use crate::probe::probe;
use crate::table::{LakeTable, store_path};

/// A lake. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Lake {
    store: Arc<dyn ObjectStore>,
    url: Arc<str>,
    local: Option<DurableLocal>,
    /// Done once the store was asked whether it is fit; a directory always is.
    asked: Arc<OnceCell<()>>,
}

impl Lake {
    /// Opens the lake at a path (relative to the project) or a `file://` URL,
    /// and creates its directory when it does not exist.
    pub fn open(url: &str, project_root: &Path) -> Result<Self> {
        let root = local_root(url, project_root)?;
        if root.exists() && !root.is_dir() {
            return Err(Error::config("the lake is a file, not a directory")
                .with("path", root.display())
                .with_help("let `url` in [lake] name a directory"));
        }
        let local = DurableLocal::open(&root).map_err(|e| io_error("open", &root, e))?;
        check_writable(&root)?;
        let url = root.display().to_string();
        let asked = Arc::new(OnceCell::new_with(Some(())));
        Ok(Self { store: Arc::new(local.clone()), url: url.into(), local: Some(local), asked })
    }

    /// A lake in any object store: one that a plugin keeps, or an embedder's. The store is
    /// rooted at the lake; creating an object that exists must fail, and lists
    /// must come in the order of names (all clouds do; a plain `LocalFileSystem`
    /// does not: [`DurableLocal`] does).
    pub fn from_store(store: Arc<dyn ObjectStore>, description: String) -> Self {
        Self { store, url: description.into(), local: None, asked: Arc::default() }
    }

    /// Makes sure that the store keeps what commits rely on: what was written is there,
    /// and an object that exists is not replaced by creating it. Asks it once; to be
    /// called before the first commit. `Unsupported` says what it does not keep.
    pub async fn prove(&self) -> Result<()> {
        let ask =
            || async { probe(&*self.store).await.map_err(|error| error.with("lake", &*self.url)) };
        self.asked.get_or_try_init(ask).await.copied()
    }

    /// The store, rooted at the lake.
    pub fn store(&self) -> Arc<dyn ObjectStore> {
        self.store.clone()
    }

    /// Where the lake is, for people.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A table of the lake, which need not exist yet. The table named
    /// `trades@1h` (a rollup) lives in the directory of that name.
    pub fn table(&self, name: &str, kind: LogKind) -> LakeTable {
        LakeTable::new(self.store.clone(), name, kind)
    }

    /// Which log the directory of a table holds, if any.
    pub async fn existing(&self, name: &str) -> Result<Option<LogKind>> {
        let delta = self.holds(name, delta::LOG_DIRECTORY).await?;
        let files = self.holds(name, files::LOG_DIRECTORY).await?;
        match (delta, files) {
            (true, true) => Err(Error::corrupt("the table's directory holds two logs")
                .with("table", name)
                .with("directory", format!("{}/{name}", self.url))
                .with_help(format!(
                    "keep the log that is right, {} or {}, and move the other one away",
                    delta::LOG_DIRECTORY,
                    files::LOG_DIRECTORY
                ))),
            (true, false) => Ok(Some(LogKind::Delta)),
            (false, true) => Ok(Some(LogKind::Files)),
            (false, false) => Ok(None),
        }
    }

    /// Removes the temporaries of dead writers, and returns their number. A
    /// directory is also swept by itself when it is first written to.
    pub fn sweep(&self) -> Result<u64> {
        match &self.local {
            Some(local) => local.sweep().map_err(|e| io_error("sweep", &*self.url, e)),
            None => Ok(0),
        }
    }

    async fn holds(&self, table: &str, directory: &str) -> Result<bool> {
        let path = store_path(table, directory)?;
        match self.store.list(Some(&path)).next().await {
            Some(Ok(_)) => Ok(true),
            None | Some(Err(object_store::Error::NotFound { .. })) => Ok(false),
            Some(Err(e)) => Err(store_error(e, path)),
        }
    }
}

fn local_root(url: &str, project_root: &Path) -> Result<PathBuf> {
    let unsupported = || {
        Error::config(format!("the lake {url:?} is not a local directory"))
            .with_help("a directory is a path or file:///path; others need a storage plugin")
    };
    if url.is_empty() {
        return Err(Error::config("the lake has no place")
            .with_help("let `url` in [lake] name a directory, for example \"lake\""));
    }
    if !url.contains("://") {
        return Ok(project_root.join(url));
    }
    let parsed = Url::parse(url).map_err(|_| unsupported())?;
    if parsed.scheme() != "file" {
        return Err(unsupported());
    }
    parsed.to_file_path().map_err(|()| unsupported())
}

/// Tries to create a file. Whatever else goes wrong will be told by the write
/// that it stops; a full disk, say, must not stop a query.
fn check_writable(root: &Path) -> Result<()> {
    let probe = root.join(format!("probe#{:010}", std::process::id()));
    match OpenOptions::new().write(true).create(true).truncate(true).open(&probe) {
        Ok(_) => {
            let _ = std::fs::remove_file(&probe);
            Ok(())
        }
        Err(e)
            if matches!(
                e.kind(),
                IoErrorKind::PermissionDenied | IoErrorKind::ReadOnlyFilesystem
            ) =>
        {
            Err(io_error("write to", root, e))
        }
        Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidelake_core::ErrorKind;

    #[tokio::test]
    async fn opens_directories_only() {
        let project = tempfile::tempdir().unwrap();
        let lake = Lake::open("some/lake", project.path()).unwrap();
        assert!(project.path().join("some/lake").is_dir());
        assert_eq!(lake.existing("trades").await.unwrap(), None);
        let url = Url::from_file_path(project.path().join("other")).unwrap();
        Lake::open(url.as_str(), project.path()).unwrap();
        assert!(project.path().join("other").is_dir());
        assert_eq!(std::fs::read_dir(project.path().join("other")).unwrap().count(), 0);

        for wrong in ["s3://bucket/x", "", "abfss://x@y/z"] {
            let error = Lake::open(wrong, project.path()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{wrong}");
            assert!(error.help().is_some());
        }
        std::fs::write(project.path().join("file"), "x").unwrap();
        assert_eq!(Lake::open("file", project.path()).unwrap_err().kind(), ErrorKind::Config);
    }
}
