//! The suite finds what it is for: plugins with one defect each.

use std::cell::Cell;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, Float64Array};
use arrow_schema::{DataType, Field};
use serde_json::json;

use super::*;
use crate::{Batch, Column, NoOptions, Output, Transform};

fn schema() -> Schema {
    Schema::new(vec![
        Field::new("ts", DataType::Int64, false),
        Field::new("name", DataType::Utf8, true),
        Field::new("price", DataType::Float64, true),
    ])
}

/// How [`Defective`] is defective.
#[derive(Clone, Copy, PartialEq)]
enum Defect {
    None,
    ShowsWhatIsUnderNulls,
    IgnoresOffsets,
    CountsBatches,
    ForgetsItsState,
    Panics,
    NotDeterministic,
}

/// Adds a column to each row. The number of the defect is its const parameter.
struct Defective<const DEFECT: usize> {
    schema: SchemaRef,
    seen: u64,
}

const DEFECTS: [Defect; 7] = [
    Defect::None,
    Defect::ShowsWhatIsUnderNulls,
    Defect::IgnoresOffsets,
    Defect::CountsBatches,
    Defect::ForgetsItsState,
    Defect::Panics,
    Defect::NotDeterministic,
];

thread_local!(static RUNS: Cell<u64> = const { Cell::new(0) });

impl<const DEFECT: usize> Transform for Defective<DEFECT> {
    const NAME: &'static str = "defective";
    const VERSION: &'static str = "1.0.0";
    const DESCRIPTION: &'static str = "Breaks one rule.";
    type Options = NoOptions;

    fn create(input: SchemaRef, _: NoOptions) -> Result<Self> {
        if input.fields().len() < 3 || input.field(2).data_type() != &DataType::Float64 {
            return Err(Error::invalid_input("column 2 has to be Float64"));
        }
        let mut fields = input.fields().to_vec();
        fields.push(Arc::new(Field::new("added", DataType::Float64, true)));
        Ok(Self { schema: Arc::new(Schema::new(fields)), seen: 0 })
    }

    fn output_schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn process(&mut self, batch: &Batch<'_>, out: &mut Output<'_>) -> Result<()> {
        let column = batch.column(2)?;
        let values = column.as_primitive::<Float64Type>();
        let added: Float64Array = match DEFECTS[DEFECT] {
            Defect::ShowsWhatIsUnderNulls => values.values().iter().copied().collect(),
            Defect::IgnoresOffsets => {
                // Of a slice, the bitmap begins in the middle.
                let bytes = values.nulls().map_or(&[][..], |nulls| nulls.inner().values());
                let bit = |row: usize| bytes.get(row / 8).map_or(1, |b| b >> (row % 8) & 1);
                (0..values.len()).map(|row| Some(f64::from(bit(row)))).collect()
            }
            Defect::CountsBatches => {
                self.seen += 1;
                values.iter().map(|_| Some(self.seen as f64)).collect()
            }
            Defect::ForgetsItsState => {
                let before = self.seen;
                self.seen += values.len() as u64;
                (before..self.seen).map(|row| Some(row as f64)).collect()
            }
            Defect::Panics if values.iter().flatten().any(f64::is_nan) => panic!("no NaN, please"),
            Defect::NotDeterministic => {
                RUNS.set(RUNS.get() + 1);
                values.iter().map(|_| Some(RUNS.get() as f64)).collect()
            }
            Defect::None | Defect::Panics => values.unary(|v| v * 2.0),
        };
        let same = (0..batch.schema().fields().len()).map(Column::Same);
        out.emit(batch.rows(), same.chain([Column::Data(Arc::new(added))]))
    }
}

/// The cases that a defect fails in, with what is said.
fn failures<const DEFECT: usize>() -> Vec<(String, String)> {
    let suite = Suite::new(schema(), json!({})).ascending("ts");
    let result = suite.transform::<Defective<DEFECT>>();
    result.err().map_or_else(Vec::new, |failures| failures.failures)
}

fn assert_found(failures: &[(String, String)], case: &str, how: &str) {
    let found = failures.iter().any(|(name, says)| name.contains(case) && says.contains(how));
    assert!(found, "nothing about {how:?} in {case:?}: {failures:?}");
}

#[test]
fn a_sound_plugin_passes() {
    assert_eq!(failures::<0>(), []);
}

#[test]
fn every_defect_is_found_and_named() {
    assert_found(
        &failures::<1>(),
        "nulls everywhere",
        "what is under a null shows: column `added`",
    );
    assert_found(&failures::<2>(), "sliced arrays", "column `added`, row ");
    assert_found(&failures::<3>(), "a stream cut", "column `added`, row 0: 2.0 instead of 1.0");
    assert_found(&failures::<4>(), "stopped by a snapshot", "cut at row 1: column `added`, row 1");
    assert_found(&failures::<5>(), "NaN", "panicked: no NaN, please");
    assert_found(&failures::<6>(), "one row", "not deterministic: column `added`, row 0");
}
