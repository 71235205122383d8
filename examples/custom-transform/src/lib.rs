//! `spread`: adds `mid` and `spread_bps` to quotes.

use std::sync::Arc;

use tidelake_sdk::array::cast::AsArray;
use tidelake_sdk::array::types::Float64Type;
use tidelake_sdk::array::{ArrayRef, Float64Array};
use tidelake_sdk::schema::{DataType, Field, Schema, SchemaRef};
use tidelake_sdk::{Batch, Column, Error, Output, Result, Transform, schemars, serde};

/// What the operator writes under `options`.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(crate = "tidelake_sdk::serde", default, deny_unknown_fields)]
#[schemars(crate = "tidelake_sdk::schemars")]
pub struct Options {
    /// The column of bid prices.
    bid: String,
    /// The column of ask prices.
    ask: String,
}

impl Default for Options {
    fn default() -> Self {
        Self { bid: "bid".to_owned(), ask: "ask".to_owned() }
    }
}

/// The plugin: where the prices are, and what comes out.
pub struct Spread {
    bid: usize,
    ask: usize,
    schema: SchemaRef,
}

impl Transform for Spread {
    const NAME: &'static str = "spread";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const DESCRIPTION: &'static str = "Adds mid price and spread to quotes.";
    // Each row depends on itself alone, so hot rows can be shown the same way.
    const ROW_WISE: bool = true;
    type Options = Options;

    fn create(input: SchemaRef, options: Options) -> Result<Self> {
        let bid = prices(&input, "bid", &options.bid)?;
        let ask = prices(&input, "ask", &options.ask)?;
        let mut fields = input.fields().to_vec();
        for name in ["mid", "spread_bps"] {
            if input.index_of(name).is_ok() {
                return Err(Error::column(name, "the table has one already; rename it first"));
            }
            fields.push(Arc::new(Field::new(name, DataType::Float64, true)));
        }
        Ok(Self { bid, ask, schema: Arc::new(Schema::new(fields)) })
    }

    fn output_schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn process(&mut self, batch: &Batch<'_>, out: &mut Output<'_>) -> Result<()> {
        // Only these two columns cross from the host.
        let quotes = batch.columns(&[self.bid, self.ask])?;
        let (bids, asks) =
            (quotes[0].as_primitive::<Float64Type>(), quotes[1].as_primitive::<Float64Type>());
        let both = || bids.iter().zip(asks).map(|(bid, ask)| bid.zip(ask));
        let mid: Float64Array = both().map(|q| q.map(|(bid, ask)| (bid + ask) / 2.0)).collect();
        let spread: Float64Array = both()
            .map(|q| q.map(|(bid, ask)| (ask - bid) / ((bid + ask) / 2.0) * 10_000.0))
            .collect();
        // The others stay where they are.
        let same = (0..batch.schema().fields().len()).map(Column::Same);
        let new = [Arc::new(mid) as ArrayRef, Arc::new(spread)].map(Column::Data);
        out.emit(batch.rows(), same.chain(new))
    }
}

fn prices(input: &Schema, option: &str, name: &str) -> Result<usize> {
    let index = input
        .index_of(name)
        .map_err(|_| Error::option(option, format!("there is no column `{name}`")))?;
    match input.field(index).data_type() {
        DataType::Float64 => Ok(index),
        other => Err(Error::option(option, format!("column `{name}` is {other}, not Float64"))),
    }
}

tidelake_sdk::export_transform!(Spread);

#[cfg(test)]
mod tests {
    use tidelake_sdk::array::{Array, RecordBatch};
    use tidelake_sdk::serde_json::json;
    use tidelake_sdk::testing;
    use tidelake_sdk::testing::conformance::Suite;

    use super::*;

    fn quotes() -> RecordBatch {
        RecordBatch::try_from_iter([
            ("bid", Arc::new(Float64Array::from(vec![Some(99.5), None])) as ArrayRef),
            ("offer", Arc::new(Float64Array::from(vec![100.5, 101.0]))),
        ])
        .unwrap()
    }

    #[test]
    fn adds_mid_and_spread() {
        let options = json!({"ask": "offer"});
        let out = testing::transform::<Spread>(&quotes().schema(), &options, &[quotes()]).unwrap();
        assert_eq!(out[0].column(1), quotes().column(1));
        let (mid, spread) = (out[0].column(2), out[0].column(3));
        assert_eq!(mid.as_ref(), &Float64Array::from(vec![Some(100.0), None]));
        assert_eq!(spread.as_ref(), &Float64Array::from(vec![Some(100.0), None]));
        assert!(mid.is_null(1));
    }

    #[test]
    fn a_missing_column_is_named() {
        let error = testing::transform::<Spread>(&quotes().schema(), &json!({}), &[]).unwrap_err();
        assert_eq!(error.message(), "option `ask`: there is no column `ask`");
    }

    /// What every plugin must keep to: nulls, NaN, slices, dictionaries, cut streams.
    #[test]
    fn conforms() {
        let schema = Schema::new(vec![
            Field::new("symbol", DataType::Utf8, false),
            Field::new("bid", DataType::Float64, true),
            Field::new("ask", DataType::Float64, true),
        ]);
        Suite::new(schema, json!({})).transform::<Spread>().unwrap();
    }
}
