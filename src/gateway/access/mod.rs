//! Access at the gateway: what is asked is heard, decided and recorded here; what is granted leaves
//! for the devices once it is durable.
//!
//! The rules are the domain's (`domain::access`, `domain::operation`); here they meet the journal,
//! the vendors and the events.

mod accepts;
mod admit;
mod desk;
mod flights;
mod guard;
mod issuers;
mod machines;
mod question;
mod reading;
mod story;
mod time;
mod trust;
mod visits;
mod week;

pub use accepts::{accepted, own};
pub use guard::{Belief, Guard, surely, taken};
pub(in crate::gateway) use reading::Ordering;
pub use trust::Trust;

use std::time::Duration;

use doorward_translators::Act;
use uuid::Uuid;

use crate::domain::ids::{EndpointId, VendorId};
use crate::local::Answer;

/// An answer to whoever asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answering {
    /// The number under which it was asked.
    pub ask: u64,
    pub answer: Answer,
}

/// A command that leaves for a vendor's process once its intent is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outbound {
    pub id: Uuid,
    pub vendor: VendorId,
    pub endpoint: EndpointId,
    pub address: String,
    pub act: Act,
    /// Until when it may be written, monotonic.
    pub until: Duration,
}
