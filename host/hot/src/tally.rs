//! Counting rows by period: what an inventory is made of.

use std::collections::BTreeMap;

use tidelake_core::period::Period;
use tidelake_core::time::{Micros, TimeRange};

use crate::store::PeriodSlice;

/// Rows by period, collected in any order.
#[derive(Debug)]
pub(crate) struct Tally {
    period: Period,
    slices: BTreeMap<Micros, PeriodSlice>,
    /// Where the last row fell: neighbours mostly share a period.
    current: TimeRange,
}

impl Tally {
    /// Nothing counted yet.
    pub(crate) fn new(period: Period) -> Self {
        Self { period, slices: BTreeMap::new(), current: TimeRange::new(Micros::MAX, Micros::MIN) }
    }

    /// Counts rows that all lie between `min` and `max`, in one period.
    pub(crate) fn add(&mut self, min: Micros, max: Micros, rows: u64, bytes: u64) {
        if self.current.is_empty() || !self.current.contains(min) {
            self.current = self.period.range(min);
        }
        let period = self.current;
        let slice = self.slices.entry(period.start).or_insert(PeriodSlice {
            period,
            rows: 0,
            bytes: 0,
            min_time: min,
            max_time: max,
        });
        slice.rows += rows;
        slice.bytes += bytes;
        slice.min_time = slice.min_time.min(min);
        slice.max_time = slice.max_time.max(max);
    }

    /// What was counted, earliest first.
    pub(crate) fn finish(self) -> Vec<PeriodSlice> {
        self.slices.into_values().collect()
    }
}
