//! Files on their way into the hot store.
//!
//! ```text
//! open ──> detect ──> read ──> convert ──> look up ──> batches of the table's schema
//!            │         │          │
//!            │         │          └─ values that do not fit: bad rows, with line and column
//!            │         └─ CSV as text columns, NDJSON, Parquet, Arrow
//!            └─ by ending and first bytes, through gzip
//! ```
//!
//! With `--on-error abort` every file is read through once before the first row
//! is stored, so a bad row in the last file leaves the store as it was. Files
//! that fit into [`KEPT_BYTES`] are kept from that pass and not read again.

pub(crate) mod bad;
mod columnar;
mod convert;
mod csv;
mod infer;
mod input;
mod json;
pub(crate) mod lookup;
pub(crate) mod sample;

use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use tidelake_core::columns::Origin;
use tidelake_core::table::TableSpec;
use tidelake_core::{Error, Result, ResultExt, columns};

use bad::BadRows;
use input::Kind;
use lookup::Lookup;

/// Batches of a checked file are kept up to this size instead of being read twice.
pub(crate) const KEPT_BYTES: usize = 256 << 20;

/// Rows of text that become one batch.
const BATCH_ROWS: usize = 16_384;

/// Yields batches of one schema, and what was wrong with rows left out of them.
trait Reader: Send {
    /// The next batch; `None` at the end.
    fn next(&mut self, bad: &mut BadRows) -> Result<Option<RecordBatch>>;
}

/// What files are read into.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// The table's columns.
    pub(crate) schema: SchemaRef,
    /// The columns that files have: all but the looked-up ones.
    pub(crate) file_schema: SchemaRef,
    /// The table's time column.
    pub(crate) time: String,
    /// Where the schema comes from, for messages.
    pub(crate) origin: Origin,
    /// Joined to every row.
    pub(crate) lookup: Option<Lookup>,
}

/// Finds the schema that the files are read into: the table's own, if it has
/// one, or what the first file looks like.
pub(crate) fn target(
    spec: &TableSpec,
    known: Option<(SchemaRef, Origin)>,
    files: &[PathBuf],
    lookup: Option<Lookup>,
) -> Result<Target> {
    let time = spec.time.clone();
    let added = lookup.as_ref().map(|l| l.schema());
    if let Some((schema, origin)) = known {
        let file_schema = match &added {
            Some(added) => columns::without(&schema, added),
            None => schema.clone(),
        };
        return Ok(Target { schema, file_schema, time, origin, lookup });
    }
    let first = files.first().ok_or_else(|| Error::input("there is no file to ingest"))?;
    let file_schema = match input::detect(first)? {
        Kind::Csv => infer::csv_schema(first, spec),
        Kind::Json => json::infer_schema(first, spec),
        Kind::Parquet => columnar::parquet_schema(first),
        Kind::Arrow => columnar::arrow_schema(first),
    }
    .with("file", first.display())?;
    let schema = match &added {
        Some(added) => columns::joined(&file_schema, added)?,
        None => file_schema.clone(),
    };
    spec.check_schema(&schema, &first.display().to_string())?;
    let origin = Origin::File(first.display().to_string());
    Ok(Target { schema, file_schema, time, origin, lookup })
}

/// A file being read into the target's schema.
pub(crate) struct FileReader {
    path: PathBuf,
    reader: Box<dyn Reader>,
    target: Target,
}

impl FileReader {
    /// Opens a file and compares its columns with the target's.
    pub(crate) fn open(path: &Path, target: &Target) -> Result<Self> {
        let open = || -> Result<Box<dyn Reader>> {
            Ok(match input::detect(path)? {
                Kind::Csv => Box::new(csv::CsvReader::open(path, target)?),
                Kind::Json => Box::new(json::JsonReader::open(path, target)?),
                Kind::Parquet => Box::new(columnar::parquet(path, target)?),
                Kind::Arrow => Box::new(columnar::arrow(path, target)?),
            })
        };
        let reader = open().with("file", path.display())?;
        Ok(Self { path: path.to_owned(), reader, target: target.clone() })
    }

    /// The next batch of the target's schema; `None` at the end of the file.
    pub(crate) fn next(&mut self, bad: &mut BadRows) -> Result<Option<RecordBatch>> {
        bad.file(&self.path);
        let Some(batch) = self.reader.next(bad).with("file", self.path.display())? else {
            return Ok(None);
        };
        let batch = match &self.target.lookup {
            Some(lookup) => lookup.join(&batch, &self.target.schema, bad)?,
            None => batch,
        };
        Ok(Some(batch))
    }
}

#[cfg(test)]
mod tests;
