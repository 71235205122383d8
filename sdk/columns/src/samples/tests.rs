use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};

use super::*;

fn samples() -> Samples {
    let schema = Schema::new(vec![
        Field::new("ts", DataType::Int64, false),
        Field::new("name", DataType::Utf8, true),
        Field::new("price", DataType::Float64, true),
    ]);
    Samples::new(Arc::new(schema)).ascending("ts")
}

#[test]
fn rows_are_the_same_however_they_are_cut() {
    let samples = samples();
    for flavour in [Flavour::Ordinary, Flavour::Nulls, Flavour::AllNull, Flavour::Edges] {
        let whole = samples.batch(0..50, flavour).unwrap();
        let parts =
            [samples.batch(0..20, flavour).unwrap(), samples.batch(20..50, flavour).unwrap()];
        let again = concat(&whole.schema(), &parts).unwrap();
        assert_eq!(difference(&whole, &again, &[]), None, "{flavour:?}");
        assert_eq!(difference(&whole, &sliced(&whole).unwrap(), &[]), None);
        let cut = concat(&whole.schema(), &cut(&whole)).unwrap();
        assert_eq!(cut, whole);
        for layout in LAYOUTS {
            let relaid = relaid(&whole, layout).unwrap();
            assert_ne!(relaid.schema(), whole.schema());
            assert_eq!(difference(&whole, &relaid, &[]), None, "{layout:?} {flavour:?}");
        }
    }
}

#[test]
fn there_are_rows_of_every_type() {
    for data_type in every_type() {
        let field = Field::new("c", data_type.clone(), true);
        let samples = Samples::new(Arc::new(Schema::new(vec![field])));
        for flavour in [Flavour::Ordinary, Flavour::Edges, Flavour::Nulls] {
            for rows in [0..0, 3..4, 0..100] {
                let batch = samples.batch(rows.clone(), flavour).unwrap();
                assert_eq!(batch.num_rows(), rows.len(), "{data_type}");
                batch.column(0).to_data().validate_full().unwrap();
            }
        }
    }
}

#[test]
fn differences_name_column_and_row() {
    let batch = |texts: Vec<Option<&str>>| {
        let array: ArrayRef = Arc::new(StringArray::from(texts));
        RecordBatch::try_from_iter_with_nullable([("name", array, true)]).unwrap()
    };
    let (a, b) = (batch(vec![Some("x"), None]), batch(vec![Some("x"), Some("y")]));
    let found = difference(&a, &b, &[]).unwrap();
    assert_eq!(found, "column `name`, row 1: \"y\" instead of null");
    let found = difference(&a, &b.slice(0, 1), &[]).unwrap();
    assert_eq!(found, "1 rows instead of 2");
}

#[test]
fn a_seed_changes_the_values_and_the_nulls() {
    let (one, other) = (samples(), samples().seeded(7));
    let batch = |samples: &Samples| samples.batch(0..50, Flavour::Ordinary).unwrap();
    assert_eq!(batch(&one), batch(&samples()));
    assert_ne!(batch(&one), batch(&other));
    assert_eq!(batch(&one).column(0), batch(&other).column(0));
}

#[test]
fn rows_are_picked_and_joined() {
    let whole = samples().batch(0..50, Flavour::Nulls).unwrap();
    let backwards = pick_rows(&whole, (0..50).rev()).unwrap();
    assert_eq!(pick_rows(&backwards, (0..50).rev()).unwrap(), whole);
    assert_eq!(concat(&whole.schema(), &[]).unwrap().num_rows(), 0);
}
