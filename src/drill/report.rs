//! All turns together: a line for each fault, and what is judged of it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::catalogue::{Rule, TROUBLES, Trouble, Way};
use super::figures::{Difference, Summary, median};
use super::row::{Phases, Row};
use super::turn::DETECTION;

/// So many rounds are needed to judge a difference of p99s.
pub const ROUNDS: usize = 20;
/// The difference that is admitted: this part of what was before, or this many milliseconds, what is
/// greater.
const PART: f64 = 0.05;
const LEAST_MS: f64 = 1.0;
/// The p99 that is admitted while a fault is detected, in milliseconds.
const DURING_MS: f64 = 50.0;

/// One fault over all its turns.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    pub fault: &'static str,
    pub what: &'static str,
    /// What must stop it.
    pub must: &'static str,
    pub runs: usize,
    /// Turns in which it was contained and nothing forbidden was let.
    pub stopped: usize,
    /// What contained it, each once.
    pub by: Vec<String>,
    /// From the order to the containment: the middle one and the greatest, in milliseconds.
    pub contained_ms: Option<[f64; 2]>,
    pub back_ms: Option<f64>,
    pub denied: Vec<String>,
    pub allowed: Vec<String>,
    pub bus: Figures,
    pub wire: Figures,
    /// Of the others: messages taken over by the broker and not at the bus; requests that came to
    /// nothing.
    pub taken: usize,
    pub lost: usize,
    pub requests: usize,
    pub requests_lost: usize,
    /// Why requests came to nothing; a door that was still busy with the one before is no loss.
    pub unserved: BTreeMap<String, usize>,
    pub core_kib: u64,
    /// Requests at an isolated vendor's doors, and those that were refused at once.
    pub unavailable: Option<[usize; 2]>,
    /// What does not hold.
    pub failures: Vec<String>,
}

/// Latencies of the others, in milliseconds.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// The middle of the turns' p50 and p99.
    pub before: [f64; 2],
    /// Of all turns' samples together.
    pub during: Option<Summary>,
    pub after: [f64; 2],
    /// p99 after less p99 before, turn by turn.
    pub difference: Option<Difference>,
    /// What is admitted of its upper bound.
    pub admitted: f64,
    /// Turns in which it was more. The bound does not see what three of twenty turns do; beside the
    /// number of the undisturbed turns, this does.
    pub beyond: usize,
}

/// The whole drill.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    pub version: &'static str,
    pub machine: String,
    pub seed: u64,
    pub rounds: usize,
    /// Whether there were rounds enough to judge latencies.
    pub judged: bool,
    pub lines: Vec<Line>,
    pub holds: bool,
}

impl Report {
    /// Of these turns. Latencies are judged from [`ROUNDS`] rounds on.
    pub fn of(rows: &[Row], seed: u64) -> Self {
        let rounds = rows.iter().map(|row| row.round + 1).max().unwrap_or(0);
        let judged = rounds >= ROUNDS;
        let lines: Vec<Line> = TROUBLES
            .iter()
            .filter_map(|trouble| {
                let of: Vec<&Row> = rows.iter().filter(|row| row.fault == trouble.name).collect();
                (!of.is_empty()).then(|| Line::of(trouble, &of, judged))
            })
            .collect();
        let holds = !lines.is_empty() && lines.iter().all(|line| line.failures.is_empty());
        Self {
            version: env!("CARGO_PKG_VERSION"),
            machine: machine(),
            seed,
            rounds,
            judged,
            lines,
            holds,
        }
    }
}

impl Line {
    fn of(trouble: &Trouble, rows: &[&Row], judged: bool) -> Self {
        let contained: Vec<f64> = rows.iter().filter_map(|row| row.contained_ms).collect();
        let backs: Vec<f64> = rows.iter().filter_map(|row| row.back_ms).collect();
        let met: Vec<_> = rows.iter().filter_map(|row| row.unavailable.as_ref()).collect();
        let mut line = Self {
            fault: trouble.name,
            what: trouble.what,
            must: trouble.rule.words(),
            runs: rows.len(),
            stopped: rows.iter().filter(|row| row.stopped).count(),
            by: once(rows.iter().map(|row| row.by.clone())),
            contained_ms: median(&contained)
                .map(|middle| [middle, contained.iter().copied().fold(0.0, f64::max)]),
            back_ms: median(&backs),
            denied: once(rows.iter().flat_map(|row| row.denied.clone())),
            allowed: once(rows.iter().flat_map(|row| row.allowed.clone())),
            bus: Figures::of(rows.iter().map(|row| &row.bus)),
            wire: Figures::of(rows.iter().map(|row| &row.wire)),
            taken: rows.iter().map(|row| row.taken).sum(),
            lost: rows.iter().map(|row| row.lost).sum(),
            requests: rows.iter().map(|row| row.requests).sum(),
            requests_lost: rows.iter().map(|row| row.requests_lost()).sum(),
            unserved: sums(rows.iter().map(|row| &row.unserved)),
            core_kib: rows.iter().map(|row| row.core_kib).max().unwrap_or(0),
            unavailable: (!met.is_empty()).then(|| {
                [met.iter().map(|one| one.asked).sum(), met.iter().map(|one| one.at_once).sum()]
            }),
            failures: Vec::new(),
        };
        line.failures = line.judge(trouble, judged);
        line
    }

    /// What does not hold.
    fn judge(&self, trouble: &Trouble, judged: bool) -> Vec<String> {
        let mut failures = Vec::new();
        if self.stopped < self.runs {
            let of = if self.runs == 1 {
                String::new()
            } else {
                format!(" in {} of {} turns", self.runs - self.stopped, self.runs)
            };
            failures.push(match (self.allowed.is_empty(), trouble.rule) {
                (false, rule) if rule != Rule::Borne => {
                    format!("ALLOWED{of}: {}", self.allowed.join("; "))
                }
                _ => format!("not stopped{of}"),
            });
        }
        let limit = DETECTION.as_secs_f64() * 1e3;
        if let Some([_, most]) = self.contained_ms
            && trouble.rule != Rule::Isolated
            && most > limit
        {
            failures.push(format!("contained after {most:.0} ms, beyond {limit:.0}"));
        }
        if self.lost > 0 {
            failures.push(format!("{} messages of others lost", self.lost));
        }
        if self.requests_lost > 0 {
            let why: Vec<&str> = self.unserved.keys().map(String::as_str).collect();
            failures.push(format!(
                "{} requests at others' doors came to nothing: {}",
                self.requests_lost,
                why.join(", ")
            ));
        }
        if judged {
            for (name, figures) in [("bus", &self.bus), ("wire", &self.wire)] {
                failures.extend(figures.judge(name, trouble.way == Way::Nothing));
            }
        }
        failures
    }
}

impl Figures {
    fn of<'a>(phases: impl Iterator<Item = &'a Phases>) -> Self {
        let phases: Vec<&Phases> = phases.collect();
        let middle = |of: fn(&Phases) -> f64| {
            let all: Vec<f64> = phases.iter().map(|phases| of(phases)).collect();
            median(&all).unwrap_or_default()
        };
        let pairs = phases.iter().filter(|one| one.before.count > 0 && one.after.count > 0);
        let differences: Vec<f64> = pairs.map(|one| one.after.p99 - one.before.p99).collect();
        let during: Vec<f64> = phases.iter().flat_map(|one| one.during.iter().copied()).collect();
        let before = [middle(|one| one.before.p50), middle(|one| one.before.p99)];
        let admitted = (before[1] * PART).max(LEAST_MS);
        Self {
            during: Summary::of(&during),
            after: [middle(|one| one.after.p50), middle(|one| one.after.p99)],
            difference: Difference::of(&differences),
            admitted,
            beyond: differences.iter().filter(|one| **one > admitted).count(),
            before,
        }
    }

    fn judge(&self, name: &str, is_noise: bool) -> Vec<String> {
        let mut failures = Vec::new();
        // The noise is what it is; it stands beside the others.
        if is_noise {
            return failures;
        }
        match self.difference {
            Some(Difference { upper, .. }) if upper <= self.admitted => {}
            Some(Difference { upper, .. }) => failures.push(format!(
                "{name}: p99 after is up to {upper:.2} ms greater, beyond {:.2}",
                self.admitted
            )),
            None => failures.push(format!("{name}: no difference could be measured")),
        }
        if let Some(during) = self.during
            && during.p99 > DURING_MS
        {
            failures
                .push(format!("{name}: p99 during is {:.1} ms, beyond {DURING_MS}", during.p99));
        }
        failures
    }
}

/// All together.
fn sums<'a>(all: impl Iterator<Item = &'a BTreeMap<String, usize>>) -> BTreeMap<String, usize> {
    let mut sums = BTreeMap::new();
    for (why, count) in all.flatten() {
        *sums.entry(why.clone()).or_default() += count;
    }
    sums
}

/// Each once, in their order.
fn once(all: impl Iterator<Item = String>) -> Vec<String> {
    let mut kept = Vec::new();
    for one in all {
        if !kept.contains(&one) {
            kept.push(one);
        }
    }
    kept
}

/// The system and its processor's kind, without names.
fn machine() -> String {
    let system = rustix::system::uname();
    let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
    let release = text(system.release());
    let numbers: Vec<&str> = release.split(['.', '-']).take(2).collect();
    format!("{} {} {}", text(system.sysname()), numbers.join("."), text(system.machine()))
}
