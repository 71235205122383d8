mod exact;
mod resume;

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type};
use arrow_array::{
    ArrayRef, Date32Array, DictionaryArray, Float32Array, Float64Array, Int64Array, RecordBatch,
    StringArray, TimestampSecondArray,
};
use serde_json::{Value, json};
use tidelake_sdk::{ErrorKind, Result, testing};

use crate::Features;

/// Time in seconds, key, price, size.
pub(crate) type Row = (i64, Option<&'static str>, Option<f64>, Option<i64>);

pub(crate) fn batch(rows: &[Row]) -> RecordBatch {
    let ts = TimestampSecondArray::from_iter_values(rows.iter().map(|r| r.0));
    RecordBatch::try_from_iter_with_nullable([
        ("size", Arc::new(rows.iter().map(|r| r.3).collect::<Int64Array>()) as ArrayRef, true),
        ("ts", Arc::new(ts.with_timezone("UTC")), false),
        ("symbol", Arc::new(rows.iter().map(|r| r.1).collect::<StringArray>()), true),
        ("price", Arc::new(rows.iter().map(|r| r.2).collect::<Float64Array>()), true),
    ])
    .unwrap()
}

pub(crate) fn options(features: Value) -> Value {
    json!({"key": ["symbol"], "time": "ts", "features": features})
}

fn run(rows: &[Row], options: &Value) -> Result<RecordBatch> {
    let batch = batch(rows);
    testing::transform::<Features>(&batch.schema(), options, &[batch]).map(|mut out| out.remove(0))
}

/// One feature of some rows.
fn feature(rows: &[Row], mut rule: Value) -> Vec<Option<f64>> {
    rule["name"] = json!("x");
    let out = run(rows, &options(json!([rule]))).unwrap();
    assert_eq!(out.columns()[..4], batch(rows).columns()[..], "the others pass through");
    out.column(4).as_primitive::<Float64Type>().iter().collect()
}

/// Prices of one series, a second apart, of size 1.
fn prices(prices: &[Option<f64>]) -> Vec<Row> {
    (0..).zip(prices).map(|(ts, price)| (ts, Some("A"), *price, Some(1))).collect()
}

fn close(found: &[Option<f64>], expected: &[Option<f64>]) {
    let near = found.iter().zip(expected).all(|(a, b)| match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-12 * b.abs().max(1.0),
        (a, b) => a == b,
    });
    assert!(near && found.len() == expected.len(), "{found:?}, expected {expected:?}");
}

#[test]
fn series_do_not_mix() {
    let rows = [
        (0, Some("A"), Some(10.0), Some(1)),
        (0, Some("B"), Some(5.0), Some(1)),
        (1, Some("A"), Some(11.0), Some(1)),
        (1, None, Some(1.0), Some(1)),
        (2, Some("B"), Some(4.0), Some(1)),
        (2, None, Some(3.0), Some(1)),
        (2, Some("A"), Some(22.0), Some(1)),
    ];
    let lag = feature(&rows, json!({"kind": "lag", "column": "price"}));
    assert_eq!(lag, [None, None, Some(10.0), None, Some(5.0), Some(1.0), Some(11.0)]);
    let change = feature(&rows, json!({"kind": "return", "column": "price"}));
    close(&change, &[None, None, Some(0.1), None, Some(-0.2), Some(2.0), Some(1.0)]);
    let mut all = options(json!([{"name": "x", "kind": "lag", "column": "price"}]));
    all["key"] = json!([]);
    let out = run(&rows, &all).unwrap();
    assert_eq!(out.column(4).as_primitive::<Float64Type>().value(6), 3.0);
}

#[test]
fn returns_look_back_by_rows() {
    let rows = prices(&[Some(1.0), Some(2.0), None, Some(8.0), Some(-1.0), Some(0.0), Some(3.0)]);
    let of = |kind: &str, periods: u32| {
        feature(&rows, json!({"kind": kind, "column": "price", "periods": periods}))
    };
    close(&of("return", 1), &[None, Some(1.0), None, None, Some(-1.125), Some(-1.0), None]);
    close(&of("return", 2), &[None, None, None, Some(3.0), None, Some(-1.0), Some(-4.0)]);
    let ln = |x: f64| Some(x.ln());
    close(&of("log_return", 1), &[None, ln(2.0), None, None, None, None, None]);
    close(&of("log_return", 3), &[None, None, None, ln(8.0), None, None, ln(3.0 / 8.0)]);
    assert_eq!(of("lag", 6)[6], Some(1.0));
    // A change in the last digit is not lost.
    let rows = prices(&[Some(1e5), Some(1e5 + 1e-9)]);
    let small = feature(&rows, json!({"kind": "log_return", "column": "price"}))[1].unwrap();
    let step = (1e5 + 1e-9) - 1e5;
    assert!((small / (step / 1e5) - 1.0).abs() < 1e-12, "{small}");
}

#[test]
fn windows_of_rows_keep_the_place_of_what_is_missing() {
    let values = [Some(1.0), Some(3.0), Some(5.0), Some(f64::NAN), Some(9.0), None, Some(2.0)];
    let rows = prices(&values);
    let of = |kind: &str, min: Value| {
        let rule = json!({"kind": kind, "column": "price", "window": 3, "min_values": min});
        feature(&rows, rule)
    };
    close(&of("mean", Value::Null), &[None, None, Some(3.0), None, None, None, None]);
    let loose = [Some(1.0), Some(2.0), Some(3.0), Some(4.0), Some(7.0), Some(9.0), Some(5.5)];
    close(&of("mean", json!(1)), &loose);
    let std = |a: f64, b: f64| Some((a - b).abs() / 2f64.sqrt());
    let loose = [None, std(1., 3.), Some(2.0), std(3., 5.), std(5., 9.), None, std(9., 2.)];
    close(&of("std", json!(1)), &loose);
    let half = Some(1.0 / 2f64.sqrt());
    let score = [None, half, Some(1.0), None, half, None, half.map(|x: f64| -x)];
    close(&of("zscore", json!(2)), &score);
    // Equal values have no score, and no deviation at all.
    let rows = prices(&[Some(0.1); 4]);
    let of = |kind: &str| feature(&rows, json!({"kind": kind, "column": "price", "window": 3}));
    assert_eq!(of("std"), [None, None, Some(0.0), Some(0.0)]);
    assert_eq!(of("mean")[2], Some(0.1));
    assert_eq!(of("zscore"), [None; 4]);
}

#[test]
fn windows_of_time_end_before_their_length() {
    let at = |ts: i64, price: f64| (ts, Some("A"), Some(price), Some(1));
    let rows = [at(0, 1.0), at(59, 3.0), at(60, 5.0), at(60, 7.0), at(119, 9.0), at(500, 4.0)];
    let rule = json!({"kind": "mean", "column": "price", "window": "1m"});
    let means = [Some(1.0), Some(2.0), Some(4.0), Some(5.0), Some(7.0), Some(4.0)];
    close(&feature(&rows, rule), &means);
}

#[test]
fn volatility_is_the_deviation_of_log_returns_for_a_year() {
    let ratios = [1.1f64, 0.9, 1.2, 1.0];
    let mut price = 50.0;
    let mut list = vec![Some(price)];
    for ratio in ratios {
        price *= ratio;
        list.push(Some(price));
    }
    let rule = json!({"kind": "volatility", "column": "price", "window": 4, "annualise": 252});
    let found = feature(&prices(&list), rule);
    let logs: Vec<f64> = ratios.iter().map(|r| r.ln()).collect();
    let mean = logs.iter().sum::<f64>() / 4.0;
    let variance = logs.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / 3.0;
    close(&found, &[None, None, None, None, Some((variance * 252.0).sqrt())]);
}

#[test]
fn vwap_weighs_rows_and_days_begin_at_midnight() {
    let day = 86_400;
    let rows = [
        (-1, Some("A"), Some(100.0), Some(9)),
        (0, Some("A"), Some(10.0), Some(1)),
        (1, Some("A"), Some(20.0), Some(3)),
        (2, Some("A"), Some(99.0), Some(0)),
        (3, Some("A"), Some(99.0), None),
        (4, Some("A"), None, Some(5)),
        (5, Some("A"), Some(99.0), Some(-7)),
        (6, Some("A"), Some(30.0), Some(4)),
        (day, Some("A"), Some(7.0), Some(2)),
    ];
    let of = |window: Value| {
        let rule = json!({"kind": "vwap", "column": "price", "weight": "size", "window": window});
        feature(&rows, rule)
    };
    let late = Some(190.0 / 8.0);
    let held = Some(17.5);
    let expected = [Some(100.0), Some(10.0), held, held, held, held, held, late, Some(7.0)];
    close(&of(json!("day")), &expected);
    // The last day: all but the row of the day before and the one just a day ago.
    close(&of(json!("1d"))[8..], &[Some(194.0 / 9.0)]);
    close(&of(json!("all"))[..2], &[Some(100.0), Some(91.0)]);
    let rule = json!({"kind": "vwap", "column": "price", "weight": "size", "window": 2});
    close(&feature(&rows[..3], rule), &[None, Some(91.0), held]);
}

#[test]
fn what_cannot_be_held_is_null_and_leaves_no_trace() {
    let huge = f64::MAX;
    let mut list = vec![Some(huge), Some(-huge), Some(f64::INFINITY), Some(f64::NEG_INFINITY)];
    list.extend([Some(1.0), Some(2.0), Some(4.0), Some(-0.0)]);
    let of = |kind: &str| {
        feature(
            &prices(&list),
            json!({"kind": kind, "column": "price", "window": 2, "min_values": 1}),
        )
    };
    assert_eq!(
        of("std"),
        [None, None, None, None, None, Some(0.5f64.sqrt()), Some(2f64.sqrt()), Some(8f64.sqrt())]
    );
    assert_eq!(of("mean")[4..], [Some(1.0), Some(1.5), Some(3.0), Some(2.0)]);
}

#[test]
fn late_rows_are_refused_or_skipped() {
    let rows = [
        (5, Some("A"), Some(1.0), Some(1)),
        (4, Some("B"), Some(1.0), Some(1)),
        (4, Some("A"), Some(9.0), Some(1)),
        (5, Some("A"), Some(3.0), Some(1)),
    ];
    let mut options =
        options(json!([{"name": "x", "kind": "mean", "column": "price", "window": "all"}]));
    let error = run(&rows, &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let says = "column `ts`: row 2 of the batch is at 4, but an earlier row of its series is at 5";
    assert!(error.message().starts_with(says), "{error}");
    options["late"] = json!("skip");
    let out = run(&rows, &options).unwrap();
    let found: Vec<_> = out.column(4).as_primitive::<Float64Type>().iter().collect();
    assert_eq!(found, [Some(1.0), Some(1.0), None, Some(2.0)]);
}

#[test]
fn columns_may_be_of_many_types_and_sliced() {
    let symbols: DictionaryArray<Int32Type> = ["B", "A", "A", "B", "A"].into_iter().collect();
    let batch = RecordBatch::try_from_iter([
        ("day", Arc::new(Date32Array::from(vec![0, 0, 1, 2, 2])) as ArrayRef),
        ("symbol", Arc::new(symbols)),
        ("p", Arc::new(Float32Array::from(vec![9.0, 1.0, 2.0, 8.0, 3.0]))),
    ])
    .unwrap()
    .slice(1, 4);
    let options = json!({"key": ["symbol"], "time": "day", "features": [
        {"name": "m", "kind": "mean", "column": "p", "window": "2d"},
        {"name": "d", "kind": "mean", "column": "p", "window": "day"},
    ]});
    let out = testing::transform::<Features>(&batch.schema(), &options, &[batch]).unwrap();
    assert_eq!(out[0].column(3).as_ref(), &Float64Array::from(vec![1.0, 1.5, 8.0, 2.5]));
    assert_eq!(out[0].column(4).as_ref(), &Float64Array::from(vec![1.0, 2.0, 8.0, 3.0]));
}

#[test]
fn errors_name_the_option() {
    let message = |rule: Value| {
        let mut whole = json!({"name": "x", "kind": "mean", "column": "price", "window": 5});
        for (key, value) in rule.as_object().unwrap() {
            whole[key] = value.clone();
        }
        run(&[], &options(json!([whole]))).unwrap_err().message().to_owned()
    };
    for (rule, says) in [
        (
            json!({"column": "prize"}),
            "option `features[0].column`: there is no column `prize`; the table has size",
        ),
        (
            json!({"column": "symbol"}),
            "option `features[0].column`: column `symbol` is Utf8, not a number",
        ),
        (json!({"name": "price"}), "option `features[0].name`: there is a column `price` already"),
        (json!({"kind": "men"}), "option `features[0].kind`"),
        (json!({"window": 0}), "0 is none of: a number of rows"),
        (json!({"window": "5 parsecs"}), "\"5 parsecs\" is none of"),
        (json!({"window": "10ms"}), "option `features[0].window`: column `ts` of type"),
        (json!({"window": null}), "option `features[0].window`: say how far back"),
        (json!({"kind": "lag"}), "option `features[0].window`: means nothing to the kind \"lag\""),
        (json!({"periods": 2}), "option `features[0].periods`: means nothing"),
        (json!({"kind": "lag", "window": null, "periods": 0}), "option `features[0].periods`"),
        (json!({"annualise": 2}), "option `features[0].annualise`: means nothing"),
        (json!({"kind": "volatility", "annualise": -1}), "option `features[0].annualise`"),
        (json!({"kind": "vwap"}), "option `features[0].weight`: name the column"),
        (json!({"min_values": 6}), "option `features[0].min_values`: a window of 5 rows"),
        (json!({"kind": "std", "window": 1}), "option `features[0].window`: a deviation"),
    ] {
        let found = message(rule.clone());
        assert!(found.contains(says), "{rule}: {found}");
    }
    let error = |options: Value| run(&[], &options).unwrap_err().message().to_owned();
    assert!(error(json!({"time": "ts", "features": []})).starts_with("option `features`"));
    let lag = json!([{"name": "x", "kind": "lag", "column": "price"}]);
    assert!(error(json!({"time": "symbol", "features": lag})).contains("not a time"));
    let key = json!({"time": "ts", "key": ["sym"], "features": lag});
    assert!(error(key).starts_with("option `key[0]`"));
    assert!(error(json!({"features": lag})).contains("missing field `time`"));
}
