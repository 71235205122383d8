//! From text columns to typed ones, with every value that does not fit named.
//!
//! Arrow's safe cast turns what does not fit into null; a null that was none
//! before is a bad value. So good columns are converted at full speed, and only
//! a bad one is looked at value by value.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, StringArray};
use arrow::compute::{CastOptions, cast_with_options, filter_record_batch};
use arrow::datatypes::{DataType, Int64Type, SchemaRef};
use tidelake_core::config::types::type_name;
use tidelake_core::{Error, Result};

use super::bad::BadRows;

/// Converts text columns, which stand in the order of the schema. Rows with a
/// value that does not fit, or without a time, are bad and left out.
pub(super) fn text(
    columns: &[ArrayRef],
    lines: &[u64],
    schema: &SchemaRef,
    time: &str,
    bad: &mut BadRows,
) -> Result<RecordBatch> {
    let mut good: Option<Vec<bool>> = None;
    let mut typed = Vec::with_capacity(columns.len());
    for (field, column) in schema.fields().iter().zip(columns) {
        let column = column.as_string::<i32>();
        let cast = cast_text(column, field.data_type())?;
        let is_time = field.name() == time;
        if cast.null_count() > column.null_count() || (is_time && cast.null_count() > 0) {
            let good = good.get_or_insert_with(|| vec![true; lines.len()]);
            for row in (0..lines.len()).filter(|row| cast.is_null(*row)) {
                // One report a row is enough.
                if !good[row] || (column.is_null(row) && !is_time) {
                    continue;
                }
                good[row] = false;
                report(field.name(), field.data_type(), column, row, lines[row], is_time, bad)?;
            }
        }
        typed.push(cast);
    }
    let batch = RecordBatch::try_new(schema.clone(), typed)?;
    match good {
        Some(good) => Ok(filter_record_batch(&batch, &BooleanArray::from(good))?),
        None => Ok(batch),
    }
}

fn report(
    name: &str,
    wanted: &DataType,
    column: &StringArray,
    row: usize,
    line: u64,
    is_time: bool,
    bad: &mut BadRows,
) -> Result<()> {
    if column.is_null(row) {
        return bad.add(line, Some(name), None, "the time is missing", None);
    }
    let reason = match is_time {
        true => "is not a time".to_owned(),
        false => format!("is not {}", type_name(wanted)),
    };
    let help = (!is_time).then(|| {
        format!("if such values are right, declare the column's type in [table.X.schema]: {name:?} = \"utf8\"")
    });
    bad.add(line, Some(name), Some(column.value(row)), reason, help)
}

/// Converts one text column; what does not fit is null.
pub(super) fn cast_text(column: &StringArray, wanted: &DataType) -> Result<ArrayRef> {
    let options = CastOptions { safe: true, ..Default::default() };
    if matches!(wanted, DataType::Decimal128(..) | DataType::Decimal256(..)) {
        return decimals(column, wanted, &options);
    }
    let cast = cast_with_options(column, wanted, &options).map_err(|e| {
        Error::unsupported(format!("text cannot be read as {}", type_name(wanted)))
            .with_source(e)
            .with_help("ingest the table from Parquet or Arrow files instead")
    })?;
    let epochs =
        matches!(wanted, DataType::Timestamp(..)) && cast.null_count() > column.null_count();
    if !epochs {
        return Ok(cast);
    }
    // Whole numbers count the type's unit since 1970.
    let numbers = cast_with_options(column, &DataType::Int64, &options)?;
    if numbers.null_count() == numbers.len() {
        return Ok(cast);
    }
    let numbers = cast_with_options(numbers.as_primitive::<Int64Type>(), wanted, &options)?;
    Ok(arrow::compute::kernels::zip::zip(&arrow::compute::is_not_null(&cast)?, &cast, &numbers)?)
}

/// Decimals with more places than the type has would be rounded: those do not fit.
fn decimals(
    column: &StringArray,
    wanted: &DataType,
    options: &CastOptions<'_>,
) -> Result<ArrayRef> {
    let places = match wanted {
        DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) => {
            usize::from(scale.unsigned_abs())
        }
        _ => 0,
    };
    let exact = |text: &str| match text.split_once('.') {
        Some((_, fraction)) => fraction.trim_end_matches('0').len() <= places,
        None => true,
    };
    let fitting: StringArray = column.iter().map(|v| v.filter(|text| exact(text))).collect();
    Ok(cast_with_options(&fitting, wanted, options)?)
}
