//! The power goes while a broken file is taken over.
//!
//! The fresh file is built by SQLite, which the record sees write by write. Then files change
//! their names, each change synced before the next: those states are made one by one.

use std::fs;
use std::path::Path;

use doorward::journal::Bug;
use doorward_powercut::{Options, PowercutVfs, Recorder, Shape, Trace};

use crate::damage::{Left, break_file, salvaged};
use crate::model::asked;
use crate::opening::arrive;
use crate::oracle::{Oracle, Violation};
use crate::power::{share, this_test};
use crate::raw::{self, FILE};
use crate::run::Run;
use crate::steps::{self, End};
use crate::workload;

/// A broken file, and the record of how it was taken over.
struct Broken {
    _folder: tempfile::TempDir,
    before: Oracle,
    left: Left,
    trace: Trace,
    /// The place at which the fresh file is complete and names begin to change.
    built: usize,
}

fn fast(folder: &Path) -> Recorder {
    let options = Options { recording: false, ..Options::default() };
    PowercutVfs::register_with(folder, options).unwrap()
}

/// Breaks a file in this way; gives what it held.
fn break_one(folder: &Path, way: u8, seed: u64) -> Result<(Oracle, Left), Violation> {
    let mut run = Run::new(folder, None, Oracle::new());
    run.begin()?;
    for step in workload::ordinary(seed).iter().take(60) {
        run.step(step)?;
    }
    run.end(End::Close)?;
    let left = break_file(&folder.join(FILE), way, seed);
    let before = run.oracle.clone();
    left.map(|left| (before, left)).ok_or_else(|| Violation("nothing to break".to_owned()))
}

fn broken(way: u8, seed: u64, bug: Option<Bug>) -> Result<Broken, Violation> {
    let folder = tempfile::tempdir().unwrap();
    let (before, left) = break_one(folder.path(), way, seed)?;
    let taken = tempfile::tempdir().unwrap();
    raw::copy(folder.path(), taken.path());
    let recorder = PowercutVfs::register(taken.path()).unwrap();
    let (journal, found) = arrive(taken.path(), steps::bounds(0), bug, &mut 100)
        .map_err(|error| Violation(format!("a broken file stops it: {error}")))?;
    salvaged(&before, &journal, &found, left)?;
    let trace = recorder.trace();
    let renamed = |at: &usize| trace.before(*at).starts_with("rename");
    let built = (1..=trace.len()).find(renamed).unwrap_or(trace.len()) - 1;
    Ok(Broken { _folder: folder, before, left, trace, built })
}

impl Broken {
    /// What is in the folder is taken over as if nothing had been before.
    fn judge(&self, folder: &Path, bug: Option<Bug>) -> Result<(), Violation> {
        let _fast = fast(folder);
        let (journal, found) = arrive(folder, steps::bounds(0), bug, &mut 200)
            .map_err(|error| Violation(format!("it cannot be opened: {error}")))?;
        let after = salvaged(&self.before, &journal, &found, self.left)?;
        drop(journal);
        // And stays so.
        let mut run = Run::plain(folder, bug, after.clone());
        run.open(steps::bounds(0), &[after])
    }

    /// The power goes at some places while the fresh file is built.
    fn cut(&self, cuts: u64, seed: u64, bug: Option<Bug>) -> Result<(), Violation> {
        let mut rng = fastrand::Rng::with_seed(seed);
        let folder = tempfile::tempdir().unwrap();
        for number in 0..cuts {
            let into = folder.path().join(number.to_string());
            let shape = Shape::HONEST[rng.usize(..Shape::HONEST.len())];
            let cut = self.trace.cut(rng.usize(..=self.built), shape, rng.u64(..), &into).unwrap();
            self.judge(&into, bug)
                .map_err(|violation| Violation(format!("{}: {violation}", cut.what)))?;
            fs::remove_dir_all(into).unwrap();
        }
        Ok(())
    }

    /// The power goes between two of the changes of names.
    fn between_names(&self) -> Result<(), Violation> {
        let folder = tempfile::tempdir().unwrap();
        let complete = folder.path().join("complete");
        self.trace.cut(self.built, Shape::Everything, 0, &complete).unwrap();
        for renames in 0..=3 {
            let into = folder.path().join(renames.to_string());
            raw::copy(&complete, &into);
            let name = |ending: &str| into.join(format!("{FILE}{ending}"));
            let steps = [(".building", ".replacement"), ("", ".damaged-1"), (".replacement", "")];
            for (from, to) in &steps[..renames] {
                fs::rename(name(from), name(to)).unwrap();
            }
            self.judge(&into, None)
                .map_err(|violation| Violation(format!("after {renames} renames: {violation}")))?;
        }
        Ok(())
    }
}

/// Takes broken files over with cuts.
pub fn explore(cuts: u64, seed: u64, bug: Option<Bug>) -> Result<u64, Violation> {
    let mut made = 0;
    for way in [0, 1, 3, 4].into_iter().cycle() {
        if made >= cuts {
            break;
        }
        let broken = broken(way, seed + made, bug)?;
        let now = 20.min(cuts - made);
        broken.cut(now, seed + made, bug)?;
        made += now;
    }
    Ok(made)
}

#[test]
fn a_cut_while_a_broken_file_is_taken_over() {
    let seed = asked("DOORWARD_CUTS_SEED").unwrap_or_else(|| fastrand::u64(..) >> 8);
    match explore(share(8), seed, None) {
        Ok(cuts) => eprintln!("{}: seed {seed}: {cuts} cuts", this_test()),
        Err(violation) => panic!("{violation}\nto repeat: DOORWARD_CUTS_SEED={seed}"),
    }
}

#[test]
fn a_cut_between_the_renames_of_a_file_that_was_taken_over() {
    for way in [0, 1, 3, 4] {
        let outcome = broken(way, 7, None).and_then(|broken| broken.between_names());
        outcome.unwrap_or_else(|violation| panic!("way {way}: {violation}"));
    }
}
