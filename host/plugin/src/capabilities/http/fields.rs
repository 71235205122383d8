//! The functions of `wasi:http/types.fields`: headers, which a guest may change until
//! they belong to a request or come with an answer.

use http::{HeaderMap, HeaderName, HeaderValue};
use wasmtime::Result;
use wasmtime::component::Val;

use super::HEADERS;
use super::calls::{Cx, bytes, case, err, number, odd, ok, text};
use super::handles::Entry;
use super::streams::own;

/// Headers that are the connection's and not the guest's.
const FORBIDDEN: &[&str] = &[
    "connection",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

pub(super) fn new(cx: Cx<'_>, map: HeaderMap) -> Result<Option<Val>> {
    own(cx, Entry::Fields { map, frozen: false }).map(Some)
}

/// A field as it may be sent, or the case of `header-error`.
fn field(name: &str, value: &[u8]) -> std::result::Result<(HeaderName, HeaderValue), &'static str> {
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| "invalid-syntax")?;
    if FORBIDDEN.contains(&name.as_str()) {
        return Err("forbidden");
    }
    Ok((name, HeaderValue::from_bytes(value).map_err(|_| "invalid-syntax")?))
}

pub(super) fn size(map: &HeaderMap) -> usize {
    map.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
}

/// Adds a field; beyond what any request may have it is refused at once.
fn put(map: &mut HeaderMap, name: &str, value: &[u8]) -> std::result::Result<(), &'static str> {
    let (name, value) = field(name, value)?;
    if size(map) + name.as_str().len() + value.len() > HEADERS {
        return Err("forbidden");
    }
    map.try_append(name, value).map(drop).map_err(|_| "forbidden")
}

pub(super) fn from_list(cx: Cx<'_>, params: &[Val]) -> Result<Option<Val>> {
    let mut map = HeaderMap::new();
    let Some(Val::List(entries)) = params.first() else { return odd() };
    for entry in entries {
        let Val::Tuple(pair) = entry else { return odd() };
        let value = pair.get(1).map(bytes).unwrap_or_default();
        if let Err(case_of) = put(&mut map, text(pair.first())?, &value) {
            return err(case(case_of));
        }
    }
    let made = new(cx, map)?;
    ok(made)
}

/// The fields behind the first parameter, and whether they are fixed.
fn map<'a>(cx: &'a mut Cx<'_>, params: &[Val]) -> Result<(&'a mut HeaderMap, bool)> {
    let number = number(cx, params, 0)?;
    match cx.data_mut().handles.get(number)? {
        Entry::Fields { map, frozen } => Ok((map, *frozen)),
        _ => odd(),
    }
}

fn list(value: &HeaderValue) -> Val {
    Val::List(value.as_bytes().iter().map(|byte| Val::U8(*byte)).collect())
}

pub(super) fn get(mut cx: Cx<'_>, params: &[Val]) -> Result<Option<Val>> {
    let name = text(params.get(1))?;
    let (map, _) = map(&mut cx, params)?;
    Ok(Some(Val::List(map.get_all(name).iter().map(list).collect())))
}

pub(super) fn has(mut cx: Cx<'_>, params: &[Val]) -> Result<Option<Val>> {
    let name = text(params.get(1))?;
    let (map, _) = map(&mut cx, params)?;
    Ok(Some(Val::Bool(map.contains_key(name))))
}

pub(super) fn set(mut cx: Cx<'_>, params: &[Val]) -> Result<Option<Val>> {
    let name = text(params.get(1))?;
    let Some(Val::List(values)) = params.get(2) else { return odd() };
    let (map, frozen) = map(&mut cx, params)?;
    if frozen {
        return err(case("immutable"));
    }
    let mut changed = map.clone();
    changed.remove(name);
    for value in values {
        if let Err(case_of) = put(&mut changed, name, &bytes(value)) {
            return err(case(case_of));
        }
    }
    *map = changed;
    ok(None)
}

pub(super) fn delete(mut cx: Cx<'_>, params: &[Val]) -> Result<Option<Val>> {
    let name = text(params.get(1))?;
    let (map, frozen) = map(&mut cx, params)?;
    if frozen {
        return err(case("immutable"));
    }
    map.remove(name);
    ok(None)
}

pub(super) fn append(mut cx: Cx<'_>, params: &[Val]) -> Result<Option<Val>> {
    let name = text(params.get(1))?;
    let value = params.get(2).map(bytes).unwrap_or_default();
    let (map, frozen) = map(&mut cx, params)?;
    if frozen {
        return err(case("immutable"));
    }
    match put(map, name, &value) {
        Ok(()) => ok(None),
        Err(case_of) => err(case(case_of)),
    }
}

pub(super) fn entries(mut cx: Cx<'_>, params: &[Val]) -> Result<Option<Val>> {
    let (map, _) = map(&mut cx, params)?;
    let pair = |(name, value): (&HeaderName, &HeaderValue)| {
        Val::Tuple(vec![Val::String(name.as_str().to_owned()), list(value)])
    };
    Ok(Some(Val::List(map.iter().map(pair).collect())))
}

pub(super) fn clone(mut cx: Cx<'_>, params: &[Val]) -> Result<Option<Val>> {
    let copy = map(&mut cx, params)?.0.clone();
    new(cx, copy)
}
