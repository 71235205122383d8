//! `tidelake.lock`: which plugins were added, exactly, and what they may do.
//!
//! ```toml
//! version = 1
//!
//! [plugin.spread]
//! version = "0.1.0"
//! sha256 = "..."                                # of the file that was added
//! signer = { id = "6A2B...", key = "RW..." }    # or: unsigned = true
//! grants = []                                   # all that it imports beyond its world
//! source = "../spread.wasm"                     # where it was added from
//! ```
//!
//! The text is meant to be committed beside `tidelake.toml` and read in reviews, so
//! the same lock is always the same text. Nothing is implied: an entry without a
//! signer says `unsigned = true`, so that a deleted line never weakens it.

use std::collections::BTreeMap;
use std::fmt;

use super::problem::Problems;
use super::project::{is_plugin_name, is_public_key};
use super::walk::Section;
use super::{Problem, syntax};

/// The shape that this version reads and writes.
const VERSION: i64 = 1;

/// The plugins that were added.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lock {
    /// By name.
    pub plugins: BTreeMap<String, Locked>,
}

/// One plugin, pinned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locked {
    /// What it said its version is.
    pub version: String,
    /// SHA-256 of its file, in hex.
    pub sha256: String,
    /// Who signed it; `None`: it was added although nobody had.
    pub signer: Option<Signer>,
    /// The capabilities that it imports and was granted.
    pub grants: Vec<String>,
    /// Where it was added from.
    pub source: String,
}

/// The key that a plugin was signed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// Its short name, 16 hex digits.
    pub id: String,
    /// The public key, `RW...`.
    pub key: String,
}

impl Lock {
    /// Reads a lock; on failure, everything that is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Vec<Problem>> {
        let problems = Problems::default();
        let lock = syntax::read(text, &problems)
            .map(|document| read(Section::root(&problems, document.as_table())));
        match (lock, problems.into_sorted()) {
            (Some(lock), problems) if problems.is_empty() => Ok(lock),
            (_, problems) => Err(problems),
        }
    }
}

fn read(mut root: Section<'_>) -> Lock {
    let version = root.integer("version", 1..i64::MAX).map(|v| v.value);
    if version.is_none() && !root.has("version") {
        root.problems.add_missing(0..0, "the lock does not say its `version`", "write version = 1");
    }
    let mut lock = Lock::default();
    if let Some(newer) = version.filter(|v| *v != VERSION) {
        root.problems.add_with_help(
            root.span_of("version"),
            format!("the lock is of version {newer}, this tidelake reads version {VERSION}"),
            "use the tidelake that wrote it",
        );
        // Its keys mean what this version cannot know.
        root.named_sections("plugin").into_iter().for_each(|(_, section)| section.forget());
        root.forget();
        return lock;
    }
    for (name, section) in root.named_sections("plugin") {
        if !is_plugin_name(&name.value) {
            let message = format!("{:?} cannot be the name of a plugin", name.value);
            section.problems.add(name.span.clone(), message);
        }
        if let Some(locked) = locked(section) {
            lock.plugins.insert(name.value, locked);
        }
    }
    lock
}

fn locked(mut section: Section<'_>) -> Option<Locked> {
    let version = required(&mut section, "version", "a version", |_| true);
    let sha256 = required(&mut section, "sha256", "64 hexadecimal digits", |text| {
        text.len() == 64 && is_lower_hex(text)
    });
    let source = required(&mut section, "source", "a place", |_| true);
    let grants = section.names("grants").map(|g| g.value).unwrap_or_default();
    let unsigned = section.boolean("unsigned").is_some_and(|u| u.value);
    let signer = section.section("signer").map(signer);
    if signer.is_some() == unsigned {
        section.problems.add_missing(
            section.span.clone(),
            "the entry must have either a `signer` or `unsigned = true`",
            "add the plugin again with `tidelake plugin add`",
        );
    }
    Some(Locked {
        version: version?,
        sha256: sha256?,
        signer: signer.flatten(),
        grants: grants.into_iter().map(|grant| grant.value).collect(),
        source: source?,
    })
}

fn signer(mut section: Section<'_>) -> Option<Signer> {
    let id = required(&mut section, "id", "16 hexadecimal digits", |text| {
        text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit())
    });
    let key = required(&mut section, "key", "a public key", is_public_key);
    Some(Signer { id: id?, key: key? })
}

fn required(
    section: &mut Section<'_>,
    key: &'static str,
    what: &str,
    good: impl Fn(&str) -> bool,
) -> Option<String> {
    let again = "add the plugin again with `tidelake plugin add`";
    match section.name(key) {
        Some(found) if good(found.value) => Some(found.value.to_owned()),
        Some(found) => {
            section.problems.add_with_help(found.span, format!("`{key}` is not {what}"), again);
            None
        }
        None if section.has(key) => None,
        None => {
            let message = format!("`{key}` is missing in {}", section.title());
            section.problems.add_missing(section.span.clone(), message, again);
            None
        }
    }
}

fn is_lower_hex(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// The text of the file.
impl fmt::Display for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# The plugins that `tidelake plugin add` added, pinned. Commit this file.")?;
        writeln!(f, "version = {VERSION}")?;
        for (name, locked) in &self.plugins {
            writeln!(f, "\n[plugin.{name}]")?;
            writeln!(f, "version = {}", quoted(&locked.version))?;
            writeln!(f, "sha256 = {}", quoted(&locked.sha256))?;
            match &locked.signer {
                Some(signer) => {
                    let (id, key) = (quoted(&signer.id), quoted(&signer.key));
                    writeln!(f, "signer = {{ id = {id}, key = {key} }}")?;
                }
                None => writeln!(f, "unsigned = true")?,
            }
            let grants: Vec<String> = locked.grants.iter().map(|grant| quoted(grant)).collect();
            writeln!(f, "grants = [{}]", grants.join(", "))?;
            writeln!(f, "source = {}", quoted(&locked.source))?;
        }
        Ok(())
    }
}

/// A text as TOML's basic string. JSON escapes the same way, but for one character.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(source: &str) -> Locked {
        Locked {
            version: "0.1.0".into(),
            sha256: "0123456789abcdef".repeat(4),
            signer: None,
            grants: vec!["kv".into(), "wasi:http".into()],
            source: source.into(),
        }
    }

    fn signed() -> Locked {
        let key = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3".to_owned();
        Locked { signer: Some(Signer { id: "E7620F1842B4E81F".into(), key }), ..entry("s.wasm") }
    }

    fn messages(text: &str) -> String {
        let problems = Lock::parse(text).expect_err("refused");
        problems.iter().map(|p| format!("{}: {}\n", p.position(text).0, p.message)).collect()
    }

    #[test]
    fn a_lock_is_read_as_it_was_written() {
        let plugins = [("mask".to_owned(), entry("x")), ("spread".to_owned(), signed())].into();
        let lock = Lock { plugins };
        assert_eq!(Lock::parse(&lock.to_string()).expect("lock"), lock);
        assert_eq!(Lock::parse(&Lock::default().to_string()).expect("lock"), Lock::default());
    }

    #[test]
    fn a_deleted_line_never_weakens_an_entry() {
        let lock = Lock { plugins: [("spread".to_owned(), signed())].into() }.to_string();
        for (i, line) in lock.lines().enumerate().skip(4) {
            let rest: String = lock
                .lines()
                .enumerate()
                .filter(|(n, _)| *n != i)
                .map(|(_, l)| l.to_owned() + "\n")
                .collect();
            match line.starts_with("grants") {
                // Less than was granted is what this one means.
                true => {
                    assert!(Lock::parse(&rest).expect("lock").plugins["spread"].grants.is_empty())
                }
                false => assert!(Lock::parse(&rest).is_err(), "without {line}"),
            }
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let all = messages(
            "version = 1\n[plugin.a]\nversion = \"1\"\nsha256 = \"ABC\"\nunsigned = true\nsorce = \"x\"\n",
        );
        assert!(all.contains("4: `sha256` is not 64 hexadecimal digits"), "{all}");
        assert!(all.contains("2: `source` is missing"), "{all}");
        assert!(all.contains("6: unknown key `sorce`"), "{all}");
        assert!(messages("version = 9\n[other]\n").contains("of version 9"));
        assert!(messages("").contains("does not say its `version`"));
    }

    proptest! {
        #[test]
        fn any_source_survives(source in "\\PC{1,20}|[\\x00-\\x7f]{1,20}") {
            prop_assume!(!source.trim().is_empty());
            let lock = Lock { plugins: [("a".to_owned(), entry(&source))].into() };
            prop_assert_eq!(Lock::parse(&lock.to_string()).expect("lock"), lock);
        }
    }
}
