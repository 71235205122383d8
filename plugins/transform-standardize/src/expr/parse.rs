//! Text to expression: a scanner and a parser that climbs precedences.

use tidelake_sdk::{Error, Result};

use super::{Binary, Expr, Function, Literal};

/// How deep parentheses may nest.
const DEPTH: usize = 64;

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Name(String),
    Quoted(String),
    Text(String),
    Int(i64),
    Float(f64),
    Symbol(&'static str),
}

const SYMBOLS: [&str; 15] =
    ["<=", ">=", "!=", "<>", "==", "+", "-", "*", "/", "%", "=", "<", ">", "(", ")"];

impl Expr {
    /// Parses an expression; `scope` numbers the columns.
    pub fn parse(text: &str, scope: &dyn Fn(&str) -> Option<usize>) -> Result<Self> {
        let mut parser = Parser { tokens: scan(text)?, at: 0, depth: 0, scope };
        let expr = parser.expression(0)?;
        match parser.peek() {
            None => Ok(expr),
            Some(token) => Err(error(format!("{} was not expected", show(Some(token))))),
        }
    }
}

fn error(message: String) -> Error {
    Error::invalid_input(message)
}

fn show(token: Option<&Token>) -> String {
    match token {
        None => "the end".to_owned(),
        Some(Token::Name(name)) => format!("`{name}`"),
        Some(Token::Quoted(name)) => format!("`\"{name}\"`"),
        Some(Token::Text(text)) => format!("`'{text}'`"),
        Some(Token::Int(number)) => format!("`{number}`"),
        Some(Token::Float(number)) => format!("`{number}`"),
        Some(Token::Symbol(symbol)) => format!("`{symbol}`"),
    }
}

fn scan(text: &str) -> Result<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let token;
        (token, rest) = match first {
            '\'' | '"' => quoted(first, rest)?,
            ',' => (Token::Symbol(","), &rest[1..]),
            c if c.is_ascii_digit() || c == '.' => number(rest)?,
            c if c.is_alphabetic() || c == '_' => {
                let end =
                    rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
                (Token::Name(rest[..end].to_owned()), &rest[end..])
            }
            c => match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
                Some(symbol) => (Token::Symbol(symbol), &rest[symbol.len()..]),
                None => return Err(error(format!("`{c}` means nothing here"))),
            },
        };
        tokens.push(token);
        rest = rest.trim_start();
    }
    Ok(tokens)
}

/// A quote is written twice inside of its own kind.
fn quoted(quote: char, text: &str) -> Result<(Token, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c != quote {
            value.push(c);
        } else if chars.peek().is_some_and(|(_, next)| *next == quote) {
            chars.next();
            value.push(c);
        } else {
            let token = if quote == '"' { Token::Quoted(value) } else { Token::Text(value) };
            return Ok((token, &text[at + 1..]));
        }
    }
    Err(error(format!("a {quote} is not closed")))
}

fn number(text: &str) -> Result<(Token, &str)> {
    let mut end = 0;
    let bytes = text.as_bytes();
    while end < bytes.len() {
        let exponent_sign =
            matches!(bytes[end], b'+' | b'-') && end > 0 && matches!(bytes[end - 1], b'e' | b'E');
        if !(bytes[end].is_ascii_digit()
            || matches!(bytes[end], b'.' | b'e' | b'E')
            || exponent_sign)
        {
            break;
        }
        end += 1;
    }
    let (digits, rest) = text.split_at(end);
    let token = match digits.parse::<i64>() {
        Ok(int) => Token::Int(int),
        Err(_) => {
            Token::Float(digits.parse().map_err(|_| error(format!("`{digits}` is not a number")))?)
        }
    };
    Ok((token, rest))
}

struct Parser<'a> {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    scope: &'a dyn Fn(&str) -> Option<usize>,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<Token> {
        self.at += 1;
        self.tokens.get(self.at - 1).cloned()
    }

    fn expect(&mut self, symbol: &'static str) -> Result<()> {
        match self.next() {
            Some(Token::Symbol(found)) if found == symbol => Ok(()),
            other => Err(error(format!("`{symbol}` expected, {} found", show(other.as_ref())))),
        }
    }

    /// The operator that comes next and how tightly it binds.
    fn operator(&self) -> Option<(Binary, u8)> {
        Some(match self.peek()? {
            Token::Name(name) if name.eq_ignore_ascii_case("or") => (Binary::Or, 1),
            Token::Name(name) if name.eq_ignore_ascii_case("and") => (Binary::And, 2),
            Token::Symbol(symbol) => match *symbol {
                "=" | "==" => (Binary::Equal, 4),
                "!=" | "<>" => (Binary::NotEqual, 4),
                "<" => (Binary::Less, 4),
                "<=" => (Binary::LessOrEqual, 4),
                ">" => (Binary::Greater, 4),
                ">=" => (Binary::GreaterOrEqual, 4),
                "+" => (Binary::Add, 5),
                "-" => (Binary::Subtract, 5),
                "*" => (Binary::Multiply, 6),
                "/" => (Binary::Divide, 6),
                "%" => (Binary::Remainder, 6),
                _ => return None,
            },
            _ => return None,
        })
    }

    fn expression(&mut self, least: u8) -> Result<Expr> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(error(format!("nested more than {DEPTH} deep")));
        }
        let mut left = self.operand()?;
        while let Some((operator, binding)) = self.operator().filter(|(_, b)| *b > least) {
            self.at += 1;
            let right = self.expression(binding)?;
            left = Expr::Binary(operator, Box::new(left), Box::new(right));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn operand(&mut self) -> Result<Expr> {
        match self.next() {
            Some(Token::Int(number)) => Ok(Expr::Literal(Literal::Int(number))),
            Some(Token::Float(number)) => Ok(Expr::Literal(Literal::Float(number))),
            Some(Token::Text(text)) => Ok(Expr::Literal(Literal::Text(text))),
            Some(Token::Quoted(name)) => self.column(&name),
            Some(Token::Symbol("-")) => Ok(Expr::Negative(Box::new(self.expression(6)?))),
            Some(Token::Symbol("(")) => {
                let inner = self.expression(0)?;
                self.expect(")")?;
                Ok(inner)
            }
            Some(Token::Name(name)) => self.name(&name),
            other => Err(error(format!("a value expected, {} found", show(other.as_ref())))),
        }
    }

    fn name(&mut self, name: &str) -> Result<Expr> {
        if self.peek() == Some(&Token::Symbol("(")) && !name.eq_ignore_ascii_case("not") {
            self.at += 1;
            let arguments = self.arguments()?;
            return Ok(Expr::Call(Function::find(name, arguments.len())?, arguments));
        }
        match name.to_ascii_lowercase().as_str() {
            "true" => Ok(Expr::Literal(Literal::Bool(true))),
            "false" => Ok(Expr::Literal(Literal::Bool(false))),
            "null" => Ok(Expr::Literal(Literal::Null)),
            "not" => Ok(Expr::Not(Box::new(self.expression(3)?))),
            _ => self.column(name),
        }
    }

    fn arguments(&mut self) -> Result<Vec<Expr>> {
        let mut arguments = Vec::new();
        if self.peek() == Some(&Token::Symbol(")")) {
            self.at += 1;
            return Ok(arguments);
        }
        loop {
            arguments.push(self.expression(0)?);
            match self.next() {
                Some(Token::Symbol(",")) => {}
                Some(Token::Symbol(")")) => return Ok(arguments),
                other => {
                    return Err(error(format!(
                        "`,` or `)` expected, {} found",
                        show(other.as_ref())
                    )));
                }
            }
        }
    }

    fn column(&self, name: &str) -> Result<Expr> {
        (self.scope)(name)
            .map(Expr::Column)
            .ok_or_else(|| error(format!("there is no column `{name}` at this step")))
    }
}
