//! Moments of windows, in constant time a row, without ever subtracting.
//!
//! The usual way to slide a window, taking what leaves out of the running sums, never
//! gets rid of rounding errors: a price of 1e16 that passes through spoils all windows
//! after it. So a window is a queue of two stacks here. New values join the *back*,
//! whose moments grow value by value (Welford, weighted after West). The *front* has, for
//! each of its values, the moments of that value and all later ones of the front;
//! the oldest value leaves by dropping the last of them. When the front is empty, the
//! back becomes the front. The moments of the window are those of both, combined
//! (Chan, Golub and LeVeque):
//!
//! | | values, oldest first | moments kept |
//! |---|---|---|
//! | front | a b c | of `c`, of `b c`, of `a b c` |
//! | back | d e | of `d e` |
//!
//! Each part measures its values from a base, one of its own, so that an offset common
//! to all cancels before it can cost digits. The base of the front is its newest value and
//! that of the back its oldest: either is in every window that the part is used for, so
//! the size of what has left never matters.
//!
//! Given the values and where the front ends, all of it can be computed again, and gives
//! the same bits: that is all that a snapshot keeps.

use std::collections::VecDeque;

/// Count, weight, mean and squared deviations of some values, measured from a base.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Moments {
    /// Values that are not missing.
    pub count: u64,
    /// Their weights; equal to `count` unless they are weighted.
    pub weight: f64,
    /// Their mean, less the base.
    pub mean: f64,
    /// Sum of their weighted squared deviations from the mean.
    pub m2: f64,
}

impl Moments {
    fn add(&mut self, value: f64, weight: f64) {
        self.count += 1;
        self.weight += weight;
        let delta = value - self.mean;
        self.mean += delta * (weight / self.weight);
        self.m2 += weight * delta * (value - self.mean);
    }
}

/// Moments and the base that they are measured from.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Part {
    /// Without meaning while there are no values.
    pub base: f64,
    /// From that base.
    pub moments: Moments,
}

impl Part {
    /// Adds a value; a missing one (NaN) changes nothing.
    pub fn add(&mut self, value: f64, weight: f64) {
        if value.is_nan() {
            return;
        }
        if self.moments.count == 0 {
            self.base = value;
        }
        self.moments.add(value - self.base, weight);
    }

    fn combine(&self, other: &Self) -> Self {
        if self.moments.count == 0 {
            return *other;
        }
        if other.moments.count == 0 {
            return *self;
        }
        let (a, b) = (&self.moments, &other.moments);
        let weight = a.weight + b.weight;
        let delta = (self.base - other.base) + (a.mean - b.mean);
        let share = a.weight / weight;
        let moments = Moments {
            count: a.count + b.count,
            weight,
            mean: b.mean + delta * share,
            m2: a.m2 + b.m2 + delta * delta * share * b.weight,
        };
        Self { base: other.base, moments }
    }

    /// The mean.
    pub fn mean(&self) -> f64 {
        self.base + self.moments.mean
    }

    /// How far a value is from the mean.
    pub fn distance(&self, value: f64) -> f64 {
        (value - self.base) - self.moments.mean
    }

    /// The standard deviation of the sample, for values that are not weighted.
    pub fn deviation(&self) -> f64 {
        (self.moments.m2 / (self.moments.count - 1) as f64).sqrt()
    }
}

/// A window over the newest values of a series.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rolling {
    /// All values, oldest first; NaN where one is missing.
    pub(crate) values: VecDeque<f64>,
    /// Their weights, if they are weighted.
    pub(crate) weights: VecDeque<f64>,
    /// Their times, if the window is one of time.
    pub(crate) times: VecDeque<i64>,
    /// For each value of the front, newest first, the moments from there on.
    front: Vec<Moments>,
    front_base: f64,
    back: Part,
}

impl Rolling {
    /// Values in the window, missing ones included.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether it holds no value.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The time of the oldest value, if times are kept.
    pub fn oldest(&self) -> Option<i64> {
        self.times.front().copied()
    }

    /// Adds the newest value; NaN is a missing one.
    pub fn push(&mut self, value: f64, weight: Option<f64>, time: Option<i64>) {
        self.values.push_back(value);
        self.weights.extend(weight);
        self.times.extend(time);
        self.back.add(value, weight.unwrap_or(1.0));
    }

    /// Drops the oldest value.
    pub fn pop(&mut self) {
        if self.front.is_empty() {
            self.turn(self.values.len());
            self.back = Part::default();
        }
        self.front.pop();
        self.values.pop_front();
        self.weights.pop_front();
        self.times.pop_front();
    }

    /// The moments of all values.
    pub fn part(&self) -> Part {
        match self.front.last() {
            None => self.back,
            Some(moments) => Part { base: self.front_base, moments: *moments }.combine(&self.back),
        }
    }

    /// How many of the oldest values are the front.
    pub(crate) fn front(&self) -> usize {
        self.front.len()
    }

    /// Computes the moments again after values were put in from outside; the first
    /// `front` of them are the front.
    pub(crate) fn rebuild(&mut self, front: usize) {
        self.turn(front);
        self.back = Part::default();
        for row in front..self.values.len() {
            self.back.add(self.values[row], self.weights.get(row).copied().unwrap_or(1.0));
        }
    }

    /// Makes the oldest values the front.
    fn turn(&mut self, rows: usize) {
        self.front.clear();
        self.front.reserve(rows);
        let mut part = Part::default();
        for row in (0..rows).rev() {
            part.add(self.values[row], self.weights.get(row).copied().unwrap_or(1.0));
            self.front.push(part.moments);
        }
        self.front_base = part.base;
    }
}
