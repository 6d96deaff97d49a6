//! Signs of life: one at the start, and then one about every interval, through the same queue.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use super::fate::Pending;
use super::queue::Queue;
use crate::draft::Draft;
use crate::envelope::{Envelope, PublisherId};
use crate::handshake::Handshake;
use crate::validate::Invalid;

pub(super) struct Handshakes {
    pub(super) queue: Arc<Queue>,
    pub(super) publisher: PublisherId,
    pub(super) tenant: Arc<str>,
    pub(super) handshake: Handshake,
}

impl Handshakes {
    /// The event, as of now.
    pub(super) fn draft(&self) -> Result<Draft, Invalid> {
        self.handshake.draft(Envelope::now(self.publisher.clone(), Arc::clone(&self.tenant)))
    }

    /// Sends one after the other; the first is in the queue already.
    ///
    /// The next one is not sent before the last has its fate. Its time is spread: the first pause
    /// over the whole interval, further ones over its last tenth, so that a fleet started together
    /// does not beat together and the interval that a handshake promises is kept.
    pub(super) async fn run(self, first: Pending) -> Infallible {
        let interval = self.handshake.interval;
        let mut pause = interval.mul_f64(fastrand::f64());
        let mut last = Some(first);
        loop {
            tokio::time::sleep(pause.max(Duration::from_millis(1))).await;
            pause = interval.mul_f64(1.0 - fastrand::f64() / 10.0);
            if let Some(last) = last.take() {
                // Who settles it tells the hooks.
                drop(last.await);
            }
            match self.draft() {
                Ok(draft) => match self.queue.send(self.queue.ready(&draft, true)).await {
                    Ok(pending) => last = Some(pending),
                    // Closed.
                    Err(_) => return std::future::pending().await,
                },
                // The first one was valid, and only id and time have changed since.
                Err(invalid) => tracing::error!(%invalid, "a handshake is not sent"),
            }
        }
    }
}
