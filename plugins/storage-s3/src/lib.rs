//! `s3`: keeps a lake on S3, and on what speaks its language: MinIO, Ceph, R2 and the
//! like, as far as they keep conditional writes.
//!
//! ```toml
//! [lake]
//! url = "s3://bucket/prefix"
//! options = { region = "eu-central-1" }
//!
//! [plugin.s3]
//! grants = ["wasi:http", "clock", "secrets"]
//! hosts = ["*.s3.eu-central-1.amazonaws.com"]
//!
//! [plugin.s3.secrets]
//! access_key = "env:AWS_ACCESS_KEY_ID"
//! secret_key = "env:AWS_SECRET_ACCESS_KEY"
//! ```
//!
//! [`options`] is what can be configured, [`place`] which URL an object has. A request is
//! a [`call`], signed by the crate `rusty-s3` as a URL that is good for a quarter of an
//! hour; the body is not signed but goes with its MD5, which the server compares.
//! [`xml`] reads what is answered, [`refusal`] what is refused, [`read`], [`write`] and
//! [`upload`] are the operations.
//!
//! # What the answers mean
//!
//! By S3's code where there is one, else by the status. A writing call answers with
//! `transient` or `internal` only where it is not known whether it was carried out.
//!
//! | answer | kind of the error |
//! |---|---|
//! | 412, to a write that must not replace | `already-exists` |
//! | 412, to a write or read under another condition; 304 | `precondition` |
//! | 404 `NoSuchKey`, to a write that replaces one state | `precondition` |
//! | 404 `NoSuchKey`, and any 404 without a body, as to `HEAD`; never to a listing | `not-found` |
//! | 404 `NoSuchBucket` | `invalid-input`: an absent bucket is not an empty one |
//! | 404 with a body without a code of S3: another kind of server | `invalid-input` |
//! | 409 `ConditionalRequestConflict`, `OperationAborted` | `transient`, never `already-exists`: two wrote at once, and neither need have won |
//! | 400, 401, 403 about keys, signatures, tokens, clocks and permissions | `denied`, with what to do |
//! | 301, 307, 400 with another region | `invalid-input`, with the region to configure |
//! | 501 `NotImplemented`: conditions mostly | `unsupported` |
//! | 404 `NoSuchUpload` on completing an upload | `internal`: it may have been completed |
//! | 408, 429, 5xx, `SlowDown`, `InternalError`, `BadDigest` | `transient`, with the pause that is asked for |
//! | 200 with an `<Error>`, to copying and to completing | as that error with its own status |
//! | any other 4xx | `invalid-input` |
//! | any other answer, or one that cannot be read | `internal` |
//! | none | as [`tidelake_sdk::http::send`] says |
//! | none, since a secret is not there | `denied` |
//!
//! # Repeating
//!
//! Nothing is sent twice here: a plugin cannot wait, and the host repeats what only
//! reads, and parts of uploads, after a `transient` answer. A conditional write is never
//! repeated, for the second would meet the first one's success.

mod call;
pub mod options;
mod place;
mod read;
mod refusal;
mod upload;
mod write;
mod xml;

#[cfg(test)]
mod tests;

use std::ops::Range;

use tidelake_sdk::storage_backend::{
    Fetched, GetCondition, GetRange, ListRequest, Meta, ObjectVersion, Page, PutMode,
    StorageBackend,
};
use tidelake_sdk::{Error, Result};

use crate::options::S3Options;
use crate::place::Place;

/// A bucket, or what is below a prefix of one.
#[derive(Debug)]
pub struct S3 {
    place: Place,
}

impl StorageBackend for S3 {
    const NAME: &'static str = "s3";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const DESCRIPTION: &'static str = "Keeps a lake on S3 and on what speaks its language.";
    type Options = S3Options;

    fn open(url: &str, options: S3Options) -> Result<Self> {
        Ok(Self { place: Place::new(url, options)? })
    }

    fn list(&self, request: &ListRequest) -> Result<Page> {
        read::list(&self.place, request)
    }

    fn head(&self, path: &str, condition: &GetCondition) -> Result<Meta> {
        read::head(&self.place, path, condition)
    }

    fn get(&self, path: &str, range: &GetRange, condition: &GetCondition) -> Result<Fetched> {
        read::get(&self.place, path, range, condition)
    }

    fn put(&self, path: &str, bytes: Vec<u8>, mode: &PutMode) -> Result<ObjectVersion> {
        write::put(&self.place, path, bytes, mode)
    }

    fn begin_upload(&self, path: &str) -> Result<String> {
        upload::begin(&self.place, path)
    }

    fn upload_part(&self, path: &str, upload: &str, number: u32, bytes: Vec<u8>) -> Result<String> {
        upload::part(&self.place, path, upload, number, bytes)
    }

    fn complete_upload(
        &self,
        path: &str,
        upload: &str,
        parts: &[String],
        mode: &PutMode,
    ) -> Result<ObjectVersion> {
        upload::complete(&self.place, path, upload, parts, mode)
    }

    fn abort_upload(&self, path: &str, upload: &str) -> Result<()> {
        upload::abort(&self.place, path, upload)
    }

    fn delete(&self, paths: &[String]) -> Result<Vec<Result<()>>> {
        write::delete(&self.place, paths)
    }

    fn copy(&self, source: &str, target: &str, mode: &PutMode) -> Result<()> {
        write::copy(&self.place, source, target, mode)
    }
}

/// A range as `Range` headers have it, the last byte included.
fn inclusive(range: &Range<u64>) -> Result<String> {
    match range.end.checked_sub(1) {
        Some(last) if last >= range.start => Ok(format!("bytes={}-{last}", range.start)),
        _ => Err(Error::invalid_input(format!("the range {range:?} is empty"))),
    }
}

tidelake_sdk::export_storage_backend!(S3);
