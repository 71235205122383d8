//! Small files of JSON lines: a line that says what the file is, then a record
//! a line. The last line ends like the others, so a torn file shows.

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tidelake_core::{Error, Result};

/// Version of every file of this shape.
const VERSION: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
struct Head {
    tidelake: String,
    version: u32,
}

/// The file of some records.
pub(crate) fn encode<T: Serialize>(kind: &str, records: &[T]) -> Result<Bytes> {
    let mut text = Vec::new();
    let unwritable = |e: serde_json::Error| {
        Error::internal("a record could not be written as JSON").with_source(e)
    };
    let head = Head { tidelake: kind.to_owned(), version: VERSION };
    serde_json::to_writer(&mut text, &head).map_err(unwritable)?;
    text.push(b'\n');
    for record in records {
        serde_json::to_writer(&mut text, record).map_err(unwritable)?;
        text.push(b'\n');
    }
    Ok(text.into())
}

/// The records of a file.
pub(crate) fn decode<T: DeserializeOwned>(kind: &str, bytes: &[u8], path: &str) -> Result<Vec<T>> {
    let corrupt = |why: String| {
        Error::corrupt(format!("a {kind} file is damaged: {why}"))
            .with("file", path)
            .with_help("restore the file from a backup; nothing was deleted on its account")
    };
    let whole = bytes
        .strip_suffix(b"\n")
        .ok_or_else(|| corrupt("it does not end with a whole line".to_owned()))?;
    let mut lines = whole.split(|b| *b == b'\n');
    let head: Head = serde_json::from_slice(lines.next().unwrap_or_default())
        .map_err(|e| corrupt(format!("its first line is not a head: {e}")))?;
    if head.tidelake != kind {
        return Err(corrupt(format!("it is a {} file", head.tidelake)));
    }
    if head.version != VERSION {
        return Err(Error::unsupported(format!(
            "a {kind} file is of version {}, and this tidelake reads version {VERSION}",
            head.version
        ))
        .with("file", path)
        .with_help("use the version of tidelake that wrote it, or a newer one"));
    }
    lines
        .enumerate()
        .map(|(i, line)| {
            serde_json::from_slice(line).map_err(|e| corrupt(format!("line {}: {e}", i + 2)))
        })
        .collect()
}

/// The number in a file name such as `00000000000000000012.json`.
pub(crate) fn number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".json")?;
    (digits.len() == 20).then(|| digits.parse().ok()).flatten()
}

/// The inverse of [`number`].
pub(crate) fn numbered(number: u64) -> String {
    format!("{number:020}.json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidelake_core::ErrorKind;

    #[test]
    fn torn_and_foreign_files_are_told_apart() {
        let bytes = encode("ledger", &[1, 2, 3]).unwrap();
        assert_eq!(decode::<i32>("ledger", &bytes, "x").unwrap(), [1, 2, 3]);
        let none = encode::<i32>("ledger", &[]).unwrap();
        assert!(decode::<i32>("ledger", &none, "x").unwrap().is_empty());
        for cut in 0..bytes.len() {
            let torn = decode::<i32>("ledger", &bytes[..cut], "x");
            // Cut between two lines it cannot be told; stores write whole files.
            assert!(torn.is_err() || bytes[cut - 1] == b'\n', "{cut}");
        }
        let other = decode::<i32>("intents", &bytes, "x").unwrap_err();
        assert_eq!(other.kind(), ErrorKind::Corrupt);
        let newer = br#"{"tidelake":"ledger","version":9}
"#;
        assert_eq!(decode::<i32>("ledger", newer, "x").unwrap_err().kind(), ErrorKind::Unsupported);
        assert_eq!(number(&numbered(12)), Some(12));
        assert_eq!(number("12.json"), None);
    }
}
