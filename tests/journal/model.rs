//! Made-up histories of the real journal beside its model: whatever happens, it holds what it
//! must, byte for byte, and says what it gave up.
//!
//! `DOORWARD_MODEL_SEED` repeats a run, `DOORWARD_MODEL_CASES` says how many histories it has.

use std::cell::RefCell;

use doorward::journal::Bug;
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use crate::figures::Figures;
use crate::layout_1;
use crate::oracle::{Oracle, Violation};
use crate::raw::FILE;
use crate::run::Run;
use crate::steps::{Start, Step, damaged_history, history};

pub type History = (Start, Vec<Step>);

/// A number from the environment.
pub fn asked(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// One history, from beginning to end.
pub fn follow((start, steps): &History, bug: Option<Bug>) -> Result<Figures, Violation> {
    let folder = tempfile::tempdir().unwrap();
    let before = match start {
        Start::Fresh => Oracle::new(),
        Start::Layout1 { events, seed } => {
            layout_1::write(&folder.path().join(FILE), (*events).into(), *seed)
        }
    };
    let mut run = Run::new(folder.path(), bug, before);
    run.begin()?;
    for (number, step) in steps.iter().enumerate() {
        run.step(step)
            .map_err(|violation| Violation(format!("step {number}, {step:?}: {violation}")))?;
    }
    Ok(run.figures)
}

/// Many histories; the shortest that fails, if one does.
pub fn explore(
    histories: impl Strategy<Value = History>,
    cases: u64,
    seed: u64,
    shrink: u32,
    bug: Option<Bug>,
) -> Result<Figures, Violation> {
    let config = Config {
        cases: u32::try_from(cases).unwrap(),
        failure_persistence: None,
        max_shrink_iters: shrink,
        ..Config::default()
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let figures = RefCell::new(Figures::default());
    let result = TestRunner::new_with_rng(config, random).run(&histories, |history| {
        let seen = follow(&history, bug).map_err(|violation| TestCaseError::fail(violation.0))?;
        figures.borrow_mut().add(seen);
        Ok(())
    });
    result.map_err(|failure| Violation(failure.to_string()))?;
    Ok(figures.into_inner())
}

/// Explores, and fails the test that asked if something is wrong.
fn hold(histories: impl Strategy<Value = History>, cases: u64) -> Figures {
    let cases = asked("DOORWARD_MODEL_CASES").unwrap_or(cases);
    let seed = asked("DOORWARD_MODEL_SEED").unwrap_or_else(|| fastrand::u64(..));
    eprintln!("seed {seed}");
    match explore(histories, cases, seed, 2_000, None) {
        Ok(figures) => {
            eprintln!("{cases} histories: {figures:?}");
            figures
        }
        Err(violation) => panic!(
            "{violation}\nto repeat: DOORWARD_MODEL_SEED={seed} DOORWARD_MODEL_CASES={cases}"
        ),
    }
}

#[test]
fn whatever_happens_the_journal_holds_what_it_must() {
    let mut figures = hold(history(), 30);
    // What is rare comes with more of them.
    for _ in 0..8 {
        if figures.full > 0 && figures.failed > 0 && figures.erased > 0 && figures.closed > 0 {
            break;
        }
        figures.add(hold(history(), 10));
    }
    assert!(figures.shed > 0 && figures.full > 0 && figures.failed > 0, "{figures:?}");
    assert!(figures.erased > 0 && figures.delivered > 0 && figures.closed > 0, "{figures:?}");
}

#[test]
fn out_of_a_broken_file_comes_what_can_be_read() {
    let figures = hold(damaged_history(), 60);
    assert!(figures.salvaged > 0, "{figures:?}");
}
