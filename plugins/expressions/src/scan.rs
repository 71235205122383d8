//! Text to tokens, each with its place.

use tidelake_sdk::{Error, Result};

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    Name(String),
    Quoted(String),
    Text(String),
    Int(i64),
    Float(f64),
    Symbol(&'static str),
}

impl Token {
    /// Whether it is this word, which a quoted name never is.
    pub(crate) fn is_word(&self, word: &str) -> bool {
        matches!(self, Self::Name(name) if name.eq_ignore_ascii_case(word))
    }

    /// As an error shows it.
    pub(crate) fn show(token: Option<&Self>) -> String {
        match token {
            None => "the end".to_owned(),
            Some(Self::Name(name)) => format!("`{name}`"),
            Some(Self::Quoted(name)) => format!("`\"{name}\"`"),
            Some(Self::Text(text)) => format!("`'{text}'`"),
            Some(Self::Int(number)) => format!("`{number}`"),
            Some(Self::Float(number)) => format!("`{number}`"),
            Some(Self::Symbol(symbol)) => format!("`{symbol}`"),
        }
    }
}

/// Longer symbols before those that they begin with.
const SYMBOLS: [&str; 16] =
    ["<=", ">=", "!=", "<>", "==", "+", "-", "*", "/", "%", "=", "<", ">", "(", ")", ","];

/// A mistake at a character of the text, counted from 1.
pub(crate) fn mistake(at: usize, message: impl std::fmt::Display) -> Error {
    Error::invalid_input(format!("at character {at}: {message}"))
}

/// The tokens with the characters at which they begin, and where the text ends.
pub(crate) fn scan(text: &str) -> Result<(Vec<(usize, Token)>, usize)> {
    let place = |rest: &str| text[..text.len() - rest.len()].chars().count() + 1;
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let at = place(rest);
        let (token, after) = match first {
            '\'' | '"' => quoted(first, rest)
                .ok_or_else(|| mistake(at, format!("the {first} is not closed")))?,
            c if c.is_ascii_digit() || c == '.' => {
                number(rest).map_err(|digits| mistake(at, format!("`{digits}` is not a number")))?
            }
            c if c.is_alphabetic() || c == '_' => {
                let end =
                    rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
                (Token::Name(rest[..end].to_owned()), &rest[end..])
            }
            c => match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
                Some(symbol) => (Token::Symbol(symbol), &rest[symbol.len()..]),
                None => return Err(mistake(at, format!("`{c}` means nothing here"))),
            },
        };
        tokens.push((at, token));
        rest = after.trim_start();
    }
    Ok((tokens, place(rest)))
}

/// A quote is written twice inside of its own kind. `None` when it is not closed.
fn quoted(quote: char, text: &str) -> Option<(Token, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c != quote || chars.next_if(|(_, next)| *next == quote).is_some() {
            value.push(c);
        } else {
            let token = if quote == '"' { Token::Quoted(value) } else { Token::Text(value) };
            return Some((token, &text[at + 1..]));
        }
    }
    None
}

/// The error is what looked like a number.
fn number(text: &str) -> Result<(Token, &str), &str> {
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
        Err(_) => Token::Float(digits.parse().map_err(|_| digits)?),
    };
    Ok((token, rest))
}
