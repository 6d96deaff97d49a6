//! What a vendor process makes of a message, without its sockets: the translator is the real one.

use doorward::link::{Digest, Evidence, Signal};
use doorward_translators::zigbee2mqtt::{Settings, Zigbee2Mqtt};
use doorward_translators::{Message, Observation, Translator, What};
use jiff::Timestamp;

/// A message as the broker hands it over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wired {
    pub topic: String,
    pub payload: Vec<u8>,
    pub retained: bool,
    /// QoS 0.
    pub lossy: bool,
}

impl Wired {
    pub fn live(topic: &str, payload: impl Into<Vec<u8>>) -> Self {
        Self { topic: topic.to_owned(), payload: payload.into(), retained: false, lossy: false }
    }
}

/// One life of a vendor process.
pub struct Wire {
    translator: Zigbee2Mqtt,
    last: u64,
}

impl Wire {
    pub fn new() -> Self {
        Self { translator: Zigbee2Mqtt::new(Settings::default()).unwrap(), last: 0 }
    }

    /// What a translator of another ecosystem observed.
    pub fn observed(&mut self, observations: Vec<Observation>, received_at: Timestamp) -> Signal {
        self.last += 1;
        Signal {
            n: self.last,
            digest: digest(&[&self.last.to_be_bytes()]),
            identified: false,
            epoch: 1,
            lossy: false,
            retained: false,
            received_at,
            observations,
            stands_for: 0,
            evidence: None,
        }
    }

    pub fn signal(&mut self, message: &Wired, received_at: Timestamp) -> Signal {
        let Wired { topic, payload, retained, lossy } = message;
        let result = self.translator.translate(&Message { topic, payload, retained: *retained });
        let sensitive = self.translator.is_sensitive(topic, payload);
        let evidence = |refusal, detail: String, sensitive: bool| Evidence {
            source: topic.clone(),
            refusal,
            detail,
            bytes: payload.len() as u64,
            raw: (!sensitive).then(|| payload.escape_ascii().to_string()),
            keyed_digest: digest(&[b"key", payload]),
        };
        let (observations, evidence) = match result {
            Ok(observations) => {
                let anomaly = observations.iter().find_map(|observation| match &observation.what {
                    What::Anomaly { field, detail } => Some(format!("{field}: {detail}")),
                    _ => None,
                });
                let evidence = anomaly.map(|detail| evidence(None, detail, sensitive));
                (observations, evidence)
            }
            Err(refusal) => {
                let kept = evidence(Some(refusal.reason), refusal.detail, refusal.sensitive);
                (Vec::new(), Some(kept))
            }
        };
        self.last += 1;
        Signal {
            n: self.last,
            digest: digest(&[topic.as_bytes(), payload]),
            identified: false,
            epoch: 1,
            lossy: *lossy,
            retained: *retained,
            received_at,
            observations,
            stands_for: 0,
            evidence,
        }
    }
}

fn digest(parts: &[&[u8]]) -> Digest {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    Digest(context.finish().as_ref()[..16].try_into().unwrap())
}
