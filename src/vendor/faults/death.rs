//! Faults that end the process at once.

use std::hint::black_box;
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};

use super::Hand;
use super::order::Outcome;

/// The status with which it ends.
const STATUS: i32 = 66;

#[expect(clippy::disallowed_methods, reason = "that is the fault")]
pub fn exit() {
    std::process::exit(STATUS);
}

/// The signal, without a wrong address: this crate has no `unsafe`. The first one only takes the
/// runtime's own handler away. Where a process may send none, the stack's end does it.
#[expect(clippy::disallowed_methods, reason = "what goes wrong here may block its own thread")]
pub fn segfault(hand: &Hand) {
    for _ in 0..3 {
        // A signal that still waits would swallow the next one.
        std::thread::sleep(Duration::from_millis(2));
        if let Err(error) = kill_process(getpid(), Signal::SEGV) {
            hand.tried("signal itself", Outcome::Denied(error.to_string()));
        }
    }
    black_box(descend(0));
}

/// Without end: the frame's array keeps it from being a loop.
#[expect(unconditional_recursion, reason = "that is the fault")]
fn descend(depth: u64) -> u64 {
    let frame = black_box([depth; 512]);
    descend(depth + 1) + frame.iter().sum::<u64>()
}
