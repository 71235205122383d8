//! From the roles of the input's columns to keys, times and numbers.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array};
use arrow_cast::cast;
use arrow_schema::{DataType, Field, Fields, Schema};
use tidelake_sdk::{Batch, Error, Result, ResultExt, Roles};

use crate::table::{Groups, Run, plain};

/// The keys of a downsampler: its group columns, then the bucket.
pub struct Keys {
    /// The groups seen so far.
    pub groups: Groups,
    /// The fields that every output starts with: the bucket, then the group columns.
    pub fields: Vec<Field>,
    input: Vec<usize>,
}

impl Keys {
    /// The keys that the roles name.
    pub fn new(input: &Schema, roles: &Roles) -> Result<Self> {
        let time = input.field(roles.time_column);
        let bucket = input.field(roles.bucket_column);
        if !is_time(bucket.data_type()) {
            return Err(Error::column(
                bucket.name(),
                format!("{} is no type of a time column", bucket.data_type()),
            ));
        }
        let mut fields = vec![Field::new(time.name(), bucket.data_type().clone(), false)];
        for &index in &roles.group_columns {
            let field = input.field(index);
            let data_type = match field.data_type() {
                DataType::Dictionary(_, values) => values.as_ref().clone(),
                other => other.clone(),
            };
            if data_type.is_nested() {
                return Err(Error::unsupported(format!(
                    "column `{}`: rows cannot be grouped by {data_type}",
                    field.name()
                )));
            }
            fields.push(Field::new(field.name(), data_type, field.is_nullable()));
        }
        let types = fields[1..].iter().chain(&fields[..1]).map(|f| f.data_type().clone());
        let groups = Groups::new(types)?;
        let input = roles.group_columns.iter().chain([&roles.bucket_column]).copied().collect();
        Ok(Self { groups, fields, input })
    }

    /// The runs of a batch of raw rows.
    pub fn runs(&mut self, batch: &Batch<'_>) -> Result<Vec<Run>> {
        let keys = batch.columns(&self.input)?;
        self.groups.assign(&keys.iter().map(plain).collect::<Result<Vec<_>>>()?)
    }

    /// The runs of a batch of partials, whose first columns are [`Keys::fields`].
    pub fn runs_of_partials(&mut self, partials: &Batch<'_>) -> Result<Vec<Run>> {
        let last = self.fields.len() - 1;
        let order: Vec<usize> = (1..=last).chain([0]).collect();
        self.groups.assign(&partials.columns(&order)?)
    }

    /// The first columns of the output for some groups.
    pub fn columns(&self, groups: &[u32]) -> Result<Vec<ArrayRef>> {
        let mut keys = self.groups.keys(groups)?;
        // The bucket is the last key, so that groups sort before buckets, and the
        // first column.
        keys.rotate_right(1);
        // The row format knows a timestamp's unit, and not always its zone.
        let fields: Fields = self.fields.clone().into();
        keys.into_iter()
            .zip(&fields)
            .map(|(key, field)| Ok(cast(&key, field.data_type())?))
            .collect()
    }
}

fn is_time(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 | DataType::Int64
    )
}

/// A time column as integers of its own unit.
pub fn times(array: &ArrayRef) -> Result<Int64Array> {
    let days;
    let array = if array.data_type() == &DataType::Date32 {
        days = cast(array, &DataType::Int32)?;
        &days
    } else {
        array
    };
    Ok(cast(array, &DataType::Int64)?.as_primitive::<Int64Type>().clone())
}

/// The way back from [`times`].
pub fn to_times(values: Int64Array, data_type: &DataType) -> Result<ArrayRef> {
    let values: ArrayRef = Arc::new(values);
    match data_type {
        DataType::Date32 => Ok(cast(&cast(&values, &DataType::Int32)?, data_type)?),
        _ => Ok(cast(&values, data_type)?),
    }
}

/// A numeric column as floats. `name` is for the error.
pub fn numbers(name: &str, array: &ArrayRef) -> Result<Float64Array> {
    let values = cast(array, &DataType::Float64).at(|| format!("column `{name}`"))?;
    Ok(values.as_primitive::<Float64Type>().clone())
}

/// The index of the column of numbers that an option names.
pub fn number_column(input: &Schema, option: &str, name: &str) -> Result<usize> {
    let index = input
        .index_of(name)
        .map_err(|_| Error::option(option, format!("there is no column `{name}`")))?;
    let data_type = input.field(index).data_type();
    if data_type.is_numeric() {
        return Ok(index);
    }
    Err(Error::option(option, format!("column `{name}` is {data_type}, not a number")))
}

/// Group columns keep their names, which must not be those of the values.
pub fn check_names(fields: &[Field]) -> Result<()> {
    for (i, field) in fields.iter().enumerate() {
        if fields[..i].iter().any(|other| other.name() == field.name()) {
            return Err(Error::column(
                field.name(),
                "the time or group column has the name of a column of the result; rename it",
            ));
        }
    }
    Ok(())
}
