//! What a process gives up for good, so that who takes it over has little: limits, privileges,
//! system calls, files, ports.
//!
//! Two steps. [`prepare`] comes first of all and needs no knowledge of the task; [`lock_down`]
//! comes when that is known, and before the first byte of anybody else is read. Each layer is
//! tried after it was applied, and each says for itself whether it is in force ([`Layer`]): what the
//! kernel lacks is told, and what it has but does not hold ends the process.

pub mod attempts;
mod capabilities;
mod core_process;
mod descriptors;
mod files;
mod filter;
mod limits;
mod names;
mod process;
mod syscalls;
mod text;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use core_process::{CoreProfile, restrict_core};
pub use files::resolver_files;
pub use limits::Limits;
pub use process::{compute_last, this_thread_computes_last};
pub use text::ProgramText;

/// One layer of the sandbox, as it was found when it was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// One of [`LAYERS`], or another short word.
    pub name: String,
    pub in_force: bool,
    /// What holds, or why it does not; for people.
    pub detail: String,
}

/// The layers of a vendor process, in the order in which they are told.
pub const LAYERS: &[&str] = &[
    "limits",
    "descriptors",
    "environment",
    "no_new_privileges",
    "not_dumpable",
    "session",
    "capabilities",
    "landlock_files",
    "landlock_tcp",
    "landlock_scope",
    "seccomp",
];

/// What a process needs once it is locked down.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Profile {
    /// The one port that may be connected to over TCP; none: it has no sockets of the Internet at
    /// all.
    pub tcp_port: Option<u16>,
    /// Names are looked up: UDP sockets, and the resolver's files.
    pub names: bool,
    /// Files that may be read beside the resolver's. Those that are missing are left out.
    pub readable: Vec<PathBuf>,
}

/// Why a process may not go on.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It was applied, and does not hold.
    #[error("the layer {layer} is not in force: {reason}")]
    DoesNotHold { layer: &'static str, reason: String },
    /// It could not be applied, and the kernel is not too old for it.
    #[error("the layer {layer} cannot be applied: {reason}")]
    CannotApply { layer: &'static str, reason: String },
}

/// What was found while a process was prepared; [`lock_down`] adds to it.
#[derive(Debug, Default)]
pub struct Prepared {
    layers: Vec<Layer>,
}

impl Layer {
    fn holds(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name: name.to_owned(), in_force: true, detail: detail.into() }
    }

    fn lacks(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name: name.to_owned(), in_force: false, detail: detail.into() }
    }
}

/// The first step: what needs to know nothing. Called first in the process, with one thread and no
/// descriptor of its own: those beyond the standard streams are closed.
///
/// # Errors
/// A layer that every kernel has cannot be applied or does not hold.
pub fn prepare(limits: &Limits) -> Result<Prepared, Refused> {
    let mut layers = Vec::new();
    let closed = descriptors::close_strange();
    layers.push(limits::apply(limits)?);
    layers.push(descriptors::probe(closed)?);
    layers.push(process::environment()?);
    layers.push(process::no_new_privileges()?);
    layers.push(process::not_dumpable()?);
    layers.push(process::session());
    Ok(Prepared { layers })
}

/// The second step, for good: no file but `profile`'s is opened from here on, and no system call is
/// made but those that a translator's process needs. Called while there is one thread.
///
/// # Errors
/// As [`prepare`]; also where there is more than one thread, which would stay outside.
pub fn lock_down(prepared: Prepared, profile: &Profile) -> Result<Vec<Layer>, Refused> {
    let more_threads = process::more_threads();
    let mut layers = prepared.layers;
    if profile.names {
        names::load();
    }
    layers.push(capabilities::drop_all()?);
    layers.extend(files::restrict(profile)?);
    layers.push(filter::restrict(profile)?);
    // An emulator of user space, which has neither, has threads of its own.
    let by_thread = ["landlock_files", "seccomp"];
    let found = layers.iter().find(|layer| layer.in_force && by_thread.contains(&&*layer.name));
    if let (Some(reason), Some(_)) = (more_threads, found) {
        return Err(Refused::CannotApply { layer: "seccomp", reason });
    }
    Ok(layers)
}
