//! From the roles of the input's columns to keys, times and numbers.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type,
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, make_array};
use arrow_schema::{DataType, Field, Schema};
use num_traits::ToPrimitive;
use tidelake_sdk::{Batch, Error, Result, Roles};

use crate::groups::Groups;
use crate::runs::Run;

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
        self.groups.assign(&batch.columns(&self.input)?)
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
        Ok(keys)
    }
}

fn is_time(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 | DataType::Int64
    )
}

/// The same values under another type of the same width: Arrow's casts would do as well,
/// and bring kernels for all types with them, two megabytes of code in every downsampler.
fn same_bytes(array: &ArrayRef, data_type: &DataType) -> Result<ArrayRef> {
    if array.data_type() == data_type {
        return Ok(array.clone());
    }
    let data = array.to_data().into_builder().data_type(data_type.clone()).build()?;
    Ok(make_array(data))
}

/// A time column as integers of its own unit.
pub fn times(array: &ArrayRef) -> Result<Int64Array> {
    match array.as_primitive_opt::<Date32Type>() {
        Some(days) => Ok(days.unary(i64::from)),
        None => Ok(same_bytes(array, &DataType::Int64)?.as_primitive::<Int64Type>().clone()),
    }
}

/// The way back from [`times`].
pub fn to_times(values: Int64Array, data_type: &DataType) -> Result<ArrayRef> {
    match data_type {
        DataType::Date32 => Ok(Arc::new(values.unary::<_, Date32Type>(|days| days as i32))),
        _ => same_bytes(&(Arc::new(values) as ArrayRef), data_type),
    }
}

/// A numeric column as floats, the nearest ones. `name` is for the error.
pub fn numbers(name: &str, array: &ArrayRef) -> Result<Float64Array> {
    use DataType::{Decimal32, Decimal64, Decimal128, Decimal256};
    let as_they_are = 1.0;
    match array.data_type() {
        DataType::Float64 => Ok(array.as_primitive::<Float64Type>().clone()),
        DataType::Float32 => Ok(floats::<Float32Type>(array, as_they_are)),
        DataType::Float16 => Ok(floats::<Float16Type>(array, as_they_are)),
        DataType::Int8 => Ok(floats::<Int8Type>(array, as_they_are)),
        DataType::Int16 => Ok(floats::<Int16Type>(array, as_they_are)),
        DataType::Int32 => Ok(floats::<Int32Type>(array, as_they_are)),
        DataType::Int64 => Ok(floats::<Int64Type>(array, as_they_are)),
        DataType::UInt8 => Ok(floats::<UInt8Type>(array, as_they_are)),
        DataType::UInt16 => Ok(floats::<UInt16Type>(array, as_they_are)),
        DataType::UInt32 => Ok(floats::<UInt32Type>(array, as_they_are)),
        DataType::UInt64 => Ok(floats::<UInt64Type>(array, as_they_are)),
        Decimal32(_, scale) => Ok(floats::<Decimal32Type>(array, unit(*scale))),
        Decimal64(_, scale) => Ok(floats::<Decimal64Type>(array, unit(*scale))),
        Decimal128(_, scale) => Ok(floats::<Decimal128Type>(array, unit(*scale))),
        Decimal256(_, scale) => Ok(floats::<Decimal256Type>(array, unit(*scale))),
        other => Err(Error::column(name, format!("{other} is not a number"))),
    }
}

/// How many of a decimal's own units make one.
fn unit(scale: i8) -> f64 {
    10_f64.powi(scale.into())
}

fn floats<T: ArrowPrimitiveType<Native: ToPrimitive>>(array: &ArrayRef, unit: f64) -> Float64Array {
    // What no float can be is larger than all that can.
    array.as_primitive::<T>().unary(|value| value.to_f64().unwrap_or(f64::INFINITY) / unit)
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

#[cfg(test)]
mod tests {
    use arrow_array::{Date32Array, Decimal128Array, TimestampMillisecondArray, UInt64Array};
    use arrow_schema::TimeUnit;

    use super::*;

    #[test]
    fn times_go_there_and_back() {
        let zoned = TimestampMillisecondArray::from(vec![Some(-1), None, Some(i64::MAX)])
            .with_timezone("Europe/Zurich");
        let days = Date32Array::from(vec![Some(-719_162), None]);
        for array in
            [Arc::new(zoned) as ArrayRef, Arc::new(days), Arc::new(Int64Array::from(vec![7]))]
        {
            let values = times(&array).expect("times");
            assert_eq!(&to_times(values, array.data_type()).expect("back"), &array);
        }
        let instant = DataType::Timestamp(TimeUnit::Nanosecond, None);
        assert_eq!(to_times(vec![5].into(), &instant).expect("time").data_type(), &instant);
    }

    #[test]
    fn numbers_are_the_nearest_floats() {
        let decimal = Decimal128Array::from(vec![Some(12_345), None]);
        let decimal = decimal.with_precision_and_scale(20, 2).expect("decimal");
        let floats = |array: ArrayRef| numbers("x", &array).expect("numbers");
        assert_eq!(floats(Arc::new(decimal)), Float64Array::from(vec![Some(123.45), None]));
        let large = UInt64Array::from(vec![u64::MAX, 1]);
        assert_eq!(floats(Arc::new(large)), Float64Array::from(vec![u64::MAX as f64, 1.0]));
        let text: ArrayRef = Arc::new(arrow_array::StringArray::from(vec!["1"]));
        assert!(numbers("x", &text).expect_err("text").to_string().contains("`x`"));
    }
}
