//! Records of columns against schemas, both made of the fuzzer's bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    tidelake_fuzz::columns(input);
});
