//! What being able to stop a guest costs it.

use wasmtime::{Config, OptLevel};

use super::*;

/// Guests that do little between two polls; `go` is to be measured.
fn tight() -> Vec<(&'static str, String)> {
    let one = |module: &str| guests::single(module, &["go"]);
    vec![
        (
            "calls (fib 32)",
            one(r#"(func $fib (param i32) (result i32)
                    (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))
                        (then (local.get 0))
                        (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
                                       (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
                   (func (export "go") (result i32) (call $fib (i32.const 32)))"#),
        ),
        (
            "calls of a small leaf",
            one(r#"(memory 1)
                   (func $leaf (param i32) (result i32)
                    (i32.load8_u (i32.and (local.get 0) (i32.const 65535))))
                   (func (export "go") (result i32) (local i32 i32)
                    (loop
                        (local.set 1 (i32.add (local.get 1) (call $leaf (local.get 0))))
                        (local.set 0 (i32.add (local.get 0) (i32.const 1)))
                        (br_if 0 (i32.lt_u (local.get 0) (i32.const 20000000))))
                    (local.get 1))"#),
        ),
        (
            "bytes compared one by one",
            one(r#"(memory 3)
                   (func $compare (param i32 i32 i32) (result i32)
                    (loop (result i32)
                        (if (result i32) (i32.eqz (local.get 2)) (then (i32.const 0)) (else
                            (if (result i32)
                                (i32.ne (i32.load8_u (local.get 0)) (i32.load8_u (local.get 1)))
                                (then (i32.const 1))
                                (else
                                    (local.set 0 (i32.add (local.get 0) (i32.const 1)))
                                    (local.set 1 (i32.add (local.get 1) (i32.const 1)))
                                    (local.set 2 (i32.sub (local.get 2) (i32.const 1)))
                                    (br 2)))))))
                   (func (export "go") (result i32) (local i32)
                    (loop
                        (drop (call $compare (i32.const 0) (i32.const 65536) (i32.const 65536)))
                        (local.set 0 (i32.add (local.get 0) (i32.const 1)))
                        (br_if 0 (i32.lt_u (local.get 0) (i32.const 300))))
                    (i32.const 0))"#),
        ),
    ]
}

/// The best of several runs.
fn best(guest: &mut Guest) -> Duration {
    let hour = Duration::from_secs(3600);
    let run = |_| {
        let began = Instant::now();
        guest.call("go", hour).expect("answer");
        began.elapsed()
    };
    (0..7).map(run).min().unwrap_or_default()
}

/// A measurement: run it as `a_thousand_stops_are_quick`.
#[test]
#[ignore = "measures time"]
fn polls_cost_little() {
    /// Epochs, on an engine that does not look at them.
    #[derive(Debug)]
    struct Never;
    impl Interrupter for Never {
        fn kind(&self) -> Interruption {
            Interruption::Epochs
        }
        fn variant(&self) -> &'static str {
            "never"
        }
        fn configure(&self, _: &mut Config) {}
        fn watch(&self, _: &Engine) -> Result<()> {
            Ok(())
        }
        fn prepare<'a>(&self, component: &'a [u8]) -> wasmtime::Result<Prepared<'a>> {
            Ok(Prepared { component: Cow::Borrowed(component), images: Vec::new() })
        }
        fn timer(&self) -> Arc<dyn Timer> {
            epochs::Epochs::default().timer()
        }
    }
    let mut config = Config::new();
    config.cranelift_opt_level(OptLevel::Speed).concurrency_support(false).wasm_memory64(false);
    let engine = Engine::new(&config).expect("engine");
    let mut hosts = vec![("no deadlines", Host { engine, interrupter: Arc::new(Never) })];
    hosts.extend(Host::all().into_iter().map(|host| {
        let name = if host.is_polls() { "polls" } else { "epochs" };
        (name, host)
    }));
    for (name, text) in tight() {
        for (kind, host) in &hosts {
            let pre = host.compile(&text);
            let began = Instant::now();
            let mut guest = host.guest(&pre, PATIENCE).expect("instance");
            let made = began.elapsed();
            println!("{name}, {kind}: {:?} (instance made in {made:?})", best(&mut guest));
        }
    }
}
