//! One delivery, from the order to the closed door: pure, so that every order in which a bus may
//! bring the gateway's events is a test.
//!
//! A bus keeps no order. What is said of a later stage moves the delivery there at once, and what
//! comes late about an earlier one changes nothing.

use doorward_events::types::{
    AccessReason, DeliveryCompleted, DeliveryOutcome, DeliveryScheduled, EntryUnlockRequested,
    GrantIssued, GrantRevoked,
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How long after the grant's end a visit's end may still come.
const LONGEST_VISIT: SignedDuration = SignedDuration::from_mins(10);

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
    /// The gateway's journal that the grant was issued against.
    pub journal_id: Uuid,
    /// How often the courier asked.
    pub requests: u32,
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
        /// Until when its answer is awaited.
        until: Timestamp,
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
    /// The gateway keeps it no more.
    Removed(AccessReason),
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
    pub fn may_ask(&self, now: Timestamp) -> Result<(), &'static str> {
        match self.stage {
            Stage::Scheduled => Err("the gateway has not confirmed the grant yet: try again"),
            Stage::Asked { until, .. } if now < until => {
                Err("the gateway has not answered the last request yet")
            }
            Stage::Visiting => Err("the door is open already"),
            Stage::Ended { .. } => Err("this delivery is over"),
            Stage::Granted | Stage::Asked { .. } => Ok(()),
        }
    }

    /// The courier asks for the door with this request, whose answer is awaited until then. An
    /// earlier one that has not left is not sent any more.
    pub fn ask(&mut self, request_id: Uuid, until: Timestamp, told: Told) {
        self.requests = self.requests.saturating_add(1);
        self.stage = Stage::Asked { request_id, until };
        self.to_tell.retain(|told| !matches!(told.what, What::Asked(_)));
        self.to_tell.push(told);
    }

    /// Whether the order may still be taken back: not once the door was asked for.
    pub fn may_cancel(&self) -> bool {
        matches!(self.stage, Stage::Scheduled | Stage::Granted) && self.requests == 0
    }

    /// The sender takes the order back; `revoked` takes the grant from the gateway.
    pub fn cancel(&mut self, revoked: Told) {
        self.to_tell.push(revoked);
        self.end(DeliveryOutcome::Cancelled, None, None);
    }

    /// Ends what nobody will end any more: a courier who did not come, a visit whose end was never
    /// told. `true` if that was so.
    pub fn expire(&mut self, now: Timestamp) -> bool {
        let over = self.expires_at.checked_add(LONGEST_VISIT).is_ok_and(|end| now > end);
        if !over || matches!(self.stage, Stage::Ended { .. }) {
            return false;
        }
        let outcome = match self.stage {
            Stage::Visiting => DeliveryOutcome::Unverified,
            _ => DeliveryOutcome::NotDelivered,
        };
        self.end(outcome, Some(AccessReason::Expired), None);
        true
    }

    /// Takes what the gateway said; `true` if that changed something.
    pub fn heard(&mut self, signal: Signal) -> bool {
        match (signal, &self.stage) {
            // A grant that was used up was used: the visit tells more.
            (_, Stage::Ended { .. }) | (Signal::Removed(AccessReason::UsesExhausted), _) => {
                return false;
            }
            (Signal::Installed, Stage::Scheduled) => self.stage = Stage::Granted,
            (
                Signal::Rejected(reason) | Signal::Removed(reason),
                Stage::Scheduled | Stage::Granted,
            ) => {
                self.end(DeliveryOutcome::NotDelivered, Some(reason), None);
            }
            (
                Signal::Granted | Signal::Opened,
                Stage::Scheduled | Stage::Granted | Stage::Asked { .. },
            ) => self.stage = Stage::Visiting,
            (Signal::Denied { request_id, reason }, Stage::Asked { request_id: ours, .. })
                if request_id == Some(*ours) =>
            {
                // An earlier request whose answer was late may have used the grant up: then a
                // visit is under way, and its end or the expiry tells more.
                let used = reason == AccessReason::UsesExhausted && self.requests > 1;
                if used || may_ask_again(&reason) {
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
    #![allow(clippy::unwrap_used, clippy::panic)]

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
            journal_id: Uuid::from_u128(2),
            requests: 0,
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

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;
    const LATER: Timestamp = Timestamp::constant(100, 0);

    fn asked() -> (Delivery, Uuid) {
        let mut delivery = delivery(Stage::Granted);
        let request_id = Uuid::from_u128(5);
        delivery.ask(request_id, LATER, told());
        (delivery, request_id)
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
            let (mut delivery, request_id) = asked();
            assert!(delivery.heard(Signal::Denied { request_id: Some(request_id), reason }));
            assert_eq!(matches!(delivery.stage, Stage::Ended { .. }), ends);
            assert_eq!(delivery.may_ask(NOW).is_err(), ends);
        }
    }

    #[test]
    fn a_denial_of_another_request_changes_nothing() {
        let (mut delivery, _) = asked();
        for request_id in [None, Some(Uuid::from_u128(99))] {
            assert!(!delivery.heard(Signal::Denied { request_id, reason: AccessReason::Revoked }));
        }
        assert!(matches!(delivery.stage, Stage::Asked { .. }));
    }

    #[test]
    fn an_unanswered_request_may_be_followed_by_another_that_leaves_alone() {
        let (mut delivery, _) = asked();
        assert!(delivery.may_ask(NOW).is_err());
        assert!(delivery.may_ask(LATER).is_ok());
        let second = Uuid::from_u128(6);
        let request = Told { what: What::Asked(request()), ..told() };
        delivery.ask(second, Timestamp::MAX, request.clone());
        delivery.ask(second, Timestamp::MAX, request);
        let waiting = delivery.to_tell.iter().filter(|t| matches!(t.what, What::Asked(_)));
        assert_eq!(waiting.count(), 1);
        // The first one was acted upon after all: the visit decides, not this denial.
        let denied =
            Signal::Denied { request_id: Some(second), reason: AccessReason::UsesExhausted };
        assert!(delivery.heard(denied));
        assert!(delivery.heard(secured()));
        let Stage::Ended { outcome, .. } = &delivery.stage else { panic!("it is over") };
        assert_eq!(*outcome, DeliveryOutcome::Delivered);
    }

    #[test]
    fn who_asks_too_early_twice_or_too_late_is_told_why() {
        for stage in [Stage::Scheduled, Stage::Visiting] {
            assert!(delivery(stage).may_ask(NOW).is_err());
        }
        assert!(asked().0.may_ask(NOW).is_err());
    }

    #[test]
    fn an_order_is_taken_back_before_the_door_is_asked_for_and_not_after() {
        let mut early = delivery(Stage::Granted);
        assert!(early.may_cancel());
        early.cancel(told());
        assert_eq!(early.to_tell.len(), 2, "the revocation and the end");
        assert!(!early.may_cancel());
        assert!(!delivery(Stage::Visiting).may_cancel());
        assert!(!asked().0.may_cancel());
    }

    #[test]
    fn every_delivery_ends() {
        let late = LATER.checked_add(LONGEST_VISIT).unwrap();
        let after = Timestamp::constant(100 + 601, 0);
        for (stage, expected) in [
            (Stage::Scheduled, DeliveryOutcome::NotDelivered),
            (Stage::Granted, DeliveryOutcome::NotDelivered),
            (asked().0.stage, DeliveryOutcome::NotDelivered),
            (Stage::Visiting, DeliveryOutcome::Unverified),
        ] {
            let mut delivery = Delivery { expires_at: LATER, ..delivery(stage) };
            assert!(!delivery.expire(late));
            assert!(delivery.expire(after));
            let Stage::Ended { outcome, .. } = &delivery.stage else { panic!("it is over") };
            assert_eq!(*outcome, expected);
            assert!(!delivery.expire(after), "told once");
            assert_eq!(delivery.to_tell.len(), 1);
        }
    }

    fn request() -> EntryUnlockRequested {
        EntryUnlockRequested {
            gateway: "gw-1".to_owned(),
            grant_id: None,
            not_after: LATER.to_string(),
            request_id: Uuid::from_u128(6).to_string(),
            signed: "a.b.c".to_owned(),
        }
    }
}
