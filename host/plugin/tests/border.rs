//! What guests hand to the host, whatever it is: an error or sound. The properties
//! are those of the fuzz targets (`tests/fuzz`), held here against some thousand
//! inputs, the same in every run.
#![allow(missing_docs, unreachable_pub)]

#[path = "../../../tests/fuzz/src/lib.rs"]
mod border;

use std::cell::Cell;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

/// Holds a property against random bytes, and makes sure that not all of them are
/// refused, nor accepted: then nothing would be tested.
fn holds(cases: u32, property: fn(&[u8]) -> bool) {
    let config = ProptestConfig { cases, failure_persistence: None, ..Default::default() };
    let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let accepted = Cell::new(0);
    TestRunner::new_with_rng(config, random)
        .run(&vec(any::<u8>(), 0..600), |bytes| {
            accepted.set(accepted.get() + u32::from(property(&bytes)));
            Ok(())
        })
        .expect("holds");
    let accepted = accepted.get();
    assert!((cases / 20..cases - cases / 20).contains(&accepted), "{accepted} of {cases}");
}

#[test]
fn records_of_columns_are_refused_or_sound() {
    holds(20_000, border::columns);
}

#[test]
fn schemas_are_refused_or_sound() {
    holds(10_000, border::schema);
}
