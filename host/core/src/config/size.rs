//! Amounts: bytes (`128MB`, `64MiB`) and short times (`5s`, `250ms`).

use crate::error::{Error, Result};

const UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// Reads a number of bytes: a whole or decimal number and a unit, decimal (`MB`)
/// or binary (`MiB`); letters may be of any case.
pub fn parse_bytes(text: &str) -> Result<u64> {
    let wrong = || {
        Error::config(format!("{text:?} is not a size"))
            .with_help("write a number and a unit: 500kB, 128MB, 1.5GB, or 64MiB, 1GiB")
    };
    let trimmed = text.trim();
    let digits = trimmed.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
    let (number, unit) = trimmed.split_at(digits);
    let unit = unit.trim_start();
    let (_, scale) =
        UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).ok_or_else(wrong)?;
    let bytes = match number.parse::<u64>() {
        Ok(whole) => whole.checked_mul(*scale).ok_or_else(wrong)?,
        Err(_) => {
            let decimal: f64 = number.parse().map_err(|_| wrong())?;
            let bytes = decimal * *scale as f64;
            if !(0.0..1e18).contains(&bytes) {
                return Err(wrong());
            }
            bytes.round() as u64
        }
    };
    Ok(bytes)
}

/// A number of bytes for people: three digits and a decimal unit.
pub fn format_bytes(bytes: u64) -> String {
    let Some((unit, scale)) = UNITS[1..5].iter().rev().find(|(_, scale)| bytes >= *scale) else {
        return format!("{bytes} B");
    };
    let value = bytes as f64 / *scale as f64;
    match value {
        v if v < 9.995 => format!("{v:.2} {unit}"),
        v if v < 99.95 => format!("{v:.1} {unit}"),
        v => format!("{v:.0} {unit}"),
    }
}

/// Reads a short time, in milliseconds: `250ms`, `5s`, `2m`.
pub fn parse_millis(text: &str) -> Result<u64> {
    let wrong = || {
        Error::config(format!("{text:?} is not a duration"))
            .with_help("write a whole number and a unit: 250ms, 5s, 2m")
    };
    let trimmed = text.trim();
    let digits = trimmed.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = trimmed.split_at(digits);
    let scale = match unit.trim_start() {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(scale).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("128MB", 128_000_000),
            ("128 MiB", 128 << 20),
            ("1.5GB", 1_500_000_000),
            ("64kb", 64_000),
            ("7B", 7),
        ] {
            assert_eq!(parse_bytes(text).unwrap(), bytes, "{text}");
        }
        for text in ["", "MB", "12", "12XB", "-1MB", "1..5MB", "99999999999TB", "1e3MB"] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_for_people() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.00 kB"),
            (12_340_000, "12.3 MB"),
            (128_000_000, "128 MB"),
            (2_500_000_000_000_000, "2500 TB"),
        ] {
            assert_eq!(format_bytes(bytes), text);
        }
    }

    #[test]
    fn durations() {
        assert_eq!(parse_millis("5s").unwrap(), 5_000);
        assert_eq!(parse_millis("250ms").unwrap(), 250);
        assert_eq!(parse_millis("2m").unwrap(), 120_000);
        assert!(parse_millis("5").is_err());
        assert!(parse_millis("5 years").is_err());
    }
}
