//! The functions of `wasi:http/types` and `wasi:http/outgoing-handler`.

use std::time::Duration;

use http::uri::Authority;
use http::{HeaderMap, Method, Request, Uri};
use tidelake_core::config::HostRule;
use tracing::Level;
use wasmtime::component::{LinkerInstance, Resource, Val};
use wasmtime::{AsContextMut, Result, StoreContextMut, bail};

use super::HEADERS;
use super::fields;
use super::handles::{Entry, Head};
use super::streams::own;
use super::transport::{Failure, Incoming};
use crate::inert::Handle;
use crate::run::state::State;

pub(super) type Cx<'a> = StoreContextMut<'a, State>;
type Call = fn(Cx<'_>, &[Val]) -> Result<Option<Val>>;

/// Adds a function of `wasi:http`. One that is not known is left to its type.
pub(super) fn link(
    instance: &mut LinkerInstance<'_, State>,
    path: &str,
    name: &str,
) -> Result<bool> {
    let Some(call) = path.strip_prefix("wasi:http/").and_then(find) else { return Ok(false) };
    instance.func_new(name, move |mut cx: Cx<'_>, _, params, results| {
        cx.data().in_time()?;
        let answer = call(cx.as_context_mut(), params)?;
        if let (Some(slot), Some(value)) = (results.first_mut(), answer) {
            *slot = value;
        }
        cx.data().in_time()
    })?;
    Ok(true)
}

fn find(function: &str) -> Option<Call> {
    let (interface, function) = function.split_once('#')?;
    if interface == "outgoing-handler" {
        return (function == "handle").then_some(handle as Call);
    }
    Some(match function {
        "[constructor]fields" => |cx, _| fields::new(cx, HeaderMap::new()),
        "[static]fields.from-list" => fields::from_list,
        "[method]fields.get" => fields::get,
        "[method]fields.has" => fields::has,
        "[method]fields.set" => fields::set,
        "[method]fields.delete" => fields::delete,
        "[method]fields.append" => fields::append,
        "[method]fields.entries" => fields::entries,
        "[method]fields.clone" => fields::clone,
        "[constructor]outgoing-request" => request,
        "[method]outgoing-request.body" => body,
        "[method]outgoing-request.method" => method,
        "[method]outgoing-request.set-method" => set_method,
        "[method]outgoing-request.path-with-query" => |cx, p| text_of(cx, p, |h| h.path.clone()),
        "[method]outgoing-request.set-path-with-query" => set_path,
        "[method]outgoing-request.scheme" => scheme,
        "[method]outgoing-request.set-scheme" => set_scheme,
        "[method]outgoing-request.authority" => |cx, p| text_of(cx, p, |h| h.authority.clone()),
        "[method]outgoing-request.set-authority" => set_authority,
        "[method]outgoing-request.headers" => request_headers,
        "[constructor]request-options" => {
            |cx, _| own(cx, Entry::Options { first_byte: None }).map(Some)
        }
        "[method]request-options.first-byte-timeout" => first_byte,
        "[method]request-options.set-first-byte-timeout" => set_first_byte,
        "[method]outgoing-body.write" => write,
        "[static]outgoing-body.finish" => finish,
        "[method]future-incoming-response.subscribe" => subscribe,
        "[method]future-incoming-response.get" => response,
        "[method]incoming-response.status" => status,
        "[method]incoming-response.headers" => response_headers,
        "[method]incoming-response.consume" => consume,
        "[method]incoming-body.stream" => stream,
        "[static]incoming-body.finish" => trailers,
        "[method]future-trailers.get" => no_trailers,
        // The rest (timeouts that are not kept, servers) answers as its type does:
        // with the error, with none.
        _ => return None,
    })
}

/// The number behind a handle; an owned one is the host's from now on.
pub(super) fn number(cx: &mut Cx<'_>, params: &[Val], index: usize) -> Result<u32> {
    match params.get(index) {
        Some(Val::Resource(resource)) => {
            Ok(Resource::<Handle>::try_from_resource_any(*resource, &mut *cx)?.rep())
        }
        _ => bail!("a parameter is not the handle that it must be"),
    }
}

pub(super) fn text(value: Option<&Val>) -> Result<&str> {
    match value {
        Some(Val::String(text)) => Ok(text),
        _ => bail!("a parameter is not the text that it must be"),
    }
}

pub(super) fn bytes(value: &Val) -> Vec<u8> {
    let byte = |value: &Val| match value {
        Val::U8(byte) => *byte,
        _ => 0,
    };
    match value {
        Val::List(values) => values.iter().map(byte).collect(),
        _ => Vec::new(),
    }
}

fn optional(value: Option<&Val>) -> Option<&Val> {
    match value {
        Some(Val::Option(inner)) => inner.as_deref(),
        _ => None,
    }
}

pub(super) fn ok(value: Option<Val>) -> Result<Option<Val>> {
    Ok(Some(Val::Result(Ok(value.map(Box::new)))))
}

pub(super) fn err(value: Option<Val>) -> Result<Option<Val>> {
    Ok(Some(Val::Result(Err(value.map(Box::new)))))
}

pub(super) fn case(name: &str) -> Option<Val> {
    Some(Val::Variant(name.to_owned(), None))
}

pub(super) fn some(value: Option<Val>) -> Result<Option<Val>> {
    Ok(Some(Val::Option(value.map(Box::new))))
}

/// A handle of the wrong sort: only a broken host or engine makes one.
pub(super) fn odd<T>() -> Result<T> {
    bail!("a handle is not of the sort that it must be")
}

// --- requests

fn request(mut cx: Cx<'_>, params: &[Val]) -> Result<Option<Val>> {
    let number = number(&mut cx, params, 0)?;
    let handles = &mut cx.data_mut().handles;
    let Entry::Fields { map: headers, .. } = handles.take(number)? else { return odd() };
    let exchange = handles.exchange()?;
    let head =
        Head { exchange, method: Method::GET, plain: None, authority: None, path: None, headers };
    own(cx, Entry::Request(Box::new(head))).map(Some)
}

fn head<'a>(cx: &'a mut Cx<'_>, params: &[Val]) -> Result<&'a mut Head> {
    let number = number(cx, params, 0)?;
    match cx.data_mut().handles.get(number)? {
        Entry::Request(head) => Ok(head),
        _ => odd(),
    }
}

fn body(mut cx: Cx<'_>, params: &[Val]) -> Result<Option<Val>> {
    let exchange = head(&mut cx, params)?.exchange;
    if !cx.data_mut().handles.open_body(exchange) {
        return err(None);
    }
    let body = own(cx, Entry::Upload { exchange, streaming: false })?;
    ok(Some(body))
}

fn method(mut cx: Cx<'_>, params: &[Val]) -> Result<Option<Val>> {
    let method = head(&mut cx, params)?.method.as_str().to_owned();
    let known = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
    Ok(match known.contains(&method.as_str()) {
        true => case(&method.to_ascii_lowercase()),
        false => Some(Val::Variant("other".to_owned(), Some(Box::new(Val::String(method))))),
    })
}

fn set_method(mut cx: Cx<'_>, params: &[Val]) -> Result<Option<Val>> {
    let name = match params.get(1) {
        Some(Val::Variant(name, None)) => name.to_ascii_uppercase(),
        Some(Val::Variant(_, Some(other))) => text(Some(other))?.to_owned(),
        _ => return odd(),
    };
    // A tunnel would lead past everything that is looked at here.
    match Method::from_bytes(name.as_bytes()) {
        Ok(method) if method != Method::CONNECT => {
            head(&mut cx, params)?.method = method;
            ok(None)
        }
        _ => err(None),
    }
}

fn text_of(mut cx: Cx<'_>, params: &[Val], of: fn(&Head) -> Option<String>) -> Result<Option<Val>> {
    let text = of(head(&mut cx, params)?);
    some(text.map(Val::String))
}

fn set_path(mut cx: Cx<'_>, params: &[Val]) -> Result<Option<Val>> {
    let path =
        optional(params.get(1)).map(|path| text(Some(path)).map(str::to_owned)).transpose()?;
    let sound = |path: &String| {
        path.starts_with(['/', '?']) && path.parse::<http::uri::PathAndQuery>().is_ok()
    };
    if path.as_ref().is_some_and(|path| !sound(path)) {
        return err(None);
    }
    head(&mut cx, params)?.path = path;
    ok(None)
}

fn scheme(mut cx: Cx<'_>, params: &[Val]) -> Result<Option<Val>> {
    let plain = head(&mut cx, params)?.plain;
    some(plain.and_then(|plain| case(if plain { "HTTP" } else { "HTTPS" })))
}

fn set_scheme(mut cx: Cx<'_>, params: &[Val]) -> Result<Option<Val>> {
    let plain = match optional(params.get(1)) {
        None => None,
        Some(Val::Variant(name, _)) if name == "HTTP" => Some(true),
        Some(Val::Variant(name, _)) if name == "HTTPS" => Some(false),
        Some(_) => return err(None),
    };
    head(&mut cx, params)?.plain = plain;
    ok(None)
}

fn set_authority(mut cx: Cx<'_>, params: &[Val]) -> Result<Option<Val>> {
    let authority =
        optional(params.get(1)).map(|value| text(Some(value)).map(str::to_owned)).transpose()?;
    // A user before the host is how one host is made to look like another.
    let sound = |text: &String| !text.contains('@') && text.parse::<Authority>().is_ok();
    if authority.as_ref().is_some_and(|authority| !sound(authority)) {
        return err(None);
    }
    head(&mut cx, params)?.authority = authority;
    ok(None)
}

fn request_headers(mut cx: Cx<'_>, params: &[Val]) -> Result<Option<Val>> {
    let map = head(&mut cx, params)?.headers.clone();
    own(cx, Entry::Fields { map, frozen: true }).map(Some)
}

fn first_byte(mut cx: Cx<'_>, params: &[Val]) -> Result<Option<Val>> {
    let number = number(&mut cx, params, 0)?;
    match cx.data_mut().handles.get(number)? {
        Entry::Options { first_byte } => {
            some(first_byte.map(|t| Val::U64(u64::try_from(t.as_nanos()).unwrap_or(u64::MAX))))
        }
        _ => odd(),
    }
}

fn set_first_byte(mut cx: Cx<'_>, params: &[Val]) -> Result<Option<Val>> {
    let number = number(&mut cx, params, 0)?;
    let wanted = match optional(params.get(1)) {
        Some(Val::U64(nanos)) => Some(Duration::from_nanos(*nanos)),
        _ => None,
    };
    match cx.data_mut().handles.get(number)? {
        Entry::Options { first_byte } => *first_byte = wanted,
        _ => return odd(),
    }
    ok(None)
}

fn write(mut cx: Cx<'_>, params: &[Val]) -> Result<Option<Val>> {
    let number = number(&mut cx, params, 0)?;
    let exchange = match cx.data_mut().handles.get(number)? {
        Entry::Upload { streaming: true, .. } => return err(None),
        Entry::Upload { exchange, streaming } => {
            *streaming = true;
            *exchange
        }
        _ => return odd(),
    };
    let stream = own(cx, Entry::OutStream { exchange })?;
    ok(Some(stream))
}

fn finish(mut cx: Cx<'_>, params: &[Val]) -> Result<Option<Val>> {
    let body = number(&mut cx, params, 0)?;
    if let Some(Val::Resource(trailers)) = optional(params.get(1)) {
        let trailers = Resource::<Handle>::try_from_resource_any(*trailers, &mut cx)?.rep();
        let handles = &mut cx.data_mut().handles;
        if let Entry::Fields { map, .. } = handles.take(trailers)?
            && !map.is_empty()
        {
            handles.drop(body);
            return err(Some(Failure::internal("trailers are not sent").value()));
        }
    }
    let state = cx.data_mut();
    let Entry::Upload { exchange, .. } = state.handles.take(body)? else { return odd() };
    state.handles.finish(exchange, &state.shared.reach);
    ok(None)
}

fn handle(mut cx: Cx<'_>, params: &[Val]) -> Result<Option<Val>> {
    let request = number(&mut cx, params, 0)?;
    let mut limit = cx.data().handles.left();
    if let Some(Val::Resource(options)) = optional(params.get(1)) {
        let options = Resource::<Handle>::try_from_resource_any(*options, &mut cx)?.rep();
        if let Entry::Options { first_byte: Some(wanted) } = cx.data_mut().handles.take(options)? {
            limit = limit.min(wanted);
        }
    }
    let state = cx.data_mut();
    let Entry::Request(head) = state.handles.take(request)? else { return odd() };
    let exchange = head.exchange;
    match admitted(state, *head) {
        Ok(request) => {
            state.handles.hand_over(exchange, request, limit, &state.shared.reach);
            let future = own(cx, Entry::Future { exchange })?;
            ok(Some(future))
        }
        Err(failure) => {
            state.handles.forget(exchange);
            err(Some(failure.value()))
        }
    }
}

/// A request that may be sent.
fn admitted(state: &mut State, head: Head) -> std::result::Result<Request<()>, Failure> {
    let unusable = || Failure::plain("HTTP-request-URI-invalid");
    let authority: Authority =
        head.authority.as_deref().and_then(|text| text.parse().ok()).ok_or_else(unusable)?;
    let plain = head.plain.unwrap_or(false);
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
    let port = match authority.port() {
        Some(port) => port.as_str().parse().map_err(|_| unusable())?,
        None if plain => 80,
        None => 443,
    };
    if !state.shared.reach.hosts.iter().any(|rule| rule.allows(plain, &host, port)) {
        refused(state, plain, &host, port);
        return Err(Failure::plain("HTTP-request-denied"));
    }
    if fields::size(&head.headers) > HEADERS {
        return Err(Failure::headers_size(fields::size(&head.headers)));
    }
    let path = match head.path.as_deref() {
        None | Some("") => "/".to_owned(),
        Some(path) if path.starts_with('?') => format!("/{path}"),
        Some(path) => path.to_owned(),
    };
    let uri = Uri::builder()
        .scheme(if plain { "http" } else { "https" })
        .authority(authority)
        .path_and_query(path)
        .build()
        .map_err(|_| unusable())?;
    let mut request = Request::new(());
    *request.method_mut() = head.method;
    *request.uri_mut() = uri;
    *request.headers_mut() = head.headers;
    Ok(request)
}

/// Tells the operator of a request that was not sent.
fn refused(state: &mut State, plain: bool, host: &str, port: u16) {
    let entry = crate::text::clean(&HostRule::for_request(plain, host, port), 300);
    let name = &state.shared.name;
    let advice =
        format!("if plugin `{name}` may reach it, add {entry:?} to `hosts` under [plugin.{name}]");
    if state.journal.admit() {
        state.log(Level::WARN, &format!("a request to {entry} was refused; {advice}"));
    }
    state.refused = Some(advice);
}

/// Tells the operator what the guest cannot be told.
fn told(state: &mut State, failure: &Failure) {
    let Some(advice) = &failure.advice else { return };
    if state.journal.admit() {
        state.log(Level::WARN, &format!("a request failed: {advice}"));
    }
    state.refused = Some(advice.clone());
}

// --- answers

fn subscribe(mut cx: Cx<'_>, params: &[Val]) -> Result<Option<Val>> {
    let number = number(&mut cx, params, 0)?;
    let exchange = match cx.data_mut().handles.get(number)? {
        Entry::Future { exchange } => *exchange,
        _ => return odd(),
    };
    own(cx, Entry::Pollable { exchange }).map(Some)
}

fn response(mut cx: Cx<'_>, params: &[Val]) -> Result<Option<Val>> {
    let number = number(&mut cx, params, 0)?;
    let handles = &mut cx.data_mut().handles;
    let exchange = match handles.get(number)? {
        Entry::Future { exchange } => *exchange,
        _ => return odd(),
    };
    let result = |inner| some(Some(Val::Result(inner)));
    match handles.answer(exchange) {
        None => some(None),
        Some(None) => result(Err(None)),
        Some(Some(Ok(incoming))) => {
            let response = own(cx, Entry::Response(incoming))?;
            result(Ok(Some(Box::new(Val::Result(Ok(Some(Box::new(response))))))))
        }
        Some(Some(Err(failure))) => {
            told(cx.data_mut(), &failure);
            result(Ok(Some(Box::new(Val::Result(Err(Some(Box::new(failure.value()))))))))
        }
    }
}

fn incoming<'a>(cx: &'a mut Cx<'_>, params: &[Val]) -> Result<&'a mut Incoming> {
    let number = number(cx, params, 0)?;
    match cx.data_mut().handles.get(number)? {
        Entry::Response(incoming) => Ok(incoming),
        _ => odd(),
    }
}

fn status(mut cx: Cx<'_>, params: &[Val]) -> Result<Option<Val>> {
    Ok(Some(Val::U16(incoming(&mut cx, params)?.status)))
}

fn response_headers(mut cx: Cx<'_>, params: &[Val]) -> Result<Option<Val>> {
    let map = incoming(&mut cx, params)?.headers.clone();
    own(cx, Entry::Fields { map, frozen: true }).map(Some)
}

fn consume(mut cx: Cx<'_>, params: &[Val]) -> Result<Option<Val>> {
    match incoming(&mut cx, params)?.body.take() {
        None => err(None),
        body => {
            let body = own(cx, Entry::Download(body))?;
            ok(Some(body))
        }
    }
}

fn stream(mut cx: Cx<'_>, params: &[Val]) -> Result<Option<Val>> {
    let number = number(&mut cx, params, 0)?;
    let taken = match cx.data_mut().handles.get(number)? {
        Entry::Download(body) => body.take(),
        _ => return odd(),
    };
    match taken {
        None => err(None),
        Some(bytes) => {
            let stream = own(cx, Entry::InStream(bytes))?;
            ok(Some(stream))
        }
    }
}

fn trailers(mut cx: Cx<'_>, params: &[Val]) -> Result<Option<Val>> {
    let number = number(&mut cx, params, 0)?;
    let Entry::Download(_) = cx.data_mut().handles.take(number)? else { return odd() };
    own(cx, Entry::Trailers { taken: false }).map(Some)
}

/// There are none, once.
fn no_trailers(mut cx: Cx<'_>, params: &[Val]) -> Result<Option<Val>> {
    let number = number(&mut cx, params, 0)?;
    let Entry::Trailers { taken } = cx.data_mut().handles.get(number)? else { return odd() };
    let inner = match std::mem::replace(taken, true) {
        true => Val::Result(Err(None)),
        false => {
            Val::Result(Ok(Some(Box::new(Val::Result(Ok(Some(Box::new(Val::Option(None)))))))))
        }
    };
    some(Some(inner))
}
