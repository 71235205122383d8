//! A local directory as an object store that acknowledges only what a power
//! failure cannot take back.
//!
//! The local store of the `object_store` crate is atomic but not durable: it
//! never calls fsync. Here a write takes these steps, and is acknowledged after
//! the last:
//!
//! 1. directories that this process has not yet made durable are created, and
//!    their parents synced;
//! 2. the content goes to a temporary name beside the target, `name#digits`,
//!    which listings do not show, and is synced;
//! 3. the temporary is renamed over the target, or, when it must not exist,
//!    hard-linked to it: of two creators exactly one wins;
//! 4. the directory is synced.
//!
//! A writer holds a lock on its temporary as long as it lives, so leftovers of
//! dead processes can be told from files being written: the first write to a
//! directory sweeps them ([`DurableLocal::sweep`] sweeps everywhere). Reads
//! and deletes are those of the local store; lists come in the order of names.

mod directories;
mod staged;
mod upload;

use std::fmt;
use std::ops::Range;
use std::path::{Path as FsPath, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryFutureExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use tokio::runtime::Handle;

use self::directories::Directories;
use self::staged::{Publish, Staged};
use self::upload::DurableUpload;
use crate::error::AtPath;

/// See the module's head.
#[derive(Debug, Clone)]
pub struct DurableLocal {
    inner: LocalFileSystem,
    directories: Arc<Directories>,
}

/// Fails as a test asks for at a failpoint inside a store.
macro_rules! store_failpoint {
    ($name:literal) => {{
        fn point() -> tidelake_core::Result<()> {
            tidelake_core::failpoint!($name);
            Ok(())
        }
        point().map_err(|e| object_store::Error::Generic {
            store: "DurableLocal",
            source: Box::new(e),
        })?;
    }};
}
use store_failpoint;

impl DurableLocal {
    /// A store of everything below `root`, which is created when it does not exist.
    pub fn open(root: &FsPath) -> std::io::Result<Self> {
        let directories = Directories::open(root)?;
        let inner = LocalFileSystem::new_with_prefix(root).map_err(std::io::Error::other)?;
        Ok(Self { inner, directories: Arc::new(directories) })
    }

    /// Removes the temporaries that dead writers left behind anywhere in the
    /// store, and returns their number.
    pub fn sweep(&self) -> std::io::Result<u64> {
        self.directories.sweep_all()
    }

    fn target(&self, location: &Path) -> Result<PathBuf> {
        self.inner.path_to_filesystem(location)
    }
}

impl fmt::Display for DurableLocal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DurableLocal({})", self.directories.root().display())
    }
}

/// Runs blocking work off the async workers.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match Handle::try_current() {
        Ok(handle) => handle.spawn_blocking(work).await?,
        Err(_) => work(),
    }
}

/// An io error as the store's own.
fn failed(doing: &'static str, path: &FsPath, source: std::io::Error) -> object_store::Error {
    let path = path.to_path_buf();
    object_store::Error::Generic {
        store: "DurableLocal",
        source: Box::new(AtPath { doing, path, source }),
    }
}

/// Lists in the order of names, as clouds do: readers of logs rely on it.
fn sorted(
    listed: BoxStream<'static, Result<ObjectMeta>>,
) -> BoxStream<'static, Result<ObjectMeta>> {
    let all = async move {
        let mut all: Vec<ObjectMeta> = listed.try_collect().await?;
        all.sort_unstable_by(|a, b| a.location.cmp(&b.location));
        Ok(stream::iter(all.into_iter().map(Ok)))
    };
    all.try_flatten_stream().boxed()
}

const WRITTEN: PutResult = PutResult { e_tag: None, version: None };

#[async_trait]
impl ObjectStore for DurableLocal {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let publish = match options.mode {
            PutMode::Overwrite => Publish::Replace,
            PutMode::Create => Publish::Create,
            PutMode::Update(_) => {
                return Err(object_store::Error::NotImplemented {
                    operation: "conditional update".into(),
                    implementer: self.to_string(),
                });
            }
        };
        let target = self.target(location)?;
        let directories = self.directories.clone();
        blocking(move || {
            let mut staged = Staged::create(&directories, &target)?;
            store_failpoint!("lake.put");
            for chunk in payload.iter() {
                staged.write_all(chunk)?;
            }
            staged.publish(publish)?;
            Ok(WRITTEN)
        })
        .await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        _options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let target = self.target(location)?;
        let directories = self.directories.clone();
        let staged = blocking(move || Staged::create(&directories, &target)).await?;
        Ok(Box::new(DurableUpload::new(staged)))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        sorted(self.inner.list(prefix))
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        sorted(self.inner.list_with_offset(prefix, offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    /// The content of `from` is durable already (it was put here), so only the
    /// new name has to become so.
    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let target = self.target(to)?;
        let directories = self.directories.clone();
        let parent = blocking(move || {
            let parent = target.parent().unwrap_or(directories.root()).to_path_buf();
            directories.ensure(&parent).map_err(|e| failed("create", &parent, e))?;
            Ok(parent)
        })
        .await?;
        self.inner.copy_opts(from, to, options).await?;
        blocking(move || directories::sync(&parent).map_err(|e| failed("sync", &parent, e))).await
    }
}

#[cfg(test)]
mod tests;
