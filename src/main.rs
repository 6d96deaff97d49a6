//! Command line → one command.

use std::process::ExitCode;

fn main() -> ExitCode {
    doorward::commands::main()
}
