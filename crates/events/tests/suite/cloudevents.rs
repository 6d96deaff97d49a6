//! Events as `CloudEvents` messages: the table, word by word, and that nothing is lost.

use std::collections::BTreeMap;

use doorward_events::testkit::{corpus, generate};
use doorward_events::types::EndpointBatteryChanged;
use doorward_events::{
    EventType, Form, Invalid, MAX_CLOUD_EVENT_BYTES, MAX_EVENT_BYTES, Rejected, from_cloud_event,
    to_cloud_event, validate,
};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::samples::{envelope, origin, stamped};

fn there(event: &str) -> String {
    to_cloud_event(event.as_bytes()).unwrap_or_else(|e| panic!("{e}: {event}"))
}

fn back(message: &str) -> String {
    from_cloud_event(message.as_bytes()).unwrap_or_else(|e| panic!("{e}: {message}"))
}

fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// What `CloudEvents` 1.0 asks of every message: "REQUIRED Attributes", "Naming Conventions", "Type
/// System".
fn conforms(message: &str) {
    let message: Map<String, Value> = serde_json::from_str(message).unwrap();
    for required in ["specversion", "id", "source", "type", "data"] {
        assert!(message.contains_key(required), "{required}");
    }
    for (name, value) in message.iter().filter(|(name, _)| *name != "data") {
        assert!(name.len() <= 20, "{name}");
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()), "{name}");
        match value {
            Value::Bool(_) => {}
            Value::String(text) => {
                assert!(!text.is_empty(), "{name}");
                assert!(text.bytes().all(|b| matches!(b, b' '..=b'~')), "{name}: {text}");
            }
            other => panic!("{name}: {other}"),
        }
    }
}

/// There and back, as a value; the message.
fn survives(event: &str) -> String {
    let message = there(event);
    conforms(&message);
    assert!(message.len() <= MAX_CLOUD_EVENT_BYTES);
    let again = back(&message);
    assert_eq!(value(&again), value(event), "{message}");
    // Written by the library, it is a fixed point.
    assert_eq!(back(&there(&again)), again);
    message
}

fn battery() -> EndpointBatteryChanged {
    let data = json!({ "vendor": "zigbee", "percent": 17.5, "low": true });
    EndpointBatteryChanged::deserialize(&data).unwrap()
}

#[test]
fn every_member_has_its_attribute() {
    let event = stamped(&battery());
    let message = survives(&event);
    assert_eq!(
        message,
        concat!(
            r#"{"specversion":"1.0","id":"019aa4f0-5c1e-7c3a-9d5e-0123456789ab","#,
            r#""source":"doorward.gateway/gw-1","type":"endpoint.battery_changed","#,
            r#""subject":"front-door","time":"2026-11-21T06:41:00.25Z","#,
            r#""datacontenttype":"application/json","schemaversion":"1.0","tenantid":"acme","#,
            r#""test":false,"siteid":"hq","entryid":"front-door","#,
            r#""endpointid":"zigbee2mqtt:0x00124b0024c9d2a1","#,
            r#""correlationid":"019aa4f0-0000-7000-8000-000000000001","#,
            r#""causationid":"019aa4f0-0000-7000-8000-000000000002","#,
            r#""traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","#,
            r#""tracestate":"vendor=1","recordedat":"2026-11-21T06:41:01Z","#,
            r#""journalid":"00000000-0000-4000-8000-000000000003","#,
            r#""sequence":"0000000000001042","typesequence":"0000000000000118","#,
            r#""clockearliest":"2026-11-21T06:40:00Z","clocklatest":"2026-11-21T06:42:00Z","#,
            r#""clocktrust":"bounded","#,
            r#""data":{"low":true,"percent":17.5,"vendor":"zigbee"}}"#,
        )
    );
    assert_eq!(back(&message), event, "the very text");
    assert_eq!(value(&message)["source"], envelope().publisher.source());
}

#[test]
fn the_subject_is_the_entry_or_else_the_device() {
    let subject = |event: &str| value(&survives(event)).get("subject").cloned();
    let event = value(&stamped(&battery()));
    assert_eq!(subject(&event.to_string()), Some(json!("front-door")));
    let mut device = event.clone();
    device.as_object_mut().unwrap().remove("entry_id");
    assert_eq!(subject(&device.to_string()), Some(json!("zigbee2mqtt:0x00124b0024c9d2a1")));
    device.as_object_mut().unwrap().remove("endpoint_id");
    assert_eq!(subject(&device.to_string()), None);
}

#[test]
fn sequences_outgrow_an_integer_and_keep_their_order() {
    let sequences = [0, 7, 2_147_483_647, 2_147_483_648, 9_007_199_254_740_991_u64];
    let texts = sequences.map(|sequence| {
        let origin = doorward_events::GatewayOrigin { sequence, ..origin() };
        let event = envelope().seal(&battery()).unwrap().stamp(&origin);
        value(&survives(&event))["sequence"].as_str().unwrap().to_owned()
    });
    assert!(texts.is_sorted(), "{texts:?}");
}

#[test]
fn recorded_and_drawn_events_survive() {
    for sample in corpus() {
        survives(&value(&sample.text)["detail"].to_string());
    }
    for event_type in EventType::ALL {
        for seed in 0..40 {
            survives(&generate::valid(event_type, seed).to_string());
        }
    }
}

#[test]
fn only_an_event_is_mapped_and_only_a_valid_one_comes_back() {
    for event_type in EventType::ALL {
        for wrong in generate::invalid(event_type, 2) {
            let event = wrong.event.to_string();
            let mapped = to_cloud_event(event.as_bytes());
            let expected = validate(event.as_bytes(), Form::Reader).map(|_| ());
            assert_eq!(mapped.clone().map(|_| ()), expected);
            if let Ok(message) = mapped {
                assert_eq!(value(&back(&message)), wrong.event, "{:?}", wrong.breach);
            }
        }
    }
}

#[test]
fn what_is_unknown_is_carried() {
    let mut event = value(&stamped(&battery()));
    event["next_year"] = json!({ "a": [1, "ü\u{7f}"] });
    event["publisher"]["region"] = json!("eu");
    event["trace_context"]["flags"] = json!([]);
    event["gateway"]["lane"] = json!("backlog");
    event["gateway"]["clock"]["source"] = json!({});
    event["gateway"]["clock"]["trust"] = json!("half\n");
    event["data"]["colour"] = json!("ü");
    let message = value(&survives(&event.to_string()));
    assert_eq!(message["data"]["colour"], "ü");
    let expected = concat!(
        r#"{"publisher":{"region":"eu"},"trace_context":{"flags":[]},"#,
        r#""gateway":{"clock":{"trust":"half\n","source":{}},"lane":"backlog"},"#,
        r#""next_year":{"a":[1,"\u00fc\u007f"]}}"#,
    );
    assert_eq!(message["othermembers"], expected);
}

#[test]
fn an_origin_where_none_belongs_is_a_member_like_any_other() {
    let odd = [
        json!(null),
        json!(7),
        json!({}),
        json!({ "clock": {} }),
        json!({ "clock": 5, "recorded_at": "" }),
        json!({ "sequence": -1, "type_sequence": 12_345_678_901_234_567_u64, "journal_id": "ü" }),
        json!({ "sequence": 3, "clock": { "trust": "full" } }),
    ];
    for gateway in odd {
        let mut event = generate::valid(EventType::DeliveryScheduled, 1);
        event["gateway"] = gateway;
        survives(&event.to_string());
    }
}

#[test]
fn numbers_and_texts_keep_their_form() {
    let event = stamped(&battery())
        .replace("17.5", "17.50e0")
        .replace("\"percent\"", "\"more\" : [ 1E1, -0.0, \"\\u00fc\\/\" ],\n \"percent\"");
    let message = survives(&event);
    let data = event.split_once("\"data\":").unwrap().1.split_once(",\"gateway\"").unwrap().0;
    assert!(message.ends_with(&format!("\"data\":{data}}}")), "{message}");
    assert_eq!(back(&message), event);
}

#[test]
fn whatever_is_taken_there_fits_on_the_way_back() {
    let fill = |filling: &str| {
        let mut event = value(&stamped(&battery()));
        event["more"] = json!("");
        let bytes = json!(filling).to_string().len() - 2;
        let count = (MAX_EVENT_BYTES - event.to_string().len()) / bytes;
        event["more"] = json!(filling.repeat(count));
        event.to_string()
    };
    for filling in ["a", "\"", "\\", "\n", "\u{1}"] {
        survives(&fill(filling));
    }
    for filling in ["\u{7f}", "ü", "\u{1f511}"] {
        let refused = to_cloud_event(fill(filling).as_bytes());
        assert!(
            matches!(refused, Err(Rejected::TooLarge { bytes, most: MAX_EVENT_BYTES }) if bytes > MAX_EVENT_BYTES)
        );
        survives(&fill(filling).replace(&filling.repeat(100), ""));
    }
    let event = stamped(&battery());
    let blanks = format!("{event}{}", " ".repeat(MAX_EVENT_BYTES - event.len()));
    assert_eq!(back(&there(&blanks)), event);
}

/// The suite of all languages has the cases; here is what Rust says.
#[test]
fn a_refusal_says_where() {
    let message = there(&stamped(&battery()));
    let refused = |find: &str, put: &str| from_cloud_event(message.replace(find, put).as_bytes());
    let Err(Rejected::Invalid(Invalid { event_type, errors })) = refused("\"hq\"", "7") else {
        panic!("taken");
    };
    assert_eq!(event_type, EventType::EndpointBatteryChanged);
    assert_eq!(errors[0].to_string(), "/siteid: is not a text");
    let Err(foreign) = refused("siteid", "~/\\u001b") else { panic!("taken") };
    assert_eq!(foreign.pointers(), ["/~0~1 "]);
    assert_eq!(refused("\"type\"", "\"kind\""), Err(Rejected::NoType));
    let unknown = refused("endpoint.battery_changed", "endpoint.battery_eaten");
    assert_eq!(unknown, Err(Rejected::UnknownType));
    let long = format!("{message}{}", " ".repeat(MAX_CLOUD_EVENT_BYTES));
    let refused = from_cloud_event(long.as_bytes()).unwrap_err();
    let expected = Rejected::TooLarge { bytes: long.len(), most: MAX_CLOUD_EVENT_BYTES };
    assert_eq!(refused, expected);
    assert_eq!(refused.to_string(), format!("{} bytes; at most 262144 are allowed", long.len()));
}

fn anything() -> impl Strategy<Value = Value> {
    let text = || prop::collection::vec(any::<char>(), 0..8).prop_map(String::from_iter);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        prop::num::f64::NORMAL.prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(text(), inner, 0..4)
                .prop_map(|members: BTreeMap<String, Value>| json!(members)),
        ]
    })
}

fn names() -> impl Strategy<Value = String> {
    let odd = ["", "a.b", "othermembers", "publisher.name", "tenantid", "é\"", "_ü\u{7f}\n", "x/y"];
    prop_oneof![
        prop::sample::select(odd.to_vec()).prop_map(str::to_owned),
        prop::collection::vec(any::<char>(), 1..6).prop_map(String::from_iter),
    ]
}

proptest! {
    /// Whatever a later version adds wherever, it comes back.
    #[test]
    fn nothing_is_lost(
        event_type in prop::sample::select(EventType::ALL.to_vec()),
        seed in any::<u64>(),
        more in prop::collection::vec((0..5_usize, names(), anything()), 0..5),
    ) {
        let mut event = generate::valid(event_type, seed);
        for (place, name, value) in more {
            let place = ["", "/publisher", "/trace_context", "/gateway", "/gateway/clock"][place];
            if let Some(Value::Object(members)) = event.pointer_mut(place) {
                members.entry(name).or_insert(value);
            }
        }
        prop_assume!(event.to_string().len() < MAX_EVENT_BYTES / 2);
        survives(&event.to_string());
    }
}
