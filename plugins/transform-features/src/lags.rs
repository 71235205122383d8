//! Features that look a fixed number of rows back.

use std::collections::VecDeque;

use crate::numbers::{change, log_change};
use crate::series::Rows;

/// All such features of one column.
pub(crate) struct Lags {
    pub(crate) column: usize,
    pub(crate) features: Vec<Lag>,
    /// The newest values of each series, oldest first, as many as the longest lag needs.
    pub(crate) past: Vec<VecDeque<f64>>,
}

/// One feature.
pub(crate) struct Lag {
    pub(crate) output: usize,
    pub(crate) periods: usize,
    /// The result of the value then and the value now.
    pub(crate) result: fn(f64, f64) -> f64,
}

/// The functions that [`Lag::result`] may be.
pub(crate) const LAG: fn(f64, f64) -> f64 = |then, _| then;
pub(crate) const RETURN: fn(f64, f64) -> f64 = change;
pub(crate) const LOG_RETURN: fn(f64, f64) -> f64 = log_change;

impl Lags {
    /// Rows that are kept of a series.
    pub(crate) fn longest(&self) -> usize {
        self.features.iter().map(|lag| lag.periods).max().unwrap_or(0)
    }

    /// Adds the rows of a batch and writes their features.
    pub(crate) fn compute(
        &mut self,
        values: &[f64],
        rows: &Rows,
        series: usize,
        out: &mut [Vec<f64>],
    ) {
        let longest = self.longest();
        self.past.resize_with(series, VecDeque::new);
        for run in &rows.runs {
            let past = &mut self.past[run.group];
            for row in run.rows.clone().filter(|row| !rows.is_late(*row)) {
                for lag in &self.features {
                    if let Some(then) = past.len().checked_sub(lag.periods) {
                        out[lag.output][row] = (lag.result)(past[then], values[row]);
                    }
                }
                if past.len() == longest {
                    past.pop_front();
                }
                past.push_back(values[row]);
            }
        }
    }
}
