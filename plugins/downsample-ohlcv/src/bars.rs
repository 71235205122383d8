//! One bar for each group.

use arrow_array::Float64Array;
use arrow_buffer::{NullBuffer, ScalarBuffer};
use tidelake_groups::Run;

/// A bar; without meaning while `count` is 0. In one line of the cache, since in ticks
/// of many symbols each row changes another one.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(align(64))]
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

    /// Adds the rows of some runs, each of which is a bar itself: of a tick all prices and
    /// both times are one, and that is known when this is compiled. The bar is a local
    /// while it grows, so that the loop runs on registers.
    #[inline]
    pub(crate) fn add(&mut self, runs: &[Run], row: impl Fn(usize) -> Bar) {
        for run in runs {
            let mut bar = self.0[run.group];
            for i in run.rows.clone() {
                bar.add(row(i));
            }
            self.0[run.group] = bar;
        }
    }
}

impl Bar {
    /// A row: its open, high, low and close, when it opened and closed, how many rows are
    /// behind it, and its volume if it has one.
    #[inline(always)]
    pub(crate) fn row(
        [open, high, low, close]: [f64; 4],
        [open_ts, close_ts]: [i64; 2],
        count: i64,
        volume: Option<&f64>,
    ) -> Self {
        let volume = volume.copied().unwrap_or_default();
        Self { open, high, low, close, volume, count, open_ts, close_ts }
    }

    #[inline(always)]
    fn add(&mut self, row: Self) {
        if row.open.is_nan() || row.high.is_nan() || row.low.is_nan() || row.close.is_nan() {
            return;
        }
        let first = self.count == 0;
        if first
            || row.open_ts < self.open_ts
            || (row.open_ts == self.open_ts && row.open < self.open)
        {
            (self.open, self.open_ts) = (row.open, row.open_ts);
        }
        if first
            || row.close_ts > self.close_ts
            || (row.close_ts == self.close_ts && row.close > self.close)
        {
            (self.close, self.close_ts) = (row.close, row.close_ts);
        }
        // None is NaN. `max` and `min` would look for that, in a guest with a call, and these
        // two comparisons are what becomes one instruction there.
        self.high = if self.high < row.high { row.high } else { self.high };
        self.low = if row.low < self.low { row.low } else { self.low };
        self.count += row.count;
        self.volume += row.volume;
    }
}

/// The values of a column, and `missing` where there is none.
pub(crate) fn values(
    array: &Float64Array,
    valid: Option<&NullBuffer>,
    missing: f64,
) -> ScalarBuffer<f64> {
    let Some(valid) = valid.filter(|valid| valid.null_count() > 0) else {
        return array.values().clone();
    };
    let values = array.values().iter().zip(valid);
    values.map(|(value, valid)| if valid { *value } else { missing }).collect()
}
