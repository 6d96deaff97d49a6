//! What can go wrong between a client and a service, and in which order it does.

use std::collections::VecDeque;
use std::time::Duration;

use super::partial;

/// What becomes of one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: it is forwarded and answered.
    #[default]
    None,
    /// The upstream carries it out, the answer is swallowed, and the connection is silent until the
    /// client goes or [`Proxy::hold`](super::Proxy::hold) has passed.
    LoseAnswer,
    /// The upstream carries it out, and the connection is closed without an answer.
    CutAfterAccept,
    /// The connection is closed without an answer, and the upstream hears nothing.
    CutBefore,
    /// Once the head has arrived, nothing more is read or answered until the client goes or
    /// [`Proxy::hold`](super::Proxy::hold) has passed; the upstream hears nothing. Going is not
    /// seen while bytes of the client wait unread.
    HalfOpen,
    /// Answered with this status and this error code (`__type`); the upstream hears nothing.
    Status(u16, &'static str),
    /// Forwarded that much later, also when the client has gone by then.
    Delay(Duration),
    /// Of a `PutEvents`, the entries at even places, counted from 0, are forwarded; the others fail
    /// with this `ErrorCode`, and the answer says of each what became of it. Requests for any other
    /// target pass untouched and leave the fault to the next `PutEvents`.
    PartialFailure(&'static str),
}

/// Which request gets which fault.
#[derive(Default)]
pub(super) struct Script {
    faults: VecDeque<Fault>,
    after: Fault,
    pub(super) only_for: String,
}

impl Script {
    /// These faults, then that one for ever.
    pub(super) fn replace(&mut self, faults: VecDeque<Fault>, after: Fault) {
        self.faults = faults;
        self.after = after;
    }

    /// The fault of a request with this `X-Amz-Target`.
    pub(super) fn next(&mut self, target: &str) -> Fault {
        let fault = self.faults.front().copied().unwrap_or(self.after);
        let foreign = matches!(fault, Fault::PartialFailure(_)) && target != partial::TARGET;
        if foreign || !target.contains(&self.only_for) {
            return Fault::None;
        }
        self.faults.pop_front();
        fault
    }
}
