//! Host-made statistics in the form that Delta's readers skip files by.
//!
//! What is written must stay a bound in the reader's eyes: timestamps have
//! milliseconds there, so a lower bound is floored and an upper one rounded up;
//! texts are cut at [`TEXT_CHARS`] characters, and an upper one is then followed
//! by the largest character; `0.0` and `-0.0` are equal to some readers and
//! ordered to others, so a zero is written as the one further out. What cannot
//! be said that way is left out, which costs a reader time and nothing else.

use arrow::datatypes::{DataType, Schema};
use serde_json::{Map, Value, json};
use tidelake_core::file::DataFile;
use tidelake_core::stats::StatValue;
use tidelake_core::time::Micros;

/// Characters of a text that are kept; as many as Spark keeps.
const TEXT_CHARS: usize = 32;
const DAY: i64 = 86_400_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Lower,
    Upper,
}

/// The `stats` of an Add action for a file of a table with this stored schema.
pub(super) fn stats_json(file: &DataFile, stored: &Schema) -> String {
    let (mut min, mut max, mut nulls) = (Map::new(), Map::new(), Map::new());
    for column in &file.stats {
        let Ok(field) = stored.field_with_name(&column.name) else { continue };
        let partition = file.partition.iter().any(|(name, _)| *name == column.name);
        if partition || field.data_type().is_nested() {
            continue;
        }
        nulls.insert(column.name.clone(), json!(column.nulls));
        for (value, side, bounds) in
            [(&column.min, Side::Lower, &mut min), (&column.max, Side::Upper, &mut max)]
        {
            let bound = value.as_ref().and_then(|v| bound(v, field.data_type(), side));
            if let Some(bound) = bound {
                bounds.insert(column.name.clone(), bound);
            }
        }
    }
    json!({ "numRecords": file.rows, "minValues": min, "maxValues": max, "nullCount": nulls })
        .to_string()
}

/// A bound as Delta has it in JSON, for a column stored as `stored`.
fn bound(value: &StatValue, stored: &DataType, side: Side) -> Option<Value> {
    match (value, stored) {
        (StatValue::Int(v), t) if t.is_signed_integer() => Some(json!(v)),
        (StatValue::Float(v), DataType::Float32 | DataType::Float64) if v.is_finite() => {
            Some(match (*v == 0.0, side) {
                (true, Side::Lower) => json!(-0.0),
                (true, Side::Upper) => json!(0.0),
                (false, _) => json!(v),
            })
        }
        (StatValue::Text(v), DataType::Utf8) => text(v, side).map(Value::String),
        (StatValue::Date(days), DataType::Date32) => date(i64::from(*days)),
        (StatValue::Time(t), DataType::Date32) => date(t.0.div_euclid(DAY)),
        (StatValue::Time(t), DataType::Timestamp(..)) => timestamp(*t, side),
        (StatValue::Date(days), DataType::Timestamp(..)) => {
            timestamp(Micros(i64::from(*days).checked_mul(DAY)?), side)
        }
        _ => None,
    }
}

fn text(value: &str, side: Side) -> Option<String> {
    let Some((cut, _)) = value.char_indices().nth(TEXT_CHARS) else {
        return Some(value.to_owned());
    };
    let (kept, rest) = value.split_at(cut);
    match side {
        Side::Lower => Some(kept.to_owned()),
        // Nothing is larger than a text that goes on with the largest character.
        Side::Upper if rest.starts_with(char::MAX) => None,
        Side::Upper => Some(format!("{kept}{}", char::MAX)),
    }
}

fn date(days: i64) -> Option<Value> {
    let instant = Micros(days.checked_mul(DAY)?);
    common_era(instant)?;
    Some(Value::String(instant.to_utc()?.format("%Y-%m-%d").to_string()))
}

fn timestamp(at: Micros, side: Side) -> Option<Value> {
    let millis = match side {
        Side::Lower => at.0.div_euclid(1_000),
        Side::Upper => at.0.checked_add(999)?.div_euclid(1_000),
    };
    let at = Micros(millis.checked_mul(1_000)?);
    common_era(at)?;
    Some(Value::String(at.to_utc()?.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()))
}

/// Only years of four digits are written the same way by everybody.
fn common_era(at: Micros) -> Option<()> {
    use chrono::Datelike;
    (1..=9999).contains(&at.to_utc()?.year()).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::{Field, TimeUnit};
    use proptest::prelude::*;
    use tidelake_core::hash::Digest;
    use tidelake_core::stats::ColumnStats;

    fn utc() -> DataType {
        DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
    }

    fn as_text(value: &StatValue, stored: &DataType, side: Side) -> Option<String> {
        bound(value, stored, side).map(|v| v.as_str().unwrap().to_owned())
    }

    #[test]
    fn bounds_are_widened() {
        let t = StatValue::Time(Micros(1_362_218_400_000_001));
        assert_eq!(as_text(&t, &utc(), Side::Lower).unwrap(), "2013-03-02T10:00:00.000Z");
        assert_eq!(as_text(&t, &utc(), Side::Upper).unwrap(), "2013-03-02T10:00:00.001Z");
        let before = StatValue::Time(Micros(-1));
        assert_eq!(as_text(&before, &utc(), Side::Lower).unwrap(), "1969-12-31T23:59:59.999Z");
        assert_eq!(as_text(&before, &utc(), Side::Upper).unwrap(), "1970-01-01T00:00:00.000Z");
        assert_eq!(bound(&StatValue::Time(Micros::MIN), &utc(), Side::Lower), None);
        let date = StatValue::Date(15_766);
        assert_eq!(as_text(&date, &DataType::Date32, Side::Upper).unwrap(), "2013-03-02");
        assert_eq!(bound(&StatValue::Float(f64::INFINITY), &DataType::Float64, Side::Upper), None);
        let zero = bound(&StatValue::Float(0.0), &DataType::Float64, Side::Lower).unwrap();
        assert_eq!(zero.to_string(), "-0.0");
    }

    #[test]
    fn only_columns_of_the_file_are_told() {
        let column = |name: &str, v: i64| ColumnStats {
            name: name.into(),
            nulls: 2,
            min: Some(StatValue::Int(v)),
            max: None,
        };
        let file = DataFile {
            path: String::new(),
            partition: vec![("c".into(), Some("1".into()))],
            rows: 5,
            bytes: 1,
            min_time: Micros(0),
            max_time: Micros(0),
            stats: vec![column("a", 1), column("c", 1), column("unsigned", 7)],
            digest: Digest::default(),
            generation: 1,
        };
        let schema = Schema::new(vec![
            Field::new("a", DataType::Int64, true),
            Field::new("c", DataType::Int64, true),
            Field::new("unsigned", DataType::Decimal128(20, 0), true),
        ]);
        let stats: Value = serde_json::from_str(&stats_json(&file, &schema)).unwrap();
        assert_eq!(
            stats,
            json!({
                "numRecords": 5, "minValues": {"a": 1}, "maxValues": {},
                "nullCount": {"a": 2, "unsigned": 2}
            })
        );
    }

    proptest! {
        #[test]
        fn texts_stay_within_their_bounds(value in "\\PC{0,80}|[a\u{10ffff}]{0,80}") {
            let stat = StatValue::Text(value.clone());
            let lower = as_text(&stat, &DataType::Utf8, Side::Lower).unwrap();
            prop_assert!(lower <= value);
            if let Some(upper) = as_text(&stat, &DataType::Utf8, Side::Upper) {
                prop_assert!(value <= upper);
                prop_assert!(upper.chars().count() <= TEXT_CHARS + 1);
            }
        }

        #[test]
        fn times_stay_within_their_bounds(micros in -62_135_596_800_000_000i64..253_402_300_799_000_000) {
            let stat = StatValue::Time(Micros(micros));
            let parse = |text: String| Micros::parse(&text).unwrap().0;
            prop_assert!(parse(as_text(&stat, &utc(), Side::Lower).unwrap()) <= micros);
            prop_assert!(micros <= parse(as_text(&stat, &utc(), Side::Upper).unwrap()));
        }
    }
}
