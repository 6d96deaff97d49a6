//! A disk and a clock that misbehave on demand, under an unmodified program.
//!
//! `LD_PRELOAD` puts the shared object before the C library. It stands in the place of the
//! functions that write, sync, open and tell the time, and passes every call on, unless the
//! orders say otherwise:
//!
//! | variable | holds |
//! |---|---|
//! | `DOORWARD_FAULT_FOLDER` | the absolute path, without symbolic links, of the folder whose files misbehave |
//! | `DOORWARD_FAULT_CONTROL` | the file with the orders |
//!
//! Without both, nothing is changed. The file is read anew at every call, so an order is in force
//! for each call that begins after it was given. Give it whole, by renaming a finished file over
//! the old one. A file that is not there is no order; one that cannot be read or understood ends
//! the program, loudly. The words are in [`Orders`].
//!
//! Not seen: memory maps, `sync`, `syncfs`, `io_uring`, and files opened by a path that is not
//! absolute and free of `..` (writes to them are). A write is passed on whole or not at all. On a
//! processor of 32 bits the shared object is empty.
//!
//! To link this crate into a program would put the functions into that program. Have it as a
//! dev-dependency that nobody names, and load the shared object, which lies beside the tests'
//! executables in `deps`.

// What stands in C's place would do so in the unit tests' own program too. Where a long has 32 bits,
// C has other functions for files and times of 64: there it stands before none.
#[cfg(all(not(test), target_pointer_width = "64"))]
mod clock;
#[cfg(all(not(test), target_pointer_width = "64"))]
mod control;
#[cfg(all(not(test), target_pointer_width = "64"))]
mod files;
mod orders;
#[cfg(all(not(test), target_pointer_width = "64"))]
mod paths;
#[cfg(all(not(test), target_pointer_width = "64"))]
mod real;

pub use orders::{BadOrders, Fault, Orders};
