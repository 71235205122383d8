//! Format writers: batches in, the bytes of one file out.

use std::cell::RefCell;
use std::marker::PhantomData;

use arrow_schema::SchemaRef;
use serde_json::json;

use crate::batch::Batch;
use crate::bindings::format_writer::exports::tidelake::plugin::format_writer as exports;
use crate::bindings::host::tidelake::plugin::arrow as wit;
use crate::error::{Error, Result};
use crate::options::{self, Options};
use crate::output::Sink;
use crate::schemas;

/// One column of the order in which rows arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SortColumn {
    /// Index of the top-level column.
    pub column: usize,
    /// Largest first.
    pub descending: bool,
    /// Nulls before all values.
    pub nulls_first: bool,
}

/// Writes one file.
///
/// [`export_format_writer!`](crate::export_format_writer) makes it a plugin. Row
/// counts, statistics and hashes are the host's; a writer returns bytes.
pub trait FormatWriter: Sized + 'static {
    /// The name that a configuration uses: `[a-z][a-z0-9-]*`.
    const NAME: &'static str;
    /// Semantic version, best `env!("CARGO_PKG_VERSION")`.
    const VERSION: &'static str;
    /// One line for `plugin list`.
    const DESCRIPTION: &'static str;
    /// How the files are read back (`parquet`, `json`).
    const FILE_FORMAT: &'static str;
    /// Ending of the file names, without the dot.
    const EXTENSION: &'static str;
    /// What the operator configures.
    type Options: Options;

    /// Starts a file. `sort` is the order of all rows that will be written. A type
    /// that the format cannot hold without loss is refused here, as
    /// [`Error::unsupported`], naming the column and what to do.
    fn create(
        schema: SchemaRef,
        sort: &[SortColumn],
        options: Self::Options,
        out: Sink,
    ) -> Result<Self>;

    /// Writes all rows of a batch.
    fn write(&mut self, batch: &Batch<'_>) -> Result<()>;

    /// Bytes taken in and not yet handed to the sink.
    fn buffered(&self) -> u64;

    /// Writes what is left, footer included.
    fn finish(self) -> Result<()>;
}

/// What `meta.describe` says about a format writer.
pub(crate) fn describe<T: FormatWriter>() -> String {
    json!({
        "name": T::NAME,
        "version": T::VERSION,
        "kind": "format-writer",
        "description": T::DESCRIPTION,
        "options": options::schema::<T::Options>(),
        "file_format": T::FILE_FORMAT,
        "extension": T::EXTENSION,
    })
    .to_string()
}

/// Exports a [`FormatWriter`](crate::FormatWriter) as the plugin that this crate is.
#[macro_export]
macro_rules! export_format_writer {
    ($writer:ty) => {
        const _: () = {
            type TidelakePlugin = $crate::format_writer::Export<$writer>;
            $crate::__export!(TidelakePlugin, format_writer, export_format_writer_interface);
            $crate::__export_native!(format_writer, $writer);
        };
    };
}

/// Stands between the component's exports and a [`FormatWriter`].
#[doc(hidden)]
pub struct Export<T>(PhantomData<T>);

impl<T: FormatWriter> crate::bindings::meta::exports::tidelake::plugin::meta::Guest for Export<T> {
    fn describe() -> String {
        describe::<T>()
    }
}

impl<T: FormatWriter> exports::Guest for Export<T> {
    type Writer = Writer<T>;
}

#[doc(hidden)]
pub struct Writer<T> {
    schema: SchemaRef,
    /// Taken by `finish`.
    writer: RefCell<Option<T>>,
}

impl<T: FormatWriter> Writer<T> {
    fn open(
        schema: &[u8],
        sort: &[exports::SortColumn],
        options: &str,
        out: wit::ByteSink,
    ) -> Result<Self> {
        let schema = schemas::read(schema)?;
        let sort: Vec<SortColumn> = sort
            .iter()
            .map(|s| SortColumn {
                column: s.column as usize,
                descending: s.descending,
                nulls_first: s.nulls_first,
            })
            .collect();
        let options = options::parse(options)?;
        let writer = T::create(schema.clone(), &sort, options, Sink::to_host(out))?;
        Ok(Self { schema, writer: RefCell::new(Some(writer)) })
    }

    fn write(&self, batch: &wit::RecordBatch) -> Result<()> {
        let batch = Batch::from_host(batch, &self.schema)?;
        self.writer.borrow_mut().as_mut().ok_or_else(finished)?.write(&batch)
    }
}

pub(crate) fn finished() -> Error {
    Error::internal("the file is finished already")
}

impl<T: FormatWriter> exports::GuestWriter for Writer<T> {
    fn create(
        schema: Vec<u8>,
        sort: Vec<exports::SortColumn>,
        options: String,
        out: wit::ByteSink,
    ) -> Result<exports::Writer, exports::Error> {
        Ok(exports::Writer::new(Self::open(&schema, &sort, &options, out)?))
    }

    fn write(&self, batch: &wit::RecordBatch) -> Result<(), exports::Error> {
        Ok(self.write(batch)?)
    }

    fn buffered(&self) -> u64 {
        self.writer.borrow().as_ref().map_or(0, T::buffered)
    }

    fn finish(&self) -> Result<(), exports::Error> {
        let writer = self.writer.borrow_mut().take().ok_or_else(finished)?;
        Ok(writer.finish()?)
    }
}
