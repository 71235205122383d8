//! What a table's columns become inside its files, and back, without loss.
//!
//! Formats hold fewer types than Arrow. [`storage_schema`] says which type each
//! column gets, or why it cannot be stored; [`coerce`] turns rows into it and
//! refuses a value that would change; [`restore`] is the way back.
//!
//! | public | Delta | Parquet | JSON | Avro |
//! |---|---|---|---|---|
//! | timestamp(ns, zone or none) | timestamp(µs, UTC), if whole | timestamp(ns, UTC or none) | as Parquet | as Parquet |
//! | timestamp(s), date64 | timestamp(µs, UTC) | timestamp(ms) | timestamp(s), timestamp(ms) | timestamp(ms) |
//! | int8, int16 | same | same | same | int32 |
//! | uint8, uint16, uint32, uint64 | int16, int32, int64, decimal(20, 0) | same | same | int32, int32, int64, decimal(20, 0) |
//! | float16 | float32 | float32 | float32 | float32 |
//! | large or view text and bytes | text, bytes | text, bytes | text, bytes (hex) | text, bytes |
//! | dictionary, run-end encoded | values | values | values | values |
//! | any list | list | list | list | list |
//! | time of day | refused | same, s as ms | same | s as ms, ns as µs, if whole |
//! | duration | refused | int64 | int64 | int64 |
//! | interval, union, null | refused | refused | refused | refused |
//!
//! Avro has names of the letters A to Z and a to z, digits and `_` alone.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, make_array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, FieldRef, Int64Type, Schema, SchemaRef, TimeUnit};
use tidelake_core::table::LogKind;
use tidelake_core::{Error, Result};

/// The formats whose files can be read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Delta,
    Parquet,
    Json,
    Avro,
}

impl Target {
    fn new(kind: LogKind, file_format: &str) -> Result<Self> {
        match (kind, file_format) {
            (LogKind::Delta, "parquet") => Ok(Self::Delta),
            (LogKind::Files, "parquet") => Ok(Self::Parquet),
            (LogKind::Files, "json") => Ok(Self::Json),
            (LogKind::Files, "avro") => Ok(Self::Avro),
            (LogKind::Delta, other) => {
                Err(Error::unsupported(format!("Delta tables hold Parquet files, not {other}"))
                    .with_help("set `format` to the file format itself"))
            }
            (LogKind::Files, other) => Err(Error::unsupported(format!(
                "files of format {other:?} cannot be read back, so nothing could be verified"
            ))
            .with_help("use a format plugin whose files are read as `parquet`, `json` or `avro`")),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Delta => "a Delta table",
            Self::Parquet => "Parquet",
            Self::Json => "JSON",
            Self::Avro => "Avro",
        }
    }
}

/// The schema that the rows of some public columns have inside a table's files.
///
/// `Unsupported` names the column, its type and what to do.
pub fn storage_schema(public: &Schema, kind: LogKind, file_format: &str) -> Result<SchemaRef> {
    let target = Target::new(kind, file_format)?;
    let mut fields = Vec::with_capacity(public.fields().len());
    for (i, field) in public.fields().iter().enumerate() {
        let clash = public.fields()[..i].iter().find(|earlier| match target {
            Target::Delta => earlier.name().to_lowercase() == field.name().to_lowercase(),
            _ => earlier.name() == field.name(),
        });
        if let Some(earlier) = clash {
            return Err(Error::unsupported(format!(
                "{} cannot hold both column {:?} and column {:?}",
                target.name(),
                earlier.name(),
                field.name()
            ))
            .with_help("rename one of them with a `standardize` transform"));
        }
        if target == Target::Avro && !is_avro_name(field.name()) {
            return Err(Error::unsupported(format!(
                "column {:?} cannot be stored in Avro under its name: one is made of the letters A \
                 to Z and a to z, digits and `_`, and starts with no digit",
                field.name()
            ))
            .with_help("rename it with a `standardize` transform"));
        }
        let stored = storage_type(field.data_type(), target).map_err(|why| {
            Error::unsupported(format!(
                "column {:?} of type {} cannot be stored in {}: {why}",
                field.name(),
                field.data_type(),
                target.name()
            ))
            .with_help(format!(
                "cast {:?} to another type, or drop it, with a `standardize` transform",
                field.name()
            ))
        })?;
        fields.push(Field::new(field.name(), stored, field.is_nullable()));
    }
    Ok(Schema::new(fields).into())
}

/// Whether Avro takes this name for a field.
fn is_avro_name(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn utc() -> Option<Arc<str>> {
    Some("UTC".into())
}

/// The type that values of `public` are stored as, or why there is none.
fn storage_type(public: &DataType, target: Target) -> Result<DataType, String> {
    use DataType as T;
    let inner = |field: &FieldRef| -> Result<FieldRef, String> {
        let stored = storage_type(field.data_type(), target)?;
        Ok(Arc::new(Field::new(field.name(), stored, field.is_nullable())))
    };
    Ok(match public {
        T::Int8 | T::Int16 | T::UInt8 | T::UInt16 if target == Target::Avro => T::Int32,
        T::UInt32 if target == Target::Avro => T::Int64,
        T::UInt64 if target == Target::Avro => T::Decimal128(20, 0),
        T::Boolean | T::Int8 | T::Int16 | T::Int32 | T::Int64 => public.clone(),
        T::Float32 | T::Float64 | T::Utf8 | T::Binary | T::Date32 => public.clone(),
        T::Float16 => T::Float32,
        T::LargeUtf8 | T::Utf8View => T::Utf8,
        T::LargeBinary | T::BinaryView => T::Binary,
        T::Dictionary(_, values) => storage_type(values, target)?,
        T::RunEndEncoded(_, values) => storage_type(values.data_type(), target)?,
        T::UInt8 if target == Target::Delta => T::Int16,
        T::UInt16 if target == Target::Delta => T::Int32,
        T::UInt32 if target == Target::Delta => T::Int64,
        T::UInt64 if target == Target::Delta => T::Decimal128(20, 0),
        T::UInt8 | T::UInt16 | T::UInt32 | T::UInt64 => public.clone(),
        T::FixedSizeBinary(_) if target == Target::Delta => T::Binary,
        T::FixedSizeBinary(0) if target == Target::Avro => {
            return Err("its values have no bytes".into());
        }
        T::FixedSizeBinary(_) => public.clone(),
        T::Decimal32(p, s) | T::Decimal64(p, s) | T::Decimal128(p, s) | T::Decimal256(p, s) => {
            if *s < 0 || *s > *p as i8 {
                return Err("a decimal's scale has to lie between zero and its precision".into());
            }
            match (*p <= 38, target) {
                (true, _) => T::Decimal128(*p, *s),
                (false, Target::Delta) => {
                    return Err("a decimal has no more than 38 digits there".into());
                }
                (false, _) => T::Decimal256(*p, *s),
            }
        }
        T::Timestamp(..) | T::Date64 if target == Target::Delta => {
            T::Timestamp(TimeUnit::Microsecond, utc())
        }
        T::Date64 => T::Timestamp(TimeUnit::Millisecond, utc()),
        T::Timestamp(unit, zone) => {
            let unit = match (unit, target) {
                (TimeUnit::Second, Target::Parquet | Target::Avro) => TimeUnit::Millisecond,
                (unit, _) => *unit,
            };
            T::Timestamp(unit, zone.as_ref().and_then(|_| utc()))
        }
        T::Time32(_) | T::Time64(_) | T::Duration(_) if target == Target::Delta => {
            return Err("Delta has no such type".into());
        }
        T::Time32(TimeUnit::Second) if matches!(target, Target::Parquet | Target::Avro) => {
            T::Time32(TimeUnit::Millisecond)
        }
        T::Time64(_) if target == Target::Avro => T::Time64(TimeUnit::Microsecond),
        T::Time32(_) | T::Time64(_) => public.clone(),
        T::Duration(_) => T::Int64,
        T::List(f) | T::LargeList(f) | T::ListView(f) | T::LargeListView(f) => T::List(inner(f)?),
        T::FixedSizeList(f, _) => T::List(inner(f)?),
        T::Struct(fields) if fields.is_empty() => return Err("it has no fields".into()),
        T::Struct(fields)
            if target == Target::Avro && !fields.iter().all(|f| is_avro_name(f.name())) =>
        {
            return Err("a field in it has a name that Avro does not take".into());
        }
        T::Struct(fields) => T::Struct(fields.iter().map(inner).collect::<Result<_, _>>()?),
        T::Map(entries, _) => {
            let entries = inner(entries)?;
            let text_keys = matches!(entries.data_type(), T::Struct(f)
                if f.first().is_some_and(|key| *key.data_type() == T::Utf8));
            if matches!(target, Target::Json | Target::Avro) && !text_keys {
                return Err(format!("the keys of a map in {} are texts", target.name()));
            }
            T::Map(entries, false)
        }
        T::Null => return Err("it has no values, so no type".into()),
        T::Interval(_) | T::Union(..) => return Err("there is no such type".into()),
    })
}

/// Rows in the types that they are stored as: the columns of `storage`, chosen
/// by name.
///
/// Lossless, or an `Input` error that names the column and says what to do.
pub fn coerce(batch: &RecordBatch, storage: &SchemaRef) -> Result<RecordBatch> {
    let mut columns = Vec::with_capacity(storage.fields().len());
    for field in storage.fields() {
        let column = batch.column_by_name(field.name()).ok_or_else(|| {
            Error::internal(format!("there is no column {:?} to store", field.name()))
        })?;
        let stored = convert(column, field.data_type()).map_err(|why| {
            Error::input(format!(
                "column {:?} has values that its files cannot hold exactly: {why}",
                field.name()
            ))
            .with_help(format!("round or cast {:?} with a `standardize` transform", field.name()))
        })?;
        if !field.is_nullable() && stored.logical_null_count() > 0 {
            return Err(Error::input(format!("column {:?} has nulls and may not", field.name()))
                .with_help("give them a value with a `standardize` transform (defaults)"));
        }
        columns.push(stored);
    }
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(storage.clone(), columns, &options)?)
}

/// A stored column as values of its public type. It holds exactly what
/// [`coerce`] was given, so failing means that the file is not what was written.
pub(crate) fn restore(column: &ArrayRef, public: &DataType) -> Result<ArrayRef, String> {
    convert(column, public)
}

/// The same values in another type, or why that is not possible.
fn convert(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, String> {
    use DataType as T;
    let from = array.data_type();
    if from == to {
        return Ok(array.clone());
    }
    match (from, to) {
        (T::Dictionary(_, values), to) if !matches!(to, T::Dictionary(..)) => {
            convert(&cast(array, values)?, to)
        }
        (T::RunEndEncoded(_, values), to) if !matches!(to, T::RunEndEncoded(..)) => {
            convert(&cast(array, values.data_type())?, to)
        }
        // Instants are counts of their unit since 1970 in UTC, whatever the zone.
        (T::Timestamp(unit, _), T::Timestamp(other, _)) => {
            relabel(&rescale(array, *unit, *other)?, to)
        }
        (T::Date64, T::Timestamp(other, _)) => {
            relabel(&rescale(array, TimeUnit::Millisecond, *other)?, to)
        }
        (T::Timestamp(unit, _), T::Date64) => {
            relabel(&rescale(array, *unit, TimeUnit::Millisecond)?, to)
        }
        (T::Time64(unit), T::Time64(other)) => relabel(&rescale(array, *unit, *other)?, to),
        (T::Duration(_), T::Int64) | (T::Int64, T::Duration(_)) => relabel(array, to),
        _ if from.is_nested() => {
            let there = cast(array, to)?;
            // Timestamps inside lose digits silently: look.
            let back = cast(&there, from)?;
            if back.to_data() == array.to_data() {
                Ok(there)
            } else {
                Err(format!("a value inside is not the same as {to}"))
            }
        }
        _ => cast(array, to),
    }
}

fn cast(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, String> {
    let options = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(array, to, &options).map_err(|e| e.to_string())
}

/// The same 64-bit values under another type.
fn relabel(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, String> {
    let data = array.to_data().into_builder().data_type(to.clone()).build();
    data.map(make_array).map_err(|e| e.to_string())
}

fn units_per_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

/// Counts of one unit as counts of another, as 64-bit integers.
fn rescale(array: &ArrayRef, from: TimeUnit, to: TimeUnit) -> Result<ArrayRef, String> {
    let counts = relabel(array, &DataType::Int64)?;
    let (from, to) = (units_per_second(from), units_per_second(to));
    if from == to {
        return Ok(counts);
    }
    let counts = counts.as_primitive::<Int64Type>();
    let scaled = if from < to {
        let by = to / from;
        counts.try_unary::<_, Int64Type, String>(|v| {
            v.checked_mul(by).ok_or_else(|| format!("the time {v} is out of range"))
        })
    } else {
        let by = from / to;
        counts.try_unary::<_, Int64Type, String>(|v| {
            if v % by == 0 { Ok(v / by) } else { Err(format!("the time {v} has finer digits")) }
        })
    };
    Ok(Arc::new(scaled?))
}

#[cfg(test)]
mod tests;
