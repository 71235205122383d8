//! Sources: rows in, from wherever they are born.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::time::Duration;

use arrow_schema::SchemaRef;
use serde_json::json;

use crate::bindings::host::tidelake::plugin::arrow as wit;
use crate::bindings::source::exports::tidelake::plugin::source as exports;
use crate::error::Result;
use crate::options::{self, Options};
use crate::output::Output;
use crate::schemas;

/// The longest offset that the host keeps, in bytes.
pub const MAX_OFFSET: usize = 16 << 10;

/// Brings rows in.
///
/// A source delivers *at least once*: opened at an offset that an earlier one of the same
/// options returned, it emits in the same order the rows that follow. The host keeps rows
/// and offset in one atomic step, and so each row once. An offset is whatever the source
/// wants to find again; never put a secret into it.
///
/// It may call [`http`](crate::http), [`clock`](crate::clock), [`kv`](crate::kv) and
/// [`secrets`](crate::secrets), each if the operator grants it.
/// [`export_source!`](crate::export_source) makes it a plugin.
pub trait Source: Sized + 'static {
    /// The name that a configuration uses: `[a-z][a-z0-9-]*`.
    const NAME: &'static str;
    /// Semantic version, best `env!("CARGO_PKG_VERSION")`.
    const VERSION: &'static str;
    /// One line for `plugin list`.
    const DESCRIPTION: &'static str;
    /// What the operator configures.
    type Options: Options;

    /// Opens at an offset, or at the start. The rows before an offset are durable, even
    /// if [`Source::commit`] was not called for it. No request need be sent.
    fn open(options: Self::Options, offset: Option<&[u8]>) -> Result<Self>;

    /// The schema of everything that will be emitted. Constant.
    fn schema(&self) -> SchemaRef;

    /// Emits at most `max_rows` rows and says where the source is after them. A poll that
    /// emits rows moves the offset. After an error the host opens another one where the
    /// last durable offset is; an error of the kind `Transient` says that this may help.
    fn poll(&mut self, max_rows: usize, out: &mut Output<'_>) -> Result<Polled>;

    /// The rows up to an offset that was answered are durable: what was kept for their
    /// sake elsewhere may go.
    fn commit(&mut self, offset: &[u8]) -> Result<()> {
        let _ = offset;
        Ok(())
    }
}

/// What a poll found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// There may be more at once.
    More,
    /// There is nothing more now; ask again after so long.
    Idle(Duration),
    /// There is nothing more, and never will be.
    End,
    /// The other side asks to be left alone for so long, and says why. No rows were
    /// emitted, and the offset has not moved.
    Wait(Duration, String),
}

/// The answer to a poll, beside its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Polled {
    /// What it found.
    pub next: Next,
    /// Where the source is now: at most [`MAX_OFFSET`] bytes.
    pub offset: Vec<u8>,
}

/// What `meta.describe` says about a source.
pub(crate) fn describe<T: Source>() -> String {
    json!({
        "name": T::NAME,
        "version": T::VERSION,
        "kind": "source",
        "description": T::DESCRIPTION,
        "options": options::schema::<T::Options>(),
    })
    .to_string()
}

/// Exports a [`Source`](crate::Source) as the plugin that this crate is.
#[macro_export]
macro_rules! export_source {
    ($source:ty) => {
        const _: () = {
            type TidelakePlugin = $crate::source::Export<$source>;
            $crate::__export!(TidelakePlugin, source, export_source_interface);
        };
    };
}

/// Stands between the component's exports and a [`Source`].
#[doc(hidden)]
pub struct Export<T>(PhantomData<T>);

impl<T: Source> crate::bindings::meta::exports::tidelake::plugin::meta::Guest for Export<T> {
    fn describe() -> String {
        describe::<T>()
    }
}

impl<T: Source> exports::Guest for Export<T> {
    type Reader = Reader<T>;
}

#[doc(hidden)]
pub struct Reader<T> {
    schema: SchemaRef,
    source: RefCell<T>,
}

impl<T: Source> exports::GuestReader for Reader<T> {
    fn open(options: String, offset: Option<Vec<u8>>) -> Result<exports::Reader, exports::Error> {
        let source = T::open(options::parse(&options)?, offset.as_deref())?;
        Ok(exports::Reader::new(Self { schema: source.schema(), source: RefCell::new(source) }))
    }

    fn schema(&self) -> Vec<u8> {
        schemas::write(&self.schema)
    }

    fn poll(
        &self,
        max_rows: u32,
        out: &wit::BatchSink,
    ) -> Result<(exports::PollResult, Vec<u8>), exports::Error> {
        let mut out = Output::to_host(out, self.schema.clone(), None);
        let max_rows = usize::try_from(max_rows).unwrap_or(usize::MAX);
        let Polled { next, offset } = self.source.borrow_mut().poll(max_rows, &mut out)?;
        Ok((next.into(), offset))
    }

    fn commit(&self, offset: Vec<u8>) -> Result<(), exports::Error> {
        Ok(self.source.borrow_mut().commit(&offset)?)
    }
}

impl From<Next> for exports::PollResult {
    fn from(next: Next) -> Self {
        match next {
            Next::More => Self::More,
            Next::Idle(wait) => Self::Idle(milliseconds(wait)),
            Next::End => Self::End,
            Next::Wait(wait, reason) => {
                Self::Wait(exports::Pause { milliseconds: milliseconds(wait), reason })
            }
        }
    }
}

fn milliseconds(wait: Duration) -> u32 {
    u32::try_from(wait.as_millis()).unwrap_or(u32::MAX)
}
