//! Generated events are what they claim to be, by the validators' judgement.

use std::collections::BTreeSet;

use doorward_events::testkit::generate::{Breach, RefusedBy, invalid, typed, valid};
use doorward_events::types::{Direction, Visitor};
use doorward_events::{EventData, EventType, Form, RegisteredPublisher, read, validate};
use serde_json::Value;

use Breach as B;

const VALID_SEEDS: u64 = 200;
const INVALID_SEEDS: u64 = 6;

/// Valid in both forms, and the same after a way through its Rust types.
struct Survives<'a>(&'a Value);

impl Visitor for Survives<'_> {
    type Output = ();

    fn visit<D: EventData>(self) {
        let event = self.0;
        let text = event.to_string();
        for form in [Form::Writer, Form::Reader] {
            assert_eq!(validate(text.as_bytes(), form), Ok(D::TYPE), "{form:?}: {text}");
        }
        let received = read::<D>(text.as_bytes()).unwrap_or_else(|e| panic!("{e}: {text}"));
        let draft = received.envelope.seal(&received.data);
        let draft = draft.unwrap_or_else(|e| panic!("{e}: {text}"));
        let again = match &received.origin {
            Some(origin) => draft.stamp(origin),
            None => draft.finish(),
        };
        assert_eq!(serde_json::from_str::<Value>(&again).unwrap(), *event);
    }
}

#[test]
fn valid_events_are_valid_and_survive_their_rust_types() {
    let mut ids = BTreeSet::new();
    for event_type in EventType::ALL {
        for seed in 0..VALID_SEEDS {
            let event = valid(event_type, seed);
            event_type.visit(Survives(&event));
            let publisher = event["publisher"]["name"].as_str().unwrap();
            let publisher = RegisteredPublisher::find(publisher).unwrap();
            assert!(publisher.may_publish(event_type), "{event_type}: {}", publisher.name);
            assert_eq!(event.get("gateway").is_some(), publisher.is_gateway, "{event_type}");
            assert!(ids.insert(event["id"].to_string()), "{event_type}: an id again");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_events() {
    for event_type in EventType::ALL {
        assert_eq!(valid(event_type, 3), valid(event_type, 3));
        assert_ne!(valid(event_type, 3), valid(event_type, 4));
        assert!(invalid(event_type, 3).eq(invalid(event_type, 3)));
    }
}

/// Over the seeds every optional member is there and is not, and the longest text occurs.
#[test]
fn valid_events_take_every_shape() {
    let events: Vec<_> = (0..VALID_SEEDS).map(|n| valid(EventType::AlarmRaised, n)).collect();
    for pointer in ["/site_id", "/entry_id", "/endpoint_id", "/trace_context", "/data/detail"] {
        let with = events.iter().filter(|event| event.pointer(pointer).is_some()).count();
        assert!((20..180).contains(&with), "{pointer}: {with} of {VALID_SEEDS}");
    }
    let details: Vec<_> = events.iter().filter_map(|e| e["data"]["detail"].as_str()).collect();
    assert!(details.iter().any(|detail| detail.chars().count() == 512));
    assert!(details.iter().any(|detail| detail.is_empty()));
    assert!(details.iter().any(|detail| detail.contains(['\u{10ffff}', '\u{1f511}'])));
    let kinds: BTreeSet<_> =
        events.iter().map(|event| event["data"]["alarm"].to_string()).collect();
    assert_eq!(kinds.len(), doorward_events::types::AlarmKind::WORDS.len());
}

struct Typed;

impl Visitor for Typed {
    type Output = ();

    fn visit<D: EventData>(self) {
        let data: D = typed(5);
        assert_eq!(serde_json::to_value(&data).unwrap(), valid(D::TYPE, 5)["data"]);
    }
}

#[test]
fn typed_data_is_that_of_the_valid_event() {
    for event_type in EventType::ALL {
        event_type.visit(Typed);
    }
}

/// The pointers that a form names; none if it accepts.
fn refused(text: &str, form: Form) -> Vec<String> {
    match validate(text.as_bytes(), form) {
        Ok(_) => Vec::new(),
        Err(rejected) => rejected.pointers().into_iter().map(str::to_owned).collect(),
    }
}

#[test]
fn invalid_events_are_refused_where_they_are_wrong_and_by_whom_they_say() {
    for event_type in EventType::ALL {
        let mut breaches = BTreeSet::new();
        for seed in 0..INVALID_SEEDS {
            for wrong in invalid(event_type, seed) {
                let text = wrong.event.to_string();
                let what = || format!("{event_type} {:?} {}", wrong.breach, wrong.pointer);
                let pointer = wrong.pointer.as_str();
                assert_eq!(refused(&text, Form::Writer), [pointer], "{}: {text}", what());
                match wrong.refused_by {
                    RefusedBy::Both => {
                        assert_eq!(refused(&text, Form::Reader), [pointer], "{}: {text}", what());
                    }
                    RefusedBy::Writer => {
                        assert_eq!(refused(&text, Form::Reader), [""; 0], "{}: {text}", what());
                    }
                }
                breaches.insert(wrong.breach);
            }
        }
        let everywhere = [
            B::Missing,
            B::WrongType,
            B::Null,
            B::TooShort,
            B::TooLong,
            B::Pattern,
            B::Excluded,
            B::UnknownWord,
            B::UnknownMember,
            B::NaiveTime,
            B::OffsetTime,
            B::NoSuchDay,
            B::TooDeep,
            B::TooLarge,
            B::UnknownType,
        ];
        for breach in everywhere {
            assert!(breaches.contains(&breach), "{event_type}: never {breach:?}");
        }
        let from_gateways =
            matches!(event_type.direction(), Direction::FromGateway | Direction::Platform);
        assert_eq!(breaches.contains(&B::OriginWithoutGateway), !from_gateways, "{event_type}");
    }
}

/// Every required member, every bound of a list and of a number, every pattern has its breach.
#[test]
fn no_rule_of_a_schema_is_left_out() {
    let breaches = |event_type, pointer: &str| {
        let wrong = invalid(event_type, 1).filter(|wrong| wrong.pointer == pointer);
        wrong.map(|wrong| wrong.breach).collect::<BTreeSet<_>>()
    };
    let table: [(EventType, &str, &[Breach]); 7] = [
        (
            EventType::EntryStateReported,
            "/data/alarms",
            &[B::Missing, B::WrongType, B::Null, B::TooManyItems, B::DuplicateItems],
        ),
        (
            EventType::EntryStateReported,
            "/data/lock/observed_at",
            &[
                B::WrongType,
                B::Null,
                B::TooShort,
                B::TooLong,
                B::Pattern,
                B::NaiveTime,
                B::OffsetTime,
                B::NoSuchDay,
            ],
        ),
        (
            EventType::GatewayHeartbeat,
            "/data/delivered_through",
            &[B::Missing, B::WrongType, B::Null, B::TooManyMembers],
        ),
        (
            EventType::EndpointBatteryChanged,
            "/data",
            &[B::Missing, B::WrongType, B::Null, B::TooFewMembers],
        ),
        (
            EventType::EndpointBatteryChanged,
            "/data/percent",
            &[B::WrongType, B::Null, B::TooSmall, B::TooGreat],
        ),
        (
            EventType::ResidencyStarted,
            "/data/entries",
            &[
                B::Missing,
                B::WrongType,
                B::Null,
                B::TooFewItems,
                B::TooManyItems,
                B::DuplicateItems,
            ],
        ),
        (
            EventType::EntryAttributionUpdated,
            "/gateway/sequence",
            &[B::Missing, B::WrongType, B::Null, B::TooSmall, B::TooGreat],
        ),
    ];
    for (event_type, pointer, expected) in table {
        let expected: BTreeSet<_> = expected.iter().copied().collect();
        assert_eq!(breaches(event_type, pointer), expected, "{event_type} {pointer}");
    }
}
