//! The whole file: `[hot]`, `[lake]`, `[engine]`, `[plugins]`, `[plugin.*]`, and the
//! tables.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use super::size::{format_bytes, parse_bytes, parse_millis};
use super::walk::{At, Section};
use super::{
    Config, EngineConfig, HostRule, HotConfig, Interruption, LakeConfig, PluginConfig, Runtime,
    SecretSource, StorageConfig, TrustConfig, table,
};
use crate::error::{Error, Result};

/// Less memory than this cannot sort and compress at the same time.
const LEAST_MEMORY: u64 = 64_000_000;

/// Reads the project. What is wrong goes to the section's problems; the values
/// of such keys are their defaults.
pub(super) fn read(mut root: Section<'_>) -> Config {
    let (hot, hot_path) = hot(&mut root);
    let (lake, lake_url) = lake(&mut root);
    let engine = engine(&mut root);
    let trust = trust(&mut root);
    check_apart(&root, &hot_path, &lake_url);

    let mut tables = BTreeMap::new();
    for (name, section) in root.named_sections("table") {
        if let Some(spec) = table::read(&name, section) {
            tables.insert(name.value, spec);
        }
    }
    let mut plugins = BTreeMap::new();
    for (name, section) in root.named_sections("plugin") {
        if check_plugin_name(&root, &name) {
            plugins.insert(name.value, plugin(section, &engine));
        }
    }
    Config { hot, lake, engine, tables, plugins, trust }
}

fn hot(root: &mut Section<'_>) -> (HotConfig, At<PathBuf>) {
    let default = PathBuf::from("hot");
    let mut path = At { value: default, span: 0..0 };
    if let Some(mut section) = root.section("hot") {
        if let Some(kind) = section.string("kind") {
            match kind.value {
                "embedded" => {}
                "postgres" | "postgresql" => section.problems.add_with_help(
                    kind.span,
                    "this version has no PostgreSQL hot store",
                    "write `kind = \"embedded\"`, the store that is built in",
                ),
                other => section.problems.add_with_help(
                    kind.span,
                    format!("{other:?} is not a kind of hot store"),
                    "write `kind = \"embedded\"`, the store that is built in",
                ),
            }
        }
        if let Some(found) = section.name("path") {
            path = At { value: PathBuf::from(found.value), span: found.span };
        }
    }
    (HotConfig::Embedded { path: path.value.clone() }, path)
}

fn lake(root: &mut Section<'_>) -> (LakeConfig, At<String>) {
    let mut url = At { value: "lake".to_owned(), span: 0..0 };
    let mut storage = None;
    if let Some(mut section) = root.section("lake") {
        if let Some(found) = section.name("url") {
            url = At { value: found.value.to_owned(), span: found.span };
        }
        let named = section.name("storage");
        let options = section.options("options");
        let scheme = url.value.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        let remote = scheme.filter(|scheme| scheme != "file");
        let problems = section.problems;
        match (remote, named) {
            (None, None) => {
                if section.has("options") {
                    problems.add_with_help(
                        section.span_of("options"),
                        "a lake in a directory has no `options`",
                        "leave them out, or give `url` a scheme such as s3://",
                    );
                }
            }
            (None, Some(named)) => problems.add_with_help(
                named.span,
                "a lake in a directory needs no `storage`",
                "leave it out, or give `url` a scheme such as s3://",
            ),
            (Some(_), Some(named)) if is_plugin_name(named.value) => {
                storage = Some(StorageConfig { plugin: named.value.to_owned(), options });
            }
            (Some(_), Some(named)) => problems.add_with_help(
                named.span,
                format!("{:?} cannot be the name of a plugin", named.value),
                "names of plugins have lower-case letters, digits and `-`",
            ),
            (Some(scheme), None) if is_plugin_name(&scheme) => {
                storage = Some(StorageConfig { plugin: scheme, options });
            }
            (Some(scheme), None) => problems.add_with_help(
                url.span.clone(),
                format!("no storage plugin can be named `{scheme}`, as this scheme is"),
                "name the one to use: `storage = \"<name>\"`",
            ),
        }
        if url.value.contains("://") && holds_user(&url.value) {
            problems.add_with_help(
                url.span.clone(),
                "the URL of the lake holds a user or a password",
                "leave them out, and give the plugin its secrets under [plugin.<name>.secrets]",
            );
        }
    }
    (LakeConfig { url: url.value.clone(), storage }, url)
}

/// Whether there is a user before the host of a URL.
fn holds_user(url: &str) -> bool {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    rest.split('/')
        .next()
        .is_some_and(|authority| authority.contains(':') && authority.contains('@'))
}

/// A lake inside the hot store, or around it, would be swept or evicted with it.
fn check_apart(root: &Section<'_>, hot: &At<PathBuf>, lake: &At<String>) {
    let lake_path = lake.value.strip_prefix("file://").unwrap_or(&lake.value);
    if lake_path.contains("://") {
        return;
    }
    let (a, b) = (plain(&hot.value), plain(Path::new(lake_path)));
    if a.starts_with(&b) || b.starts_with(&a) {
        let span = if lake.span.is_empty() { hot.span.clone() } else { lake.span.clone() };
        root.problems.add_with_help(
            span,
            "the hot store and the lake share a directory",
            "give each a directory of its own, neither inside the other",
        );
    }
}

fn plain(path: &Path) -> PathBuf {
    path.components().filter(|c| !matches!(c, Component::CurDir)).collect()
}

fn engine(root: &mut Section<'_>) -> EngineConfig {
    let mut engine = EngineConfig::default();
    if let Some(mut section) = root.section("engine") {
        let memory = section.parsed_with("memory", |text| match parse_bytes(text)? {
            bytes if bytes < LEAST_MEMORY => Err(Error::config(format!("{text:?} is too little"))
                .with_help(format!("give the engine {} or more", format_bytes(LEAST_MEMORY)))),
            bytes => Ok(bytes),
        });
        if let Some(memory) = memory {
            engine.memory = memory.value;
        }
        engine.threads = section.integer("threads", 1..1_025).map(|t| t.value as usize);
        if let Some(interrupt) = section.string("interrupt") {
            match interrupt.value {
                "polls" => engine.interrupt = Interruption::Polls,
                "epochs" => engine.interrupt = Interruption::Epochs,
                other => section.problems.add_with_help(
                    interrupt.span,
                    format!("{other:?} is not a way to stop plugins"),
                    "write \"polls\" or \"epochs\", or leave it out",
                ),
            }
        }
    }
    engine
}

fn trust(root: &mut Section<'_>) -> TrustConfig {
    let mut trust = TrustConfig::default();
    if let Some(mut section) = root.section("plugins") {
        for key in section.names("trusted_keys").map(|k| k.value).unwrap_or_default() {
            match is_public_key(&key.value) {
                true => trust.trusted_keys.push(key.value),
                false => section.problems.add_with_help(
                    key.span,
                    format!("{:?} is not a public key", key.value),
                    "write the line of the signer's .pub file that begins with RW: \
                     56 letters, digits, + and /",
                ),
            }
        }
        trust.allow_unsigned = section.boolean("allow_unsigned").is_some_and(|a| a.value);
    }
    trust
}

/// Whether a text has the form of a minisign public key: 42 bytes in base64, of
/// which the first two say that it is one.
pub(super) fn is_public_key(text: &str) -> bool {
    // The third letter holds the last bits of these two bytes, and two of the key's id.
    text.len() == 56
        && text.starts_with("RW")
        && (b'Q'..=b'T').contains(&text.as_bytes()[2])
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/')
}

fn grants(section: &mut Section<'_>) -> Vec<String> {
    let known = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b":/@.-".contains(&b);
    let mut grants = Vec::new();
    for grant in section.names("grants").map(|g| g.value).unwrap_or_default() {
        match grant.value.bytes().all(known) {
            true => grants.push(grant.value),
            false => section.problems.add_with_help(
                grant.span,
                format!("{:?} cannot be the name of a capability", grant.value),
                "write kv, secrets, clock, wasi:http, or what `tidelake plugin inspect` names",
            ),
        }
    }
    grants
}

fn plugin(mut section: Section<'_>, engine: &EngineConfig) -> PluginConfig {
    let mut config = PluginConfig::default();
    if let Some(runtime) = section.string("runtime") {
        match runtime.value {
            "wasm" => {}
            "native" => config.runtime = Runtime::Native,
            other => section.problems.add_with_help(
                runtime.span,
                format!("{other:?} is not a runtime"),
                "write `runtime = \"wasm\"` or `runtime = \"native\"`, or leave it out",
            ),
        }
    }
    config.source = section.name("source").map(|s| PathBuf::from(s.value));
    limits(&mut section, engine, &mut config);
    let unsigned = section.boolean("allow_unsigned");
    if let Some(unsigned) = &unsigned
        && unsigned.value
        && config.runtime == Runtime::Native
    {
        section.problems.add_with_help(
            unsigned.span.clone(),
            "a native plugin needs a signature, whatever `allow_unsigned` says",
            "sign it with `tidelake plugin sign`, and leave `allow_unsigned` out",
        );
    }
    config.allow_unsigned = unsigned.is_some_and(|a| a.value);
    config
}

/// What one plugin may use.
pub(super) fn limits(section: &mut Section<'_>, engine: &EngineConfig, config: &mut PluginConfig) {
    let memory = section.parsed_with("memory", |text| plugin_memory(text, engine));
    if let Some(memory) = memory {
        config.memory = memory.value;
    }
    let deadline = section.parsed_with("deadline", |text| match parse_millis(text)? {
        0 => Err(Error::config("no plugin can finish in no time").with_help("write 5s")),
        millis => Ok(millis),
    });
    if let Some(deadline) = deadline {
        config.deadline_ms = deadline.value;
    }
    config.grants = grants(section);
    config.hosts = hosts(section);
    config.secrets = secrets(section);
}

fn hosts(section: &mut Section<'_>) -> Vec<HostRule> {
    let entries = section.names("hosts").map(|hosts| hosts.value).unwrap_or_default();
    let mut hosts = Vec::new();
    for entry in entries {
        match entry.value.parse() {
            Ok(host) => hosts.push(host),
            Err(error) => section.problems.add_error(entry.span, "hosts", &error),
        }
    }
    hosts
}

fn secrets(section: &mut Section<'_>) -> BTreeMap<String, SecretSource> {
    let mut secrets = BTreeMap::new();
    let Some(pairs) = section.section("secrets") else { return secrets };
    let problems = pairs.problems;
    for (name, source) in pairs.pairs() {
        let inner = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
        if name.value.len() > 64 || !name.value.bytes().all(inner) {
            problems.add_with_help(
                name.span,
                format!("{:?} cannot be the name of a secret", name.value),
                "names of secrets have letters, digits, `_`, `.` and `-`",
            );
            continue;
        }
        match source.value.parse() {
            Ok(parsed) => drop(secrets.insert(name.value, parsed)),
            Err(error) => problems.add_error(source.span, &name.value, &error),
        }
    }
    secrets
}

fn plugin_memory(text: &str, engine: &EngineConfig) -> Result<u64> {
    let bytes = parse_bytes(text)?;
    if bytes < 1 << 20 {
        return Err(Error::config(format!("{text:?} is too little for any plugin"))
            .with_help("give it 1MiB or more; the default is 64MB"));
    }
    if bytes > 1 << 32 {
        return Err(Error::config(format!("{text:?} is more than WebAssembly can address"))
            .with_help("give it 4GiB or less"));
    }
    if bytes > engine.memory {
        let all = format_bytes(engine.memory);
        return Err(Error::config(format!(
            "{text:?} is more than the engine itself may use ({all})"
        ))
        .with_help("raise `memory` in [engine], or lower it here"));
    }
    Ok(bytes)
}

fn check_plugin_name(root: &Section<'_>, name: &At<String>) -> bool {
    let good = is_plugin_name(&name.value);
    if !good {
        root.problems.add_with_help(
            name.span.clone(),
            format!("{:?} cannot be the name of a plugin", name.value),
            "names of plugins have lower-case letters, digits and `-`",
        );
    }
    good
}

/// Whether plugins may be called so: `[a-z][a-z0-9-]*`, at most 64 bytes. The name
/// becomes part of a file name.
pub fn is_plugin_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}
