//! Keeping a message hidden for as long as it is worked on.

use std::time::Duration;

use super::queue::Queue;
use crate::subscribe::hooks::Hooks;

/// Does the work and hides the message anew after each third of `visibility`, so that two calls may
/// fail before anybody else gets it. It ends with the work, which has its own bound.
pub(super) async fn held<T>(
    queue: &Queue,
    receipt: &str,
    visibility: Duration,
    hooks: &dyn Hooks,
    work: impl Future<Output = T>,
) -> T {
    let extending = async {
        loop {
            tokio::time::sleep(visibility / 3).await;
            match queue.hide(receipt, visibility).await {
                Ok(()) => hooks.extended(visibility),
                Err(code) => hooks.queue_failed("ChangeMessageVisibility", &code),
            }
        }
    };
    tokio::select! {
        biased;
        done = work => done,
        never = extending => never,
    }
}
