//! A file of row groups, whose columns are written each in its own way.

use std::io::Write;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::errors::Result;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::ColumnDescPtr;
use tidelake_interner::is_text;

use crate::text::TextChunk;

/// A file in progress.
pub(crate) struct File<W: Write + Send> {
    file: SerializedFileWriter<W>,
    schema: SchemaRef,
    columns: ArrowRowGroupWriterFactory,
    group: Option<RowGroup>,
}

/// A row group in progress.
struct RowGroup {
    columns: Vec<Column>,
    rows: usize,
}

/// A column chunk in progress, with its top-level column.
enum Column {
    Text(usize, Box<TextChunk>),
    /// By the crate, with all leaves of its top-level column.
    Other(usize, Vec<ArrowColumnWriter>),
}

impl<W: Write + Send> File<W> {
    /// Begins the file. It carries no Arrow schema.
    pub(crate) fn new(out: W, schema: SchemaRef, properties: WriterProperties) -> Result<Self> {
        let parquet = ArrowSchemaConverter::new()
            .with_coerce_types(properties.coerce_types())
            .convert(&schema)?;
        let file = SerializedFileWriter::new(out, parquet.root_schema_ptr(), Arc::new(properties))?;
        let columns = ArrowRowGroupWriterFactory::new(&file, schema.clone());
        Ok(Self { file, schema, columns, group: None })
    }

    /// Where the bytes go.
    pub(crate) fn inner(&self) -> &W {
        self.file.inner()
    }

    /// Encoded bytes that wait for their row group's end, about.
    pub(crate) fn in_progress_bytes(&self) -> usize {
        self.group.as_ref().map_or(0, RowGroup::estimated_bytes)
    }

    /// Adds rows; row groups end where the properties say so.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let mut batch = batch.clone();
        while batch.num_rows() > 0 {
            let group = match self.group.take() {
                Some(group) => group,
                None => self.begin()?,
            };
            let group = self.group.insert(group);
            let rows = room(self.file.properties(), group).min(batch.num_rows());
            group.write(&batch.slice(0, rows), &self.schema)?;
            if room(self.file.properties(), group) == 0 {
                self.end()?;
            }
            batch = batch.slice(rows, batch.num_rows() - rows);
        }
        Ok(())
    }

    /// Writes what is left; the file is whole then.
    pub(crate) fn finish(mut self) -> Result<W> {
        self.end()?;
        self.file.into_inner()
    }

    fn begin(&self) -> Result<RowGroup> {
        let properties = self.file.properties();
        let leaves: Vec<(usize, ColumnDescPtr)> = {
            let parquet = self.file.schema_descr();
            (0..parquet.num_columns())
                .map(|leaf| (parquet.get_column_root_idx(leaf), parquet.column(leaf)))
                .collect()
        };
        let mut columns: Vec<Column> = Vec::with_capacity(self.schema.fields().len());
        let others = self.columns.create_column_writers(self.file.flushed_row_groups().len())?;
        for ((top, leaf), other) in leaves.into_iter().zip(others) {
            let text = is_text(self.schema.field(top).data_type())
                && properties.dictionary_enabled(leaf.path());
            match columns.last_mut() {
                Some(Column::Other(last, leaves)) if *last == top => leaves.push(other),
                _ if text => {
                    columns.push(Column::Text(top, Box::new(TextChunk::new(leaf, properties)?)));
                }
                _ => columns.push(Column::Other(top, vec![other])),
            }
        }
        Ok(RowGroup { columns, rows: 0 })
    }

    fn end(&mut self) -> Result<()> {
        let Some(group) = self.group.take() else { return Ok(()) };
        let mut out = self.file.next_row_group()?;
        for column in group.columns {
            column.append_to(&mut out)?;
        }
        out.close()?;
        Ok(())
    }
}

/// Rows that may still come into a row group: none when it is full, one at least before.
fn room(properties: &WriterProperties, group: &RowGroup) -> usize {
    let rows = properties.max_row_group_row_count().unwrap_or(usize::MAX);
    let left = rows.saturating_sub(group.rows);
    let (Some(bytes), 1..) = (properties.max_row_group_bytes(), group.rows) else { return left };
    let used = group.estimated_bytes();
    let Some(unused @ 1..) = bytes.checked_sub(used) else { return 0 };
    // Rows go on as they were.
    let each = (used / group.rows).max(1);
    left.min((unused / each).max(1))
}

impl RowGroup {
    fn write(&mut self, batch: &RecordBatch, schema: &SchemaRef) -> Result<()> {
        for column in &mut self.columns {
            match column {
                Column::Text(top, chunk) => chunk.write(batch.column(*top))?,
                Column::Other(top, writers) => {
                    let leaves = compute_leaves(schema.field(*top), batch.column(*top))?;
                    for (writer, leaf) in writers.iter_mut().zip(leaves) {
                        writer.write(&leaf)?;
                    }
                }
            }
        }
        self.rows += batch.num_rows();
        Ok(())
    }

    fn estimated_bytes(&self) -> usize {
        let of = |column: &Column| match column {
            Column::Text(_, chunk) => chunk.estimated_bytes(),
            Column::Other(_, writers) => {
                writers.iter().map(ArrowColumnWriter::get_estimated_total_bytes).sum()
            }
        };
        self.columns.iter().map(of).sum()
    }
}

impl Column {
    fn append_to<W: Write + Send>(self, out: &mut SerializedRowGroupWriter<'_, W>) -> Result<()> {
        match self {
            Self::Text(_, chunk) => {
                let (bytes, result) = chunk.close()?;
                out.append_column(&bytes, result)
            }
            Self::Other(_, writers) => {
                writers.into_iter().try_for_each(|writer| writer.close()?.append_to_row_group(out))
            }
        }
    }
}
