//! Words from guests, made fit for an operator's eyes.

/// Bytes that are kept of a guest's message.
pub(crate) const MESSAGE_LIMIT: usize = 4096;

/// A guest's message, cut to [`MESSAGE_LIMIT`] bytes, control characters escaped,
/// so that a plugin can neither flood a log nor drive a terminal.
pub(crate) fn message(text: &str) -> String {
    clean(text, MESSAGE_LIMIT)
}

/// At most `limit` bytes of a text, control characters escaped.
pub(crate) fn clean(text: &str, limit: usize) -> String {
    let (head, cut) = match text.len() > limit {
        true => (&text[..text.floor_char_boundary(limit)], " [cut]"),
        false => (text, ""),
    };
    let mut out = String::with_capacity(head.len() + cut.len());
    for character in head.trim_end().chars() {
        match character {
            '\n' => out.push('\n'),
            '\t' => out.push(' '),
            // Besides ASCII controls: direction overrides and the like, which can
            // make a line read as something that it is not.
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                out.extend(character.escape_unicode());
            }
            c if c.is_control() => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out.push_str(cut);
    out
}

/// Bytes for people: `64 MB`, `1.5 GB`.
pub(crate) fn bytes(count: u64) -> String {
    let (unit, name) = match count {
        1_000_000_000.. => (1e9, "GB"),
        1_000_000.. => (1e6, "MB"),
        1_000.. => (1e3, "kB"),
        _ => return format!("{count} bytes"),
    };
    let value = (count as f64 / unit * 10.0).round() / 10.0;
    format!("{value} {name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_cannot_drive_a_terminal() {
        assert_eq!(message("a\u{1b}[2Jb\r\n"), "a\\u{1b}[2Jb");
        assert_eq!(message("tide\u{202e}ekal"), "tide\\u{202e}ekal");
        assert_eq!(message("two\nlines"), "two\nlines");
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        let cut = message(&"水".repeat(5_000));
        assert!(cut.ends_with("水 [cut]") && cut.len() <= MESSAGE_LIMIT + 6);
    }

    #[test]
    fn bytes_read_well() {
        assert_eq!(bytes(64_000_000), "64 MB");
        assert_eq!(bytes(1_540_000_000), "1.5 GB");
        assert_eq!(bytes(12), "12 bytes");
    }
}
