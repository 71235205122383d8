//! Guests that never come back, against both ways of stopping them.

mod cost;
mod guests;
mod images;
mod stress;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tidelake_core::config::Interruption;
use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime::{Engine, Store, Trap, component};

use super::*;
use crate::bindings::v0_1;
use crate::run::limits::Limits;
use crate::run::state::Shared;
use crate::{engine, inert};

/// Memory cap of the guests here.
const CAP: u64 = 64 << 20;
/// Time of one call of a guest that shall be stopped.
const LIMIT: Duration = Duration::from_millis(20);
/// Far more than stopping takes, on the busiest of machines.
const PATIENCE: Duration = Duration::from_secs(1);

/// An engine, and what stops its guests.
struct Host {
    engine: Engine,
    interrupter: Arc<dyn Interrupter>,
}

impl Host {
    fn new(kind: Interruption) -> Self {
        let (engine, interrupter) = choose(kind, engine::build).expect("engine");
        assert_eq!(interrupter.kind(), kind);
        Self { engine, interrupter }
    }

    /// Both kinds; one, where there is one.
    fn all() -> Vec<Self> {
        match Interruption::default() {
            Interruption::Polls => {
                vec![Self::new(Interruption::Polls), Self::new(Interruption::Epochs)]
            }
            Interruption::Epochs => vec![Self::new(Interruption::Epochs)],
        }
    }

    fn is_polls(&self) -> bool {
        self.interrupter.kind() == Interruption::Polls
    }

    fn compile(&self, text: &str) -> Compiled {
        let bytes = wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"));
        let Prepared { component, images } = self.interrupter.prepare(&bytes).expect("prepared");
        let images = Arc::new(self.interrupter.hold(&images).expect("held"));
        Compiled { images, pre: self.compile_as_is(&component) }
    }

    fn compile_as_is(&self, bytes: &[u8]) -> InstancePre<State> {
        let component = Component::new(&self.engine, bytes).expect("compiled");
        let mut linker = Linker::new(&self.engine);
        v0_1::link(&mut linker).expect("linked");
        inert::link(&mut linker, &component, false).expect("linked");
        linker.instantiate_pre(&component).expect("linked")
    }

    /// A store without instances, and its timer.
    fn store(&self) -> (Store<State>, Arc<dyn Timer>) {
        let timer = self.interrupter.timer();
        let shared = Shared {
            name: "guest".to_owned(),
            counters: Arc::default(),
            recycler: Arc::default(),
            output_cap: 1 << 20,
            reach: crate::capabilities::Reach::default(),
        };
        let limits = Limits::new(CAP, self.interrupter.marker());
        let state = State::new(Arc::new(shared), limits, Arc::clone(&timer));
        let mut store = Store::new(&self.engine, state);
        store.limiter(|state| &mut state.limits);
        (store, timer)
    }

    /// An instance, made within a time.
    fn guest(&self, guest: &Compiled, limit: Duration) -> wasmtime::Result<Guest> {
        let (mut store, timer) = self.store();
        let instance =
            timed(&*timer, &mut store, limit, |store| instantiate(&*timer, guest, store))?;
        Ok(Guest { store, timer, instance })
    }
}

fn instantiate(
    timer: &dyn Timer,
    guest: &Compiled,
    store: &mut Store<State>,
) -> wasmtime::Result<component::Instance> {
    let mut made = Err(wasmtime::format_err!("nothing was made"));
    timer.adopt(&guest.images, &mut || made = guest.pre.instantiate(&mut *store));
    made
}

/// A component that was compiled, and what its memories begin with.
#[derive(Clone)]
struct Compiled {
    pre: InstancePre<State>,
    images: Arc<Images>,
}

struct Guest {
    store: Store<State>,
    timer: Arc<dyn Timer>,
    instance: component::Instance,
}

impl Guest {
    fn call(&mut self, name: &str, limit: Duration) -> wasmtime::Result<u32> {
        let function = self.instance.get_typed_func::<(), (u32,)>(&mut self.store, name)?;
        let answer = timed(&*self.timer, &mut self.store, limit, |store| function.call(store, ()));
        answer.map(|(value,)| value)
    }
}

fn assert_stopped<T>(what: &str, host: &Host, answer: wasmtime::Result<T>, since: Instant) {
    assert_stopped_at(LIMIT, what, host, answer, since);
}

fn assert_stopped_at<T>(
    limit: Duration,
    what: &str,
    host: &Host,
    answer: wasmtime::Result<T>,
    since: Instant,
) {
    let took = since.elapsed();
    let kind = host.interrupter.kind();
    match answer {
        Ok(_) => panic!("{what} came back, with {kind:?}"),
        Err(error) => assert_eq!(
            error.downcast_ref::<Trap>(),
            Some(&Trap::Interrupt),
            "{what}, with {kind:?}: {error:?}"
        ),
    }
    assert!(took >= limit, "{what} was stopped after {took:?}, with {kind:?}");
    assert!(took < limit + PATIENCE, "{what} ran for {took:?}, with {kind:?}");
}

#[test]
fn what_never_ends_is_stopped() {
    for host in Host::all() {
        for (name, text) in guests::endless() {
            let pre = host.compile(&text);
            for _ in 0..2 {
                let mut guest = host.guest(&pre, PATIENCE).expect("instance");
                let since = Instant::now();
                let answer = guest.call("go", LIMIT);
                assert_stopped(name, &host, answer, since);
            }
        }
    }
}

#[test]
fn every_export_of_a_guest_is_stopped() {
    for host in Host::all() {
        let pre = host.compile(&guests::many_exports(20));
        for i in 0..20 {
            let mut guest = host.guest(&pre, PATIENCE).expect("instance");
            let since = Instant::now();
            let answer = guest.call(&format!("go{i}"), LIMIT);
            assert_stopped("an export", &host, answer, since);
        }
    }
}

#[test]
fn a_start_that_never_ends_is_stopped() {
    for host in Host::all() {
        for (name, text) in guests::endless_starts() {
            let pre = host.compile(&text);
            let since = Instant::now();
            assert_stopped(name, &host, host.guest(&pre, LIMIT), since);
        }
    }
}

/// Straight code without a loop, which epochs cannot stop: it ends by itself.
#[test]
fn long_straight_code_is_stopped_by_polls() {
    if Interruption::default() != Interruption::Polls {
        return;
    }
    let host = Host::new(Interruption::Polls);
    for (name, text) in guests::long_and_straight() {
        let pre = host.compile(&text);
        let mut guest = host.guest(&pre, PATIENCE).expect("instance");
        let since = Instant::now();
        // It ends by itself, on a fast machine before `LIMIT`.
        let limit = LIMIT / 10;
        let answer = guest.call("go", limit);
        assert_stopped_at(limit, name, &host, answer, since);
    }
}

#[test]
fn what_is_in_time_is_left_alone() {
    for host in Host::all() {
        let pre = host.compile(&guests::worker());
        let mut guest = host.guest(&pre, PATIENCE).expect("instance");
        for _ in 0..200 {
            // Deadlines come and go between the calls, and must not matter.
            assert_eq!(guest.call("short", PATIENCE).expect("result"), guests::SHORT);
        }
        guest.call("short", Duration::from_millis(1)).ok();
        std::thread::sleep(Duration::from_millis(10));
        assert_eq!(guest.call("short", PATIENCE).expect("result"), guests::SHORT);
    }
}

/// A call that ends just after its deadline: late, but whole; and the instance
/// works on.
#[test]
fn an_instance_that_was_late_works_on() {
    for host in Host::all().iter().filter(|host| host.is_polls()) {
        let pre = host.compile(&guests::worker());
        let mut guest = host.guest(&pre, PATIENCE).expect("instance");
        let Guest { store, timer, .. } = &mut guest;
        let late = timed(&**timer, store, Duration::from_millis(1), |store| {
            while store.data().in_time().is_ok() {
                std::thread::yield_now();
            }
            Ok(7)
        });
        assert_eq!(late.expect("whole"), 7);
        assert_eq!(guest.call("short", PATIENCE).expect("result"), guests::SHORT);
    }
}

/// A crash is a crash, before the deadline as ever.
#[test]
fn memory_faults_of_guests_stay_what_they_are() {
    for host in Host::all() {
        let pre = host.compile(&guests::single(
            r#"(memory 1) (func (export "go") (result i32) (i32.load (i32.const 65536)))"#,
            &["go"],
        ));
        let mut guest = host.guest(&pre, PATIENCE).expect("instance");
        let error = guest.call("go", PATIENCE).expect_err("crash");
        assert_eq!(error.downcast_ref::<Trap>(), Some(&Trap::MemoryOutOfBounds));
    }
}

/// Guests have the same memory, whatever stops them.
#[test]
fn caps_are_the_same() {
    for host in Host::all() {
        let pre = host.compile(&guests::single(
            r#"(memory 1) (func (export "go") (result i32)
                (loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
                (memory.size))"#,
            &["go"],
        ));
        let mut guest = host.guest(&pre, PATIENCE).expect("instance");
        let pages = guest.call("go", PATIENCE).expect("pages");
        assert_eq!(u64::from(pages), CAP / 65_536, "{:?}", host.interrupter.kind());
        assert_eq!(guest.store.data().limits.used(), CAP);
    }
}

/// Data that a guest brings along is there, and memory is zero beside it.
#[test]
fn memories_begin_as_they_must() {
    for host in Host::all() {
        let pre = host.compile(&guests::single(
            r#"(memory 3) (data (i32.const 65534) "\01\02\03\04")
               (func (export "data") (result i32) (i32.load (i32.const 65534)))
               (func (export "zero") (result i32) (i32.load (i32.const 131072)))
               (func (export "grown") (result i32)
                (drop (memory.grow (i32.const 2))) (i32.load (i32.const 327676)))"#,
            &["data", "zero", "grown"],
        ));
        let mut guest = host.guest(&pre, PATIENCE).expect("instance");
        assert_eq!(guest.call("data", PATIENCE).expect("data"), 0x0403_0201);
        assert_eq!(guest.call("zero", PATIENCE).expect("zero"), 0);
        assert_eq!(guest.call("grown", PATIENCE).expect("zero"), 0);
    }
}

/// Polls are refused where they must be, before anything is compiled.
#[test]
fn no_guest_can_touch_a_poll_page() {
    for host in Host::all().iter().filter(|host| host.is_polls()) {
        let thief = wat::parse_str(guests::single(
            r#"(memory 1) (func (export "go") (result i32) (i32.load 1 (i32.const 0)))"#,
            &["go"],
        ));
        let error = host.interrupter.prepare(&thief.expect("text")).expect_err("refused");
        assert!(format!("{error:?}").contains("unknown memory 1"), "{error:?}");
        let double = wat::parse_str("(component (core module (memory 1 65521)))").expect("text");
        let error = host.interrupter.prepare(&double).expect_err("refused");
        assert!(error.to_string().contains("keeps for itself"), "{error:?}");
    }
}

/// Why every poll has an address of its own: with one for both loops the inner one
/// is not stopped. This shows what the compiler does with loads; it is not a test
/// of anything here.
#[test]
#[ignore = "shows how the compiler merges loads; takes seconds"]
fn one_address_for_two_loops_would_not_do() {
    for host in Host::all().iter().filter(|host| host.is_polls()) {
        for (outer, inner) in [(0, 1), (0, 0)] {
            let text = guests::single(
                &format!(
                    r#"(memory 1 65521) (func (export "go") (result i32) (local i32)
                        (loop $outer
                            (drop (i32.load8_u offset={outer} (i32.const 0)))
                            (local.set 0 (i32.const 0))
                            (loop $inner
                                (drop (i32.load8_u offset={inner} (i32.const 0)))
                                (local.set 0 (i32.add (local.get 0) (i32.const 1)))
                                (br_if $inner (i32.ne (local.get 0) (i32.const -1))))
                            (br $outer))
                        (unreachable))"#
                ),
                &["go"],
            );
            let pre = host.compile_as_is(&wat::parse_str(text).expect("text"));
            let pre = Compiled { pre, images: Arc::default() };
            let mut guest = host.guest(&pre, PATIENCE).expect("instance");
            let since = Instant::now();
            assert!(guest.call("go", LIMIT).is_err());
            println!("polls at {outer} and {inner}: stopped after {:?}", since.elapsed());
        }
    }
}
