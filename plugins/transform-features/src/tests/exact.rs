//! Rolling moments against the same in exact integers, on data made to hurt.

use crate::rolling::Rolling;

/// Mean and deviation of a window of integers, by sums that never round.
fn exact(window: &[i64]) -> (f64, f64) {
    let n = window.len() as i128;
    let sum: i128 = window.iter().map(|x| i128::from(*x)).sum();
    let squares: i128 = window.iter().map(|x| i128::from(*x) * i128::from(*x)).sum();
    let deviations = n * squares - sum * sum;
    (sum as f64 / n as f64, (deviations as f64 / (n * (n - 1)) as f64).sqrt())
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        ((self.0 >> 33) as i64).rem_euclid(bound)
    }
}

fn streams() -> Vec<(&'static str, Vec<i64>)> {
    let mut random = Random(7);
    let mut walk = 1_000_000;
    // Integers up to 2^53 are floats, exactly.
    let far = 9_000_000_000_000_000;
    vec![
        ("small numbers", (0..3_000).map(|_| random.below(2_000) - 1_000).collect()),
        ("a billion and a little", (0..3_000).map(|_| 1_000_000_000 + random.below(10)).collect()),
        (
            "a trillion and a little",
            (0..3_000).map(|_| 1_000_000_000_000 + random.below(3)).collect(),
        ),
        ("as far as floats count", (0..3_000).map(|_| far + random.below(4)).collect()),
        (
            "a spike that leaves again",
            (0..3_000).map(|i| if i % 501 == 3 { far } else { random.below(100) }).collect(),
        ),
        (
            "steps between far levels",
            (0..3_000).map(|i| (i / 250 % 2) * far / 3 + random.below(50)).collect(),
        ),
        (
            "a random walk",
            (0..3_000)
                .map(|_| {
                    walk += random.below(201) - 100;
                    walk
                })
                .collect(),
        ),
        ("a ramp", (0..3_000).map(|i| i * 1_000_000_007).collect()),
        ("one value", vec![123_456_789; 3_000]),
        ("signs in turn", (0..3_000).map(|i| if i % 2 == 0 { far } else { -far + i }).collect()),
    ]
}

#[test]
fn windows_agree_with_exact_sums() {
    for (name, values) in streams() {
        for window in [2, 3, 20, 251] {
            let mut rolling = Rolling::default();
            for row in 0..values.len() {
                if rolling.len() == window {
                    rolling.pop();
                }
                rolling.push(values[row] as f64, None, None);
                let held = &values[(row + 1).saturating_sub(window)..=row];
                if held.len() < 2 {
                    continue;
                }
                let part = rolling.part();
                let (mean, deviation) = exact(held);
                let largest = held.iter().map(|x| x.abs()).max().unwrap() as f64;
                let place = format!("{name}, window {window}, row {row}");
                let off = (part.mean() - mean).abs();
                assert!(off <= 16.0 * f64::EPSILON * largest, "{place}: mean off by {off}");
                let off = (part.deviation() - deviation).abs();
                assert!(off <= 1e-12 * deviation, "{place}: {} for {deviation}", part.deviation());
            }
        }
    }
}

#[test]
fn a_window_that_only_grows_agrees_with_exact_sums() {
    for (name, values) in streams() {
        let mut part = crate::rolling::Part::default();
        // Beyond so many rows the sums of the oracle would overflow.
        for (row, value) in values.iter().enumerate().take(1_200) {
            part.add(*value as f64, 1.0);
            if row > 0 && row % 97 == 0 {
                let (mean, deviation) = exact(&values[..=row]);
                let largest = values[..=row].iter().map(|x| x.abs()).max().unwrap() as f64;
                let off = (part.mean() - mean).abs();
                assert!(off <= 64.0 * f64::EPSILON * largest, "{name}, row {row}: off by {off}");
                let off = (part.deviation() - deviation).abs();
                assert!(off <= 1e-11 * deviation, "{name}, row {row}: deviation off by {off}");
            }
        }
    }
}

/// The usual two passes over a window, the first of which finds the mean.
fn two_passes(window: &[f64]) -> (f64, f64) {
    let n = window.len() as f64;
    let mean = window.iter().sum::<f64>() / n;
    let m2: f64 = window.iter().map(|x| (x - mean).powi(2)).sum();
    (mean, (m2 / (n - 1.0)).sqrt())
}

#[test]
fn windows_of_fractions_agree_with_two_passes() {
    let mut random = Random(11);
    for (offset, tolerance) in [(0.0, 1e-13), (1e3, 1e-12), (1e6, 1e-9), (1e9, 1e-6)] {
        let values: Vec<f64> =
            (0..2_000).map(|_| offset + random.below(1_000_000) as f64 / 999_983.0).collect();
        let mut rolling = Rolling::default();
        for (row, value) in values.iter().enumerate() {
            if rolling.len() == 64 {
                rolling.pop();
            }
            rolling.push(*value, None, None);
            if row < 64 {
                continue;
            }
            // Two passes are at their best without the offset, which is exact to take off.
            let held: Vec<f64> = values[row - 63..=row].iter().map(|x| x - values[row]).collect();
            let (mean, deviation) = two_passes(&held);
            let part = rolling.part();
            let off = (part.distance(values[row]) + mean).abs();
            assert!(off <= 1e-14, "offset {offset}, row {row}: mean off by {off}");
            let off = (part.deviation() - deviation).abs();
            assert!(off <= 1e-13 * deviation, "offset {offset}, row {row}: off by {off}");
            // And with it they are as good as can be expected of them.
            let (_, naive) = two_passes(&values[row - 63..=row]);
            assert!((part.deviation() - naive).abs() <= tolerance * deviation, "offset {offset}");
        }
    }
}

#[test]
fn what_was_rebuilt_goes_on_with_the_same_bits() {
    let (_, values) = streams().remove(6);
    let mut rolling = Rolling::default();
    for (row, value) in values.iter().enumerate().take(600) {
        if rolling.len() == 37 {
            rolling.pop();
        }
        let value = if row % 11 == 0 { f64::NAN } else { *value as f64 / 7.0 };
        rolling.push(value, Some(1.0 + row as f64 / 3.0), Some(row as i64));
        let mut again = Rolling::default();
        again.values = rolling.values.clone();
        again.weights = rolling.weights.clone();
        again.times = rolling.times.clone();
        again.rebuild(rolling.front());
        assert_eq!(again.part(), rolling.part(), "row {row}");
        if row % 5 == 0 {
            rolling = again;
        }
    }
}
