//! Where two results differ.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, BinaryArray, RecordBatch, StringArray};
use arrow_schema::DataType;

use super::layout::pick;

/// How far sums of floats may be apart when they were added up in another order.
const TOLERANCE: f64 = 1e-9;

/// The first difference between what was expected and what was found, naming the
/// column and the row. Columns in `sums` may differ in their last digits.
pub fn difference(expected: &RecordBatch, found: &RecordBatch, sums: &[String]) -> Option<String> {
    let (left, right) = (expected.schema(), found.schema());
    let names = |s: &arrow_schema::Schema| -> Vec<String> {
        s.fields().iter().map(|f| f.name().clone()).collect()
    };
    if names(&left) != names(&right) {
        return Some(format!("columns {:?} instead of {:?}", names(&right), names(&left)));
    }
    if expected.num_rows() != found.num_rows() {
        return Some(format!("{} rows instead of {}", found.num_rows(), expected.num_rows()));
    }
    let columns = left.fields().iter().zip(expected.columns()).zip(found.columns());
    columns.into_iter().find_map(|((field, expected), found)| {
        let name = field.name();
        let row = if sums.contains(name) {
            first_far(expected, found)
        } else {
            first_different(&plain(expected), &plain(found))
        }?;
        let (expected, found) = (show(expected, row), show(found, row));
        Some(format!("column `{name}`, row {row}: {found} instead of {expected}"))
    })
}

fn first_different(expected: &ArrayRef, found: &ArrayRef) -> Option<usize> {
    if expected.to_data() == found.to_data() {
        return None;
    }
    let same = |row: &usize| expected.slice(*row, 1).to_data() == found.slice(*row, 1).to_data();
    // Equal rows of unequal types differ in every row.
    Some((0..expected.len()).find(|row| !same(row)).unwrap_or(0))
}

fn first_far(expected: &ArrayRef, found: &ArrayRef) -> Option<usize> {
    let floats = |array: &ArrayRef| array.as_primitive_opt::<Float64Type>().cloned();
    let (Some(a), Some(b)) = (floats(expected), floats(found)) else {
        return first_different(expected, found);
    };
    (0..a.len()).find(|&row| match (a.is_valid(row), b.is_valid(row)) {
        (true, true) => {
            let (a, b) = (a.value(row), b.value(row));
            let near = (a - b).abs() <= TOLERANCE * a.abs().max(b.abs()).max(1.0);
            !(near || a == b || (a.is_nan() && b.is_nan()))
        }
        (a, b) => a != b,
    })
}

/// Values in the plainest layout of their kind, so that layouts can be compared.
pub fn plain(array: &ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            // Without values there are nulls alone, whose keys are not looked at.
            let keys = match dictionary.values().is_empty() {
                true => vec![0; array.len()],
                false => dictionary.normalized_keys(),
            };
            let rows = keys.iter().enumerate();
            let rows = rows.map(|(row, key)| dictionary.keys().is_valid(row).then_some(*key));
            match pick(dictionary.values(), rows) {
                Ok(values) => plain(&values),
                Err(_) => array.clone(),
            }
        }
        DataType::LargeUtf8 => Arc::new(array.as_string::<i64>().iter().collect::<StringArray>()),
        DataType::Utf8View => Arc::new(array.as_string_view().iter().collect::<StringArray>()),
        DataType::LargeBinary => Arc::new(array.as_binary::<i64>().iter().collect::<BinaryArray>()),
        DataType::BinaryView => Arc::new(array.as_binary_view().iter().collect::<BinaryArray>()),
        _ => array.clone(),
    }
}

/// One value, on one line.
fn show(array: &ArrayRef, row: usize) -> String {
    let array = plain(array);
    if array.is_null(row) {
        return "null".to_owned();
    }
    if let Some(floats) = array.as_primitive_opt::<Float64Type>() {
        return format!("{:?}", floats.value(row));
    }
    if let Some(texts) = array.as_string_opt::<i32>() {
        return format!("{:?}", texts.value(row));
    }
    format!("{:?}", array.slice(row, 1)).split_whitespace().collect::<Vec<_>>().join(" ")
}
