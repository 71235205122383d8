//! Objects in parts: the plugin's numbers count from 0, S3's from 1 to 10,000.

use std::fmt::Write;

use tidelake_sdk::http::Method;
use tidelake_sdk::storage_backend::{Meta, ObjectVersion, PutMode};
use tidelake_sdk::{Error, ErrorKind, Result, log};

use crate::call::Call;
use crate::inclusive;
use crate::place::Place;
use crate::read::{quoted, version};
use crate::refusal::{Asked, Refusal};
use crate::write::{confirmed, source_of};
use crate::xml;

/// The most parts of an object.
const PARTS: u32 = 10_000;
/// Bytes of a part that the server copies.
const COPIED: u64 = 1 << 30;

/// Starts an upload. Nothing is seen of it, so a refusal says that there is none.
pub(crate) fn begin(place: &Place, path: &str) -> Result<String> {
    let call = Call::object(place, Method::Post, path)?.query("uploads", "").creating();
    let response = call.send()?;
    if response.status != 200 {
        return Err(Refusal::of(&response).error(Asked::Write).at(path));
    }
    let root = confirmed(&response, "InitiateMultipartUploadResult", Asked::Write);
    let root = root.map_err(|error| error.at(path))?;
    match root.get("UploadId") {
        Some(upload) if !upload.is_empty() => Ok(upload.to_owned()),
        _ => Err(Error::internal(format!("{path}: an upload without a name"))),
    }
}

/// S3's number of a part.
fn numbered(path: &str, number: u32) -> Result<String> {
    match number {
        0..PARTS => Ok((number + 1).to_string()),
        _ => Err(Error::exhausted(format!("{path}: S3 takes {PARTS} parts of an object, no more"))),
    }
}

/// Writes a part; answers with its etag.
pub(crate) fn part(
    place: &Place,
    path: &str,
    upload: &str,
    number: u32,
    bytes: Vec<u8>,
) -> Result<String> {
    let response = Call::object(place, Method::Put, path)?
        .query("partNumber", numbered(path, number)?)
        .query("uploadId", upload)
        .body(bytes)
        .send()?;
    if response.status != 200 {
        return Err(Refusal::of(&response).error(Asked::Write).at(path));
    }
    let etag = response.header("etag").and_then(quoted);
    etag.ok_or_else(|| Error::internal(format!("{path}: part {number} without an etag")))
}

/// Makes the object of its parts.
pub(crate) fn complete(
    place: &Place,
    path: &str,
    upload: &str,
    parts: &[String],
    mode: &PutMode,
) -> Result<ObjectVersion> {
    let mut body = String::from(
        r#"<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">"#,
    );
    for (number, etag) in (1..).zip(parts) {
        let etag = xml::escaped(etag);
        // A `String` takes whatever is written.
        let _ = write!(body, "<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>");
    }
    body.push_str("</CompleteMultipartUpload>");
    let response = Call::object(place, Method::Post, path)?
        .query("uploadId", upload)
        .body(body.into_bytes())
        .writing(mode)?
        .send()?;
    if response.status != 200 {
        let refusal = Refusal::of(&response);
        let error = refusal.error(mode.into()).at(path);
        return Err(match refusal.is("NoSuchUpload") {
            // It may be gone because it was completed.
            true => Error::internal(error.message()),
            false => error,
        });
    }
    let root = confirmed(&response, "CompleteMultipartUploadResult", mode.into());
    let root = root.map_err(|error| error.at(path))?;
    let etag = root.get("ETag").and_then(quoted);
    Ok(ObjectVersion { etag, version: version(&response) })
}

/// Drops an upload.
pub(crate) fn abort(place: &Place, path: &str, upload: &str) -> Result<()> {
    let response = Call::object(place, Method::Delete, path)?.query("uploadId", upload).send()?;
    if response.is_success() {
        return Ok(());
    }
    let refusal = Refusal::of(&response);
    match refusal.is("NoSuchUpload") || refusal.is("NoSuchKey") {
        true => Ok(()),
        false => Err(refusal.error(Asked::Write).at(path)),
    }
}

/// Copies an object in parts, so that the condition is that of an upload.
pub(crate) fn copy(
    place: &Place,
    source: &str,
    meta: &Meta,
    target: &str,
    mode: &PutMode,
) -> Result<()> {
    let upload = begin(place, target)?;
    let drop_upload = |upload: &str| {
        // What remains of it costs money and no more.
        if let Err(error) = abort(place, target, upload) {
            log::warn!("parts of {target} could not be removed: {error}");
        }
    };
    // Nobody sees the parts, whatever went wrong with them.
    let parts =
        copied(place, source, meta, target, &upload).inspect_err(|_| drop_upload(&upload))?;
    match complete(place, target, &upload, &parts, mode) {
        Ok(_) => Ok(()),
        Err(error) => {
            // What may have been completed is left alone.
            if !matches!(error.kind(), ErrorKind::Transient | ErrorKind::Internal) {
                drop_upload(&upload);
            }
            Err(error)
        }
    }
}

fn copied(
    place: &Place,
    source: &str,
    meta: &Meta,
    target: &str,
    upload: &str,
) -> Result<Vec<String>> {
    let mut parts = Vec::new();
    let mut start = 0;
    while start < meta.size {
        let end = meta.size.min(start + COPIED);
        let number = numbered(target, parts.len() as u32)?;
        let mut call = Call::object(place, Method::Put, target)?
            .query("partNumber", number)
            .query("uploadId", upload)
            .header("x-amz-copy-source", source_of(place, source)?)
            .header("x-amz-copy-source-range", inclusive(&(start..end))?);
        if let Some(etag) = &meta.etag {
            call = call.header("x-amz-copy-source-if-match", etag);
        }
        let response = call.send()?;
        let at = || format!("{source} to {target}");
        if response.status != 200 {
            let refusal = Refusal::of(&response);
            return Err(match refusal.status {
                412 => Error::transient("the source changed while it was copied"),
                _ => refusal.error(Asked::Write),
            }
            .at(at()));
        }
        let root = confirmed(&response, "CopyPartResult", Asked::Write).map_err(|e| e.at(at()))?;
        let etag = root.get("ETag").and_then(quoted);
        parts.push(etag.ok_or_else(|| Error::internal("a part without an etag").at(at()))?);
        start = end;
    }
    Ok(parts)
}
