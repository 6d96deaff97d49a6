//! The events that are measured: from the smallest that doors tell to the largest.

use std::collections::BTreeMap;

use std::cell::Cell;

use doorward_events::types::{
    AlarmKind, AlarmRaised, AlarmSeverity, DeliveryScheduled, DeliveryWindow, EntryLockChanged,
    EntryStateReported, FactQuality, GatewayHeartbeat, LockFact, LockState, MotionHold,
    MotionHoldFact, Position, PositionFact, StateReportReason, VendorState, VendorStatus,
};
use doorward_events::{
    Direction, Envelope, EventData, EventType, GatewayOrigin, Invalid, PublisherId,
};
use jiff::Timestamp;
use uuid::Uuid;

const ENDPOINT: &str = "zigbee2mqtt:0x00124b0024c9d2a1";
const INSTANT: &str = "2026-11-21T06:41:00.25Z";

/// How to write one event of a type.
pub struct Case<D> {
    pub name: &'static str,
    envelopes: [Envelope; 2],
    turn: Cell<bool>,
    origin: GatewayOrigin,
    build: fn() -> D,
}

impl<D: EventData> Case<D> {
    fn new(publisher: &str, build: fn() -> D) -> Self {
        let id = Uuid::from_u128(0x019a_a4f0_5c1e_7c3a_9d5e_0123_4567_89ab);
        let time = Timestamp::constant(1_795_243_260, 250_000_000);
        let publisher = PublisherId::new(publisher, "gw-1");
        let envelope = Envelope {
            endpoint_id: Some(ENDPOINT.into()),
            correlation_id: Some(Uuid::from_u128(0x019a_a4f0_0000_7000_8000_0000_0000_0001)),
            ..Envelope::new(id, time, publisher, "acme".into()).at_site("hq").about("front-door")
        };
        Self {
            name: D::TYPE.as_str(),
            envelopes: [envelope.clone(), envelope],
            turn: Cell::new(false),
            origin: GatewayOrigin {
                recorded_at: Timestamp::constant(1_795_243_261, 0),
                journal_id: Uuid::from_u128(3),
                sequence: 1042,
                type_sequence: 118,
                clock: None,
            },
            build,
        }
    }

    /// From nothing but an envelope to the outgoing text. The id and the time are ready: reading
    /// clocks is not what is measured.
    pub fn write(&self) -> Result<String, Invalid> {
        let data = (self.build)();
        self.turn.set(!self.turn.get());
        let [one, other] = &self.envelopes;
        let draft = if self.turn.get() { one } else { other }.clone().seal(&data)?;
        Ok(match D::TYPE.direction() {
            Direction::FromGateway => draft.stamp(&self.origin),
            _ => draft.finish(),
        })
    }
}

pub fn lock_changed() -> Case<EntryLockChanged> {
    Case::new("doorward.gateway", || EntryLockChanged {
        lock: LockState::Unlocked,
        previous: LockState::Locked,
        quality: FactQuality::Observed,
    })
}

/// The same, where every other event has no `correlation_id`: no two in a row have one shape.
pub fn lock_changed_in_two_shapes() -> Case<EntryLockChanged> {
    let mut case = lock_changed();
    case.name = "  in two shapes by turns";
    let [_, other] = &mut case.envelopes;
    other.correlation_id = None;
    case
}

pub fn alarm_raised() -> Case<AlarmRaised> {
    Case::new("doorward.gateway", || AlarmRaised {
        alarm: AlarmKind::HeldOpen,
        detail: Some("Open for ten minutes, though nobody is said to be there.".to_owned()),
        severity: AlarmSeverity::Warning,
    })
}

pub fn delivery_scheduled() -> Case<DeliveryScheduled> {
    Case::new("acme.delivery", || DeliveryScheduled {
        delivery_id: "delivery-2026-11-21-0005".to_owned(),
        parcels: 2,
        subject_ref: "c-5b1f0a".to_owned(),
        window: DeliveryWindow {
            expires_at: "2026-11-21T12:00:00Z".to_owned(),
            not_before: "2026-11-21T08:00:00Z".to_owned(),
        },
    })
}

pub fn state_reported() -> Case<EntryStateReported> {
    Case::new("doorward.gateway", || {
        let (at, source) = (|| Some(INSTANT.to_owned()), || Some(ENDPOINT.to_owned()));
        EntryStateReported {
            alarms: vec![
                AlarmKind::ForcedOpen,
                AlarmKind::HeldOpen,
                AlarmKind::Tamper,
                AlarmKind::WrongCodeLimit,
            ],
            lock: LockFact {
                observed_at: at(),
                quality: FactQuality::Observed,
                source: source(),
                value: LockState::Unlocked,
            },
            motion_hold: Some(MotionHoldFact {
                observed_at: at(),
                quality: FactQuality::Observed,
                source: source(),
                value: MotionHold::Obstructed,
            }),
            position: PositionFact {
                observed_at: at(),
                quality: FactQuality::Observed,
                source: source(),
                value: Position::Open,
            },
            reason: StateReportReason::Start,
        }
    })
}

pub fn heartbeat() -> Case<GatewayHeartbeat> {
    Case::new("doorward.gateway", || GatewayHeartbeat {
        challenge: None,
        issuers_version: None,
        delivered_through: EventType::ALL
            .into_iter()
            .filter(|event_type| event_type.needs_origin())
            .map(|event_type| (event_type.as_str().to_owned(), 1042))
            .collect(),
        events_waiting: 3,
        quarantined: 12,
        uptime_s: 86_400,
        recorded: BTreeMap::default(),
        journal: None,
        bus: None,
        clock_trust: None,
        denied: Vec::new(),
        vendors: ["zigbee2mqtt", "ratgdo", "modbus"]
            .map(|vendor| VendorStatus { state: VendorState::Running, vendor: vendor.to_owned() })
            .to_vec(),
    })
}
