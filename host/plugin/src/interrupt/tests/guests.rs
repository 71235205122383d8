//! Components for the tests, as text.

/// What `short` of [`worker`] answers.
pub(super) const SHORT: u32 = 499_500;

/// A component of one module, whose exports are functions without parameters.
pub(super) fn single(module: &str, exports: &[&str]) -> String {
    let lifted: String = exports
        .iter()
        .map(|name| {
            format!(r#"(func (export "{name}") (result u32) (canon lift (core func $i "{name}")))"#)
        })
        .collect();
    format!("(component (core module $m {module}) (core instance $i (instantiate $m)) {lifted})")
}

/// Guests whose `go` never comes back, each in a way of its own.
pub(super) fn endless() -> Vec<(&'static str, String)> {
    let go = |body: &str| format!(r#"(func (export "go") (result i32) {body} (unreachable))"#);
    let one = |module: &str| single(module, &["go"]);
    vec![
        ("a loop", one(&go("(loop (br 0))"))),
        ("a loop beside memory", one(&format!("(memory 1) {}", go("(loop (br 0))")))),
        (
            "a loop that stores",
            one(&format!(
                "(memory 1) {}",
                go("(loop (i32.store (i32.const 0) (i32.load (i32.const 4))) (br 0))")
            )),
        ),
        ("a loop with parameters", one(&go("(i32.const 1) (loop (param i32) (br 0))"))),
        ("nested loops without a store", one(NESTED)),
        ("loops nested four deep", one(DEEP)),
        ("a loop entered by a table", one(&go("(loop (br_table 0 0 0 (i32.const 9)))"))),
        ("the same function twice", one(TWICE)),
        ("recursion without a loop", one(FIB)),
        ("recursion through a table", one(INDIRECT)),
        ("a chain of doubling calls", one(&doubling())),
        ("tail calls", one(TAIL)),
        ("loops behind branches", one(BRANCHES)),
        ("a loop around a host call", HOST_CALLS.to_owned()),
        ("a loop in another module", OTHER_MODULE.to_owned()),
        ("two modules that call each other", PING_PONG.to_owned()),
        ("copies from one component to another", LISTS.to_owned()),
    ]
}

/// The inner loop ends never, the outer one is there to poll at the same place.
const NESTED: &str = r#"(func (export "go") (result i32) (local i32)
    (loop $outer
        (loop $inner
            (local.set 0 (i32.add (local.get 0) (i32.const 2)))
            (br_if $inner (i32.ne (local.get 0) (i32.const 7)))
            (br $inner))
        (br $outer))
    (unreachable))"#;

const DEEP: &str = r#"(func (export "go") (result i32) (local i32)
    (loop $a (loop $b (loop $c (loop $d
        (local.set 0 (i32.add (local.get 0) (i32.const 2)))
        (br_if $d (i32.ne (local.get 0) (i32.const 1)))
        (br_if $c (i32.ne (local.get 0) (i32.const 3)))
        (br_if $b (i32.ne (local.get 0) (i32.const 5)))
        (br $a)))))
    (unreachable))"#;

/// The first call ends. Were it compiled into its caller twice, the polls of the
/// second would be the first's.
const TWICE: &str = r#"(func $count (param i32 i32) (result i32)
        (loop (local.set 0 (i32.add (local.get 0) (i32.const 2)))
            (br_if 0 (i32.ne (local.get 0) (local.get 1))))
        (local.get 0))
    (func (export "go") (result i32)
        (i32.add (call $count (i32.const 0) (i32.const 10))
                 (call $count (i32.const 0) (i32.const 11))))"#;

const FIB: &str = r#"(func $fib (param i32) (result i32)
        (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))
            (then (local.get 0))
            (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
                           (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
    (func (export "go") (result i32) (call $fib (i32.const 60)))"#;

const INDIRECT: &str = r#"(type $f (func (param i32)))
    (table 2 funcref) (elem (i32.const 0) $even $odd)
    (func $even (param i32)
        (if (local.get 0) (then
            (call_indirect (type $f) (i32.sub (local.get 0) (i32.const 1)) (i32.const 1))
            (call_indirect (type $f) (i32.sub (local.get 0) (i32.const 1)) (i32.const 1)))))
    (func $odd (param i32)
        (if (local.get 0) (then
            (call_indirect (type $f) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0))
            (call_indirect (type $f) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0)))))
    (func (export "go") (result i32)
        (call_indirect (type $f) (i32.const 60) (i32.const 0)) (unreachable))"#;

/// No function is ever on the stack twice.
fn doubling() -> String {
    let chain: String =
        (0..60).map(|i| format!("(func $f{i} (call $f{0}) (call $f{0}))", i + 1)).collect();
    format!(r#"{chain} (func $f60) (func (export "go") (result i32) (call $f0) (unreachable))"#)
}

const TAIL: &str = r#"(func $ping (result i32) (return_call $pong))
    (func $pong (result i32) (return_call $ping))
    (func (export "go") (result i32) (return_call $ping))"#;

const BRANCHES: &str = r#"(func (export "go") (result i32) (local i32)
    (loop $l
        (local.set 0 (i32.xor (local.get 0) (i32.const 1)))
        (if (local.get 0)
            (then (br $l))
            (else (block $b (br_if $b (local.get 0)) (br $l)))))
    (unreachable))"#;

const HOST_CALLS: &str = r#"(component
    (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
        (export "now" (func (result u64)))))
    (core func $now (canon lower (func $clock "now")))
    (core module $m (import "host" "now" (func $now (result i64)))
        (func (export "go") (result i32) (loop (drop (call $now)) (br 0)) (unreachable)))
    (core instance $i (instantiate $m
        (with "host" (instance (export "now" (func $now))))))
    (func (export "go") (result u32) (canon lift (core func $i "go"))))"#;

const OTHER_MODULE: &str = r#"(component
    (core module $a (func (export "spin") (result i32) (loop (br 0)) (unreachable)))
    (core module $b (import "a" "spin" (func $spin (result i32)))
        (func (export "go") (result i32) (call $spin)))
    (core instance $x (instantiate $a))
    (core instance $i (instantiate $b (with "a" (instance $x))))
    (func (export "go") (result u32) (canon lift (core func $i "go"))))"#;

/// Neither has a loop, nor a cycle of calls that is seen in one module.
const PING_PONG: &str = r#"(component
    (core module $a (table (export "t") 1 funcref) (type $f (func (param i32)))
        (func (export "ping") (param i32)
            (if (local.get 0) (then
                (call_indirect (type $f) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0))
                (call_indirect (type $f) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0))))))
    (core module $b (import "a" "ping" (func $ping (param i32))) (import "a" "t" (table 1 funcref))
        (elem (i32.const 0) $pong)
        (func $pong (param i32) (call $ping (local.get 0)) (call $ping (local.get 0)))
        (func (export "go") (result i32) (call $ping (i32.const 60)) (unreachable)))
    (core instance $x (instantiate $a))
    (core instance $i (instantiate $b (with "a" (instance $x))))
    (func (export "go") (result u32) (canon lift (core func $i "go"))))"#;

/// A list of a million lists, all of them the same two megabytes: the code that
/// copies them is nobody's module, and calls nothing but a function without loops.
const LISTS: &str = r#"(component
    (component $taker
        (core module $m (memory (export "memory") 256)
            (func (export "take") (param i32 i32))
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0)))
        (core instance $i (instantiate $m))
        (func (export "take") (param "lists" (list (list u8)))
            (canon lift (core func $i "take") (memory (core memory $i "memory"))
                (realloc (core func $i "realloc")))))
    (component $giver
        (import "take" (func $take (param "lists" (list (list u8)))))
        (core module $libc (memory (export "memory") 256))
        (core instance $libc (instantiate $libc))
        (core func $take (canon lower (func $take) (memory (core memory $libc "memory"))))
        (core module $m (import "libc" "memory" (memory 256))
            (import "host" "take" (func $take (param i32 i32)))
            (func (export "go") (result i32) (local i32)
                (loop
                    (i32.store offset=4 (local.get 0) (i32.const 2000000))
                    (local.set 0 (i32.add (local.get 0) (i32.const 8)))
                    (br_if 0 (i32.lt_u (local.get 0) (i32.const 8000000))))
                (call $take (i32.const 0) (i32.const 1000000))
                (i32.const 0)))
        (core instance $i (instantiate $m (with "libc" (instance $libc))
            (with "host" (instance (export "take" (func $take))))))
        (func (export "go") (result u32) (canon lift (core func $i "go"))))
    (instance $t (instantiate $taker))
    (instance $g (instantiate $giver (with "take" (func $t "take"))))
    (export "go" (func $g "go")))"#;

/// A guest with many exports, `go0` and on, each of which is endless.
pub(super) fn many_exports(count: usize) -> String {
    let names: Vec<String> = (0..count).map(|i| format!("go{i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let functions: String = names
        .iter()
        .map(|name| {
            format!(
                r#"(func (export "{name}") (result i32) (local i32)
                    (loop $a (loop $b (local.set 0 (i32.add (local.get 0) (i32.const 2)))
                        (br_if $b (i32.ne (local.get 0) (i32.const 1)))) (br $a)) (unreachable))"#
            )
        })
        .collect();
    single(&functions, &names)
}

/// Guests that are endless before they are there.
pub(super) fn endless_starts() -> Vec<(&'static str, String)> {
    vec![
        ("a start", single("(func (loop (br 0))) (start 0)", &[])),
        (
            "a start that recurses",
            single(
                "(func $f (param i32) (if (local.get 0) (then
                    (call $f (i32.sub (local.get 0) (i32.const 1)))
                    (call $f (i32.sub (local.get 0) (i32.const 1))))))
                 (func $go (call $f (i32.const 60))) (start $go)",
                &[],
            ),
        ),
        (
            "the start of a second module",
            "(component
                (core module $a (memory 1) (func (loop)) (start 0))
                (core module $b (func (loop (br 0))) (start 0))
                (core instance (instantiate $a))
                (core instance (instantiate $b)))"
                .to_owned(),
        ),
        (
            "the start of an inner component",
            "(component
                (component $c (core module $m (func (loop (br 0))) (start 0))
                    (core instance (instantiate $m)))
                (instance (instantiate $c)))"
                .to_owned(),
        ),
    ]
}

/// Guests without loops that take very long.
pub(super) fn long_and_straight() -> Vec<(&'static str, String)> {
    let fills = "(memory.fill (i32.const 0) (i32.const 1) (i32.const 33554432))".repeat(2_000);
    let calls = "(drop (call $now))".repeat(100_000);
    vec![
        (
            "two thousand fills",
            single(
                &format!(r#"(memory 512) (func (export "go") (result i32) {fills} (i32.const 0))"#),
                &["go"],
            ),
        ),
        (
            "a hundred thousand host calls",
            HOST_CALLS.replace(
                "(loop (drop (call $now)) (br 0)) (unreachable)",
                &format!("{calls} (i32.const 0)"),
            ),
        ),
    ]
}

/// A guest that works: `short` adds up to a thousand, `long` hashes a while.
pub(super) fn worker() -> String {
    single(
        r#"(memory 2)
        (func (export "short") (result i32) (local i32 i32)
            (loop
                (local.set 1 (i32.add (local.get 1) (local.get 0)))
                (local.set 0 (i32.add (local.get 0) (i32.const 1)))
                (br_if 0 (i32.lt_u (local.get 0) (i32.const 1000))))
            (local.get 1))
        (func $mix (param i32 i32) (result i32)
            (i32.mul (i32.xor (local.get 0) (local.get 1)) (i32.const 16777619)))
        (func (export "long") (result i32) (local $i i32) (local $hash i32)
            (local.set $hash (i32.const -2128831035))
            (loop
                (i32.store8 (i32.and (local.get $i) (i32.const 65535)) (local.get $hash))
                (local.set $hash (call $mix (local.get $hash)
                    (i32.load8_u (i32.and (i32.mul (local.get $i) (i32.const 7)) (i32.const 65535)))))
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br_if 0 (i32.lt_u (local.get $i) (i32.const 100000))))
            (local.get $hash))"#,
        &["short", "long"],
    )
}

/// What the first call of `long` of [`worker`] answers, and every next one.
pub(super) fn long() -> impl FnMut() -> u32 {
    let mut memory = vec![0u8; 65_536];
    move || {
        let mut hash = 0x811c_9dc5_u32;
        for i in 0..100_000_usize {
            memory[i & 65_535] = hash as u8;
            hash = (hash ^ u32::from(memory[(i * 7) & 65_535])).wrapping_mul(16_777_619);
        }
        hash
    }
}
