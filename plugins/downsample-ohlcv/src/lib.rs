//! `ohlcv`: bars of open, high, low, close and volume, for each group and bucket.
//!
//! From ticks, and from bars of a shorter period:
//!
//! ```toml
//! [[table.trades.rollup]]
//! every = "1m"
//! plugin = "ohlcv"
//! options = { price = "price", volume = "size" }
//!
//! [[table.daily.rollup]]
//! every = "1mo"
//! plugin = "ohlcv"
//! options = { open = "Open", high = "High", low = "Low", close = "Close", volume = "Volume" }
//! ```
//!
//! | column | type | meaning |
//! |---|---|---|
//! | the time column | as in the input | start of the bucket |
//! | the group columns | as in the input | |
//! | `open`, `high`, `low`, `close` | Float64 | null when no row had a price |
//! | `volume` | Float64 | sum; only with the option `volume` |
//! | `count` | Int64 | rows that had a price |
//! | `open_ts`, `close_ts` | as the time column | when it opened and closed; `merge` needs them |
//!
//! A row without a price (null or NaN) counts for nothing, its volume included. Of
//! several rows at the first instant of a bucket the lowest opens it, at the last
//! instant the highest closes it: so the result does not depend on the order in which
//! rows arrive or partials are merged.

mod bars;

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array};
use arrow_buffer::{NullBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use schemars::JsonSchema;
use serde::Deserialize;
use tidelake_groups::{Keys, check_names, number_column, numbers, times, to_times};
use tidelake_sdk::{Batch, Column, Downsampler, Error, Output, Result, Roles};

use bars::{Bar, Bars};

/// Rows of a batch that is emitted.
const ROWS: usize = 64 << 10;

/// Options of the plugin.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OhlcvOptions {
    /// Ticks: the column of prices.
    pub price: Option<String>,
    /// The column to sum as volume.
    pub volume: Option<String>,
    /// Bars instead of ticks: their column of opening prices.
    pub open: Option<String>,
    /// Bars: highest prices.
    pub high: Option<String>,
    /// Bars: lowest prices.
    pub low: Option<String>,
    /// Bars: closing prices.
    pub close: Option<String>,
}

/// The plugin.
pub struct Ohlcv {
    keys: Keys,
    bars: Bars,
    schema: SchemaRef,
    /// Indexes of open, high, low and close in the input: four times the price for
    /// ticks.
    prices: [usize; 4],
    volume: Option<usize>,
    time: usize,
}

impl Downsampler for Ohlcv {
    const NAME: &'static str = "ohlcv";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const DESCRIPTION: &'static str = "Bars of open, high, low, close and volume.";
    type Options = OhlcvOptions;

    fn create(input: SchemaRef, roles: &Roles, options: OhlcvOptions) -> Result<Self> {
        let prices = prices(&input, &options)?;
        let volume = options
            .volume
            .as_deref()
            .map(|name| number_column(&input, "volume", name))
            .transpose()?;
        let keys = Keys::new(&input, roles)?;
        let time = keys.fields[0].data_type().clone();
        let mut fields = keys.fields.clone();
        for name in ["open", "high", "low", "close"] {
            fields.push(Field::new(name, DataType::Float64, true));
        }
        if volume.is_some() {
            fields.push(Field::new("volume", DataType::Float64, true));
        }
        fields.push(Field::new("count", DataType::Int64, false));
        fields.push(Field::new("open_ts", time.clone(), true));
        fields.push(Field::new("close_ts", time, true));
        check_names(&fields)?;
        let schema = Arc::new(Schema::new(fields));
        let time = roles.time_column;
        Ok(Self { keys, bars: Bars::default(), schema, prices, volume, time })
    }

    fn output_schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn update(&mut self, batch: &Batch<'_>) -> Result<()> {
        let runs = self.keys.runs(batch)?;
        let name = |index: usize| batch.schema().field(index).name().clone();
        let number = |index: usize| numbers(&name(index), &batch.column(index)?);
        let open = number(self.prices[0])?;
        // The four are one column for ticks.
        let other = |i: usize| {
            if self.prices[i] == self.prices[0] { Ok(open.clone()) } else { number(self.prices[i]) }
        };
        let (high, low, close) = (other(1)?, other(2)?, other(3)?);
        let volume = self.volume.map(number).transpose()?;
        let times = times(&batch.column(self.time)?)?;
        let valid = [&open, &high, &low, &close]
            .into_iter()
            .map(|prices| prices.nulls())
            .fold(times.nulls().cloned(), |all, nulls| NullBuffer::union(all.as_ref(), nulls));
        // A row without a price is one with a price that is NaN.
        let open = bars::values(&open, valid.as_ref(), f64::NAN);
        let volume = volumes(volume.as_ref());
        self.bars.grow(self.keys.groups.len());
        let (open, times, volume) = (&open[..], &times.values()[..], &volume[..]);
        if self.prices == [self.prices[0]; 4] {
            self.bars.add(&runs, |i| Bar::row([open[i]; 4], [times[i]; 2], 1, volume.get(i)));
        } else {
            let (high, low, close) = (high.values(), low.values(), close.values());
            self.bars.add(&runs, |i| {
                let prices = [open[i], high[i], low[i], close[i]];
                Bar::row(prices, [times[i]; 2], 1, volume.get(i))
            });
        }
        Ok(())
    }

    fn merge(&mut self, partials: &Batch<'_>) -> Result<()> {
        let runs = self.keys.runs_of_partials(partials)?;
        let first = self.keys.fields.len();
        let columns = partials.columns(&(first..self.schema.fields().len()).collect::<Vec<_>>())?;
        let float = |i: usize| numbers(self.schema.field(first + i).name(), &columns[i]);
        let (open, high, low, close) = (float(0)?, float(1)?, float(2)?, float(3)?);
        let volume = self.volume.map(|_| float(4)).transpose()?;
        let after = 4 + usize::from(volume.is_some());
        let count = columns[after].as_primitive::<Int64Type>();
        let (open_ts, close_ts) = (times(&columns[after + 1])?, times(&columns[after + 2])?);
        let open = bars::values(&open, open.nulls(), f64::NAN);
        let volume = volumes(volume.as_ref());
        self.bars.grow(self.keys.groups.len());
        self.bars.add(&runs, |i| {
            let prices = [open[i], high.value(i), low.value(i), close.value(i)];
            let times = [open_ts.value(i), close_ts.value(i)];
            Bar::row(prices, times, count.value(i), volume.get(i))
        });
        Ok(())
    }

    fn drain(&mut self, out: &mut Output<'_>) -> Result<()> {
        let time = self.keys.fields[0].data_type();
        for groups in self.keys.groups.sorted().chunks(ROWS) {
            let mut columns = self.keys.columns(groups)?;
            columns.extend(self.bars.columns(groups, self.volume.is_some(), time)?);
            out.emit(groups.len(), columns.into_iter().map(Column::Data))?;
        }
        self.keys.groups.clear();
        self.bars = Bars::default();
        Ok(())
    }
}

impl Bars {
    /// The columns after the keys.
    fn columns(&self, groups: &[u32], with_volume: bool, time: &DataType) -> Result<Vec<ArrayRef>> {
        let bars = || groups.iter().map(|group| self.get(*group as usize));
        let price = |value: fn(&Bar) -> f64| -> ArrayRef {
            Arc::new(bars().map(|b| (b.count > 0).then(|| value(b))).collect::<Float64Array>())
        };
        let instant = |value: fn(&Bar) -> i64| {
            to_times(bars().map(|b| (b.count > 0).then(|| value(b))).collect::<Int64Array>(), time)
        };
        let mut columns =
            vec![price(|b| b.open), price(|b| b.high), price(|b| b.low), price(|b| b.close)];
        if with_volume {
            columns.push(price(|b| b.volume));
        }
        columns.push(Arc::new(Int64Array::from_iter_values(bars().map(|b| b.count))));
        columns.push(instant(|b| b.open_ts)?);
        columns.push(instant(|b| b.close_ts)?);
        Ok(columns)
    }
}

/// A row's volume, nothing where it has none; no rows without a column.
fn volumes(volume: Option<&Float64Array>) -> ScalarBuffer<f64> {
    volume.map_or_else(|| Vec::new().into(), |volume| bars::values(volume, volume.nulls(), 0.0))
}

fn prices(input: &Schema, options: &OhlcvOptions) -> Result<[usize; 4]> {
    let bars = [
        ("open", &options.open),
        ("high", &options.high),
        ("low", &options.low),
        ("close", &options.close),
    ];
    let given = bars.iter().find(|(_, name)| name.is_some()).map(|(option, _)| *option);
    match (&options.price, given) {
        (Some(price), None) => Ok([number_column(input, "price", price)?; 4]),
        (Some(_), Some(option)) => Err(Error::option(
            option,
            "ticks have a `price`, bars have `open`, `high`, `low` and `close`; name one kind",
        )),
        (None, None) => Err(Error::option(
            "price",
            "name the column of prices (or those of `open`, `high`, `low` and `close`)",
        )),
        (None, Some(_)) => {
            let mut indexes = [0; 4];
            for ((option, name), index) in bars.iter().zip(&mut indexes) {
                let name = name.as_deref().ok_or_else(|| {
                    Error::option(option, "bars need all of `open`, `high`, `low` and `close`")
                })?;
                *index = number_column(input, option, name)?;
            }
            Ok(indexes)
        }
    }
}

tidelake_sdk::export_downsampler!(Ohlcv);

#[cfg(test)]
mod tests;
