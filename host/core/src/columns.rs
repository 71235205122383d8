//! The columns of a table, and rows that come with columns of their own: how the two are
//! compared, and how one becomes the other without loss.
//!
//! Whatever brings rows (files that are ingested, sources) is held against the table by
//! [`check_types`] and brought into its columns by [`adapt`]; what differs is told all at
//! once, and what to do about it depends on where the table's columns come from
//! ([`Origin`]).

use std::fmt;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::config::closest;
use crate::config::types::type_name;
use crate::error::{Error, Result};
use crate::table::TableSpec;

/// Where the schema of a table comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The table exists: an earlier ingest, or the configuration at that time.
    Table(String),
    /// `[table.X.schema]`.
    Config(String),
    /// The first file of this ingest.
    File(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table(name) => write!(f, "table {name:?} as it was first ingested"),
            Self::Config(name) => write!(f, "[table.{name}.schema]"),
            Self::File(path) => write!(f, "the first file, {path}"),
        }
    }
}

impl Origin {
    fn help(&self, spec: &str, what: &str) -> String {
        match self {
            Self::Table(_) => format!(
                "bring {what} into the table's columns, or bring it into a new table: the \
                 columns of {spec:?} are fixed by its first rows"
            ),
            Self::Config(name) => {
                format!("change {what}, or the columns in [table.{name}.schema]")
            }
            Self::File(_) => "ingest files with different columns into different tables".into(),
        }
    }
}

/// Compares the names of columns with the expected ones; `what` has them: `the file`.
pub fn check_names(
    names: &[String],
    expected: &Schema,
    time: &str,
    origin: &Origin,
    what: &str,
) -> Result<()> {
    let mut differences = Vec::new();
    for field in expected.fields() {
        if !names.contains(field.name()) {
            let near = closest(field.name(), names.iter().map(String::as_str))
                .filter(|near| expected.field_with_name(near).is_err());
            let near = near.map_or(String::new(), |n| format!(" (it has {n:?})"));
            let role = if field.name() == time { "time column" } else { "column" };
            differences.push(format!("{what} has no {role} {:?}{near}", field.name()));
        }
    }
    for name in names {
        if expected.field_with_name(name).is_err() {
            differences.push(format!("column {name:?} is new"));
        }
    }
    differ(differences, origin, what)
}

/// Compares typed columns with the expected ones.
pub fn check_types(
    actual: &Schema,
    expected: &Schema,
    time: &str,
    origin: &Origin,
    what: &str,
) -> Result<()> {
    let names: Vec<String> = actual.fields().iter().map(|f| f.name().clone()).collect();
    check_names(&names, expected, time, origin, what)?;
    let mut differences = Vec::new();
    for field in actual.fields() {
        let wanted = expected.field_with_name(field.name())?.data_type();
        if !converts(field.data_type(), wanted) {
            differences.push(type_change(field.name(), field.data_type(), wanted));
        }
    }
    differ(differences, origin, what)
}

/// How a changed type is told.
pub fn type_change(name: &str, is: &DataType, wanted: &DataType) -> String {
    format!("column {name:?} is {}, not {}", type_name(is), type_name(wanted))
}

/// An error that names every difference, if there is one.
pub fn differ(differences: Vec<String>, origin: &Origin, what: &str) -> Result<()> {
    if differences.is_empty() {
        return Ok(());
    }
    let name = match origin {
        Origin::Table(name) | Origin::Config(name) | Origin::File(name) => name,
    };
    Err(Error::input(format!("{what}'s columns differ from {origin}: {}", differences.join("; ")))
        .with_help(origin.help(name, what)))
}

/// The columns of a schema, in its order and types. The types were compared before
/// ([`check_types`]); a value without its like in the table is an error.
pub fn adapt(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let exact = CastOptions { safe: false, ..CastOptions::default() };
    let column = |field: &arrow::datatypes::FieldRef| -> Result<ArrayRef> {
        let column = batch.column_by_name(field.name()).ok_or_else(|| {
            Error::input(format!("a batch has no column {:?}", field.name()))
                .with("columns", batch.num_columns())
        })?;
        cast_with_options(column, field.data_type(), &exact).map_err(|error| {
            let (name, wanted) = (field.name(), type_name(field.data_type()));
            Error::input(format!("column {name:?} has a value that is not {wanted}"))
                .with_source(error)
                .with_help("give the table a type that holds all of its values")
        })
    };
    let columns = schema.fields().iter().map(column).collect::<Result<_>>()?;
    Ok(RecordBatch::try_new(schema.clone(), columns)?)
}

/// Whether every value of one type has its exact like in the other.
fn converts(from: &DataType, to: &DataType) -> bool {
    use DataType as T;
    let text = |t: &DataType| matches!(t, T::Utf8 | T::LargeUtf8 | T::Utf8View);
    let bytes = |t: &DataType| matches!(t, T::Binary | T::LargeBinary | T::BinaryView);
    let bits = |t: &DataType| t.primitive_width().unwrap_or(0) * 8;
    match (from, to) {
        (a, b) if a == b => true,
        (a, b) if text(a) && text(b) || bytes(a) && bytes(b) => true,
        (T::Dictionary(_, a), T::Dictionary(_, b)) => converts(a, b),
        (T::Dictionary(_, a), b) => converts(a, b),
        (a, T::Dictionary(_, b)) => converts(a, b),
        (a, b) if a.is_unsigned_integer() && b.is_unsigned_integer() => bits(a) < bits(b),
        (a, b) if a.is_signed_integer() && b.is_signed_integer() => bits(a) < bits(b),
        (a, b) if a.is_unsigned_integer() && b.is_signed_integer() => bits(a) < bits(b),
        (T::Float32, T::Float64) | (T::Float16, T::Float32 | T::Float64) => true,
        (T::Timestamp(a, x), T::Timestamp(b, y)) => {
            zone(x.as_deref()) == zone(y.as_deref()) && fineness(a) <= fineness(b)
        }
        (T::Date32, T::Timestamp(_, None)) => true,
        (T::Decimal128(p, s), T::Decimal128(q, t)) | (T::Decimal256(p, s), T::Decimal256(q, t)) => {
            s <= t && i16::from(*p) - i16::from(*s) <= i16::from(*q) - i16::from(*t)
        }
        _ => false,
    }
}

fn zone(zone: Option<&str>) -> Option<&str> {
    zone.map(|z| if matches!(z, "+00:00" | "Z" | "Etc/UTC") { "UTC" } else { z })
}

fn fineness(unit: &TimeUnit) -> u8 {
    match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 1,
        TimeUnit::Microsecond => 2,
        TimeUnit::Nanosecond => 3,
    }
}

/// A schema as a table will have it: views and large strings
/// plain, everything nullable, no metadata.
pub fn plain(schema: &Schema) -> SchemaRef {
    let fields: Vec<Field> = schema
        .fields()
        .iter()
        .map(|f| {
            let data_type = match f.data_type() {
                DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
                DataType::LargeBinary | DataType::BinaryView => DataType::Binary,
                DataType::Timestamp(unit, Some(z)) => {
                    DataType::Timestamp(*unit, zone(Some(z)).map(Into::into))
                }
                other => other.clone(),
            };
            Field::new(f.name(), data_type, true)
        })
        .collect();
    Schema::new(fields).into()
}

/// The columns of a schema that are not among others.
pub fn without(schema: &Schema, others: &Schema) -> SchemaRef {
    let kept = schema.fields().iter().filter(|f| others.field_with_name(f.name()).is_err());
    Schema::new(kept.cloned().collect::<Vec<_>>()).into()
}

/// A file's columns and the looked-up ones.
pub fn joined(file: &Schema, added: &Schema) -> Result<SchemaRef> {
    for field in added.fields() {
        if file.field_with_name(field.name()).is_ok() {
            return Err(Error::input(format!(
                "column {:?} is in the file and in the lookup",
                field.name()
            ))
            .with_help("rename it in one of them"));
        }
    }
    Ok(Schema::new(file.fields().iter().chain(added.fields()).cloned().collect::<Vec<_>>()).into())
}

/// The schema that is known before any rows are seen: the hot table's, or the
/// configuration's.
pub fn known(spec: &TableSpec, hot: Option<SchemaRef>) -> Option<(SchemaRef, Origin)> {
    match (hot, &spec.schema) {
        (Some(hot), _) => Some((hot, Origin::Table(spec.name.clone()))),
        (None, Some(schema)) => Some((schema.clone(), Origin::Config(spec.name.clone()))),
        (None, None) => None,
    }
}
