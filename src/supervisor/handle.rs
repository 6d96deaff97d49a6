//! The core's way to a running vendor process. Nothing here waits.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::throttle::Pauses;
use crate::link::{CommandOrder, Given, ReadRequest};

/// The way to a running vendor process.
#[derive(Debug, Clone)]
pub struct Vendor {
    /// Which life of the vendor's process; acknowledgements of another are void.
    pub life: u64,
    /// Its process, unless that has ended already.
    pub pid: Option<u32>,
    /// When it was about to be started.
    pub begun: Instant,
    pub(super) acks: watch::Sender<u64>,
    pub(super) held: watch::Sender<bool>,
    pub(super) last: watch::Sender<bool>,
    pub(super) reads: mpsc::Sender<Vec<ReadRequest>>,
    pub(super) commands: mpsc::Sender<CommandOrder>,
    /// What the process was given and has not ended; its reader checks by it.
    pub(super) given: Arc<Mutex<Given>>,
    pub(super) pauses: Pauses,
}

impl Vendor {
    /// Every signal up to `through` is handled.
    pub fn acknowledge(&self, through: u64) {
        self.acks.send_replace(through);
    }

    /// Whether its frames are left unread for now. Its silence is not its own then.
    pub fn hold(&self, held: bool) {
        self.held.send_if_modified(|was| std::mem::replace(was, held) != held);
    }

    /// Whether its process computes after all others, with what they leave of the processor.
    pub fn compute_last(&self, last: bool) {
        self.last.send_if_modified(|was| std::mem::replace(was, last) != last);
    }

    /// Whether it is read more slowly than it sends, now or within the last ten seconds.
    pub fn is_throttled(&self) -> bool {
        self.pauses.lately()
    }

    /// Asks for the state of devices again. Dropped if earlier requests still wait: a newer gap
    /// asks for all of them.
    pub fn read(&self, devices: Vec<ReadRequest>) {
        if self.reads.try_send(devices).is_err() {
            tracing::warn!("a vendor process does not take read requests");
        }
    }

    /// Hands a command over to this life's link, before anything else that waits for it; never
    /// waits itself. False: it was not, and surely nothing was written, because the life has ended,
    /// [`crate::link::MAX_GIVEN`] commands are open, or this one is.
    ///
    /// After true the process tells how it goes on, as [`crate::link::VendorFrame::Command`] of this life. If
    /// the life ends without that, it may have been written.
    pub fn command(&self, order: CommandOrder) -> bool {
        let id = order.id;
        if !given(&self.given).give(id) {
            return false;
        }
        let handed = self.commands.try_send(order).is_ok();
        if !handed {
            given(&self.given).take_back(id);
        }
        handed
    }
}

/// The open commands. Nothing panics while it holds them, so a poisoned lock is as good.
pub(super) fn given(shared: &Mutex<Given>) -> MutexGuard<'_, Given> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
