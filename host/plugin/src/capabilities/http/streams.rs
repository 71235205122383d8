//! The functions of `wasi:io` that lead somewhere: streams are the guest's standard
//! output and error, or a body on its way out or in; pollables wait for answers.
//!
//! Bytes cross by typed functions: as dynamic values each would take forty.

use std::time::Instant;

use bytes::Bytes;
use wasmtime::component::{ComponentType, LinkerInstance, Lower, Resource, Val, WasmList};
use wasmtime::{AsContextMut, Result, StoreContextMut};

use super::handles::Entry;
use crate::inert::{self, Handle};
use crate::run::journal::Stream;
use crate::run::state::State;
use crate::stats::add_since;

type Cx<'a> = StoreContextMut<'a, State>;
type Own = Resource<Handle>;
type Answer<T> = std::result::Result<T, StreamError>;

/// What the guest's standard output takes at once.
const LINES: u64 = 4096;
/// What a body takes or gives at once.
const PIECE: u64 = 1 << 20;

/// `wasi:io/streams.stream-error`
#[derive(ComponentType, Lower)]
#[component(variant)]
enum StreamError {
    #[component(name = "last-operation-failed")]
    #[allow(dead_code)] // What fails is told by the request that the body belongs to.
    Failed(Own),
    #[component(name = "closed")]
    Closed,
}

/// Adds a function of `wasi:io` that is met here.
pub(super) fn link(
    instance: &mut LinkerInstance<'_, State>,
    path: &str,
    name: &str,
) -> Result<bool> {
    let Some(function) = path.strip_prefix("wasi:io/") else { return Ok(false) };
    match function {
        "streams#[method]output-stream.check-write" => {
            timed(instance, name, |cx, (stream,): (Own,)| Ok((check(cx, &stream),)))?;
        }
        "streams#[method]output-stream.write"
        | "streams#[method]output-stream.blocking-write-and-flush" => {
            timed(instance, name, |cx, (stream, bytes): (Own, WasmList<u8>)| {
                Ok((write(cx, &stream, &bytes),))
            })?;
        }
        "streams#[method]output-stream.flush" | "streams#[method]output-stream.blocking-flush" => {
            timed(instance, name, |_, (_,): (Own,)| Ok((Answer::Ok(()),)))?;
        }
        "streams#[method]input-stream.read" | "streams#[method]input-stream.blocking-read" => {
            timed(instance, name, |cx, (stream, most): (Own, u64)| Ok((read(cx, &stream, most),)))?;
        }
        "streams#[method]input-stream.skip" | "streams#[method]input-stream.blocking-skip" => {
            timed(instance, name, |cx, (stream, most): (Own, u64)| {
                Ok((read(cx, &stream, most).map(|bytes| bytes.len() as u64),))
            })?;
        }
        "poll#[method]pollable.ready" => {
            timed(instance, name, |mut cx, (pollable,): (Own,)| {
                Ok((cx.data_mut().handles.ready(pollable.rep()),))
            })?;
        }
        "poll#[method]pollable.block" => {
            timed(instance, name, |mut cx, (pollable,): (Own,)| {
                wait(cx.data_mut(), &[pollable.rep()]).map(|_| ())
            })?;
        }
        "poll#poll" => {
            timed(instance, name, |mut cx, (pollables,): (Vec<Own>,)| {
                let numbers: Vec<u32> = pollables.iter().map(Resource::rep).collect();
                if numbers.is_empty() {
                    wasmtime::bail!("it waits for nothing");
                }
                Ok((wait(cx.data_mut(), &numbers)?,))
            })?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// Waits for the first of some pollables; the time counts as waiting.
fn wait(state: &mut State, pollables: &[u32]) -> Result<Vec<u32>> {
    let start = Instant::now();
    let ready = state.handles.wait(pollables);
    add_since(&state.shared.counters.waiting, start);
    ready
}

/// Adds a function that looks at the deadline when it is entered and left.
fn timed<P, R>(
    instance: &mut LinkerInstance<'_, State>,
    name: &str,
    body: impl Fn(Cx<'_>, P) -> Result<R> + Send + Sync + 'static,
) -> Result<()>
where
    P: wasmtime::component::ComponentNamedList + wasmtime::component::Lift + 'static,
    R: wasmtime::component::ComponentNamedList + Lower + 'static,
{
    crate::bindings::v0_1::func(instance, name, body)
}

fn check(mut cx: Cx<'_>, stream: &Own) -> Answer<u64> {
    let handles = &mut cx.data_mut().handles;
    match handles.get(stream.rep()) {
        Ok(Entry::OutStream { exchange }) => {
            let exchange = *exchange;
            let room = handles.room(exchange).ok_or(StreamError::Closed)?;
            // None is left: more is an error, and not a reason to wait.
            if room == 0 { Err(StreamError::Closed) } else { Ok(PIECE.min(room as u64)) }
        }
        _ => Ok(LINES),
    }
}

fn write(mut cx: Cx<'_>, stream: &Own, bytes: &WasmList<u8>) -> Answer<()> {
    let bytes = bytes.as_le_slice(&cx).to_vec();
    let state = cx.as_context_mut();
    match stream.rep() {
        inert::STDOUT => print(state, Stream::Out, &bytes),
        inert::STDERR => print(state, Stream::Error, &bytes),
        number => {
            let handles = &mut cx.data_mut().handles;
            if let Ok(Entry::OutStream { exchange }) = handles.get(number) {
                let exchange = *exchange;
                return match handles.write(exchange, &bytes) {
                    true => Ok(()),
                    false => Err(StreamError::Closed),
                };
            }
        }
    }
    Ok(())
}

/// Output of the guest's runtime, to the log.
fn print(mut cx: Cx<'_>, stream: Stream, bytes: &[u8]) {
    cx.data_mut().print(stream, bytes);
}

fn read(mut cx: Cx<'_>, stream: &Own, most: u64) -> Answer<Bytes> {
    match cx.data_mut().handles.get(stream.rep()) {
        Ok(Entry::InStream(rest)) if !rest.is_empty() => {
            let most = most.min(PIECE).min(rest.len() as u64) as usize;
            Ok(rest.split_to(most))
        }
        // The end of a body, or of an input that never was.
        _ => Err(StreamError::Closed),
    }
}

/// A handle of something new.
pub(super) fn own(mut cx: Cx<'_>, entry: Entry) -> Result<Val> {
    let number = cx.data_mut().handles.add(entry)?;
    let resource = Resource::<Handle>::new_own(number);
    Ok(Val::Resource(resource.try_into_resource_any(cx)?))
}
