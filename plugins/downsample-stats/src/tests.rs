use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray, TimestampSecondArray};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use serde_json::{Value, json};
use tidelake_sdk::testing::conformance::Suite;
use tidelake_sdk::{Batch, Downsampler, Result, Roles, testing};

use crate::Stats;

type Reading = (i64, &'static str, Option<f64>);

/// Buckets of 60 s.
fn batch(readings: &[Reading]) -> RecordBatch {
    let ts = |f: fn(i64) -> i64| -> ArrayRef {
        Arc::new(TimestampSecondArray::from_iter_values(readings.iter().map(|r| f(r.0))))
    };
    RecordBatch::try_from_iter_with_nullable([
        ("bucket", ts(|t| t / 60 * 60), false),
        ("value", Arc::new(readings.iter().map(|r| r.2).collect::<Float64Array>()), true),
        ("sensor", Arc::new(StringArray::from_iter_values(readings.iter().map(|r| r.1))), false),
        ("at", ts(|t| t), false),
    ])
    .unwrap()
}

fn stats(options: Value) -> Result<Stats> {
    let roles = Roles { time_column: 3, bucket_column: 0, group_columns: vec![2] };
    testing::downsampler(&batch(&[]).schema(), &roles, &options)
}

fn roll(readings: &[Reading]) -> RecordBatch {
    let mut stats = stats(json!({"columns": ["value"]})).unwrap();
    stats.update(&Batch::from_memory(&batch(readings))).unwrap();
    testing::drain(&mut stats).unwrap().remove(0)
}

fn floats(batch: &RecordBatch, name: &str) -> Vec<Option<f64>> {
    batch.column_by_name(name).unwrap().as_primitive::<Float64Type>().iter().collect()
}

const READINGS: [Reading; 8] = [
    (5, "x", Some(1e9 + 4.0)),
    (1, "x", Some(1e9 + 7.0)),
    (9, "x", Some(1e9 + 13.0)),
    (8, "x", Some(1e9 + 16.0)),
    (7, "x", None),
    (70, "x", Some(3.0)),
    (2, "w", Some(f64::NAN)),
    (3, "x", Some(f64::NAN)),
];

#[test]
fn what_is_said_about_a_bucket_is_right() {
    let all = roll(&READINGS);
    let names: Vec<_> = all.schema().fields().iter().take(3).map(|f| f.name().clone()).collect();
    assert_eq!(names, ["at", "sensor", "value_count"]);
    let count = all.column(2).as_primitive::<Int64Type>();
    assert_eq!(count.values(), &[0, 4, 1]);
    assert_eq!(floats(&all, "value_sum"), [None, Some(4e9 + 40.0), Some(3.0)]);
    assert_eq!(floats(&all, "value_min"), [None, Some(1e9 + 4.0), Some(3.0)]);
    assert_eq!(floats(&all, "value_max"), [None, Some(1e9 + 16.0), Some(3.0)]);
    assert_eq!(floats(&all, "value_mean"), [None, Some(1e9 + 10.0), Some(3.0)]);
    assert_eq!(floats(&all, "value_first"), [None, Some(1e9 + 7.0), Some(3.0)]);
    assert_eq!(floats(&all, "value_last"), [None, Some(1e9 + 13.0), Some(3.0)]);
    // A sum of squares would have lost this among 1e18.
    assert_eq!(floats(&all, "value_stddev"), [None, Some(30f64.sqrt()), None]);
}

#[test]
fn merging_partials_equals_rolling_up_at_once() {
    let whole = roll(&READINGS);
    for cut in 1..READINGS.len() {
        let (left, right) = (roll(&READINGS[..cut]), roll(&READINGS[cut..]));
        for order in [[&left, &right], [&right, &left]] {
            let mut merged = stats(json!({"columns": ["value"]})).unwrap();
            for partials in order {
                merged.merge(&Batch::from_memory(partials)).unwrap();
            }
            let merged = testing::drain(&mut merged).unwrap().remove(0);
            for (field, (a, b)) in
                whole.schema().fields().iter().zip(whole.columns().iter().zip(merged.columns()))
            {
                if matches!(field.name().as_str(), "value_m2" | "value_stddev") {
                    let close =
                        a.as_primitive::<Float64Type>().iter().zip(b.as_primitive::<Float64Type>());
                    for (a, b) in close {
                        assert_eq!(a.is_some(), b.is_some());
                        assert!((a.unwrap_or(0.0) - b.unwrap_or(0.0)).abs() < 1e-5);
                    }
                } else {
                    assert_eq!(a, b, "{}", field.name());
                }
            }
        }
    }
}

#[test]
fn errors_name_the_option() {
    let message = |options| stats(options).err().unwrap().message().to_owned();
    assert!(message(json!({})).starts_with("option `columns`"));
    assert!(message(json!({"columns": ["value", "nope"]})).starts_with("option `columns[1]`"));
    assert!(message(json!({"columns": ["sensor"]})).contains("not a number"));
    assert!(message(json!({"columns": ["value", "value"]})).contains("two columns"));
}

#[test]
fn conforms() {
    let schema = Schema::new(vec![
        Field::new("at", DataType::Timestamp(TimeUnit::Millisecond, None), false),
        Field::new("sensor", DataType::Utf8, true),
        Field::new("value", DataType::Float64, true),
        Field::new("level", DataType::Int16, true),
    ]);
    Suite::new(schema, json!({"columns": ["value", "level"]}))
        .sums(&["value_sum", "value_mean", "value_stddev", "value_m2"])
        .sums(&["level_mean", "level_stddev", "level_m2"])
        .downsampler::<Stats>("at", &["sensor"])
        .unwrap();
}
