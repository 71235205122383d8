//! `between`, `in` and `like`.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, BooleanArray};
use arrow_buffer::BooleanBuffer;
use arrow_schema::DataType;
use arrow_string::like::{ilike, like as like_kernel};
use tidelake_sdk::{Error, Result};

use crate::evaluate::{Columns, Fault, binary, logic};
use crate::value::Value;
use crate::{Binary, Expr, Literal};

/// Lists of more literals than this are looked up, shorter ones compared one by one.
const FEW: usize = 8;

/// `low <= operand and operand <= high`.
pub(crate) fn between(operand: Value, low: Value, high: Value) -> Result<Value> {
    let again = operand.share();
    let above = binary(Binary::GreaterOrEqual, operand, low)?;
    let below = binary(Binary::LessOrEqual, again, high)?;
    logic(Binary::And, above, below)
}

/// Whether the operand equals any of the list; null when it equals none and one of
/// them is null.
pub(crate) fn in_list(
    operand: Value,
    list: &[Expr],
    columns: &mut Columns<'_>,
) -> Result<Value, Fault> {
    if list.len() > FEW
        && let Some(found) = look_up(&operand, list)
    {
        return Ok(operand.map(Arc::new(found)));
    }
    let mut any = None;
    for item in list {
        let item = item.value(columns)?;
        let equal = binary(Binary::Equal, operand.share(), item)?;
        any = Some(match any {
            None => equal,
            Some(any) => logic(Binary::Or, any, equal)?,
        });
    }
    any.ok_or_else(|| Error::internal("an empty list").into())
}

/// A list of literals of the operand's own type is a set. `None` for all others.
fn look_up(operand: &Value, list: &[Expr]) -> Option<BooleanArray> {
    let array = &operand.array;
    let holds = match operand.data_type() {
        DataType::Utf8 => {
            let set = literals(list, |literal| match literal {
                Literal::Text(text) => Some(text.as_str()),
                _ => None,
            })?;
            let values = array.as_string::<i32>();
            BooleanBuffer::collect_bool(values.len(), |row| set.contains(values.value(row)))
        }
        DataType::Int64 => {
            let set = literals(list, |literal| match literal {
                Literal::Int(number) => Some(*number),
                _ => None,
            })?;
            let values = array.as_primitive::<Int64Type>().values();
            BooleanBuffer::collect_bool(values.len(), |row| set.contains(&values[row]))
        }
        _ => return None,
    };
    Some(BooleanArray::new(holds, array.nulls().cloned()))
}

fn literals<'a, T: Eq + std::hash::Hash>(
    list: &'a [Expr],
    value: impl Fn(&'a Literal) -> Option<T>,
) -> Option<HashSet<T>> {
    list.iter().map(|item| item.as_literal().and_then(&value)).collect()
}

/// Whether a text matches a pattern.
pub(crate) fn like(operand: &Value, pattern: &Value, any_case: bool) -> Result<Value> {
    let text = |value: &Value, what: &str| match value.data_type() {
        DataType::Utf8 => Ok(value.share()),
        DataType::Null => value.share().text(),
        _ => Err(Error::invalid_input(format!(
            "`like` compares texts; the {what} is {}",
            value.describe()
        ))),
    };
    let (operand, pattern) = (text(operand, "left side")?, text(pattern, "pattern")?);
    let kernel = if any_case { ilike } else { like_kernel };
    let scalar = operand.scalar && pattern.scalar;
    let array = kernel(operand.datum().as_ref(), pattern.datum().as_ref())?;
    Ok(Value::new(Arc::new(array), scalar))
}
