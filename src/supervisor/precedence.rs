//! Which process computes last. A vendor's process one of whose devices floods has work without
//! end, and the other vendors, the core and the broker come before it: it gets what of the processor
//! they leave.

use std::convert::Infallible;

use tokio::sync::watch;

use super::cgroup::Leaf;
use crate::domain::ids::VendorId;

/// Puts a process last or back, as it is told. Where it cannot be done, the log says so once.
pub(super) async fn follow(
    vendor: &VendorId,
    process: Option<u32>,
    leaf: Option<&Leaf>,
    mut last: watch::Receiver<bool>,
) -> Infallible {
    let mut told = false;
    while last.changed().await.is_ok() {
        let comes_last = *last.borrow_and_update();
        let by_group = leaf.and_then(|leaf| leaf.compute_last(comes_last).ok()).unwrap_or(false);
        let done = match process {
            Some(process) if !by_group => doorward_sandbox::compute_last(process, comes_last),
            _ => Ok(()),
        };
        match done {
            Ok(()) => tracing::debug!(%vendor, comes_last, "its process's place at the processor"),
            Err(error) if !std::mem::replace(&mut told, true) => tracing::warn!(
                %vendor, comes_last, %error,
                "its process's place at the processor stays as it is until its next start"
            ),
            Err(_) => {}
        }
    }
    std::future::pending().await
}
