//! A vendor's process. A program of its own: nothing of the core's is in its memory, and little at
//! all.

use std::process::ExitCode;

fn main() -> ExitCode {
    doorward::commands::vendor()
}
