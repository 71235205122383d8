//! What each plugin did, in numbers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Names of metrics that are kept of one plugin.
const METRICS: usize = 64;
/// The longest name of a metric that is kept.
const NAME: usize = 64;

/// A plugin's numbers since the host was made.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PluginStats {
    /// Calls into the plugin.
    pub calls: u64,
    /// Rows handed to it.
    pub rows_in: u64,
    /// Rows that it emitted.
    pub rows_out: u64,
    /// Bytes that crossed into it.
    pub bytes_in: u64,
    /// Bytes that crossed out of it: columns and files, not what was passed through.
    pub bytes_out: u64,
    /// Calls that trapped: crashes, deadlines, memory.
    pub traps: u64,
    /// Instances made.
    pub instances: u64,
    /// Time that making them took.
    pub instantiation: Duration,
    /// Time inside calls into the plugin, by the clock: the guest, and the host's
    /// functions that it calls.
    pub busy: Duration,
    /// Processor time of the threads inside calls: like `busy`, without the time in which
    /// they waited. Zero where the system does not tell.
    pub cpu: Duration,
    /// Part of `busy`: moving columns and file bytes between host and guest, with the checks
    /// of what comes out.
    pub crossing: Duration,
    /// Part of `busy`: compressing and decompressing for the guest.
    pub codec: Duration,
    /// Part of it: waiting for the answers to requests that the guest sent.
    pub waiting: Duration,
    /// The most linear memory that one instance had, in bytes.
    pub peak_memory: u64,
    /// What the plugin itself reports, by name.
    pub metrics: BTreeMap<String, Metric>,
}

/// One number that a plugin reports.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Metric {
    /// A sum of deltas.
    Counter(u64),
    /// The value set last.
    Gauge(f64),
    /// Observations.
    Histogram {
        /// How many.
        count: u64,
        /// Their sum.
        sum: f64,
        /// The smallest.
        min: f64,
        /// The largest.
        max: f64,
    },
}

/// The numbers while they grow.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) calls: AtomicU64,
    pub(crate) rows_in: AtomicU64,
    pub(crate) rows_out: AtomicU64,
    pub(crate) bytes_in: AtomicU64,
    pub(crate) bytes_out: AtomicU64,
    pub(crate) traps: AtomicU64,
    pub(crate) instances: AtomicU64,
    /// Nanoseconds, as the other times.
    pub(crate) instantiation: AtomicU64,
    pub(crate) busy: AtomicU64,
    pub(crate) cpu: AtomicU64,
    pub(crate) crossing: AtomicU64,
    pub(crate) codec: AtomicU64,
    pub(crate) waiting: AtomicU64,
    pub(crate) peak_memory: AtomicU64,
    metrics: Mutex<BTreeMap<String, Metric>>,
}

/// Adds to one of the counters.
pub(crate) fn add(counter: &AtomicU64, delta: u64) {
    counter.fetch_add(delta, Ordering::Relaxed);
}

/// Adds the time since a moment to one of the times.
pub(crate) fn add_since(nanos: &AtomicU64, start: Instant) {
    add(nanos, start.elapsed().as_nanos() as u64);
}

/// Adds the time of its own life to the crossing: what borrows the host's memory while
/// it is copied into a guest is dropped when the copy is made, and nothing else tells.
#[derive(Debug)]
pub(crate) struct Crossing {
    counters: Arc<Counters>,
    start: Instant,
}

impl Crossing {
    pub(crate) fn begin(counters: &Arc<Counters>) -> Self {
        Self { counters: Arc::clone(counters), start: Instant::now() }
    }
}

impl Drop for Crossing {
    fn drop(&mut self) {
        add_since(&self.counters.crossing, self.start);
    }
}

impl Counters {
    pub(crate) fn read(&self) -> PluginStats {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let time = |nanos: &AtomicU64| Duration::from_nanos(get(nanos));
        PluginStats {
            calls: get(&self.calls),
            rows_in: get(&self.rows_in),
            rows_out: get(&self.rows_out),
            bytes_in: get(&self.bytes_in),
            bytes_out: get(&self.bytes_out),
            traps: get(&self.traps),
            instances: get(&self.instances),
            instantiation: time(&self.instantiation),
            busy: time(&self.busy),
            cpu: time(&self.cpu),
            crossing: time(&self.crossing),
            codec: time(&self.codec),
            waiting: time(&self.waiting),
            peak_memory: get(&self.peak_memory),
            metrics: self.metrics.lock().map(|metrics| metrics.clone()).unwrap_or_default(),
        }
    }

    /// Merges one report of the guest into the metric of its name. Names beyond
    /// the limit, bad names and changes of a metric's sort are dropped: numbers
    /// are not worth an error.
    pub(crate) fn report(&self, name: &str, report: Metric) {
        let proper = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if name.is_empty() || name.len() > NAME || !name.chars().all(proper) {
            return;
        }
        let Ok(mut metrics) = self.metrics.lock() else { return };
        let full = metrics.len() >= METRICS;
        match (metrics.get_mut(name), report) {
            (None, report) if !full => drop(metrics.insert(name.to_owned(), report)),
            (Some(Metric::Counter(sum)), Metric::Counter(delta)) => {
                *sum = sum.saturating_add(delta);
            }
            (Some(Metric::Gauge(value)), Metric::Gauge(new)) => *value = new,
            (
                Some(Metric::Histogram { count, sum, min, max }),
                Metric::Histogram { sum: value, .. },
            ) => {
                *count += 1;
                *sum += value;
                *min = min.min(value);
                *max = max.max(value);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_merge_and_names_are_bounded() {
        let counters = Counters::default();
        counters.report("rows_total", Metric::Counter(2));
        counters.report("rows_total", Metric::Counter(3));
        counters.report("rows_total", Metric::Gauge(9.0));
        counters.report("Not A Name", Metric::Counter(1));
        for i in 0..100 {
            counters.report(&format!("many_{i}"), Metric::Gauge(1.0));
        }
        let metrics = counters.read().metrics;
        assert_eq!(metrics["rows_total"], Metric::Counter(5));
        assert_eq!(metrics.len(), METRICS);
    }
}
