//! What holds for any message whatever. Shared by the property tests and the fuzz target.

use doorward_translators::zigbee2mqtt::{MAX_TOPIC, Settings, Zigbee2Mqtt};
use doorward_translators::{
    AlarmKind, LockState, MAX_DETAIL, MAX_DEVICES, MAX_LABEL, MAX_OBSERVATIONS, Message,
    Observation, OperationKind, Position, Publication, Refusal, RefusalReason, Translator, What,
};
use serde_json::{Map, Value};

/// Members that may hold codes.
const SECRETS: [&str; 3] = ["pin_code", "last_used_pin_code", "users"];

/// A message as a fuzzer writes it: `R` (retained) or another byte, the topic (a leading `~`
/// stands for the base and its slash), a line feed, the payload.
pub fn hold_for_input(input: &[u8]) {
    let (head, payload) = match input.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&input[..end], &input[end + 1..]),
        None => (input, &[][..]),
    };
    let Some((flag, topic)) = head.split_first() else {
        return;
    };
    let topic = String::from_utf8_lossy(topic);
    let topic = match topic.strip_prefix('~') {
        Some(rest) => format!("zigbee2mqtt/{rest}"),
        None => topic.into_owned(),
    };
    hold(&Message { topic: &topic, payload, retained: *flag == b'R' });
}

/// Panics where the translator breaks a promise.
pub fn hold(message: &Message<'_>) {
    let translator = Zigbee2Mqtt::new(Settings::default()).expect("the default settings");
    let result = translator.translate(message);
    assert_eq!(result, translator.translate(message), "pure");
    let is_command = message.topic.split('/').skip(2).any(|l| l == "set" || l == "get")
        && !message.topic.starts_with("zigbee2mqtt/bridge/")
        && message.topic.starts_with("zigbee2mqtt/")
        && message.topic.len() <= MAX_TOPIC;
    if is_command {
        assert!(translator.is_sensitive(message.topic, message.payload));
        let kept = message.retained && !message.payload.is_empty();
        match &result {
            Ok(found) => assert!(found.is_empty() && !kept, "commands are never read"),
            Err(refusal) => assert!(kept && refusal.reason == RefusalReason::RetainedCommand),
        }
    }
    match &result {
        Ok(observations) => {
            bounded(observations);
            asked_for(&translator, observations);
            for observation in observations {
                safe(message, observation);
            }
        }
        Err(refusal) => refused(&translator, message, refusal),
    }
    codes_change_nothing(&translator, message, &result);
}

fn bounded(observations: &[Observation]) {
    assert!(observations.len() <= MAX_OBSERVATIONS);
    for observation in observations {
        assert!(observation.address.len() <= MAX_TOPIC);
        match &observation.what {
            What::Inventory { devices, .. } => {
                assert!(devices.len() <= MAX_DEVICES);
                for device in devices {
                    assert_eq!(device.identity.len(), 18);
                    assert!(device.address.len() <= MAX_TOPIC);
                    for label in [&device.manufacturer, &device.model].into_iter().flatten() {
                        assert!(label.len() <= MAX_LABEL && clean(label));
                    }
                }
            }
            What::Anomaly { field, detail } => {
                assert!(field.len() <= MAX_DETAIL && clean(field));
                assert!(detail.len() <= MAX_DETAIL && clean(detail));
            }
            What::CommandFailed { detail } => {
                assert!(detail.len() <= MAX_DETAIL && clean(detail));
            }
            What::Battery { percent, low } => {
                assert!(percent.is_some() || low.is_some());
                assert!(percent.is_none_or(|percent| (0.0..=100.0).contains(&percent)));
            }
            What::Operation { operation } | What::LatchedOperation { operation } => {
                assert!(operation.user_slot.is_none_or(|slot| slot < 65535));
            }
            What::Credential { change } => {
                assert!(change.user_slot.is_none_or(|slot| slot < 65535));
            }
            What::RemoteLockout { .. } => panic!("no lock of Zigbee is one"),
            What::Lock { .. }
            | What::Position { .. }
            | What::Alarm { .. }
            | What::Availability { .. } => {}
        }
    }
    let text = serde_json::to_string(observations).expect("observations are JSON");
    let back: Vec<Observation> = serde_json::from_str(&text).expect("and come back");
    assert_eq!(back, observations);
}

fn clean(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

/// What can be observed can be asked for, with no wildcard and on no other topic.
fn asked_for(translator: &Zigbee2Mqtt, observations: &[Observation]) {
    for observation in observations {
        if let Some(Publication { topic, payload }) = translator.read_request(&observation.address)
        {
            assert_eq!(topic, format!("zigbee2mqtt/{}/get", observation.address));
            assert!(!topic.contains(['#', '+']));
            assert_eq!(payload, br#"{"state":""}"#);
        }
    }
}

/// Secured, closed and reachable only in the very words; no act out of the broker's store.
fn safe(message: &Message<'_>, observation: &Observation) {
    let members = match serde_json::from_slice(message.payload) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    };
    let says = |name: &str, value: Value| members.get(name) == Some(&value);
    let no_act = members.get("action").is_none_or(Value::is_null);
    match &observation.what {
        What::Lock { state, .. } => {
            let word = match state {
                LockState::Locked => "locked",
                LockState::Unlocked => "unlocked",
                LockState::NotFullyLocked => "not_fully_locked",
                LockState::Jammed => return assert!(says("action", "error_jammed".into())),
                LockState::Unknown => return assert!(no_act),
                other => panic!("{other} is no state that this ecosystem has"),
            };
            assert!(no_act && says("lock_state", word.into()));
        }
        What::Position { position, .. } => {
            assert!(no_act);
            let contact = |closed: bool| {
                says("contact", closed.into()) || says("garage_door_contact", closed.into())
            };
            match position {
                Position::Closed => {
                    assert!(contact(true) || says("door_state", "closed".into()));
                    assert!(!contact(false) && !says("door_state", "open".into()));
                }
                Position::Open => assert!(
                    contact(false)
                        || says("door_state", "open".into())
                        || says("door_state", "error_forced_open".into())
                ),
                Position::Unknown | Position::Fault => {}
                other => panic!("{other} is no position that this ecosystem has"),
            }
        }
        What::Alarm { alarm, active, .. } => {
            assert!(no_act);
            let active = active.expect("it always knows");
            match alarm {
                AlarmKind::Tamper => assert!(says("tamper", active.into())),
                AlarmKind::ForcedOpen => {
                    assert_eq!(active, says("door_state", "error_forced_open".into()));
                }
                other => panic!("{other}: nothing reports it"),
            }
        }
        What::Operation { operation } => {
            assert!(!message.retained && !no_act);
            if operation.kind != OperationKind::Unknown {
                let word = members.get("action").and_then(Value::as_str).unwrap_or("");
                assert!(word.contains(operation.kind.as_str()));
            }
        }
        What::Credential { .. } => assert!(!message.retained && !no_act),
        What::Availability { online: true, .. } => {
            let text = std::str::from_utf8(message.payload).expect("text");
            let bare = text == "online" || serde_json::from_str(text).ok() == Some("online");
            assert!(bare || says("state", "online".into()));
        }
        What::Availability { .. }
        | What::LatchedOperation { .. }
        | What::RemoteLockout { .. }
        | What::Battery { .. }
        | What::Inventory { .. }
        | What::CommandFailed { .. }
        | What::Anomaly { .. } => {}
    }
}

fn refused(translator: &Zigbee2Mqtt, message: &Message<'_>, refusal: &Refusal) {
    assert!(refusal.detail.len() <= MAX_DETAIL && clean(&refusal.detail));
    assert!(refusal.sensitive || !translator.is_sensitive(message.topic, message.payload));
    if refusal.reason == RefusalReason::RetainedCommand {
        assert!(message.retained && refusal.sensitive);
    }
}

/// Whatever stands in the members that may hold codes, the answer is the same.
fn codes_change_nothing(
    translator: &Zigbee2Mqtt,
    message: &Message<'_>,
    result: &Result<Vec<Observation>, Refusal>,
) {
    let Ok(Value::Object(mut members)) = serde_json::from_slice(message.payload) else {
        return;
    };
    let mut found = false;
    for name in SECRETS {
        found |= members.remove(name).is_some();
    }
    if found && result.is_ok() {
        let payload = serde_json::to_vec(&members).expect("JSON");
        let without = translator.translate(&Message { payload: &payload, ..*message });
        assert_eq!(result, &without, "a code changes the answer");
    }
}
