//! What is kept about the values of one group.

use std::ops::Range;

use arrow_array::{Array, Float64Array, Int64Array};

/// Count, sum, extremes, squared deviations and both ends of some values; without
/// meaning, except for the count, while that is 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Moments {
    pub(crate) count: i64,
    pub(crate) sum: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    /// Sum of squared deviations from the mean.
    pub(crate) m2: f64,
    pub(crate) first: f64,
    pub(crate) first_ts: i64,
    pub(crate) last: f64,
    pub(crate) last_ts: i64,
}

impl Moments {
    pub(crate) const EMPTY: Self = Self {
        count: 0,
        sum: 0.0,
        min: f64::INFINITY,
        max: f64::NEG_INFINITY,
        m2: 0.0,
        first: 0.0,
        first_ts: i64::MAX,
        last: 0.0,
        last_ts: i64::MIN,
    };

    /// The moments of neighbouring rows. Two passes: the second knows the mean.
    pub(crate) fn of(values: &Float64Array, times: &Int64Array, rows: Range<usize>) -> Self {
        let mut all = Self::EMPTY;
        let counts =
            |i: &usize| values.is_valid(*i) && times.is_valid(*i) && !values.values()[*i].is_nan();
        for i in rows.clone().filter(counts) {
            let (value, time) = (values.values()[i], times.values()[i]);
            all.take_ends(value, time, value, time);
            all.count += 1;
            all.sum += value;
            all.take_extremes(value, value);
        }
        let mean = all.mean();
        for i in rows.filter(counts) {
            let deviation = values.values()[i] - mean;
            all.m2 += deviation * deviation;
        }
        all
    }

    /// Adds the moments of other values (Chan, Golub and LeVeque).
    pub(crate) fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = *other;
            return;
        }
        self.take_ends(other.first, other.first_ts, other.last, other.last_ts);
        let (a, b) = (self.count as f64, other.count as f64);
        let delta = other.mean() - self.mean();
        self.m2 += other.m2 + delta * delta * (a * b / (a + b));
        self.count += other.count;
        self.sum += other.sum;
        self.take_extremes(other.min, other.max);
    }

    /// Must come before the count changes.
    fn take_ends(&mut self, first: f64, first_ts: i64, last: f64, last_ts: i64) {
        let empty = self.count == 0;
        if empty || first_ts < self.first_ts || (first_ts == self.first_ts && first < self.first) {
            (self.first, self.first_ts) = (first, first_ts);
        }
        if empty || last_ts > self.last_ts || (last_ts == self.last_ts && last > self.last) {
            (self.last, self.last_ts) = (last, last_ts);
        }
    }

    /// None is NaN; `min` and `max` would look for that, in a guest with a call.
    fn take_extremes(&mut self, min: f64, max: f64) {
        self.min = if min < self.min { min } else { self.min };
        self.max = if self.max < max { max } else { self.max };
    }

    pub(crate) fn mean(&self) -> f64 {
        self.sum / self.count as f64
    }

    /// Of the sample; `None` below two values.
    pub(crate) fn stddev(&self) -> Option<f64> {
        (self.count > 1).then(|| (self.m2 / (self.count - 1) as f64).sqrt())
    }
}
