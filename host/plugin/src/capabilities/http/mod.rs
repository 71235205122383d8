//! `wasi:http`: requests to the hosts that the operator lists, and nowhere else.
//!
//! This is our own implementation of `wasi:http/types`, `wasi:http/outgoing-handler`
//! and of the streams and pollables of `wasi:io` that they need, linked by the types
//! that the component imports, so that any 0.2 version will do. The crate
//! `wasmtime-wasi-http` would be less work, but it turns on the engine's async
//! fibers for every plugin, and brings the code of WASI's file system and sockets
//! into the process, which no plugin may ever reach. What is not there cannot be
//! reached by mistake.
//!
//! ```text
//! fields ─▶ outgoing-request ─▶ handle ─▶ future ─▶ incoming-response ─▶ body ─▶ stream
//!             └ body ─▶ stream ─▶ finish ┘    ▲
//!                                  transport ─┘ (a runtime of its own)
//! ```
//!
//! - A request is sent when it was both handed over and finished, whole, with its
//!   length: the servers of storage want to know it. An answer arrives whole as
//!   well. Both are bounded in size, so are headers.
//! - The host is looked at for every request; redirects are not followed, they are
//!   answers like any other. A refusal is `HTTP-request-denied` to the guest, and a
//!   line in the log that names the host and what to add to the configuration.
//! - A wait ends at the call's deadline at the latest, and so does the request.
//!
//! [`handles`] is what stands behind the guest's handles, [`calls`] the functions of
//! `wasi:http`, [`streams`] those of `wasi:io`, [`transport`] the way out.

mod calls;
mod fields;
pub(crate) mod handles;
mod streams;
pub(crate) mod transport;

use wasmtime::Result;
use wasmtime::component::LinkerInstance;

use crate::run::state::State;

/// Interfaces that are met, without their versions.
const INTERFACES: &[&str] = &["wasi:http/types", "wasi:http/outgoing-handler"];

/// Bytes of the body of a request, and of an answer.
pub(crate) const BODY: usize = 32 << 20;
/// Bytes of all names and values of headers.
pub(crate) const HEADERS: usize = 64 << 10;

/// Whether an import is one of those that are met here.
pub(crate) fn meets(import: &str) -> bool {
    match import.split_once('@') {
        Some((interface, version)) => {
            INTERFACES.contains(&interface) && version.starts_with("0.2.")
        }
        None => false,
    }
}

/// Adds one function of an interface, such as `wasi:io/poll#poll`, if it is one of
/// ours.
pub(crate) fn link(
    instance: &mut LinkerInstance<'_, State>,
    path: &str,
    name: &str,
) -> Result<bool> {
    Ok(streams::link(instance, path, name)? || calls::link(instance, path, name)?)
}
