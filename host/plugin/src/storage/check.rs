//! Held against what was asked: everything that a storage backend answers. The
//! errors say what is wrong with the answer.

use object_store::ObjectMeta;
use object_store::path::Path;
use tidelake_core::time::Micros;

use crate::bindings::v0_1::objects::{Fetched, Meta, ObjectVersion};

/// The longest etag, version, token or name of an upload, in bytes.
const LONGEST: usize = 4096;
/// The longest path, in bytes: what S3 takes.
const PATH: usize = 1024;

/// A word of the store's own that is handed back to it and shown to people.
pub(super) fn word(what: &str, text: &str) -> Result<(), String> {
    if text.is_empty() || text.len() > LONGEST {
        return Err(format!("{what} of {} bytes", text.len()));
    }
    if text.chars().any(char::is_control) {
        return Err(format!("{what} with control characters: {text:?}"));
    }
    Ok(())
}

/// A path as it is: no empty segments, no `..`, nothing that would be written
/// differently.
pub(super) fn path(text: &str) -> Result<Path, String> {
    let odd = || format!("{:?} as the path of an object", crate::text::clean(text, 128));
    if text.is_empty() || text.len() > PATH {
        return Err(odd());
    }
    let path = Path::parse(text).map_err(|_| odd())?;
    if path.as_ref() == text { Ok(path) } else { Err(odd()) }
}

/// What is known of an object, of the one that was asked about.
pub(super) fn meta(meta: Meta, asked: &Path) -> Result<ObjectMeta, String> {
    if meta.path != asked.as_ref() {
        let other = crate::text::clean(&meta.path, 128);
        return Err(format!("the object {other:?} for {asked}"));
    }
    known(meta, asked.clone())
}

/// What is known of an object that was found.
pub(super) fn found(meta: Meta) -> Result<ObjectMeta, String> {
    let location = path(&meta.path)?;
    known(meta, location)
}

fn known(meta: Meta, location: Path) -> Result<ObjectMeta, String> {
    if meta.size > i64::MAX as u64 {
        return Err(format!("{} bytes as the size of {location}", meta.size));
    }
    version(&ObjectVersion { etag: meta.etag.clone(), version: meta.version.clone() })?;
    let last_modified = Micros(meta.modified)
        .to_utc()
        .ok_or_else(|| format!("{} as the time of {location}", meta.modified))?;
    let (e_tag, version) = (meta.etag, meta.version);
    Ok(ObjectMeta { location, last_modified, size: meta.size, e_tag, version })
}

/// What identifies one state of an object.
pub(super) fn version(version: &ObjectVersion) -> Result<(), String> {
    if let Some(etag) = &version.etag {
        word("an etag", etag)?;
    }
    if let Some(version) = &version.version {
        word("a version", version)?;
    }
    Ok(())
}

/// Bytes of an object: from where they were asked for, as many as there must be.
/// `wanted` says, of an object's size, which bytes those are.
pub(super) fn fetched(
    fetched: Fetched,
    asked: &Path,
    wanted: impl FnOnce(u64) -> std::ops::Range<u64>,
) -> Result<(ObjectMeta, std::ops::Range<u64>, bytes::Bytes), String> {
    let meta = meta(fetched.meta, asked)?;
    let range = wanted(meta.size);
    if fetched.start != range.start {
        return Err(format!("bytes from {} where {} was asked for", fetched.start, range.start));
    }
    let (length, needed) = (fetched.bytes.len() as u64, range.end.saturating_sub(range.start));
    if length != needed {
        return Err(format!("{length} bytes of {asked} where there are {needed}"));
    }
    Ok((meta, range, fetched.bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn honest() -> Meta {
        Meta {
            path: "a/b".into(),
            size: 10,
            modified: 1,
            etag: Some("\"e\"".into()),
            version: None,
        }
    }

    #[test]
    fn what_is_known_of_an_object_is_checked() {
        let asked = Path::from("a/b");
        assert_eq!(meta(honest(), &asked).expect("honest").size, 10);
        for (odd, part) in [
            (Meta { path: "a/c".into(), ..honest() }, "for a/b"),
            (Meta { size: u64::MAX, ..honest() }, "the size"),
            (Meta { modified: i64::MAX, ..honest() }, "the time"),
            (Meta { etag: Some("a\r\nX: y".into()), ..honest() }, "control characters"),
            (Meta { etag: Some(String::new()), ..honest() }, "an etag of 0 bytes"),
            (Meta { version: Some("x".repeat(5000)), ..honest() }, "a version of 5000"),
        ] {
            let error = meta(odd, &asked).expect_err(part);
            assert!(error.contains(part), "{error}");
        }
        for odd in ["", "/a", "a/", "a//b", "a/../b", "..", ".", "a/\u{0}", &"x".repeat(2000)] {
            assert!(path(odd).is_err(), "{odd:?}");
        }
    }

    #[test]
    fn bytes_are_those_that_were_asked_for() {
        let asked = Path::from("a/b");
        let answer = |start, length| {
            let bytes = Bytes::from(vec![0; length]);
            fetched(Fetched { meta: honest(), start, bytes }, &asked, |size| 4..size.min(8))
        };
        assert_eq!(answer(4, 4).expect("honest").1, 4..8);
        for (start, length, part) in [(4, 3, "3 bytes"), (4, 5, "5 bytes"), (0, 4, "from 0")] {
            let error = answer(start, length).expect_err(part);
            assert!(error.contains(part), "{error}");
        }
    }
}
