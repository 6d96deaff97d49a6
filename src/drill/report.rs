//! All turns together: a line for each fault, and what is judged of it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::catalogue::{Rule, TROUBLES, Trouble, Way, find};
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
    /// p99 after the fault less that of the undisturbed turn of the same round. This is judged, where
    /// there are undisturbed turns.
    pub against: Option<Difference>,
    /// For a mad device: p99 after less that of the turn of the same round in which nobody heard as
    /// much. Not judged; it is what the gateway adds to what the broker costs everybody.
    pub against_unheard: Option<Difference>,
    /// p99 after less p99 before, turn by turn. A journal that is some seconds older is slower by
    /// itself, which the undisturbed turns show.
    pub within: Option<Difference>,
    /// What is admitted of the upper bound.
    pub admitted: f64,
    /// Turns in which p99 after less before was more. The bounds do not see what three of twenty
    /// turns do; beside the number of the undisturbed turns, this does.
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
        let noise = Noise::of(rows);
        let lines: Vec<Line> = TROUBLES
            .iter()
            .filter_map(|trouble| {
                let of: Vec<&Row> = rows.iter().filter(|row| row.fault == trouble.name).collect();
                (!of.is_empty()).then(|| Line::of(trouble, &of, &noise, judged))
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

/// The turns in which nothing goes wrong in the gateway, by their round.
struct Noise<'a> {
    quiet: BTreeMap<usize, &'a Row>,
    unheard: BTreeMap<usize, &'a Row>,
}

impl<'a> Noise<'a> {
    fn of(rows: &'a [Row]) -> Self {
        let of = |way: Way| {
            let is = |row: &&Row| find(&row.fault).is_some_and(|one| one.way == way);
            rows.iter().filter(is).map(|row| (row.round, row)).collect()
        };
        Self { quiet: of(Way::Nothing), unheard: of(Way::Unheard) }
    }
}

impl Line {
    fn of(trouble: &Trouble, rows: &[&Row], noise: &Noise<'_>, judged: bool) -> Self {
        let figures = |of: fn(&Row) -> &Phases| {
            let against = (trouble.way != Way::Nothing).then(|| apart(rows, &noise.quiet, of));
            let unheard = (trouble.way == Way::MadDevice).then(|| apart(rows, &noise.unheard, of));
            let phases: Vec<&Phases> = rows.iter().map(|row| of(row)).collect();
            Figures {
                against: against.flatten(),
                against_unheard: unheard.flatten(),
                ..Figures::of(&phases)
            }
        };
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
            bus: figures(|row| &row.bus),
            wire: figures(|row| &row.wire),
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
                failures.extend(figures.judge(name, trouble.way.is_noise()));
            }
        }
        failures
    }
}

impl Figures {
    /// Of turns, beside no others.
    fn of(phases: &[&Phases]) -> Self {
        let middle = |of: fn(&Phases) -> f64| {
            let all: Vec<f64> = phases.iter().map(|phases| of(phases)).collect();
            median(&all).unwrap_or_default()
        };
        let within: Vec<f64> =
            phases.iter().filter_map(|one| less(&one.after, &one.before)).collect();
        let during: Vec<f64> = phases.iter().flat_map(|one| one.during.iter().copied()).collect();
        let before = [middle(|one| one.before.p50), middle(|one| one.before.p99)];
        let admitted = (before[1] * PART).max(LEAST_MS);
        Self {
            during: Summary::of(&during),
            after: [middle(|one| one.after.p50), middle(|one| one.after.p99)],
            against: None,
            against_unheard: None,
            within: Difference::of(&within),
            admitted,
            beyond: within.iter().filter(|one| **one > admitted).count(),
            before,
        }
    }

    fn judge(&self, name: &str, is_noise: bool) -> Vec<String> {
        let mut failures = Vec::new();
        // The noise is what it is; it stands beside the others.
        if is_noise {
            return failures;
        }
        match self.against.or(self.within) {
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

/// p99 after less that of the other turn of the same round.
fn apart(
    rows: &[&Row],
    others: &BTreeMap<usize, &Row>,
    of: fn(&Row) -> &Phases,
) -> Option<Difference> {
    let differences = rows.iter().filter_map(|row| {
        let other = others.get(&row.round)?;
        less(&of(row).after, &of(other).after)
    });
    Difference::of(&differences.collect::<Vec<_>>())
}

/// The difference of the p99s, where both have samples.
fn less(one: &Summary, other: &Summary) -> Option<f64> {
    (one.count > 0 && other.count > 0).then_some(one.p99 - other.p99)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A turn whose p99s are these, before and after.
    fn turn(round: usize, fault: &str, [before, after]: [f64; 2]) -> Row {
        let summary = |p99| serde_json::json!({"count": 100, "p50": 0.5, "p99": p99, "most": p99});
        let phases = serde_json::json!({
            "before": summary(before), "during": [1.0], "after": summary(after),
        });
        serde_json::from_value(serde_json::json!({
            "round": round, "fault": fault, "target": "alpha", "contained_ms": 5.0, "by": "it",
            "stopped": true, "denied": [], "allowed": [], "bus": phases, "wire": phases,
            "taken": 1, "lost": 0, "requests": 1, "unserved": {}, "core_kib": 1,
        }))
        .unwrap()
    }

    fn report(fault_after: f64) -> Report {
        let rows: Vec<Row> = (0..ROUNDS)
            .flat_map(|round| {
                [turn(round, "undisturbed", [2.0, 4.0]), turn(round, "exit", [2.0, fault_after])]
            })
            .collect();
        Report::of(&rows, 1)
    }

    #[test]
    fn what_undisturbed_turns_do_as_well_is_not_the_fault_s() {
        let drift = report(4.5);
        assert!(drift.holds, "{drift:?}");
        let exit = &drift.lines[1];
        assert_eq!(exit.bus.within.map(|one| one.typical), Some(2.5));
        assert_eq!(exit.bus.against.map(|one| one.upper), Some(0.5));
        assert_eq!(exit.bus.beyond, ROUNDS);

        let harm = report(5.5);
        let failures = &harm.lines[1].failures;
        assert!(!harm.holds && failures.len() == 2, "{failures:?}");
        assert!(failures[0].contains("up to 1.50 ms greater"), "{failures:?}");
        assert!(harm.lines[0].failures.is_empty());
    }

    #[test]
    fn what_the_broker_alone_costs_is_told_and_changes_no_judgement() {
        let rows: Vec<Row> = (0..ROUNDS)
            .flat_map(|round| {
                [
                    turn(round, "undisturbed", [2.0, 2.0]),
                    turn(round, "device-flood", [2.0, 5.0]),
                    turn(round, "unheard-flood", [2.0, 4.5]),
                ]
            })
            .collect();
        let flood = Report::of(&rows, 1);
        let [_, device, unheard] = &flood.lines[..] else { panic!("{flood:?}") };
        assert_eq!(device.bus.against.map(|one| one.upper), Some(3.0));
        assert_eq!(device.bus.against_unheard.map(|one| one.upper), Some(0.5));
        assert_eq!(device.failures.len(), 2, "{device:?}");
        assert_eq!(unheard.wire.against.map(|one| one.upper), Some(2.5));
        assert!(unheard.failures.is_empty(), "{unheard:?}");
    }

    #[test]
    fn without_undisturbed_turns_what_was_before_is_compared() {
        let rows: Vec<Row> = (0..ROUNDS).map(|round| turn(round, "exit", [2.0, 3.5])).collect();
        let alone = Report::of(&rows, 1);
        assert_eq!(alone.lines[0].wire.against, None);
        assert!(!alone.holds);
    }
}
