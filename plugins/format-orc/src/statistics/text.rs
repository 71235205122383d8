//! The least and the greatest text.
//!
//! Texts of more than 1024 bytes are cut: what remains is a bound, not a value
//! ("Column Statistics", `lowerBound` and `upperBound`). A lower bound is a beginning of
//! the text; an upper bound is one whose last character is the next greater one.

use tidelake_interner::bounds::{Bounds, next_text};

use crate::proto;

/// The longest text that is kept whole, in bytes.
const LONGEST: usize = 1024;

/// Two texts, in the order of their bytes.
#[derive(Debug, Clone, Default)]
pub(crate) struct TextRange(Bounds);

impl TextRange {
    /// Adds a text.
    #[inline]
    pub(crate) fn add(&mut self, text: &[u8]) {
        self.0.add(text);
    }

    /// Adds another range.
    pub(crate) fn merge(&mut self, other: &Self) {
        if let Some((low, high)) = other.0.get() {
            self.add(low);
            self.add(high);
        }
    }

    /// As the file says it, with the sum of lengths.
    pub(crate) fn to_proto(&self, sum: i64) -> proto::StringStatistics {
        let mut out = proto::StringStatistics { sum: Some(sum), ..Default::default() };
        let Some((low, high)) = self.0.get() else { return out };
        let (Ok(low), Ok(high)) = (std::str::from_utf8(low), std::str::from_utf8(high)) else {
            return out;
        };
        if low.len() <= LONGEST {
            out.minimum = Some(low.to_owned());
        } else {
            out.lower_bound = Some(beginning(low).to_owned());
        }
        if high.len() <= LONGEST {
            out.maximum = Some(high.to_owned());
        } else {
            out.upper_bound = above(beginning(high));
        }
        out
    }
}

/// As many whole characters as are kept.
fn beginning(text: &str) -> &str {
    &text[..text.floor_char_boundary(LONGEST)]
}

/// The least text that is greater than all that begin so, if there is one.
fn above(text: &str) -> Option<String> {
    next_text(text.as_bytes()).and_then(|next| String::from_utf8(next).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(texts: &[&str]) -> proto::StringStatistics {
        let mut range = TextRange::default();
        texts.iter().for_each(|text| range.add(text.as_bytes()));
        range.to_proto(0)
    }

    #[test]
    fn short_texts_are_values_and_long_ones_are_bounds() {
        let short = of(&["b", "a", "c"]);
        assert_eq!((short.minimum.as_deref(), short.maximum.as_deref()), (Some("a"), Some("c")));
        let long = "ä".repeat(800);
        let cut = of(&["a", &long]);
        assert_eq!((cut.minimum.as_deref(), cut.maximum), (Some("a"), None));
        let upper = cut.upper_bound.unwrap();
        assert!(upper.len() <= LONGEST && upper > long);
        let lower = of(&[&long]).lower_bound.unwrap();
        assert!(lower.len() == LONGEST && lower < long);
    }

    #[test]
    fn the_last_character_has_no_next_one() {
        assert_eq!(above("a\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(above("\u{d7ff}").as_deref(), Some("\u{e000}"));
        assert_eq!(above("\u{10ffff}"), None);
    }
}
