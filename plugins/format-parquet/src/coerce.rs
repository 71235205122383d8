//! Types that Parquet writes in another unit, and those that it cannot hold.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Time32MillisecondType, Time32SecondType,
    TimestampMillisecondType, TimestampSecondType,
};
use arrow_array::{Array, ArrayRef, PrimitiveArray, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use tidelake_sdk::{Error, Result};

const MILLIS_A_DAY: i64 = 86_400_000;

/// How the values of a column change on their way into the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Coercion {
    /// Timestamps in seconds to milliseconds, in this zone.
    TimestampMillis(Option<Arc<str>>),
    /// Times of day in seconds to milliseconds.
    TimeMillis,
    /// Dates in milliseconds to dates in days.
    Days,
}

/// The schema of the file, and how each column gets there.
pub(crate) fn plan(schema: &SchemaRef) -> Result<(SchemaRef, Vec<Option<Coercion>>)> {
    let mut fields = Vec::with_capacity(schema.fields().len());
    let mut coercions = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let (data_type, coercion) = match field.data_type() {
            DataType::Timestamp(TimeUnit::Second, zone) => (
                DataType::Timestamp(TimeUnit::Millisecond, zone.clone()),
                Some(Coercion::TimestampMillis(zone.clone())),
            ),
            DataType::Time32(TimeUnit::Second) => {
                (DataType::Time32(TimeUnit::Millisecond), Some(Coercion::TimeMillis))
            }
            DataType::Date64 => (DataType::Date32, Some(Coercion::Days)),
            other => {
                if let Some(part) = unsupported(other) {
                    return Err(refuse(field, part));
                }
                (other.clone(), None)
            }
        };
        fields.push(Arc::new(field.as_ref().clone().with_data_type(data_type)));
        coercions.push(coercion);
    }
    let changed = coercions.iter().any(Option::is_some);
    let schema = if changed { Arc::new(Schema::new(fields)) } else { schema.clone() };
    Ok((schema, coercions))
}

/// The columns of a batch as the file holds them.
pub(crate) fn apply(
    schema: &Schema,
    coercions: &[Option<Coercion>],
    batch: &RecordBatch,
) -> Result<Vec<ArrayRef>> {
    let columns = coercions.iter().zip(batch.columns()).zip(schema.fields());
    columns
        .map(|((coercion, array), field)| match coercion {
            None => Ok(array.clone()),
            Some(coercion) => {
                coercion.apply(array).ok_or_else(|| does_not_fit(field, array.data_type()))
            }
        })
        .collect()
}

impl Coercion {
    /// `None` when a value does not fit.
    fn apply(&self, array: &ArrayRef) -> Option<ArrayRef> {
        match self {
            Self::TimestampMillis(zone) => {
                let millis: PrimitiveArray<TimestampMillisecondType> =
                    convert::<TimestampSecondType, _>(array, |s| s.checked_mul(1000))?;
                Some(Arc::new(millis.with_timezone_opt(zone.clone())))
            }
            Self::TimeMillis => {
                let millis: PrimitiveArray<Time32MillisecondType> =
                    convert::<Time32SecondType, _>(array, |s| s.checked_mul(1000))?;
                Some(Arc::new(millis))
            }
            Self::Days => {
                let days: PrimitiveArray<Date32Type> = convert::<Date64Type, _>(array, |millis| {
                    let whole = millis.rem_euclid(MILLIS_A_DAY) == 0;
                    i32::try_from(millis.div_euclid(MILLIS_A_DAY)).ok().filter(|_| whole)
                })?;
                Some(Arc::new(days))
            }
        }
    }
}

fn convert<T: ArrowPrimitiveType, O: ArrowPrimitiveType>(
    array: &ArrayRef,
    value: impl Fn(T::Native) -> Option<O::Native>,
) -> Option<PrimitiveArray<O>> {
    array.as_primitive::<T>().try_unary(|v| value(v).ok_or(())).ok()
}

fn does_not_fit(field: &Field, from: &DataType) -> Error {
    Error::column(
        field.name(),
        format!(
            "a value of type {from} does not fit into {}, as Parquet holds it",
            field.data_type()
        ),
    )
}

/// The part of a type that Parquet cannot hold without loss, if there is one.
fn unsupported(data_type: &DataType) -> Option<&DataType> {
    use DataType as D;
    match data_type {
        D::Duration(_) | D::Interval(_) | D::Union(..) => Some(data_type),
        // Only top-level columns are converted.
        D::Timestamp(TimeUnit::Second, _) | D::Time32(TimeUnit::Second) | D::Date64 => {
            Some(data_type)
        }
        D::Struct(fields) if fields.is_empty() => Some(data_type),
        D::Struct(fields) => fields.iter().find_map(|field| unsupported(field.data_type())),
        D::List(field)
        | D::LargeList(field)
        | D::ListView(field)
        | D::LargeListView(field)
        | D::FixedSizeList(field, _)
        | D::Map(field, _)
        | D::RunEndEncoded(_, field) => unsupported(field.data_type()),
        D::Dictionary(_, values) => unsupported(values),
        _ => None,
    }
}

fn refuse(field: &Field, part: &DataType) -> Error {
    let instead = match part {
        DataType::Duration(_) => "int64",
        DataType::Timestamp(..) => "timestamp(ms)",
        DataType::Date64 => "date32",
        _ => "utf8",
    };
    Error::unsupported(format!(
        "column `{}`: Parquet cannot hold {part} without loss; cast it with the `standardize` \
         transform, such as to {instead}, or drop the column",
        field.name()
    ))
}
