//! The parts that the tests stand between.

pub mod boards;
pub mod broker;
pub mod certificates;
pub mod client;
pub mod controller;
pub mod device;
pub mod disk;
pub mod gateway;
pub mod lock;
pub mod sink;

pub use doorward_emulator::{free_port, wait_for};

/// The log of a part in its folder, which goes on over its restarts.
pub fn append_log(folder: &std::path::Path) -> std::fs::File {
    std::fs::File::options().create(true).append(true).open(folder.join("log")).unwrap()
}
