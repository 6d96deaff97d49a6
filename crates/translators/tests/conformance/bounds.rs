//! What holds for any message whatever.

use doorward_translators::{
    MAX_DETAIL, MAX_DEVICES, MAX_LABEL, MAX_OBSERVATIONS, Message, Observation, Refusal,
    RefusalReason, What,
};

use super::ecosystems::Mqtt;

/// The longest name of a field or part, in bytes: the link's bound.
const MAX_PART: usize = 64;

/// The longest address, in bytes: a whole topic.
const MAX_ADDRESS: usize = 512;

/// Panics where the ecosystem breaks a promise.
pub fn hold(one: &Mqtt, message: &Message<'_>) {
    let found = one.translator.translate(message);
    assert_eq!(found, one.translator.translate(message), "{}: pure", one.name);
    match &found {
        Ok(observations) => {
            assert!(observations.len() <= MAX_OBSERVATIONS, "{}", one.name);
            for observation in observations {
                of_one(one, message, observation);
            }
            let text = serde_json::to_string(observations).expect("observations are JSON");
            let back: Vec<Observation> = serde_json::from_str(&text).expect("and come back");
            assert_eq!(&back, observations);
        }
        Err(refusal) => refused(one, message, refusal),
    }
    let key = one.translator.dedup_key(message);
    assert_eq!(key, one.translator.dedup_key(message), "{}: pure", one.name);
}

fn of_one(one: &Mqtt, message: &Message<'_>, observation: &Observation) {
    let address = &observation.address;
    assert!(address.len() <= MAX_ADDRESS && clean(address), "{address:?}");
    match &observation.what {
        What::Inventory { devices, .. } => {
            assert!(devices.len() <= MAX_DEVICES);
            for device in devices {
                assert!(one.translator.is_address(&device.address), "{device:?}");
                for label in [&device.manufacturer, &device.model].into_iter().flatten() {
                    assert!(label.len() <= MAX_LABEL && clean(label), "{label:?}");
                }
            }
        }
        What::Anomaly { field, detail } => {
            assert!(field.len() <= MAX_PART && clean(field), "{field:?}");
            assert!(detail.len() <= MAX_DETAIL && clean(detail), "{detail:?}");
        }
        What::CommandFailed { detail } => assert!(detail.len() <= MAX_DETAIL && clean(detail)),
        What::Availability { part, .. } => {
            assert!(!part.is_empty() && part.len() <= MAX_PART && clean(part), "{part:?}");
        }
        What::Battery { percent, low } => {
            assert!(percent.is_some() || low.is_some());
            assert!(percent.is_none_or(|percent| (0.0..=100.0).contains(&percent)));
        }
        What::Operation { operation } => {
            assert!(!message.retained, "{observation:?}");
            assert!(operation.user_slot.is_none_or(|slot| slot < 65_535));
        }
        What::Credential { .. } => assert!(!message.retained, "{observation:?}"),
        What::Lock { .. }
        | What::Position { .. }
        | What::LatchedOperation { .. }
        | What::Alarm { .. }
        | What::RemoteLockout { .. } => {}
    }
    // The ecosystem's own bridge has no address.
    let of_the_bridge = matches!(
        observation.what,
        What::Inventory { .. }
            | What::Anomaly { .. }
            | What::Availability { .. }
            | What::CommandFailed { .. }
    );
    // A device some of whose topics would be too long is heard all the same, and bound to nothing.
    let known = one.translator.is_address(address) || message.topic.len() > MAX_ADDRESS - MAX_PART;
    assert!(known || (address.is_empty() && of_the_bridge), "{observation:?}");
}

fn refused(one: &Mqtt, message: &Message<'_>, refusal: &Refusal) {
    assert!(refusal.detail.len() <= MAX_DETAIL && clean(&refusal.detail), "{refusal:?}");
    let sensitive = one.translator.is_sensitive(message.topic, message.payload);
    assert!(refusal.sensitive || !sensitive, "{} {refusal:?}", one.name);
    match refusal.reason {
        RefusalReason::RetainedCommand => assert!(message.retained && refusal.sensitive),
        RefusalReason::UnknownTopic => assert!(refusal.sensitive, "{refusal:?}"),
        _ => {}
    }
}

fn clean(text: &str) -> bool {
    !text.chars().any(char::is_control)
}
