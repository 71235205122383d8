//! The traits behind which every replaceable step stands. `tidelake-plugin`
//! implements them with WebAssembly components; tests and embedders may with
//! plain Rust.
//!
//! All of it is blocking work on columns: callers run it on threads of their
//! own, never on an async worker.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, Result};

/// What a plugin is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PluginKind {
    /// Turns batches into the bytes of a file.
    FormatWriter,
    /// Changes batches on their way to the lake.
    Transform,
    /// Aggregates rows into time buckets.
    Downsampler,
    /// Keeps the objects of a lake.
    StorageBackend,
    /// Brings rows in.
    Source,
}

impl std::fmt::Display for PluginKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::FormatWriter => "format-writer",
            Self::Transform => "transform",
            Self::Downsampler => "downsampler",
            Self::StorageBackend => "storage-backend",
            Self::Source => "source",
        })
    }
}

/// What a plugin says about itself (`meta.describe`), and its digest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PluginInfo {
    /// Name that configurations use.
    pub name: String,
    /// Semantic version.
    pub version: String,
    /// What it is.
    pub kind: PluginKind,
    /// One line for people.
    #[serde(default)]
    pub description: String,
    /// JSON Schema of its options.
    #[serde(default)]
    pub options: Value,
    /// Transforms: each output row depends on one input row alone.
    #[serde(default)]
    pub row_wise: bool,
    /// Writers: how the files are read back (`parquet`, `json`).
    #[serde(default)]
    pub file_format: Option<String>,
    /// Writers: ending of file names, without the dot.
    #[serde(default)]
    pub extension: Option<String>,
    /// SHA-256 of the plugin file, in hex; filled in by the host.
    #[serde(default)]
    pub digest: String,
}

/// Where a plugin works, for its `config` import, for logs and errors.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PluginContext {
    /// The table.
    pub table: String,
    /// The unit of work, or what else the plugin works for (`query`).
    pub unit: String,
}

/// One column of the order in which rows arrive at a writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SortColumn {
    /// Index in the schema.
    pub column: usize,
    /// Largest first.
    pub descending: bool,
    /// Nulls before all values.
    pub nulls_first: bool,
}

/// Takes the bytes of one file, in order. May block.
pub trait ByteSink: Send {
    /// Appends bytes.
    fn write(&mut self, bytes: Bytes) -> Result<()>;
}

/// Takes batches. May block.
pub trait BatchSink {
    /// Takes one batch.
    fn emit(&mut self, batch: RecordBatch) -> Result<()>;
}

impl BatchSink for Vec<RecordBatch> {
    fn emit(&mut self, batch: RecordBatch) -> Result<()> {
        self.push(batch);
        Ok(())
    }
}

/// One run of a transform over a stream of batches.
pub trait Transform: Send {
    /// The schema of everything that is emitted.
    fn output_schema(&self) -> SchemaRef;
    /// Takes one batch and emits any number of batches.
    fn process(&mut self, batch: &RecordBatch, out: &mut dyn BatchSink) -> Result<()>;
    /// The input has ended: emits what was held back. No call follows.
    fn finish(&mut self, out: &mut dyn BatchSink) -> Result<()>;
    /// The state from which [`Plugins::restore_transform`] carries on; empty when
    /// there is none. The transform itself goes on as before.
    fn snapshot(&mut self) -> Result<Vec<u8>> {
        Ok(Vec::new())
    }
}

/// Writes one file. Its sink was given when it was made.
pub trait FormatWriter: Send {
    /// Writes all rows of a batch.
    fn write(&mut self, batch: &RecordBatch) -> Result<()>;
    /// Bytes taken in and not yet handed to the sink.
    fn buffered(&mut self) -> Result<u64>;
    /// Writes what is left, footer included.
    fn finish(self: Box<Self>) -> Result<()>;
}

/// Aggregates of any number of groups and buckets; see `wit/downsampler.wit`.
pub trait Downsampler: Send {
    /// What [`Downsampler::drain`] emits and [`Downsampler::merge`] takes: the
    /// bucket (named as the time column), the group columns, then the values.
    fn output_schema(&self) -> SchemaRef;
    /// Adds raw rows.
    fn update(&mut self, batch: &RecordBatch) -> Result<()>;
    /// Adds aggregates drained earlier with the same plugin and options.
    fn merge(&mut self, partials: &RecordBatch) -> Result<()>;
    /// Emits one row for each group and bucket and forgets them.
    fn drain(&mut self, out: &mut dyn BatchSink) -> Result<()>;
}

/// Roles of the columns of a downsampler's input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DownsampleSpec {
    /// Index of the time column.
    pub time_column: usize,
    /// Index of the column with the start of each row's bucket, of the time
    /// column's type.
    pub bucket_column: usize,
    /// Indexes of the columns to group by.
    pub group_columns: Vec<usize>,
}

/// The longest offset of a source, in bytes.
pub const MAX_OFFSET: usize = 16 << 10;

/// What a poll of a source found; see `wit/source.wit`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// There may be more at once.
    More,
    /// There is nothing more now; ask again after so long.
    Idle(Duration),
    /// There is nothing more, and never will be.
    End,
    /// The other side asks to be left alone for so long, and why.
    Wait(Duration, String),
}

/// What a poll of a source answered, beside the rows that it emitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Polled {
    /// What it found.
    pub next: Next,
    /// Where the source is after the rows.
    pub offset: Vec<u8>,
}

/// A place where rows come from, open at an offset; see `wit/source.wit`.
///
/// After an error of [`Source::poll`] or [`Source::commit`] it is of no more use: open
/// another one at the last durable offset.
pub trait Source: Send {
    /// The schema of everything that is emitted.
    fn schema(&self) -> SchemaRef;
    /// Emits at most `max_rows` rows. Rows never come without an offset that moved.
    fn poll(&mut self, max_rows: u32, out: &mut dyn BatchSink) -> Result<Polled>;
    /// Rows up to an offset that a poll answered are durable.
    fn commit(&mut self, offset: &[u8]) -> Result<()>;
}

/// Makes running plugins by name. Instances may be reused between calls; state is not.
pub trait Plugins: Debug + Send + Sync + 'static {
    /// What the plugin says about itself. `NotFound` when there is none of this name.
    fn describe(&self, name: &str) -> Result<PluginInfo>;

    /// A transform over batches of `input`.
    fn transform(
        &self,
        name: &str,
        context: &PluginContext,
        input: SchemaRef,
        options: &Value,
    ) -> Result<Box<dyn Transform>>;

    /// A transform that carries on from a [`Transform::snapshot`], taken perhaps by
    /// another version of the plugin. What cannot restore it answers with an error
    /// and never begins anew in silence.
    fn restore_transform(
        &self,
        name: &str,
        context: &PluginContext,
        input: SchemaRef,
        options: &Value,
        snapshot: &[u8],
    ) -> Result<Box<dyn Transform>> {
        match snapshot.is_empty() {
            true => self.transform(name, context, input, options),
            false => {
                Err(Error::unsupported(format!("plugin `{name}` cannot carry on from a state"))
                    .with("plugin", name))
            }
        }
    }

    /// A writer of one file of rows of `schema` in the order `sort`.
    fn format_writer(
        &self,
        name: &str,
        context: &PluginContext,
        schema: SchemaRef,
        sort: &[SortColumn],
        options: &Value,
        out: Box<dyn ByteSink>,
    ) -> Result<Box<dyn FormatWriter>>;

    /// A downsampler over batches of `input`.
    fn downsampler(
        &self,
        name: &str,
        context: &PluginContext,
        input: SchemaRef,
        spec: &DownsampleSpec,
        options: &Value,
    ) -> Result<Box<dyn Downsampler>>;

    /// The same plugins, each in one version for as long as this view is used: the
    /// newest when it is first asked for. What belongs together (a plan and its
    /// units, a query) takes its plugins from one view, and so keeps its digests
    /// while versions change beside it. `None`: they never change.
    fn hold(&self) -> Option<Arc<dyn Plugins>> {
        None
    }

    /// A piece of work has ended: numbers that are kept beyond the process are kept
    /// now. Never fails; what could not be kept is tried again.
    fn keep_stats(&self) {}

    /// A source, open at an offset that it returned earlier, or at its start.
    /// Whoever runs plugins of other kinds alone leaves it as it is.
    fn source(
        &self,
        name: &str,
        context: &PluginContext,
        options: &Value,
        offset: Option<&[u8]>,
    ) -> Result<Box<dyn Source>> {
        let _ = (context, options, offset);
        Err(Error::unsupported(format!("plugin `{name}` cannot be run as a source here")))
    }
}

/// Turns hot rows into public rows when they are queried: a table's chain of
/// row-wise transforms, so that an answer never changes because a row crossed
/// the watermark. May block for as long as the plugins run.
pub trait RowTransform: Debug + Send + Sync + 'static {
    /// The public schema.
    fn output_schema(&self) -> SchemaRef;
    /// The public rows of some hot rows.
    fn apply(&self, batch: &RecordBatch) -> Result<Vec<RecordBatch>>;
}

/// A shared [`RowTransform`].
pub type RowTransformRef = Arc<dyn RowTransform>;
