//! What the journal's thread is doing, seen from outside: a disk that does not answer holds it up
//! inside one order, and takes no processor's time; a loop that never ends takes a whole one.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What the thread had done when it was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Doing {
    /// Orders it is through with.
    pub done: u64,
    /// It is within one.
    pub busy: bool,
    /// The processor's time that it has taken. `None`: this kernel does not say.
    pub taken: Option<Duration>,
}

/// What the thread writes down.
#[derive(Debug, Default)]
pub(super) struct Log {
    begun: AtomicU64,
    done: AtomicU64,
    /// Where the kernel says what the thread has taken (proc(5), `schedstat`).
    taken: OnceLock<PathBuf>,
}

impl Log {
    /// The thread that calls this is the one.
    pub(super) fn begins_here(&self) {
        if let Ok(thread) = std::fs::read_link("/proc/thread-self") {
            let _ = self.taken.set(PathBuf::from("/proc").join(thread).join("schedstat"));
        }
    }

    pub(super) fn begin(&self) {
        self.begun.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn done(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn look(&self) -> Doing {
        let done = self.done.load(Ordering::Relaxed);
        let busy = self.begun.load(Ordering::Relaxed) > done;
        let taken = self.taken.get().and_then(|file| std::fs::read_to_string(file).ok());
        Doing { done, busy, taken: taken.as_deref().and_then(parse) }
    }
}

/// The first figure: nanoseconds on a processor.
fn parse(schedstat: &str) -> Option<Duration> {
    schedstat.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    #[test]
    fn an_order_under_way_is_seen_and_its_end() {
        let log = Log::default();
        assert!(!log.look().busy);
        log.begin();
        assert_eq!(log.look(), Doing { done: 0, busy: true, taken: None });
        log.done();
        assert_eq!(log.look(), Doing { done: 1, busy: false, taken: None });
    }

    #[test]
    fn what_a_thread_takes_is_read_and_grows_with_its_work() {
        assert_eq!(parse("2500000 7 3\n"), Some(Duration::from_micros(2500)));
        assert_eq!(parse(""), None);
        let log = Log::default();
        log.begins_here();
        let before = log.look().taken.unwrap();
        let mut sum = 0_u64;
        while log.look().taken.unwrap() < before + Duration::from_millis(20) {
            sum = (0..10_000).fold(sum, u64::wrapping_add);
        }
        std::hint::black_box(sum);
    }
}
