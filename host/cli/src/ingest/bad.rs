//! Rows that cannot be stored, and what happens to them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::Serialize;
use tidelake_core::{Error, Result};

/// Bad rows shown one by one; further ones are only counted.
const SHOWN: usize = 5;
/// Longest part of a value that is shown.
const VALUE_CHARS: usize = 60;

const SKIP_HELP: &str = "correct the row, or leave bad rows out with --on-error skip";

/// `--on-error`
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum OnError {
    /// Store nothing if any row is bad.
    Abort,
    /// Leave bad rows out, and count them.
    Skip,
}

/// One row that cannot be stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct BadRow {
    /// The file.
    pub(crate) file: String,
    /// Line of a text file, from 1; number of the row in others.
    pub(crate) line: u64,
    /// The column, if it is about one.
    pub(crate) column: Option<String>,
    /// The value, if it is about one.
    pub(crate) value: Option<String>,
    /// What is wrong.
    pub(crate) reason: String,
}

impl fmt::Display for BadRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}", self.file, self.line)?;
        if let Some(column) = &self.column {
            write!(f, ", column {column:?}")?;
        }
        match &self.value {
            Some(value) => write!(f, ": {value:?} {}", self.reason),
            None => write!(f, ": {}", self.reason),
        }
    }
}

/// Counts bad rows, or ends the reading at the first.
#[derive(Debug)]
pub(crate) struct BadRows {
    on_error: OnError,
    file: String,
    /// Rows left out.
    pub(crate) count: u64,
    /// The first few.
    pub(crate) shown: Vec<BadRow>,
    /// Rows whose key a lookup does not have.
    pub(crate) unmatched: u64,
    /// Some of those keys.
    pub(crate) unmatched_keys: BTreeMap<String, u64>,
}

impl BadRows {
    /// None yet.
    pub(crate) fn new(on_error: OnError) -> Self {
        Self {
            on_error,
            file: String::new(),
            count: 0,
            shown: Vec::new(),
            unmatched: 0,
            unmatched_keys: BTreeMap::new(),
        }
    }

    /// The file that the next ones belong to.
    pub(super) fn file(&mut self, path: &Path) {
        self.file = path.display().to_string();
    }

    /// Adds one. An error when the first ends everything.
    pub(super) fn add(
        &mut self,
        line: u64,
        column: Option<&str>,
        value: Option<&str>,
        reason: impl Into<String>,
        help: Option<String>,
    ) -> Result<()> {
        let value = value.map(|v| match v.char_indices().nth(VALUE_CHARS) {
            Some((end, _)) => format!("{}...", &v[..end]),
            None => v.to_owned(),
        });
        let row = BadRow {
            file: self.file.clone(),
            line,
            column: column.map(str::to_owned),
            value,
            reason: reason.into(),
        };
        self.count += 1;
        if self.on_error == OnError::Abort {
            let help = help.map_or_else(|| SKIP_HELP.to_owned(), |h| format!("{SKIP_HELP}; {h}"));
            return Err(Error::input(row.to_string()).with_help(help));
        }
        if self.shown.len() < SHOWN {
            self.shown.push(row);
        }
        Ok(())
    }

    /// Takes over what was found by looking ahead.
    pub(super) fn absorb(&mut self, other: Self) -> Result<()> {
        if let (OnError::Abort, Some(first)) = (self.on_error, other.shown.first()) {
            return Err(Error::input(first.to_string()).with_help(SKIP_HELP));
        }
        self.count += other.count;
        let room = SHOWN.saturating_sub(self.shown.len());
        self.shown.extend(other.shown.into_iter().take(room));
        Ok(())
    }

    /// Notes rows whose key a lookup does not have.
    pub(super) fn unmatched(&mut self, key: &str) {
        self.unmatched += 1;
        if self.unmatched_keys.len() < SHOWN || self.unmatched_keys.contains_key(key) {
            *self.unmatched_keys.entry(key.to_owned()).or_default() += 1;
        }
    }
}
