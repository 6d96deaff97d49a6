//! What could not become an event: kept with its reason, told, and bounded.
//!
//! Per vendor, reason and source the first case is kept and told at once. More of the same
//! within [`WINDOW`] are counted and told together at its end; of them at most
//! [`KEPT_PER_WINDOW`] are kept, so that a flood of rubbish cannot wear the disk.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use doorward_translators::Observation;

use super::state::{Effects, Gateway, Now};
use crate::domain::ids::VendorId;
use crate::journal::QuarantineRecord;
use crate::link::Evidence;

/// How long further cases of the same are gathered.
const WINDOW: Duration = Duration::from_secs(60);
/// Most rows kept of one source within a window.
const KEPT_PER_WINDOW: u64 = 5;
/// Sources of one vendor told apart at a time; beyond, they share one line per reason.
const MAX_SOURCES: usize = 128;
/// Most bytes of a refused event that are kept.
const MAX_RAW: usize = 4096;

/// The reason of a command that a broker keeps (`crates/translators`, `RefusalReason`).
const RETAINED_COMMAND: &str = "retained_command";

/// The reason of a device that neither the inventory nor the vendor's file lists.
const UNKNOWN_ENDPOINT: &str = "unknown_endpoint";

/// Which cases belong together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Source {
    vendor: Option<VendorId>,
    reason: String,
    source: String,
}

#[derive(Debug)]
struct Window {
    ends: Duration,
    cases: u64,
    untold: u64,
    untold_bytes: u64,
    last_id: u64,
}

/// The open windows, and the next row's number.
#[derive(Debug)]
pub struct Quarantine {
    last_id: u64,
    windows: HashMap<Source, Window>,
}

impl Quarantine {
    pub fn new(last_id: u64) -> Self {
        Self { last_id, windows: HashMap::new() }
    }

    /// How many sources of this vendor are told apart just now.
    fn sources(&self, vendor: Option<&VendorId>) -> usize {
        self.windows.keys().filter(|source| source.vendor.as_ref() == vendor).count()
    }

    pub fn next_deadline(&self) -> Option<Duration> {
        self.windows.values().map(|window| window.ends).min()
    }
}

impl Gateway {
    /// A message, or a part of one, that its translator could not translate.
    pub(super) fn evidence(
        &mut self,
        now: Now,
        vendor: &VendorId,
        evidence: Evidence,
        effects: &mut Effects,
    ) {
        let reason = evidence
            .refusal
            .and_then(|reason| serde_json::to_value(reason).ok())
            .and_then(|word| word.as_str().map(str::to_owned))
            .unwrap_or_else(|| "unmapped_value".to_owned());
        let record = QuarantineRecord {
            id: 0,
            at: now.wall,
            vendor: Some(vendor.clone()),
            source: evidence.source,
            reason,
            detail: evidence.detail,
            bytes: evidence.bytes,
            raw: evidence.raw,
            keyed_digest: Some(evidence.keyed_digest),
        };
        self.set_aside(now, record, true, effects);
    }

    /// A device that neither the inventory nor the configuration knows.
    pub(super) fn unknown_endpoint(
        &mut self,
        now: Now,
        vendor: &VendorId,
        observation: &Observation,
        effects: &mut Effects,
    ) {
        let raw = serde_json::to_string(observation).unwrap_or_default();
        let record = QuarantineRecord {
            id: 0,
            at: now.wall,
            vendor: Some(vendor.clone()),
            source: doorward_events::bounded_text(&observation.address, 256),
            reason: UNKNOWN_ENDPOINT.to_owned(),
            detail: "neither the inventory nor the vendor's file lists this device".to_owned(),
            bytes: raw.len() as u64,
            raw: Some(doorward_events::bounded_text(&raw, MAX_RAW)),
            keyed_digest: None,
        };
        self.set_aside(now, record, true, effects);
    }

    /// Devices that nobody listed, beyond what all such of a vendor may say: counted in the line
    /// that they share, and told with it.
    pub(super) fn count_strangers(&mut self, now: Now, vendor: &VendorId, count: u64) {
        let source = Source {
            vendor: Some(vendor.clone()),
            reason: UNKNOWN_ENDPOINT.to_owned(),
            source: "*".to_owned(),
        };
        let last_id = self.quarantine.last_id;
        let window = self.quarantine.windows.entry(source).or_insert(Window {
            ends: now.monotonic + WINDOW,
            cases: 0,
            untold: 0,
            untold_bytes: 0,
            last_id,
        });
        window.cases += count;
        window.untold += count;
    }

    /// An event that the bus will never take.
    pub(super) fn refused(
        &mut self,
        now: Now,
        event_type: &str,
        code: &str,
        message: &str,
        detail: &Arc<str>,
        effects: &mut Effects,
    ) {
        tracing::error!(event_type, code, "the bus refused an event for good; it is in quarantine");
        let record = QuarantineRecord {
            id: 0,
            at: now.wall,
            vendor: None,
            source: event_type.to_owned(),
            reason: "refused_by_bus".to_owned(),
            detail: doorward_events::bounded_text(&format!("{code}: {message}"), 256),
            bytes: detail.len() as u64,
            raw: Some(detail.to_string()),
            keyed_digest: None,
        };
        // Telling of a refused `event.quarantined` by another one would never end.
        let told = event_type != "event.quarantined";
        self.set_aside(now, record, told, effects);
    }

    fn set_aside(
        &mut self,
        now: Now,
        mut record: QuarantineRecord,
        told: bool,
        effects: &mut Effects,
    ) {
        let mut source = Source {
            vendor: record.vendor.clone(),
            reason: record.reason.clone(),
            source: record.source.clone(),
        };
        let quarantine = &mut self.quarantine;
        if !quarantine.windows.contains_key(&source)
            && quarantine.sources(source.vendor.as_ref()) >= MAX_SOURCES
        {
            "*".clone_into(&mut source.source);
        }
        // A refused event is the only copy: it is kept whatever came before it.
        let only_copy = record.reason == "refused_by_bus";
        let next_id = quarantine.last_id + 1;
        let window = quarantine.windows.entry(source).or_insert(Window {
            ends: now.monotonic + WINDOW,
            cases: 0,
            untold: 0,
            untold_bytes: 0,
            last_id: next_id,
        });
        window.cases += 1;
        let first = window.cases == 1;
        let kept = window.cases <= KEPT_PER_WINDOW || only_copy;
        if told && !(first && kept) {
            window.untold += 1;
            window.untold_bytes = window.untold_bytes.saturating_add(record.bytes);
        }
        if !kept {
            return;
        }
        window.last_id = next_id;
        quarantine.last_id = next_id;
        record.id = next_id;
        if first && told {
            self.tell_set_aside(now, &record, 1, effects);
        }
        effects.batch.quarantine.push(record);
    }

    /// A command that a broker keeps has an event of its own: it is not ours to clear, since
    /// clearing one is a live message itself.
    fn tell_set_aside(
        &mut self,
        now: Now,
        record: &QuarantineRecord,
        count: u64,
        effects: &mut Effects,
    ) {
        let vendor = record.vendor.as_ref();
        let event = match vendor {
            Some(vendor) if record.reason == RETAINED_COMMAND => {
                let topic = &record.source;
                tracing::warn!(
                    %vendor,
                    topic,
                    "the broker keeps a command, which is carried out at the device's next \
                     connection\n  remedy: at the broker, if an empty command does nothing there: \
                     mosquitto_pub -r -n -t {topic:?}"
                );
                self.composer.retained_command(now, vendor, record, count)
            }
            _ => self.composer.quarantined(now, record, count),
        };
        effects.event(vendor, event);
    }

    /// Tells what gathered in the windows that have ended.
    pub(super) fn flush_quarantine(&mut self, now: Now, effects: &mut Effects) {
        let ended: Vec<Source> = self
            .quarantine
            .windows
            .iter()
            .filter(|(_, window)| window.ends <= now.monotonic)
            .map(|(source, _)| source.clone())
            .collect();
        for source in ended {
            let Some(window) = self.quarantine.windows.remove(&source) else { continue };
            if window.untold == 0 {
                continue;
            }
            let summary = QuarantineRecord {
                id: window.last_id,
                at: now.wall,
                vendor: source.vendor.clone(),
                source: source.source,
                reason: source.reason,
                detail: "more of the same within a minute".to_owned(),
                bytes: window.untold_bytes,
                raw: None,
                keyed_digest: None,
            };
            self.tell_set_aside(now, &summary, window.untold, effects);
        }
    }
}
