//! Recorded deliveries: what a queue behind a rule really got from a gateway, and examples of what no
//! gateway says yet.

use std::collections::BTreeSet;

use serde_json::Value;
use uuid::Uuid;

use super::bus::account_of;
use super::examples::EXAMPLES;
use super::generate::valid;
use super::queue::{Around, delivery};
use crate::bus::Outgoing;
use crate::types::EventType;

/// Recorded by `scripts/record-corpus.sh`, a delivery a line: three doors, a vendor's process that
/// was killed, an outage of the bus, and the gateway's own death.
const THREE_DOORS: &str = include_str!("../../corpus/three-doors.jsonl");

/// The first half of the bus's own ids of generated deliveries.
const GENERATED: u64 = 0x636f_7270_7573_4000;

/// How a delivery of the corpus came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Made {
    /// As a queue got it, of a gateway on Mosquitto, with moto in place of `EventBridge`; moto
    /// leaves `account` out.
    Recorded,
    /// An example of the schema in an event that is drawn, wrapped while the test runs.
    Generated,
}

/// A delivery of the corpus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// What a queue hands out: JSON with the event as `detail`.
    pub text: String,
    /// The event's type.
    pub event_type: EventType,
    /// Where it comes from.
    pub made: Made,
}

/// All recorded deliveries in the order in which the queue gave them out, then generated ones of
/// every type that is not among them.
///
/// # Panics
///
/// If a recorded delivery is of a type that this build does not know.
pub fn corpus() -> impl Iterator<Item = Sample> {
    let recorded: Vec<Sample> = THREE_DOORS.lines().map(recorded).collect();
    let known: BTreeSet<EventType> = recorded.iter().map(|sample| sample.event_type).collect();
    let missing = EventType::ALL.into_iter().filter(move |other| !known.contains(other));
    recorded.into_iter().chain(missing.flat_map(generated))
}

#[expect(clippy::panic, reason = "a corpus that this build does not know: no test may go on")]
fn recorded(line: &str) -> Sample {
    let delivery: Value = serde_json::from_str(line).unwrap_or_default();
    let name = delivery.get("detail-type").and_then(Value::as_str).unwrap_or_default();
    let event_type = name.parse().unwrap_or_else(|e| panic!("the recorded {name}: {e}"));
    Sample { text: line.to_owned(), event_type, made: Made::Recorded }
}

/// The schema's examples in events that are drawn.
fn generated(event_type: EventType) -> impl Iterator<Item = Sample> {
    let of_type = move |(name, ..): &&(&str, &str, &str)| *name == event_type.as_str();
    let examples = EXAMPLES.iter().filter(of_type).zip(0..);
    examples.map(move |((_, _, example), seed)| {
        let mut event = valid(event_type, seed);
        if let Some(data) = event.get_mut("data") {
            *data = serde_json::from_str(example).unwrap_or_default();
        }
        Sample { text: wrapped(event_type, &event), event_type, made: Made::Generated }
    })
}

fn wrapped(event_type: EventType, event: &Value) -> String {
    let member = |pointer| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let id: Uuid = member("/id").parse().unwrap_or_default();
    let source = format!("{}/{}", member("/publisher/name"), member("/publisher/instance"));
    let around = Around {
        id: Uuid::from_u64_pair(GENERATED, id.as_u64_pair().1),
        account: account_of(&source),
        time: member("/time").parse().unwrap_or_default(),
    };
    let entry = Outgoing {
        id,
        source: source.into(),
        detail_type: event_type.as_str(),
        detail: event.to_string().into(),
        trace_header: None,
    };
    delivery(&entry, &around, None)
}
