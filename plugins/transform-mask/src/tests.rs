use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, DictionaryArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use serde_json::{Value, json};
use tidelake_sdk::testing::conformance::Suite;
use tidelake_sdk::{ErrorKind, testing};

use crate::Mask;

fn batch() -> RecordBatch {
    let accounts = StringArray::from(vec![Some("alice"), None, Some("bob"), Some("alice")]);
    let venues: DictionaryArray<Int32Type> = ["NYSE", "LSE", "NYSE", "LSE"].into_iter().collect();
    RecordBatch::try_from_iter([
        ("account", Arc::new(accounts) as _),
        ("venue", Arc::new(venues) as _),
        ("client", Arc::new(Int64Array::from(vec![7, 8, 9, 7])) as _),
        ("price", Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0, 4.0])) as _),
    ])
    .unwrap()
}

fn run(options: Value) -> tidelake_sdk::Result<RecordBatch> {
    let batch = batch();
    testing::transform::<Mask>(&batch.schema(), &options, &[batch]).map(|mut out| out.remove(0))
}

fn message(options: Value) -> String {
    let error = run(options).unwrap_err();
    assert_ne!(error.kind(), ErrorKind::Internal);
    error.message().to_owned()
}

#[test]
fn equal_values_have_equal_hashes_and_nulls_stay_null() {
    let out = run(json!({"columns": ["account", "client", "venue"], "salt": "s"})).unwrap();
    let accounts = out.column(0).as_string::<i32>();
    assert_eq!(accounts.value(0), accounts.value(3));
    assert_ne!(accounts.value(0), accounts.value(2));
    assert!(accounts.is_null(1));
    assert_eq!(accounts.value(0).len(), 64);
    assert_eq!(out.schema().field(2).data_type(), &DataType::Utf8);
    // A dictionary stays one, and the hash of a value is the same there.
    let venues = out.column(1).as_dictionary::<Int32Type>();
    assert_eq!(venues.keys().values(), &[0, 1, 0, 1]);
    assert_eq!(out.column(3), batch().column(3));
    let other = run(json!({"columns": ["account"], "salt": "t"})).unwrap();
    assert_ne!(other.column(0).as_string::<i32>().value(0), accounts.value(0));
}

#[test]
fn a_column_may_have_options_of_its_own() {
    let out = run(json!({"method": "truncate", "keep": 2, "columns": [
        "account",
        "venue",
        {"name": "client", "method": "redact", "replacement": "0"},
        {"name": "price", "method": "redact"},
    ]}))
    .unwrap();
    let accounts: Vec<_> = out.column(0).as_string::<i32>().iter().collect();
    assert_eq!(accounts, [Some("al"), None, Some("bo"), Some("al")]);
    let venues = out.column(1).as_dictionary::<Int32Type>();
    assert_eq!(venues.values().as_string::<i32>().value(0), "NY");
    assert_eq!(out.column(2).as_ref(), &Int64Array::from(vec![0; 4]));
    assert_eq!(out.column(3).null_count(), 4);
    assert!(out.schema().field(3).is_nullable());
}

#[test]
fn truncation_counts_characters() {
    let batch =
        RecordBatch::try_from_iter([("a", Arc::new(StringArray::from(vec!["äöü", "x"])) as _)])
            .unwrap();
    let options = json!({"columns": ["a"], "method": "truncate", "keep": 2});
    let out = testing::transform::<Mask>(&batch.schema(), &options, &[batch]).unwrap();
    assert_eq!(out[0].column(0).as_ref(), &StringArray::from(vec!["äö", "x"]));
}

#[test]
fn errors_name_the_option() {
    assert!(message(json!({})).contains("option `columns`"));
    assert!(message(json!({"columns": ["account"]})).contains("option `salt`"));
    let text = message(json!({"columns": ["acount"], "salt": "s"}));
    assert!(text.contains("option `columns[0]`") && text.contains("account"), "{text}");
    let text = message(json!({"columns": [{"name": "account", "methd": "hash"}]}));
    assert!(text.contains("columns[0]") && text.contains("`methd`"), "{text}");
    assert!(
        message(json!({"columns": ["price"], "method": "truncate", "keep": 1}))
            .contains("cannot be truncated")
    );
    assert!(message(json!({"columns": ["account"], "method": "truncate"})).contains("`keep`"));
    assert!(
        message(json!({"columns": ["client"], "method": "redact", "replacement": "x"}))
            .contains("option `replacement`")
    );
    let text = message(json!({"columns": ["account", "account"], "salt": "s"}));
    assert!(text.contains("named twice"), "{text}");
}

#[test]
fn conforms() {
    let venue = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let schema = Schema::new(vec![
        Field::new("ts", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), false),
        Field::new("account", DataType::Utf8, true),
        Field::new("venue", venue, true),
        Field::new("client", DataType::Int64, true),
        Field::new("price", DataType::Float64, true),
        Field::new("token", DataType::Binary, true),
        Field::new("note", DataType::Utf8, true),
        Field::new("phone", DataType::Utf8, false),
    ]);
    let options = json!({"salt": "s", "length": 24, "columns": [
        "account", "venue", "client", "token", "price",
        {"name": "phone", "method": "truncate", "keep": 2},
        {"name": "note", "method": "redact", "replacement": "(removed)"},
    ]});
    Suite::new(schema.clone(), options).ascending("ts").transform::<Mask>().unwrap();
    let options = json!({"method": "redact", "columns": ["account", "venue", "price", "token"]});
    Suite::new(schema, options).ascending("ts").transform::<Mask>().unwrap();
}
