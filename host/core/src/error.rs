//! One error type for every crate of tidelake, written for the person who must act.
//!
//! An [`Error`] says what failed (the message), where (context pairs such as
//! `table = trades`), why (its source) and what to do (help). Its kind is named
//! after what the caller can do, so code branches on [`Error::kind`] and never
//! on text.

use std::fmt;

/// The result of every fallible call in tidelake.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What the caller can do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The configuration is wrong: fix it.
    Config,
    /// The data handed in is wrong: fix it, or skip it.
    Input,
    /// A named thing does not exist.
    NotFound,
    /// Somebody else holds what is needed: wait for them or stop them.
    Busy,
    /// A store or its network failed: trying again may help.
    Unavailable,
    /// A limit (memory, time, output) is used up: raise it or reduce the work.
    Exhausted,
    /// Another writer was faster: read the state again and decide anew.
    Conflict,
    /// Whether a commit landed could not be found out: nothing was deleted.
    Unknown,
    /// A plugin is broken or broke a rule.
    Plugin,
    /// Stored bytes are not what was written: report, do not delete.
    Corrupt,
    /// Correct, but tidelake cannot do it.
    Unsupported,
    /// A defect in tidelake.
    Internal,
}

type Source = Box<dyn std::error::Error + Send + Sync + 'static>;

/// An error with its context; see the module's head.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    context: Vec<(&'static str, String)>,
    help: Option<String>,
    source: Option<Source>,
}

macro_rules! constructors {
    ($($name:ident => $kind:ident),* $(,)?) => {
        $(
            #[doc = concat!("An error of kind [`ErrorKind::", stringify!($kind), "`].")]
            pub fn $name(message: impl Into<String>) -> Self {
                Self::new(ErrorKind::$kind, message)
            }
        )*
    };
}

impl Error {
    /// An error of the given kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            context: Vec::new(),
            help: None,
            source: None,
        }))
    }

    constructors! {
        config => Config,
        input => Input,
        not_found => NotFound,
        busy => Busy,
        unavailable => Unavailable,
        exhausted => Exhausted,
        conflict => Conflict,
        unknown => Unknown,
        plugin => Plugin,
        corrupt => Corrupt,
        unsupported => Unsupported,
        internal => Internal,
    }

    /// What the caller can do.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The message alone, without context and sources.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Where it happened, innermost first.
    pub fn context(&self) -> &[(&'static str, String)] {
        &self.0.context
    }

    /// What to do about it.
    pub fn help(&self) -> Option<&str> {
        self.0.help.as_deref()
    }

    /// Whether the same call may succeed later without any change.
    pub fn retryable(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Busy | ErrorKind::Unavailable)
    }

    /// Adds where it happened.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl fmt::Display) -> Self {
        let value = value.to_string();
        // Inner and outer layers often know the same.
        if !self.0.context.iter().any(|(k, v)| *k == key && *v == value) {
            self.0.context.push((key, value));
        }
        self
    }

    /// Says what to do about it, unless that is said already.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.0.help.get_or_insert_with(|| help.into());
        self
    }

    /// Keeps the error that caused this one.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Changes the kind, when an outer layer knows better.
    #[must_use]
    pub fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        if !self.0.context.is_empty() {
            f.write_str(" (")?;
            for (i, (key, value)) in self.0.context.iter().enumerate() {
                write!(f, "{}{key}: {value}", if i == 0 { "" } else { ", " })?;
            }
            f.write_str(")")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.0.kind)?;
        let mut source = std::error::Error::source(self);
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        if let Some(help) = &self.0.help {
            write!(f, "; {help}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|s| &**s as _)
    }
}

impl From<arrow::error::ArrowError> for Error {
    fn from(error: arrow::error::ArrowError) -> Self {
        use arrow::error::ArrowError as A;
        let kind = match &error {
            A::MemoryError(_) => ErrorKind::Exhausted,
            A::NotYetImplemented(_) => ErrorKind::Unsupported,
            A::IoError(..) => ErrorKind::Unavailable,
            A::ExternalError(_) | A::CDataInterface(_) => ErrorKind::Internal,
            _ => ErrorKind::Input,
        };
        Self::new(kind, "Arrow data could not be processed").with_source(error)
    }
}

/// Adds context to the error of a result.
pub trait ResultExt<T> {
    /// Adds where it happened.
    fn with(self, key: &'static str, value: impl fmt::Display) -> Result<T>;
    /// Says what to do about it, unless that is said already.
    fn with_help(self, help: impl Into<String>) -> Result<T>;
}

impl<T, E: Into<Error>> ResultExt<T> for Result<T, E> {
    fn with(self, key: &'static str, value: impl fmt::Display) -> Result<T> {
        self.map_err(|e| e.into().with(key, value))
    }

    fn with_help(self, help: impl Into<String>) -> Result<T> {
        self.map_err(|e| e.into().with_help(help))
    }
}
