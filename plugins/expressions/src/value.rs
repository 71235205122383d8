//! What an expression is worth, and how two of them meet.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{
    Array, ArrayRef, BooleanArray, Datum, Float64Array, Int64Array, NullArray, Scalar, StringArray,
    UInt32Array,
};
use arrow_schema::DataType;
use arrow_select::take::take;
use tidelake_sdk::{Error, Result};

use crate::{Expr, Literal, Node, types};

/// A column, or one value for all rows.
pub(crate) struct Value {
    pub(crate) array: ArrayRef,
    pub(crate) scalar: bool,
    /// As an error calls it: the column, or nothing better than its type.
    name: Option<String>,
}

impl Value {
    pub(crate) fn new(array: ArrayRef, scalar: bool) -> Self {
        Self { array, scalar, name: None }
    }

    /// A column as it comes from the batch.
    pub(crate) fn column(name: &str, array: &ArrayRef) -> Result<Self> {
        Ok(Self { array: widen(name, array)?, scalar: false, name: Some(name.to_owned()) })
    }

    pub(crate) fn literal(literal: &Literal) -> Self {
        let array: ArrayRef = match literal {
            Literal::Null => Arc::new(NullArray::new(1)),
            Literal::Bool(value) => Arc::new(BooleanArray::from(vec![*value])),
            Literal::Int(value) => Arc::new(Int64Array::from(vec![*value])),
            Literal::Float(value) => Arc::new(Float64Array::from(vec![*value])),
            Literal::Text(value) => Arc::new(StringArray::from(vec![value.as_str()])),
        };
        Self::new(array, true)
    }

    /// The same value once more; arrays are shared.
    pub(crate) fn share(&self) -> Self {
        Self { array: self.array.clone(), scalar: self.scalar, name: self.name.clone() }
    }

    pub(crate) fn data_type(&self) -> &DataType {
        self.array.data_type()
    }

    /// Another array of the same shape.
    pub(crate) fn map(&self, array: ArrayRef) -> Self {
        Self::new(array, self.scalar)
    }

    /// How errors speak of it.
    pub(crate) fn describe(&self) -> String {
        match &self.name {
            Some(name) => format!("column `{name}` of type {}", self.data_type()),
            None => format!("a value of type {}", self.data_type()),
        }
    }

    pub(crate) fn cast(self, to: &DataType) -> Result<Self> {
        let array = match &self.name {
            Some(name) => types::cast(name, &self.array, to)?,
            None => types::convert(&self.array, to).map_err(Error::invalid_input)?,
        };
        Ok(Self { array, ..self })
    }

    pub(crate) fn text(self) -> Result<Self> {
        self.cast(&DataType::Utf8)
    }

    /// As a condition; a bare null is one, too, a text is none, even if it says `true`.
    pub(crate) fn into_condition(self) -> Result<Self> {
        match self.data_type() {
            DataType::Boolean => Ok(self),
            DataType::Null => self.cast(&DataType::Boolean),
            _ => Err(Error::invalid_input(format!(
                "a condition is expected here, not {}",
                self.describe()
            ))),
        }
    }

    /// The array of a value that is a condition.
    pub(crate) fn condition(&self) -> Result<&BooleanArray> {
        self.array.as_boolean_opt().ok_or_else(|| Error::internal("not a condition"))
    }

    /// As the kernels take it.
    pub(crate) fn datum(&self) -> Box<dyn Datum> {
        if self.scalar {
            Box::new(Scalar::new(self.array.clone()))
        } else {
            Box::new(self.array.clone())
        }
    }

    /// The row at which the value of row `row` stands.
    pub(crate) fn at(&self, row: usize) -> usize {
        if self.scalar { 0 } else { row }
    }

    /// One value for each of so many rows.
    pub(crate) fn spread(self, rows: usize) -> Result<Self> {
        if !self.scalar {
            return Ok(self);
        }
        let zeros = UInt32Array::from_value(0, rows);
        Ok(Self { array: take(&self.array, &zeros, None)?, scalar: false, ..self })
    }

    /// Floats with one NaN and one zero, so that the total order of the comparison
    /// kernels agrees with arithmetic: without it −0 is less than 0, and the NaN that
    /// 0/0 gives is less than everything or greater, depending on the processor.
    pub(crate) fn comparable(self) -> Self {
        let Some(floats) = self.array.as_primitive_opt::<Float64Type>() else { return self };
        let one = |value: f64| if value.is_nan() { f64::NAN } else { value + 0.0 };
        let array = Arc::new(floats.unary::<_, Float64Type>(one));
        Self { array, ..self }
    }
}

impl Expr {
    /// A literal that is not null, for lists of them.
    pub(crate) fn as_literal(&self) -> Option<&Literal> {
        match &self.node {
            Node::Literal(Literal::Null) => None,
            Node::Literal(literal) => Some(literal),
            _ => None,
        }
    }
}

/// Columns enter as the few types that the kernels have to know.
fn widen(name: &str, array: &ArrayRef) -> Result<ArrayRef> {
    match widened(array.data_type()) {
        Some(to) => types::cast(name, array, &to),
        None => Ok(array.clone()),
    }
}

fn widened(data_type: &DataType) -> Option<DataType> {
    use DataType as D;
    Some(match data_type {
        D::Int8 | D::Int16 | D::Int32 | D::UInt8 | D::UInt16 | D::UInt32 | D::UInt64 => D::Int64,
        D::Float16 | D::Float32 => D::Float64,
        D::LargeUtf8 | D::Utf8View => D::Utf8,
        D::LargeBinary | D::BinaryView => D::Binary,
        D::Dictionary(_, values) => widened(values).unwrap_or_else(|| values.as_ref().clone()),
        D::RunEndEncoded(_, values) => {
            widened(values.data_type()).unwrap_or_else(|| values.data_type().clone())
        }
        _ => return None,
    })
}

/// Brings two operands to one type.
pub(crate) fn align(left: Value, right: Value) -> Result<(Value, Value)> {
    use DataType as D;
    let (l, r) = (left.data_type(), right.data_type());
    let to = match (l, r) {
        _ if l == r => return Ok((left, right)),
        (D::Null, other) | (other, D::Null) => other.clone(),
        (D::Decimal128(..), D::Decimal128(..)) => return Ok((left, right)),
        _ if l.is_numeric() && r.is_numeric() => D::Float64,
        // A text beside a time, a date or a number is read as one.
        (D::Utf8, other) | (other, D::Utf8) if other.is_temporal() || other.is_numeric() => {
            other.clone()
        }
        (D::Timestamp(..), D::Timestamp(..) | D::Date32) => l.clone(),
        (D::Date32, D::Timestamp(..)) => r.clone(),
        _ => {
            let (left, right) = (left.describe(), right.describe());
            return Err(Error::invalid_input(format!("{left} and {right} do not go together")));
        }
    };
    Ok((left.cast(&to)?, right.cast(&to)?))
}
