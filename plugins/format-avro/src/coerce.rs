//! The types that Avro has, and how the others get there.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};
use tidelake_sdk::{Batch, Error, Result};

/// The columns of the file: each in a type that Avro has, without metadata.
///
/// Refuses a column whose type or name a reader would not get back.
pub(crate) fn plan(schema: &Schema) -> Result<SchemaRef> {
    let fields = schema.fields().iter().map(|field| {
        if !is_name(field.name()) {
            return Err(Error::unsupported(format!(
                "column {:?}: a name in Avro is made of the letters A to Z and a to z, digits and \
                 `_`, and starts with no digit; rename it with the `standardize` transform",
                field.name()
            )));
        }
        stored(field).map_err(|part| refuse(field, &part))
    });
    Ok(Arc::new(Schema::new(fields.collect::<Result<Vec<_>>>()?)))
}

/// Whether Avro takes this name for a field.
fn is_name(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// What of a column Avro cannot hold.
enum Part {
    Type(DataType),
    Name(String),
}

fn refuse(column: &Field, part: &Part) -> Error {
    let name = column.name();
    Error::unsupported(match part {
        Part::Type(part) => {
            let instead = match part {
                DataType::Duration(_) => "int64",
                DataType::Decimal128(..) | DataType::Decimal256(..) => "decimal(38, 0)",
                _ => "utf8",
            };
            format!(
                "column `{name}`: Avro cannot hold {part} so that it can be read back; cast it \
                 with the `standardize` transform, such as to {instead}, or drop the column"
            )
        }
        Part::Name(field) => format!(
            "column `{name}`: its field {field:?} is no name in Avro, which has the letters A to \
             Z and a to z, digits and `_`; rename the field before the rows are ingested, or drop \
             the column with the `standardize` transform"
        ),
    })
}

/// A field in Avro's types.
fn stored(field: &FieldRef) -> Result<FieldRef, Part> {
    let data_type = stored_type(field.data_type())?;
    Ok(Arc::new(Field::new(field.name(), data_type, field.is_nullable())))
}

fn stored_type(data_type: &DataType) -> Result<DataType, Part> {
    use DataType as D;
    Ok(match data_type {
        D::Boolean | D::Int32 | D::Int64 | D::Float32 | D::Float64 | D::Date32 => data_type.clone(),
        D::Int8 | D::Int16 | D::UInt8 | D::UInt16 => D::Int32,
        D::UInt32 => D::Int64,
        D::UInt64 => D::Decimal128(20, 0),
        D::Float16 => D::Float32,
        D::Utf8 | D::LargeUtf8 | D::Utf8View => D::Utf8,
        D::Binary | D::LargeBinary | D::BinaryView => D::Binary,
        // Rows without bytes are rows that nothing limits when they are read.
        D::FixedSizeBinary(size) if *size > 0 => data_type.clone(),
        D::Decimal32(p, s) | D::Decimal64(p, s) | D::Decimal128(p, s)
            if *s >= 0 && *s as u8 <= *p =>
        {
            D::Decimal128(*p, *s)
        }
        D::Decimal256(p, s) if *s >= 0 && *s as u8 <= *p => match *p <= 38 {
            true => D::Decimal128(*p, *s),
            false => data_type.clone(),
        },
        D::Timestamp(TimeUnit::Second, zone) => D::Timestamp(TimeUnit::Millisecond, zone.clone()),
        D::Timestamp(..) => data_type.clone(),
        D::Date64 => D::Timestamp(TimeUnit::Millisecond, None),
        D::Time32(_) => D::Time32(TimeUnit::Millisecond),
        D::Time64(_) => D::Time64(TimeUnit::Microsecond),
        D::List(items) | D::LargeList(items) | D::ListView(items) | D::LargeListView(items) => {
            D::List(stored(items)?)
        }
        D::FixedSizeList(items, _) => D::List(stored(items)?),
        D::Struct(fields) if !fields.is_empty() => {
            if let Some(field) = fields.iter().find(|field| !is_name(field.name())) {
                return Err(Part::Name(field.name().clone()));
            }
            D::Struct(fields.iter().map(stored).collect::<Result<_, _>>()?)
        }
        D::Map(entries, sorted) => match entries.data_type() {
            D::Struct(fields) if fields.len() == 2 => {
                // The keys of a map are texts.
                let (key, value) = (stored(&fields[0])?, stored(&fields[1])?);
                if key.data_type() != &D::Utf8 {
                    return Err(Part::Type(data_type.clone()));
                }
                let entries = entries.as_ref().clone().with_metadata(Default::default());
                let pair = D::Struct(vec![key, value].into());
                D::Map(Arc::new(entries.with_data_type(pair)), *sorted)
            }
            _ => return Err(Part::Type(data_type.clone())),
        },
        D::Dictionary(_, values) => stored_type(values)?,
        D::RunEndEncoded(_, values) => stored_type(values.data_type())?,
        other => return Err(Part::Type(other.clone())),
    })
}

/// Rows in the types of the file.
pub(crate) fn apply(schema: &SchemaRef, batch: &Batch<'_>) -> Result<RecordBatch> {
    let batch = batch.to_record_batch()?;
    let columns = schema.fields().iter().zip(batch.columns());
    let columns = columns.map(|(field, array)| convert(field, array)).collect::<Result<_>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(schema.clone(), columns, &options)?)
}

fn convert(field: &Field, array: &ArrayRef) -> Result<ArrayRef> {
    let (from, to) = (array.data_type(), field.data_type());
    if from == to {
        return Ok(array.clone());
    }
    let does_not_fit = |why: &dyn std::fmt::Display| {
        Error::column(
            field.name(),
            format!("a value of type {from} does not fit into {to}, as Avro holds it: {why}"),
        )
    };
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let converted = cast_with_options(array, to, &options).map_err(|why| does_not_fit(&why))?;
    if loses_digits(from) {
        let back = cast_with_options(&converted, from, &options).map_err(|e| does_not_fit(&e))?;
        if back.as_ref() != array.as_ref() {
            return Err(does_not_fit(&"it is finer than microseconds"));
        }
    }
    Ok(converted)
}

/// Whether a cast cuts digits off without a word: of times of day in nanoseconds.
fn loses_digits(data_type: &DataType) -> bool {
    use DataType as D;
    match data_type {
        D::Time64(TimeUnit::Nanosecond) => true,
        D::List(field)
        | D::LargeList(field)
        | D::ListView(field)
        | D::LargeListView(field)
        | D::FixedSizeList(field, _)
        | D::Map(field, _)
        | D::RunEndEncoded(_, field) => loses_digits(field.data_type()),
        D::Struct(fields) => fields.iter().any(|field| loses_digits(field.data_type())),
        D::Dictionary(_, values) => loses_digits(values),
        _ => false,
    }
}
