//! What was recorded can still be read, and tells a story that holds together.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use doorward_events::testkit::{Made, Sample, corpus};
use doorward_events::types::Visitor;
use doorward_events::{EventData, EventType, Form, GatewayOrigin, read, validate};
use serde_json::Value;
use uuid::Uuid;

struct Reads<'a>(&'a str);

impl Visitor for Reads<'_> {
    type Output = (Uuid, String, Option<GatewayOrigin>);

    fn visit<D: EventData>(self) -> Self::Output {
        let received = read::<D>(self.0.as_bytes()).unwrap_or_else(|e| panic!("{e}: {}", self.0));
        (received.envelope.id, received.envelope.publisher.source(), received.origin)
    }
}

fn recorded() -> Vec<(Sample, Value)> {
    let recorded = corpus().filter(|sample| sample.made == Made::Recorded);
    recorded.map(|sample| (sample.clone(), serde_json::from_str(&sample.text).unwrap())).collect()
}

#[test]
fn every_delivery_reads_as_what_it_says_to_be() {
    let mut ids = BTreeSet::new();
    for sample in corpus() {
        let delivery: Value = serde_json::from_str(&sample.text).unwrap();
        assert_eq!(delivery["detail-type"], sample.event_type.as_str());
        let detail = delivery["detail"].to_string();
        let (id, source, _) = sample.event_type.visit(Reads(&detail));
        assert_eq!(delivery["source"], *source, "{}", sample.text);
        assert!(ids.insert(id), "{id} is there twice");
        assert!(ids.insert(delivery["id"].as_str().unwrap().parse().unwrap()));
        if sample.made == Made::Generated {
            assert_eq!(validate(detail.as_bytes(), Form::Writer), Ok(sample.event_type));
        }
    }
}

#[test]
fn every_type_is_there_and_what_is_not_recorded_with_all_its_examples() {
    let mut count: BTreeMap<EventType, (usize, usize)> = BTreeMap::new();
    for sample in corpus() {
        let (recorded, generated) = count.entry(sample.event_type).or_default();
        *(if sample.made == Made::Recorded { recorded } else { generated }) += 1;
    }
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas");
    for event_type in EventType::ALL {
        let examples = std::fs::read_dir(schemas.join(event_type.as_str()).join("examples"));
        let examples =
            examples.unwrap().filter(|file| file.as_ref().unwrap().path().is_file()).count();
        match count.get(&event_type).copied().unwrap_or_default() {
            (0, generated) => assert_eq!(generated, examples, "{event_type}"),
            (_, generated) => assert_eq!(generated, 0, "{event_type} was recorded"),
        }
    }
    let bytes: usize = recorded().iter().map(|(sample, _)| sample.text.len()).sum();
    assert!((10_000..300_000).contains(&bytes), "{bytes}");
}

/// Each journal is recorded without a gap, each type counts in the same order, and so does the time
/// at which the gateway wrote it down.
#[test]
fn in_every_journal_the_sequences_make_sense() {
    let mut journals: BTreeMap<Uuid, Vec<(GatewayOrigin, EventType)>> = BTreeMap::new();
    for (sample, delivery) in recorded() {
        let detail = delivery["detail"].to_string();
        let (_, _, origin) = sample.event_type.visit(Reads(&detail));
        let origin = origin.unwrap();
        journals.entry(origin.journal_id).or_default().push((origin, sample.event_type));
    }
    assert!(!journals.is_empty());
    for (journal, mut events) in journals {
        events.sort_by_key(|(origin, _)| origin.sequence);
        let mut next_of_type: BTreeMap<EventType, u64> = BTreeMap::new();
        for (expected, pair) in (1..).zip(&events) {
            let (origin, event_type) = pair;
            assert_eq!(origin.sequence, expected, "{journal}");
            let next = next_of_type.entry(*event_type).or_insert(1);
            assert_eq!(origin.type_sequence, *next, "{journal} {event_type}");
            *next += 1;
        }
        assert!(events.is_sorted_by_key(|(origin, _)| origin.recorded_at), "{journal}");
    }
}

#[test]
fn the_story_has_its_outage_and_its_restart() {
    let of_type = |event_type| {
        let recorded = recorded().into_iter();
        recorded.filter(move |(sample, _)| sample.event_type == event_type).map(|(_, it)| it)
    };
    let stops: BTreeSet<_> = of_type(EventType::GatewayStarted)
        .map(|delivery| delivery["detail"]["data"]["previous_stop"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(stops, ["first_start", "unclean"].map(str::to_owned).into());
    let entries: BTreeSet<_> = of_type(EventType::EntryPositionChanged)
        .map(|delivery| delivery["detail"]["entry_id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(entries, ["front-door", "garage", "gate"].map(str::to_owned).into());
    let place = |name: &str| {
        let at = |delivery: &Value| delivery["detail"]["gateway"]["sequence"].as_u64().unwrap();
        let named = |(_, delivery): &&(Sample, Value)| delivery["detail"]["entry_id"] == *name;
        recorded().iter().filter(named).map(|(_, it)| at(it)).collect::<Vec<_>>()
    };
    for entry in ["front-door", "garage", "gate"] {
        assert!(place(entry).is_sorted(), "the queue gave {entry} out of order");
    }
}
