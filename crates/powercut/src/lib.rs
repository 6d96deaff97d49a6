//! A disk under SQLite that loses what was not synced.
//!
//! [`PowercutVfs::register`] puts a shim between SQLite and its default VFS. For every file of the
//! watched folder it records what was written, truncated, synced, created and deleted, in one
//! order; everything else passes through. Afterwards [`Trace::cut`] writes to a fresh folder what
//! the disk might hold if the power had gone at a chosen place of that record, in one of the ways
//! of [`Shape`]. A test opens that folder and sees whether what was acknowledged is there.
//!
//! What the model holds a disk to, no more (POSIX `fsync`, `fdatasync`):
//! - A sync of a file makes its writes and its length durable, not its name.
//! - Names (creations, deletions, renames) are durable after a sync of their folder: SQLite's first
//!   sync of a new journal or WAL, and deletions under `synchronous=EXTRA`.
//! - Until then a write may be there, or not, or some of its sectors of [`SECTOR`] bytes.
//! - A write does not harm bytes beside it ([`Options::powersafe_overwrite`]).
//! - Changes of metadata (truncations, names) reach the disk in their order, except under
//!   [`Shape::UnlinkUndone`].
//! - After a sync that failed, what it should have written may be lost though a later one succeeds.
//!
//! The file `-shm` is no part of it: SQLite builds it anew after a crash. What a program does to the
//! folder without SQLite is found when SQLite next opens or deletes a file there, and is unsynced
//! until [`Recorder::outside_synced`].

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "test equipment: what does not work fails the test by panicking"
)]

mod cut;
mod disk;
mod folder;
mod image;
mod log;
#[cfg(test)]
mod model_tests;
mod recorder;
mod shape;
mod shim;
mod trace;

pub use cut::Cut;
pub use log::Fault;
pub use recorder::{Options, PowercutVfs, Recorder, TRACE_LIMIT};
pub use shape::Shape;
pub use trace::Trace;

/// What a disk writes wholly or not at all, in bytes: the smallest sector in use.
pub const SECTOR: usize = 512;
