//! The parts that the tests stand between.

pub mod boards;
pub mod broker;
pub mod certificates;
pub mod client;
pub mod device;
pub mod gateway;
pub mod moto;
pub mod sink;

use std::time::{Duration, Instant};

/// Waits for a condition; panics with `what` when it does not come in time.
pub fn wait_for<T>(what: &str, deadline: Duration, mut condition: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(begun.elapsed() < deadline, "not within {deadline:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The log of a part in its folder, which goes on over its restarts.
pub fn append_log(folder: &std::path::Path) -> std::fs::File {
    std::fs::File::options().create(true).append(true).open(folder.join("log")).unwrap()
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
