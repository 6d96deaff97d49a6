//! Composes what the gateway says about itself: that it started, that it lives, what it gave up,
//! erased or set aside.

use std::collections::BTreeMap;
use std::time::Duration;

use doorward_events::types as schema;
use doorward_events::{Handshake, bounded_text};

use super::compose::{Composer, Event, MAX_DETAIL, number};
use super::state::{HEARTBEAT, Now, StartFacts, StartInfo};
use crate::domain::access::Reason;
use crate::domain::ids::VendorId;
use crate::health::{Durations, Figures};
use crate::journal::{Erased, Gap, PreviousStop, QuarantineRecord};

/// Whom and what the gateway believes.
#[derive(Debug, Default)]
pub struct TrustTold {
    /// For who answers what time it is, while the clock is not trusted.
    pub challenge: Option<schema::ClockChallenge>,
    /// The version of the list of issuers that is believed.
    pub issuers_version: Option<i64>,
}

/// What a heartbeat tells.
pub struct Beat<'a> {
    pub uptime: Duration,
    pub figures: &'a Figures,
    /// Each vendor and what its process is doing.
    pub vendors: &'a [(&'a VendorId, &'static str)],
    /// How far the clock is trusted.
    pub clock: &'static str,
    /// How often each reason was given.
    pub denied: &'a BTreeMap<Reason, u64>,
}

impl Composer {
    pub fn gateway_started(
        &mut self,
        now: Now,
        facts: &StartFacts,
        start: &StartInfo,
        trust: TrustTold,
    ) -> Event {
        let id = self.id(now);
        self.envelope(id, now.wall).seal(&schema::GatewayStarted {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            platform: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
            previous_stop: match start.previous_stop {
                PreviousStop::Clean => "clean",
                PreviousStop::Unclean => "unclean",
                PreviousStop::FirstStart => "first_start",
            }
            .into(),
            events_waiting: number(start.waiting),
            bus_kind: facts.bus.into(),
            vendors: facts
                .vendors
                .iter()
                .map(|(vendor, enabled)| schema::EnabledVendor {
                    vendor: vendor.to_string(),
                    enabled: *enabled,
                })
                .collect(),
            accepts: super::access::accepted(),
            audit_key: facts.audit_key.as_ref().map(|key| schema::VerificationKey {
                kid: key.kid.clone(),
                alg: "EdDSA".into(),
                public_key: key.public_key.clone(),
            }),
            challenge: trust.challenge,
            issuers_version: trust.issuers_version,
        })
    }

    pub fn handshake(&mut self, now: Now) -> Event {
        let id = self.id(now);
        let handshake = Handshake {
            publisher_version: env!("CARGO_PKG_VERSION").to_owned(),
            interval: HEARTBEAT,
        };
        handshake.draft(self.envelope(id, now.wall))
    }

    pub fn heartbeat(&mut self, now: Now, beat: &Beat<'_>, trust: TrustTold) -> Event {
        let id = self.id(now);
        let Figures { journal, uplink, commit_time } = beat.figures;
        self.envelope(id, now.wall).seal(&schema::GatewayHeartbeat {
            challenge: trust.challenge,
            issuers_version: trust.issuers_version,
            uptime_s: number(beat.uptime.as_secs()),
            events_waiting: number(journal.waiting),
            quarantined: number(journal.quarantined),
            delivered_through: numbers(&journal.delivered_through),
            recorded: numbers(&journal.recorded),
            journal: Some(schema::JournalFigures {
                bytes_used: number(journal.bytes_used),
                bytes_bound: number(journal.bytes_bound),
                oldest_waiting_at: journal.oldest_waiting.clone(),
                commit_time: Some(durations(commit_time)),
            }),
            bus: Some(schema::BusFigures {
                calls: number(uplink.calls),
                accepted: number(uplink.accepted),
                refused: number(uplink.refused),
                retried: number(uplink.retried),
                failing: i64::from(uplink.failing),
                call_time: Some(durations(&uplink.call_time)),
            }),
            clock_trust: Some(beat.clock.into()),
            denied: beat
                .denied
                .iter()
                .map(|(reason, count)| schema::DenialCount {
                    reason: reason.as_str().into(),
                    count: number(*count),
                })
                .collect(),
            vendors: beat
                .vendors
                .iter()
                .map(|(vendor, state)| schema::VendorStatus {
                    vendor: vendor.to_string(),
                    state: (*state).into(),
                })
                .collect(),
        })
    }

    pub fn events_dropped(&mut self, now: Now, gap: &Gap) -> Event {
        let id = self.id(now);
        self.envelope(id, now.wall).seal(&schema::GatewayEventsDropped {
            journal_id: gap.journal_id.map(|id| id.to_string()),
            ranges: gap
                .ranges
                .iter()
                .map(|(first, last)| schema::SequenceRange {
                    first: number(*first),
                    last: number(*last),
                })
                .collect(),
            count: number(gap.count),
            reason: gap.reason.as_str().into(),
        })
    }

    pub fn subject_erased(&mut self, now: Now, erased: Erased, uid: u32) -> Event {
        let id = self.id(now);
        self.envelope(id, now.wall).seal(&schema::GatewaySubjectErased {
            events: number(erased.events),
            waiting: number(erased.waiting),
            quarantine: number(erased.quarantine),
            facts: number(erased.facts),
            requested_by_uid: Some(i64::from(uid)),
        })
    }

    /// A command that a broker keeps.
    pub fn retained_command(
        &mut self,
        now: Now,
        vendor: &VendorId,
        record: &QuarantineRecord,
        count: u64,
    ) -> Event {
        let id = self.id(now);
        self.envelope(id, now.wall).seal(&schema::SecurityRetainedCommandFound {
            vendor: vendor.to_string(),
            topic: bounded_text(&record.source, 256),
            quarantine_id: number(record.id),
            count: number(count),
        })
    }

    pub fn quarantined(&mut self, now: Now, record: &QuarantineRecord, count: u64) -> Event {
        let id = self.id(now);
        self.envelope(id, now.wall).seal(&schema::EventQuarantined {
            quarantine_id: number(record.id),
            vendor: record.vendor.as_ref().map(ToString::to_string),
            source: bounded_text(&record.source, MAX_DETAIL),
            reason: record.reason.as_str().into(),
            detail: Some(bounded_text(&record.detail, MAX_DETAIL)),
            bytes: number(record.bytes),
            count: number(count),
        })
    }
}

/// Counts by name.
fn numbers<M: FromIterator<(String, i64)>>(counts: &BTreeMap<String, u64>) -> M {
    counts.iter().map(|(name, count)| (name.clone(), number(*count))).collect()
}

fn durations(durations: &Durations) -> schema::DurationFigures {
    let within = |percent| durations.within_ms(percent).map(number);
    schema::DurationFigures {
        count: number(durations.count()),
        p50_ms: within(50),
        p99_ms: within(99),
    }
}
