//! Storage backends: a component of world `storage-backend-plugin` as an
//! [`ObjectStore`], so that lakes, Delta and queries run on it as on any other.
//!
//! ```text
//! lake, deltalake, datafusion ─▶ PluginStore ─▶ backend: instances, threads, deadlines
//!                                    │               └▶ the guest ─▶ wasi:http ─▶ servers
//!                                    └ read, listing, upload: what the trait wants,
//!                                      in calls that a guest can answer
//! ```
//!
//! - **Threads.** The trait's methods are called on async workers. Guests run on
//!   blocking threads, at most [`backend::AT_ONCE`] of one store at once, each call
//!   under the plugin's deadline. A trap retires the instance.
//! - **Nothing is believed.** Lengths, order, prefixes, names, sizes and tokens are
//!   checked ([`check`]); what cannot be is an error that names the plugin, and
//!   nothing of the answer is used.
//! - **Unknown is unknown.** A writing call that trapped, or that failed in the middle,
//!   may have been done. Its error is never one that says the object exists, or that
//!   a condition did not hold: those are said by the store alone.

mod backend;
mod check;
mod fault;
mod listing;
mod read;
mod upload;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use object_store::path::Path;
use object_store::{
    CopyMode, CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult,
};
use serde_json::Value;
use tidelake_core::plugin::{PluginContext, PluginKind};
use tidelake_core::{Error, Result};

use self::backend::Backend;
use self::fault::{Expected, Fault};
use crate::bindings::v0_1::objects::{Mode, ObjectVersion};
use crate::host::PluginHost;
use crate::run::options_text;

type StoreResult<T> = object_store::Result<T>;

/// Objects that are deleted by one call.
const DELETED_AT_ONCE: usize = 1000;
/// Such calls at once.
const DELETES: usize = 4;

impl PluginHost {
    /// The store that a plugin keeps at a URL, ready for use: the plugin is loaded,
    /// and has taken the URL and its options. `Config` errors name what is wrong
    /// with them.
    ///
    /// May take seconds when the plugin was never compiled. May be called anywhere:
    /// the guest runs on a thread of its own.
    pub fn storage(&self, name: &str, url: &str, options: &Value) -> Result<Arc<dyn ObjectStore>> {
        let open = || {
            let context = PluginContext { table: String::new(), unit: "lake".to_owned() };
            let plugin = self.component(name, PluginKind::StorageBackend, &context)?;
            let options = options_text(&plugin.info, plugin.schema.as_ref(), &context, options)?;
            Backend::open(plugin, context, url, options)
        };
        let backend = std::thread::scope(|scope| {
            let opening = scope.spawn(open);
            let panicked = |_| Err(Error::internal(format!("opening plugin `{name}` panicked")));
            opening.join().unwrap_or_else(panicked)
        });
        let store = PluginStore { backend: Arc::new(backend.map_err(|e| e.with("lake", url))?) };
        Ok(Arc::new(store))
    }
}

/// An object store that a plugin keeps; see the module's head.
#[derive(Debug, Clone)]
struct PluginStore {
    backend: Arc<Backend>,
}

impl fmt::Display for PluginStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "plugin {} at {}", self.backend.name(), self.backend.url())
    }
}

impl PluginStore {
    /// Refuses what the interface has no word for: what is silently left out is
    /// believed to be there.
    fn plain(&self, what: &str, used: bool) -> StoreResult<()> {
        if !used {
            return Ok(());
        }
        Err(object_store::Error::NotImplemented {
            operation: what.to_owned(),
            implementer: self.to_string(),
        })
    }
}

/// How an object is to be written, as the guest is told, and which of its answers
/// that makes possible.
fn mode(mode: PutMode) -> (Mode, Expected) {
    match mode {
        PutMode::Overwrite => (Mode::Overwrite, Expected::WRITE),
        PutMode::Create => (Mode::IfAbsent, Expected::CREATE),
        PutMode::Update(version) => {
            let version = ObjectVersion { etag: version.e_tag, version: version.version };
            (Mode::IfMatch(version), Expected::UPDATE)
        }
    }
}

#[async_trait]
impl ObjectStore for PluginStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> StoreResult<PutResult> {
        self.plain("tags of objects", !options.tags.encoded().is_empty())?;
        self.plain("attributes of objects", !options.attributes.is_empty())?;
        upload::put(&self.backend, location, payload, options.mode).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> StoreResult<Box<dyn MultipartUpload>> {
        self.plain("tags of objects", !options.tags.encoded().is_empty())?;
        self.plain("attributes of objects", !options.attributes.is_empty())?;
        Ok(Box::new(upload::Upload::new(Arc::clone(&self.backend), location.clone())))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> StoreResult<GetResult> {
        self.plain("reading a version of an object", options.version.is_some())?;
        read::get(&self.backend, location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> StoreResult<Vec<Bytes>> {
        read::ranges(&self.backend, location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, StoreResult<Path>>,
    ) -> BoxStream<'static, StoreResult<Path>> {
        let backend = Arc::clone(&self.backend);
        locations
            .ready_chunks(DELETED_AT_ONCE)
            .map(move |paths| delete(Arc::clone(&backend), paths))
            .buffered(DELETES)
            .flat_map(stream::iter)
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, StoreResult<ObjectMeta>> {
        listing::list(Arc::clone(&self.backend), prefix, None)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, StoreResult<ObjectMeta>> {
        listing::list(Arc::clone(&self.backend), prefix, Some(offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> StoreResult<ListResult> {
        listing::delimited(&self.backend, prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> StoreResult<()> {
        let (mode, expected) = match options.mode {
            CopyMode::Overwrite => (Mode::Overwrite, Expected::WRITE),
            CopyMode::Create => (Mode::IfAbsent, Expected::CREATE),
        };
        let (source, target) = (from.to_string(), to.to_string());
        let copied = self.backend.write(move |store| {
            let copy = store.objects().copy;
            store.ask(&copy, |id| (id, source, target, mode))
        });
        // What is not found is the source; what exists is the target.
        copied.await.map_err(|fault| match fault.is_missing() {
            true => fault.into_store(from, expected),
            false => fault.into_store(to, expected),
        })
    }
}

/// Deletes some objects; one answer for each, in order.
async fn delete(backend: Arc<Backend>, paths: Vec<StoreResult<Path>>) -> Vec<StoreResult<Path>> {
    let names: Vec<String> = paths.iter().flatten().map(ToString::to_string).collect();
    let asked = names.len();
    let answer = match asked {
        0 => Ok(Vec::new()),
        _ => {
            let work = move |store: &mut backend::Working| {
                let delete = store.objects().delete;
                let errors = store.ask(&delete, |id| (id, names))?;
                if errors.len() != asked {
                    let what = format!("{} answers to {asked} deletions", errors.len());
                    return Err(store.lie(&what));
                }
                Ok(errors.iter().map(|e| e.as_ref().map(|e| store.told(e))).collect::<Vec<_>>())
            };
            backend.write(work).await
        }
    };
    let mut answers = match answer {
        Ok(answers) => answers,
        Err(fault) => (0..asked).map(|_| Some(fault.again())).collect(),
    }
    .into_iter();
    paths
        .into_iter()
        .map(|path| {
            let path = path?;
            match answers.next().flatten() {
                // An object that is not there is deleted.
                Some(fault) if !fault.is_missing() => Err(fault.into_store(&path, Expected::WRITE)),
                _ => Ok(path),
            }
        })
        .collect()
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        fault.error
    }
}
