//! The expressions of `compute`.
//!
//! | | |
//! |---|---|
//! | columns | `close`, `"Adj Close"` |
//! | literals | `1`, `2.5`, `'text'`, `true`, `false`, `null` |
//! | arithmetic | `+ - * / %`, unary `-` |
//! | comparison | `= != < <= > >=` |
//! | logic | `and`, `or`, `not` |
//! | functions | `upper(x)`, `lower(x)`, `trim(x)`, `length(x)`, `concat(x, …)`, `coalesce(x, …)`, `if(condition, x, y)`, `is_null(x)`, `abs(x)` |
//!
//! Null in, null out, except in `coalesce`, `if`, `is_null` and the three-valued
//! logic. Integers are 64 bits wide and overflow is an error; `/` of integers gives
//! a float64. Text compared with a time is read as a time.

mod evaluate;
mod parse;

use tidelake_sdk::{Error, Result};

/// A parsed expression; columns are numbered.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// A column.
    Column(usize),
    /// A literal.
    Literal(Literal),
    /// A negated number.
    Negative(Box<Expr>),
    /// The opposite of a condition.
    Not(Box<Expr>),
    /// Two operands.
    Binary(Binary, Box<Expr>, Box<Expr>),
    /// A function of arguments.
    Call(Function, Vec<Expr>),
}

/// A literal.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// `1`
    Int(i64),
    /// `2.5`
    Float(f64),
    /// `'text'`
    Text(String),
}

/// What stands between two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    And,
    Or,
}

/// A function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Function {
    Upper,
    Lower,
    Trim,
    Length,
    Concat,
    Coalesce,
    If,
    IsNull,
    Abs,
}

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

    /// The function of this name, for so many arguments.
    fn find(name: &str, arguments: usize) -> Result<Self> {
        let lower = name.to_ascii_lowercase();
        match Self::ALL.into_iter().find(|(known, ..)| *known == lower) {
            Some((_, function, range)) if range.contains(&arguments) => Ok(function),
            Some((_, _, range)) => Err(Error::invalid_input(format!(
                "`{name}` takes {} arguments, not {arguments}",
                if range.start() == range.end() {
                    range.start().to_string()
                } else {
                    format!("{} or more", range.start())
                }
            ))),
            None => Err(Error::invalid_input(format!(
                "there is no function `{name}`; there are {}",
                Self::ALL.map(|(known, ..)| known).join(", ")
            ))),
        }
    }
}
