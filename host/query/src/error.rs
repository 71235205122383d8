//! Errors on their way through DataFusion and out of it.
//!
//! Our own errors travel inside [`DataFusionError::External`] and come out as
//! they went in; DataFusion's are translated into what the caller can do.

use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use tidelake_core::{Error, ErrorKind};

/// Wraps one of our errors for the way through DataFusion.
pub(crate) fn to_datafusion(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// The error for the person who asked the query.
pub(crate) fn from_datafusion(error: DataFusionError) -> Error {
    match error {
        DataFusionError::External(inner) => match inner.downcast::<Error>() {
            Ok(ours) => *ours,
            Err(other) => Error::internal("a query step failed").with_source(other),
        },
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => {
            from_datafusion(*inner)
        }
        DataFusionError::Collection(mut errors) if !errors.is_empty() => {
            from_datafusion(errors.swap_remove(0))
        }
        other => match ours_within(&other) {
            Some(ours) => copy(ours),
            None => translate(other),
        },
    }
}

/// One of our errors somewhere below: behind an `Arc` it cannot be moved out.
fn ours_within(error: &DataFusionError) -> Option<&Error> {
    let mut current: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(e) = current {
        if let Some(ours) = e.downcast_ref::<Error>() {
            return Some(ours);
        }
        current = e.source();
    }
    None
}

/// An error that says the same. Its sources become one line of text.
fn copy(error: &Error) -> Error {
    let mut copied = Error::new(error.kind(), error.message());
    for (key, value) in error.context() {
        copied = copied.with(key, value);
    }
    if let Some(help) = error.help() {
        copied = copied.with_help(help);
    }
    match std::error::Error::source(error) {
        Some(source) => copied.with_source(source.to_string()),
        None => copied,
    }
}

fn translate(error: DataFusionError) -> Error {
    let root = error.find_root();
    let text = root.strip_backtrace();
    let (kind, message, help) = match root {
        DataFusionError::SQL(parser, _) => (
            ErrorKind::Input,
            format!("the SQL could not be read: {parser}"),
            "write one SELECT statement; quote names that are not plain words, as in \"trades@1h\"",
        ),
        DataFusionError::SchemaError(schema, _) => {
            if let SchemaError::FieldNotFound { field, valid_fields } = schema.as_ref() {
                let names: Vec<&str> = valid_fields.iter().map(|c| c.name()).collect();
                return unknown("column", field.name(), &names);
            }
            (ErrorKind::Input, schema.to_string(), "qualify the column with its table: t.column")
        }
        DataFusionError::Plan(text) => {
            (ErrorKind::Input, text.clone(), "correct the query; functions are those of DataFusion")
        }
        DataFusionError::ResourcesExhausted(_) => (
            ErrorKind::Exhausted,
            "the query needs more memory than it may use".to_owned(),
            "raise [engine] memory, or let the query hold less: fewer columns, a shorter time, \
             fewer groups, a smaller side in a join",
        ),
        DataFusionError::NotImplemented(text) => (
            ErrorKind::Unsupported,
            text.clone(),
            "write the query another way; this one is correct, but cannot be run yet",
        ),
        DataFusionError::ArrowError(..) | DataFusionError::Execution(_) => {
            (ErrorKind::Input, text, "check the values and types that the query computes with")
        }
        DataFusionError::ParquetError(_) => (
            ErrorKind::Corrupt,
            "a data file of the lake could not be read".to_owned(),
            "run `tidelake verify`; do not delete anything before it has said what is wrong",
        ),
        DataFusionError::ObjectStore(store) => {
            if matches!(**store, object_store::Error::NotFound { .. }) {
                (
                    ErrorKind::NotFound,
                    "a data file that the table's log names is not in the lake".to_owned(),
                    "ask again if files were being compacted; otherwise run `tidelake verify`",
                )
            } else {
                (
                    ErrorKind::Unavailable,
                    "the lake could not be read".to_owned(),
                    "check that the lake can be reached and read, and try again",
                )
            }
        }
        DataFusionError::IoError(_) => (
            ErrorKind::Unavailable,
            "reading or spilling failed".to_owned(),
            "check the disk that holds the project: space and permissions",
        ),
        _ => (
            ErrorKind::Internal,
            "the query engine failed".to_owned(),
            "this is a defect; please report it with the query",
        ),
    };
    Error::new(kind, message).with_help(help).with_source(error)
}

/// That a name is not known, with the nearest one and all there are.
pub(crate) fn unknown(what: &str, name: &str, known: &[&str]) -> Error {
    let mut known: Vec<&str> = known.to_vec();
    known.sort_unstable();
    known.dedup();
    let list = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    let help = match closest(name, &known) {
        Some(near) if near.eq_ignore_ascii_case(name) => {
            format!(
                "did you mean {near:?}? Names are taken as written, case included; known: {list}"
            )
        }
        Some(near) => format!("did you mean {near:?}? Known: {list}"),
        None => format!("known: {list}"),
    };
    Error::input(format!("there is no {what} {name:?}")).with_help(help)
}

/// The known name that is most like `name`, if any is.
fn closest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let lower = name.to_lowercase();
    known
        .iter()
        .map(|k| (strsim::jaro_winkler(&lower, &k.to_lowercase()), *k))
        .filter(|(similarity, _)| *similarity > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, k)| k)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn our_errors_come_back_as_they_went_in() {
        let ours = || Error::busy("held by another").with("table", "trades").with_help("wait");
        let direct = from_datafusion(to_datafusion(ours()).context("while scanning"));
        let shared = from_datafusion(DataFusionError::Shared(Arc::new(to_datafusion(ours()))));
        for error in [direct, shared] {
            assert_eq!(error.kind(), ErrorKind::Busy);
            assert_eq!(error.to_string(), "held by another (table: trades)");
            assert_eq!(error.help(), Some("wait"));
        }
    }

    #[test]
    fn unknown_names_come_with_the_nearest() {
        let error = unknown("column", "ticker", &["Date", "Ticker", "Volume"]);
        assert_eq!(error.kind(), ErrorKind::Input);
        let help = error.help().unwrap();
        assert!(help.contains("did you mean \"Ticker\""), "{help}");
        assert!(help.contains("as written"), "{help}");
        assert!(!unknown("table", "zzz", &["stocks"]).help().unwrap().contains("did you mean"));
    }
}
