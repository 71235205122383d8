//! Expressions over whole columns.

use std::sync::Arc;

use arrow_arith::boolean::{and_kleene, is_not_null, is_null, not, or_kleene};
use arrow_arith::numeric::{add, div, mul, neg, rem, sub};
use arrow_array::{Array, ArrayRef, BooleanArray, Datum, new_empty_array};
use arrow_ord::cmp;
use arrow_schema::{ArrowError, DECIMAL128_MAX_PRECISION, DataType};
use tidelake_sdk::{Error, ErrorKind, Result};

use crate::scan::mistake;
use crate::value::{Value, align};
use crate::{Binary, Expr, Node, functions, predicates};

/// Hands out the columns by number.
pub type Columns<'a> = dyn FnMut(usize) -> Result<ArrayRef> + 'a;

/// An error, and where in the expression if that is known.
pub(crate) struct Fault {
    at: Option<usize>,
    error: Error,
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self { at: None, error }
    }
}

impl From<ArrowError> for Fault {
    fn from(error: ArrowError) -> Self {
        Error::from(error).into()
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match (fault.at, fault.error.kind()) {
            // What went wrong outside of the expression has no place in it.
            (Some(at), ErrorKind::InvalidInput) => mistake(at, fault.error.message()),
            (Some(at), kind) => Error::new(kind, mistake(at, fault.error.message()).message()),
            (None, _) => fault.error,
        }
    }
}

impl Expr {
    /// The value for each of `rows` rows.
    pub fn evaluate(&self, rows: usize, columns: &mut Columns<'_>) -> Result<ArrayRef> {
        Ok(self.value(columns)?.spread(rows)?.array)
    }

    /// For each of `rows` rows whether it holds.
    pub fn condition(&self, rows: usize, columns: &mut Columns<'_>) -> Result<BooleanArray> {
        let value = self.value(columns)?;
        let value = value.into_condition().map_err(|e| mistake(self.at, e.message()))?;
        Ok(value.spread(rows)?.condition()?.clone())
    }

    /// The type of its value where columns have these types. Every mistake of types
    /// shows here, before there are rows.
    pub fn data_type(&self, types: &dyn Fn(usize) -> DataType) -> Result<DataType> {
        let value = self.evaluate(0, &mut |index| Ok(new_empty_array(&types(index))))?;
        Ok(value.data_type().clone())
    }

    pub(crate) fn value(&self, columns: &mut Columns<'_>) -> Result<Value, Fault> {
        self.compute(columns).map_err(|fault| Fault { at: fault.at.or(Some(self.at)), ..fault })
    }

    fn compute(&self, columns: &mut Columns<'_>) -> Result<Value, Fault> {
        Ok(match &self.node {
            Node::Column { index, name } => Value::column(name, &columns(*index)?)?,
            Node::Literal(literal) => Value::literal(literal),
            Node::Negative(operand) => {
                let operand = operand.value(columns)?;
                operand.map(neg(&operand.array)?)
            }
            Node::Not(operand) => {
                let operand = operand.value(columns)?.into_condition()?;
                operand.map(Arc::new(not(operand.condition()?)?))
            }
            Node::Binary(operator @ (Binary::And | Binary::Or), left, right) => {
                logic(*operator, left.value(columns)?, right.value(columns)?)?
            }
            Node::Binary(operator, left, right) => {
                binary(*operator, left.value(columns)?, right.value(columns)?)?
            }
            Node::IsNull { operand, negated } => {
                let operand = operand.value(columns)?;
                let test = if *negated { is_not_null } else { is_null };
                operand.map(Arc::new(test(&operand.array)?))
            }
            Node::Between { operand, low, high, negated } => {
                let (operand, low, high) =
                    (operand.value(columns)?, low.value(columns)?, high.value(columns)?);
                negate(predicates::between(operand, low, high)?, *negated)?
            }
            Node::In { operand, list, negated } => {
                let operand = operand.value(columns)?;
                negate(predicates::in_list(operand, list, columns)?, *negated)?
            }
            Node::Like { operand, pattern, any_case, negated } => {
                let (operand, pattern) = (operand.value(columns)?, pattern.value(columns)?);
                negate(predicates::like(&operand, &pattern, *any_case)?, *negated)?
            }
            Node::Call(function, arguments) => {
                let arguments =
                    arguments.iter().map(|a| a.value(columns)).collect::<Result<Vec<_>, _>>()?;
                functions::call(*function, arguments)?
            }
        })
    }
}

fn negate(value: Value, negated: bool) -> Result<Value> {
    if negated { Ok(value.map(Arc::new(not(value.condition()?)?))) } else { Ok(value) }
}

/// Arithmetic and comparison.
pub(crate) fn binary(operator: Binary, left: Value, right: Value) -> Result<Value> {
    let names = (left.describe(), right.describe());
    let (mut left, mut right) = align(left, right)?;
    if operator == Binary::Divide && left.data_type() == &DataType::Int64 {
        (left, right) = (left.cast(&DataType::Float64)?, right.cast(&DataType::Float64)?);
    }
    let compare: fn(&dyn Datum, &dyn Datum) -> Result<BooleanArray, ArrowError> = match operator {
        Binary::Equal => |l, r| cmp::eq(l, r),
        Binary::NotEqual => |l, r| cmp::neq(l, r),
        Binary::Less => |l, r| cmp::lt(l, r),
        Binary::LessOrEqual => |l, r| cmp::lt_eq(l, r),
        Binary::Greater => |l, r| cmp::gt(l, r),
        Binary::GreaterOrEqual => |l, r| cmp::gt_eq(l, r),
        _ => {
            let scalar = left.scalar && right.scalar;
            let (l, r) = (left.datum(), right.datum());
            let (l, r) = (l.as_ref(), r.as_ref());
            let array = match operator {
                Binary::Add => add(l, r),
                Binary::Subtract => sub(l, r),
                Binary::Multiply => mul(l, r),
                Binary::Divide => div(l, r),
                Binary::Remainder => rem(l, r),
                _ => return Err(Error::internal("logic is not arithmetic")),
            };
            return match array {
                Ok(array) => Ok(Value::new(array, scalar)),
                Err(error) => Err(refused(operator, &names, error)),
            };
        }
    };
    let (left, right) = same_scale(left.comparable(), right.comparable())?;
    let array = compare(left.datum().as_ref(), right.datum().as_ref())
        .map_err(|error| refused(operator, &names, error))?;
    Ok(Value::new(Arc::new(array), left.scalar && right.scalar))
}

/// Decimals are compared at one scale.
fn same_scale(left: Value, right: Value) -> Result<(Value, Value)> {
    match (left.data_type(), right.data_type()) {
        (DataType::Decimal128(_, l), DataType::Decimal128(_, r)) if l != r => {
            let to = DataType::Decimal128(DECIMAL128_MAX_PRECISION, *l.max(r));
            Ok((left.cast(&to)?, right.cast(&to)?))
        }
        (l @ DataType::Decimal128(..), DataType::Decimal128(..)) => {
            let to = l.clone();
            Ok((left, right.cast(&to)?))
        }
        _ => Ok((left, right)),
    }
}

/// The kernels' messages name their own insides where types do not fit.
fn refused(operator: Binary, (left, right): &(String, String), error: ArrowError) -> Error {
    match error {
        ArrowError::InvalidArgumentError(_) | ArrowError::NotYetImplemented(_) => {
            let symbol = operator.symbol();
            Error::invalid_input(format!("`{symbol}` is not defined for {left} and {right}"))
        }
        other => other.into(),
    }
}

pub(crate) fn logic(operator: Binary, left: Value, right: Value) -> Result<Value> {
    let (left, right) = (left.into_condition()?, right.into_condition()?);
    let (left, right) = match (left.scalar, right.scalar) {
        (true, false) => (left.spread(right.array.len())?, right),
        (false, true) => {
            let rows = left.array.len();
            (left, right.spread(rows)?)
        }
        _ => (left, right),
    };
    let combine = if operator == Binary::And { and_kleene } else { or_kleene };
    let array = Arc::new(combine(left.condition()?, right.condition()?)?);
    Ok(Value::new(array, left.scalar))
}
