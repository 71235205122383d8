//! Expressions over columns: what operators write in the options of `standardize`
//! and `filter`.
//!
//! | | |
//! |---|---|
//! | columns | `close`, `"Adj Close"` |
//! | literals | `1`, `2.5`, `'text'`, `true`, `false`, `null` |
//! | arithmetic | `+ - * / %`, unary `-` |
//! | comparison | `= != < <= > >=`, `x between low and high`, `x in (a, b, …)` |
//! | text | `x like 'A_%'`, `x ilike '%usd'`; `\` before `%`, `_` or `\` takes it literally |
//! | null | `x is null`, `x is not null` |
//! | logic | `and`, `or`, `not`; also `not between`, `not in`, `not like`, `not ilike` |
//! | functions | `upper(x)`, `lower(x)`, `trim(x)`, `length(x)`, `concat(x, …)`, `coalesce(x, …)`, `if(condition, x, y)`, `is_null(x)`, `abs(x)` |
//!
//! From loosest to tightest: `or`, `and`, `not`, comparisons and the predicates, `+ -`,
//! `* / %`, unary `-`. Words are the same in capitals.
//!
//! # Null
//!
//! Conditions are three-valued, as in SQL: null in, null out, except in `is null`,
//! `coalesce` and `if`, and where the other side decides alone:
//!
//! | | |
//! |---|---|
//! | `null and false` | false |
//! | `null or true` | true |
//! | `not null` | null |
//! | `1 in (1, null)`, `2 in (1, null)` | true, null |
//! | `5 between null and 4` | false |
//!
//! # Numbers
//!
//! Integers are 64 bits wide and overflow is an error; `/` of integers gives a
//! float64; two numbers of different types meet as float64. In comparisons −0 equals
//! 0, and NaN equals NaN and is greater than every number, as in PostgreSQL. Text
//! beside a time, a date or a number is read as one.
//!
//! # Mistakes
//!
//! [`Expr::parse`] finds those of the text and [`Expr::data_type`] those of the types,
//! both before the first row; every error says at which character.

mod evaluate;
mod functions;
mod parse;
mod predicates;
mod scan;
pub mod types;
mod value;

pub use evaluate::Columns;

/// A parsed expression; columns are numbered.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /// Where it is in the text, in characters from 1.
    at: usize,
    /// Levels of the tree from here down; evaluation and dropping recurse so deep.
    height: usize,
    node: Node,
}

/// What an expression is made of.
#[derive(Debug, Clone, PartialEq)]
enum Node {
    Column { index: usize, name: String },
    Literal(Literal),
    Negative(Box<Expr>),
    Not(Box<Expr>),
    Binary(Binary, Box<Expr>, Box<Expr>),
    IsNull { operand: Box<Expr>, negated: bool },
    Between { operand: Box<Expr>, low: Box<Expr>, high: Box<Expr>, negated: bool },
    In { operand: Box<Expr>, list: Vec<Expr>, negated: bool },
    Like { operand: Box<Expr>, pattern: Box<Expr>, any_case: bool, negated: bool },
    Call(Function, Vec<Expr>),
}

#[derive(Debug, Clone, PartialEq)]
enum Literal {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
}

/// What stands between two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Binary {
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

impl Binary {
    fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::And => "and",
            Self::Or => "or",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Function {
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

impl Expr {
    fn new(at: usize, node: Node) -> Self {
        let mut height = 0;
        node.children(&mut |child| height = height.max(child.height));
        Self { at, height: height + 1, node }
    }

    /// The numbers of the columns that it names, each once, in the order of the text.
    pub fn columns(&self) -> Vec<usize> {
        let mut found = Vec::new();
        self.collect(&mut found);
        found
    }

    fn collect(&self, found: &mut Vec<usize>) {
        if let Node::Column { index, .. } = self.node
            && !found.contains(&index)
        {
            found.push(index);
        }
        self.node.children(&mut |child| child.collect(found));
    }
}

impl Node {
    fn children<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        match self {
            Self::Column { .. } | Self::Literal(_) => {}
            Self::Negative(operand) | Self::Not(operand) | Self::IsNull { operand, .. } => {
                visit(operand);
            }
            Self::Binary(_, left, right) => [left, right].into_iter().for_each(|e| visit(e)),
            Self::Between { operand, low, high, .. } => {
                [operand, low, high].into_iter().for_each(|e| visit(e));
            }
            Self::In { operand, list, .. } => {
                visit(operand);
                list.iter().for_each(visit);
            }
            Self::Like { operand, pattern, .. } => {
                [operand, pattern].into_iter().for_each(|e| visit(e));
            }
            Self::Call(_, arguments) => arguments.iter().for_each(visit),
        }
    }
}

#[cfg(test)]
mod tests;
