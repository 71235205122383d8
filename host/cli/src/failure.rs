//! How a command ends when it does not end well, and how that is told.

use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;
use tidelake::ErrorReport;
use tidelake_core::Error;
use tidelake_core::config::Problem;

use crate::render;

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An error, to be shown.
    Error(Error),
    /// A configuration with mistakes, all of them to be shown.
    Config {
        /// The file.
        path: PathBuf,
        /// Its text.
        text: String,
        /// What is wrong.
        problems: Vec<Problem>,
    },
    /// The command has said on standard output what is wrong.
    Told,
    /// Nobody reads the output any more: not worth a word.
    Closed,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == ErrorKind::BrokenPipe {
            return Self::Closed;
        }
        Self::Error(Error::unavailable("the output could not be written").with_source(error))
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Error(Error::internal("a report could not be written as JSON").with_source(error))
    }
}

impl From<arrow::error::ArrowError> for Failure {
    fn from(error: arrow::error::ArrowError) -> Self {
        Self::Error(error.into())
    }
}

impl Failure {
    /// Tells people on standard error, and machines on standard output.
    pub(crate) fn report(self, json: bool) -> ExitCode {
        let mut err = std::io::stderr().lock();
        let shown = match &self {
            Self::Error(error) => render::error::write(&mut err, error),
            Self::Config { path, text, problems } => {
                render::problems::write(&mut err, path, text, problems)
            }
            Self::Told => Ok(()),
            Self::Closed => return ExitCode::SUCCESS,
        };
        let machine = json.then(|| self.to_json()).flatten();
        let printed = machine.map_or(Ok(()), |m| writeln!(std::io::stdout().lock(), "{m:#}"));
        // There is nobody left to tell that the telling failed.
        let _ = (shown, printed);
        ExitCode::from(1)
    }

    fn to_json(&self) -> Option<serde_json::Value> {
        match self {
            Self::Error(error) => Some(json!({ "error": ErrorReport::from(error) })),
            Self::Config { path, text, problems } => Some(json!({ "error": {
                "kind": "config",
                "message": render::problems::headline(path, problems),
                "context": [["file", path.display().to_string()]],
                "causes": [],
                "help": null,
                "problems": render::problems::to_json(text, problems),
            }})),
            Self::Told | Self::Closed => None,
        }
    }
}
