//! The thread that looks at deadlines: one for each host, with a heap of times.
//!
//! Gates ask to be looked at; the watchdog sleeps until the earliest time that was
//! asked for. It knows nothing of deadlines themselves: see [`Gate::expire`].

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use super::gate::Gate;

#[derive(Debug, Default)]
pub(super) struct Watchdog {
    queue: Mutex<Queue>,
    earlier: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    looks: BinaryHeap<Reverse<Look>>,
    resting: bool,
}

/// A gate to be looked at, unless it is gone by then.
#[derive(Debug)]
struct Look {
    at: Instant,
    gate: Weak<Gate>,
}

impl Watchdog {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for a look at a gate. Called with the gate's lock held: the watchdog
    /// never holds its own when it takes that one.
    pub(super) fn look_at(&self, at: Instant, gate: &Arc<Gate>) {
        let mut queue = self.lock();
        let earliest = queue.looks.peek().is_none_or(|Reverse(next)| at < next.at);
        queue.looks.push(Reverse(Look { at, gate: Arc::downgrade(gate) }));
        drop(queue);
        if earliest {
            self.earlier.notify_one();
        }
    }

    /// The thread ends.
    pub(super) fn rest(&self) {
        self.lock().resting = true;
        self.earlier.notify_one();
    }

    /// Waits for the next look whose time has come.
    fn next(&self) -> Option<Look> {
        let mut queue = self.lock();
        loop {
            if queue.resting {
                return None;
            }
            let now = Instant::now();
            let wait = match queue.looks.peek() {
                Some(Reverse(next)) if next.at <= now => {
                    return queue.looks.pop().map(|Reverse(look)| look);
                }
                Some(Reverse(next)) => Some(next.at - now),
                None => None,
            };
            queue = match wait {
                Some(wait) => match self.earlier.wait_timeout(queue, wait) {
                    Ok((queue, _)) => queue,
                    Err(poisoned) => poisoned.into_inner().0,
                },
                None => self.earlier.wait(queue).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

/// Starts the thread of a watchdog; it ends when told to rest.
pub(super) fn start(watchdog: &Arc<Watchdog>) -> std::io::Result<()> {
    let watchdog = Arc::clone(watchdog);
    std::thread::Builder::new().name("tidelake-watch".to_owned()).spawn(move || {
        while let Some(look) = watchdog.next() {
            if let Some(gate) = look.gate.upgrade() {
                gate.expire(look.at);
            }
        }
    })?;
    Ok(())
}

impl Ord for Look {
    fn cmp(&self, other: &Self) -> Ordering {
        self.at.cmp(&other.at)
    }
}

impl PartialOrd for Look {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Look {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Look {}
