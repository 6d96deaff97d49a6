//! The power goes in the middle of unlocks. `DOORWARD_ACCESS_CUTS` says how often (240),
//! `DOORWARD_CUTS_SEED` repeats a run.
//!
//! A life of the real state machine over the real journal is recorded, down to what reaches the
//! disk: grants, requests, orders that leave after their commit, devices that act, refuse or are
//! deaf, processes that go. Then the power is cut at places of that record, in every way in which a
//! disk may keep and lose what was not synced; the gateway starts with what is left, and everything
//! that was ever asked comes again. The lock counts: no request is carried out twice, none after its
//! deadline, none without its outcome in the journal; no grant is used oftener than it says; and what
//! was used stays used.

mod life;
mod town;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use doorward::journal::Bug;
use doorward_powercut::{Options, PowercutVfs, Shape, Trace};
use jiff::Timestamp;

use crate::model::asked;
use crate::oracle::{Violation, demand};
use crate::power::this_test;
use life::{Life, Snapshot, World};
use town::Town;

/// Cuts in all, unless `DOORWARD_ACCESS_CUTS` says another number.
const CUTS: u64 = 240;
/// Cuts of one recorded life.
const OF_ONE: u64 = 40;
/// Things that happen in one recorded life.
const THINGS: usize = 120;

/// What cuts saw.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Seen {
    cuts: u64,
    /// Of them, cuts of what a first cut had left.
    second: u64,
    /// Those that lost something.
    lossy: u64,
    /// Orders that had left before the cuts.
    before: u64,
    /// Orders that left after them, for requests that came again.
    after: u64,
    /// Requests that were denied, and uses that were given back, in the lives that were cut.
    denied: u64,
    restored: u64,
}

impl Seen {
    fn add(&mut self, other: Self) {
        self.cuts += other.cuts;
        self.second += other.second;
        self.lossy += other.lossy;
        self.before += other.before;
        self.after += other.after;
        self.denied += other.denied;
        self.restored += other.restored;
    }
}

/// A life, recorded.
struct Recorded {
    trace: Trace,
    snapshots: Vec<Snapshot>,
    told: BTreeMap<&'static str, u64>,
}

fn begin() -> Timestamp {
    "2026-11-21T05:00:00Z".parse().unwrap()
}

fn recorded(town: &Town, seed: u64, bug: Option<Bug>) -> Result<Recorded, Violation> {
    let folder = tempfile::tempdir().unwrap();
    let recorder = PowercutVfs::register(folder.path()).unwrap();
    let world = World::new(begin());
    let mut life = Life::begin(town, folder.path(), world, Some(recorder), bug, seed, |_| Ok(()))?;
    life.vendor_up();
    life.commit()?;
    life.happen(THINGS)?;
    let told = life.told.clone();
    let (trace, snapshots) = life.record();
    Ok(Recorded { trace, snapshots, told })
}

/// The gateway starts with what a cut left, and everything that was ever asked comes again.
fn one(
    town: &Town,
    of: &Recorded,
    at: usize,
    shape: Shape,
    seed: u64,
    again: bool,
    into: &Path,
) -> Result<Seen, Violation> {
    let _ = fs::remove_dir_all(into);
    let cut = of.trace.cut(at, shape, seed, into).unwrap();
    let last = usize::try_from(cut.marks.last().copied().unwrap_or(0)).unwrap();
    let (promised, next) = (&of.snapshots[last], of.snapshots.get(last + 1));
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut world = promised.world.clone();
    // What was asked meanwhile, was asked; what left after the next commit has not left.
    if let Some(next) = next {
        world.asked.clone_from(&next.world.asked);
        world.grants.clone_from(&next.world.grants);
        world.wall = next.world.wall;
    }
    // Sometimes the power is back while requests are still in time.
    world.wall += Duration::from_millis([0, 100, 500, 5_000, 40_000][rng.usize(..5)]);
    let before = world.clone();
    let recorder = again.then(|| PowercutVfs::register(into).unwrap());
    let mut life = Life::begin(town, into, world, recorder, None, seed, |facts| {
        for request in promised.world.released.keys() {
            let name = format!("request/{request}/");
            let kept =
                facts.iter().any(|(fact, value)| fact.starts_with(&name) && !value.is_empty());
            demand!(kept, "an order left for {request}, and no outcome of it is kept");
        }
        Ok(())
    })?;
    // Before a sensor says anything that could give one back.
    for (grant, left) in life.uses() {
        let then = |snapshot: &Snapshot| snapshot.uses.get(&grant).copied();
        let most = then(promised).into_iter().chain(next.and_then(then)).max();
        demand!(Some(left) <= most, "{left} uses of {grant} are left, {most:?} were");
    }
    life.vendor_up();
    life.commit()?;
    let mut again_asked = life.world.asked.clone();
    rng.shuffle(&mut again_asked);
    for asked in &again_asked {
        life.ask(asked);
        life.commit()?;
        if rng.u8(..4) == 0 {
            life.settle()?;
        }
    }
    life.settle()?;
    for request in promised.world.released.keys() {
        demand!(life.world.released[request] == 1, "{request} was carried out again");
    }
    let mut seen = Seen {
        cuts: 1,
        lossy: u64::from(cut.lost + cut.torn > 0),
        before: before.released.len() as u64,
        after: (life.world.released.len() - before.released.len()) as u64,
        ..Seen::default()
    };
    if again {
        life.happen(20)?;
        let (trace, snapshots) = life.record();
        let second = Recorded { trace, snapshots, told: BTreeMap::new() };
        let folder = tempfile::tempdir().unwrap();
        let _fast = fast(folder.path());
        for _ in 0..2 {
            let place = rng.usize(..=second.trace.len());
            let shape = Shape::HONEST[rng.usize(..Shape::HONEST.len())];
            let into = folder.path().join("cut");
            let mut twice = one(town, &second, place, shape, rng.u64(..), false, &into)
                .map_err(|violation| Violation(format!("a second cut: {violation}")))?;
            twice.second = 1;
            seen.add(twice);
        }
    }
    Ok(seen)
}

fn fast(folder: &Path) -> doorward_powercut::Recorder {
    let options = Options { recording: false, ..Options::default() };
    PowercutVfs::register_with(folder, options).unwrap()
}

fn explore(cuts: u64, seed: u64, bug: Option<Bug>) -> Result<Seen, Violation> {
    let town = Town::new(begin());
    let folder = tempfile::tempdir().unwrap();
    let _fast = fast(folder.path());
    let mut all = Seen::default();
    let mut turn = seed;
    while all.cuts - all.second < cuts {
        let life = recorded(&town, turn, bug)
            .map_err(|violation| Violation(format!("life {turn}, not cut: {violation}")))?;
        let told = |kind: &str| life.told.get(kind).copied().unwrap_or_default();
        all.denied += told("access.denied");
        all.restored += told("grant.use_restored");
        let mut rng = fastrand::Rng::with_seed(turn);
        let count = OF_ONE.min(cuts - (all.cuts - all.second));
        let mut places: Vec<usize> = (0..count).map(|_| rng.usize(..=life.trace.len())).collect();
        places.sort_unstable();
        for (number, at) in places.into_iter().enumerate() {
            let shape = Shape::HONEST[rng.usize(..Shape::HONEST.len())];
            let (seed, again) = (rng.u64(..), number % 8 == 7);
            let into = folder.path().join(format!("cut-{number}"));
            let seen = one(&town, &life, at, shape, seed, again, &into).map_err(|violation| {
                let of = life.trace.len();
                Violation(format!("life {turn}, {shape:?} at {at} of {of}, {seed}: {violation}"))
            })?;
            all.add(seen);
            let _ = fs::remove_dir_all(into);
        }
        turn += 1;
    }
    Ok(all)
}

#[test]
fn the_power_goes_in_the_middle_of_unlocks() {
    let cuts = asked("DOORWARD_ACCESS_CUTS").unwrap_or(CUTS);
    let seed = asked("DOORWARD_CUTS_SEED").unwrap_or_else(|| fastrand::u64(..) >> 8);
    let began = std::time::Instant::now();
    match explore(cuts, seed, None) {
        Ok(seen) => {
            let seconds = began.elapsed().as_secs_f64();
            eprintln!("{}: seed {seed}: {seen:?} in {seconds:.1} s", this_test());
            assert!(seen.cuts >= cuts && seen.before > 0 && seen.after > 0, "{seen:?}");
            assert!(seen.lossy > 0 && seen.second > 0, "{seen:?}");
            assert!(seen.denied > 0 && seen.restored > 0, "{seen:?}");
        }
        Err(violation) => panic!("{violation}\nto repeat: DOORWARD_CUTS_SEED={seed}"),
    }
}

/// The same finds what a journal does wrong: an order leaves for what is not on the disk.
#[test]
fn faults_of_the_journal_are_found_by_orders_that_left_too_early() {
    assert!(explore(OF_ONE, 1, None).is_ok());
    for bug in [Bug::SynchronousOff, Bug::AcknowledgeBeforeCommit] {
        let found = explore(5 * OF_ONE, 1, Some(bug));
        let Err(violation) = found else { panic!("{} is not found", bug.as_str()) };
        println!("| {} | cuts in unlocks | {violation} |", bug.as_str());
    }
}
