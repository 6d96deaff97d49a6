//! Bytes and times on a line as `tests/modbus_invariants` reads them.
#![no_main]

#[allow(dead_code)]
#[path = "../../tests/modbus_invariants/mod.rs"]
mod modbus_invariants;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    modbus_invariants::hold_for_input(input);
});
