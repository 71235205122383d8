//! Tokens to expression: a parser that climbs precedences.

use tidelake_sdk::Result;

use crate::scan::{Token, mistake, scan};
use crate::{Binary, Expr, Function, Literal, Node};

/// How deep parentheses may nest.
const DEPTH: usize = 64;

/// How high the tree may grow: a long chain of `or` is a deep tree, too, and a guest's
/// stack is small.
const HEIGHT: usize = 200;

/// How tightly comparisons and predicates bind; `not` binds one less.
const COMPARISON: u8 = 4;

/// What may follow an operand.
enum Infix {
    Binary(Binary, u8),
    Predicate,
}

impl Expr {
    /// Parses an expression; `scope` numbers the columns.
    pub fn parse(text: &str, scope: &dyn Fn(&str) -> Option<usize>) -> Result<Self> {
        let (tokens, end) = scan(text)?;
        let mut parser = Parser { tokens, end, next: 0, depth: 0, scope };
        let expr = parser.expression(0)?;
        match parser.peek() {
            None => Ok(expr),
            token => Err(parser.error(format!("{} was not expected", Token::show(token)))),
        }
    }
}

struct Parser<'a> {
    tokens: Vec<(usize, Token)>,
    end: usize,
    next: usize,
    depth: usize,
    scope: &'a dyn Fn(&str) -> Option<usize>,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.ahead(0)
    }

    fn ahead(&self, by: usize) -> Option<&Token> {
        self.tokens.get(self.next + by).map(|(_, token)| token)
    }

    /// The place of the next token.
    fn at(&self) -> usize {
        self.tokens.get(self.next).map_or(self.end, |(at, _)| *at)
    }

    fn error(&self, message: impl std::fmt::Display) -> tidelake_sdk::Error {
        mistake(self.at(), message)
    }

    fn expected(&self, what: &str) -> tidelake_sdk::Error {
        self.error(format!("{what} expected, {} found", Token::show(self.peek())))
    }

    /// Whether the next token is this word, which is then taken.
    fn take_word(&mut self, word: &str) -> bool {
        let found = self.peek().is_some_and(|token| token.is_word(word));
        self.next += usize::from(found);
        found
    }

    fn take_symbol(&mut self, symbol: &'static str) -> bool {
        let found = self.peek() == Some(&Token::Symbol(symbol));
        self.next += usize::from(found);
        found
    }

    fn expect_symbol(&mut self, symbol: &'static str) -> Result<()> {
        if self.take_symbol(symbol) { Ok(()) } else { Err(self.expected(&format!("`{symbol}`"))) }
    }

    fn expression(&mut self, least: u8) -> Result<Expr> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(self.error(format!("nested more than {DEPTH} deep")));
        }
        let mut left = self.operand()?;
        loop {
            left = match self.infix() {
                Some(Infix::Binary(operator, binding)) if binding > least => {
                    let at = self.at();
                    self.next += 1;
                    let right = self.expression(binding)?;
                    Expr::new(at, Node::Binary(operator, Box::new(left), Box::new(right)))
                }
                Some(Infix::Predicate) if COMPARISON > least => self.predicate(left)?,
                _ => break,
            };
            if left.height > HEIGHT {
                return Err(self.error(format!(
                    "a chain of more than {HEIGHT} operators; write long lists as \
                     `x in (a, b, …)`, or use parentheses"
                )));
            }
        }
        self.depth -= 1;
        Ok(left)
    }

    fn infix(&self) -> Option<Infix> {
        let (operator, binding) = match self.peek()? {
            token @ Token::Name(_) => {
                let is = |word| token.is_word(word);
                if is("or") {
                    (Binary::Or, 1)
                } else if is("and") {
                    (Binary::And, 2)
                } else if ["is", "in", "like", "ilike", "between", "not"].into_iter().any(is) {
                    return Some(Infix::Predicate);
                } else {
                    return None;
                }
            }
            Token::Symbol(symbol) => match *symbol {
                "=" | "==" => (Binary::Equal, COMPARISON),
                "!=" | "<>" => (Binary::NotEqual, COMPARISON),
                "<" => (Binary::Less, COMPARISON),
                "<=" => (Binary::LessOrEqual, COMPARISON),
                ">" => (Binary::Greater, COMPARISON),
                ">=" => (Binary::GreaterOrEqual, COMPARISON),
                "+" => (Binary::Add, 5),
                "-" => (Binary::Subtract, 5),
                "*" => (Binary::Multiply, 6),
                "/" => (Binary::Divide, 6),
                "%" => (Binary::Remainder, 6),
                _ => return None,
            },
            _ => return None,
        };
        Some(Infix::Binary(operator, binding))
    }

    /// `is null`, `in`, `like` and `between` after their operand.
    fn predicate(&mut self, operand: Expr) -> Result<Expr> {
        let at = self.at();
        let operand = Box::new(operand);
        if self.take_word("is") {
            let negated = self.take_word("not");
            if !self.take_word("null") {
                return Err(self.expected("`null`"));
            }
            return Ok(Expr::new(at, Node::IsNull { operand, negated }));
        }
        let negated = self.take_word("not");
        let node = if self.take_word("in") {
            self.expect_symbol("(")?;
            let list = self.list()?;
            if list.is_empty() {
                return Err(mistake(at, "`in ()` names no value"));
            }
            Node::In { operand, list, negated }
        } else if self.take_word("between") {
            let low = Box::new(self.expression(COMPARISON)?);
            if !self.take_word("and") {
                return Err(self.expected("`and`"));
            }
            let high = Box::new(self.expression(COMPARISON)?);
            Node::Between { operand, low, high, negated }
        } else {
            let any_case = self.take_word("ilike");
            if !any_case && !self.take_word("like") {
                return Err(self.expected("`in`, `between`, `like` or `ilike`"));
            }
            let pattern = Box::new(self.expression(COMPARISON)?);
            Node::Like { operand, pattern, any_case, negated }
        };
        Ok(Expr::new(at, node))
    }

    fn operand(&mut self) -> Result<Expr> {
        let at = self.at();
        let Some(token) = self.peek().cloned() else { return Err(self.expected("a value")) };
        let literal = |literal| Ok(Expr::new(at, Node::Literal(literal)));
        self.next += 1;
        match token {
            Token::Int(number) => literal(Literal::Int(number)),
            Token::Float(number) => literal(Literal::Float(number)),
            Token::Text(text) => literal(Literal::Text(text)),
            Token::Quoted(name) => self.column(at, name),
            Token::Symbol("-") => Ok(Expr::new(at, Node::Negative(Box::new(self.expression(6)?)))),
            Token::Symbol("(") => {
                let inner = self.expression(0)?;
                self.expect_symbol(")")?;
                Ok(inner)
            }
            Token::Name(name) => self.name(at, name),
            Token::Symbol(_) => {
                self.next -= 1;
                Err(self.expected("a value"))
            }
        }
    }

    fn name(&mut self, at: usize, name: String) -> Result<Expr> {
        let literal = |literal| Ok(Expr::new(at, Node::Literal(literal)));
        let word = name.to_ascii_lowercase();
        match word.as_str() {
            "not" => {
                let operand = Box::new(self.expression(COMPARISON - 1)?);
                Ok(Expr::new(at, Node::Not(operand)))
            }
            _ if self.take_symbol("(") => {
                let arguments = self.list()?;
                let function = Function::find(&name, arguments.len())
                    .map_err(|message| mistake(at, message))?;
                Ok(Expr::new(at, Node::Call(function, arguments)))
            }
            "true" => literal(Literal::Bool(true)),
            "false" => literal(Literal::Bool(false)),
            "null" => literal(Literal::Null),
            _ => self.column(at, name),
        }
    }

    /// What is between parentheses, the first of which was taken.
    fn list(&mut self) -> Result<Vec<Expr>> {
        let mut items = Vec::new();
        if self.take_symbol(")") {
            return Ok(items);
        }
        loop {
            items.push(self.expression(0)?);
            if self.take_symbol(")") {
                return Ok(items);
            }
            if !self.take_symbol(",") {
                return Err(self.expected("`,` or `)`"));
            }
        }
    }

    fn column(&self, at: usize, name: String) -> Result<Expr> {
        match (self.scope)(&name) {
            Some(index) => Ok(Expr::new(at, Node::Column { index, name })),
            None => Err(mistake(at, format!("there is no column `{name}`"))),
        }
    }
}
