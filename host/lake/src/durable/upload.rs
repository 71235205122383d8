//! Files that arrive in parts.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures::FutureExt;
use object_store::{MultipartUpload, PutPayload, PutResult, Result, UploadPart};

use super::staged::{Publish, Staged};
use super::{WRITTEN, blocking, store_failpoint};

/// A file that becomes visible and durable when it is complete.
#[derive(Debug)]
pub(super) struct DurableUpload {
    /// Taken when the upload ends.
    staged: Option<Arc<Mutex<Option<Staged>>>>,
    offset: u64,
}

impl DurableUpload {
    pub(super) fn new(staged: Staged) -> Self {
        Self { staged: Some(Arc::new(Mutex::new(Some(staged)))), offset: 0 }
    }
}

fn ended() -> object_store::Error {
    object_store::Error::Generic { store: "DurableLocal", source: "the upload has ended".into() }
}

#[async_trait]
impl MultipartUpload for DurableUpload {
    fn put_part(&mut self, payload: PutPayload) -> UploadPart {
        let start = self.offset;
        self.offset += payload.content_length() as u64;
        let staged = self.staged.clone();
        blocking(move || {
            let staged = staged.ok_or_else(ended)?;
            let mut staged = staged.lock().unwrap_or_else(PoisonError::into_inner);
            let staged = staged.as_mut().ok_or_else(ended)?;
            store_failpoint!("lake.part");
            let mut offset = start;
            for chunk in payload.iter() {
                staged.write_at(offset, chunk)?;
                offset += chunk.len() as u64;
            }
            Ok(())
        })
        .boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let shared = self.staged.take().ok_or_else(ended)?;
        blocking(move || {
            let staged = shared.lock().unwrap_or_else(PoisonError::into_inner).take();
            let staged = staged.ok_or_else(ended)?;
            store_failpoint!("lake.complete");
            staged.publish(Publish::Replace)?;
            Ok(WRITTEN)
        })
        .await
    }

    async fn abort(&mut self) -> Result<()> {
        if let Some(shared) = self.staged.take() {
            blocking(move || {
                shared.lock().unwrap_or_else(PoisonError::into_inner).take();
                Ok(())
            })
            .await?;
        }
        Ok(())
    }
}
