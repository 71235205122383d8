//! The least and the greatest text, cut to what an index should hold.

/// Texts between which all others are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bounds(Option<(Vec<u8>, Vec<u8>)>);

/// One side of them as it is written.
#[derive(Debug, PartialEq, Eq)]
pub struct Bound {
    /// The text, or what stands for it.
    pub text: Vec<u8>,
    /// Whether it is one of the texts, not just beyond all of them.
    pub exact: bool,
}

impl Bounds {
    /// Both sides, if there is any text.
    pub fn get(&self) -> Option<(&[u8], &[u8])> {
        self.0.as_ref().map(|(low, high)| (&low[..], &high[..]))
    }

    /// Makes them hold one more text.
    pub fn add(&mut self, text: &[u8]) {
        match &mut self.0 {
            None => self.0 = Some((text.to_vec(), text.to_vec())),
            Some((low, _)) if text < &low[..] => text.clone_into(low),
            Some((_, high)) if text > &high[..] => text.clone_into(high),
            Some(_) => {}
        }
    }
}

/// A text that is not greater, of at most `limit` bytes.
pub fn lower(text: &[u8], limit: Option<usize>, utf8: bool) -> Bound {
    let end = end(text, limit, utf8);
    Bound { text: text[..end].to_vec(), exact: end == text.len() }
}

/// A text that is not less, of about `limit` bytes if there is one.
pub fn upper(text: &[u8], limit: Option<usize>, utf8: bool) -> Bound {
    let end = end(text, limit, utf8);
    let whole = || Bound { text: text.to_vec(), exact: true };
    if end == text.len() {
        return whole();
    }
    let next = if utf8 { next_text(&text[..end]) } else { next_bytes(&text[..end]) };
    next.map_or_else(whole, |text| Bound { text, exact: false })
}

/// Where a text of at most `limit` bytes ends, which is not inside a character.
fn end(text: &[u8], limit: Option<usize>, utf8: bool) -> usize {
    let Some(limit) = limit.filter(|limit| *limit < text.len()) else { return text.len() };
    let inside = |at: &usize| utf8 && text[*at] & 0b1100_0000 == 0b1000_0000;
    let mut end = limit;
    while end > 0 && inside(&end) {
        end -= 1;
    }
    end
}

/// The least bytes, of no more of them, that are greater than all that begin with these.
fn next_bytes(start: &[u8]) -> Option<Vec<u8>> {
    let last = start.iter().rposition(|byte| *byte < u8::MAX)?;
    let mut next = start[..=last].to_vec();
    next[last] += 1;
    Some(next)
}

/// The least text that is greater than all that begin with this one, if there is one.
pub fn next_text(start: &[u8]) -> Option<Vec<u8>> {
    let mut kept = std::str::from_utf8(start).ok()?.to_owned();
    while let Some(last) = kept.pop() {
        // The characters are in the order of their bytes.
        if let Some(next) = (last..=char::MAX).nth(1) {
            kept.push(next);
            return Some(kept.into_bytes());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn they_hold_every_text(texts in prop::collection::vec("[a-cé\u{d7ff}\u{10ffff}]{0,6}", 1..8), limit in 1_usize..9) {
            for utf8 in [true, false] {
                let mut bounds = Bounds::default();
                texts.iter().for_each(|text| bounds.add(text.as_bytes()));
                let (low, high) = bounds.get().unwrap();
                let mut sorted: Vec<&[u8]> = texts.iter().map(|text| text.as_bytes()).collect();
                sorted.sort_unstable();
                prop_assert_eq!((low, high), (sorted[0], sorted[sorted.len() - 1]));
                let (lower, upper) = (lower(low, Some(limit), utf8), upper(high, Some(limit), utf8));
                prop_assert!(lower.text[..] <= *low && *high <= upper.text[..]);
                prop_assert_eq!((lower.exact, upper.exact), (lower.text == low, upper.text == high));
                prop_assert!(lower.text.len() <= limit);
                prop_assert!(!utf8 || std::str::from_utf8(&upper.text).is_ok() && std::str::from_utf8(&lower.text).is_ok());
            }
        }
    }

    #[test]
    fn what_has_nothing_above_it_stays_whole() {
        let high = vec![0xff; 9];
        assert_eq!(upper(&high, Some(4), false), Bound { text: high, exact: true });
        let high = "\u{10ffff}".repeat(3).into_bytes();
        assert_eq!(upper(&high, Some(5), true), Bound { text: high, exact: true });
        assert_eq!(upper(b"abcd", Some(2), true), Bound { text: b"ac".to_vec(), exact: false });
        assert_eq!(upper(b"ab", None, true), Bound { text: b"ab".to_vec(), exact: true });
    }
}
