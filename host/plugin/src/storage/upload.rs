//! Writing objects: small ones whole, large ones in parts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::FutureExt;
use object_store::path::Path;
use object_store::{MultipartUpload, PutMode, PutPayload, PutResult, UploadPart};
use tidelake_core::Error;
use tokio::sync::OnceCell;

use super::backend::{Backend, Working};
use super::check;
use super::fault::{Expected, Fault, generic};
use super::{StoreResult, mode};
use crate::bindings::v0_1::objects::{Mode, ObjectVersion};

/// The largest object that is written whole, in bytes: a guest holds it and what it
/// sends of it at once.
const WHOLE: usize = 16 << 20;
/// Parts of larger ones.
const PART: usize = 8 << 20;
/// The smallest part that is not the last, and the largest of all.
const PARTS: std::ops::RangeInclusive<usize> = (5 << 20)..=WHOLE;

/// Writes an object.
pub(super) async fn put(
    backend: &Arc<Backend>,
    path: &Path,
    payload: PutPayload,
    wanted: PutMode,
) -> StoreResult<PutResult> {
    let (mode, expected) = mode(wanted);
    let bytes = Bytes::from(payload);
    if bytes.len() <= WHOLE {
        return whole(backend, path, bytes, mode, expected).await;
    }
    let upload = begin(backend, path).await.map_err(|f| f.into_store(path, Expected::WRITE))?;
    let mut parts = Vec::new();
    for start in (0..bytes.len()).step_by(PART) {
        let part = bytes.slice(start..bytes.len().min(start + PART));
        let number = parts.len() as u32;
        match send(backend, path, &upload, number, part).await {
            Ok(part) => parts.push(part),
            Err(fault) => {
                abandon(backend, path, &upload).await;
                // Nobody sees parts: the object is as it was.
                return Err(fault.into_store(path, Expected::READ));
            }
        }
    }
    complete(backend, path, upload, parts, mode, expected).await
}

async fn whole(
    backend: &Arc<Backend>,
    path: &Path,
    bytes: Bytes,
    mode: Mode,
    expected: Expected,
) -> StoreResult<PutResult> {
    let asked = path.to_string();
    let work = move |store: &mut Working| {
        let put = store.objects().put;
        let version = store.ask(&put, |id| (id, asked, bytes, mode))?;
        written(store, version)
    };
    backend.write(work).await.map_err(|fault| fault.into_store(path, expected))
}

fn written(store: &Working, version: ObjectVersion) -> Result<PutResult, Fault> {
    check::version(&version).map_err(|what| store.lie(&what))?;
    Ok(PutResult { e_tag: version.etag, version: version.version })
}

async fn begin(backend: &Arc<Backend>, path: &Path) -> Result<String, Fault> {
    let asked = path.to_string();
    let work = move |store: &mut Working| {
        let begin = store.objects().begin_upload;
        let upload = store.ask(&begin, |id| (id, asked))?;
        check::word("the name of an upload", &upload).map_err(|what| store.lie(&what))?;
        Ok(upload)
    };
    backend.write(work).await
}

async fn send(
    backend: &Arc<Backend>,
    path: &Path,
    upload: &str,
    number: u32,
    bytes: Bytes,
) -> Result<String, Fault> {
    let (asked, upload) = (path.to_string(), upload.to_owned());
    // A part may be written again, so passing trouble need not fail a whole file.
    let work = move |store: &mut Working| {
        let upload_part = store.objects().upload_part;
        let params = (asked.clone(), upload.clone(), number, bytes.clone());
        let part = store.ask(&upload_part, |id| (id, params.0, params.1, params.2, params.3))?;
        check::word("a part's name", &part).map_err(|what| store.lie(&what))?;
        Ok(part)
    };
    backend.read(work).await
}

async fn complete(
    backend: &Arc<Backend>,
    path: &Path,
    upload: String,
    parts: Vec<String>,
    mode: Mode,
    expected: Expected,
) -> StoreResult<PutResult> {
    let asked = path.to_string();
    let work = move |store: &mut Working| {
        let complete = store.objects().complete_upload;
        let version = store.ask(&complete, |id| (id, asked, upload, parts, mode))?;
        written(store, version)
    };
    backend.write(work).await.map_err(|fault| fault.into_store(path, expected))
}

/// Drops an upload that came to nothing. What remains of it costs money and no more.
async fn abandon(backend: &Arc<Backend>, path: &Path, upload: &str) {
    if let Err(fault) = abort(backend, path, upload).await {
        tracing::warn!(
            plugin = backend.name(), %path, error = %fault.error,
            "parts of an object that was not written could not be removed"
        );
    }
}

async fn abort(backend: &Arc<Backend>, path: &Path, upload: &str) -> Result<(), Fault> {
    let (asked, upload) = (path.to_string(), upload.to_owned());
    let work = move |store: &mut Working| {
        let abort = store.objects().abort_upload;
        store.ask(&abort, |id| (id, asked, upload))
    };
    backend.write(work).await
}

/// An object that arrives in parts. One of a single part is written whole: most
/// files of a lake are small, and a request costs more than its bytes.
#[derive(Debug)]
pub(super) struct Upload {
    shared: Arc<Shared>,
    /// The first part, until there is a second.
    first: Option<Bytes>,
    sizes: Vec<usize>,
    ended: bool,
}

#[derive(Debug)]
struct Shared {
    backend: Arc<Backend>,
    path: Path,
    /// The upload's name, once it has begun.
    upload: OnceCell<String>,
    /// What each part is called.
    parts: Mutex<BTreeMap<u32, String>>,
}

impl Shared {
    async fn send(&self, number: u32, bytes: Bytes) -> StoreResult<()> {
        // Nothing that fails here has changed the object.
        let told = |fault: Fault| fault.into_store(&self.path, Expected::READ);
        let begin = || begin(&self.backend, &self.path);
        let upload = self.upload.get_or_try_init(begin).await.map_err(told)?;
        let part = send(&self.backend, &self.path, upload, number, bytes).await.map_err(told)?;
        self.parts.lock().unwrap_or_else(PoisonError::into_inner).insert(number, part);
        Ok(())
    }
}

impl Upload {
    pub(super) fn new(backend: Arc<Backend>, path: Path) -> Self {
        let (upload, parts) = (OnceCell::new(), Mutex::default());
        let shared = Arc::new(Shared { backend, path, upload, parts });
        Self { shared, first: None, sizes: Vec::new(), ended: false }
    }

    fn wrong(&self, what: &str) -> object_store::Error {
        generic(Error::input(what).with("object", &self.shared.path))
    }

    /// Whether the parts are such as every store takes.
    fn sound(&self) -> bool {
        let Some((last, others)) = self.sizes.split_last() else { return true };
        let Some(size) = others.first() else { return true };
        PARTS.contains(size) && others.iter().all(|other| other == size) && last <= size
    }
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, payload: PutPayload) -> UploadPart {
        let bytes = Bytes::from(payload);
        let number = self.sizes.len() as u32;
        self.sizes.push(bytes.len());
        if self.ended || !self.sound() || bytes.len() > WHOLE {
            let what = "parts must be of one size between 5 and 16 MiB, but for the last";
            let error = self.wrong(if self.ended { "the upload has ended" } else { what });
            return std::future::ready(Err(error)).boxed();
        }
        if number == 0 {
            self.first = Some(bytes);
            return std::future::ready(Ok(())).boxed();
        }
        let (shared, first) = (Arc::clone(&self.shared), self.first.take());
        async move {
            if let Some(first) = first {
                shared.send(0, first).await?;
            }
            shared.send(number, bytes).await
        }
        .boxed()
    }

    async fn complete(&mut self) -> StoreResult<PutResult> {
        if std::mem::replace(&mut self.ended, true) {
            return Err(self.wrong("the upload has ended"));
        }
        let Shared { backend, path, upload, parts } = &*self.shared;
        if self.sizes.len() <= 1 {
            let bytes = self.first.take().unwrap_or_default();
            return whole(backend, path, bytes, Mode::Overwrite, Expected::WRITE).await;
        }
        let parts: Vec<String> = {
            let parts = parts.lock().unwrap_or_else(PoisonError::into_inner);
            parts.values().cloned().collect()
        };
        match upload.get() {
            Some(upload) if parts.len() == self.sizes.len() => {
                let upload = upload.clone();
                complete(backend, path, upload, parts, Mode::Overwrite, Expected::WRITE).await
            }
            _ => Err(self.wrong("a part of the upload was not written")),
        }
    }

    async fn abort(&mut self) -> StoreResult<()> {
        self.ended = true;
        self.first = None;
        let Shared { backend, path, upload, .. } = &*self.shared;
        match upload.get() {
            None => Ok(()),
            Some(upload) => {
                let aborted = abort(backend, path, upload).await;
                aborted.map_err(|fault| fault.into_store(path, Expected::READ))
            }
        }
    }
}
