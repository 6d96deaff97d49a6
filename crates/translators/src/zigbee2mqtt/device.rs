//! A device's JSON message, member by member.
//!
//! zigbee2mqtt repeats its last known values with every message, whatever caused it: all state
//! is [`Quality::Cached`]. A message that carries an act repeats the state from before the act,
//! so no state is read from it. `pin_code`, `last_used_pin_code` and `users` may hold codes and
//! are never looked at. Members with an endpoint's suffix (`lock_state_left`) belong to devices
//! with several locks, which are not supported: an anomaly says so.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::tables::{
    ACTIONS, Act, By, CONTACTS, DOOR_STATES, GARAGE_STATUSES, LATCHED_SOURCES, LATCHES,
    LOCK_STATES, MEMBERS_OF_LOCKS, NO_USER, SOURCES, STATES_OF_LOCKS, contact_position, look_up,
};
use crate::observation::{
    CredentialChange, MAX_OBSERVATIONS, Observation, Operation, Outcome, Quality, What,
};
use crate::payload::{member, type_of};
use crate::text::{MAX_DETAIL, bounded, masked};
use crate::vocabulary::{AlarmKind, LockState, OperationKind, OperationSource, Position};

/// How much of an unmapped word an anomaly repeats, in bytes.
const MAX_WORD: usize = 48;

/// Everything that a device's message says.
pub(super) fn observe(
    address: &str,
    members: &Map<String, Value>,
    retained: bool,
) -> Vec<Observation> {
    let mut message = Reading { members, found: Vec::new() };
    let device_time = message.device_time();
    if let Some(action) = member(members, "action") {
        message.act(action, retained);
    } else {
        message.lock();
        message.position();
        message.tamper();
    }
    message.latches();
    message.battery();
    message.garage_status();
    // Facts first: a bound on the number never costs one for an anomaly.
    message.found.sort_by_key(|what| matches!(what, What::Anomaly { .. }));
    message
        .found
        .into_iter()
        .take(MAX_OBSERVATIONS)
        .map(|what| Observation { address: address.to_owned(), device_time, what })
        .collect()
}

struct Reading<'a> {
    members: &'a Map<String, Value>,
    found: Vec<What>,
}

impl<'a> Reading<'a> {
    fn get(&self, name: &str) -> Option<&'a Value> {
        member(self.members, name)
    }

    fn anomaly(&mut self, field: &str, detail: &str) {
        self.found.push(What::Anomaly {
            field: masked(field, MAX_WORD),
            detail: bounded(detail, MAX_DETAIL),
        });
    }

    fn unmapped(&mut self, field: &str, value: &Value) {
        let detail = match value.as_str() {
            Some(word) => format!("unmapped word '{}'", masked(word, MAX_WORD)),
            None => format!("{} where a word belongs", type_of(value)),
        };
        self.anomaly(field, &detail);
    }

    /// `last_seen`: an ISO 8601 string or milliseconds since 1970.
    fn device_time(&mut self) -> Option<Timestamp> {
        let value = self.get("last_seen")?;
        let time = match value {
            Value::String(text) => text.parse().ok(),
            Value::Number(number) => number
                .as_i64()
                .and_then(|milliseconds| Timestamp::from_millisecond(milliseconds).ok()),
            _ => None,
        };
        if time.is_none() {
            self.anomaly("last_seen", "neither an ISO 8601 time nor milliseconds since 1970");
        }
        time
    }

    /// A retained act happened nobody knows when, and was delivered when it did: no act.
    fn act(&mut self, action: &Value, retained: bool) {
        let act = action.as_str().and_then(|word| look_up(ACTIONS, word));
        if act == Some(Act::Jammed) {
            let quality = if retained { Quality::Cached } else { Quality::Reported };
            self.found.push(What::Lock { state: LockState::Jammed, quality });
            return;
        }
        if retained {
            return;
        }
        match act {
            Some(Act::Operated(kind, outcome, by)) => {
                let source = self.source(by);
                self.operated(kind, outcome, source);
            }
            Some(Act::Programmed(credential, present)) => {
                let source = self.source(By::Named);
                let user_slot = self.user("action_user");
                let change = CredentialChange { credential, present, source, user_slot };
                self.found.push(What::Credential { change });
            }
            Some(Act::Unnamed) => self.anomaly("action", "the converter knows no word for it"),
            Some(Act::Over | Act::Jammed) => {}
            None => {
                self.unmapped("action", action);
                let source = self.source(By::Named);
                self.operated(OperationKind::Unknown, Outcome::Unknown, source);
            }
        }
    }

    fn operated(&mut self, kind: OperationKind, outcome: Outcome, source: OperationSource) {
        let user_slot = self.user("action_user");
        self.found
            .push(What::Operation { operation: Operation { kind, outcome, source, user_slot } });
    }

    /// The source of an act. The word of the action decides, where it names one.
    fn source(&mut self, by: By) -> OperationSource {
        let named = match by {
            By::Word(source) => return source,
            By::Named => self.get("action_source_name"),
        };
        let Some(value) = named else {
            return OperationSource::Unknown;
        };
        self.word("action_source_name", value, SOURCES).unwrap_or(OperationSource::Unknown)
    }

    /// The word's meaning, or an anomaly.
    fn word<T: Copy>(
        &mut self,
        field: &str,
        value: &Value,
        table: super::tables::Table<T>,
    ) -> Option<T> {
        let meaning = value.as_str().and_then(|word| look_up(table, word));
        if meaning.is_none() {
            self.unmapped(field, value);
        }
        meaning
    }

    /// A user slot: a number, or (Nimly, `EasyCode`) a string of digits.
    fn user(&mut self, field: &str) -> Option<u32> {
        let value = self.get(field)?;
        let slot = match value {
            Value::Number(number) => number.as_u64(),
            Value::String(text) if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok(),
            _ => None,
        };
        match slot {
            Some(NO_USER) => None,
            Some(slot) if slot < NO_USER => u32::try_from(slot).ok(),
            _ => {
                self.anomaly(field, "not a user slot from 0 to 65534");
                None
            }
        }
    }

    /// `lock_state` decides. `state` only tells that there is a lock at all: with no
    /// `lock_state` beside it the bolt may be anywhere. On a device that shows no sign of being
    /// a lock, any other `state` is that of a plug, a light, a cover: nothing.
    fn lock(&mut self) {
        if let Some(value) = self.get("lock_state") {
            let state = self.word("lock_state", value, LOCK_STATES);
            self.lock_is(state.unwrap_or(LockState::Unknown));
        } else if let Some(value) = self.get("state") {
            let of_a_lock = value.as_str().is_some_and(|word| STATES_OF_LOCKS.contains(&word));
            if of_a_lock {
                self.lock_is(LockState::Unknown);
            } else if MEMBERS_OF_LOCKS.iter().any(|name| self.members.contains_key(*name)) {
                self.unmapped("state", value);
                self.lock_is(LockState::Unknown);
            }
        }
        if let Some((name, _)) = self
            .members
            .iter()
            .find(|(name, value)| name.starts_with("lock_state_") && !value.is_null())
        {
            self.anomaly(name, "one of several locks in one device: not supported");
        }
    }

    fn lock_is(&mut self, state: LockState) {
        self.found.push(What::Lock { state, quality: Quality::Cached });
    }

    /// The leaf, from a contact or from the lock's own sensor. Members that contradict each
    /// other say nothing.
    fn position(&mut self) {
        let mut said: Vec<Position> = Vec::new();
        for name in CONTACTS {
            match self.get(name) {
                None => {}
                Some(Value::Bool(touching)) => said.push(contact_position(*touching)),
                Some(other) => {
                    self.not_a_boolean(name, other);
                    said.push(Position::Unknown);
                }
            }
        }
        let mut forced_open = None;
        if let Some(value) = self.get("door_state") {
            if let Some(door) = self.word("door_state", value, DOOR_STATES) {
                said.push(door.position);
                forced_open = door.forced_open;
            } else {
                said.push(Position::Unknown);
            }
        }
        if let Some((first, others)) = said.split_first() {
            let agreed = others.iter().all(|other| other == first);
            if !agreed {
                self.anomaly("door_state", "contradicts a contact of the same device");
            }
            self.found.push(What::Position {
                position: if agreed { *first } else { Position::Unknown },
                quality: Quality::Cached,
            });
        }
        if let Some(active) = forced_open {
            self.alarm(AlarmKind::ForcedOpen, active);
        }
    }

    fn tamper(&mut self) {
        match self.get("tamper") {
            None => {}
            Some(Value::Bool(active)) => self.alarm(AlarmKind::Tamper, *active),
            Some(other) => self.not_a_boolean("tamper", other),
        }
    }

    fn alarm(&mut self, alarm: AlarmKind, active: bool) {
        self.found.push(What::Alarm { alarm, active: Some(active), quality: Quality::Cached });
    }

    fn not_a_boolean(&mut self, field: &str, value: &Value) {
        let detail = format!("{} where a boolean belongs", type_of(value));
        self.anomaly(field, &detail);
    }

    /// The last operation, which the device's message repeats until the next one.
    fn latches(&mut self) {
        for (source_field, user_field, kind) in LATCHES {
            let named = self.get(source_field);
            if named.is_none() && self.get(user_field).is_none() {
                continue;
            }
            let source = named
                .and_then(|value| self.word(source_field, value, LATCHED_SOURCES))
                .unwrap_or(OperationSource::Unknown);
            let user_slot = self.user(user_field);
            self.found.push(What::LatchedOperation {
                operation: Operation {
                    kind: *kind,
                    outcome: Outcome::Succeeded,
                    source,
                    user_slot,
                },
            });
        }
    }

    fn battery(&mut self) {
        let mut percent = None;
        if let Some(value) = self.get("battery") {
            percent = value.as_f64().filter(|percent| (0.0..=100.0).contains(percent));
            if percent.is_none() {
                self.anomaly("battery", "not a percentage from 0 to 100");
            }
        }
        let mut low = None;
        if let Some(value) = self.get("battery_low") {
            low = value.as_bool();
            if low.is_none() {
                self.not_a_boolean("battery_low", value);
            }
        }
        if percent.is_some() || low.is_some() {
            self.found.push(What::Battery { percent, low });
        }
    }

    /// `status`, where it is a garage opener's.
    fn garage_status(&mut self) {
        if !self.members.contains_key("garage_door_contact") {
            return;
        }
        if let Some(value) = self.get("status")
            && !value.as_str().is_some_and(|word| GARAGE_STATUSES.contains(&word))
        {
            self.unmapped("status", value);
        }
    }
}
