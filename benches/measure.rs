//! How things are timed.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use tidelake_core::{Error, Result};

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

/// The processor's time that `work` takes on each of so many threads that do it at once:
/// the median of `runs` runs, after one that does not count.
pub(crate) fn cpu_time(
    runs: usize,
    threads: usize,
    work: &(dyn Fn() -> Result<()> + Sync),
) -> Result<Duration> {
    // All begin together, so that they are in each other's way all the time.
    let together = Barrier::new(threads);
    let thread = || {
        work()?;
        (0..runs)
            .map(|_| {
                together.wait();
                let before = on_cpu()?;
                let done = work();
                let time = on_cpu()?.saturating_sub(before);
                done.map(|()| time)
            })
            .collect::<Vec<Result<Duration>>>()
            .into_iter()
            .collect::<Result<Vec<Duration>>>()
    };
    let times: Result<Vec<Vec<Duration>>> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(thread)).collect();
        running
            .into_iter()
            .map(|thread| {
                thread.join().unwrap_or_else(|_| Err(Error::internal("a measured thread panicked")))
            })
            .collect()
    });
    Ok(middle(times?.concat()))
}

/// Time that this thread was on a processor.
fn on_cpu() -> Result<Duration> {
    match tidelake_plugin::measure::thread_time() {
        Duration::ZERO => Err(Error::unsupported(
            "this system does not tell how long a thread was on a processor",
        )),
        time => Ok(time),
    }
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
    fn waiting_is_not_work() {
        let work = |busy: bool| {
            let start = Instant::now();
            while busy && start.elapsed() < Duration::from_millis(30) {
                std::hint::spin_loop();
            }
            std::thread::sleep(Duration::from_millis(30));
            Ok(())
        };
        let [idle, busy] = [false, true].map(|busy| cpu_time(1, 2, &|| work(busy)).unwrap());
        assert!(idle < Duration::from_millis(20), "{idle:?}");
        assert!(busy > idle, "{busy:?} {idle:?}");
    }

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
