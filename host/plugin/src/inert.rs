//! What language runtimes import of WASI, met without giving anything away.
//!
//! A language's runtime imports files, clocks, environment and streams whatever a
//! plugin does: Rust's standard library and QuickJS that much, Python's interpreter
//! sockets and name look-up as well. The host answers, deterministically and without
//! effect: there are no files, no environment, no terminals and no network; the wall
//! clock stands still, the monotonic one advances by a fixed step a look, randomness
//! is a fixed sequence. Only what is written to standard output and error goes
//! anywhere: into the log. (Streams and pollables have more to them where requests may
//! be sent; they are those of `crate::capabilities::http` for every plugin.)
//!
//! That a plugin imports one of these is no grant. Nothing here reaches outside the
//! process: there is no socket behind `wasi:sockets`, every call is denied.
//!
//! The answers are made from the types that the component itself imports, so any
//! 0.2 version will do: a function that is not listed in [`answer`] returns the
//! most harmless value of its type (the error, none, empty, zero).

use wasmtime::component::types::{ComponentItem, Type};
use wasmtime::component::{Component, Linker, Resource, ResourceAny, ResourceType, Val};
use wasmtime::{Result, StoreContextMut, bail};

use crate::capabilities::http;
use crate::run::state::State;

/// Interfaces that are met, without their versions.
const INTERFACES: &[&str] = &[
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
    "wasi:sockets/instance-network",
    "wasi:sockets/ip-name-lookup",
    "wasi:sockets/network",
    "wasi:sockets/tcp",
    "wasi:sockets/tcp-create-socket",
    "wasi:sockets/udp",
    "wasi:sockets/udp-create-socket",
];

/// Random bytes that are answered at once.
const RANDOM_BYTES: u64 = 64 << 10;

/// What stands behind every WASI handle; its number says what it is. Those that lead
/// somewhere are in `crate::capabilities::http::handles`.
pub(crate) enum Handle {}

const NOTHING: u32 = 0;
/// The guest's standard output.
pub(crate) const STDOUT: u32 = 1;
/// The guest's standard error.
pub(crate) const STDERR: u32 = 2;

type Cx<'a> = StoreContextMut<'a, State>;

/// The state of a world in which nothing happens.
#[derive(Debug, Default)]
pub(crate) struct Inert {
    looks: u64,
    random: u64,
}

impl Inert {
    /// Nanoseconds since the start: one microsecond a look.
    fn now(&mut self) -> u64 {
        self.looks += 1;
        self.looks * 1_000
    }

    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z ^ (z >> 31)
    }
}

/// Whether an import is one of those that are met here.
pub(crate) fn meets(import: &str) -> bool {
    match import.split_once('@') {
        Some((interface, version)) => {
            INTERFACES.contains(&interface) && version.starts_with("0.2.")
        }
        None => false,
    }
}

/// Adds what the component imports of WASI; `wasi:http` where its kind may have it.
pub(crate) fn link(
    linker: &mut Linker<State>,
    component: &Component,
    may_reach_out: bool,
) -> Result<()> {
    let engine = component.engine();
    for (import, item) in component.component_type().imports(engine) {
        let ComponentItem::ComponentInstance(interface) = item.ty else { continue };
        let met = meets(import) || may_reach_out && http::meets(import);
        if !met {
            continue;
        }
        let mut instance = linker.instance(import)?;
        let family = import.split('@').next().unwrap_or(import);
        for (name, item) in interface.exports(engine) {
            match item.ty {
                ComponentItem::Resource(_) => {
                    let forget = |mut cx: Cx<'_>, number| {
                        cx.data_mut().handles.drop(number);
                        Ok(())
                    };
                    instance.resource(name, ResourceType::host::<Handle>(), forget)?;
                }
                ComponentItem::ComponentFunc(_) => {
                    let path = format!("{family}#{name}");
                    if http::link(&mut instance, &path, name)? {
                        continue;
                    }
                    instance.func_new(name, move |mut cx, ty, params, results| {
                        cx.data().in_time()?;
                        let answer = answer(&mut cx, &path, params, ty.results().next());
                        for param in params {
                            release(&mut cx, param)?;
                        }
                        if let (Some(slot), Some(value)) = (results.first_mut(), answer?) {
                            *slot = value;
                        }
                        cx.data().in_time()
                    })?;
                }
                _ => {}
            }
        }
    }
    Ok(())
}

fn answer(cx: &mut Cx<'_>, path: &str, params: &[Val], ty: Option<Type>) -> Result<Option<Val>> {
    Ok(Some(match path {
        "wasi:cli/exit#exit" | "wasi:cli/exit#exit-with-code" => {
            bail!("it ended its own process (exit)")
        }
        "wasi:cli/stdout#get-stdout" => handle(cx, STDOUT)?,
        "wasi:cli/stderr#get-stderr" => handle(cx, STDERR)?,
        "wasi:clocks/monotonic-clock#now" => Val::U64(cx.data_mut().inert.now()),
        "wasi:clocks/monotonic-clock#resolution" => Val::U64(1_000),
        "wasi:random/insecure-seed#insecure-seed"
        | "wasi:random/insecure-seed#get-insecure-seed" => {
            // Hash maps of guests iterate in the same order every time.
            Val::Tuple(vec![Val::U64(0x7469_6465), Val::U64(0x6c61_6b65)])
        }
        "wasi:random/random#get-random-u64" | "wasi:random/insecure#get-insecure-random-u64" => {
            Val::U64(cx.data_mut().inert.random())
        }
        "wasi:random/random#get-random-bytes"
        | "wasi:random/insecure#get-insecure-random-bytes" => match params.first() {
            Some(Val::U64(count)) if *count <= RANDOM_BYTES => {
                let inert = &mut cx.data_mut().inert;
                Val::List((0..*count).map(|_| Val::U8(inert.random() as u8)).collect())
            }
            _ => bail!("more than {RANDOM_BYTES} random bytes at once"),
        },
        _ => match ty {
            Some(ty) => harmless(cx, &ty)?,
            None => return Ok(None),
        },
    }))
}

fn handle(cx: &mut Cx<'_>, number: u32) -> Result<Val> {
    let resource = Resource::<Handle>::new_own(number);
    Ok(Val::Resource(resource.try_into_resource_any(&mut *cx)?))
}

/// The most harmless value of a type.
fn harmless(cx: &mut Cx<'_>, ty: &Type) -> Result<Val> {
    Ok(match ty {
        Type::Bool => Val::Bool(false),
        Type::S8 => Val::S8(0),
        Type::U8 => Val::U8(0),
        Type::S16 => Val::S16(0),
        Type::U16 => Val::U16(0),
        Type::S32 => Val::S32(0),
        Type::U32 => Val::U32(0),
        Type::S64 => Val::S64(0),
        Type::U64 => Val::U64(0),
        Type::Float32 => Val::Float32(0.0),
        Type::Float64 => Val::Float64(0.0),
        Type::Char => Val::Char(' '),
        Type::String => Val::String(String::new()),
        Type::List(_) => Val::List(vec![]),
        Type::Option(_) => Val::Option(None),
        Type::Flags(_) => Val::Flags(vec![]),
        Type::Record(record) => {
            let fields = record
                .fields()
                .map(|field| Ok((field.name.to_owned(), harmless(cx, &field.ty)?)))
                .collect::<Result<_>>()?;
            Val::Record(fields)
        }
        Type::Tuple(tuple) => {
            Val::Tuple(tuple.types().map(|ty| harmless(cx, &ty)).collect::<Result<_>>()?)
        }
        Type::Enum(names) => {
            // Of the errors of files and of sockets the one that fits: nothing may be
            // touched.
            let mut all = names.names();
            let fits = |name: &&str| matches!(*name, "access" | "access-denied");
            let first = names.names().next().unwrap_or_default();
            Val::Enum(all.find(fits).unwrap_or(first).to_owned())
        }
        Type::Variant(variant) => {
            // A case without a payload, if there is one: `closed` of streams.
            let mut cases = variant.cases();
            let first = match variant.cases().find(|case| case.ty.is_none()) {
                Some(case) => Some(case),
                None => cases.next(),
            };
            let Some(case) = first else { bail!("a variant without cases") };
            let payload = match &case.ty {
                Some(ty) => Some(Box::new(harmless(cx, ty)?)),
                None => None,
            };
            Val::Variant(case.name.to_owned(), payload)
        }
        Type::Result(result) => Val::Result(Err(match result.err() {
            Some(ty) => Some(Box::new(harmless(cx, &ty)?)),
            None => None,
        })),
        Type::Own(_) | Type::Borrow(_) => handle(cx, NOTHING)?,
        other => bail!("no harmless value of type {other:?}"),
    })
}

/// Gives back the handles among a call's parameters.
fn release(cx: &mut Cx<'_>, value: &Val) -> Result<()> {
    match value {
        Val::Resource(resource) => drop_handle(cx, *resource),
        Val::List(values) | Val::Tuple(values) => {
            values.iter().try_for_each(|value| release(cx, value))
        }
        Val::Record(fields) => fields.iter().try_for_each(|(_, value)| release(cx, value)),
        Val::Option(Some(value)) | Val::Variant(_, Some(value)) => release(cx, value),
        _ => Ok(()),
    }
}

fn drop_handle(cx: &mut Cx<'_>, resource: ResourceAny) -> Result<()> {
    // One that was looked at is gone already.
    let _ = Resource::<Handle>::try_from_resource_any(resource, &mut *cx);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_interfaces_of_wasi_0_2_are_met() {
        assert!(meets("wasi:cli/stderr@0.2.0"));
        assert!(meets("wasi:io/streams@0.2.9"));
        assert!(meets("wasi:sockets/tcp@0.2.4"));
        assert!(!meets("wasi:keyvalue/store@0.2.0"));
        assert!(!meets("wasi:http/outgoing-handler@0.2.0"));
        assert!(!meets("wasi:cli/stderr@0.3.0"));
        assert!(!meets("wasi:cli/stderr"));
    }
}
