//! Features of windows.

use crate::numbers::{finite, log_change};
use crate::rolling::{Part, Rolling};
use crate::series::Rows;

/// All features of one window over one column.
pub(crate) struct Windows {
    pub(crate) over: Over,
    pub(crate) features: Vec<WindowFeature>,
    /// What is kept of each series.
    pub(crate) states: Vec<State>,
}

/// What a window is of. Features with equal ones share it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Over {
    pub(crate) column: usize,
    /// The log returns from row to row instead of the values.
    pub(crate) returns: bool,
    pub(crate) weight: Option<usize>,
    pub(crate) extent: Extent,
}

/// How far a window reaches back, in units of the column of times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    Rows(usize),
    Time(i64),
    /// Since the last whole multiple of so much.
    Day(i64),
    All,
}

/// One feature.
pub(crate) struct WindowFeature {
    pub(crate) output: usize,
    pub(crate) statistic: Statistic,
    pub(crate) min_values: u64,
    /// The result is multiplied by it.
    pub(crate) factor: f64,
}

/// What is computed of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Statistic {
    Mean,
    Deviation,
    Score,
}

/// What is kept of one series.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct State {
    /// The value of the row before, for returns.
    pub(crate) previous: f64,
    pub(crate) kept: Kept,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kept {
    Rolling(Rolling),
    /// A window that only grows, until the next day begins.
    Growing {
        day: i64,
        part: Part,
    },
}

impl State {
    pub(crate) fn new(extent: Extent) -> Self {
        let kept = match extent {
            Extent::Rows(_) | Extent::Time(_) => Kept::Rolling(Rolling::default()),
            Extent::Day(_) | Extent::All => Kept::Growing { day: 0, part: Part::default() },
        };
        Self { previous: f64::NAN, kept }
    }

    /// Adds a row and returns the moments of its window.
    fn add(&mut self, extent: Extent, value: f64, weight: Option<f64>, time: i64) -> Part {
        match (&mut self.kept, extent) {
            (Kept::Rolling(window), Extent::Rows(rows)) => {
                if window.len() == rows {
                    window.pop();
                }
                window.push(value, weight, None);
                window.part()
            }
            (Kept::Rolling(window), Extent::Time(length)) => {
                // Written so that it cannot overflow: `newest >= oldest`.
                while window.oldest().is_some_and(|oldest| time.abs_diff(oldest) >= length as u64) {
                    window.pop();
                }
                window.push(value, weight, Some(time));
                window.part()
            }
            (Kept::Growing { day, part }, Extent::Day(length)) => {
                let today = time.div_euclid(length);
                if *day != today {
                    (*day, *part) = (today, Part::default());
                }
                part.add(value, weight.unwrap_or(1.0));
                *part
            }
            (Kept::Growing { part, .. }, _) => {
                part.add(value, weight.unwrap_or(1.0));
                *part
            }
            // `new` makes what the extent needs.
            (Kept::Rolling(window), _) => window.part(),
        }
    }
}

impl WindowFeature {
    fn result(&self, part: &Part, value: f64) -> f64 {
        if part.moments.count < self.min_values {
            return f64::NAN;
        }
        let result = match self.statistic {
            Statistic::Mean => part.mean(),
            Statistic::Deviation => part.deviation(),
            Statistic::Score => match part.deviation() {
                deviation if deviation > 0.0 => part.distance(value) / deviation,
                _ => f64::NAN,
            },
        };
        finite(result * self.factor)
    }
}

impl Windows {
    /// Adds the rows of a batch and writes their features.
    pub(crate) fn compute(
        &mut self,
        values: &[f64],
        weights: Option<&[f64]>,
        rows: &Rows,
        series: usize,
        out: &mut [Vec<f64>],
    ) {
        let extent = self.over.extent;
        self.states.resize_with(series, || State::new(extent));
        for run in &rows.runs {
            let state = &mut self.states[run.group];
            for row in run.rows.clone().filter(|row| !rows.is_late(*row)) {
                let mut value = values[row];
                if self.over.returns {
                    let previous = std::mem::replace(&mut state.previous, value);
                    value = log_change(previous, value);
                }
                let weight = weights.map(|weights| weights[row]);
                // A weight that is missing is not above 0 either.
                let counts = weight.is_none_or(|weight| weight > 0.0);
                let value = if counts { value } else { f64::NAN };
                let part = state.add(extent, value, weight, rows.times[row]);
                for feature in &self.features {
                    out[feature.output][row] = feature.result(&part, value);
                }
            }
        }
    }
}
