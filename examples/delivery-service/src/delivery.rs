//! One delivery, from the order to the closed door: pure, so that every order in which a bus may
//! bring the gateway's events is a test.
//!
//! A bus keeps no order. What is said of a later stage moves the delivery there at once, and what
//! comes late about an earlier one changes nothing.

use doorward_events::types::{
    AccessReason, DeliveryCompleted, DeliveryOutcome, DeliveryScheduled, EntryUnlockRequested,
    GrantIssued, GrantRevoked,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What was ordered, and how far it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// The order's own id: letters, digits, `.`, `-`, `_`; at most 64.
    pub delivery_id: String,
    /// Whose building.
    pub tenant_id: String,
    /// The gateway that moves the door.
    pub gateway: String,
    /// The entry.
    pub entry_id: String,
    /// The courier's pseudonym.
    pub subject_ref: String,
    /// How many parcels.
    pub parcels: u8,
    /// From when the courier may open.
    pub not_before: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
    /// The grant, and what correlates every event of this delivery.
    pub grant_id: Uuid,
    /// How far it is.
    pub stage: Stage,
    /// The events that are not on the bus yet, in order, each with its id: sent again after a
    /// crash as the same event.
    pub to_tell: Vec<Told>,
}

/// How far a delivery is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "at")]
pub enum Stage {
    /// The grant is on its way to the gateway.
    Scheduled,
    /// The gateway has it: the courier may ask.
    Granted,
    /// The courier asked, and the gateway has not answered.
    Asked {
        /// The request.
        request_id: Uuid,
    },
    /// The gateway opens.
    Visiting,
    /// It is over.
    Ended {
        /// How.
        outcome: DeliveryOutcome,
        /// Why, where it was refused.
        reason: Option<AccessReason>,
    },
}

/// An event of ours, whole and durable before it is sent: sent again after a crash it is the same
/// event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// The event's id.
    pub id: Uuid,
    /// When it happened.
    pub time: Timestamp,
    /// What it says.
    pub what: What,
}

/// What an event of ours says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type", content = "data")]
pub enum What {
    /// `delivery.scheduled`
    Scheduled(DeliveryScheduled),
    /// `grant.issued`
    Granted(GrantIssued),
    /// `entry.unlock_requested`
    Asked(EntryUnlockRequested),
    /// `grant.revoked`
    Revoked(GrantRevoked),
    /// `delivery.completed`
    Completed(DeliveryCompleted),
}

impl Told {
    /// Something that happens now.
    pub fn now(what: What) -> Self {
        Self { id: Uuid::now_v7(), time: Timestamp::now(), what }
    }
}

/// What a gateway said about the grant, a request or the visit.
#[derive(Debug, Clone, PartialEq)]
pub enum Signal {
    /// The gateway keeps the grant.
    Installed,
    /// The gateway does not.
    Rejected(AccessReason),
    /// The door opens.
    Granted,
    /// The door stays shut for this request.
    Denied {
        /// The request that was denied.
        request_id: Option<Uuid>,
        /// Why.
        reason: AccessReason,
    },
    /// The courier went in.
    Opened,
    /// The visit ended.
    Over {
        /// How.
        outcome: DeliveryOutcome,
        /// Which.
        visit_id: String,
    },
}

impl Delivery {
    /// Whether nothing more is expected and everything is told.
    pub fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Ended { .. }) && self.to_tell.is_empty()
    }

    /// Whether the courier may ask for the door now; if not, why.
    pub fn may_ask(&self) -> Result<(), &'static str> {
        match self.stage {
            Stage::Scheduled => Err("the gateway has not confirmed the grant yet: try again"),
            Stage::Asked { .. } => Err("the gateway has not answered the last request yet"),
            Stage::Visiting => Err("the door is open already"),
            Stage::Ended { .. } => Err("this delivery is over"),
            Stage::Granted => Ok(()),
        }
    }

    /// The courier asks for the door with this request.
    pub fn ask(&mut self, request_id: Uuid, told: Told) {
        self.stage = Stage::Asked { request_id };
        self.to_tell.push(told);
    }

    /// Whether the order may still be taken back: not once the door was asked for.
    pub fn may_cancel(&self) -> bool {
        matches!(self.stage, Stage::Scheduled | Stage::Granted)
    }

    /// The sender takes the order back; `revoked` takes the grant from the gateway.
    pub fn cancel(&mut self, revoked: Told) {
        self.to_tell.push(revoked);
        self.end(DeliveryOutcome::Cancelled, None, None);
    }

    /// A request's deadline has passed without an answer: the courier may ask again. A door that
    /// it opened all the same is told by its visit.
    pub fn unanswered(&mut self, request_id: Uuid) -> bool {
        let waits = self.stage == Stage::Asked { request_id };
        if waits {
            self.stage = Stage::Granted;
        }
        waits
    }

    /// Takes what the gateway said; `true` if that changed something.
    pub fn heard(&mut self, signal: Signal) -> bool {
        if matches!(self.stage, Stage::Ended { .. }) {
            return false;
        }
        match (signal, &self.stage) {
            (Signal::Installed, Stage::Scheduled) => self.stage = Stage::Granted,
            (Signal::Rejected(reason), Stage::Scheduled | Stage::Granted) => {
                self.end(DeliveryOutcome::NotDelivered, Some(reason), None);
            }
            (
                Signal::Granted | Signal::Opened,
                Stage::Scheduled | Stage::Granted | Stage::Asked { .. },
            ) => self.stage = Stage::Visiting,
            (Signal::Denied { request_id, reason }, Stage::Asked { request_id: ours })
                if request_id == Some(*ours) =>
            {
                if may_ask_again(&reason) {
                    self.stage = Stage::Granted;
                } else {
                    self.end(DeliveryOutcome::NotDelivered, Some(reason), None);
                }
            }
            (Signal::Over { outcome, visit_id }, _) => self.end(outcome, None, Some(visit_id)),
            _ => return false,
        }
        true
    }

    fn end(
        &mut self,
        outcome: DeliveryOutcome,
        reason: Option<AccessReason>,
        visit_id: Option<String>,
    ) {
        self.to_tell.push(Told::now(What::Completed(DeliveryCompleted {
            delivery_id: self.delivery_id.clone(),
            outcome: outcome.clone(),
            reason: reason.clone(),
            visit_id,
        })));
        self.stage = Stage::Ended { outcome, reason };
    }
}

/// Reasons that pass by themselves, or with another try.
fn may_ask_again(reason: &AccessReason) -> bool {
    matches!(
        reason,
        AccessReason::RequestExpired
            | AccessReason::ClockUntrusted
            | AccessReason::NotYetActive
            | AccessReason::TooSoon
            | AccessReason::TooManyAttempts
            | AccessReason::EntryBusy
            | AccessReason::EndpointOffline
            | AccessReason::VendorUnavailable
            | AccessReason::StateUnknown
            | AccessReason::Obstructed
            | AccessReason::StorageFailure
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use doorward_events::types::DeliveryWindow;

    use super::*;

    fn delivery(stage: Stage) -> Delivery {
        Delivery {
            delivery_id: "d-1".to_owned(),
            tenant_id: "acme".to_owned(),
            gateway: "gw-1".to_owned(),
            entry_id: "front-door".to_owned(),
            subject_ref: "courier-7".to_owned(),
            parcels: 1,
            not_before: Timestamp::UNIX_EPOCH,
            expires_at: Timestamp::MAX,
            grant_id: Uuid::from_u128(1),
            stage,
            to_tell: Vec::new(),
        }
    }

    fn secured() -> Signal {
        Signal::Over { outcome: DeliveryOutcome::Delivered, visit_id: Uuid::nil().to_string() }
    }

    fn told() -> Told {
        Told::now(What::Scheduled(DeliveryScheduled {
            delivery_id: "d-1".to_owned(),
            parcels: 1,
            subject_ref: "courier-7".to_owned(),
            window: DeliveryWindow { not_before: String::new(), expires_at: String::new() },
        }))
    }

    #[test]
    fn whatever_the_order_the_end_is_the_visits_and_told_once() {
        let signals = [Signal::Installed, Signal::Granted, Signal::Opened, secured()];
        // Every sequence of four of them, repeats included.
        for order in 0..256_usize {
            let picks = [order & 3, order >> 2 & 3, order >> 4 & 3, order >> 6 & 3];
            let mut delivery = delivery(Stage::Scheduled);
            for pick in picks {
                delivery.heard(signals[pick].clone());
            }
            let over = picks.contains(&3);
            assert_eq!(matches!(delivery.stage, Stage::Ended { .. }), over, "{picks:?}");
            assert_eq!(delivery.to_tell.len(), usize::from(over), "{picks:?}");
        }
    }

    #[test]
    fn a_denial_that_passes_lets_the_courier_ask_again_and_another_ends_it() {
        for (reason, ends) in [
            (AccessReason::EntryBusy, false),
            (AccessReason::EndpointOffline, false),
            (AccessReason::Revoked, true),
            (AccessReason::UsesExhausted, true),
            (AccessReason::from("a word of a later version"), true),
        ] {
            let mut delivery = delivery(Stage::Granted);
            let request_id = Uuid::from_u128(5);
            delivery.ask(request_id, told());
            assert!(delivery.heard(Signal::Denied { request_id: Some(request_id), reason }));
            assert_eq!(matches!(delivery.stage, Stage::Ended { .. }), ends);
            assert_eq!(delivery.may_ask().is_err(), ends);
        }
    }

    #[test]
    fn a_denial_of_another_request_changes_nothing() {
        let mut delivery = delivery(Stage::Granted);
        delivery.ask(Uuid::from_u128(5), told());
        for request_id in [None, Some(Uuid::from_u128(99))] {
            assert!(!delivery.heard(Signal::Denied { request_id, reason: AccessReason::Revoked }));
        }
        assert!(!delivery.unanswered(Uuid::from_u128(99)));
        assert!(delivery.may_ask().is_err());
        assert!(delivery.unanswered(Uuid::from_u128(5)));
        assert!(delivery.may_ask().is_ok());
    }

    #[test]
    fn who_asks_too_early_twice_or_too_late_is_told_why() {
        for stage in [Stage::Scheduled, Stage::Visiting] {
            assert!(delivery(stage).may_ask().is_err());
        }
        let mut delivery = delivery(Stage::Granted);
        delivery.ask(Uuid::from_u128(5), told());
        assert!(delivery.may_ask().is_err());
    }

    #[test]
    fn an_order_is_taken_back_before_the_door_is_asked_for_and_not_after() {
        let mut early = delivery(Stage::Granted);
        assert!(early.may_cancel());
        early.cancel(told());
        assert_eq!(early.to_tell.len(), 2, "the revocation and the end");
        assert!(!early.may_cancel());
        assert!(!delivery(Stage::Visiting).may_cancel());
    }
}
