//! The schemas, the types and the validators say the same thing.

use std::collections::BTreeSet;

use crate::samples::{envelope, envelope_of, examples, origin, stamped, whole};
use doorward_events::types::*;
use doorward_events::{
    Envelope, EventData, EventType, Form, GatewayOrigin, MAX_EVENT_BYTES, PublisherId,
    RegisteredPublisher, Rejected, read, validate,
};
use serde::Deserialize;
use serde_json::{Value, json};

struct RoundTrip<'a> {
    file: &'a str,
    example: &'a Value,
}

impl Visitor for RoundTrip<'_> {
    type Output = ();

    fn visit<D: EventData>(self) {
        let Self { file, example } = self;
        let data = D::deserialize(example).unwrap_or_else(|e| panic!("{file}: {e}"));
        let envelope = envelope_of(D::TYPE);
        let draft = envelope.clone().seal(&data).unwrap_or_else(|e| panic!("{file}: {e}"));
        assert_eq!(draft.event_type(), D::TYPE);
        let detail = draft.stamp(&origin());
        assert_eq!(validate(detail.as_bytes(), Form::Writer), Ok(D::TYPE), "{file}");
        assert_eq!(validate(detail.as_bytes(), Form::Reader), Ok(D::TYPE), "{file}");
        let received = read::<D>(detail.as_bytes()).unwrap_or_else(|e| panic!("{file}: {e}"));
        assert_eq!(received.envelope, envelope, "{file}");
        let from = D::TYPE.direction();
        let stamped = matches!(from, Direction::FromGateway | Direction::Platform);
        assert_eq!(received.origin, stamped.then(origin), "{file}");
        assert_eq!(received.schema_version, D::SCHEMA_VERSION);
        assert_eq!(serde_json::to_value(&received.data).unwrap(), *example, "{file}");
    }
}

#[test]
fn every_example_is_valid_and_survives_its_rust_type() {
    for event_type in EventType::ALL {
        let examples = examples(event_type);
        assert!(!examples.is_empty(), "{event_type} has no example");
        for (file, example) in examples {
            event_type.visit(RoundTrip { file: &file, example: &example });
        }
    }
}

#[test]
fn a_type_is_published_by_those_that_are_registered_for_it() {
    let data = DeliveryScheduled::deserialize(&examples(EventType::DeliveryScheduled)[0].1);
    let data = data.unwrap();
    assert!(envelope_of(EventType::DeliveryScheduled).seal(&data).is_ok());
    for name in ["doorward.gateway", "acme.property", "acme.deliver", "nobody"] {
        let publisher = PublisherId::new(name, "a");
        let refused = Envelope { publisher, ..envelope() }.seal(&data).unwrap_err();
        assert_eq!(refused.errors[0].pointer, "/publisher/name", "{name}");
    }
    for publisher in RegisteredPublisher::all() {
        assert_eq!(RegisteredPublisher::find(publisher.name), Some(publisher));
        assert!(publisher.may_publish(EventType::PublisherHandshakeSent));
        let for_gateways = publisher.may_publish(EventType::EntryLockChanged);
        assert_eq!(for_gateways, publisher.is_gateway, "{}", publisher.name);
    }
}

#[test]
fn what_carries_authority_is_closed_for_readers_too() {
    for event_type in EventType::ALL {
        let closed = event_type.direction() == Direction::ToGateway;
        let surprise = with(event_type, "/data/surprise", json!(1));
        assert_eq!(!refused(&surprise, Form::Reader).is_empty(), closed, "{event_type}");
    }
}

#[test]
fn both_forms_of_every_schema_compile() {
    for event_type in EventType::ALL {
        for form in [Form::Writer, Form::Reader] {
            let event = json!({ "type": event_type.as_str() }).to_string();
            let Err(Rejected::Invalid(invalid)) = validate(event.as_bytes(), form) else {
                panic!("{event_type} accepts an empty event")
            };
            assert_eq!(invalid.event_type, event_type);
        }
    }
}

#[test]
fn names_and_indexes_are_dense_and_unique() {
    for (index, event_type) in EventType::ALL.into_iter().enumerate() {
        assert_eq!(event_type.index(), index);
        assert_eq!(event_type.as_str().parse(), Ok(event_type));
    }
    assert!("entry.exploded".parse::<EventType>().is_err());
}

#[test]
fn only_gateways_types_need_an_origin() {
    let missing = |event_type: EventType| {
        let mut event = whole(event_type);
        event.as_object_mut().unwrap().remove("gateway");
        validate(event.to_string().as_bytes(), Form::Writer)
    };
    for event_type in EventType::ALL {
        match missing(event_type) {
            Ok(found) => assert!(!found.needs_origin(), "{event_type}"),
            Err(Rejected::Invalid(invalid)) => {
                assert!(event_type.needs_origin());
                assert_eq!(invalid.errors[0].pointer, "/gateway");
            }
            Err(other) => panic!("{event_type}: {other}"),
        }
    }
}

/// The pointers of what a form refuses; empty if it accepts.
fn refused(event: &Value, form: Form) -> Vec<String> {
    match validate(event.to_string().as_bytes(), form) {
        Ok(_) => Vec::new(),
        Err(Rejected::Invalid(invalid)) => {
            assert!(invalid.to_string().contains(&invalid.errors[0].pointer));
            let mut pointers: Vec<_> = invalid.errors.into_iter().map(|e| e.pointer).collect();
            pointers.dedup();
            pointers
        }
        Err(other) => panic!("{other}"),
    }
}

fn with(event_type: EventType, pointer: &str, value: Value) -> Value {
    let mut event = whole(event_type);
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    event.pointer_mut(parent).unwrap()[member] = value;
    event
}

#[test]
fn a_missing_member_is_named_in_both_forms() {
    for event_type in EventType::ALL {
        let event = whole(event_type);
        let schema: Value = serde_json::from_str(event_type.writer_schema()).unwrap();
        for (parent, rules) in [("", &schema), ("/data", &schema["properties"]["data"])] {
            for name in rules["required"].as_array().unwrap() {
                let name = name.as_str().unwrap();
                let mut broken = event.clone();
                broken.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name);
                if name == "type" {
                    let outcome = validate(broken.to_string().as_bytes(), Form::Writer);
                    assert_eq!(outcome, Err(Rejected::NoType));
                    continue;
                }
                let pointer = format!("{parent}/{name}");
                for form in [Form::Writer, Form::Reader] {
                    let refused = refused(&broken, form);
                    assert!(refused.contains(&pointer), "{event_type} {pointer}: {refused:?}");
                }
            }
        }
    }
}

#[test]
fn an_unknown_member_is_refused_to_writers_and_skipped_by_readers() {
    for event_type in EventType::ALL {
        let direction = event_type.direction();
        for pointer in ["/surprise", "/data/surprise", "/publisher/surprise", "/gateway/surprise"] {
            if pointer.starts_with("/gateway") && !event_type.needs_origin() {
                continue;
            }
            let event = with(event_type, pointer, json!(1));
            assert_eq!(refused(&event, Form::Writer), [pointer], "{event_type}");
            if pointer != "/data/surprise" || direction != Direction::ToGateway {
                assert_eq!(refused(&event, Form::Reader), [""; 0], "{event_type}");
            }
        }
    }
}

#[test]
fn an_unknown_word_is_refused_to_writers_and_kept_by_readers() {
    let event = with(EventType::EntryLockChanged, "/data/lock", json!("deadlocked"));
    assert_eq!(refused(&event, Form::Writer), ["/data/lock"]);
    let received = read::<EntryLockChanged>(event.to_string().as_bytes()).unwrap();
    assert_eq!(received.data.lock, LockState::Other("deadlocked".to_owned()));
    assert_eq!(received.data.lock.as_str(), "deadlocked");
    assert_eq!(serde_json::to_value(&received.data).unwrap()["lock"], "deadlocked");
    let again = envelope().seal(&received.data).unwrap_err();
    assert_eq!(again.errors[0].pointer, "/data/lock");
    assert!(!again.to_string().contains("deadlocked"), "values are masked: {again}");

    for bad in [json!(""), json!("x".repeat(65)), json!(7), json!(null)] {
        let event = with(EventType::EntryLockChanged, "/data/lock", bad);
        assert_eq!(refused(&event, Form::Reader), ["/data/lock"]);
    }
}

#[test]
fn an_unknown_word_of_a_closed_vocabulary_is_refused_by_readers_too() {
    let event = with(EventType::EntryAttributionUpdated, "/data/outcome", json!("halfway"));
    assert_eq!(refused(&event, Form::Reader), ["/data/outcome"]);
    assert!("halfway".parse::<OperationOutcome>().is_err());
    assert_eq!("failed".parse(), Ok(OperationOutcome::Failed));
}

#[test]
fn bad_values_are_named() {
    use EventType as T;
    let long = "x".repeat(600);
    let table = [
        (T::EntryLockChanged, "/id", json!("019AA4F0-5C1E-7C3A-9D5E-0123456789AB")),
        (T::EntryLockChanged, "/id", json!("019aa4f0-5c1e-4c3a-9d5e-0123456789ab")),
        (T::EntryLockChanged, "/time", json!("2026-11-21T06:41:00+01:00")),
        (T::EntryLockChanged, "/time", json!("2026-13-21T06:41:00Z")),
        (T::EntryLockChanged, "/tenant_id", json!("a b")),
        (T::EntryLockChanged, "/tenant_id", json!("acme\n")),
        (T::EntryLockChanged, "/entry_id", json!("")),
        (T::EntryLockChanged, "/endpoint_id", json!("no-vendor")),
        (T::EntryLockChanged, "/endpoint_id", json!("zigbee2mqtt:front door")),
        (T::EntryLockChanged, "/endpoint_id", json!("zigbee2mqtt:tür")),
        (T::EntryLockChanged, "/publisher/name", json!("aws..x")),
        (T::EntryLockChanged, "/publisher/name", json!("aws.events")),
        (T::EntryLockChanged, "/publisher/instance", json!("a/b")),
        (T::EntryLockChanged, "/test", json!("false")),
        (T::EntryLockChanged, "/trace_context", json!("00-1")),
        (T::EntryLockChanged, "/gateway/sequence", json!(-1)),
        (T::EntryLockChanged, "/gateway/journal_id", json!("j")),
        (T::EntryAttributionUpdated, "/data/user_slot", json!(65535)),
        (T::EntryAttributionUpdated, "/data/user_slot", json!(1.5)),
        (T::EntryRegistered, "/data/time_zone", json!("Europe / Berlin")),
        (T::EndpointBatteryChanged, "/data/percent", json!(100.5)),
        (T::AlarmRaised, "/data/detail", json!(long)),
        (T::AlarmRaised, "/data/detail", json!("bell\u{7}")),
        (T::PublisherHandshakeSent, "/data/interval_s", json!(0)),
    ];
    for (event_type, pointer, value) in table {
        let event = with(event_type, pointer, value.clone());
        for form in [Form::Writer, Form::Reader] {
            assert_eq!(refused(&event, form), [pointer], "{pointer} = {value}");
        }
    }
    let version = with(T::EntryLockChanged, "/schema_version", json!("1.7"));
    assert_eq!(refused(&version, Form::Writer), ["/schema_version"]);
    assert_eq!(refused(&version, Form::Reader), [""; 0], "later versions are compatible");
}

#[test]
fn a_number_that_json_cannot_hold_is_not_sealed() {
    let battery = |percent| EndpointBatteryChanged {
        low: None,
        percent: Some(percent),
        vendor: "zigbee2mqtt".to_owned(),
    };
    assert!(envelope().seal(&battery(99.5)).is_ok());
    for percent in [f64::NAN, f64::INFINITY, -0.5] {
        let invalid = envelope().seal(&battery(percent)).unwrap_err();
        assert_eq!(invalid.errors[0].pointer, "/data/percent");
    }
}

/// Writes and reads every word at `pointer`, in a list of one if that ends with `/-`; gives the
/// vocabulary's name.
fn words<W>(event_type: EventType, pointer: &str, words: &[&str]) -> String
where
    W: for<'a> From<&'a str> + ToString + PartialEq + std::fmt::Debug,
{
    assert_eq!(words.iter().collect::<BTreeSet<_>>().len(), words.len());
    for word in words {
        assert_eq!(W::from(word).to_string(), *word);
        let event = match pointer.strip_suffix("/-") {
            Some(list) => with(event_type, list, json!([word])),
            None => with(event_type, pointer, json!(word)),
        };
        assert_eq!(refused(&event, Form::Writer), [""; 0], "{word}");
    }
    assert_eq!(W::from("no such word").to_string(), "no such word");
    std::any::type_name::<W>().rsplit("::").next().unwrap().to_owned()
}

#[test]
fn every_word_of_every_vocabulary_is_written_and_read() {
    use EventType as T;
    macro_rules! all {
        ($($vocabulary:ident: $event_type:ident $pointer:literal,)+) => {
            BTreeSet::from([
                $(words::<$vocabulary>(T::$event_type, $pointer, $vocabulary::WORDS)),+
            ])
        };
    }
    let tested = all! {
        AccessAction: AccessRequested "/data/action",
        AccessChannel: AccessGranted "/data/channel",
        AccessReason: AccessDenied "/data/reason",
        AlarmClearedBy: AlarmCleared "/data/cleared_by",
        AlarmKind: AlarmRaised "/data/alarm",
        AlarmSeverity: AlarmRaised "/data/severity",
        BusKind: GatewayStarted "/data/bus_kind",
        Capability: EndpointDiscovered "/data/capabilities/-",
        CommandReason: CommandStateChanged "/data/reason",
        CommandState: CommandStateChanged "/data/state",
        CredentialKind: CredentialSet "/data/credential",
        DeliveryOutcome: DeliveryCompleted "/data/outcome",
        DropReason: GatewayEventsDropped "/data/reason",
        EntryKind: EntryRegistered "/data/kind",
        EntryRole: EntryRegistered "/data/roles/0/role",
        FactQuality: EntryLockChanged "/data/quality",
        GrantRemovedReason: GrantRemoved "/data/reason",
        IsolationCause: VendorIsolated "/data/cause",
        IsolationScope: VendorIsolated "/data/scope",
        LockState: EntryLockChanged "/data/lock",
        MotionHold: EntryStateReported "/data/motion_hold/value",
        ObservableFact: EntryRegistered "/data/observes/-",
        OperationFailure: EntryAttributionUpdated "/data/failure_reason",
        OperationKind: EntryAttributionUpdated "/data/operation",
        OperationSource: EntryAttributionUpdated "/data/operation_source",
        Position: EntryPositionChanged "/data/position",
        QuarantineReason: EventQuarantined "/data/reason",
        ReliedUpon: GatewayCredentialExpiring "/data/credential",
        StateReportReason: EntryStateReported "/data/reason",
        StopKind: GatewayStarted "/data/previous_stop",
        UseRestoredReason: GrantUseRestored "/data/reason",
        VendorState: GatewayHeartbeat "/data/vendors/0/state",
        VerificationAlgorithm: GatewayStarted "/data/audit_key/alg",
        VisitInterruption: VisitInterrupted "/data/cause",
    };
    // Trust in a clock has a type of its own, closed vocabularies have tests of their own, those
    // that are signed among the statements' tests.
    let elsewhere = ["ClockTrust", "OperationOutcome", "SignatureAlgorithm", "Weekday"];
    let elsewhere = elsewhere.map(str::to_owned);
    let expected: BTreeSet<String> = crate::samples::vocabularies();
    assert_eq!(tested.into_iter().chain(elsewhere).collect::<BTreeSet<_>>(), expected);
}

#[test]
fn size_depth_and_shape_are_bounded_before_parsing() {
    let big = vec![b' '; doorward_events::MAX_EVENT_BYTES + 1];
    assert_eq!(
        validate(&big, Form::Reader),
        Err(Rejected::TooLarge { bytes: big.len(), most: MAX_EVENT_BYTES })
    );
    let deep = format!("{}{}", "[".repeat(60_000), "]".repeat(5_000));
    assert_eq!(validate(deep.as_bytes(), Form::Reader), Err(Rejected::TooDeep));
    let quoted = json!({ "type": "[[[[[[[[[[[[[[[[[[[[\\\"[" }).to_string();
    assert_eq!(validate(quoted.as_bytes(), Form::Reader), Err(Rejected::UnknownType));
    for text in ["", "{", "nul", "{\"type\":\"\u{0}\"}"] {
        let refusal = validate(text.as_bytes(), Form::Reader);
        assert!(matches!(refusal, Err(Rejected::Malformed { .. })), "{text}: {refusal:?}");
    }
    assert_eq!(validate(b"[]", Form::Reader), Err(Rejected::NoType));
    assert_eq!(validate(b"{\"type\":5}", Form::Reader), Err(Rejected::NoType));
}

#[test]
fn another_type_than_asked_for_is_an_error() {
    let event = whole(EventType::EntryLockChanged).to_string();
    let error = read::<AlarmRaised>(event.as_bytes()).unwrap_err();
    let expected = Rejected::OtherType {
        found: EventType::EntryLockChanged,
        expected: EventType::AlarmRaised,
    };
    assert_eq!(error, expected);
}

#[test]
fn an_unknown_trust_in_the_clock_is_no_trust() {
    let event = with(
        EventType::EntryLockChanged,
        "/gateway/clock",
        json!({"earliest": "2026-11-21T06:00:00Z", "latest": "2026-11-21T07:00:00Z", "trust": "lunar"}),
    );
    let received = read::<EntryLockChanged>(event.to_string().as_bytes()).unwrap();
    let clock = received.origin.and_then(|origin: GatewayOrigin| origin.clock).unwrap();
    assert_eq!(clock.trust, doorward_events::ClockTrust::Untrusted);
}

#[test]
fn an_event_that_would_be_too_long_is_not_sealed() {
    let role = RoleBinding {
        endpoint_id: format!("v:{}", "x".repeat(150)),
        role: EntryRole::Lock,
        vendor: "v".to_owned(),
    };
    let data = EntryRegistered {
        interlock_group: None,
        kind: EntryKind::Door,
        observes: vec![],
        roles: vec![role; 33],
        time_zone: "UTC".to_owned(),
    };
    assert_eq!(envelope().seal(&data).unwrap_err().errors[0].pointer, "/data/roles");

    let topic = "\u{10ffff}".repeat(128);
    let offline = EndpointOffline { unavailable: vec![topic; 16], vendor: "v".to_owned() };
    let draft = envelope().seal(&offline).unwrap();
    assert!(draft.len() < 64 * 1024);
    let offline = EndpointOffline { unavailable: vec!["\"".repeat(128); 17], ..offline };
    assert_eq!(envelope().seal(&offline).unwrap_err().errors[0].pointer, "/data/unavailable");
}

#[test]
fn the_golden_event() {
    let data = EntryLockChanged {
        lock: LockState::Unlocked,
        previous: LockState::Locked,
        quality: FactQuality::Observed,
    };
    let event: Value = serde_json::from_str(&stamped(&data)).unwrap();
    let golden = json!({
        "id": "019aa4f0-5c1e-7c3a-9d5e-0123456789ab",
        "type": "entry.lock_changed",
        "schema_version": "1.0",
        "time": "2026-11-21T06:41:00.25Z",
        "publisher": { "name": "doorward.gateway", "instance": "gw-1" },
        "tenant_id": "acme",
        "test": false,
        "site_id": "hq",
        "entry_id": "front-door",
        "endpoint_id": "zigbee2mqtt:0x00124b0024c9d2a1",
        "correlation_id": "019aa4f0-0000-7000-8000-000000000001",
        "causation_id": "019aa4f0-0000-7000-8000-000000000002",
        "trace_context": {
            "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "tracestate": "vendor=1",
        },
        "gateway": {
            "recorded_at": "2026-11-21T06:41:01Z",
            "journal_id": "00000000-0000-4000-8000-000000000003",
            "sequence": 1042,
            "type_sequence": 118,
            "clock": {
                "earliest": "2026-11-21T06:40:00Z",
                "latest": "2026-11-21T06:42:00Z",
                "trust": "bounded",
            },
        },
        "data": {
            "previous": "locked",
            "lock": "unlocked",
            "quality": "observed",
        },
    });
    assert_eq!(event, golden);
}
