use std::sync::Arc;

use arrow_array::TimestampMicrosecondArray;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, Float64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use proptest::prelude::*;
use serde_json::{Value, json};
use tidelake_sdk::testing::conformance::Suite;
use tidelake_sdk::{Batch, Downsampler, Result, Roles, testing};

use crate::Lttb;

type Row = (i64, &'static str, Option<f64>);

/// Buckets of 100 µs.
fn batch(rows: &[Row]) -> RecordBatch {
    let ts = |f: fn(i64) -> i64| -> ArrayRef {
        let values = rows.iter().map(|row| f(row.0));
        Arc::new(TimestampMicrosecondArray::from_iter_values(values).with_timezone("UTC"))
    };
    RecordBatch::try_from_iter([
        ("ts", ts(|t| t)),
        ("symbol", Arc::new(StringArray::from_iter_values(rows.iter().map(|r| r.1))) as ArrayRef),
        ("price", Arc::new(rows.iter().map(|r| r.2).collect::<Float64Array>())),
        ("bucket", ts(|t| t.div_euclid(100) * 100)),
    ])
    .unwrap()
}

fn lttb(options: Value) -> Result<Lttb> {
    let roles = Roles { time_column: 0, bucket_column: 3, group_columns: vec![1] };
    testing::downsampler(&batch(&[]).schema(), &roles, &options)
}

fn roll(parts: &[&[Row]]) -> RecordBatch {
    let mut lttb = lttb(json!({"value": "price"})).unwrap();
    for part in parts {
        lttb.update(&Batch::from_memory(&batch(part))).unwrap();
    }
    testing::drain(&mut lttb).unwrap().remove(0)
}

/// The points kept: symbol, time and value.
fn points(result: &RecordBatch) -> Vec<(String, Option<(i64, f64)>)> {
    let symbols = result.column(1).as_string::<i32>();
    let times = result.column_by_name("point_ts").unwrap();
    let times = times.as_primitive::<TimestampMicrosecondType>();
    let values = result.column_by_name("point").unwrap().as_primitive::<Float64Type>();
    let point = |i: usize| values.is_valid(i).then(|| (times.value(i), values.value(i)));
    (0..result.num_rows()).map(|i| (symbols.value(i).to_owned(), point(i))).collect()
}

#[test]
fn a_spike_is_kept_and_the_ends_stay() {
    let mut rows: Vec<Row> = (0..50).map(|i| (i * 10, "A", Some(1.0))).collect();
    rows[23].2 = Some(9.0);
    rows[34].2 = Some(-9.0);
    let result = roll(&[&rows]);
    let kept: Vec<_> = points(&result).into_iter().map(|(_, point)| point.unwrap()).collect();
    assert_eq!(kept[0], (0, 1.0));
    assert_eq!(kept[2], (230, 9.0));
    assert_eq!(kept[3], (340, -9.0));
    assert_eq!(kept[4], (490, 1.0));
    let count = result.column_by_name("count").unwrap().as_primitive::<Int64Type>();
    assert_eq!(count.values(), &[10; 5]);
}

#[test]
fn the_largest_triangle_wins() {
    // Before: (0, 0). After: all at (200, 10). The line between them passes (150, 7.5).
    let rows = [
        (0, "A", Some(0.0)),
        (120, "A", Some(7.0)),
        (150, "A", Some(2.0)),
        (180, "A", Some(12.0)),
        (200, "A", Some(10.0)),
    ];
    // Twice the areas: |120·10 − 200·7| = 200, |150·10 − 200·2| = 1100, |180·10 − 200·12| = 600.
    assert_eq!(points(&roll(&[&rows]))[1].1, Some((150, 2.0)));
}

#[test]
fn series_do_not_touch_and_rows_without_a_value_count_for_nothing() {
    let rows = [
        (0, "B", Some(5.0)),
        (50, "B", Some(6.0)),
        (0, "A", Some(f64::NAN)),
        (10, "A", None),
        (110, "A", Some(3.0)),
        (120, "A", Some(4.0)),
    ];
    let result = roll(&[&rows]);
    let expected = [
        ("A".to_owned(), None),
        ("A".to_owned(), Some((110, 3.0))),
        ("B".to_owned(), Some((0, 5.0))),
    ];
    assert_eq!(points(&result), expected);
}

#[test]
fn times_far_from_the_epoch_lose_no_digits() {
    let start = 1_700_000_000_000_000;
    let near: Vec<Row> = (0..40).map(|i| (i * 10, "A", Some(((i * 7) % 11) as f64))).collect();
    let far: Vec<Row> = near.iter().map(|row| (row.0 + start, row.1, row.2)).collect();
    let moved = |(symbol, point): (String, Option<(i64, f64)>)| {
        (symbol, point.map(|(time, value)| (time + start, value)))
    };
    let expected: Vec<_> = points(&roll(&[&near])).into_iter().map(moved).collect();
    assert_eq!(points(&roll(&[&far])), expected);
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let value = prop_oneof![
        8 => (-4..4_i32).prop_map(|v| Some(v.into())),
        1 => Just(None),
        1 => Just(Some(f64::NAN)),
        1 => Just(Some(f64::INFINITY)),
    ];
    proptest::collection::vec((0..600_i64, prop_oneof![Just("A"), Just("B")], value), 1..40)
}

proptest! {
    #[test]
    fn merging_partials_equals_rolling_up_at_once(rows in rows(), cut in 0..40_usize) {
        let cut = cut.min(rows.len());
        let whole = roll(&[&rows]);
        let mut backwards = rows.clone();
        backwards.reverse();
        prop_assert_eq!(&roll(&[&backwards]), &whole);
        let parts: Vec<RecordBatch> = [&rows[..cut], &rows[cut..]]
            .into_iter()
            .filter(|part| !part.is_empty())
            .map(|part| roll(&[part]))
            .collect();
        let mut merged = lttb(json!({"value": "price"})).unwrap();
        for part in parts.iter().rev() {
            merged.merge(&Batch::from_memory(part)).unwrap();
        }
        prop_assert_eq!(testing::drain(&mut merged).unwrap().remove(0), whole);
    }

    /// Every point that is kept is one that was there, in its own bucket.
    #[test]
    fn only_real_points_are_kept(rows in rows()) {
        let result = roll(&[&rows]);
        let buckets = result.column(0).as_primitive::<TimestampMicrosecondType>();
        for (i, (symbol, point)) in points(&result).into_iter().enumerate() {
            let Some((time, value)) = point else { continue };
            prop_assert_eq!(time.div_euclid(100) * 100, buckets.value(i));
            prop_assert!(rows.iter().any(|r| r.0 == time && r.1 == symbol && r.2 == Some(value)));
        }
    }
}

#[test]
fn errors_name_the_option() {
    let message = |options| lttb(options).err().unwrap().message().to_owned();
    assert!(message(json!({})).contains("`value`"));
    assert!(message(json!({"value": "prize"})).contains("no column `prize`"));
    assert!(message(json!({"value": "symbol"})).contains("not a number"));
    assert!(message(json!({"value": "price", "every": 3})).contains("unknown field `every`"));
}

#[test]
fn conforms() {
    let schema = |time: DataType| {
        Schema::new(vec![
            Field::new("symbol", DataType::Utf8, true),
            Field::new("price", DataType::Float64, true),
            Field::new("ts", time, false),
        ])
    };
    let micros = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let options = || json!({"value": "price"});
    Suite::new(schema(micros), options()).downsampler::<Lttb>("ts", &["symbol"]).unwrap();
    Suite::new(schema(DataType::Date32), options()).downsampler::<Lttb>("ts", &[]).unwrap();
}
