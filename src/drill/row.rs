//! What one turn comes to: a line of JSON that can be kept and read again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::catalogue::{Rule, Trouble};
use super::containment::{Containment, Tried};
use super::figures::Summary;
use super::names::vendor_of;
use super::tape::{Asked, Marks};
use super::turn::Windows;

/// A request at an isolated vendor's door is refused within this time: nothing waits for it.
const AT_ONCE: Duration = Duration::from_secs(1);

/// One turn.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    pub round: usize,
    pub fault: String,
    /// The vendor that went wrong; every figure below is of the three others, if nothing else is
    /// said.
    pub target: String,
    /// Milliseconds from the order on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contained_ms: Option<f64>,
    /// What contained it, as the gateway told.
    pub by: String,
    /// Contained, and nothing forbidden was let.
    pub stopped: bool,
    /// Milliseconds from the end of the process until it was there again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub back_ms: Option<f64>,
    pub denied: Vec<String>,
    pub allowed: Vec<String>,
    /// From a device's message to the bus, in milliseconds.
    pub bus: Phases,
    /// From a request to its command at the lock, in milliseconds.
    pub wire: Phases,
    /// Messages that the broker took over, and those of them that never came to the bus.
    pub taken: usize,
    pub lost: usize,
    /// Requests, and those of them that came to nothing, by reason.
    pub requests: usize,
    pub unserved: BTreeMap<String, usize>,
    /// The core's greatest share of memory.
    pub core_kib: u64,
    /// Requests at the doors of a vendor that was isolated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unavailable: Option<Unavailable>,
}

/// Latencies by when the message or request was sent.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Phases {
    pub before: Summary,
    /// Each, since few runs have enough of them for a p99.
    pub during: Vec<f64>,
    pub after: Summary,
}

/// What became of requests at an isolated vendor's doors.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Unavailable {
    pub asked: usize,
    /// Refused at once with `vendor_unavailable`.
    pub at_once: usize,
    /// What else they were answered.
    pub otherwise: BTreeMap<String, usize>,
}

fn ms(span: Duration) -> f64 {
    (span.as_secs_f64() * 1e6).round() / 1e3
}

impl Row {
    /// The round is left at 0. `begun`: the moment of the order; `end`: of the end of its time.
    pub fn of(
        trouble: &Trouble,
        target: &str,
        marks: &Marks,
        windows: &Windows,
        begun: Instant,
        contained: Option<Containment>,
        end: Instant,
    ) -> Self {
        let tried = Tried::of(target, begun, marks);
        let others = || marks.readings.iter().filter(|((door, _), _)| vendor_of(door) != target);
        let asked: Vec<&Asked> =
            marks.requests.iter().filter(|asked| vendor_of(&asked.door) != target).collect();
        let span = Span { begun, end, windows: *windows };
        let unavailable = match (&contained, trouble.rule) {
            (Some(isolated), Rule::Isolated) => Some(unavailable(target, isolated.at, marks)),
            _ => None,
        };
        let stopped = contained.is_some()
            && (matches!(trouble.rule, Rule::Borne | Rule::RefusedOrEnds)
                || tried.allowed.is_empty())
            && unavailable.as_ref().is_none_or(|met| met.asked > 0 && met.at_once == met.asked);
        let mut ended = marks.ended.iter();
        let ended = ended.find(|ended| ended.vendor == target && ended.at >= begun);
        let back = ended.and_then(|ended| Some((ended.at, marks.ready(target, ended.at)?)));
        Self {
            round: 0,
            fault: trouble.name.to_owned(),
            target: target.to_owned(),
            contained_ms: contained.as_ref().map(|contained| ms(contained.at - begun)),
            by: contained.map_or_else(|| "nothing".to_owned(), |contained| contained.by),
            stopped,
            back_ms: back.map(|(ended, back)| ms(back - ended)),
            denied: tried.denied,
            allowed: tried.allowed,
            bus: span.phases(
                others().filter_map(|(_, told)| Some((told.sent, told.arrived? - told.sent))),
            ),
            wire: span.phases(asked.iter().filter_map(|one| Some((one.at, one.wire? - one.at)))),
            taken: others().filter(|(_, told)| told.taken).count(),
            lost: others().filter(|(_, told)| told.taken && told.arrived.is_none()).count(),
            requests: asked.len(),
            unserved: unserved(&asked),
            core_kib: marks.core_kib,
            unavailable,
        }
    }

    /// Requests that came to nothing, beyond those that met a door still busy with the one before.
    pub fn requests_lost(&self) -> usize {
        self.unserved.iter().filter(|(why, _)| *why != "entry_busy").map(|(_, count)| count).sum()
    }
}

/// The times of a turn.
struct Span {
    begun: Instant,
    end: Instant,
    windows: Windows,
}

impl Span {
    fn phases(&self, samples: impl Iterator<Item = (Instant, Duration)>) -> Phases {
        let mut by_phase: [Vec<f64>; 3] = Default::default();
        let [before, during, after] = &mut by_phase;
        for (at, latency) in samples {
            let phase = if at < self.begun {
                if at + self.windows.before < self.begun {
                    continue;
                }
                &mut *before
            } else if at < self.end {
                &mut *during
            } else if at < self.end + self.windows.after {
                &mut *after
            } else {
                continue;
            };
            phase.push(ms(latency));
        }
        Phases {
            before: Summary::of(before).unwrap_or_default(),
            after: Summary::of(after).unwrap_or_default(),
            during: std::mem::take(during),
        }
    }
}

fn unserved(asked: &[&Asked]) -> BTreeMap<String, usize> {
    let mut by_reason = BTreeMap::new();
    for one in asked {
        let why = match &one.answered {
            None => "no answer".to_owned(),
            Some((_, Some(reason))) => reason.clone(),
            Some((_, None)) if one.wire.is_none() => "no command came".to_owned(),
            Some((_, None)) => continue,
        };
        *by_reason.entry(why).or_default() += 1;
    }
    by_reason
}

fn unavailable(target: &str, isolated: Instant, marks: &Marks) -> Unavailable {
    let mut met = Unavailable::default();
    let of_target = marks.requests.iter().filter(|asked| vendor_of(&asked.door) == target);
    for asked in of_target.filter(|asked| asked.at > isolated) {
        met.asked += 1;
        match &asked.answered {
            Some((at, Some(reason)))
                if reason == "vendor_unavailable" && *at - asked.at <= AT_ONCE =>
            {
                met.at_once += 1;
            }
            Some((_, reason)) => {
                let reason = reason.clone().unwrap_or_else(|| "granted".to_owned());
                *met.otherwise.entry(reason).or_default() += 1;
            }
            None => *met.otherwise.entry("no answer".to_owned()).or_default() += 1,
        }
    }
    met
}
