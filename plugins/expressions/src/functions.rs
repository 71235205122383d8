//! Functions of an expression.

use std::sync::Arc;

use arrow_arith::boolean::{is_not_null, is_null};
use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, Int64Array, StringArray};
use arrow_schema::DataType;
use arrow_select::zip::zip;
use tidelake_sdk::{Error, Result};

use crate::Function;
use crate::value::{Value, align};

impl Function {
    const ALL: [(&'static str, Self, std::ops::RangeInclusive<usize>); 9] = [
        ("upper", Self::Upper, 1..=1),
        ("lower", Self::Lower, 1..=1),
        ("trim", Self::Trim, 1..=1),
        ("length", Self::Length, 1..=1),
        ("concat", Self::Concat, 1..=64),
        ("coalesce", Self::Coalesce, 1..=64),
        ("if", Self::If, 3..=3),
        ("is_null", Self::IsNull, 1..=1),
        ("abs", Self::Abs, 1..=1),
    ];

    /// The function of this name, for so many arguments, or what is wrong with them.
    pub(crate) fn find(name: &str, arguments: usize) -> Result<Self, String> {
        let lower = name.to_ascii_lowercase();
        match Self::ALL.into_iter().find(|(known, ..)| *known == lower) {
            Some((_, function, range)) if range.contains(&arguments) => Ok(function),
            Some((_, _, range)) => {
                let (least, most) = range.into_inner();
                let takes = match (least, most) {
                    (1, 1) => "1 argument".to_owned(),
                    (least, most) if least == most => format!("{least} arguments"),
                    (least, most) => format!("{least} to {most} arguments"),
                };
                Err(format!("`{name}` takes {takes}, not {arguments}"))
            }
            None => Err(format!(
                "there is no function `{name}`; there are {}",
                Self::ALL.map(|(known, ..)| known).join(", ")
            )),
        }
    }
}

/// The value of a function of some arguments.
pub(crate) fn call(function: Function, mut arguments: Vec<Value>) -> Result<Value> {
    match function {
        Function::Concat => concat(arguments),
        Function::Coalesce => {
            let mut rest = arguments.into_iter().rev();
            let last = rest.next().ok_or_else(|| Error::internal("no argument"))?;
            rest.try_fold(last, |after, before| {
                let present = before.map(Arc::new(is_not_null(&before.array)?));
                choose(present, before, after)
            })
        }
        Function::If => match <[Value; 3]>::try_from(arguments) {
            Ok([condition, then, otherwise]) => {
                choose(condition.into_condition()?, then, otherwise)
            }
            Err(_) => Err(Error::internal("`if` takes 3 arguments")),
        },
        _ => {
            let argument = arguments.pop().ok_or_else(|| Error::internal("no argument"))?;
            unary(function, argument)
        }
    }
}

fn unary(function: Function, argument: Value) -> Result<Value> {
    match function {
        Function::Upper => text(argument, |value, out| out.append_value(value.to_uppercase())),
        Function::Lower => text(argument, |value, out| out.append_value(value.to_lowercase())),
        Function::Trim => text(argument, |value, out| out.append_value(value.trim())),
        Function::Length => {
            let argument = argument.text()?;
            let lengths: Int64Array = argument
                .array
                .as_string::<i32>()
                .iter()
                .map(|value| value.map(|value| value.chars().count() as i64))
                .collect();
            Ok(argument.map(Arc::new(lengths)))
        }
        Function::IsNull => Ok(argument.map(Arc::new(is_null(&argument.array)?))),
        Function::Abs => abs(argument),
        other => Err(Error::internal(format!("{other:?} takes several arguments"))),
    }
}

fn abs(argument: Value) -> Result<Value> {
    let overflow = || Error::invalid_input("the absolute value does not fit into 64 bits");
    let array: ArrayRef = match argument.array.data_type() {
        DataType::Int64 => Arc::new(
            argument
                .array
                .as_primitive::<Int64Type>()
                .try_unary::<_, Int64Type, Error>(|v| v.checked_abs().ok_or_else(overflow))?,
        ),
        DataType::Float64 => {
            Arc::new(argument.array.as_primitive::<Float64Type>().unary::<_, Float64Type>(f64::abs))
        }
        other @ DataType::Decimal128(..) => Arc::new(
            argument
                .array
                .as_primitive::<Decimal128Type>()
                // 38 digits are far from the least of 128 bits.
                .unary::<_, Decimal128Type>(i128::wrapping_abs)
                .with_data_type(other.clone()),
        ),
        _ => {
            let argument = argument.describe();
            return Err(Error::invalid_input(format!("`abs` is not defined for {argument}")));
        }
    };
    Ok(argument.map(array))
}

fn text(argument: Value, change: impl Fn(&str, &mut StringBuilder)) -> Result<Value> {
    let argument = argument.text()?;
    let values = argument.array.as_string::<i32>();
    let mut out = StringBuilder::with_capacity(values.len(), values.value_data().len());
    for value in values {
        match value {
            Some(value) => change(value, &mut out),
            None => out.append_null(),
        }
    }
    Ok(argument.map(Arc::new(out.finish())))
}

fn concat(arguments: Vec<Value>) -> Result<Value> {
    let arguments = arguments.into_iter().map(Value::text).collect::<Result<Vec<_>>>()?;
    let rows = arguments.iter().find(|a| !a.scalar).map_or(1, |a| a.array.len());
    let scalar = arguments.iter().all(|a| a.scalar);
    let parts: Vec<(&Value, &StringArray)> =
        arguments.iter().map(|a| (a, a.array.as_string::<i32>())).collect();
    let mut out = StringBuilder::with_capacity(rows, rows * 16);
    let mut joined = String::new();
    for row in 0..rows {
        joined.clear();
        if parts.iter().any(|(value, array)| array.is_null(value.at(row))) {
            out.append_null();
            continue;
        }
        for (value, array) in &parts {
            joined.push_str(array.value(value.at(row)));
        }
        out.append_value(&joined);
    }
    Ok(Value::new(Arc::new(out.finish()), scalar))
}

/// `then` where `condition` is true, `otherwise` elsewhere.
fn choose(condition: Value, then: Value, otherwise: Value) -> Result<Value> {
    let (then, otherwise) = align(then, otherwise)?;
    let scalar = condition.scalar && then.scalar && otherwise.scalar;
    if condition.scalar && !scalar {
        let mask = condition.condition()?;
        let chosen = if mask.is_valid(0) && mask.value(0) { then } else { otherwise };
        return Ok(chosen);
    }
    let array = zip(condition.condition()?, then.datum().as_ref(), otherwise.datum().as_ref())?;
    Ok(Value::new(array, scalar))
}
