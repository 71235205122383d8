//! CSV: read as text columns with the line of every row, then converted.

use std::io::BufRead;
use std::path::Path;
use std::sync::Arc;

use ::csv::{ByteRecord, ErrorKind as CsvError};
use arrow::array::{ArrayRef, RecordBatch, StringArray, StringBuilder};
use arrow::datatypes::SchemaRef;
use tidelake_core::{Error, Result, columns};

use super::bad::BadRows;
use super::{BATCH_ROWS, Reader, Target, convert, infer, input};

/// Some rows of a CSV file, as text. An empty field is a null.
#[derive(Debug)]
pub(super) struct TextChunk {
    /// One column for each of the header's.
    pub(super) columns: Vec<StringArray>,
    /// The line on which each row begins, from 1.
    pub(super) lines: Vec<u64>,
}

/// Reads a CSV file as text.
pub(super) struct TextReader {
    reader: ::csv::Reader<Box<dyn BufRead + Send>>,
    /// The header.
    pub(super) names: Vec<String>,
    record: ByteRecord,
}

impl TextReader {
    /// Opens a file and reads its header.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let mut reader = ::csv::ReaderBuilder::new()
            .delimiter(input::delimiter(path)?)
            .flexible(true)
            .buffer_capacity(1 << 18)
            .from_reader(input::open(path)?);
        let header = reader.byte_headers().map_err(|e| broken(path, e))?.clone();
        let mut names: Vec<String> = Vec::with_capacity(header.len());
        for field in &header {
            let name = String::from_utf8_lossy(field).trim().to_owned();
            let problem = match () {
                () if name.is_empty() => format!("column {} has no name", names.len() + 1),
                () if names.contains(&name) => format!("column {name:?} is there twice"),
                () => String::new(),
            };
            if !problem.is_empty() {
                return Err(Error::input(format!("the header is wrong: {problem}"))
                    .with("file", path.display())
                    .with_help("the first line names every column, each once"));
            }
            names.push(name);
        }
        Ok(Self { reader, names, record: ByteRecord::new() })
    }

    /// The next rows; `None` at the end. Rows with missing or surplus fields and
    /// rows that are not UTF-8 are bad.
    pub(super) fn next(&mut self, path: &Path, bad: &mut BadRows) -> Result<Option<TextChunk>> {
        let width = self.names.len();
        let mut builders: Vec<StringBuilder> = (0..width).map(|_| StringBuilder::new()).collect();
        let mut lines = Vec::new();
        let mut read_any = false;
        while lines.len() < BATCH_ROWS {
            if !self.reader.read_byte_record(&mut self.record).map_err(|e| broken(path, e))? {
                break;
            }
            read_any = true;
            let line = self.record.position().map_or(0, |p| p.line());
            if self.record.len() != width {
                let reason = format!("{} fields, where the header has {width}", self.record.len());
                bad.add(line, None, None, reason, None)?;
                continue;
            }
            let mut texts = Vec::with_capacity(width);
            for (i, field) in self.record.iter().enumerate() {
                match std::str::from_utf8(field) {
                    Ok(text) => texts.push(text),
                    Err(_) => {
                        let value = String::from_utf8_lossy(field);
                        bad.add(line, Some(&self.names[i]), Some(&value), "is not UTF-8", None)?;
                        break;
                    }
                }
            }
            if texts.len() < width {
                continue;
            }
            for (builder, text) in builders.iter_mut().zip(texts) {
                builder.append_option((!text.is_empty()).then_some(text));
            }
            lines.push(line);
        }
        if !read_any {
            return Ok(None);
        }
        let columns = builders.iter_mut().map(StringBuilder::finish).collect();
        Ok(Some(TextChunk { columns, lines }))
    }
}

fn broken(path: &Path, error: ::csv::Error) -> Error {
    match error.into_kind() {
        CsvError::Io(error) => input::unreadable(path, error),
        other => Error::input("the file is not readable as CSV")
            .with("file", path.display())
            .with_source(std::io::Error::other(format!("{other:?}"))),
    }
}

/// Reads a CSV file into the columns of a target.
pub(super) struct CsvReader {
    path: std::path::PathBuf,
    text: TextReader,
    schema: SchemaRef,
    time: String,
    /// Where each column of the schema is in the file.
    order: Vec<usize>,
    /// The first rows, read when the file was opened.
    first: Option<TextChunk>,
    /// Bad rows among them.
    first_bad: Option<BadRows>,
}

impl CsvReader {
    /// Opens a file; its columns may stand in another order than the target's.
    pub(super) fn open(path: &Path, target: &Target) -> Result<Self> {
        let text = TextReader::open(path)?;
        let schema = target.file_schema.clone();
        columns::check_names(&text.names, &schema, &target.time, &target.origin, "the file")?;
        let order = schema
            .fields()
            .iter()
            .filter_map(|f| text.names.iter().position(|name| name == f.name()))
            .collect();
        let time = target.time.clone();
        let path = path.to_owned();
        let mut reader = Self { path, text, schema, time, order, first: None, first_bad: None };
        reader.check_types(target)?;
        Ok(reader)
    }

    /// A column none of whose first values fit has changed its type; that is
    /// worth more than an error about its first row.
    fn check_types(&mut self, target: &Target) -> Result<()> {
        let mut bad = BadRows::new(super::bad::OnError::Skip);
        bad.file(&self.path);
        let first = self.text.next(&self.path, &mut bad)?;
        if let Some(chunk) = &first {
            let mut differences = Vec::new();
            for (field, at) in self.schema.fields().iter().zip(&self.order) {
                if let Some(is) = infer::unlike(&chunk.columns[*at], field.data_type()) {
                    differences.push(columns::type_change(field.name(), &is, field.data_type()));
                }
            }
            columns::differ(differences, &target.origin, "the file")?;
        }
        self.first = first;
        self.first_bad = Some(bad);
        Ok(())
    }
}

impl Reader for CsvReader {
    fn next(&mut self, bad: &mut BadRows) -> Result<Option<RecordBatch>> {
        if let Some(first_bad) = self.first_bad.take() {
            bad.absorb(first_bad)?;
        }
        let chunk = match self.first.take() {
            Some(chunk) => Some(chunk),
            None => self.text.next(&self.path, bad)?,
        };
        let Some(chunk) = chunk else { return Ok(None) };
        let columns: Vec<ArrayRef> =
            self.order.iter().map(|i| Arc::new(chunk.columns[*i].clone()) as ArrayRef).collect();
        convert::text(&columns, &chunk.lines, &self.schema, &self.time, bad).map(Some)
    }
}
