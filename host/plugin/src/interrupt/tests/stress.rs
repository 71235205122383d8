//! Many stops, while others work.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

/// Stops guests of every kind, as many as asked for, while eight others work on as
/// many threads as given. Answers how long each ran on after the watchdog had
/// closed its gate, or with epochs, after its deadline.
fn stop(host: &Host, stops: usize, threads: usize) -> Vec<Duration> {
    let mut calls: Vec<_> = guests::endless()
        .into_iter()
        // Copying lists ends at the end of a list.
        .filter(|(name, _)| !name.starts_with("copies"))
        .map(|(name, text)| (name.to_owned(), "go".to_owned(), host.compile(&text)))
        .collect();
    let many = host.compile(&guests::many_exports(8));
    calls.extend((0..8).map(|i| (format!("export {i}"), format!("go{i}"), many.clone())));
    let starts: Vec<_> =
        guests::endless_starts().iter().map(|(_, text)| host.compile(text)).collect();
    let worker = host.compile(&guests::worker());

    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|thread| {
                let (done, worker) = (&done, &worker);
                scope.spawn(move || {
                    let mut others: Vec<_> = (thread..8)
                        .step_by(threads)
                        .map(|_| (host.guest(worker, PATIENCE).expect("worker"), guests::long()))
                        .collect();
                    let mut rounds = 0;
                    while !done.load(Ordering::Relaxed) {
                        for (guest, expected) in &mut others {
                            let answer = guest.call("long", Duration::from_secs(60));
                            assert_eq!(answer.expect("result"), expected());
                        }
                        rounds += 1;
                    }
                    rounds
                })
            })
            .collect();
        let stopped = (0..stops)
            .map(|i| {
                // Deadlines of all lengths, to meet the guest wherever it is.
                let limit = Duration::from_micros(2_000 + (i as u64 * 7919) % 6_000);
                let kinds = calls.len() + starts.len();
                match calls.get(i % kinds) {
                    Some((name, export, pre)) => stop_call(host, pre, name, export, limit),
                    None => stop_start(host, &starts[i % kinds - calls.len()], limit),
                }
            })
            .collect();
        done.store(true, Ordering::Relaxed);
        for worker in workers {
            assert!(worker.join().expect("undisturbed") > 0);
        }
        stopped
    })
}

fn stop_call(host: &Host, pre: &Compiled, name: &str, export: &str, limit: Duration) -> Duration {
    let mut guest = host.guest(pre, PATIENCE).expect("instance");
    let function =
        guest.instance.get_typed_func::<(), (u32,)>(&mut guest.store, export).expect("export");
    let Guest { store, timer, .. } = &mut guest;
    stop_work(&**timer, store, limit, name, |store| function.call(store, ()).map(drop))
}

fn stop_start(host: &Host, pre: &Compiled, limit: Duration) -> Duration {
    let (mut store, timer) = host.store();
    stop_work(&*timer, &mut store, limit, "a start", |store| {
        instantiate(&*timer, pre, store).map(drop)
    })
}

/// As [`timed`] does it, with a look at the clock.
fn stop_work(
    timer: &dyn Timer,
    store: &mut Store<State>,
    limit: Duration,
    name: &str,
    work: impl FnOnce(&mut Store<State>) -> wasmtime::Result<()>,
) -> Duration {
    let deadline = Instant::now() + limit;
    timer.arm(store, limit);
    let answer = work(store);
    let returned = Instant::now();
    let fired = match timer.disarm() {
        Verdict::InTime => deadline,
        Verdict::Late(at) => at,
        Verdict::Dead(_) => panic!("{name} cannot run again"),
    };
    let trap = answer.expect_err(name).downcast::<Trap>().expect(name);
    assert!(matches!(trap, Trap::Interrupt | Trap::MemoryOutOfBounds), "{name}: {trap}");
    returned.saturating_duration_since(fired)
}

fn report(host: &Host, threads: usize, mut took: Vec<Duration>) -> Duration {
    took.sort_unstable();
    let at = |part: usize| took[(took.len() * part).div_ceil(1000).max(1) - 1];
    println!(
        "{:?}, 8 others on {threads} threads: {} of {} stopped, p50 {:?}, p99 {:?}, max {:?}",
        host.interrupter.kind(),
        took.len(),
        took.len(),
        at(500),
        at(990),
        at(1000),
    );
    at(990)
}

fn other_cores() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| (cores.get() - 1).clamp(1, 8))
}

#[test]
fn guests_are_stopped_while_others_work() {
    for host in Host::all() {
        let took = stop(&host, 50, other_cores());
        assert!(took.iter().all(|took| *took < PATIENCE), "{took:?}");
    }
}

/// A measurement: run it on a machine that does nothing else, with
/// `cargo test -p tidelake-plugin --lib -- --ignored --nocapture a_thousand`.
///
/// The others take all cores but one, as units do, of which there is one a core.
/// With eight threads for the eight of them the time that the stopped thread waits
/// for a core is measured too: it is printed, and no promise.
#[test]
#[ignore = "measures time"]
fn a_thousand_stops_are_quick() {
    for host in Host::all() {
        let p99 = report(&host, other_cores(), stop(&host, 1_000, other_cores()));
        if host.is_polls() {
            assert!(p99 <= Duration::from_millis(5), "{p99:?}");
        }
        report(&host, 8, stop(&host, 1_000, 8));
    }
}
