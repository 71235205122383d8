use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use serde_json::{Value, json};
use tidelake_sdk::testing::conformance::Suite;
use tidelake_sdk::{Result, testing};

use crate::Standardize;

fn batch() -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable([
        (
            "Date",
            Arc::new(StringArray::from(vec!["2013-03-01", "2013-03-02", "2013-03-03"])) as ArrayRef,
            false,
        ),
        ("symbol", Arc::new(StringArray::from(vec![Some("a"), None, Some("c ")])), true),
        ("close", Arc::new(Float64Array::from(vec![Some(1.5), Some(2.0), None])), true),
        ("volume", Arc::new(Int64Array::from(vec![10, 20, 30])), true),
    ])
    .unwrap()
}

fn run(options: Value) -> Result<RecordBatch> {
    let batch = batch();
    testing::transform::<Standardize>(&batch.schema(), &options, &[batch])
        .map(|mut out| out.remove(0))
}

fn message(options: Value) -> String {
    run(options).unwrap_err().message().to_owned()
}

/// The value of one expression for every row.
fn compute(expr: &str) -> ArrayRef {
    run(json!({"compute": [{"name": "x", "expr": expr}]}))
        .unwrap()
        .column_by_name("x")
        .unwrap()
        .clone()
}

fn floats(expr: &str) -> Vec<Option<f64>> {
    compute(expr).as_primitive::<Float64Type>().iter().collect()
}

fn conditions(expr: &str) -> Vec<Option<bool>> {
    compute(expr).as_boolean().iter().collect()
}

#[test]
fn the_steps_run_in_their_order() {
    let out = run(json!({
        "rename": {"Date": "ts"},
        "cast": {"ts": "timestamp(us, UTC)", "volume": "decimal(18, 2)"},
        "defaults": {"symbol": "?", "close": 0},
        "compute": [{"name": "notional", "expr": "close * volume"},
                    {"name": "twice", "expr": "notional * 2"}],
        "drop": ["volume"],
        "order": ["symbol", "ts"],
    }))
    .unwrap();
    let names: Vec<_> = out.schema().fields().iter().map(|f| f.name().clone()).collect();
    assert_eq!(names, ["symbol", "ts", "close", "notional", "twice"]);
    let micros = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    assert_eq!(out.column(1).data_type(), &micros);
    assert_eq!(out.column(0).as_string::<i32>().value(1), "?");
    assert!(!out.schema().field(0).is_nullable());
    let twice: Vec<_> = out.column(4).as_primitive::<Float64Type>().iter().collect();
    assert_eq!(twice, [Some(30.0), Some(80.0), Some(0.0)]);
}

#[test]
fn a_cast_that_fails_names_column_and_value() {
    let text = message(json!({"cast": {"symbol": "int64"}}));
    assert!(text.contains("column `symbol`") && text.contains("\"a\""), "{text}");
    assert!(message(json!({"cast": {"symbol": "int65"}})).starts_with("option `cast.symbol`"));
    assert!(message(json!({"cast": {"nope": "int64"}})).contains("no column `nope`"));
    assert!(
        message(json!({"defaults": {"volume": "many"}})).starts_with("option `defaults.volume`")
    );
}

#[test]
fn arithmetic_binds_as_it_should() {
    assert_eq!(floats("1 + 2 * close - -1.0"), [Some(5.0), Some(6.0), None]);
    assert_eq!(floats("(1 + 2) * close"), [Some(4.5), Some(6.0), None]);
    assert_eq!(floats("volume / 4"), [Some(2.5), Some(5.0), Some(7.5)]);
    assert_eq!(floats("10 - 2 - close"), [Some(6.5), Some(6.0), None]);
    let ints = compute("volume % 7 + 1");
    assert_eq!(ints.as_primitive::<Int64Type>().values(), &[4, 7, 3]);
    assert!(
        message(json!({"compute": [{"name": "x", "expr": "volume * 9223372036854775807"}]}))
            .contains("column `x`")
    );
}

#[test]
fn conditions_are_three_valued() {
    assert_eq!(conditions("close > 1.5 or volume = 30"), [Some(false), Some(true), Some(true)]);
    assert_eq!(conditions("not close > 1.5 and true"), [Some(true), Some(false), None]);
    assert_eq!(conditions("is_null(symbol)"), [Some(false), Some(true), Some(false)]);
    assert_eq!(conditions("\"Date\" >= '2013-03-02'"), [Some(false), Some(true), Some(true)]);
    assert_eq!(compute("1 < 2").as_ref(), &BooleanArray::from(vec![true; 3]));
}

#[test]
fn functions_work_on_columns_and_on_literals() {
    let texts = |expr: &str| -> Vec<Option<String>> {
        compute(expr).as_string::<i32>().iter().map(|v| v.map(str::to_owned)).collect()
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(texts("upper(trim(symbol))"), [some("A"), None, some("C")]);
    assert_eq!(texts("concat(symbol, '-', volume)"), [some("a-10"), None, some("c -30")]);
    assert_eq!(texts("coalesce(symbol, 'it''s')"), [some("a"), some("it's"), some("c ")]);
    assert_eq!(
        texts("if(volume > 10, lower('BIG'), symbol)"),
        [some("a"), some("big"), some("big")]
    );
    assert_eq!(floats("abs(coalesce(close, 0) - 2)"), [Some(0.5), Some(0.0), Some(2.0)]);
    let length = compute("length(symbol)");
    assert_eq!(length.as_primitive::<Int64Type>().value(2), 2);
}

#[test]
fn mistakes_in_expressions_are_told_at_the_start() {
    let mistake = |expr: &str| message(json!({"compute": [{"name": "x", "expr": expr}]}));
    for (expr, says) in [
        ("close *", "a value expected, the end found"),
        ("nope + 1", "no column `nope`"),
        ("uper(symbol)", "no function `uper`"),
        ("abs(1, 2)", "takes 1 argument, not 2"),
        ("'open", "is not closed"),
        ("close close", "was not expected"),
        ("symbol and true", "option `compute[0].expr`"),
        ("1 ? 2", "`?` means nothing here"),
        ("", "a value expected"),
    ] {
        let text = mistake(expr);
        assert!(
            text.starts_with("option `compute[0].expr`") && text.contains(says),
            "{expr}: {text}"
        );
    }
    assert!(mistake(&"(".repeat(1000)).contains("nested"));
}

#[test]
fn conforms() {
    let schema = Schema::new(vec![
        Field::new("Date", DataType::Timestamp(TimeUnit::Second, None), false),
        Field::new("symbol", DataType::Utf8, true),
        Field::new("close", DataType::Float64, true),
        Field::new("volume", DataType::Int32, true),
        Field::new("halted", DataType::Boolean, true),
    ]);
    let options = json!({
        "rename": {"Date": "ts"},
        "cast": {"ts": "timestamp(us, UTC)", "volume": "int64"},
        "defaults": {"symbol": "?"},
        "compute": [
            {"name": "notional", "expr": "close * volume"},
            {"name": "tag", "expr": "concat(upper(trim(symbol)), '-', volume)"},
            {"name": "kept", "expr": "if(halted or symbol like 'E%', null, abs(close))"},
            {"name": "odd", "expr": "volume in (1, 2, 3) or close not between 10 and 500"},
        ],
        "drop": ["halted"],
        "order": ["symbol"],
    });
    Suite::new(schema, options).ascending("Date").transform::<Standardize>().unwrap();
}
