//! Errors that reach the operator word for word.

use std::fmt;

use crate::bindings::host::tidelake::plugin::types;

/// The result of every fallible call of a plugin.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What the caller can do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The options or the data are wrong: fix them, retrying does not help.
    InvalidInput,
    /// Correct, but this plugin cannot do it.
    Unsupported,
    /// A named thing does not exist.
    NotFound,
    /// A thing that must be new exists already.
    AlreadyExists,
    /// A condition of the call no longer holds.
    Precondition,
    /// The caller lacks a grant.
    Denied,
    /// A limit is used up.
    Exhausted,
    /// May succeed when tried again.
    Transient,
    /// A defect in the plugin or in the host.
    Internal,
}

/// An error for the operator: say what failed, on which column or option, and
/// what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident => $kind:ident),* $(,)?) => {$(
        $(#[$doc])*
        pub fn $name(message: impl Into<String>) -> Self {
            Self::new(ErrorKind::$kind, message)
        }
    )*};
}

impl Error {
    /// An error of the given kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    constructors! {
        /// The options or the data are wrong.
        invalid_input => InvalidInput,
        /// This plugin cannot do it.
        unsupported => Unsupported,
        /// A named thing does not exist.
        not_found => NotFound,
        /// A thing that must be new exists already.
        already_exists => AlreadyExists,
        /// A condition of the call no longer holds.
        precondition => Precondition,
        /// The caller lacks a grant.
        denied => Denied,
        /// A limit is used up.
        exhausted => Exhausted,
        /// May succeed when tried again.
        transient => Transient,
        /// A defect in the plugin or in the host.
        internal => Internal,
    }

    /// An error in one option of the configuration.
    pub fn option(name: &str, message: impl fmt::Display) -> Self {
        Self::invalid_input(format!("option `{name}`: {message}"))
    }

    /// An error in one column of the data.
    pub fn column(name: &str, message: impl fmt::Display) -> Self {
        Self::invalid_input(format!("column `{name}`: {message}"))
    }

    /// What the caller can do.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The sentence for the operator.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Puts the place in front of the message.
    #[must_use]
    pub fn at(mut self, place: impl fmt::Display) -> Self {
        self.message = format!("{place}: {}", self.message);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// Puts the place in front of an error's message.
pub trait ResultExt<T> {
    /// Puts the place in front of the error's message; made only when there is one.
    fn at<D: fmt::Display>(self, place: impl FnOnce() -> D) -> Result<T>;
}

impl<T, E: Into<Error>> ResultExt<T> for Result<T, E> {
    fn at<D: fmt::Display>(self, place: impl FnOnce() -> D) -> Result<T> {
        self.map_err(|error| error.into().at(place()))
    }
}

impl From<arrow_schema::ArrowError> for Error {
    fn from(error: arrow_schema::ArrowError) -> Self {
        use arrow_schema::ArrowError as A;
        let kind = match &error {
            A::MemoryError(_) => ErrorKind::Exhausted,
            A::NotYetImplemented(_) => ErrorKind::Unsupported,
            A::IoError(..) | A::ExternalError(_) | A::CDataInterface(_) => ErrorKind::Internal,
            _ => ErrorKind::InvalidInput,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<tidelake_columns::Error> for Error {
    fn from(error: tidelake_columns::Error) -> Self {
        let kind = match &error {
            tidelake_columns::Error::Unsupported { .. } => ErrorKind::Unsupported,
            _ => ErrorKind::Internal,
        };
        Self::new(kind, error.to_string())
    }
}

/// Errors of a [`Sink`](crate::Sink) survive their way through `std::io::Write`.
impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(error) => error,
            Err(error) => Self::internal(error.to_string()),
        }
    }
}

impl From<Error> for std::io::Error {
    fn from(error: Error) -> Self {
        Self::other(error)
    }
}

impl From<Error> for types::Error {
    fn from(error: Error) -> Self {
        use types::ErrorCode as C;
        let code = match error.kind {
            ErrorKind::InvalidInput => C::InvalidInput,
            ErrorKind::Unsupported => C::Unsupported,
            ErrorKind::NotFound => C::NotFound,
            ErrorKind::AlreadyExists => C::AlreadyExists,
            ErrorKind::Precondition => C::Precondition,
            ErrorKind::Denied => C::Denied,
            ErrorKind::Exhausted => C::Exhausted,
            ErrorKind::Transient => C::Transient,
            ErrorKind::Internal => C::Internal,
        };
        Self { code, message: error.message }
    }
}

impl From<types::Error> for Error {
    fn from(error: types::Error) -> Self {
        use types::ErrorCode as C;
        let kind = match error.code {
            C::InvalidInput => ErrorKind::InvalidInput,
            C::Unsupported => ErrorKind::Unsupported,
            C::NotFound => ErrorKind::NotFound,
            C::AlreadyExists => ErrorKind::AlreadyExists,
            C::Precondition => ErrorKind::Precondition,
            C::Denied => ErrorKind::Denied,
            C::Exhausted => ErrorKind::Exhausted,
            C::Transient => ErrorKind::Transient,
            C::Internal => ErrorKind::Internal,
        };
        Self::new(kind, error.message)
    }
}
