//! Reports as text: tables that read well at 80 columns, numbers with thin
//! thousands, errors with their cause and what to do.

pub(crate) mod author;
pub(crate) mod error;
pub(crate) mod plan;
pub(crate) mod plugins;
pub(crate) mod problems;
pub(crate) mod progress;
pub(crate) mod rows;
pub(crate) mod run;
pub(crate) mod status;
pub(crate) mod store;
pub(crate) mod sync;
pub(crate) mod table;

pub(crate) use tidelake_core::config::size::format_bytes as bytes;

/// A number with its thousands apart: `12,154`.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 file`, `12 files`.
pub(crate) fn counted(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(n), if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(12_154), "12,154");
        assert_eq!(count(1_000_000), "1,000,000");
        assert_eq!(counted(1, "row"), "1 row");
        assert_eq!(counted(2, "row"), "2 rows");
    }
}
