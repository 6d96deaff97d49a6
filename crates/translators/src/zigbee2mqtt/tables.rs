//! The words that zigbee2mqtt's converters put into messages, and what each one means.
//!
//! Only words that the converters' source lists are here (zigbee-herdsman-converters:
//! `converters/fromZigbee.ts` for the ZCL door lock cluster, `lib/constants.ts` and
//! `devices/onesti.ts` for `EasyCode` and Nimly, `devices/yale.ts` for Yale). Look-ups are
//! exact: no trimming, no folding of case, no default.

use crate::observation::Outcome;
use crate::vocabulary::{CredentialKind, LockState, OperationKind, OperationSource, Position};

/// A word and its meaning.
pub(super) type Table<T> = &'static [(&'static str, T)];

/// The meaning of exactly this word.
pub(super) fn look_up<T: Copy>(table: Table<T>, word: &str) -> Option<T> {
    table.iter().find(|(known, _)| *known == word).map(|(_, meaning)| *meaning)
}

/// `lock_state`. The attribute's values 0, 1 and 2; 255 (undefined) removes the member.
pub(super) const LOCK_STATES: Table<LockState> = &[
    ("locked", LockState::Locked),
    ("unlocked", LockState::Unlocked),
    ("not_fully_locked", LockState::NotFullyLocked),
];

/// Values of `state` that only a lock has. They say that it is one, never where its bolt is:
/// the converter writes `UNLOCK` for jammed and undefined too. The Control4 module for Yale
/// locks writes the longer words.
pub(super) const STATES_OF_LOCKS: &[&str] = &["LOCK", "UNLOCK", "LOCKED", "UNLOCKED"];

/// Members that only locks have. Beside one of them, an unknown word in `state` is a lock's.
/// (Members that may hold a code would tell the same; they are never looked at.)
pub(super) const MEMBERS_OF_LOCKS: &[&str] = &[
    "lock_state",
    "action_source_name",
    "auto_relock",
    "auto_relock_time",
    "last_lock_source",
    "last_unlock_source",
];

/// `contact` and `garage_door_contact`: in both, true is closed. For the garage openers the
/// converter inverts data point 3 and describes the member as "closed (= true) or open
/// (= false)" (`devices/tuya.ts`, `lib/legacy.ts` `matsee_garage_door_opener`).
pub(super) const CONTACTS: &[&str] = &["contact", "garage_door_contact"];

/// The position for a contact's boolean.
pub(super) const fn contact_position(touching: bool) -> Position {
    if touching { Position::Closed } else { Position::Open }
}

/// What a `door_state` says: where the leaf is, and whether it was forced (`None`: not said).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DoorState {
    pub(super) position: Position,
    pub(super) forced_open: Option<bool>,
}

/// `door_state`: the ZCL attribute `DoorState`, which is about the leaf. `error_jammed` is
/// therefore a fault of the position: where the bolt is, `lock_state` alone says.
pub(super) const DOOR_STATES: Table<DoorState> = &[
    ("open", door(Position::Open, Some(false))),
    ("closed", door(Position::Closed, Some(false))),
    ("error_jammed", door(Position::Fault, None)),
    ("error_forced_open", door(Position::Open, Some(true))),
    ("error_unspecified", door(Position::Fault, None)),
    ("undefined", door(Position::Unknown, None)),
];

const fn door(position: Position, forced_open: Option<bool>) -> DoorState {
    DoorState { position, forced_open }
}

/// `status` of Tuya garage openers. The two time alarms have no word in our vocabulary, stay
/// in the cache until the opener is triggered again, and repeat what the gateway's own travel
/// and held-open timers find: all three words are understood and of no consequence.
pub(super) const GARAGE_STATUSES: &[&str] = &["Normal", "Run Time Alarm", "Open Time Alarm"];

/// What an `action` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// The bolt was operated, or somebody tried.
    Operated(OperationKind, Outcome, By),
    /// A credential was set or changed (true) or removed (false) at the device.
    Programmed(CredentialKind, bool),
    /// The bolt is jammed: a state that arrives as an act.
    Jammed,
    /// The converter has no word for what the device sent.
    Unnamed,
    /// Ends the act before it.
    Over,
}

/// Where the source of an act stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// In `action_source_name`.
    Named,
    /// In the action's own word, which is more precise than the name beside it (a key and the
    /// automatic relock are both "manual").
    Word(OperationSource),
}

/// `action`.
pub(super) const ACTIONS: Table<Act> = &[
    ("", Act::Over),
    ("unknown", Act::Unnamed),
    // ZCL operation event notification.
    ("lock", done(OperationKind::Lock, By::Named)),
    ("unlock", done(OperationKind::Unlock, By::Named)),
    ("lock_failure_invalid_pin_or_id", wrong_code(OperationKind::Lock)),
    ("lock_failure_invalid_schedule", wrong_time(OperationKind::Lock)),
    ("unlock_failure_invalid_pin_or_id", wrong_code(OperationKind::Unlock)),
    ("unlock_failure_invalid_schedule", wrong_time(OperationKind::Unlock)),
    ("one_touch_lock", done(OperationKind::Lock, By::Named)),
    ("key_lock", by(OperationKind::Lock, OperationSource::MechanicalKey)),
    ("key_unlock", by(OperationKind::Unlock, OperationSource::MechanicalKey)),
    ("auto_lock", by(OperationKind::Lock, OperationSource::AutoRelock)),
    ("schedule_lock", by(OperationKind::Lock, OperationSource::Schedule)),
    ("schedule_unlock", by(OperationKind::Unlock, OperationSource::Schedule)),
    ("manual_lock", by(OperationKind::Lock, OperationSource::ManualInside)),
    ("manual_unlock", by(OperationKind::Unlock, OperationSource::ManualInside)),
    ("non_access_user_operational_event", done(OperationKind::Unknown, By::Named)),
    // ZCL programming event notification.
    ("master_code_changed", Act::Programmed(CredentialKind::MasterCode, true)),
    ("pin_code_added", Act::Programmed(CredentialKind::Pin, true)),
    ("pin_code_deleted", Act::Programmed(CredentialKind::Pin, false)),
    ("pin_code_changed", Act::Programmed(CredentialKind::Pin, true)),
    ("rfid_code_added", Act::Programmed(CredentialKind::Card, true)),
    ("rfid_code_deleted", Act::Programmed(CredentialKind::Card, false)),
    // EasyCode, EasyFinger, Nimly. By Zigbee: see `rf` in SOURCES.
    ("keypad_lock", by(OperationKind::Lock, OperationSource::Keypad)),
    ("keypad_unlock", by(OperationKind::Unlock, OperationSource::Keypad)),
    ("fingerprint_lock", by(OperationKind::Lock, OperationSource::Biometric)),
    ("fingerprint_unlock", by(OperationKind::Unlock, OperationSource::Biometric)),
    ("rfid_lock", by(OperationKind::Lock, OperationSource::Card)),
    ("rfid_unlock", by(OperationKind::Unlock, OperationSource::Card)),
    ("zigbee_unlock", by(OperationKind::Unlock, OperationSource::Unknown)),
    // Yale. "Key or thumb turn" and "touch" leave the means open; "module" is by radio.
    ("password_unlock", by(OperationKind::Unlock, OperationSource::Keypad)),
    ("manual_lock_key_or_thumbturn", by(OperationKind::Lock, OperationSource::Unknown)),
    ("manual_unlock_key_or_thumbturn", by(OperationKind::Unlock, OperationSource::Unknown)),
    ("manual_lock_touch", by(OperationKind::Lock, OperationSource::Unknown)),
    ("lock_module", by(OperationKind::Lock, OperationSource::Unknown)),
    ("unlock_module", by(OperationKind::Unlock, OperationSource::Unknown)),
    ("error_jammed", Act::Jammed),
];

const fn done(kind: OperationKind, by: By) -> Act {
    Act::Operated(kind, Outcome::Succeeded, by)
}

const fn by(kind: OperationKind, source: OperationSource) -> Act {
    done(kind, By::Word(source))
}

const fn wrong_code(kind: OperationKind) -> Act {
    Act::Operated(kind, Outcome::InvalidCredential, By::Named)
}

const fn wrong_time(kind: OperationKind) -> Act {
    Act::Operated(kind, Outcome::NotPermittedAtThisTime, By::Named)
}

/// `action_source_name`. `rf` is any command by radio: ours, another controller's or a bound
/// remote's. The lock does not say whose, so neither do we; the gateway knows its own commands.
pub(super) const SOURCES: Table<OperationSource> = &[
    ("keypad", OperationSource::Keypad),
    ("rf", OperationSource::Unknown),
    ("manual", OperationSource::ManualInside),
    ("rfid", OperationSource::Card),
    ("fingerprint", OperationSource::Biometric),
    ("indeterminate", OperationSource::Unknown),
];

/// `last_lock_source` and `last_unlock_source` of Nimly and `EasyCode`. `self` is the lock's own
/// value 0x0a, described as manual; it covers the thumb turn and the automatic relock alike, so
/// it names no source of ours. `zigbee`: as `rf` above. `unknown`: the converter's own word.
pub(super) const LATCHED_SOURCES: Table<OperationSource> = &[
    ("zigbee", OperationSource::Unknown),
    ("keypad", OperationSource::Keypad),
    ("fingerprintsensor", OperationSource::Biometric),
    ("rfid", OperationSource::Card),
    ("self", OperationSource::Unknown),
    ("unknown", OperationSource::Unknown),
];

/// The latched members: source, user, and what was done.
pub(super) const LATCHES: &[(&str, &str, OperationKind)] = &[
    ("last_unlock_source", "last_unlock_user", OperationKind::Unlock),
    ("last_lock_source", "last_lock_user", OperationKind::Lock),
];

/// `availability` and `bridge/state`.
pub(super) const AVAILABILITIES: Table<bool> = &[("online", true), ("offline", false)];

/// The ZCL user id that means nobody.
pub(super) const NO_USER: u64 = 0xffff;

#[cfg(test)]
mod tests {
    use super::*;

    fn unique<T>(table: Table<T>) {
        for (n, (word, _)) in table.iter().enumerate() {
            assert!(table[n + 1..].iter().all(|(other, _)| other != word), "{word}");
        }
    }

    #[test]
    fn a_word_stands_once() {
        unique(LOCK_STATES);
        unique(DOOR_STATES);
        unique(ACTIONS);
        unique(SOURCES);
        unique(LATCHED_SOURCES);
        unique(AVAILABILITIES);
    }

    #[test]
    fn words_are_exact() {
        for word in ["Locked", "LOCKED", "locked ", " locked", "lock", "1", "true", ""] {
            assert_eq!(look_up(LOCK_STATES, word), None, "{word}");
        }
        for word in ["Online", "ONLINE", "online\n", "on", ""] {
            assert_eq!(look_up(AVAILABILITIES, word), None, "{word}");
        }
    }

    #[test]
    fn one_word_secures() {
        let words = |state| LOCK_STATES.iter().filter(|(_, s)| *s == state).count();
        assert_eq!(words(LockState::Locked), 1);
        assert_eq!(contact_position(true), Position::Closed);
        assert_eq!(contact_position(false), Position::Open);
        let closed =
            DOOR_STATES.iter().filter(|(_, door)| door.position == Position::Closed).count();
        assert_eq!(closed, 1);
    }

    /// Every word that the converters' tables of the ZCL events hold.
    #[test]
    fn every_word_of_the_door_lock_cluster() {
        for word in [
            "unknown",
            "lock",
            "unlock",
            "lock_failure_invalid_pin_or_id",
            "lock_failure_invalid_schedule",
            "unlock_failure_invalid_pin_or_id",
            "unlock_failure_invalid_schedule",
            "one_touch_lock",
            "key_lock",
            "key_unlock",
            "auto_lock",
            "schedule_lock",
            "schedule_unlock",
            "manual_lock",
            "manual_unlock",
            "non_access_user_operational_event",
            "master_code_changed",
            "pin_code_added",
            "pin_code_deleted",
            "pin_code_changed",
            "rfid_code_added",
            "rfid_code_deleted",
        ] {
            assert!(look_up(ACTIONS, word).is_some(), "{word}");
        }
        for word in ["keypad", "rf", "manual", "rfid", "fingerprint"] {
            assert!(look_up(SOURCES, word).is_some(), "{word}");
        }
    }

    /// A word that says lock, unlock or failure means that.
    #[test]
    fn actions_mean_what_they_say() {
        for (word, act) in ACTIONS {
            let Act::Operated(kind, outcome, _) = act else {
                continue;
            };
            let said = if word.contains("unlock") {
                OperationKind::Unlock
            } else if word.contains("lock") {
                OperationKind::Lock
            } else {
                OperationKind::Unknown
            };
            assert_eq!(*kind, said, "{word}");
            assert_eq!(*outcome != Outcome::Succeeded, word.contains("failure"), "{word}");
        }
    }
}
