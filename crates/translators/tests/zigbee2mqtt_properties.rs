//! Properties of the zigbee2mqtt translator over messages that nobody thought of.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

mod invariants;

use doorward_translators::zigbee2mqtt::{
    MAX_BRIDGE_PAYLOAD, MAX_PAYLOAD, MAX_TOPIC, Settings, SettingsError, Zigbee2Mqtt,
};
use doorward_translators::{MAX_DEVICES, Message, Publication, RefusalReason, Translator, What};
use proptest::prelude::*;
use serde_json::{Value, json};

fn translator() -> Zigbee2Mqtt {
    Zigbee2Mqtt::new(Settings::default()).unwrap()
}

/// Topics near those that mean something.
fn topics() -> impl Strategy<Value = String> {
    let level = prop_oneof![
        Just("bridge"),
        Just("state"),
        Just("devices"),
        Just("logging"),
        Just("request"),
        Just("set"),
        Just("get"),
        Just("action"),
        Just("availability"),
        Just("front door"),
        Just("l"),
        Just(""),
    ];
    prop_oneof![
        3 => prop::collection::vec(level, 0..5)
            .prop_map(|levels| format!("zigbee2mqtt/{}", levels.join("/"))),
        1 => any::<String>(),
        1 => any::<String>().prop_map(|rest| format!("zigbee2mqtt/{rest}")),
    ]
}

/// Values near those that mean something, and others.
fn values() -> impl Strategy<Value = Value> {
    let words = [
        "locked",
        "unlocked",
        "not_fully_locked",
        "LOCK",
        "UNLOCK",
        "ON",
        "open",
        "closed",
        "error_jammed",
        "error_forced_open",
        "undefined",
        "lock",
        "unlock",
        "pin_code_added",
        "",
        "unknown",
        "keypad",
        "rf",
        "manual",
        "self",
        "rfid",
        "online",
        "offline",
        "error",
        "2026-11-21T04:56:40.029Z",
        "3",
        "65535",
        "Normal",
        "Locked",
        "closed ",
    ];
    prop_oneof![
        4 => prop::sample::select(words.to_vec()).prop_map(Value::from),
        2 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => any::<i64>().prop_map(Value::from),
        1 => (0_i64..70000).prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => any::<String>().prop_map(Value::from),
        1 => Just(json!({"state": "online"})),
        1 => Just(json!(["locked", true])),
    ]
}

fn objects() -> impl Strategy<Value = Value> {
    let names = [
        "lock_state",
        "state",
        "action",
        "action_source_name",
        "action_user",
        "contact",
        "garage_door_contact",
        "door_state",
        "tamper",
        "battery",
        "battery_low",
        "last_seen",
        "status",
        "last_unlock_source",
        "last_unlock_user",
        "last_lock_source",
        "last_lock_user",
        "pin_code",
        "last_used_pin_code",
        "users",
        "lock_state_left",
        "level",
        "message",
    ];
    prop::collection::btree_map(prop::sample::select(names.to_vec()), values(), 0..12)
        .prop_map(|members| json!(members))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_on_any_topic(topic in topics(), payload in any::<Vec<u8>>(), retained: bool) {
        invariants::hold(&Message { topic: &topic, payload: &payload, retained });
    }

    #[test]
    fn any_members_on_any_topic(topic in topics(), object in objects(), retained: bool) {
        let payload = serde_json::to_vec(&object).unwrap();
        invariants::hold(&Message { topic: &topic, payload: &payload, retained });
    }

    #[test]
    fn any_members_of_a_device(object in objects(), retained: bool) {
        let payload = serde_json::to_vec(&object).unwrap();
        invariants::hold(&Message { topic: "zigbee2mqtt/l", payload: &payload, retained });
    }

    /// A message cut off or with one byte changed is refused or still holds.
    #[test]
    fn damaged_messages(object in objects(), at in any::<prop::sample::Index>(), byte: u8, cut: bool) {
        let mut payload = serde_json::to_vec(&object).unwrap();
        let at = at.index(payload.len());
        if cut { payload.truncate(at) } else { payload[at] = byte }
        invariants::hold(&Message { topic: "zigbee2mqtt/l", payload: &payload, retained: false });
    }

    #[test]
    fn codes_never_get_out(object in objects(), code in "[0-9]{7,10}", cut in 0_usize..40, retained: bool) {
        let mut object = object;
        object["pin_code"] = json!({"user": 1, "pin_code": code});
        object["last_used_pin_code"] = json!(code);
        object["users"] = json!({"1": {"status": "enabled", "pin_code": code}});
        let whole = serde_json::to_string(&object).unwrap();
        let damaged: String = whole.chars().take(whole.chars().count().saturating_sub(cut)).collect();
        let log = json!({"level": "error", "message": format!(
            "z2m: Publish 'set' 'pin_code' to 'l' failed: 'Error: {whole}'")}).to_string();
        for (topic, payload) in [
            ("zigbee2mqtt/l", whole.as_str()),
            ("zigbee2mqtt/l", damaged.as_str()),
            ("zigbee2mqtt/l/set", whole.as_str()),
            ("zigbee2mqtt/l/set/pin_code", code.as_str()),
            ("zigbee2mqtt/l/last_used_pin_code", code.as_str()),
            ("zigbee2mqtt/bridge/request/device/options", whole.as_str()),
            ("zigbee2mqtt/bridge/logging", log.as_str()),
            ("zigbee2mqtt/bridge/logging", whole.as_str()),
        ] {
            let result = translator().translate(&Message { topic, payload: payload.as_bytes(), retained });
            let text = match &result {
                Ok(found) => format!("{found:?}{}", serde_json::to_string(found).unwrap()),
                Err(refusal) => {
                    prop_assert!(refusal.sensitive, "{topic}: {refusal:?}");
                    format!("{refusal:?}{refusal}")
                }
            };
            prop_assert!(!text.contains(&code), "{topic}: {text}");
        }
    }

    #[test]
    fn read_requests_name_one_device(address: String) {
        if let Some(Publication { topic, .. }) = translator().read_request(&address) {
            prop_assert_eq!(&topic, &format!("zigbee2mqtt/{address}/get"));
            prop_assert!(!topic.contains(['#', '+']) && topic.len() <= MAX_TOPIC);
        }
    }
}

#[test]
fn fuzz_corpus() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/zigbee2mqtt");
    let mut seeds = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        invariants::hold_for_input(&std::fs::read(file.unwrap().path()).unwrap());
        seeds += 1;
    }
    assert!(seeds > 30);
}

#[test]
fn no_read_request_beyond_a_device() {
    for address in [
        "",
        "#",
        "+",
        "a/#",
        "a/+/b",
        "bridge",
        "bridge/request",
        "/a",
        "a/",
        "x/set",
        "x/set/y",
        "x/get",
        "a\u{0}",
        "x/availability",
        "x/action",
    ] {
        assert_eq!(translator().read_request(address), None, "{address}");
    }
    assert_eq!(translator().read_request(&"n".repeat(MAX_TOPIC)), None);
    assert_eq!(
        translator().read_request("house/front door"),
        Some(Publication {
            topic: "zigbee2mqtt/house/front door/get".to_owned(),
            payload: br#"{"state":""}"#.to_vec()
        })
    );
}

#[test]
fn sensitive_topics() {
    for topic in [
        "zigbee2mqtt/l/set",
        "zigbee2mqtt/a/b/set/pin_code",
        "zigbee2mqtt/l/get",
        "zigbee2mqtt/bridge/request/device/options",
        "zigbee2mqtt/bridge/response/device/options",
        "zigbee2mqtt/bridge/logging",
        "zigbee2mqtt/bridge/info",
        "elsewhere/l",
    ] {
        assert!(translator().is_sensitive(topic, b""), "{topic}");
    }
    assert!(translator().is_sensitive("zigbee2mqtt/l", br#"{"pin_code":1234"#));
    for topic in [
        "zigbee2mqtt/l",
        "zigbee2mqtt/l/availability",
        "zigbee2mqtt/l/action",
        "zigbee2mqtt/bridge/state",
        "zigbee2mqtt/bridge/devices",
    ] {
        assert!(!translator().is_sensitive(topic, b""), "{topic}");
    }
}

#[test]
fn base_topics() {
    let with = |base: &str| {
        Zigbee2Mqtt::new(Settings { base_topic: base.to_owned() }).map(|z| z.subscriptions())
    };
    assert_eq!(with("").unwrap_err(), SettingsError::EmptyBaseTopic);
    assert_eq!(with("a/#").unwrap_err(), SettingsError::Wildcard('#'));
    assert_eq!(with("+/a").unwrap_err(), SettingsError::Wildcard('+'));
    assert_eq!(with("a/").unwrap_err(), SettingsError::OuterSlash);
    assert_eq!(with("/a").unwrap_err(), SettingsError::OuterSlash);
    assert_eq!(with("a\u{0}").unwrap_err(), SettingsError::ControlCharacter);
    assert_eq!(with("$SYS").unwrap_err(), SettingsError::BrokerTopic);
    assert_eq!(with(&"b".repeat(129)).unwrap_err(), SettingsError::TooLong);
    assert_eq!(with("site/z2m").unwrap()[1].filter, "site/z2m/#");
    assert_eq!(serde_json::from_str::<Settings>("{}").unwrap(), Settings::default());
}

#[test]
fn another_base_with_levels() {
    let translator = Zigbee2Mqtt::new(Settings { base_topic: "site/z2m".to_owned() }).unwrap();
    let message =
        |topic| Message { topic, payload: br#"{"lock_state":"locked"}"#, retained: false };
    let found = translator.translate(&message("site/z2m/house/l")).unwrap();
    assert_eq!(found[0].address, "house/l");
    assert_eq!(
        translator.translate(&message("zigbee2mqtt/l")).unwrap_err().reason,
        RefusalReason::UnknownTopic
    );
}

#[test]
fn bounds_of_payloads() {
    let refused = |topic: &str, length: usize| {
        let payload = vec![b' '; length];
        let message = Message { topic, payload: &payload, retained: false };
        translator().translate(&message).err().map(|refusal| refusal.reason)
    };
    let too_large = Some(RefusalReason::TooLarge);
    assert_ne!(refused("zigbee2mqtt/l", MAX_PAYLOAD), too_large);
    assert_eq!(refused("zigbee2mqtt/l", MAX_PAYLOAD + 1), too_large);
    assert_eq!(refused("zigbee2mqtt/bridge/logging", MAX_PAYLOAD + 1), too_large);
    for topic in ["devices", "info", "definitions"] {
        let topic = format!("zigbee2mqtt/bridge/{topic}");
        assert_ne!(refused(&topic, MAX_BRIDGE_PAYLOAD), too_large);
        assert_eq!(refused(&topic, MAX_BRIDGE_PAYLOAD + 1), too_large);
    }
    assert_eq!(refused("zigbee2mqtt/l/set", MAX_BRIDGE_PAYLOAD + 1), None, "never read");
}

#[test]
fn bound_of_the_inventory() {
    let entries: Vec<Value> = (0..=MAX_DEVICES)
        .map(|n| json!({"ieee_address": format!("0x{n:016x}"), "friendly_name": format!("d{n}")}))
        .collect();
    let payload = serde_json::to_vec(&entries).unwrap();
    let message =
        Message { topic: "zigbee2mqtt/bridge/devices", payload: &payload, retained: true };
    invariants::hold(&message);
    let found = translator().translate(&message).unwrap();
    let What::Inventory { devices, complete } = &found[0].what else {
        panic!("{found:?}");
    };
    assert_eq!((devices.len(), *complete), (MAX_DEVICES, false));
}

/// Every member at once, each wrong: the most that one message gives.
#[test]
fn the_most_observations() {
    let members = json!({
        "last_seen": "x", "lock_state": 1, "lock_state_a": 1, "contact": 1, "garage_door_contact": "x",
        "door_state": "closed", "tamper": true, "last_unlock_source": 1, "last_unlock_user": "x",
        "last_lock_source": 1, "last_lock_user": "x", "battery": 500, "battery_low": true, "status": 4,
    });
    for action in [Value::Null, json!("x")] {
        let mut members = members.clone();
        members["action"] = action;
        members["action_source_name"] = json!(1);
        members["action_user"] = json!("x");
        let payload = serde_json::to_vec(&members).unwrap();
        invariants::hold(&Message { topic: "zigbee2mqtt/l", payload: &payload, retained: false });
    }
}
