use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{
    ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use serde_json::{Value, json};
use tidelake_sdk::testing::conformance::Suite;
use tidelake_sdk::{Batch, Downsampler, Result, Roles, testing};

use crate::Ohlcv;

type Tick = (i64, &'static str, Option<f64>, i64);

/// Buckets of 100 µs.
fn batch(ticks: &[Tick]) -> RecordBatch {
    let ts = |f: fn(i64) -> i64| -> ArrayRef {
        let values = ticks.iter().map(|t| f(t.0));
        Arc::new(TimestampMicrosecondArray::from_iter_values(values).with_timezone("UTC"))
    };
    RecordBatch::try_from_iter([
        ("ts", ts(|t| t)),
        ("symbol", Arc::new(StringArray::from_iter_values(ticks.iter().map(|t| t.1)))),
        ("price", Arc::new(ticks.iter().map(|t| t.2).collect::<Float64Array>())),
        ("size", Arc::new(Int64Array::from_iter_values(ticks.iter().map(|t| t.3)))),
        ("bucket", ts(|t| t / 100 * 100)),
    ])
    .unwrap()
}

fn roles() -> Roles {
    Roles { time_column: 0, bucket_column: 4, group_columns: vec![1] }
}

fn ohlcv(options: Value) -> Result<Ohlcv> {
    testing::downsampler(&batch(&[]).schema(), &roles(), &options)
}

fn ticks_options() -> Value {
    json!({"price": "price", "volume": "size"})
}

fn roll(parts: &[&[Tick]]) -> RecordBatch {
    let mut ohlcv = ohlcv(ticks_options()).unwrap();
    for part in parts {
        ohlcv.update(&Batch::from_memory(&batch(part))).unwrap();
    }
    testing::drain(&mut ohlcv).unwrap().remove(0)
}

const TICKS: [Tick; 8] = [
    (10, "B", Some(5.0), 1),
    (20, "B", Some(7.0), 2),
    (30, "B", None, 100),
    (30, "B", Some(4.0), 3),
    (110, "B", Some(9.0), 4),
    (15, "A", Some(1.0), 5),
    (15, "A", Some(2.0), 6),
    (299, "A", Some(f64::NAN), 7),
];

#[test]
fn ticks_become_bars_in_order_of_group_and_bucket() {
    let bars = roll(&[&TICKS]);
    assert_eq!(bars.schema().field(0).name(), "ts");
    let buckets = bars.column(0).as_primitive::<TimestampMicrosecondType>();
    assert_eq!(buckets.values(), &[0, 200, 0, 100]);
    let symbols: Vec<_> = bars.column(1).as_string::<i32>().iter().flatten().collect();
    assert_eq!(symbols, ["A", "A", "B", "B"]);
    let prices = |name: &str| -> Vec<Option<f64>> {
        bars.column_by_name(name).unwrap().as_primitive::<Float64Type>().iter().collect()
    };
    // Two ticks at one instant: the lower opens, the higher closes.
    assert_eq!(prices("open"), [Some(1.0), None, Some(5.0), Some(9.0)]);
    assert_eq!(prices("high"), [Some(2.0), None, Some(7.0), Some(9.0)]);
    assert_eq!(prices("low"), [Some(1.0), None, Some(4.0), Some(9.0)]);
    assert_eq!(prices("close"), [Some(2.0), None, Some(4.0), Some(9.0)]);
    assert_eq!(prices("volume"), [Some(11.0), None, Some(6.0), Some(4.0)]);
    let count = bars.column_by_name("count").unwrap().as_primitive::<Int64Type>();
    assert_eq!(count.values(), &[2, 0, 3, 1]);
}

#[test]
fn merging_partials_equals_rolling_up_at_once_in_any_order() {
    let whole = roll(&[&TICKS]);
    let mut backwards = TICKS;
    backwards.reverse();
    assert_eq!(roll(&[&backwards]), whole);
    for cut in 0..=TICKS.len() {
        assert_eq!(roll(&[&TICKS[..cut], &TICKS[cut..]]), whole);
        if cut == 0 || cut == TICKS.len() {
            continue;
        }
        let (left, right) = (roll(&[&TICKS[..cut]]), roll(&[&TICKS[cut..]]));
        for order in [[&left, &right], [&right, &left]] {
            let mut merged = ohlcv(ticks_options()).unwrap();
            for partials in order {
                merged.merge(&Batch::from_memory(partials)).unwrap();
            }
            assert_eq!(testing::drain(&mut merged).unwrap(), std::slice::from_ref(&whole));
        }
    }
}

#[test]
fn bars_become_longer_bars() {
    let options = json!({"open": "price", "high": "size", "low": "price", "close": "size"});
    let mut longer = ohlcv(options).unwrap();
    let ticks = [(0, "A", Some(2.0), 3), (50, "A", Some(1.0), 5), (60, "A", Some(1.5), 4)];
    longer.update(&Batch::from_memory(&batch(&ticks))).unwrap();
    let bars = testing::drain(&mut longer).unwrap().remove(0);
    let row: Vec<f64> =
        (2..6).map(|i| bars.column(i).as_primitive::<Float64Type>().value(0)).collect();
    assert_eq!(row, [2.0, 5.0, 1.0, 4.0]);
    assert!(bars.column_by_name("volume").is_none());
}

#[test]
fn errors_name_the_option() {
    let message = |options| ohlcv(options).err().unwrap().message().to_owned();
    assert!(message(json!({})).starts_with("option `price`"));
    assert!(message(json!({"price": "prize"})).contains("no column `prize`"));
    assert!(message(json!({"price": "symbol"})).contains("not a number"));
    assert!(message(json!({"price": "price", "open": "price"})).starts_with("option `open`"));
    assert!(message(json!({"open": "price"})).starts_with("option `high`"));
    assert!(message(json!({"prise": "price"})).contains("unknown field `prise`"));
}

#[test]
fn conforms() {
    let schema = |time: DataType| {
        Schema::new(vec![
            Field::new("symbol", DataType::Utf8, true),
            Field::new("price", DataType::Float64, true),
            Field::new("ts", time, false),
            Field::new("size", DataType::Int64, true),
            Field::new("venue", DataType::Int32, true),
        ])
    };
    let micros = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    Suite::new(schema(micros), ticks_options())
        .sums(&["volume"])
        .downsampler::<Ohlcv>("ts", &["symbol"])
        .unwrap();
    Suite::new(schema(DataType::Date32), json!({"price": "price"}))
        .downsampler::<Ohlcv>("ts", &["symbol", "venue"])
        .unwrap();
    let bars = json!({"open": "price", "high": "price", "low": "size", "close": "price"});
    Suite::new(schema(DataType::Int64), bars).downsampler::<Ohlcv>("ts", &[]).unwrap();
}
