//! Columns of numbers in and out. A missing value is a NaN on the way.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Float64Array};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use tidelake_sdk::{Batch, Result};

/// The values of a column; what is not finite is missing.
pub(crate) fn read(batch: &Batch<'_>, index: usize) -> Result<Vec<f64>> {
    let name = batch.schema().field(index).name();
    let array = tidelake_groups::numbers(name, &batch.column(index)?)?;
    let mut values: Vec<f64> = array.values().iter().map(|value| finite(*value)).collect();
    if let Some(nulls) = array.nulls() {
        for (row, value) in values.iter_mut().enumerate() {
            if nulls.is_null(row) {
                *value = f64::NAN;
            }
        }
    }
    Ok(values)
}

/// A column of results.
pub(crate) fn write(values: Vec<f64>) -> ArrayRef {
    let present = BooleanBuffer::collect_bool(values.len(), |row| values[row].is_finite());
    let nulls = NullBuffer::new(present);
    let nulls = (nulls.null_count() > 0).then_some(nulls);
    Arc::new(Float64Array::new(values.into(), nulls))
}

/// Missing unless it is finite; there is one NaN, so that bits stay equal.
pub(crate) fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { f64::NAN }
}

/// The relative change; the difference of two close prices is exact.
pub(crate) fn change(from: f64, to: f64) -> f64 {
    finite((to - from) / from)
}

/// The logarithm of the relative change, missing unless both are above 0.
pub(crate) fn log_change(from: f64, to: f64) -> f64 {
    if !(from > 0.0 && to > 0.0) {
        return f64::NAN;
    }
    let ratio = to / from;
    if (0.5..=2.0).contains(&ratio) {
        // Small changes keep all their digits: the quotient would round them away.
        finite(libm::log1p((to - from) / from))
    } else {
        // No overflow, however far apart they are.
        finite(libm::log(to) - libm::log(from))
    }
}
