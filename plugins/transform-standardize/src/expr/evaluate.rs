//! Expressions over whole columns.

use std::sync::Arc;

use arrow_arith::boolean::{and_kleene, is_not_null, is_null, not, or_kleene};
use arrow_arith::numeric::{add, div, mul, neg, rem, sub};
use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float64Type, Int64Type};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Datum, Float64Array, Int64Array, NullArray, Scalar, StringArray,
};
use arrow_ord::cmp;
use arrow_schema::DataType;
use arrow_select::take::take;
use arrow_select::zip::zip;
use tidelake_sdk::{Error, Result};

use super::{Binary, Expr, Function, Literal};
use crate::types::cast;

/// A column, or one value for all rows.
struct Value {
    array: ArrayRef,
    scalar: bool,
}

type Columns<'a> = dyn FnMut(usize) -> Result<ArrayRef> + 'a;

impl Expr {
    /// The value for each of `rows` rows; `columns` hands out the columns by number.
    pub fn evaluate(&self, rows: usize, columns: &mut Columns<'_>) -> Result<ArrayRef> {
        let value = self.value(columns)?;
        if !value.scalar {
            return Ok(value.array);
        }
        let zeros = arrow_array::UInt32Array::from_value(0, rows);
        Ok(take(&value.array, &zeros, None)?)
    }

    fn value(&self, columns: &mut Columns<'_>) -> Result<Value> {
        match self {
            Self::Column(index) => Ok(Value::column(widen(&columns(*index)?)?)),
            Self::Literal(literal) => Ok(literal.value()),
            Self::Negative(operand) => {
                let operand = operand.value(columns)?;
                Ok(operand.map(neg(&operand.array)?))
            }
            Self::Not(operand) => {
                let operand = operand.value(columns)?;
                Ok(operand.map(Arc::new(not(operand.condition()?)?)))
            }
            Self::Binary(operator, left, right) => {
                binary(*operator, left.value(columns)?, right.value(columns)?)
            }
            Self::Call(function, arguments) => {
                let arguments =
                    arguments.iter().map(|a| a.value(columns)).collect::<Result<Vec<_>>>()?;
                call(*function, arguments)
            }
        }
    }
}

impl Literal {
    fn value(&self) -> Value {
        let array: ArrayRef = match self {
            Self::Null => Arc::new(NullArray::new(1)),
            Self::Bool(value) => Arc::new(BooleanArray::from(vec![*value])),
            Self::Int(value) => Arc::new(Int64Array::from(vec![*value])),
            Self::Float(value) => Arc::new(Float64Array::from(vec![*value])),
            Self::Text(value) => Arc::new(StringArray::from(vec![value.as_str()])),
        };
        Value { array, scalar: true }
    }
}

impl Value {
    fn column(array: ArrayRef) -> Self {
        Self { array, scalar: false }
    }

    /// Another array of the same shape.
    fn map(&self, array: ArrayRef) -> Self {
        Self { array, scalar: self.scalar }
    }

    fn cast(self, to: &DataType) -> Result<Self> {
        let array = cast("expression", &self.array, to)?;
        Ok(Self { array, scalar: self.scalar })
    }

    fn condition(&self) -> Result<&BooleanArray> {
        self.array.as_boolean_opt().ok_or_else(|| {
            let data_type = self.array.data_type();
            Error::invalid_input(format!("a condition was expected, not {data_type}"))
        })
    }

    /// As the arithmetic kernels take it.
    fn datum(&self) -> Box<dyn Datum> {
        if self.scalar {
            Box::new(Scalar::new(self.array.clone()))
        } else {
            Box::new(self.array.clone())
        }
    }

    fn text(self) -> Result<Self> {
        self.cast(&DataType::Utf8)
    }

    /// The row at which the value of row `row` stands.
    fn at(&self, row: usize) -> usize {
        if self.scalar { 0 } else { row }
    }
}

/// Columns enter as the few types that the kernels have to know.
fn widen(array: &ArrayRef) -> Result<ArrayRef> {
    use DataType as D;
    let to = match array.data_type() {
        D::Int8 | D::Int16 | D::Int32 | D::UInt8 | D::UInt16 | D::UInt32 | D::UInt64 => D::Int64,
        D::Float16 | D::Float32 => D::Float64,
        D::LargeUtf8 | D::Utf8View => D::Utf8,
        D::Dictionary(_, values) if matches!(values.as_ref(), D::Utf8 | D::LargeUtf8) => D::Utf8,
        D::Dictionary(_, values) => values.as_ref().clone(),
        _ => return Ok(array.clone()),
    };
    cast("expression", array, &to)
}

/// Brings two operands to one type.
fn align(left: Value, right: Value) -> Result<(Value, Value)> {
    use DataType as D;
    let (l, r) = (left.array.data_type().clone(), right.array.data_type().clone());
    let number = |t: &DataType| t.is_numeric();
    let to = match (&l, &r) {
        _ if l == r => return Ok((left, right)),
        (D::Null, other) | (other, D::Null) => other.clone(),
        (D::Decimal128(..), D::Decimal128(..)) => return Ok((left, right)),
        _ if number(&l) && number(&r) => D::Float64,
        // A text beside a time, a date or a number is read as one.
        (D::Utf8, other) if right_can_read(other) => other.clone(),
        (other, D::Utf8) if right_can_read(other) => other.clone(),
        (D::Timestamp(..), D::Timestamp(..) | D::Date32) => l.clone(),
        (D::Date32, D::Timestamp(..)) => r.clone(),
        _ => return Err(Error::invalid_input(format!("{l} and {r} do not go together"))),
    };
    Ok((left.cast(&to)?, right.cast(&to)?))
}

fn right_can_read(data_type: &DataType) -> bool {
    data_type.is_temporal() || data_type.is_numeric()
}

fn binary(operator: Binary, left: Value, right: Value) -> Result<Value> {
    if matches!(operator, Binary::And | Binary::Or) {
        return logic(operator, left, right);
    }
    let (mut left, mut right) = align(left, right)?;
    if operator == Binary::Divide && left.array.data_type() == &DataType::Int64 {
        (left, right) = (left.cast(&DataType::Float64)?, right.cast(&DataType::Float64)?);
    }
    let scalar = left.scalar && right.scalar;
    let (l, r) = (left.datum(), right.datum());
    let (l, r) = (l.as_ref(), r.as_ref());
    let compared = |result: Result<BooleanArray, arrow_schema::ArrowError>| -> Result<ArrayRef> {
        Ok(Arc::new(result?))
    };
    let array = match operator {
        Binary::Add => add(l, r)?,
        Binary::Subtract => sub(l, r)?,
        Binary::Multiply => mul(l, r)?,
        Binary::Divide => div(l, r)?,
        Binary::Remainder => rem(l, r)?,
        Binary::Equal => compared(cmp::eq(l, r))?,
        Binary::NotEqual => compared(cmp::neq(l, r))?,
        Binary::Less => compared(cmp::lt(l, r))?,
        Binary::LessOrEqual => compared(cmp::lt_eq(l, r))?,
        Binary::Greater => compared(cmp::gt(l, r))?,
        Binary::GreaterOrEqual => compared(cmp::gt_eq(l, r))?,
        Binary::And | Binary::Or => return Err(Error::internal("logic is not arithmetic")),
    };
    Ok(Value { array, scalar })
}

fn logic(operator: Binary, left: Value, right: Value) -> Result<Value> {
    // A bare null is a condition too; a text is none, even if it says "true".
    let condition = |value: Value| match value.array.data_type() {
        DataType::Null => value.cast(&DataType::Boolean),
        _ => {
            value.condition()?;
            Ok(value)
        }
    };
    let (left, right) = same_length(condition(left)?, condition(right)?)?;
    let combine = if operator == Binary::And { and_kleene } else { or_kleene };
    let array = Arc::new(combine(left.condition()?, right.condition()?)?);
    Ok(Value { array, scalar: left.scalar })
}

/// Spreads a single value beside a column.
fn same_length(left: Value, right: Value) -> Result<(Value, Value)> {
    let spread = |value: Value, rows: usize| -> Result<Value> {
        let zeros = arrow_array::UInt32Array::from_value(0, rows);
        Ok(Value::column(take(&value.array, &zeros, None)?))
    };
    match (left.scalar, right.scalar) {
        (true, false) => Ok((spread(left, right.array.len())?, right)),
        (false, true) => {
            let rows = left.array.len();
            Ok((left, spread(right, rows)?))
        }
        _ => Ok((left, right)),
    }
}

fn call(function: Function, mut arguments: Vec<Value>) -> Result<Value> {
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
            Ok([condition, then, otherwise]) => choose(condition, then, otherwise),
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
                .unary::<_, Decimal128Type>(i128::wrapping_abs)
                .with_data_type(other.clone()),
        ),
        other => return Err(Error::invalid_input(format!("`abs` of {other} is undefined"))),
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
    Ok(Value { array: Arc::new(out.finish()), scalar })
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
    Ok(Value { array, scalar })
}
