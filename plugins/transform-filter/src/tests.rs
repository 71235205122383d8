use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{
    ArrayRef, DictionaryArray, Float64Array, Int64Array, RecordBatch, StringViewArray,
};
use arrow_schema::{DataType, Field, Schema};
use serde_json::{Value, json};
use tidelake_sdk::testing::conformance::Suite;
use tidelake_sdk::{ErrorKind, Result, testing};

use crate::Filter;

fn trades() -> RecordBatch {
    let venues: DictionaryArray<Int32Type> =
        [Some("XNYS"), Some("XNAS"), None, Some("XNYS"), Some("XETR")].into_iter().collect();
    let prices = [Some(1.0), Some(-1.0), Some(2.0), None, Some(f64::NAN)];
    let notes = [None, Some("a note longer than twelve bytes"), Some(""), Some("x"), Some("y")];
    RecordBatch::try_from_iter([
        ("id", Arc::new(Int64Array::from_iter_values(0..5)) as ArrayRef),
        ("venue", Arc::new(venues)),
        ("price", Arc::new(Float64Array::from(prices.to_vec()))),
        ("note", Arc::new(StringViewArray::from(notes.to_vec()))),
    ])
    .unwrap()
}

fn run(batch: &RecordBatch, options: Value) -> Result<RecordBatch> {
    testing::transform::<Filter>(&batch.schema(), &options, std::slice::from_ref(batch))
        .map(|mut out| out.remove(0))
}

fn kept(condition: &str) -> Vec<i64> {
    let out = run(&trades(), json!({ "where": condition })).unwrap();
    assert_eq!(out.schema(), trades().schema());
    out.column(0).as_primitive::<Int64Type>().values().to_vec()
}

#[test]
fn a_row_stays_when_the_condition_is_true_and_not_when_it_is_null() {
    assert_eq!(kept("price > 0"), [0, 2, 4]);
    assert_eq!(kept("not price > 0"), [1]);
    assert_eq!(kept("price > 0 or price is null"), [0, 2, 3, 4]);
    assert_eq!(kept("venue in ('XNYS', 'XNAS') and price is not null"), [0, 1]);
    assert_eq!(kept("venue not like 'XN%'"), [4]);
    assert_eq!(kept("note like '%twelve%' or id between 3 and 3"), [1, 3]);
    assert_eq!(kept("true"), [0, 1, 2, 3, 4]);
    assert_eq!(kept("false"), [0; 0]);
    assert_eq!(kept("price = null"), [0; 0]);
}

#[test]
fn whole_rows_stay_as_they_were() {
    let out = run(&trades(), json!({"where": "id >= 3"})).unwrap();
    assert_eq!(out, trades().slice(3, 2));
    let out = run(&trades().slice(2, 3), json!({"where": "id != 3"})).unwrap();
    assert_eq!(out.column(0).as_ref(), &Int64Array::from(vec![2, 4]));
    assert_eq!(run(&trades().slice(0, 0), json!({"where": "id != 3"})).unwrap().num_rows(), 0);
}

#[test]
fn mistakes_are_told_at_the_start() {
    let message = |options: Value| {
        let error = run(&trades().slice(0, 0), options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        error.message().to_owned()
    };
    for (condition, says) in [
        (
            "prize > 1",
            "option `where`: at character 1: there is no column `prize`; the table has id, venue, price, note",
        ),
        ("price", "option `where`: \"price\" has a value of type Float64"),
        ("price > 1 and", "option `where`: at character 14: a value expected"),
        ("venue > 1.5 and not", "at character 20"),
        (
            "id = true",
            "option `where`: at character 4: column `id` of type Int64 and a value of type Boolean",
        ),
    ] {
        let found = message(json!({ "where": condition }));
        assert!(found.contains(says), "{condition}: {found}");
    }
    assert!(message(json!({})).contains("missing field `where`"));
    assert!(message(json!({"where": "true", "wher": 1})).contains("unknown field `wher`"));
}

#[test]
fn conforms() {
    let schema = Schema::new(vec![
        Field::new("id", DataType::Int64, true),
        Field::new("symbol", DataType::Utf8, true),
        Field::new("price", DataType::Float64, true),
        Field::new("size", DataType::UInt32, true),
        Field::new("halted", DataType::Boolean, true),
    ]);
    for condition in [
        "price > 10",
        "not halted and symbol in ('A', 'B', 'EURUSD') and size between 5 and 700 or id is null",
        "symbol like '_%' and price * size / 2 != 0 or symbol is null",
        "true",
    ] {
        let options = json!({ "where": condition });
        Suite::new(schema.clone(), options).transform::<Filter>().unwrap();
    }
}
