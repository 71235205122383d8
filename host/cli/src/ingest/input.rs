//! Opening a file: what kind it is, and its bytes behind gzip.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind as IoKind, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use tidelake_core::{Error, Result};

/// The kinds of files that can be ingested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Comma (or tab, or semicolon) separated text with a header.
    Csv,
    /// One JSON object a line.
    Json,
    /// Parquet.
    Parquet,
    /// Arrow IPC, file or stream.
    Arrow,
}

/// What kind a file is: its ending says so, or else its first bytes.
pub(super) fn detect(path: &Path) -> Result<Kind> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    let by_name = match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("csv" | "tsv" | "txt") => Some(Kind::Csv),
        Some("json" | "ndjson" | "jsonl") => Some(Kind::Json),
        Some("parquet" | "pq") => Some(Kind::Parquet),
        Some("arrow" | "arrows" | "feather" | "ipc") => Some(Kind::Arrow),
        _ => None,
    };
    let mut reader = open(path)?;
    let start = reader.fill_buf().map_err(|e| unreadable(path, e))?;
    if start.is_empty() {
        return Err(Error::input("the file is empty").with("file", path.display()));
    }
    let first = start.iter().find(|b| !b.is_ascii_whitespace());
    Ok(match by_name {
        Some(kind) => kind,
        None if start.starts_with(b"PAR1") => Kind::Parquet,
        None if start.starts_with(b"ARROW1") || start.starts_with(&[0xff; 4]) => Kind::Arrow,
        None if first == Some(&b'{') => Kind::Json,
        None => Kind::Csv,
    })
}

/// The bytes of a file, unpacked if they are gzip.
pub(super) fn open(path: &Path) -> Result<Box<dyn BufRead + Send>> {
    let mut reader = BufReader::with_capacity(1 << 18, open_file(path)?);
    let packed = reader.fill_buf().map_err(|e| unreadable(path, e))?.starts_with(&[0x1f, 0x8b]);
    Ok(match packed {
        true => Box::new(BufReader::with_capacity(1 << 18, MultiGzDecoder::new(reader))),
        false => Box::new(reader),
    })
}

/// The file itself.
pub(super) fn open_file(path: &Path) -> Result<File> {
    let file = File::open(path).map_err(|e| unreadable(path, e))?;
    if file.metadata().map_err(|e| unreadable(path, e))?.is_dir() {
        return Err(Error::input("this is a directory, not a file")
            .with("file", path.display())
            .with_help("name the files in it: DIR/*.csv"));
    }
    Ok(file)
}

/// The error of a failed read, with its likely reason.
pub(super) fn unreadable(path: &Path, error: std::io::Error) -> Error {
    let (kind, message) = match error.kind() {
        IoKind::NotFound => (tidelake_core::ErrorKind::NotFound, "there is no such file"),
        IoKind::PermissionDenied => (tidelake_core::ErrorKind::Input, "the file may not be read"),
        IoKind::UnexpectedEof | IoKind::InvalidInput | IoKind::InvalidData => {
            (tidelake_core::ErrorKind::Input, "the file is damaged or cut short")
        }
        _ => (tidelake_core::ErrorKind::Unavailable, "the file could not be read"),
    };
    Error::new(kind, message).with("file", path.display()).with_source(error)
}

/// The delimiter that a header line uses.
pub(super) fn delimiter(path: &Path) -> Result<u8> {
    let mut line = Vec::new();
    open(path)?.take(1 << 16).read_until(b'\n', &mut line).map_err(|e| unreadable(path, e))?;
    let count = |byte: u8| line.iter().filter(|b| **b == byte).count();
    let best = [b',', b'\t', b';', b'|'].into_iter().rev().max_by_key(|b| count(*b));
    Ok(best.filter(|b| count(*b) > 0).unwrap_or(b','))
}
