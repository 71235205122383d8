//! Largest-Triangle-Three-Buckets.
//!
//! ```text
//!        ·                  kept (a)        largest          middle (c)
//!    ·      ·                  *──────────────*╲
//!  *          ·                  ╲            ·  ╲
//!    bucket 0                      ╲   bucket 1    ╲
//!                                    ╲───────────────× bucket 2
//! ```

use std::ops::Range;

use crate::points::{Extremes, Point};

/// The point of each bucket that is kept; none of a bucket without points. `series`
/// are the ranges of buckets that belong to one series, in the order of time.
pub(crate) fn points(buckets: &[Extremes], series: &[Range<usize>]) -> Vec<Option<Point>> {
    let mut kept = vec![None; buckets.len()];
    for range in series {
        // Buckets without points are not there: neighbours are those on their far side.
        let filled: Vec<usize> = range.clone().filter(|i| buckets[*i].count > 0).collect();
        let mut before: Option<Point> = None;
        for (at, &index) in filled.iter().enumerate() {
            let bucket = &buckets[index];
            let after = filled.get(at + 1).map(|next| &buckets[*next]);
            let point = match (before, after) {
                (None, _) => bucket.first,
                (Some(_), None) => bucket.last,
                (Some(before), Some(after)) => largest(before, bucket, after),
            };
            kept[index] = Some(point);
            before = Some(point);
        }
    }
    kept
}

/// The point of `bucket` that spans the largest triangle; of equal ones the first.
fn largest(before: Point, bucket: &Extremes, after: &Extremes) -> Point {
    // Relative to the point before, so that no time loses digits.
    let across = |time: i64| (i128::from(time) - i128::from(before.time)) as f64;
    let corners = after.candidates();
    let parts = corners.len() as f64;
    let middle_x = corners.iter().map(|p| across(p.time) / parts).sum::<f64>();
    let middle_y = corners.iter().map(|p| p.value / parts).sum::<f64>() - before.value;
    let area = |point: Point| {
        (across(point.time) * middle_y - middle_x * (point.value - before.value)).abs()
    };
    let mut best = bucket.first;
    for point in bucket.candidates() {
        // An area that is no number (values without end) is never the larger one.
        if area(point) > area(best) {
            best = point;
        }
    }
    best
}
