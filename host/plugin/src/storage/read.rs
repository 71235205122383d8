//! Reading objects: large ones in pieces that a guest can hold, all of one state.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use object_store::path::Path;
use object_store::{
    Attributes, GetOptions, GetRange, GetResult, GetResultPayload, OBJECT_STORE_COALESCE_DEFAULT,
    ObjectMeta, coalesce_ranges,
};
use tidelake_core::Error;

use super::StoreResult;
use super::backend::Backend;
use super::check;
use super::fault::{Expected, Fault, generic};
use crate::bindings::v0_1::ErrorCode;
use crate::bindings::v0_1::objects::{ByteRange, Condition, Range as Asked};

/// Bytes that are asked for at once.
const PIECE: u64 = 8 << 20;

/// Reads an object, or a range of it, or what is known of it.
pub(super) async fn get(
    backend: &Arc<Backend>,
    path: &Path,
    options: GetOptions,
) -> StoreResult<GetResult> {
    if let Some(range) = &options.range
        && let Err(error) = range.is_valid()
    {
        return Err(wrong_range(path, error.to_string()));
    }
    let (condition, expected) = condition(&options);
    if options.head {
        let meta = head(backend, path, condition, expected).await?;
        options.check_preconditions(&meta)?;
        let range = whole(path, options.range.as_ref(), meta.size)?;
        return Ok(result(meta, range, stream::empty().boxed()));
    }
    let Some(first) = first(options.range.as_ref()) else {
        return after_head(backend, path, options, condition, expected).await;
    };
    let wanted = options.range.clone();
    let got = piece(backend, path, first, condition.clone()).await;
    let (meta, got, bytes) = match got {
        Ok(got) => got,
        // Of an object without bytes there is no first one: it may be just that.
        Err(fault) if fault.code == Some(ErrorCode::InvalidInput) => {
            return match after_head(backend, path, options, condition, expected).await {
                // Then it was not the range, and the first error says more: that there
                // is no such bucket, say.
                Err(object_store::Error::NotFound { .. }) => Err(fault.into_store(path, expected)),
                read => read,
            };
        }
        Err(fault) => return Err(fault.into_store(path, expected)),
    };
    options.check_preconditions(&meta)?;
    let range = whole(path, wanted.as_ref(), meta.size)?;
    if got.start != range.start || got.end > range.end {
        let what = format!("bytes {got:?} of {path} where {range:?} were asked for");
        return Err(generic(backend.lie(&what).error));
    }
    let rest = rest(Arc::clone(backend), meta.clone(), got.end..range.end);
    let payload = stream::once(std::future::ready(Ok(bytes))).chain(rest).boxed();
    Ok(result(meta, range, payload))
}

/// Reads an object whose size must be known before the first byte is asked for.
async fn after_head(
    backend: &Arc<Backend>,
    path: &Path,
    options: GetOptions,
    condition: Condition,
    expected: Expected,
) -> StoreResult<GetResult> {
    let meta = head(backend, path, condition, expected).await?;
    options.check_preconditions(&meta)?;
    let range = whole(path, options.range.as_ref(), meta.size)?;
    let payload = rest(Arc::clone(backend), meta.clone(), range.clone());
    Ok(result(meta, range, payload))
}

fn result(
    meta: ObjectMeta,
    range: Range<u64>,
    payload: BoxStream<'static, StoreResult<Bytes>>,
) -> GetResult {
    let payload = GetResultPayload::Stream(payload);
    GetResult { payload, meta, range, attributes: Attributes::default() }
}

fn wrong_range(path: &Path, why: String) -> object_store::Error {
    generic(
        Error::input(format!("a range that an object does not have: {why}")).with("object", path),
    )
}

/// The condition that the guest is asked to check. Lists and `*` are checked by the
/// host alone, as are dates.
fn condition(options: &GetOptions) -> (Condition, Expected) {
    let single = |etag: &&String| *etag != "*" && !etag.contains(',');
    if let Some(etag) = options.if_match.as_ref().filter(single) {
        return (Condition::IfMatch(etag.clone()), Expected::READ_IF_MATCH);
    }
    if let Some(etag) = options.if_none_match.as_ref().filter(single) {
        return (Condition::IfNoneMatch(etag.clone()), Expected::READ_IF_CHANGED);
    }
    (Condition::Always, Expected::READ)
}

/// The first piece of what is wanted, if that can be said without knowing the size.
fn first(range: Option<&GetRange>) -> Option<Asked> {
    let from = |start: u64, end: u64| {
        Asked::Bounded(ByteRange { start, end: end.min(start.saturating_add(PIECE)) })
    };
    match range {
        None => Some(from(0, PIECE)),
        Some(GetRange::Bounded(range)) => Some(from(range.start, range.end)),
        Some(GetRange::Offset(start)) => Some(from(*start, u64::MAX)),
        Some(GetRange::Suffix(length)) if (1..=PIECE).contains(length) => {
            Some(Asked::Suffix(*length))
        }
        Some(GetRange::Suffix(_)) => None,
    }
}

/// All that is wanted of an object of this size.
fn whole(path: &Path, range: Option<&GetRange>, size: u64) -> StoreResult<Range<u64>> {
    match range {
        None => Ok(0..size),
        Some(range) => range.as_range(size).map_err(|e| wrong_range(path, e.to_string())),
    }
}

async fn head(
    backend: &Arc<Backend>,
    path: &Path,
    condition: Condition,
    expected: Expected,
) -> StoreResult<ObjectMeta> {
    let asked = path.clone();
    let work = move |store: &mut super::backend::Working| {
        let head = store.objects().head;
        let meta = store.ask(&head, |id| (id, asked.to_string(), condition.clone()))?;
        check::meta(meta, &asked).map_err(|what| store.lie(&what))
    };
    backend.read(work).await.map_err(|fault| fault.into_store(path, expected))
}

/// One piece, checked: what is known of the object, and which bytes these are.
async fn piece(
    backend: &Arc<Backend>,
    path: &Path,
    range: Asked,
    condition: Condition,
) -> Result<(ObjectMeta, Range<u64>, Bytes), Fault> {
    let asked = path.clone();
    let work = move |store: &mut super::backend::Working| {
        let get = store.objects().get;
        let fetched = store.ask(&get, |id| (id, asked.to_string(), range, condition.clone()))?;
        let wanted = |size: u64| match range {
            Asked::Bounded(range) => range.start..range.end.min(size),
            Asked::Offset(start) => start..size,
            Asked::Suffix(length) => size.saturating_sub(length)..size,
        };
        check::fetched(fetched, &asked, wanted).map_err(|what| store.lie(&what))
    };
    backend.read(work).await
}

/// The bytes that follow, as they are asked for, of the very state that the first
/// were of.
fn rest(
    backend: Arc<Backend>,
    meta: ObjectMeta,
    range: Range<u64>,
) -> BoxStream<'static, StoreResult<Bytes>> {
    let meta = Arc::new(meta);
    let next = move |range: Range<u64>| {
        let (backend, meta) = (Arc::clone(&backend), Arc::clone(&meta));
        async move {
            if range.is_empty() {
                return Ok(None);
            }
            let path = &meta.location;
            let end = range.end.min(range.start + PIECE);
            let condition = match &meta.e_tag {
                Some(etag) => Condition::IfMatch(etag.clone()),
                None => Condition::Always,
            };
            let asked = Asked::Bounded(ByteRange { start: range.start, end });
            let (now, got, bytes) = piece(&backend, path, asked, condition)
                .await
                .map_err(|fault| fault.into_store(path, Expected::READ_IF_MATCH))?;
            // A store without etags can still be seen to change.
            let same = now.e_tag == meta.e_tag
                && now.size == meta.size
                && now.last_modified == meta.last_modified;
            if !same {
                let changed = Error::conflict("the object changed while it was read");
                let source = changed.with("plugin", backend.name()).into();
                return Err(object_store::Error::Precondition { path: path.to_string(), source });
            }
            Ok(Some((bytes, got.end..range.end)))
        }
    };
    stream::try_unfold(range, next).boxed()
}

/// Several ranges, each complete. Near ones are read together.
pub(super) async fn ranges(
    backend: &Arc<Backend>,
    path: &Path,
    ranges: &[Range<u64>],
) -> StoreResult<Vec<Bytes>> {
    if let Some(range) = ranges.iter().find(|range| range.start >= range.end) {
        return Err(wrong_range(path, format!("{range:?} is empty")));
    }
    let fetch = |range: Range<u64>| {
        let (backend, path) = (Arc::clone(backend), path.clone());
        async move {
            match range.end - range.start {
                ..=PIECE => exactly(&backend, &path, range).await,
                _ => {
                    let wanted = Some(GetRange::Bounded(range.clone()));
                    let options = GetOptions { range: wanted, ..GetOptions::default() };
                    let got = get(&backend, &path, options).await?;
                    if got.range != range {
                        let what = format!("{range:?} of {} bytes", got.meta.size);
                        return Err(wrong_range(&path, what));
                    }
                    got.bytes().await
                }
            }
        }
    };
    coalesce_ranges(ranges, fetch, OBJECT_STORE_COALESCE_DEFAULT).await
}

/// One range, complete.
async fn exactly(backend: &Arc<Backend>, path: &Path, range: Range<u64>) -> StoreResult<Bytes> {
    let asked = path.to_string();
    let needed = range.end - range.start;
    let work = move |store: &mut super::backend::Working| {
        let get_ranges = store.objects().get_ranges;
        let wanted = vec![ByteRange { start: range.start, end: range.end }];
        let mut got = store.ask(&get_ranges, |id| (id, asked.clone(), wanted))?;
        match (got.pop(), got.len()) {
            (Some(bytes), 0) if bytes.len() as u64 == needed => Ok(bytes),
            (Some(bytes), 0) => {
                let what = format!("{} bytes of {asked} where {needed} were asked", bytes.len());
                Err(store.lie(&what))
            }
            (_, others) => Err(store.lie(&format!("{others} ranges more than the one of {asked}"))),
        }
    };
    backend.read(work).await.map_err(|fault| fault.into_store(path, Expected::READ))
}
