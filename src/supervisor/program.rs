//! What a vendor's process runs: `doorward-vendor`, which lies beside the core's own program. It is
//! opened once, so that a core that is replaced on the disk goes on with the one that it knows.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::OnceLock;

use rustix::fs::{Mode, OFlags};
use tokio::process::Command;

/// Its name.
const NAME: &str = "doorward-vendor";

/// Where it lies.
///
/// # Errors
/// Where this program lies cannot be found out.
pub fn program() -> io::Result<PathBuf> {
    Ok(std::fs::read_link("/proc/self/exe")?.with_file_name(NAME))
}

/// A vendor's process, to be started: with an empty environment but for `verbosity`, what it writes
/// to its log.
///
/// # Errors
/// The program is not there.
pub(super) fn process(vendor: &str, verbosity: &str) -> io::Result<Command> {
    static OPENED: OnceLock<File> = OnceLock::new();
    let opened = match OPENED.get() {
        Some(opened) => opened,
        None => OPENED.get_or_init({
            let opened = open()?;
            || opened
        }),
    };
    let mut command = Command::new(format!("/proc/self/fd/{}", opened.as_raw_fd()));
    command.arg0(NAME).arg(vendor).env_clear().env("RUST_LOG", verbosity).kill_on_drop(true);
    Ok(command)
}

fn open() -> io::Result<File> {
    let path = program()?;
    let opened = rustix::fs::open(&path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
    opened.map(File::from).map_err(|error| {
        let path = path.display();
        io::Error::new(
            io::Error::from(error).kind(),
            format!("{path}: {error}; it belongs beside doorward"),
        )
    })
}
