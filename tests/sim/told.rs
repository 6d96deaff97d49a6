//! An event as it stands in the journal, for comparing.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use doorward::journal::Stored;
use doorward_events::{Form, validate};
use serde_json::Value;

/// One committed event. It is valid: [`Told::of`] has checked it in the writer's form.
#[derive(Debug, Clone)]
pub struct Told {
    pub sequence: u64,
    pub event: Value,
    pub stored: Stored,
}

impl Told {
    pub fn of(stored: Stored) -> Self {
        let kind = validate(stored.detail.as_bytes(), Form::Writer)
            .unwrap_or_else(|error| panic!("{error}: {}", stored.detail));
        assert_eq!(kind, stored.kind);
        let event: Value = serde_json::from_str(&stored.detail).unwrap();
        assert_eq!(event["gateway"]["sequence"], stored.slot);
        assert_eq!(event["id"], stored.id.to_string());
        Self { sequence: stored.slot, event, stored }
    }

    pub fn kind(&self) -> &'static str {
        self.stored.kind.as_str()
    }

    pub fn id(&self) -> &str {
        self.event["id"].as_str().unwrap()
    }

    /// The id of the event that this one belongs to.
    pub fn correlation(&self) -> Option<&str> {
        self.event.get("correlation_id").map(|id| id.as_str().unwrap())
    }

    pub fn time(&self) -> jiff::Timestamp {
        self.event["time"].as_str().unwrap().parse().unwrap()
    }

    pub fn data(&self, name: &str) -> &Value {
        &self.event["data"][name]
    }

    /// The entry, else the endpoint, else `-`.
    pub fn subject(&self) -> &str {
        let place = |name: &str| self.event.get(name).and_then(Value::as_str);
        place("entry_id").or_else(|| place("endpoint_id")).unwrap_or("-")
    }

    /// Type, subject and data by name on one line, as `entry.lock_changed front lock=locked …`.
    pub fn line(&self) -> String {
        let mut line = format!("{} {}", self.kind(), self.subject());
        let data: BTreeMap<_, _> = self.event["data"].as_object().unwrap().iter().collect();
        for (name, value) in data {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let _ = write!(line, " {name}={value}");
        }
        line
    }
}

/// Every event on one line each.
pub fn lines(told: &[Told]) -> Vec<String> {
    told.iter().map(Told::line).collect()
}

/// The types, in sequence.
pub fn kinds(told: &[Told]) -> Vec<&'static str> {
    told.iter().map(Told::kind).collect()
}
