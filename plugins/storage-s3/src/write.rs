//! Writing whole objects, copying and deleting them.

use std::collections::HashMap;
use std::fmt::Write;

use tidelake_sdk::http::{Method, Response};
use tidelake_sdk::storage_backend::{GetCondition, GetRange, ObjectVersion, PutMode};
use tidelake_sdk::{Error, ErrorKind, Result};

use crate::call::Call;
use crate::place::Place;
use crate::read::{self, quoted, version};
use crate::refusal::{Asked, Refusal};
use crate::upload;
use crate::xml;

/// What is copied by way of this plugin, in bytes; more is copied by the server.
const CARRIED: u64 = 8 << 20;

/// Writes an object.
pub(crate) fn put(
    place: &Place,
    path: &str,
    bytes: Vec<u8>,
    mode: &PutMode,
) -> Result<ObjectVersion> {
    let call = Call::object(place, Method::Put, path)?.body(bytes).writing(mode)?;
    let response = call.creating().send()?;
    match response.status {
        200 => Ok(written(&response)),
        _ => Err(Refusal::of(&response).error(mode.into()).at(path)),
    }
}

fn written(response: &Response) -> ObjectVersion {
    ObjectVersion { etag: response.header("etag").and_then(quoted), version: version(response) }
}

/// What `x-amz-copy-source` wants to hear of an object.
pub(crate) fn source_of(place: &Place, path: &str) -> Result<String> {
    // As it stands in a URL of path style: encoded, the bucket first.
    let key = place.key(path)?;
    let base = place.url(None).path().len();
    let encoded = place.url(Some(&key)).path()[base..].to_owned();
    Ok(format!("{}/{encoded}", place.bucket.name()))
}

/// Copies an object. The condition of `CopyObject` is younger than the others, and a
/// server that does not know it would replace what is there: what must not be replaced
/// is written as any other object.
pub(crate) fn copy(place: &Place, source: &str, target: &str, mode: &PutMode) -> Result<()> {
    if *mode != PutMode::Overwrite {
        return carry(place, source, target, mode);
    }
    let response = Call::object(place, Method::Put, target)?
        .header("x-amz-copy-source", source_of(place, source)?)
        .creating()
        .send()?;
    let place = format!("{source} to {target}");
    if response.status != 200 {
        return Err(Refusal::of(&response).error(Asked::Write).at(place));
    }
    confirmed(&response, "CopyObjectResult", Asked::Write).map(drop).map_err(|e| e.at(place))
}

/// An answer of status 200 that can still be an error.
pub(crate) fn confirmed(response: &Response, name: &str, asked: Asked) -> Result<xml::Element> {
    let root = xml::read(&response.body).map_err(Error::internal)?;
    match root.name.as_str() {
        "Error" => Err(Refusal::within(response, &root).error(asked)),
        found if found == name => Ok(root),
        _ => Err(Error::internal(format!("an answer that is no <{name}>"))),
    }
}

fn carry(place: &Place, source: &str, target: &str, mode: &PutMode) -> Result<()> {
    let meta = read::head(place, source, &GetCondition::Always)?;
    if meta.size > CARRIED {
        return upload::copy(place, source, &meta, target, mode);
    }
    let bytes = match meta.size {
        0 => Vec::new(),
        size => {
            let range = GetRange::Bounded(0..size);
            let condition = meta.etag.clone().map_or(GetCondition::Always, GetCondition::IfMatch);
            let fetched = read::get(place, source, &range, &condition).map_err(|error| {
                match error.kind() {
                    // The condition was on the source, and was nobody's but ours.
                    ErrorKind::Precondition => {
                        Error::transient(format!("{source}: changed while it was copied"))
                    }
                    _ => error,
                }
            })?;
            fetched.bytes
        }
    };
    put(place, target, bytes, mode).map(drop)
}

/// Deletes objects.
pub(crate) fn delete(place: &Place, paths: &[String]) -> Result<Vec<Result<()>>> {
    match paths {
        [] => Ok(Vec::new()),
        [path] => Ok(vec![delete_one(place, path)]),
        paths => delete_many(place, paths),
    }
}

fn delete_one(place: &Place, path: &str) -> Result<()> {
    let response = Call::object(place, Method::Delete, path)?.send()?;
    if response.is_success() {
        return Ok(());
    }
    let refusal = Refusal::of(&response);
    match refusal.is("NoSuchKey") {
        true => Ok(()),
        false => Err(refusal.error(Asked::Write).at(path)),
    }
}

fn delete_many(place: &Place, paths: &[String]) -> Result<Vec<Result<()>>> {
    let mut body = String::from(r#"<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">"#);
    for path in paths {
        let key = place.key(path)?;
        // A `String` takes whatever is written.
        let _ = write!(body, "<Object><Key>{}</Key></Object>", xml::escaped(&key));
    }
    body.push_str("</Delete>");
    let response =
        Call::bucket(place, Method::Post).query("delete", "").body(body.into_bytes()).send()?;
    if response.status != 200 {
        return Err(Refusal::of(&response).error(Asked::Write).at("deleting"));
    }
    let root = confirmed(&response, "DeleteResult", Asked::Write).map_err(|e| e.at("deleting"))?;
    let mut answers: HashMap<&str, Option<Refusal>> = HashMap::new();
    for deleted in root.all("Deleted") {
        answers.insert(deleted.get("Key").unwrap_or_default(), None);
    }
    for error in root.all("Error") {
        let code = error.get("Code").unwrap_or_default();
        let refusal = Refusal::of_one(code, error.get("Message").unwrap_or_default());
        let refusal = Some(refusal).filter(|refusal| !refusal.is("NoSuchKey"));
        answers.insert(error.get("Key").unwrap_or_default(), refusal);
    }
    let one = |path: &String| match answers.get(place.key(path)?.as_str()) {
        Some(None) => Ok(()),
        Some(Some(refusal)) => Err(refusal.error(Asked::Write).at(path)),
        None => Err(Error::internal(format!("{path}: the server says nothing of its deletion"))),
    };
    Ok(paths.iter().map(one).collect())
}
