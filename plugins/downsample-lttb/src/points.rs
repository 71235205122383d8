//! The points of a bucket that one may be kept of.

/// A point of the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    /// In the unit of the time column.
    pub(crate) time: i64,
    /// Never NaN.
    pub(crate) value: f64,
}

/// The outermost points of a bucket, each way; without meaning while `count` is 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Extremes {
    pub(crate) first: Point,
    pub(crate) low: Point,
    pub(crate) high: Point,
    pub(crate) last: Point,
    /// Points of the bucket.
    pub(crate) count: i64,
}

impl Extremes {
    /// A bucket of no points.
    pub(crate) const EMPTY: Self = Self {
        first: Point { time: i64::MAX, value: f64::INFINITY },
        low: Point { time: i64::MAX, value: f64::INFINITY },
        high: Point { time: i64::MAX, value: f64::NEG_INFINITY },
        last: Point { time: i64::MIN, value: f64::NEG_INFINITY },
        count: 0,
    };

    /// Adds one point.
    pub(crate) fn add(&mut self, point: Point) {
        self.merge(&Self { first: point, low: point, high: point, last: point, count: 1 });
    }

    /// Adds the points of another part of the bucket.
    pub(crate) fn merge(&mut self, other: &Self) {
        let (a, b) = (self.first, other.first);
        if b.time < a.time || (b.time == a.time && b.value < a.value) {
            self.first = b;
        }
        let (a, b) = (self.low, other.low);
        if b.value < a.value || (b.value == a.value && b.time < a.time) {
            self.low = b;
        }
        let (a, b) = (self.high, other.high);
        if b.value > a.value || (b.value == a.value && b.time < a.time) {
            self.high = b;
        }
        let (a, b) = (self.last, other.last);
        if b.time > a.time || (b.time == a.time && b.value > a.value) {
            self.last = b;
        }
        self.count += other.count;
    }

    /// All of them, in the order of time where it is certain.
    pub(crate) fn candidates(&self) -> [Point; 4] {
        [self.first, self.low, self.high, self.last]
    }
}
