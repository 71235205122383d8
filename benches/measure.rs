//! How things are timed.

use std::time::{Duration, Instant};

use tidelake_core::Result;

/// The median time of `runs` runs of `work`, after one that does not count.
pub(crate) fn median(runs: usize, mut work: impl FnMut() -> Result<()>) -> Result<Duration> {
    work()?;
    let mut times = Vec::with_capacity(runs);
    for _ in 0..runs {
        let started = Instant::now();
        work()?;
        times.push(started.elapsed());
    }
    Ok(middle(times))
}

/// The middle one by order; of an even number the lower one.
pub(crate) fn middle<T: PartialOrd + Copy>(mut values: Vec<T>) -> T {
    values.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    values[(values.len() - 1) / 2]
}

/// Bytes in a time, in GB/s.
pub(crate) fn gb_per_second(bytes: u64, time: Duration) -> f64 {
    bytes as f64 / time.as_secs_f64() / 1e9
}

/// Bytes in a time, in MB/s.
pub(crate) fn mb_per_second(bytes: u64, time: Duration) -> f64 {
    bytes as f64 / time.as_secs_f64() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_run_does_not_count() {
        let mut runs = 0;
        let time = median(3, || {
            runs += 1;
            if runs == 1 {
                std::thread::sleep(Duration::from_millis(100));
            }
            Ok(())
        })
        .unwrap();
        assert_eq!(runs, 4);
        assert!(time < Duration::from_millis(50));
        assert_eq!((middle(vec![3, 1, 2]), middle(vec![4.0, 1.0])), (2, 1.0));
    }
}
