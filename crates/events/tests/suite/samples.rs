//! Events that tests start from.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use doorward_events::types::Visitor;
use doorward_events::{
    ClockInterval, ClockTrust, Envelope, EventData, EventType, GatewayOrigin, PublisherId,
    RegisteredPublisher, TraceContext,
};
use serde_json::Value;
use uuid::Uuid;

/// An envelope with every member.
pub fn envelope() -> Envelope {
    Envelope {
        id: Uuid::from_u128(0x019a_a4f0_5c1e_7c3a_9d5e_0123_4567_89ab),
        time: "2026-11-21T06:41:00.25Z".parse().unwrap(),
        publisher: PublisherId { name: "doorward.gateway".into(), instance: "gw-1".into() },
        tenant_id: "acme".into(),
        test: false,
        site_id: Some("hq".into()),
        entry_id: Some("front-door".into()),
        endpoint_id: Some("zigbee2mqtt:0x00124b0024c9d2a1".into()),
        correlation_id: Some(Uuid::from_u128(0x019a_a4f0_0000_7000_8000_0000_0000_0001)),
        causation_id: Some(Uuid::from_u128(0x019a_a4f0_0000_7000_8000_0000_0000_0002)),
        trace_context: Some(TraceContext {
            traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned(),
            tracestate: Some("vendor=1".to_owned()),
        }),
    }
}

/// The same, of a publisher that may publish this type.
pub fn envelope_of(event_type: EventType) -> Envelope {
    let mut publishers = RegisteredPublisher::all().iter();
    let publisher = publishers.find(|publisher| publisher.may_publish(event_type)).unwrap();
    Envelope { publisher: PublisherId::new(publisher.name, "gw-1"), ..envelope() }
}

/// An origin with every member.
pub fn origin() -> GatewayOrigin {
    GatewayOrigin {
        recorded_at: "2026-11-21T06:41:01Z".parse().unwrap(),
        journal_id: Uuid::from_u128(0x0000_0000_0000_4000_8000_0000_0000_0003),
        sequence: 1042,
        type_sequence: 118,
        clock: Some(ClockInterval {
            earliest: "2026-11-21T06:40:00Z".parse().unwrap(),
            latest: Some("2026-11-21T06:42:00Z".parse().unwrap()),
            trust: ClockTrust::Bounded,
        }),
    }
}

pub fn stamped<D: EventData>(data: &D) -> String {
    envelope().seal(data).unwrap().stamp(&origin())
}

fn folder(event_type: EventType) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas").join(event_type.as_str())
}

/// The names of all enumerations that types share: `core/*.json`.
pub fn vocabularies() -> BTreeSet<String> {
    let core = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/core");
    let mut names = BTreeSet::new();
    for file in std::fs::read_dir(core).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let document: Value = serde_json::from_str(&text).unwrap();
        for (name, definition) in document["definitions"].as_object().into_iter().flatten() {
            if definition.get("enum").is_some() {
                names.insert(name.clone());
            }
        }
    }
    names
}

/// The example files of a type: name and content.
pub fn examples(event_type: EventType) -> Vec<(String, Value)> {
    let folder = folder(event_type).join("examples");
    let mut examples: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
        .map(|file| file.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            (path.display().to_string(), serde_json::from_str(&text).unwrap())
        })
        .collect();
    examples.sort_by(|a: &(String, Value), b| a.0.cmp(&b.0));
    examples
}

struct Whole(Value);

impl Visitor for Whole {
    type Output = Value;

    fn visit<D: EventData>(self) -> Value {
        let draft = envelope_of(D::TYPE).seal(&D::deserialize(self.0).unwrap()).unwrap();
        serde_json::from_str(&draft.stamp(&origin())).unwrap()
    }
}

/// A whole event of this type, around its first example.
pub fn whole(event_type: EventType) -> Value {
    event_type.visit(Whole(examples(event_type).remove(0).1))
}
