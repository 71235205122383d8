//! What a guest says besides its results: messages for the log, and the lines
//! that its runtime writes to standard output and error (a panic, mostly).

use std::collections::VecDeque;

use tidelake_core::plugin::PluginContext;
use tracing::{Level, debug, error, info, trace, warn};

use crate::text;

/// Messages and lines that one call may log.
const PER_CALL: u32 = 64;
/// Lines of standard error that are kept for an error's text.
const RECENT: usize = 16;
/// The longest line.
const LINE: usize = 1024;

/// One of a guest's two standard streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Out,
    Error,
}

/// What the current call said.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    said: u32,
    recent: VecDeque<String>,
    out: Vec<u8>,
    error: Vec<u8>,
}

impl Journal {
    /// A new call begins.
    pub(crate) fn reset(&mut self) {
        self.said = 0;
        self.recent.clear();
        self.out.clear();
        self.error.clear();
    }

    /// Whether the call may say one more thing.
    pub(crate) fn admit(&mut self) -> bool {
        self.said = self.said.saturating_add(1);
        self.said <= PER_CALL
    }

    /// How much the call said beyond what it may.
    pub(crate) fn dropped(&self) -> u32 {
        self.said.saturating_sub(PER_CALL)
    }

    /// Takes bytes of a stream and answers the lines that are complete now and
    /// may be logged.
    pub(crate) fn write(&mut self, stream: Stream, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for part in bytes.split_inclusive(|&byte| byte == b'\n') {
            let buffer = match stream {
                Stream::Out => &mut self.out,
                Stream::Error => &mut self.error,
            };
            let room = LINE.saturating_sub(buffer.len());
            let ends = part.ends_with(b"\n");
            let part = part.strip_suffix(b"\n").unwrap_or(part);
            buffer.extend_from_slice(&part[..part.len().min(room)]);
            if !ends {
                continue;
            }
            let line = text::clean(&String::from_utf8_lossy(&std::mem::take(buffer)), LINE);
            if stream == Stream::Error {
                self.keep(line.clone());
            }
            if self.admit() {
                lines.push(line);
            }
        }
        lines
    }

    fn keep(&mut self, line: String) {
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(line);
    }

    /// What the guest's runtime said last, when the call crashed: the panic if
    /// there is one, else the last lines.
    pub(crate) fn last_words(&mut self) -> Option<String> {
        if !self.error.is_empty() {
            self.write(Stream::Error, b"\n");
        }
        let lines: Vec<&str> = self
            .recent
            .iter()
            .map(String::as_str)
            .filter(|line| !line.trim().is_empty() && !line.starts_with("note: "))
            .collect();
        let from = lines.iter().rposition(|line| line.contains("panicked at"));
        let words = match from {
            Some(from) => lines[from..].join(" "),
            None => lines[lines.len().saturating_sub(3)..].join(" "),
        };
        (!words.is_empty()).then(|| text::clean(&words, LINE))
    }
}

/// Writes one message of a plugin to the log.
pub(crate) fn log(level: Level, plugin: &str, context: &PluginContext, message: &str) {
    let (table, unit, message) = (&*context.table, &*context.unit, text::message(message));
    macro_rules! write {
        ($macro:ident) => {
            $macro!(target: "tidelake::plugin", plugin, table, unit, "{message}")
        };
    }
    match level {
        Level::TRACE => write!(trace),
        Level::DEBUG => write!(debug),
        Level::INFO => write!(info),
        Level::WARN => write!(warn),
        Level::ERROR => write!(error),
    }
}

/// Whether messages of plugins of this level go anywhere.
pub(crate) fn enabled(level: Level) -> bool {
    match level {
        Level::TRACE => tracing::enabled!(target: "tidelake::plugin", Level::TRACE),
        Level::DEBUG => tracing::enabled!(target: "tidelake::plugin", Level::DEBUG),
        Level::INFO => tracing::enabled!(target: "tidelake::plugin", Level::INFO),
        Level::WARN => tracing::enabled!(target: "tidelake::plugin", Level::WARN),
        Level::ERROR => tracing::enabled!(target: "tidelake::plugin", Level::ERROR),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_put_together_and_bounded() {
        let mut journal = Journal::default();
        assert!(journal.write(Stream::Out, b"half ").is_empty());
        assert_eq!(journal.write(Stream::Out, b"a line\nnext"), ["half a line"]);
        let long = [b'x'; 5_000];
        journal.write(Stream::Error, &long);
        assert!(journal.write(Stream::Error, b"\n")[0].len() <= LINE);
        let many = b"spam\n".repeat(1_000);
        assert!(journal.write(Stream::Error, &many).len() < PER_CALL as usize);
        assert_eq!(journal.recent.len(), RECENT);
    }

    #[test]
    fn a_panic_is_the_last_word() {
        let mut journal = Journal::default();
        journal.write(
            Stream::Error,
            b"warming up\n\nthread '<unnamed>' panicked at src/lib.rs:7:5:\nno such tide\n\
              note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n",
        );
        let words = journal.last_words().expect("words");
        assert_eq!(words, "thread '<unnamed>' panicked at src/lib.rs:7:5: no such tide");
        journal.reset();
        assert_eq!(journal.last_words(), None);
    }
}
