//! Schema messages, damaged by the fuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    tidelake_fuzz::schema(input);
});
