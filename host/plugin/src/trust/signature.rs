//! Signatures: minisign's format, in a file beside the plugin.
//!
//! `spread.wasm` is signed by `spread.wasm.minisig`. A signature names the key that
//! made it by a short id; the id is a hint which key to try, and proves nothing.

use std::io::Read;
use std::path::{Path, PathBuf};

use minisign_verify::{PublicKey, Signature};
use tidelake_core::config::lock::Signer;
use tidelake_core::{Error, Result};

use crate::source::{Fetched, Progress, Source};
use crate::text;

/// The longest signature file, in bytes: a proper one has about 300.
pub(crate) const LONGEST: u64 = 16 << 10;

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    signer: Signer,
    key: PublicKey,
}

impl Key {
    /// Reads a key: its line (`RW...`), or the text of a `.pub` file.
    pub fn parse(text: &str) -> Result<Self> {
        let line = text.lines().map(str::trim).find(|line| line.starts_with("RW"));
        let read = line.and_then(|line| {
            let key = PublicKey::from_base64(line).ok()?;
            Some(Self { signer: Signer { id: id(line)?, key: line.to_owned() }, key })
        });
        read.ok_or_else(|| {
            let text = text::clean(text.lines().next().unwrap_or_default(), 80);
            Error::input(format!("{text:?} is not a public key"))
                .with_help("give the line of a .pub file that begins with RW, or the file")
        })
    }

    /// Reads a key that may be given as a text or as a file.
    pub fn read(text_or_file: &str) -> Result<Self> {
        let path = Path::new(text_or_file);
        if !path.is_file() {
            return Self::parse(text_or_file);
        }
        let text = read_short(path).map_err(|error| {
            Error::input("the public key cannot be read")
                .with("file", path.display())
                .with_source(error)
        })?;
        Self::parse(&text).map_err(|error| error.with("file", path.display()))
    }

    /// Its short name and its text.
    pub fn signer(&self) -> &Signer {
        &self.signer
    }
}

/// The file that a plugin's signature is in.
pub fn signature_path(plugin: &Path) -> PathBuf {
    let mut path = plugin.as_os_str().to_owned();
    path.push(".minisig");
    PathBuf::from(path)
}

/// What a signature is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// There is none.
    Unsigned,
    /// Made with this key, for exactly these bytes.
    Signed {
        /// The key.
        signer: Signer,
        /// What the signer said in it, covered by the signature.
        comment: String,
    },
    /// By a key that is not among those given; whether it holds cannot be known.
    Stranger {
        /// The id that it names.
        id: String,
    },
    /// By a key that is given, but not for these bytes; or no signature at all.
    Bad {
        /// What is wrong.
        what: String,
    },
}

/// The text of a plugin's signature; `None` when there is no file.
pub(crate) fn read(plugin: &Path) -> std::io::Result<Option<String>> {
    match read_short(&signature_path(plugin)) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The same, with an error for the person who must act.
pub(crate) fn beside(plugin: &Path) -> Result<Option<String>> {
    read(plugin).map_err(|error| {
        Error::plugin("the plugin's signature cannot be read")
            .with("path", signature_path(plugin).display())
            .with_source(error)
            .with_help("check the .minisig file beside it and its permissions")
    })
}

fn read_short(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(LONGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LONGEST {
        return Err(std::io::Error::other("the file is longer than any key or signature"));
    }
    Ok(text)
}

/// Holds a signature against the bytes and the keys.
pub fn verify(bytes: &[u8], signature: Option<&str>, keys: &[Key]) -> Verdict {
    let Some(text) = signature else { return Verdict::Unsigned };
    let bad = |what: &str| Verdict::Bad { what: what.to_owned() };
    let Ok(signature) = Signature::decode(text) else {
        return bad("its signature file is not a signature");
    };
    let Some(id) = text.lines().nth(1).and_then(id) else {
        return bad("its signature file names no key");
    };
    // Ids are chosen at random: two keys may share one.
    let mut named = keys.iter().filter(|key| key.signer.id == id).peekable();
    if named.peek().is_none() {
        return Verdict::Stranger { id };
    }
    match named.find(|key| key.key.verify(bytes, &signature, false).is_ok()) {
        Some(key) => Verdict::Signed {
            signer: key.signer.clone(),
            comment: text::clean(signature.trusted_comment(), 512),
        },
        None => bad("its signature is not for these bytes: the file was changed, or signed anew"),
    }
}

/// Holds a plugin against its signature, wherever both are: the key that made it, and
/// what the signer said in it.
pub fn verify_source(
    source: &Source,
    allow_http: bool,
    keys: &[Key],
    progress: Progress<'_>,
) -> Result<(Signer, String)> {
    let refuse = |what: String| Error::plugin(what).with("source", source);
    let Fetched { bytes, signature, .. } = source.fetch(allow_http, progress)?;
    match verify(&bytes, signature.as_deref(), keys) {
        Verdict::Signed { signer, comment } => Ok((signer, comment)),
        Verdict::Unsigned => {
            let help = match source {
                Source::File(path) => {
                    format!("its signature would be in {}", signature_path(path).display())
                }
                Source::Web(url) => format!("its signature would be at {url}.minisig"),
                Source::Registry(_) => "ask its publisher to push it with its signature".to_owned(),
            };
            Err(refuse("the plugin is not signed".to_owned()).with_help(help))
        }
        Verdict::Stranger { id } => {
            Err(refuse(format!("the plugin is signed with key {id}, which is not the one given"))
                .with_help("ask its signer for their public key, by a way that you trust"))
        }
        Verdict::Bad { what } => Err(refuse(format!("the plugin is not to be trusted: {what}"))
            .with_help("fetch the plugin and its signature again, from its signer")),
    }
}

/// The id in a key or a signature: after two bytes, eight, smallest first.
fn id(line: &str) -> Option<String> {
    let letters = line.trim().as_bytes().get(..16)?;
    let mut bytes = [0u8; 12];
    for (letters, bytes) in letters.chunks(4).zip(bytes.chunks_mut(3)) {
        let group =
            letters.iter().try_fold(0u32, |group, letter| Some(group << 6 | sextet(*letter)?));
        bytes.copy_from_slice(&group?.to_be_bytes()[1..]);
    }
    Some(bytes[2..10].iter().rev().map(|byte| format!("{byte:02X}")).collect())
}

/// Six bits in base64.
fn sextet(letter: u8) -> Option<u32> {
    Some(u32::from(match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    // The example of minisign's own documentation: signed is the text `test`.
    const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
    const SIGNATURE: &str = "untrusted comment: signature from minisign secret key
RUQf6LRCGA9i559r3g7V1qNyJDApGip8MfqcadIgT9CuhV3EMhHoN1mGTkUidF/z7SrlQgXdy8ofjb7bNJJylDOocrCo8KLzZwo=
trusted comment: timestamp:1633700835\tfile:test\tprehashed
wLMDjy9FLAuxZ3q4NlEvkgtyhrr0gtTu6KC4KBJdITbbOeAi1zBIYo0v4iTgt8jJpIidRJnp94ABQkJAgAooBQ==";

    fn key() -> Key {
        Key::parse(KEY).expect("key")
    }

    #[test]
    fn keys_are_read_from_lines_and_files() {
        assert_eq!(key().signer().id, "E7620F1842B4E81F");
        let file = format!("untrusted comment: minisign public key E7620F1842B4E81F\n{KEY}\n");
        assert_eq!(Key::parse(&file).expect("file"), key());
        for text in ["", "RW", "hello", &KEY[..55], &KEY.replace('Q', "!")] {
            assert!(Key::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_signature_holds_for_its_bytes_and_its_key_alone() {
        let verdict = |bytes: &[u8], keys: &[Key]| verify(bytes, Some(SIGNATURE), keys);
        match verdict(b"test", &[key()]) {
            Verdict::Signed { signer, comment } => {
                assert_eq!(signer, *key().signer());
                assert!(comment.starts_with("timestamp:1633700835"), "{comment}");
            }
            other => panic!("{other:?}"),
        }
        assert!(matches!(verdict(b"tess", &[key()]), Verdict::Bad { .. }));
        let id = "E7620F1842B4E81F".to_owned();
        assert_eq!(verdict(b"test", &[]), Verdict::Stranger { id });
        assert_eq!(verify(b"test", None, &[key()]), Verdict::Unsigned);
    }

    #[test]
    fn a_key_that_only_shares_the_id_is_no_signer() {
        let mut other = KEY.to_owned();
        other.replace_range(40..41, "A");
        assert_eq!(Key::parse(&other).expect("key").signer().id, key().signer().id);
        let other = [Key::parse(&other).expect("key")];
        assert!(matches!(verify(b"test", Some(SIGNATURE), &other), Verdict::Bad { .. }));
    }

    #[test]
    fn every_changed_letter_of_a_signature_breaks_it() {
        for line in [1, 2, 3] {
            let lines: Vec<&str> = SIGNATURE.lines().collect();
            for at in (17..lines[line].len()).step_by(7) {
                let mut lines: Vec<String> = lines.iter().map(|l| (*l).to_owned()).collect();
                let new = if &lines[line][at..=at] == "A" { "B" } else { "A" };
                lines[line].replace_range(at..=at, new);
                let verdict = verify(b"test", Some(&lines.join("\n")), &[key()]);
                assert!(!matches!(verdict, Verdict::Signed { .. }), "line {line}, letter {at}");
            }
        }
        for text in ["", "x", "a\nb\nc\nd", &SIGNATURE[..200]] {
            assert!(matches!(verify(b"test", Some(text), &[key()]), Verdict::Bad { .. }));
        }
    }
}
