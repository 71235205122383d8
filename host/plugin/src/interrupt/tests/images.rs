//! Memories that begin with data, against both ways of stopping guests: with polls it is
//! mapped, with epochs wasmtime writes it, and a guest cannot tell which.

use super::*;

/// More than what stays in a module.
const LARGE: usize = 100_000;
const PAGE: usize = 65_536;

/// `(func (export "name"))` that hashes all bytes of a memory, its size included.
fn hash(name: &str, memory: usize) -> String {
    format!(
        r#"(func (export "{name}") (result i32) (local $at i32) (local $hash i32)
            (loop $next
                (local.set $hash (i32.add (i32.mul (local.get $hash) (i32.const 31))
                    (i32.load8_u {memory} (local.get $at))))
                (local.set $at (i32.add (local.get $at) (i32.const 1)))
                (br_if $next (i32.lt_u (local.get $at)
                    (i32.mul (memory.size {memory}) (i32.const 65536)))))
            (local.get $hash))"#
    )
}

/// The same of what a memory should be.
fn hashed(memory: &[u8]) -> u32 {
    memory.iter().fold(0, |hash, byte| hash.wrapping_mul(31).wrapping_add(u32::from(*byte)))
}

/// A memory of so many pages, with texts written into it, in order.
fn memory(pages: usize, texts: &[(usize, &str)]) -> Vec<u8> {
    let mut memory = vec![0; pages * PAGE];
    for (at, text) in texts {
        memory[*at..at + text.len()].copy_from_slice(text.as_bytes());
    }
    memory
}

fn answer(guest: &mut Guest, name: &str) -> u32 {
    guest.call(name, Duration::from_secs(30)).expect("answer")
}

#[test]
fn instances_begin_alike_and_do_not_see_each_other() {
    let large = "abcdefghij".repeat(LARGE / 10);
    let module = format!(
        r#"(memory 4 9) (data (i32.const 70000) "{large}") (data (i32.const 70003) "over")
           (data $passive "passive") (data $taken (i32.const 3) "low")
           {}
           (func (export "write") (result i32)
                (memory.fill (i32.const 70001) (i32.const 7) (i32.const 90000)) (i32.const 0))
           (func (export "grow") (result i32) (memory.grow (i32.const 5)))
           (func (export "init") (result i32)
                (memory.init $passive (i32.const 9) (i32.const 0) (i32.const 7)) (i32.const 0))
           (func (export "again") (result i32)
                (memory.init $taken (i32.const 9) (i32.const 0) (i32.const 1)) (i32.const 0))"#,
        hash("hash", 0)
    );
    let begin = memory(4, &[(70_000, &large), (70_003, "over"), (3, "low")]);
    let (mut written, mut grown) = (begin.clone(), begin.clone());
    written[70_001..160_001].fill(7);
    grown.resize(9 * PAGE, 0);
    grown[9..16].copy_from_slice(b"passive");
    for host in Host::all() {
        let exports = ["hash", "write", "grow", "init", "again"];
        let pre = host.compile(&guests::single(&module, &exports));
        assert_eq!(pre.images.of(1).count(), usize::from(host.is_polls()));
        let make = || host.guest(&pre, PATIENCE).expect("instance");
        let (mut first, mut second) = (make(), make());
        assert_eq!(answer(&mut first, "hash"), hashed(&begin));
        answer(&mut first, "write");
        assert_eq!(answer(&mut first, "hash"), hashed(&written));
        assert_eq!(answer(&mut second, "hash"), hashed(&begin));
        assert_eq!(answer(&mut second, "grow"), 4);
        answer(&mut second, "init");
        assert_eq!(answer(&mut second, "hash"), hashed(&grown));
        // Once instantiated, an active segment is empty.
        assert!(second.call("again", PATIENCE).is_err());
        drop((first, second));
        assert_eq!(answer(&mut make(), "hash"), hashed(&begin));
    }
}

/// One module twice, one with several memories, one without code, one that writes into
/// another's memory, and one in a component of its own.
#[test]
fn every_memory_of_a_component_begins_with_its_own() {
    let texts: Vec<String> =
        ["a1", "b2", "c3", "d4", "e5"].iter().map(|letters| letters.repeat(LARGE / 2)).collect();
    let [a, b, c, d, e] = &texts[..] else { panic!("five") };
    let (first, second, inner) = (hash("first", 0), hash("second", 1), hash("inner", 0));
    let component = format!(
        r#"(component
            (core module $mute (memory (export "m") 3) (data (i32.const 5) "{c}"))
            (core module $two
                (memory 2) (memory (export "m") 3)
                (data (memory 1) (i32.const 65536) "{b}") (data (i32.const 1) "{a}")
                {first} {second}
                (func (export "spoil") (result i32)
                    (memory.fill 1 (i32.const 0) (i32.const 1) (i32.const 196608)) (i32.const 0)))
            (core module $guest
                (import "of" "m" (memory 3)) (memory 2)
                (data (memory 1) (i32.const 9) "{d}") (data (memory 0) (i32.const 0) "{e}")
                {first} {second})
            (component $inside
                (core module $in (memory 2) (data (i32.const 4) "{e}") {inner})
                (core instance $i (instantiate $in))
                (func (export "inner") (result u32) (canon lift (core func $i "inner"))))
            (core instance $mute (instantiate $mute))
            (core instance $one (instantiate $two))
            (core instance $other (instantiate $two))
            (core instance $g (instantiate $guest (with "of" (instance $mute))))
            (instance $deep (instantiate $inside))
            (func (export "one-first") (result u32) (canon lift (core func $one "first")))
            (func (export "one-second") (result u32) (canon lift (core func $one "second")))
            (func (export "spoil") (result u32) (canon lift (core func $one "spoil")))
            (func (export "other-first") (result u32) (canon lift (core func $other "first")))
            (func (export "other-second") (result u32) (canon lift (core func $other "second")))
            (func (export "guest-first") (result u32) (canon lift (core func $g "first")))
            (func (export "guest-second") (result u32) (canon lift (core func $g "second")))
            (export "inner" (func $deep "inner")))"#
    );
    let expected = [
        ("one-first", memory(2, &[(1, a)])),
        ("one-second", memory(3, &[(PAGE, b)])),
        ("other-first", memory(2, &[(1, a)])),
        ("other-second", memory(3, &[(PAGE, b)])),
        ("guest-first", memory(3, &[(5, c), (0, e)])),
        ("guest-second", memory(2, &[(9, d)])),
        ("inner", memory(2, &[(4, e)])),
    ];
    for host in Host::all() {
        let pre = host.compile(&component);
        for _ in 0..2 {
            let mut guest = host.guest(&pre, PATIENCE).expect("instance");
            answer(&mut guest, "spoil");
            for (name, memory) in &expected {
                if *name != "one-second" {
                    assert_eq!(answer(&mut guest, name), hashed(memory), "{name}");
                }
            }
            let mut guest = host.guest(&pre, PATIENCE).expect("instance");
            assert_eq!(answer(&mut guest, "one-second"), hashed(&expected[1].1));
        }
    }
}

#[test]
fn data_that_does_not_fit_is_a_trap_as_ever() {
    let large = "x".repeat(LARGE);
    for segments in [
        format!(r#"(data (i32.const 31073) "{large}")"#),
        format!(r#"(data (i32.const 0) "{large}") (data (i32.const 131073) "")"#),
        format!(r#"(data (i32.const 131070) "end") (data (i32.const 0) "{large}")"#),
        format!(r#"(data (i32.const 0) "{large}") (data (i32.const -1) "x")"#),
    ] {
        let module = format!("(memory 2) {segments} {}", hash("hash", 0));
        for host in Host::all() {
            let pre = host.compile(&guests::single(&module, &["hash"]));
            let error = host.guest(&pre, PATIENCE).err().expect("a trap");
            let trap = error.downcast_ref::<Trap>().copied();
            assert_eq!(trap, Some(Trap::MemoryOutOfBounds), "{error:?}");
        }
    }
    // Up to the last byte it does.
    let module = format!(r#"(memory 2) (data (i32.const 31072) "{large}") {}"#, hash("hash", 0));
    for host in Host::all() {
        let pre = host.compile(&guests::single(&module, &["hash"]));
        let mut guest = host.guest(&pre, PATIENCE).expect("instance");
        assert_eq!(answer(&mut guest, "hash"), hashed(&memory(2, &[(31_072, &large)])));
    }
}

/// Images count as the memory that they are in: a cap holds for it.
#[test]
fn an_image_beyond_the_cap_is_refused() {
    let pages = CAP / 65_536 + 1;
    let module = format!(
        r#"(memory {pages}) (data (i32.const 0) "{}") {}"#,
        "x".repeat(LARGE),
        hash("hash", 0)
    );
    for host in Host::all() {
        let pre = host.compile(&guests::single(&module, &["hash"]));
        assert!(host.guest(&pre, PATIENCE).is_err());
    }
}
