//! Frames of the link as `tests/cli/link_frames.rs` reads them.
#![no_main]

#[path = "../../tests/cli/link_frames.rs"]
mod link_frames;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    link_frames::hold_for_input(input);
});
