//! One bar for each group.

use std::ops::Range;

use arrow_array::{Array, Float64Array};
use arrow_buffer::NullBuffer;
use tidelake_groups::Run;

/// A bar; without meaning while `count` is 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bar {
    pub(crate) open: f64,
    pub(crate) high: f64,
    pub(crate) low: f64,
    pub(crate) close: f64,
    pub(crate) volume: f64,
    pub(crate) count: i64,
    pub(crate) open_ts: i64,
    pub(crate) close_ts: i64,
}

impl Bar {
    const EMPTY: Self = Self {
        open: 0.0,
        high: f64::NEG_INFINITY,
        low: f64::INFINITY,
        close: 0.0,
        volume: 0.0,
        count: 0,
        open_ts: i64::MAX,
        close_ts: i64::MIN,
    };
}

/// Rows to add: ticks, bars or partials. Ticks are bars of one price.
pub(crate) struct Rows<'a> {
    pub(crate) open: &'a [f64],
    pub(crate) high: &'a [f64],
    pub(crate) low: &'a [f64],
    pub(crate) close: &'a [f64],
    pub(crate) open_ts: &'a [i64],
    pub(crate) close_ts: &'a [i64],
    pub(crate) volume: Option<&'a Float64Array>,
    /// Rows behind each row; one where it is not said.
    pub(crate) count: Option<&'a [i64]>,
    /// Rows without a price are not.
    pub(crate) valid: Option<&'a NullBuffer>,
}

/// The bars of all groups.
#[derive(Debug, Default)]
pub(crate) struct Bars(Vec<Bar>);

impl Bars {
    /// Makes room for all groups below `len`.
    pub(crate) fn grow(&mut self, len: usize) {
        self.0.resize(len.max(self.0.len()), Bar::EMPTY);
    }

    pub(crate) fn get(&self, group: usize) -> &Bar {
        &self.0[group]
    }

    /// Adds the rows of some runs. Whether they are `TICKS`, whose four prices and two
    /// times are one, is known when this is compiled: then a tick is one price.
    pub(crate) fn add<const TICKS: bool>(&mut self, runs: &[Run], rows: &Rows<'_>) {
        for run in runs {
            self.add_run::<TICKS>(run.group, run.rows.clone(), rows);
        }
    }

    /// The bar is a local while it grows, so that the loop runs on registers.
    #[inline(always)]
    fn add_run<const TICKS: bool>(&mut self, group: usize, range: Range<usize>, rows: &Rows<'_>) {
        let mut bar = self.0[group];
        for i in range {
            if rows.valid.is_some_and(|valid| valid.is_null(i)) {
                continue;
            }
            let open = rows.open[i];
            let (high, low, close) = match TICKS {
                true => (open, open, open),
                false => (rows.high[i], rows.low[i], rows.close[i]),
            };
            if open.is_nan() || high.is_nan() || low.is_nan() || close.is_nan() {
                continue;
            }
            let opens = rows.open_ts[i];
            let closes = if TICKS { opens } else { rows.close_ts[i] };
            if bar.count == 0 || opens < bar.open_ts || (opens == bar.open_ts && open < bar.open) {
                (bar.open, bar.open_ts) = (open, opens);
            }
            if bar.count == 0
                || closes > bar.close_ts
                || (closes == bar.close_ts && close > bar.close)
            {
                (bar.close, bar.close_ts) = (close, closes);
            }
            // Neither is NaN. `max` and `min` would look for that, in a guest with a call.
            bar.high = if high > bar.high { high } else { bar.high };
            bar.low = if low < bar.low { low } else { bar.low };
            bar.count += rows.count.map_or(1, |count| count[i]);
            if let Some(volume) = rows.volume
                && volume.is_valid(i)
            {
                bar.volume += volume.value(i);
            }
        }
        self.0[group] = bar;
    }
}
