//! Problems: what is wrong with a configuration, where, and what to do.

use std::cell::{Cell, RefCell};
use std::ops::Range;

use crate::error::Error;

/// One thing wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The bytes of the text that it is about.
    pub span: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do, when there is something better to say than the message.
    pub help: Option<String>,
}

impl Problem {
    /// Line and column of its first character in `text`, both counted from 1.
    pub fn position(&self, text: &str) -> (usize, usize) {
        position(text, self.span.start)
    }
}

/// Line and column of a byte of a text, both counted from 1; columns are characters.
pub(super) fn position(text: &str, byte: usize) -> (usize, usize) {
    let mut at = byte.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |i| i + 1);
    let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}

/// Collects problems while a configuration is read.
#[derive(Debug, Default)]
pub(super) struct Problems {
    found: RefCell<Vec<Problem>>,
    /// Some lines could not be read, so that a key may be missing only because
    /// its line was unreadable.
    partial: Cell<bool>,
}

impl Problems {
    /// Adds one.
    pub(super) fn add(&self, span: Range<usize>, message: impl Into<String>) {
        self.push(span, message.into(), None);
    }

    /// Adds one with what to do about it.
    pub(super) fn add_with_help(
        &self,
        span: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.push(span, message.into(), Some(help.into()));
    }

    /// Adds what an error says.
    pub(super) fn add_error(&self, span: Range<usize>, key: &str, error: &Error) {
        let message = format!("`{key}`: {}", error.message());
        self.push(span, message, error.help().map(str::to_owned));
    }

    /// Adds that something required is not there, unless it may merely have been unreadable.
    pub(super) fn add_missing(
        &self,
        span: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        if !self.partial.get() {
            self.add_with_help(span, message, help);
        }
    }

    /// Notes that some lines could not be read.
    pub(super) fn set_partial(&self) {
        self.partial.set(true);
    }

    /// All of them, in the order of the text.
    pub(super) fn into_sorted(self) -> Vec<Problem> {
        let mut found = self.found.into_inner();
        found.sort_by_key(|p| (p.span.start, p.span.end));
        found.dedup();
        found
    }

    fn push(&self, span: Range<usize>, message: String, help: Option<String>) {
        self.found.borrow_mut().push(Problem { span, message, help });
    }
}

/// The candidate that somebody who wrote `word` probably meant.
pub fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let near = |candidate: &str| {
        let candidate = candidate.to_lowercase();
        let distance = strsim::damerau_levenshtein(&word, &candidate);
        let length = word.chars().count().max(candidate.chars().count());
        // A third of the letters wrong is a typing mistake, more is another word.
        (distance <= (length / 3).max(1) && distance < length).then_some(distance)
    };
    candidates
        .into_iter()
        .filter_map(|candidate| near(candidate).map(|distance| (distance, candidate)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// "did you mean ...?", or what the choice is.
pub(super) fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str> + Clone,
) -> String {
    match closest(word, candidates.clone()) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None => format!("possible are: {}", Vec::from_iter(candidates).join(", ")),
    }
}
