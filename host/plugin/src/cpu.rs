//! What the calling thread has used of a processor.

use std::time::Duration;

/// Processor time of this thread, in the guest and in the host's functions that it
/// calls alike. Zero where the system does not tell.
#[cfg(unix)]
pub fn thread_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes to the structure that it is given, which is ours, and
    // keeps nothing of it.
    #[allow(unsafe_code)]
    let answer = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    match answer {
        0 => Duration::new(time.tv_sec as u64, time.tv_nsec as u32),
        _ => Duration::ZERO,
    }
}

#[cfg(not(unix))]
pub fn thread_time() -> Duration {
    Duration::ZERO
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn it_runs_while_the_thread_works_and_stands_while_it_sleeps() {
        let before = thread_time();
        std::thread::sleep(Duration::from_millis(50));
        let asleep = thread_time() - before;
        assert!(asleep < Duration::from_millis(40), "{asleep:?}");
        let start = Instant::now();
        while thread_time() - before < Duration::from_millis(20) {
            std::hint::black_box(0);
            assert!(start.elapsed() < Duration::from_secs(60), "it does not run");
        }
    }
}
