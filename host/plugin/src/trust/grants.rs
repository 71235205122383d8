//! Capabilities: what a plugin imports beyond what every plugin of its world has.
//!
//! A component's imports are all that it can ever reach, so they are the list of
//! what it wants. What worlds and language runtimes import as a matter of course
//! gives nothing away and needs no word; everything else is a capability, and the
//! operator grants it by name or the plugin does not start. Capabilities are
//! granted without versions, and the parts of `wasi:http` as one.

use std::collections::BTreeSet;

use crate::inert;

const PACKAGE: &str = "tidelake:plugin/";

/// Interfaces of our package that touch nothing but the data at hand.
const ORDINARY: [&str; 7] = ["types", "arrow", "objects", "codec", "log", "metrics", "config"];

/// The capability that an import stands for; `None` for those that need no grant.
pub fn capability(import: &str) -> Option<String> {
    if inert::meets(import) {
        return None;
    }
    let name = name(import);
    match ORDINARY.contains(&name.as_str()) && import.starts_with(PACKAGE) {
        true => None,
        false => Some(name),
    }
}

/// The name of a capability, however it was written: `kv`, `tidelake:plugin/kv` and
/// `tidelake:plugin/kv@0.1.0` are the same, as are `wasi:http` and its interfaces.
pub fn name(text: &str) -> String {
    let text = text.split_once('@').map_or(text, |(interface, _)| interface);
    if text == "wasi:http" || text.starts_with("wasi:http/") {
        return "wasi:http".to_owned();
    }
    text.strip_prefix(PACKAGE).unwrap_or(text).to_owned()
}

/// All capabilities of some imports.
pub fn capabilities<'a>(imports: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    imports.into_iter().filter_map(capability).collect()
}

/// The imports that were not granted.
pub(crate) fn ungranted<'a>(imports: &'a [String], granted: &BTreeSet<String>) -> Vec<&'a str> {
    let refused = |import: &&String| capability(import).is_some_and(|c| !granted.contains(&c));
    imports.iter().filter(refused).map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_plugin_imports_needs_no_grant() {
        for import in [
            "tidelake:plugin/types@0.1.0",
            "tidelake:plugin/codec@0.1.0",
            "wasi:io/streams@0.2.6",
            "wasi:clocks/wall-clock@0.2.0",
            // Of Python; there is no socket behind it.
            "wasi:sockets/tcp@0.2.4",
        ] {
            assert_eq!(capability(import), None, "{import}");
        }
    }

    #[test]
    fn everything_else_is_a_capability() {
        for (import, name) in [
            ("tidelake:plugin/kv@0.1.0", "kv"),
            ("tidelake:plugin/clock@0.2.0", "clock"),
            ("wasi:http/outgoing-handler@0.2.3", "wasi:http"),
            ("wasi:http/types@0.2.3", "wasi:http"),
            ("wasi:httpx/types@0.2.3", "wasi:httpx/types"),
            ("wasi:keyvalue/store@0.2.0", "wasi:keyvalue/store"),
            // A name of ours without our package, a runtime's without a version.
            ("codec", "codec"),
            ("wasi:cli/stderr", "wasi:cli/stderr"),
            ("evil:own/codec@0.1.0", "evil:own/codec"),
        ] {
            assert_eq!(capability(import).as_deref(), Some(name), "{import}");
        }
    }

    #[test]
    fn grants_are_compared_by_capability() {
        let imports = [
            "tidelake:plugin/kv@0.1.0",
            "wasi:http/types@0.2.3",
            "wasi:http/outgoing-handler@0.2.3",
        ]
        .map(str::to_owned);
        let granted = |names: &[&str]| names.iter().map(|n| name(n)).collect();
        assert_eq!(ungranted(&imports, &granted(&["kv"])).len(), 2);
        assert!(
            ungranted(&imports, &granted(&["tidelake:plugin/kv", "wasi:http/types"])).is_empty()
        );
        assert_eq!(ungranted(&imports, &granted(&[])).len(), 3);
    }
}
