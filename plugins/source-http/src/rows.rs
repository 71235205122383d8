//! From the bytes of a page to rows: texts first, with the place of each, then typed
//! columns. A value that does not fit is an error that names its line and its column.

use std::borrow::Cow;
use std::collections::HashMap;

use arrow_array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, Field, SchemaRef};
use serde_json::value::RawValue;
use tidelake_sdk::{Error, Result};

use crate::options::Format;

type Object<'a> = HashMap<Cow<'a, str>, &'a RawValue>;

/// Characters of a value that an error shows.
const SHOWN: usize = 80;

/// The rows of a page, and the cursor that is in it apart from them.
#[derive(Debug)]
pub(crate) struct Page {
    /// All of its rows.
    pub(crate) rows: RecordBatch,
    /// The value of the field of the last row that is asked for.
    pub(crate) last: Option<String>,
    /// The value at the path that is asked for.
    pub(crate) cursor: Option<String>,
}

/// Where things are in a page.
pub(crate) struct Layout<'a> {
    pub(crate) format: Format,
    /// Path of the rows.
    pub(crate) rows: Option<&'a str>,
    /// Path of the cursor.
    pub(crate) cursor: Option<&'a str>,
    /// The field of the last row that is the cursor.
    pub(crate) field: Option<&'a str>,
}

impl Page {
    /// Reads a page.
    pub(crate) fn read(body: &[u8], layout: &Layout<'_>, schema: &SchemaRef) -> Result<Self> {
        let text = std::str::from_utf8(body)
            .map_err(|error| Error::invalid_input(format!("the page is not UTF-8: {error}")))?;
        let mut texts = Texts::new(schema);
        let mut cursor = None;
        match layout.format {
            Format::Csv => csv(text, &mut texts)?,
            Format::Ndjson => {
                let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
                for (i, line) in lines {
                    texts.object(line, Place::Line(i as u64 + 1))?;
                }
            }
            Format::Json => {
                let rows: Vec<&RawValue> = match layout.rows {
                    None => parse(text, "the page is not a JSON array")?,
                    Some(path) => {
                        let rows = at(text, path)?.ok_or_else(|| {
                            Error::invalid_input(format!("the page has no rows at `{path}`"))
                        })?;
                        parse(rows.get(), &format!("what is at `{path}` is not an array"))?
                    }
                };
                for (i, row) in rows.into_iter().enumerate() {
                    texts.object(row.get(), Place::Row(i as u64 + 1))?;
                }
                if let Some(path) = layout.cursor {
                    cursor = at(text, path)?.map(|value| plain(value, path)).transpose()?.flatten();
                }
            }
        }
        let last = match layout.field {
            Some(field) => texts.last(field)?,
            None => None,
        };
        Ok(Self { rows: texts.into_batch()?, last, cursor })
    }
}

/// Where a row is in its page.
#[derive(Debug, Clone, Copy)]
enum Place {
    Line(u64),
    Row(u64),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Line(n) => write!(f, "line {n}"),
            Self::Row(n) => write!(f, "row {n}"),
        }
    }
}

/// Columns of texts.
struct Texts<'a> {
    schema: &'a SchemaRef,
    columns: Vec<Vec<Option<String>>>,
    places: Vec<Place>,
}

impl<'a> Texts<'a> {
    fn new(schema: &'a SchemaRef) -> Self {
        Self { schema, columns: vec![Vec::new(); schema.fields().len()], places: Vec::new() }
    }

    /// Adds a row that is a JSON object.
    fn object(&mut self, text: &str, place: Place) -> Result<()> {
        let object: Object<'_> =
            parse(text, "it is not a JSON object").map_err(|error| error.at(place))?;
        for (field, column) in self.schema.fields().iter().zip(&mut self.columns) {
            let name = field.name();
            column.push(match object.get(name.as_str()) {
                None => None,
                Some(value) => plain(value, name).map_err(|error| error.at(place))?,
            });
        }
        self.places.push(place);
        Ok(())
    }

    /// The text of the last row in a column; there must be one, if there is a row.
    fn last(&self, field: &str) -> Result<Option<String>> {
        let Some(place) = self.places.last() else { return Ok(None) };
        let column = self.schema.index_of(field)?;
        match self.columns[column].last() {
            Some(Some(text)) => Ok(Some(text.clone())),
            _ => Err(Error::column(field, "the last row has no value to go on from").at(place)),
        }
    }

    fn into_batch(self) -> Result<RecordBatch> {
        let mut columns = Vec::with_capacity(self.columns.len());
        for (field, texts) in self.schema.fields().iter().zip(self.columns) {
            columns.push(typed(field, &StringArray::from(texts), &self.places)?);
        }
        Ok(RecordBatch::try_new(self.schema.clone(), columns)?)
    }
}

fn csv(text: &str, texts: &mut Texts<'_>) -> Result<()> {
    let wrong = |error: csv::Error| Error::invalid_input(format!("the page is not CSV: {error}"));
    let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
    let header = reader.headers().map_err(wrong)?.clone();
    // A page without rows may come without its header, too.
    if header.iter().all(str::is_empty) {
        return Ok(());
    }
    let mut places = Vec::with_capacity(texts.schema.fields().len());
    for field in texts.schema.fields() {
        let position = header.iter().position(|name| name == field.name());
        places.push(position.ok_or_else(|| {
            let all: Vec<&str> = header.iter().collect();
            let what = format!("the header has no such column; it has {}", all.join(", "));
            Error::column(field.name(), what).at(Place::Line(1))
        })?);
    }
    for record in reader.records() {
        let record = record.map_err(wrong)?;
        for (column, position) in texts.columns.iter_mut().zip(&places) {
            let value = record.get(*position).filter(|value| !value.is_empty());
            column.push(value.map(str::to_owned));
        }
        texts.places.push(Place::Line(record.position().map_or(0, csv::Position::line)));
    }
    Ok(())
}

fn parse<'a, T: serde::Deserialize<'a>>(text: &'a str, what: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| Error::invalid_input(format!("{what}: {error}")))
}

/// What is at a path of names in a JSON object.
fn at<'a>(text: &'a str, path: &str) -> Result<Option<&'a RawValue>> {
    let mut here: Option<&RawValue> = Some(parse(text, "the page is not JSON")?);
    for name in path.split('.') {
        let Some(value) = here.filter(|value| value.get() != "null") else { return Ok(None) };
        let object: Object<'a> =
            parse(value.get(), &format!("there is no `{path}`, since `{name}` is in no object"))?;
        here = object.get(name).copied();
    }
    Ok(here)
}

/// A JSON value as the text that a column is read from; `None` of null.
fn plain(value: &RawValue, name: &str) -> Result<Option<String>> {
    let text = value.get();
    match text.as_bytes().first() {
        Some(b'n') => Ok(None),
        Some(b'"') => parse(text, "it is not a text").map(Some),
        Some(b'{' | b'[') => Err(Error::column(name, "it is no single value")),
        // Numbers as they were written, true and false.
        _ => Ok(Some(text.to_owned())),
    }
}

/// Reads every text of a column as its type.
fn typed(field: &Field, texts: &StringArray, places: &[Place]) -> Result<ArrayRef> {
    let array = convert(texts, field.data_type())
        .map_err(|error| Error::column(field.name(), error.message()))?;
    let lost = (0..texts.len()).find(|row| array.is_null(*row) && texts.is_valid(*row));
    match lost {
        None => Ok(array),
        Some(row) => {
            let value: String = texts.value(row).chars().take(SHOWN).collect();
            let what = format!("{value:?} is not {}", field.data_type());
            Err(Error::column(field.name(), what).at(places[row]))
        }
    }
}

/// What does not fit becomes null.
fn convert(texts: &StringArray, wanted: &DataType) -> Result<ArrayRef> {
    let options = CastOptions { safe: true, ..CastOptions::default() };
    if let DataType::Decimal128(_, scale) = wanted {
        // More places than the type has would be rounded: such values do not fit.
        let exact = |text: &&str| match text.split_once('.') {
            Some((_, places)) => places.trim_end_matches('0').len() <= *scale as usize,
            None => true,
        };
        let fitting: StringArray = texts.iter().map(|text| text.filter(exact)).collect();
        return Ok(cast_with_options(&fitting, wanted, &options)?);
    }
    let cast = cast_with_options(texts, wanted, &options)?;
    if !matches!(wanted, DataType::Timestamp(..)) || cast.null_count() == texts.null_count() {
        return Ok(cast);
    }
    // Whole numbers count the type's unit since 1970.
    let numbers = cast_with_options(texts, &DataType::Int64, &options)?;
    let numbers = cast_with_options(&numbers, wanted, &options)?;
    if numbers.null_count() == texts.null_count() { Ok(numbers) } else { Ok(cast) }
}
