//! The poll pages of one store: open while its guest may run, closed when its
//! time is over.
//!
//! All that changes is behind one lock, held for a few instructions, or for the
//! length of an `mprotect`:
//!
//! | who | does, under the lock |
//! |---|---|
//! | `arm` (the caller) | opens what is closed, sets the deadline |
//! | `expire` (the watchdog) | closes, if there is a deadline and it has passed |
//! | `disarm` (the caller) | takes the deadline away, opens what was closed |
//! | `add`, `remove` (memories, made and dropped) | a page more, a page less |
//!
//! So after `disarm` the pages are readable, and the watchdog, whenever it comes,
//! finds no deadline. A page that is given back to the system is forgotten before,
//! so that nothing else is protected that comes to lie at its address.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::super::Verdict;
use super::memory::Span;
use super::watchdog::Watchdog;

/// How soon closing is tried again, should the system refuse.
const AGAIN: Duration = Duration::from_millis(1);

#[derive(Debug)]
pub(super) struct Gate {
    watchdog: Arc<Watchdog>,
    over: AtomicBool,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    deadline: Option<Instant>,
    /// When the watchdog looks next. It may be earlier than the deadline: then
    /// the watchdog sees that it is, and comes again. So a call that returns in
    /// time, as almost all do, costs the watchdog nothing.
    look: Option<Instant>,
    /// When the gate was closed.
    closed: Option<Instant>,
    spans: Vec<Span>,
}

impl Gate {
    pub(super) fn new(watchdog: Arc<Watchdog>) -> Arc<Self> {
        Arc::new(Self { watchdog, over: AtomicBool::new(false), inner: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every change is whole before anything can panic.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether time is over.
    pub(super) fn over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// Time runs from now on.
    pub(super) fn arm(self: &Arc<Self>, limit: Duration) {
        let mut inner = self.lock();
        // Closed still, if the last work ended by a panic. If it will not open,
        // it stays closed, and the guest stops at once.
        self.open(&mut inner);
        // A deadline beyond what the clock can tell is none.
        inner.deadline = Instant::now().checked_add(limit);
        if let Some(deadline) = inner.deadline {
            self.ask_for_look(&mut inner, deadline);
        }
    }

    /// Time stops.
    pub(super) fn disarm(&self) -> Verdict {
        let mut inner = self.lock();
        inner.deadline = None;
        let Some(at) = inner.closed else { return Verdict::InTime };
        if self.open(&mut inner) { Verdict::Late(at) } else { Verdict::Dead(at) }
    }

    /// The watchdog's look, for which it was asked at this time.
    pub(super) fn expire(self: &Arc<Self>, asked: Instant) {
        let mut inner = self.lock();
        if inner.look == Some(asked) {
            inner.look = None;
        }
        let Some(deadline) = inner.deadline else { return };
        let now = Instant::now();
        if deadline > now {
            self.ask_for_look(&mut inner, deadline);
            return;
        }
        // First the flag: whoever meets a closed page must find it set.
        self.over.store(true, Ordering::Release);
        inner.closed.get_or_insert(now);
        if inner.spans.iter().all(|span| protected(span, Span::close)) {
            inner.deadline = None;
        } else {
            self.ask_for_look(&mut inner, now + AGAIN);
        }
    }

    /// A poll page of the store comes to be.
    pub(super) fn add(&self, span: Span) -> std::io::Result<()> {
        let mut inner = self.lock();
        if inner.closed.is_some() {
            span.close()?;
        }
        inner.spans.push(span);
        Ok(())
    }

    /// A poll page is about to go.
    pub(super) fn remove(&self, span: &Span) {
        self.lock().spans.retain(|other| other != span);
    }

    /// Opens all pages, if they are closed; whether they are open now.
    fn open(&self, inner: &mut Inner) -> bool {
        if inner.closed.is_none() {
            return true;
        }
        let open = inner.spans.iter().all(|span| protected(span, Span::open));
        if open {
            inner.closed = None;
            self.over.store(false, Ordering::Release);
        }
        open
    }

    /// Sees to it that the watchdog looks at this time, or before.
    fn ask_for_look(self: &Arc<Self>, inner: &mut Inner, at: Instant) {
        if inner.look.is_none_or(|look| look > at) {
            inner.look = Some(at);
            self.watchdog.look_at(at, self);
        }
    }
}

/// Protects a span; what the system says against it is logged.
fn protected(span: &Span, protect: fn(&Span) -> std::io::Result<()>) -> bool {
    match protect(span) {
        Ok(()) => true,
        Err(error) => {
            tracing::error!(%error, "the page that stops plugins could not be protected");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interrupt::polls::watchdog;

    fn gate() -> Arc<Gate> {
        let watchdog = Arc::new(Watchdog::default());
        watchdog::start(&watchdog).expect("thread");
        Gate::new(watchdog)
    }

    fn wait_until_over(gate: &Gate) {
        while !gate.over() {
            std::thread::yield_now();
        }
    }

    #[test]
    fn time_runs_between_arm_and_disarm_only() {
        let gate = gate();
        for _ in 0..3 {
            gate.arm(Duration::from_secs(3600));
            assert_eq!(gate.disarm(), Verdict::InTime);
        }
        // Earlier than what the watchdog was asked for.
        gate.arm(Duration::from_millis(2));
        wait_until_over(&gate);
        assert!(matches!(gate.disarm(), Verdict::Late(_)));
        assert!(!gate.over());
        gate.arm(Duration::from_millis(1));
        assert_eq!(gate.disarm(), Verdict::InTime);
        std::thread::sleep(Duration::from_millis(20));
        assert!(!gate.over(), "a deadline that was taken away");
        gate.arm(Duration::MAX);
        assert_eq!(gate.disarm(), Verdict::InTime);
    }

    #[test]
    fn arming_opens_what_a_panic_left_closed() {
        let gate = gate();
        gate.arm(Duration::ZERO);
        wait_until_over(&gate);
        gate.arm(Duration::from_secs(60));
        assert!(!gate.over());
        assert_eq!(gate.disarm(), Verdict::InTime);
    }

    /// Calls that end around their deadline, on several threads: whatever the
    /// watchdog does, after `disarm` the gate is open and stays so.
    #[test]
    fn disarming_and_expiring_at_once_leave_the_gate_open() {
        let watchdog = Arc::new(Watchdog::default());
        watchdog::start(&watchdog).expect("thread");
        std::thread::scope(|scope| {
            for seed in 0..4_u64 {
                let gate = Gate::new(Arc::clone(&watchdog));
                scope.spawn(move || {
                    for i in 0..500 {
                        gate.arm(Duration::from_micros(50));
                        let until = Instant::now() + Duration::from_micros((i * 7 + seed) % 200);
                        while Instant::now() < until {
                            std::hint::spin_loop();
                        }
                        let _ = gate.disarm();
                        assert!(!gate.over());
                        assert!(gate.lock().closed.is_none());
                    }
                });
            }
        });
    }
}
