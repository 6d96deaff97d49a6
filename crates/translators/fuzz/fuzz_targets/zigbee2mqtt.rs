//! Messages as `tests/invariants` reads them: flag, topic, line feed, payload.
#![no_main]

#[allow(dead_code)]
#[path = "../../tests/invariants/mod.rs"]
mod invariants;

libfuzzer_sys::fuzz_target!(|input: &[u8]| invariants::hold_for_input(input));
