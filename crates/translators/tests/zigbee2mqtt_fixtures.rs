//! Messages with what must come of each: `captured.jsonl` as recorded from devices' converters,
//! with `expected.jsonl` line by line, and `constructed.jsonl`, which holds both.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

use doorward_translators::zigbee2mqtt::{Settings, Zigbee2Mqtt};
use doorward_translators::{Message, Observation, Refusal, RefusalReason, Translator};
use serde::Deserialize;

#[derive(Deserialize)]
struct Sample {
    topic: String,
    payload: String,
    retained: bool,
    note: String,
    observations: Option<Vec<Observation>>,
    refusal: Option<ExpectedRefusal>,
}

#[derive(Deserialize)]
struct Expected {
    line: usize,
    observations: Vec<Observation>,
}

#[derive(Deserialize)]
struct ExpectedRefusal {
    reason: RefusalReason,
    sensitive: bool,
}

fn lines<T: for<'a> Deserialize<'a>>(file: &str) -> Vec<T> {
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

/// Every fault at once, so that one run shows the whole difference.
fn report(faults: &[String]) {
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn captured() {
    let samples: Vec<Sample> = lines("captured.jsonl");
    let expected: Vec<Expected> = lines("expected.jsonl");
    assert_eq!(samples.len(), 128);
    assert_eq!(expected.len(), samples.len());
    let mut faults = Vec::new();
    for (index, (sample, expected)) in samples.iter().zip(expected).enumerate() {
        assert_eq!(expected.line, index + 1);
        let found = translate(sample);
        if found.as_ref().ok() != Some(&expected.observations) {
            faults.push(format!(
                "line {} ({}): expected {:?}, found {found:?}",
                expected.line, sample.note, expected.observations
            ));
        }
    }
    report(&faults);
}

#[test]
fn constructed() {
    let samples: Vec<Sample> = lines("constructed.jsonl");
    assert!(samples.len() > 150);
    let mut faults = Vec::new();
    for (index, sample) in samples.iter().enumerate() {
        let found = translate(sample);
        let agrees = match (&found, &sample.observations, &sample.refusal) {
            (Ok(found), Some(expected), None) => found == expected,
            (Err(found), None, Some(expected)) => {
                found.reason == expected.reason && found.sensitive == expected.sensitive
            }
            _ => false,
        };
        if !agrees {
            faults.push(format!(
                "line {} ({}; {} {:.80}): expected {:?}, found {found:?}",
                index + 1,
                sample.note,
                sample.topic,
                sample.payload,
                sample.observations
            ));
        }
    }
    report(&faults);
}

#[test]
fn no_code_of_the_fixtures_gets_out() {
    for sample in
        lines::<Sample>("captured.jsonl").iter().chain(&lines::<Sample>("constructed.jsonl"))
    {
        let found = format!("{:?}", translate(sample));
        assert!(!found.contains("482913") && !found.contains("9876"), "{found}");
    }
}
