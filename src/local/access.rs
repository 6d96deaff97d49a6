//! What the socket may ask of the running gateway.

use tokio::sync::{mpsc, oneshot, watch};

use super::api::AuditKey;
use super::asking::{Answer, Ask, GrantView, VisitView};
use super::reload::Reloaded;
use super::view::{DoorView, VendorView};
use crate::health::Status;
use crate::journal::{Erased, WriterHandle};

/// A question to the gateway's loop.
#[derive(Debug)]
pub enum Request {
    Doors(oneshot::Sender<Vec<DoorView>>),
    Status(oneshot::Sender<Status>),
    /// A person was erased from the journal, at the wish of the user `uid`; to be told.
    Erased {
        erased: Erased,
        uid: u32,
    },
    /// The user `uid`, who may, asks for this.
    Ask {
        ask: Ask,
        uid: u32,
        reply: oneshot::Sender<Answer>,
    },
    Grants(oneshot::Sender<Vec<GrantView>>),
    Visits(oneshot::Sender<Vec<VisitView>>),
    Vendors(oneshot::Sender<Vec<VendorView>>),
    /// The configuration is to be read again, at the wish of the user `uid`.
    Reload {
        uid: Option<u32>,
        reply: oneshot::Sender<Reloaded>,
    },
    /// The next range of the journal is to be closed now; the answer, once that is durable: its
    /// sequences, or that there was nothing to close.
    CloseRange(oneshot::Sender<Option<(u64, u64)>>),
}

/// The ways to the answers.
#[derive(Clone)]
pub struct Access {
    pub requests: mpsc::Sender<Request>,
    pub journal: WriterHandle,
    /// Under which the gateway's checkpoints verify.
    pub audit_key: Option<AuditKey>,
    /// The group whose members may act.
    pub operators: std::sync::Arc<str>,
    /// The last committed sequence.
    pub committed: watch::Receiver<u64>,
}
