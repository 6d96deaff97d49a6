//! An endpoint: one device, whether it can be reached, and what it last said of itself.

use std::collections::BTreeMap;

use doorward_translators::{Capability, Operation, OperationKind};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What is known of a device, durable.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct EndpointState {
    /// The device's own availability topics and what each last said.
    #[serde(default)]
    pub parts: BTreeMap<String, bool>,
    /// Whether it could be reached, as last told by an event; `None` before the first.
    #[serde(default)]
    pub online: Option<bool>,
    /// Since when `online` is what it is.
    #[serde(default)]
    pub online_since: Option<Timestamp>,
    #[serde(default)]
    pub battery_percent: Option<f64>,
    #[serde(default)]
    pub battery_low: Option<bool>,
    /// The last operation of each kind that a latching device repeats in every message.
    #[serde(default)]
    pub latched: BTreeMap<OperationKind, Operation>,
    #[serde(default)]
    pub model: Option<String>,
    #[serde(default)]
    pub manufacturer: Option<String>,
    #[serde(default)]
    pub capabilities: Vec<Capability>,
    /// An opener that refuses its remote controls; no lock of a door. `None`: not known.
    #[serde(default)]
    pub remote_lockout: Option<bool>,
    /// Its messages came at MQTT QoS 0: what it says while nobody listens is lost before us.
    #[serde(default)]
    pub lossy_source: bool,
}

/// Change of battery charge, in percentage points, that is worth an event.
const BATTERY_STEP: f64 = 5.0;

impl EndpointState {
    /// Which of its own topics say that it cannot be reached.
    pub fn unavailable_parts(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter(|(_, online)| !**online).map(|(part, _)| part.as_str())
    }

    /// Takes in a battery report; true if it is worth an event: the first one, the low flag
    /// changing, or the charge moving by 5 points or more from the last one told.
    pub fn battery(&mut self, percent: Option<f64>, low: Option<bool>) -> bool {
        let moved = match (percent, self.battery_percent) {
            (Some(now), Some(told)) => (now - told).abs() >= BATTERY_STEP,
            (Some(_), None) => true,
            (None, _) => false,
        };
        let flagged = low.is_some() && low != self.battery_low;
        if moved || flagged {
            self.battery_percent = percent.or(self.battery_percent);
            self.battery_low = low.or(self.battery_low);
        }
        moved || flagged
    }

    /// Takes in a latched operation; true if it is a new act. The first one ever seen is not:
    /// it may be years old.
    pub fn latch(&mut self, operation: &Operation) -> Latched {
        match self.latched.insert(operation.kind, operation.clone()) {
            None => Latched::First,
            Some(previous) if previous == *operation => Latched::Repeated,
            Some(_) => Latched::Act,
        }
    }
}

/// What a latched field turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Latched {
    /// Never seen before: remembered, told as nothing.
    First,
    /// The same as in every message since.
    Repeated,
    /// Something was done.
    Act,
}

#[cfg(test)]
mod tests {
    use doorward_translators::{OperationSource, Outcome};

    use super::*;

    #[test]
    fn a_latched_operation_is_an_act_only_when_it_differs() {
        let mut endpoint = EndpointState::default();
        let by = |slot| Operation {
            kind: OperationKind::Unlock,
            outcome: Outcome::Succeeded,
            source: OperationSource::Keypad,
            user_slot: Some(slot),
        };
        assert_eq!(endpoint.latch(&by(3)), Latched::First);
        assert_eq!(endpoint.latch(&by(3)), Latched::Repeated);
        assert_eq!(endpoint.latch(&by(4)), Latched::Act);
    }

    #[test]
    fn small_battery_drift_is_no_news_and_slow_drift_adds_up() {
        let mut endpoint = EndpointState::default();
        assert!(endpoint.battery(Some(80.0), None));
        assert!(!endpoint.battery(Some(77.0), None));
        assert!(endpoint.battery(Some(75.0), None));
        assert!(endpoint.battery(Some(75.0), Some(true)));
        assert!(!endpoint.battery(None, Some(true)));
    }
}
