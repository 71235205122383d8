//! NDJSON: one object a line. Lines are decoded many at once; only when that
//! fails are they decoded one by one, to find the bad ones.

use std::io::BufRead;
use std::path::{Path, PathBuf};

use arrow::array::{Array, BooleanArray, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch, is_not_null};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::json::ReaderBuilder;
use arrow::json::reader::infer_json_schema;
use tidelake_core::table::TableSpec;
use tidelake_core::{Error, Result, columns};

use super::bad::BadRows;
use super::{BATCH_ROWS, Reader, Target, infer, input};

/// Rows of a file that its schema is guessed from.
const SAMPLE_ROWS: usize = 4_096;

/// The schema of an NDJSON file, from its first rows.
pub(super) fn infer_schema(path: &Path, spec: &TableSpec) -> Result<SchemaRef> {
    let lines = Lines::open(path)?.next()?.unwrap_or_default();
    let sample: Vec<&Line> =
        lines.iter().take(SAMPLE_ROWS).filter(|l| is_object(&l.text)).collect();
    if sample.is_empty() {
        return Err(Error::input("the file has no JSON object to guess the columns from")
            .with_help("NDJSON holds one object on each line: {\"ts\": \"2013-03-01\", ...}"));
    }
    let joined: Vec<u8> =
        sample.iter().flat_map(|l| l.text.iter().copied().chain([b'\n'])).collect();
    let (guess, _) = infer_json_schema(joined.as_slice(), None).map_err(|e| {
        Error::input("the columns of the file could not be guessed")
            .with_source(e)
            .with_help(format!("declare the columns in [table.{}.schema]", spec.name))
    })?;
    let mut fields: Vec<Field> = Vec::new();
    for field in guess.fields() {
        let data_type = match field.data_type() {
            _ if field.name() == &spec.time => time_type(field, &sample, spec)?,
            DataType::Null => DataType::Utf8,
            other => other.clone(),
        };
        fields.push(Field::new(field.name(), data_type, true));
    }
    Ok(Schema::new(fields).into())
}

fn time_type(field: &Field, sample: &[&Line], spec: &TableSpec) -> Result<DataType> {
    let texts = |line: &&Line| match serde_json::from_slice(&line.text) {
        Ok(serde_json::Value::Object(mut object)) => match object.remove(field.name()) {
            Some(serde_json::Value::String(text)) => Some(text),
            Some(serde_json::Value::Null) | None => None,
            Some(other) => Some(other.to_string()),
        },
        _ => None,
    };
    let column = sample.iter().map(texts).collect();
    let lines: Vec<u64> = sample.iter().map(|l| l.number).collect();
    infer::time_type(field.name(), &column, &lines, spec)
}

fn is_object(text: &[u8]) -> bool {
    matches!(serde_json::from_slice(text), Ok(serde_json::Value::Object(_)))
}

/// One line that is not blank.
#[derive(Debug)]
struct Line {
    number: u64,
    text: Vec<u8>,
}

/// The lines of a file, many at a time.
struct Lines {
    path: PathBuf,
    reader: Box<dyn BufRead + Send>,
    number: u64,
}

impl Lines {
    fn open(path: &Path) -> Result<Self> {
        Ok(Self { path: path.to_owned(), reader: input::open(path)?, number: 0 })
    }

    fn next(&mut self) -> Result<Option<Vec<Line>>> {
        let mut lines = Vec::new();
        while lines.len() < BATCH_ROWS {
            let mut text = Vec::new();
            let read = self.reader.read_until(b'\n', &mut text);
            if read.map_err(|e| input::unreadable(&self.path, e))? == 0 {
                break;
            }
            self.number += 1;
            let text = text.trim_ascii();
            if !text.is_empty() {
                lines.push(Line { number: self.number, text: text.to_vec() });
            }
        }
        Ok((!lines.is_empty()).then_some(lines))
    }
}

/// Reads NDJSON into the columns of a target.
pub(super) struct JsonReader {
    lines: Lines,
    schema: SchemaRef,
    time: String,
}

impl JsonReader {
    /// Opens a file and compares the columns of its first rows with the target's.
    pub(super) fn open(path: &Path, target: &Target) -> Result<Self> {
        let schema = target.file_schema.clone();
        let sample = Lines::open(path)?.next()?.unwrap_or_default();
        let mut names: Vec<String> = Vec::new();
        for line in sample.iter().take(SAMPLE_ROWS) {
            if let Ok(serde_json::Value::Object(object)) = serde_json::from_slice(&line.text) {
                for (name, _) in object {
                    if !names.contains(&name) {
                        names.push(name);
                    }
                }
            }
        }
        // A line that is no object is a bad row; without any object there is nothing to compare.
        if !names.is_empty() {
            columns::check_names(&names, &schema, &target.time, &target.origin, "the file")?;
        }
        Ok(Self { lines: Lines::open(path)?, schema, time: target.time.clone() })
    }

    fn decode(&self, lines: &[Line]) -> Result<RecordBatch> {
        let mut decoder = ReaderBuilder::new(self.schema.clone())
            .with_batch_size(lines.len())
            // A column that the table does not have must not vanish silently.
            .with_strict_mode(true)
            .build_decoder()?;
        for line in lines {
            decoder.decode(&line.text)?;
            decoder.decode(b"\n")?;
        }
        Ok(decoder.flush()?.unwrap_or_else(|| RecordBatch::new_empty(self.schema.clone())))
    }

    /// Decodes line by line, leaving the bad ones out.
    fn decode_each(&self, lines: Vec<Line>, bad: &mut BadRows) -> Result<(RecordBatch, Vec<Line>)> {
        let mut good = Vec::new();
        let mut kept = Vec::new();
        for line in lines {
            match self.decode(std::slice::from_ref(&line)) {
                Ok(batch) if batch.num_rows() == 1 => {
                    good.push(batch);
                    kept.push(line);
                }
                Ok(_) => {
                    bad.add(line.number, None, None, "the line is not one JSON object", None)?
                }
                Err(error) => {
                    let reason = std::error::Error::source(&error)
                        .map_or_else(|| error.to_string(), |e| e.to_string());
                    let reason = reason.strip_prefix("Json error: ").unwrap_or(&reason).to_owned();
                    let column = self.column_in(&reason);
                    bad.add(line.number, column.as_deref(), None, reason, None)?;
                }
            }
        }
        Ok((concat_batches(&self.schema, &good)?, kept))
    }

    /// The column that a decoder's message is about.
    fn column_in(&self, reason: &str) -> Option<String> {
        let (_, rest) = reason.split_once("field '")?;
        let (name, _) = rest.split_once('\'')?;
        self.schema.field_with_name(name).ok().map(|f| f.name().clone())
    }
}

impl Reader for JsonReader {
    fn next(&mut self, bad: &mut BadRows) -> Result<Option<RecordBatch>> {
        let Some(lines) = self.lines.next()? else { return Ok(None) };
        let (batch, lines) = match self.decode(&lines) {
            Ok(batch) if batch.num_rows() == lines.len() => (batch, lines),
            _ => self.decode_each(lines, bad)?,
        };
        let column = batch.column_by_name(&self.time);
        let Some(times) = column.filter(|c| c.null_count() > 0) else { return Ok(Some(batch)) };
        for row in (0..times.len()).filter(|row| times.is_null(*row)) {
            bad.add(lines[row].number, Some(&self.time), None, "the time is missing", None)?;
        }
        let good: BooleanArray = is_not_null(times)?;
        Ok(Some(filter_record_batch(&batch, &good)?))
    }
}
