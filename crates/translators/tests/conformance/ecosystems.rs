//! The ecosystems, opened, with the messages of their fixtures.
//!
//! In `fixtures/<name>`: `setup.json` (the vendor's file as JSON: `ecosystem`, `settings`,
//! `endpoints`); `captured.jsonl`, a message a line (`topic`, `payload`, `retained`, `note`,
//! `source`); `expected.jsonl`, line by line what must come of it (`line` and `observations`, or
//! `refusal`). `constructed.jsonl` may be there and holds both. A serial line needs the first alone.

use std::collections::BTreeSet;
use std::path::PathBuf;

use doorward_translators::{
    LineDriver, Message, Observation, Refusal, RefusalReason, Setup, Translator, Transport, What,
    Wire, ecosystem,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// An ecosystem over MQTT.
pub struct Mqtt {
    pub name: String,
    pub setup: Setup,
    pub translator: Box<dyn Translator>,
    pub samples: Vec<Sample>,
    /// Of the file, and of what the samples tell.
    pub addresses: BTreeSet<String>,
}

impl Mqtt {
    /// What comes of a sample with another payload.
    pub fn translate(&self, sample: &Sample, payload: &[u8]) -> Vec<Observation> {
        let message = Message { topic: &sample.topic, payload, retained: sample.retained };
        self.translator.translate(&message).unwrap_or_default()
    }
}

/// A message with what must come of it.
pub struct Sample {
    pub place: String,
    pub topic: String,
    pub payload: String,
    pub retained: bool,
    pub note: String,
    pub expected: Expected,
}

impl Sample {
    pub fn message(&self) -> Message<'_> {
        Message { topic: &self.topic, payload: self.payload.as_bytes(), retained: self.retained }
    }
}

#[derive(Deserialize)]
struct Captured {
    topic: String,
    payload: String,
    retained: bool,
    note: String,
}

#[derive(Deserialize)]
struct Told {
    topic: String,
    payload: String,
    retained: bool,
    note: String,
    #[serde(flatten)]
    expected: Expected,
}

#[derive(Deserialize)]
struct Line {
    line: usize,
    #[serde(flatten)]
    expected: Expected,
}

#[derive(Debug, Deserialize)]
pub struct Expected {
    observations: Option<Vec<Observation>>,
    refusal: Option<ExpectedRefusal>,
}

#[derive(Debug, Deserialize)]
struct ExpectedRefusal {
    reason: RefusalReason,
    sensitive: bool,
}

impl Expected {
    pub fn agrees(&self, found: &Result<Vec<Observation>, Refusal>) -> bool {
        match (found, &self.observations, &self.refusal) {
            (Ok(found), Some(expected), None) => found == expected,
            (Err(found), None, Some(expected)) => {
                found.reason == expected.reason && found.sensitive == expected.sensitive
            }
            _ => false,
        }
    }

    pub fn refused(&self) -> Option<RefusalReason> {
        self.refusal.as_ref().map(|refusal| refusal.reason)
    }
}

/// Every registered ecosystem whose wire is MQTT.
pub fn over_mqtt() -> Vec<Mqtt> {
    let opened = of(Transport::Mqtt).map(|name| match open(name) {
        (setup, Wire::Mqtt(translator)) => (name, setup, translator),
        (_, Wire::Serial(_)) => panic!("{name}: registered for MQTT, and opens a line"),
    });
    opened
        .map(|(name, setup, translator)| {
            let samples = samples(name);
            let told = samples
                .iter()
                .flat_map(|sample| translator.translate(&sample.message()).unwrap_or_default());
            let addresses = told
                .flat_map(|observation| match observation.what {
                    What::Inventory { devices, .. } => {
                        devices.into_iter().map(|device| device.address).collect()
                    }
                    _ => vec![observation.address],
                })
                .filter(|address| !address.is_empty())
                .chain(setup.endpoints.iter().map(|endpoint| endpoint.address.clone()))
                .collect();
            Mqtt { name: name.to_owned(), setup, translator, samples, addresses }
        })
        .collect()
}

/// Every registered ecosystem on a serial line.
pub fn lines() -> Vec<(String, Box<dyn LineDriver>)> {
    of(Transport::Serial)
        .map(|name| match open(name).1 {
            Wire::Serial(driver) => (name.to_owned(), driver),
            Wire::Mqtt(_) => panic!("{name}: registered for a line, and opens MQTT"),
        })
        .collect()
}

fn of(transport: Transport) -> impl Iterator<Item = &'static str> {
    ecosystem::names().filter(move |name| ecosystem::transport(name) == transport)
}

fn open(name: &str) -> (Setup, Wire) {
    let setup: Setup = serde_json::from_str(&text(name, "setup.json"))
        .unwrap_or_else(|error| panic!("fixtures/{name}/setup.json: {error}"));
    assert_eq!(setup.ecosystem, name, "fixtures/{name}/setup.json");
    let opened = ecosystem::open(&setup)
        .unwrap_or_else(|faults| panic!("fixtures/{name}/setup.json: {faults:#?}"));
    assert_eq!(opened.warnings, [], "fixtures/{name}/setup.json");
    (setup, opened.wire)
}

fn samples(name: &str) -> Vec<Sample> {
    let told: Vec<Captured> = read(name, "captured.jsonl");
    let expected: Vec<Line> = read(name, "expected.jsonl");
    assert!(!told.is_empty(), "fixtures/{name}/captured.jsonl is empty");
    assert_eq!(told.len(), expected.len(), "fixtures/{name}: a line of expected.jsonl each");
    let captured = told.into_iter().zip(expected).enumerate().map(|(index, (told, line))| {
        assert_eq!(line.line, index + 1, "fixtures/{name}/expected.jsonl");
        Told {
            topic: told.topic,
            payload: told.payload,
            retained: told.retained,
            note: told.note,
            expected: line.expected,
        }
    });
    let constructed: Vec<Told> = if path(name, "constructed.jsonl").exists() {
        read(name, "constructed.jsonl")
    } else {
        Vec::new()
    };
    let place = |file: &str| {
        let file = file.to_owned();
        move |(index, told): (usize, Told)| Sample {
            place: format!("{file} line {}", index + 1),
            topic: told.topic,
            payload: told.payload,
            retained: told.retained,
            note: told.note,
            expected: told.expected,
        }
    };
    captured
        .enumerate()
        .map(place("captured"))
        .chain(constructed.into_iter().enumerate().map(place("constructed")))
        .collect()
}

fn path(name: &str, file: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "fixtures", name, file].iter().collect()
}

fn text(name: &str, file: &str) -> String {
    let path = path(name, file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| {
        panic!("the ecosystem {name} needs {}: {error}. docs/adding-an-ecosystem.md says what is in it", path.display())
    })
}

pub fn read<T: DeserializeOwned>(name: &str, file: &str) -> Vec<T> {
    let parse = |(index, line): (usize, &str)| {
        serde_json::from_str(line)
            .unwrap_or_else(|error| panic!("fixtures/{name}/{file} line {}: {error}", index + 1))
    };
    text(name, file).lines().enumerate().map(parse).collect()
}
