//! Looking at a plugin file without running any of it.
//!
//! Everything that can be refused by name is refused here, before compilation:
//! compiling costs seconds and its errors speak of types and offsets, not of
//! what to do.

use std::path::Path;

use tidelake_core::config::Runtime;
use tidelake_core::plugin::PluginKind;
use tidelake_core::{Error, Result};
use wasmparser::{BinaryReader, Chunk, Parser, Payload};

use crate::bindings::VERSIONS;
use crate::capabilities::{self, http};
use crate::native::look;
use crate::trust::grants;
use crate::{inert, text};

const PACKAGE: &str = "tidelake:plugin/";
const BUILD: &str = "build it with `cargo build --target wasm32-wasip2` and the tidelake SDK";

/// What each kind of plugin may import of the package; see `wit/world.wit`.
fn imports_of(kind: PluginKind) -> &'static [&'static str] {
    match kind {
        PluginKind::FormatWriter => &["types", "arrow", "codec", "log", "metrics", "config"],
        PluginKind::Transform | PluginKind::Downsampler => {
            &["types", "arrow", "log", "metrics", "config"]
        }
        PluginKind::StorageBackend => {
            &["types", "objects", "log", "metrics", "config", "clock", "secrets"]
        }
        PluginKind::Source => {
            &["types", "arrow", "log", "metrics", "config", "clock", "kv", "secrets"]
        }
    }
}

/// What can be seen of a plugin file.
#[derive(Debug)]
pub(crate) struct Inspected {
    pub(crate) kind: PluginKind,
    /// The version of the package that it was built for, or of the native interface.
    pub(crate) version: String,
    /// What it runs in.
    pub(crate) runtime: Runtime,
    /// The names of all that it imports.
    pub(crate) imports: Vec<String>,
}

fn refusal(name: &str, path: &Path, what: &str) -> Error {
    Error::plugin(format!("plugin `{name}` cannot be loaded: {what}"))
        .with("plugin", name)
        .with("path", path.display())
}

/// Looks at a plugin file: whether it is a plugin, for which version, of which kind.
pub(crate) fn inspect(name: &str, path: &Path, bytes: &[u8]) -> Result<Inspected> {
    if look::is_library(bytes) {
        return Ok(Inspected {
            kind: look::kind(name, path, bytes)?,
            version: tidelake_columns::native::ABI.to_string(),
            runtime: Runtime::Native,
            imports: Vec::new(),
        });
    }
    let refuse = |what: String| refusal(name, path, &what);
    header(bytes).map_err(|(what, help)| refuse(what.to_owned()).with_help(help))?;
    let names = Names::read(bytes).map_err(|error| {
        refuse("the file is damaged or cut short".to_owned())
            .with_source(error)
            .with_help("fetch or build it again, and compare its size with the original's")
    })?;

    // Version first: of a plugin for another version nothing else means anything.
    for item in names.imports.iter().chain(&names.exports) {
        if let Some((_, version)) = ours(item)
            && !VERSIONS.contains(&version)
        {
            let version = text::clean(version, 64);
            let host = VERSIONS.join(", ");
            return Err(refuse(format!(
                "it was built for version {version} of tidelake:plugin, \
                 this host speaks version {host}"
            ))
            .with_help(
                "build the plugin with the SDK of a version that both speak, or change the host",
            ));
        }
    }

    let kinds = [
        PluginKind::FormatWriter,
        PluginKind::Transform,
        PluginKind::Downsampler,
        PluginKind::StorageBackend,
        PluginKind::Source,
    ];
    let exports = |wanted: &str| {
        names.exports.iter().any(|item| ours(item).is_some_and(|(name, _)| name == wanted))
    };
    let found: Vec<PluginKind> =
        kinds.into_iter().filter(|kind| exports(&kind.to_string())).collect();
    let kind = match found[..] {
        [kind] if exports("meta") => kind,
        [kind] => {
            return Err(refuse(format!("it is a {kind}, but does not say what it is (`meta`)"))
                .with_help(BUILD));
        }
        [] => {
            return Err(
                refuse("it is a component, but not a tidelake plugin".to_owned()).with_help(BUILD)
            );
        }
        _ => {
            let kinds: Vec<String> = found.iter().map(ToString::to_string).collect();
            return Err(refuse(format!("it is several things at once: {}", kinds.join(", ")))
                .with_help("make one plugin of each"));
        }
    };

    let version = names.exports.iter().find_map(|item| ours(item)).map_or("", |(_, v)| v);
    Ok(Inspected {
        kind,
        version: version.to_owned(),
        runtime: Runtime::Wasm,
        imports: names.imports,
    })
}

/// Checks that this host has what the plugin imports, for a plugin of its kind.
/// Whether it was granted is another question, asked before.
pub(crate) fn offered(name: &str, path: &Path, plugin: &Inspected) -> Result<()> {
    let kind = plugin.kind;
    for import in &plugin.imports {
        let there = match ours(import) {
            Some((interface, _)) => imports_of(kind).contains(&interface),
            None => inert::meets(import) || capabilities::possible(kind) && http::meets(import),
        };
        if !there {
            let granted = match grants::capability(import) {
                Some(_) => "; a grant does not change that",
                None => "",
            };
            let import = text::clean(import, 256);
            let what = format!("it imports `{import}`, which this host does not offer to a {kind}");
            let network = match capabilities::possible(kind) {
                true => "of WASI wasi:http/outgoing-handler 0.2 and its types",
                false => "has no network",
            };
            return Err(refusal(name, path, &what).with_help(format!(
                "a {kind} may import {} of tidelake:plugin, and {network}{granted}",
                imports_of(kind).join(", ")
            )));
        }
    }
    Ok(())
}

/// The first eight bytes.
fn header(bytes: &[u8]) -> std::result::Result<(), (&'static str, &'static str)> {
    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
    const MODULE: &[u8] = b"\0asm\x01\0\0\0";
    if bytes.starts_with(COMPONENT) {
        return Ok(());
    }
    if bytes.starts_with(MODULE) {
        return Err(("it is a WebAssembly module, not a component", BUILD));
    }
    let again = "fetch or build it again";
    if bytes.is_empty() {
        return Err(("the file is empty", again));
    }
    if bytes.len() < 8 && b"\0asm".starts_with(&bytes[..bytes.len().min(4)]) {
        return Err(("the file is damaged or cut short", again));
    }
    if bytes.starts_with(b"\0asm") {
        return Err(("it is WebAssembly of a version that this host does not know", BUILD));
    }
    Err(("the file is not WebAssembly", BUILD))
}

/// Interface and version of a name of our own package.
fn ours(name: &str) -> Option<(&str, &str)> {
    let rest = name.strip_prefix(PACKAGE)?;
    Some(rest.split_once('@').unwrap_or((rest, "unknown")))
}

/// Top-level imports and exports.
#[derive(Debug, Default)]
struct Names {
    imports: Vec<String>,
    exports: Vec<String>,
}

impl Names {
    fn read(bytes: &[u8]) -> wasmparser::Result<Self> {
        let mut names = Self::default();
        let (mut parser, mut at) = (Parser::new(0), 0);
        loop {
            let left = bytes.get(at..).unwrap_or_default();
            let Chunk::Parsed { consumed, payload } = parser.parse(left, true)? else {
                // There is never more to come.
                return Ok(names);
            };
            at += consumed;
            match payload {
                // The compiler reads what is inside.
                Payload::ModuleSection { unchecked_range: inside, .. }
                | Payload::ComponentSection { unchecked_range: inside, .. } => {
                    at = usize::try_from(inside.end).unwrap_or(usize::MAX);
                    if at > bytes.len() {
                        BinaryReader::new(left, inside.start).read_bytes(left.len() + 1)?;
                    }
                }
                Payload::End(_) => return Ok(names),
                Payload::ComponentImportSection(section) => {
                    for import in section {
                        names.imports.push(import?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(section) => {
                    for export in section {
                        names.exports.push(export?.name.name.to_owned());
                    }
                }
                _ => {}
            }
        }
    }
}
