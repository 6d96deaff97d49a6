//! What the conformance suite does not ask of this ecosystem's fixtures: that they are all there, and
//! that no code in them gets out.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

use doorward_translators::zigbee2mqtt::{Settings, Zigbee2Mqtt};
use doorward_translators::{Message, Observation, Refusal, Translator};
use serde::Deserialize;

#[derive(Deserialize)]
struct Sample {
    topic: String,
    payload: String,
    retained: bool,
}

fn lines(file: &str) -> Vec<Sample> {
    let path = format!("{}/fixtures/zigbee2mqtt/{file}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn translate(sample: &Sample) -> Result<Vec<Observation>, Refusal> {
    Zigbee2Mqtt::new(Settings::default()).unwrap().translate(&Message {
        topic: &sample.topic,
        payload: sample.payload.as_bytes(),
        retained: sample.retained,
    })
}

#[test]
fn none_is_missing() {
    assert_eq!(lines("captured.jsonl").len(), 128);
    assert!(lines("constructed.jsonl").len() > 150);
}

#[test]
fn no_code_of_the_fixtures_gets_out() {
    for sample in lines("captured.jsonl").iter().chain(&lines("constructed.jsonl")) {
        let found = format!("{:?}", translate(sample));
        assert!(!found.contains("482913") && !found.contains("9876"), "{found}");
    }
}
