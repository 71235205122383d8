//! Reading: what there is, and what is in it.

use jiff::Timestamp;
use tidelake_sdk::http::{Method, Response};
use tidelake_sdk::storage_backend::{Fetched, GetCondition, GetRange, ListRequest, Meta, Page};
use tidelake_sdk::{Error, ErrorKind, Result, log};

use crate::call::Call;
use crate::inclusive;
use crate::place::Place;
use crate::refusal::{Asked, Refusal};
use crate::xml::{self, Element};

/// One page of `ListObjectsV2`.
pub(crate) fn list(place: &Place, request: &ListRequest) -> Result<Page> {
    let mut call = Call::bucket(place, Method::Get)
        .query("list-type", "2")
        .query("prefix", place.below(&request.prefix)?);
    if request.delimited {
        call = call.query("delimiter", "/");
    }
    match (&request.token, &request.start_after) {
        (Some(token), _) => call = call.query("continuation-token", token),
        (None, Some(after)) => call = call.query("start-after", place.key(after)?),
        (None, None) => {}
    }
    let response = call.send()?;
    if response.status != 200 {
        let error = Refusal::of(&response).error(Asked::Read).at("listing");
        return Err(match error.kind() {
            // What cannot be listed is not empty.
            ErrorKind::NotFound => Error::invalid_input(error.message()),
            _ => error,
        });
    }
    listed(place, &response.body).map_err(|what| Error::internal(format!("listing: {what}")))
}

fn listed(place: &Place, body: &[u8]) -> Result<Page, String> {
    let root = xml::read_as(body, "ListBucketResult")?;
    let mut page = Page::default();
    for element in root.all("Contents") {
        let key = element.need("Key")?;
        match place.path(key) {
            Some(path) => page.objects.push(entry(path, element)?),
            // Such as `folder/`, which consoles make: nothing of a lake is called that.
            None => log::debug!("{key:?} is left out: no path has that key"),
        }
    }
    for element in root.all("CommonPrefixes") {
        let prefix = element.need("Prefix")?;
        let path = prefix.strip_suffix('/').and_then(|prefix| place.path(prefix));
        page.prefixes.extend(path.map(str::to_owned));
    }
    // What is left out of a listing is taken for not being there, so none ends early.
    page.next = match root.need("IsTruncated")? {
        "true" => Some(root.need("NextContinuationToken")?.to_owned()),
        "false" => None,
        other => return Err(format!("{other:?} for whether there is more")),
    };
    Ok(page)
}

fn entry(path: &str, element: &Element) -> Result<Meta, String> {
    let size = element.need("Size")?;
    let modified = element.need("LastModified")?;
    let time: Timestamp =
        modified.parse().map_err(|_| format!("{modified:?} as the time of {path}"))?;
    Ok(Meta {
        path: path.to_owned(),
        size: size.parse().map_err(|_| format!("{size:?} as the size of {path}"))?,
        modified: time.as_microsecond(),
        etag: element.get("ETag").and_then(quoted),
        version: None,
    })
}

/// What is known of an object.
pub(crate) fn head(place: &Place, path: &str, condition: &GetCondition) -> Result<Meta> {
    let response = Call::object(place, Method::Head, path)?.reading(condition).send()?;
    if response.status != 200 {
        return Err(Refusal::of(&response).error(condition.into()).at(path));
    }
    let size = response.header("content-length").and_then(|size| size.parse().ok());
    let size =
        size.ok_or_else(|| Error::internal(format!("{path}: an answer without a length")))?;
    meta(path, size, &response)
}

/// Some bytes of an object.
pub(crate) fn get(
    place: &Place,
    path: &str,
    range: &GetRange,
    condition: &GetCondition,
) -> Result<Fetched> {
    let (wanted, length) = match range {
        GetRange::Bounded(range) => (inclusive(range)?, range.end - range.start),
        GetRange::Offset(start) => (format!("bytes={start}-"), 32 << 20),
        GetRange::Suffix(0) => return beyond(place, path, range, condition),
        GetRange::Suffix(length) => (format!("bytes=-{length}"), *length),
    };
    let response = Call::object(place, Method::Get, path)?
        .header("range", wanted)
        .reading(condition)
        .limit(length)
        .send()?;
    let odd = |what: &str| Error::internal(format!("{path}: {what}"));
    match response.status {
        206 => {
            let range_header = response.header("content-range").unwrap_or_default();
            let (start, size) = content_range(range_header)
                .ok_or_else(|| odd("a part of an object without saying which"))?;
            let part = range.of(size)?;
            let got = start..start.saturating_add(response.body.len() as u64);
            if got != part {
                return Err(odd(&format!("bytes {got:?} where {part:?} were asked for")));
            }
            Ok(Fetched { meta: meta(path, size, &response)?, start, bytes: response.body })
        }
        // Servers need not heed ranges.
        200 => {
            let size = response.body.len() as u64;
            let part = range.of(size)?;
            let meta = meta(path, size, &response)?;
            let bytes = response.body[part.start as usize..part.end as usize].to_vec();
            Ok(Fetched { meta, start: part.start, bytes })
        }
        416 => beyond(place, path, range, condition),
        _ => Err(Refusal::of(&response).error(condition.into()).at(path)),
    }
}

/// A range that holds nothing, as S3 says: the size tells whether that may be so.
fn beyond(
    place: &Place,
    path: &str,
    range: &GetRange,
    condition: &GetCondition,
) -> Result<Fetched> {
    let meta = head(place, path, condition)?;
    let part = range.of(meta.size).map_err(|error| error.at(path))?;
    if !part.is_empty() {
        return Err(Error::transient(format!("{path}: changed while it was read")));
    }
    Ok(Fetched { meta, start: part.start, bytes: Vec::new() })
}

fn meta(path: &str, size: u64, response: &Response) -> Result<Meta> {
    let date = response.header("last-modified").unwrap_or_default();
    let time = jiff::fmt::rfc2822::parse(date)
        .map_err(|_| Error::internal(format!("{path}: {date:?} for when it was last written")))?;
    Ok(Meta {
        path: path.to_owned(),
        size,
        modified: time.timestamp().as_microsecond(),
        etag: response.header("etag").and_then(quoted),
        version: version(response),
    })
}

/// The version of an object, in a bucket that keeps several.
pub(crate) fn version(response: &Response) -> Option<String> {
    let version = response.header("x-amz-version-id");
    version.filter(|version| !version.is_empty() && *version != "null").map(str::to_owned)
}

/// An etag in its quotes, which some servers leave out in some answers.
pub(crate) fn quoted(etag: &str) -> Option<String> {
    match etag.trim() {
        "" => None,
        etag if etag.starts_with('"') || etag.starts_with("W/") => Some(etag.to_owned()),
        etag => Some(format!("\"{etag}\"")),
    }
}

/// The first byte and the size of the object, of `bytes 0-9/100`.
fn content_range(text: &str) -> Option<(u64, u64)> {
    let (range, size) = text.strip_prefix("bytes ")?.split_once('/')?;
    Some((range.split_once('-')?.0.trim().parse().ok()?, size.trim().parse().ok()?))
}
