//! What answers of plugins are worth.

use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use tidelake_columns::samples::difference;
use tidelake_core::hash::{Digest, RowHasher};
use tidelake_core::{Error, ErrorKind, Result};

use super::{Case, noted, passed, refused};

/// An error that an operator can do something about, in its words; others are failures.
pub(super) fn refusal(error: &Error) -> Result<String, String> {
    match error.kind() {
        ErrorKind::Config | ErrorKind::Input | ErrorKind::Unsupported | ErrorKind::Exhausted
            if !error.message().is_empty() =>
        {
            Ok(error.message().to_owned())
        }
        _ => Err(error.to_string()),
    }
}

/// A refusal that names the column.
pub(super) fn refusal_of(column: &str, error: &Error) -> Result<String, String> {
    let why = refusal(error)?;
    match why.contains(column) {
        true => Ok(why),
        false => Err(format!("the refusal does not name column `{column}`: {why}")),
    }
}

/// Rows that have to be taken.
pub(super) fn must<T>(result: Result<T>) -> Result<T, String> {
    result.map_err(|error| format!("ordinary rows were refused: {error}"))
}

/// Two runs over rows that may be refused have to end alike. Columns in `sums` may
/// differ in their last digits.
pub(super) fn alike(
    expected: &Result<RecordBatch>,
    found: &Result<RecordBatch>,
    sums: &[String],
) -> Case {
    match (expected, found) {
        (Ok(expected), Ok(found)) => difference(expected, found, sums).map_or(passed(), Err),
        (Err(error), Err(again)) => {
            refusal(again)?;
            refused(refusal(error)?)
        }
        (Ok(_), Err(error)) => Err(format!("refused what was taken before: {error}")),
        (Err(error), Ok(_)) => Err(format!("taken, and refused before: {error}")),
    }
}

/// Two results that have to be the same.
pub(super) fn same(expected: &RecordBatch, found: &RecordBatch) -> Result<(), String> {
    difference(expected, found, &[]).map_or(Ok(()), Err)
}

/// The columns of floats: what is added up in another order may differ there in its last
/// digits, and nowhere else.
pub(super) fn floats(batch: &RecordBatch) -> Vec<String> {
    let schema = batch.schema();
    let floats = schema.fields().iter().filter(|f| f.data_type() == &DataType::Float64);
    floats.map(|field| field.name().clone()).collect()
}

/// The content hash of some rows; `None` where a type has none.
pub(super) fn th1(batches: &[RecordBatch]) -> Option<Digest> {
    let mut hasher = RowHasher::new("sample", &batches.first()?.schema()).ok()?;
    batches
        .iter()
        .try_fold(Digest::default(), |sum, batch| Some(sum.merge(hasher.digest(batch).ok()?)))
}

/// Names of what is refused are listed up to this length.
const LISTED: usize = 120;

/// How many of several were taken, and which were not.
#[derive(Default)]
pub(super) struct Tally {
    taken: usize,
    refused: Vec<String>,
    /// The words of the first refusal.
    first: String,
}

impl Tally {
    pub(super) fn take(&mut self) {
        self.taken += 1;
    }

    pub(super) fn refuse(&mut self, what: impl Into<String>, why: String) {
        if self.refused.is_empty() {
            self.first = why;
        }
        self.refused.push(what.into());
    }

    /// Taken some, refused the others by name: both is as it should be.
    pub(super) fn end(self) -> Case {
        let names = self.refused.join(", ");
        let which = if names.len() <= LISTED { names } else { format!("first: {}", self.first) };
        match (self.taken, self.refused.len()) {
            (_, 0) => passed(),
            (0, _) => refused(self.first),
            (taken, n) => noted(format!("{taken} taken, {n} refused: {which}")),
        }
    }
}
