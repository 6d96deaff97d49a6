//! Events as `CloudEvents` messages: the same bytes in all three languages, and the same events
//! again on the way back.

use doorward_events::EventType;
use doorward_events::testkit::{corpus, generate};
use serde::Deserialize;
use serde_json::Value;

use crate::case::{Answer, Case};
use crate::conformance::{Outcome, ask};
use crate::table::{base_event, written};

/// The seeds of the events that are drawn.
const SEEDS: u64 = 6;

/// Members that no version has yet, at every level of the envelope, and what no attribute can hold.
const UNKNOWN: [(&str, &str); 6] = [
    (
        r#"{"id":"#,
        "{ \"next_year\" :\n\t{\"a\":[1.50, 1E1],\"\\/\":\"\u{7f}ü\u{fdd0}😀\"} ,\"id\":",
    ),
    (r#""publisher":{"#, r#""publisher":{"name.full":null,"publisher.name":"x","#),
    (r#""trace_context":{"#, r#""trace_context":{"a\"\\ü":[],"#),
    (r#""gateway":{"recorded_at""#, r#""gateway":{"lane":{},"lane":{"b":-0.0},"recorded_at""#),
    (r#""clock":{"#, r#""clock":{"source":18446744073709551615,"#),
    (r#""trust":"bounded""#, r#""trust":"bounded\u0001""#),
];

/// What is asked to become a message: drawn, recorded, with unknown members, and where parsers
/// disagree.
fn events() -> Vec<Case> {
    let case = |name: String, event: &str| Case::new(name, "to_cloud_event", event.as_bytes());
    let mut cases = Vec::new();
    for event_type in EventType::ALL {
        for seed in 0..SEEDS {
            let event = generate::valid(event_type, seed).to_string();
            cases.push(case(format!("{event_type}, valid, seed {seed}"), &event));
            let more =
                UNKNOWN.iter().fold(event, |event, (find, put)| event.replacen(find, put, 1));
            cases.push(case(format!("{event_type}, unknown members, seed {seed}"), &more));
        }
    }
    for sample in corpus() {
        let delivery: Value = serde_json::from_str(&sample.text).unwrap();
        let name = format!("{}, {:?}", sample.event_type, sample.made);
        cases.push(case(name, &delivery["detail"].to_string()));
    }
    let mut others = written();
    others.dedup_by(|b, a| b.event == a.event);
    cases.extend(others.into_iter().map(|other| Case { ask: "to_cloud_event", ..other }));
    // The origin of a type that has none is a member like any other.
    let scheduled = base_event("delivery.scheduled");
    for gateway in ["7", "{}", r#"{"clock":{}}"#, r#"{"sequence":-1,"journal_id":""}"#, "null"] {
        let put = format!(r#""gateway":{gateway},"data""#);
        let event = scheduled.replacen(r#""data""#, &put, 1);
        cases.push(case(format!("the origin {gateway} where none belongs"), &event));
    }
    let long = format!(r#""x":"{}","data""#, "ü".repeat(16_000));
    cases.push(case(
        "escapes that would be too long".to_owned(),
        &scheduled.replacen(r#""data""#, &long, 1),
    ));
    cases
}

/// Codes, pointers and texts, to the byte.
fn agreed(outcome: &Outcome) -> &Answer {
    let Outcome { case, rust, typescript, python } = outcome;
    assert_eq!(typescript, rust, "TypeScript: {} ({})", case.name, case.ask);
    assert_eq!(python, rust, "Python: {} ({})", case.name, case.ask);
    rust
}

#[test]
fn all_languages_map_events_to_the_same_messages_and_back() {
    let there = ask(events());
    let mut originals = Vec::new();
    let mut messages = Vec::new();
    for outcome in &there {
        let Some(message) = &agreed(outcome).event else { continue };
        originals.push(serde_json::from_slice::<Value>(&outcome.case.bytes()).unwrap());
        messages.push(Case::new(&outcome.case.name, "from_cloud_event", message.as_bytes()));
    }
    let refused = there.len() - messages.len();
    println!("{} events are messages, {refused} are refused by all", messages.len());
    assert!(messages.len() > 700 && refused > 30, "too few: {} {refused}", messages.len());
    let carried = messages.iter().filter(|case| text(case).contains(r#""othermembers":"#)).count();
    assert!(carried > 300, "too few with unknown members: {carried}");
    for (outcome, original) in ask(messages).iter().zip(originals) {
        let event = agreed(outcome).value();
        assert_eq!(event, Some(original), "{}", outcome.case.name);
    }
}

fn text(case: &Case) -> String {
    String::from_utf8(case.bytes()).unwrap()
}

const CHANGED: &str = include_str!("cases/cloudevents.json");

/// A message with some of its text replaced: once, and it must be there.
#[derive(Debug, Deserialize)]
struct Changed {
    name: String,
    find: String,
    put: String,
    /// What all say; `accepted` is the same event.
    said: String,
}

#[test]
fn all_languages_refuse_the_same_messages() {
    let event = base_event("endpoint.battery_changed");
    let places = r#""entry_id":"front-door","endpoint_id":"zigbee:1","data""#;
    let event = event.replacen(r#""data""#, places, 1);
    let message = doorward_events::to_cloud_event(event.as_bytes()).unwrap();
    let changed: Vec<Changed> = serde_json::from_str(CHANGED).unwrap();
    let case = |Changed { name, find, put, .. }: &Changed| {
        assert_eq!(message.matches(find.as_str()).count(), 1, "{name}: {find} in {message}");
        Case::new(name, "from_cloud_event", message.replacen(find, put, 1).as_bytes())
    };
    for (outcome, Changed { name, said, .. }) in
        ask(changed.iter().map(case).collect()).iter().zip(&changed)
    {
        let answer = agreed(outcome);
        assert_eq!(answer.brief(), *said, "{name}");
        if said == "accepted" {
            assert_eq!(answer.event.as_ref(), Some(&event), "{name}");
        }
    }
    let blanks =
        |length: usize| [message.as_bytes(), &b" ".repeat(length - message.len())].concat();
    let wholes: [(&[u8], &str); 6] = [
        (b"", "malformed"),
        (b"[]", "no_type /type"),
        (&message.as_bytes()[1..], "malformed"),
        (&b"[".repeat(17), "too_deep"),
        (&blanks(256 * 1024), "accepted"),
        (&blanks(256 * 1024 + 1), "too_large"),
    ];
    let cases = wholes.map(|(message, said)| Case::new(said, "from_cloud_event", message));
    for outcome in ask(cases.to_vec()) {
        assert_eq!(agreed(&outcome).brief(), outcome.case.name);
    }
}
