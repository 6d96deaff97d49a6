//! The power goes while the journal works. `DOORWARD_CUTS` says how often (1,200),
//! `DOORWARD_CUTS_SEED` repeats a run.
//!
//! A history is recorded once, down to what reaches the disk; then the power is cut at places of
//! that record, in every way in which a disk may keep and lose what was not synced. What a cut
//! leaves is opened by the real journal: everything that was acknowledged by then is there, of
//! what was not at most the next thing, and whole; and it goes on from there, through a second
//! cut too.

use std::fs;
use std::path::Path;

use doorward::journal::Bug;
use doorward_powercut::{Options, PowercutVfs, Shape, Trace};

use crate::compare::compare;
use crate::oracle::{Fate, Oracle, Stop, Violation, demand};
use crate::raw;
use crate::run::{Promise, Run};
use crate::sample::{Pick, SORTS, VARIANTS, VENDORS};
use crate::steps::{End, Step};

/// What cuts saw.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cuts {
    pub cuts: u64,
    /// Of them, cuts of what a first cut had left.
    pub second: u64,
    /// Those that lost something, and those that tore something.
    pub lossy: u64,
    pub torn: u64,
    /// Those after which something was there that was not acknowledged.
    pub ahead: u64,
    /// Events that were there again, over all cuts.
    pub events: u64,
}

impl Cuts {
    pub fn add(&mut self, other: Self) {
        self.cuts += other.cuts;
        self.second += other.second;
        self.lossy += other.lossy;
        self.torn += other.torn;
        self.ahead += other.ahead;
        self.events += other.events;
    }
}

/// A history, recorded.
pub struct Recorded {
    pub trace: Trace,
    /// What was promised, at the mark of the same number; the first before anything.
    pub promises: Vec<Promise>,
    pub bug: Option<Bug>,
}

impl Recorded {
    /// Lets the steps happen.
    pub fn of(mut run: Run, steps: &[Step]) -> Result<Self, Violation> {
        run.begin()?;
        for step in steps {
            run.step(step)?;
        }
        let bug = run.bug;
        let (trace, promises) = run.record();
        Ok(Self { trace, promises, bug })
    }
}

/// How to cut.
pub struct Plan<'a> {
    pub shapes: &'a [Shape],
    pub cuts: u64,
    pub seed: u64,
    /// Between these places.
    pub places: std::ops::RangeInclusive<usize>,
    /// Each so-many-th cut is followed by a second one.
    pub again: u64,
}

/// What may be there if this was promised last and that would have been next: the states between
/// them, the likeliest first.
fn between(last: &Oracle, next: Option<&Oracle>) -> Vec<Oracle> {
    let mut may = vec![last.clone()];
    let opened = |oracle: &Oracle| Oracle { stop: Stop::Open, ..oracle.clone() };
    if last.stop == Stop::Closed {
        may.push(opened(last));
    }
    let Some(next) = next else { return may };
    may.push(next.clone());
    // An erasure goes in several commits: events, quarantine, facts one by one, pages.
    let fewer =
        next.quarantine.len() < last.quarantine.len() || next.facts.len() < last.facts.len();
    let erased = next.fates.contains(&Fate::Erased);
    if next.slot() == last.slot() && (fewer || erased) {
        let mut part = Oracle { history_may_go: true, ..last.clone() };
        may.push(part.clone());
        part.fates.clone_from(&next.fates);
        part.gaps.clone_from(&next.gaps);
        may.push(part.clone());
        part.quarantine.clone_from(&next.quarantine);
        may.push(part.clone());
        for name in last.facts.keys().filter(|name| !next.facts.contains_key(*name)) {
            part.facts.remove(name);
            may.push(part.clone());
        }
    }
    may
}

/// Cuts the power as planned; the first thing that was lost, if anything was.
pub fn cut(recorded: &Recorded, plan: &Plan<'_>) -> Result<Cuts, Violation> {
    let mut rng = fastrand::Rng::with_seed(plan.seed);
    let mut places: Vec<usize> = (0..plan.cuts).map(|_| rng.usize(plan.places.clone())).collect();
    places.sort_unstable();
    let folder = tempfile::tempdir().unwrap();
    let options = Options { recording: false, ..Options::default() };
    let _fast = PowercutVfs::register_with(folder.path(), options).unwrap();
    let into = folder.path().join("cut");
    let mut cuts = Cuts::default();
    for (number, at) in (0u64..).zip(places) {
        let shape = plan.shapes[rng.usize(..plan.shapes.len())];
        let seed = rng.u64(..);
        let again = plan.again > 0 && number % plan.again == 0;
        let outcome = one(recorded, at, shape, seed, again, &into);
        cuts.add(outcome.map_err(|violation| {
            Violation(format!(
                "{shape:?} at {at} of {}, seed {seed}: {violation}",
                recorded.trace.len()
            ))
        })?);
    }
    Ok(cuts)
}

fn one(
    recorded: &Recorded,
    at: usize,
    shape: Shape,
    seed: u64,
    again: bool,
    into: &Path,
) -> Result<Cuts, Violation> {
    let _ = fs::remove_dir_all(into);
    let cut = recorded.trace.cut(at, shape, seed, into).unwrap();
    let last = usize::try_from(cut.marks.last().copied().unwrap_or(0)).unwrap();
    let promise = &recorded.promises[last];
    let next = recorded.promises.get(last + 1).map(|promise| &promise.oracle);
    let mut may = between(&promise.oracle, next);
    for oracle in &mut may {
        // An erasure is promised once it was acknowledged, not when its rows are gone.
        oracle.erased.clone_from(&promise.oracle.erased);
    }
    let mut cuts = Cuts {
        cuts: 1,
        lossy: u64::from(cut.lost + cut.torn > 0),
        torn: u64::from(cut.torn > 0),
        ..Cuts::default()
    };
    let outcome = (|| {
        clean_of_the_erased(&promise.oracle, next, into)?;
        let mut run = if again {
            Run::recorded(into, recorded.bug, promise.oracle.clone())
        } else {
            Run::plain(into, recorded.bug, promise.oracle.clone())
        };
        run.open(promise.bounds, &may)?;
        let came = run.oracle.clone();
        not_more_than(&came, next)?;
        cuts.ahead += u64::from(came.slot() > promise.oracle.slot());
        cuts.events += came.slot();
        goes_on(&mut run, seed)?;
        if !again {
            return Ok(());
        }
        let bug = recorded.bug;
        let (trace, mut promises) = run.record();
        promises[0].oracle = came;
        promises[0].oracle.stop = match promise.oracle.stop {
            Stop::Never => Stop::Never,
            _ => Stop::Either,
        };
        let second = Recorded { trace, promises, bug };
        let plan = Plan {
            shapes: &Shape::HONEST,
            cuts: 2,
            seed,
            places: 0..=second.trace.len(),
            again: 0,
        };
        let mut twice = self::cut(&second, &plan)?;
        twice.second = twice.cuts;
        cuts.add(twice);
        Ok(())
    })();
    outcome
        .map(|()| cuts)
        .map_err(|violation: Violation| Violation(format!("{}: {violation}", cut.what)))
}

/// Only what the next step gave up is gone.
fn not_more_than(came: &Oracle, next: Option<&Oracle>) -> Result<(), Violation> {
    let Some(next) = next else { return Ok(()) };
    for (event, (fate, then)) in came.events.iter().zip(came.fates.iter().zip(&next.fates)) {
        let gone = |fate: &Fate| matches!(fate, Fate::Gone { .. });
        demand!(!gone(fate) || gone(then), "slot {} is gone, which nobody gave up", event.slot);
    }
    Ok(())
}

/// A person whose erasure was acknowledged is in no file.
fn clean_of_the_erased(
    promised: &Oracle,
    next: Option<&Oracle>,
    folder: &Path,
) -> Result<(), Violation> {
    let still = |person: &&String| next.is_none_or(|next| next.erased.contains(*person));
    for person in promised.erased.iter().filter(still) {
        let holding = raw::holding(folder, person);
        demand!(holding.is_empty(), "a person who was erased stands in {holding:?}");
    }
    Ok(())
}

/// What a cut left takes events, marks and facts, and gives them back.
fn goes_on(run: &mut Run, seed: u64) -> Result<(), Violation> {
    let pick = |n: u64| Pick {
        sort: u8::try_from((seed + n) % u64::from(SORTS)).unwrap(),
        vendor: u8::try_from(n % u64::from(VENDORS)).unwrap(),
        variant: u8::try_from(n % u64::from(VARIANTS)).unwrap(),
    };
    let append = |n: u64| Step::Append {
        picks: vec![pick(n), pick(n + 1)],
        facts: 2,
        seen: 2,
        quarantine: 1,
    };
    run.step(&append(0))?;
    run.step(&Step::Deliver { from: 0, each: 2, most: 3, with: None })?;
    run.step(&append(2))?;
    let end = if seed.is_multiple_of(2) { End::Drop } else { End::Close };
    run.step(&Step::Reopen { end, bounds: 0 })?;
    run.step(&append(4))?;
    match &run.journal {
        Some(journal) => compare(journal, &run.oracle),
        None => Err(Violation("it is closed".to_owned())),
    }
}
