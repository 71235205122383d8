//! From text to a TOML document, with every line that is no TOML reported.
//!
//! The parser reports one error. To find the next, the line of the error is
//! blanked (offsets stay what they are) and the text parsed again. Where a blank
//! line would change the meaning of what follows (a section header, a bracket
//! still open), reading ends there instead, so that no problem is reported that
//! is only the consequence of another.

use toml_edit::Document;

use super::problem::{Problems, position};

/// More errors than this are not worth reading one by one.
const MOST: usize = 20;

/// Parses the text. `None` when what is left of it after syntax errors says too little.
pub(super) fn read(text: &str, problems: &Problems) -> Option<Document<String>> {
    let mut readable = text.to_owned();
    for _ in 0..MOST {
        let error = match Document::parse(readable.clone()) {
            Ok(document) => return Some(document),
            Err(error) => error,
        };
        let span = error.span().unwrap_or(0..0);
        let span = span.start.min(text.len())..span.end.min(text.len());
        problems.set_partial();
        let message = format!("this is not valid TOML: {}", error.message());
        let line = line_around(&readable, span.start);
        if let Err(open) = Document::parse(&readable[..line.start]) {
            let (line, _) = position(text, open.span().map_or(0, |s| s.start));
            problems.add_with_help(
                span,
                message,
                format!("what begins on line {line} is not closed before this"),
            );
            return None;
        }
        problems.add(span, message);
        if !is_plain_setting(&readable[line.clone()]) {
            return None;
        }
        readable.replace_range(line.clone(), &" ".repeat(line.len()));
    }
    None
}

/// The line that holds the byte at `at`, without its end.
fn line_around(text: &str, at: usize) -> std::ops::Range<usize> {
    let bytes = text.as_bytes();
    let start = bytes[..at].iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
    let end = bytes[at..].iter().position(|b| *b == b'\n').map_or(text.len(), |i| at + i);
    start..end
}

/// Whether the line can be left out without changing what other lines mean: a
/// key, an equals sign and what may be a value on the same line.
fn is_plain_setting(line: &str) -> bool {
    let balanced =
        |open: char, close: char| line.matches(open).count() == line.matches(close).count();
    let line = line.trim_start();
    let key = line.chars().next().is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '"');
    key && !line.contains("\"\"\"")
        && !line.contains("'''")
        && balanced('[', ']')
        && balanced('{', '}')
}
