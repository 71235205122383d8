//! `features`: adds what models want to know about a series to each of its rows.
//!
//! ```toml
//! [[table.bars.transform]]
//! plugin = "features"
//! options = {
//!     key = ["symbol"],
//!     time = "ts",
//!     features = [
//!         { name = "ret", kind = "return", column = "close" },
//!         { name = "vol20", kind = "volatility", column = "close", window = 20, annualise = 252 },
//!         { name = "z1h", kind = "zscore", column = "close", window = "1h" },
//!         { name = "vwap", kind = "vwap", column = "close", weight = "volume", window = "day" },
//!     ],
//! }
//! ```
//!
//! | kind | value for the row at t | options |
//! |---|---|---|
//! | `lag` | x, `periods` rows before | `periods` (1) |
//! | `return` | (xₜ − xₜ₋ₚ) / xₜ₋ₚ | `periods` (1) |
//! | `log_return` | ln(xₜ / xₜ₋ₚ) | `periods` (1) |
//! | `mean` | mean of the window | `window` |
//! | `std` | standard deviation of the window, of the sample (n − 1) | `window` |
//! | `volatility` | `std` of the log returns from row to row, times √`annualise` | `window`, `annualise` (1) |
//! | `zscore` | (xₜ − mean) / std of the window | `window` |
//! | `vwap` | mean of the window, weighted by the column `weight` | `window`, `weight` |
//!
//! | window | the row itself and |
//! |---|---|
//! | `20` | the 19 rows of the series before it |
//! | `"90s"`, `"15m"`, `"1h"`, `"5d"` | all rows of the series less than that before it |
//! | `"day"` | all rows of the series since midnight UTC |
//! | `"all"` | all rows of the series before it |
//!
//! # Order
//!
//! Each series (the rows of one `key`) must come in the order of `time`; series may be
//! mixed. Rows at one instant count in the order in which they come. A row that is
//! earlier than one before it is an error, or with `late = "skip"` gets null for every
//! feature and counts for nothing.
//!
//! # Missing values
//!
//! Null, NaN and the infinities are all the same here: a missing value. It keeps its
//! row, so that 20 rows stay 20 rows, and counts for nothing in them. A row of `vwap` is
//! missing also when its weight is not above 0. A window has a value when it holds
//! `min_values` values that are not missing: as many as it has rows, or 1 where it is not
//! given in rows, unless the option says otherwise; `std`, `volatility` and `zscore` need 2.
//!
//! A result is a finite float64 or null: null where it is not defined (a return on 0,
//! a logarithm of what is not above 0, a score among equal values) or out of range.
//!
//! # Numbers
//!
//! Nothing is ever subtracted from a sum, see [`rolling`]: what has left a window
//! leaves no trace, and offsets a trillion times the deviation do no harm. Results are the
//! same to the bit on every machine, and however the stream is cut into batches or
//! stopped and carried on from a snapshot.
//!
//! # State
//!
//! One window costs at most about 50 bytes a row in it; windows of the same column and
//! extent are shared by the features that look at them. `"day"` and `"all"` cost nothing.
//! All other columns pass through without crossing. The plugin is not row-wise.

mod lags;
mod numbers;
mod options;
mod plan;
pub mod rolling;
mod series;
mod snapshot;
mod windows;

use arrow_schema::SchemaRef;
use tidelake_sdk::{Batch, Column, Output, Result, Transform};

pub use options::{FeatureRule, FeaturesOptions, Kind, Late, Window};

use plan::Plan;
use series::Series;

/// The plugin.
pub struct Features {
    plan: Plan,
    series: Series,
}

impl Transform for Features {
    const NAME: &'static str = "features";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const DESCRIPTION: &'static str = "Adds returns, lags, rolling statistics and VWAP to series.";
    type Options = FeaturesOptions;

    fn create(input: SchemaRef, options: FeaturesOptions) -> Result<Self> {
        let series = Series::new(&input, &options)?;
        let plan = Plan::new(&input, &options)?;
        Ok(Self { plan, series })
    }

    fn restore(input: SchemaRef, options: FeaturesOptions, snapshot: &[u8]) -> Result<Self> {
        let mut features = Self::create(input, options)?;
        if !snapshot.is_empty() {
            snapshot::read(snapshot, &mut features.series, &mut features.plan)?;
        }
        Ok(features)
    }

    fn output_schema(&self) -> SchemaRef {
        self.plan.schema.clone()
    }

    fn process(&mut self, batch: &Batch<'_>, out: &mut Output<'_>) -> Result<()> {
        // All that is read, in one crossing.
        let reads = self.series.columns().chain(self.plan.columns());
        batch.columns(&reads.collect::<Vec<_>>())?;
        let rows = self.series.place(batch)?;
        let features = self.plan.compute(batch, &rows, self.series.len())?;
        let same = (0..batch.schema().fields().len()).map(Column::Same);
        out.emit(batch.rows(), same.chain(features.into_iter().map(Column::Data)))
    }

    fn snapshot(&self) -> Result<Vec<u8>> {
        snapshot::write(&self.series, &self.plan)
    }
}

tidelake_sdk::export_transform!(Features);

#[cfg(test)]
mod tests;
