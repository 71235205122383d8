//! Data files on their way into the lake.

use bytes::Bytes;
use object_store::{MultipartUpload, WriteMultipart};
use tidelake_core::{Error, Result};

use crate::error::store_error;

/// Parts of this size go to the store; S3 takes none smaller.
const PART_BYTES: usize = 5 << 20;
/// Parts in flight. Writing waits for one to end before it starts a third, so
/// that a file holds no more than some 15 MB of memory.
const PARTS: usize = 2;

/// A file that is being written. Nobody sees it before [`FileUpload::finish`];
/// dropped or aborted, nothing of it stays.
#[derive(Debug)]
pub struct FileUpload {
    /// Taken by the first error: what comes after it has no effect.
    upload: Option<WriteMultipart>,
    path: String,
    bytes: u64,
}

impl FileUpload {
    pub(crate) fn new(upload: Box<dyn MultipartUpload>, path: String) -> Self {
        let upload = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
        Self { upload: Some(upload), path, bytes: 0 }
    }

    /// Appends bytes. Waits while the store is slower than the writer.
    pub async fn write(&mut self, bytes: Bytes) -> Result<()> {
        let upload = self.upload.as_mut().ok_or_else(|| failed_before(&self.path))?;
        if let Err(e) = upload.wait_for_capacity(PARTS).await {
            self.discard().await;
            return Err(store_error(e, &self.path));
        }
        self.bytes += bytes.len() as u64;
        upload.put(bytes);
        Ok(())
    }

    /// Makes the file durable and visible. Returns its size.
    pub async fn finish(mut self) -> Result<u64> {
        let upload = self.upload.take().ok_or_else(|| failed_before(&self.path))?;
        upload.finish().await.map_err(|e| store_error(e, &self.path))?;
        Ok(self.bytes)
    }

    /// Removes what was written. What cannot be removed now is swept later.
    pub async fn abort(mut self) {
        self.discard().await;
    }

    async fn discard(&mut self) {
        if let Some(upload) = self.upload.take()
            && let Err(error) = upload.abort().await
        {
            tracing::warn!(path = %self.path, %error, "an unfinished file could not be removed");
        }
    }
}

fn failed_before(path: &str) -> Error {
    Error::unavailable("an earlier write to this file failed").with("file", path)
}
