//! Says once that something fails, and once that it works again: a broken consumer is not mute,
//! and a long outage fills no log.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};

/// One kind of call, and whether its last one failed.
pub(super) struct Outage {
    operation: &'static str,
    failing: AtomicBool,
}

impl Outage {
    pub(super) const fn of(operation: &'static str) -> Self {
        Self { operation, failing: AtomicBool::new(false) }
    }

    /// A call failed, with this code: nothing of a message.
    pub(super) fn failed(&self, code: &dyn Display) {
        if !self.failing.swap(true, Ordering::Relaxed) {
            tracing::warn!(operation = self.operation, %code, "failing; told again when it works");
        }
    }

    /// A call succeeded.
    pub(super) fn worked(&self) {
        // Read first: that is all that most calls need.
        if self.failing.load(Ordering::Relaxed) && self.failing.swap(false, Ordering::Relaxed) {
            tracing::info!(operation = self.operation, "works again");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Level, Metadata, Subscriber};

    use super::*;

    /// How many warnings and how much information there was.
    #[derive(Clone, Default)]
    struct Count(Arc<[AtomicUsize; 2]>);

    impl Subscriber for Count {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }
        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn event(&self, event: &Event<'_>) {
            let [warnings, informations] = &*self.0;
            let level = *event.metadata().level();
            let told = if level == Level::WARN { warnings } else { informations };
            told.fetch_add(1, Ordering::SeqCst);
        }
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }

    #[test]
    fn a_row_of_failures_is_told_once_and_so_is_its_end() {
        let count = Count::default();
        let told = || count.0.each_ref().map(|told| told.load(Ordering::SeqCst));
        tracing::subscriber::with_default(count.clone(), || {
            let outage = Outage::of("Test");
            outage.worked();
            assert_eq!(told(), [0, 0]);
            outage.failed(&"Timeout");
            outage.failed(&"Timeout");
            assert_eq!(told(), [1, 0]);
            outage.worked();
            outage.worked();
            assert_eq!(told(), [1, 1]);
            outage.failed(&"Timeout");
            assert_eq!(told(), [2, 1]);
        });
    }
}
