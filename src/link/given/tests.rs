use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::*;
use crate::link::CommandRefusal;

fn told(id: u128, state: CommandProgress) -> CommandTold {
    CommandTold { id: Uuid::from_u128(id), state, detail: String::new() }
}

const REJECTED: CommandProgress =
    CommandProgress::Rejected { reason: CommandRefusal::NotConnected };

const ALL: [CommandProgress; 4] = [
    CommandProgress::Dispatched,
    CommandProgress::Acknowledged,
    REJECTED,
    CommandProgress::Indeterminate,
];

#[test]
fn nobody_speaks_of_a_command_that_was_not_given() {
    let mut given = Given::default();
    assert!(given.give(Uuid::from_u128(1)));
    for state in ALL {
        let stranger = told(2, state);
        assert_eq!(given.told(&stranger), Err(Violation::NoSuchCommand(stranger.id)));
    }
    given.take_back(Uuid::from_u128(1));
    assert!(given.told(&told(1, REJECTED)).is_err(), "it was not written after all");
}

#[test]
fn what_can_follow_what() {
    for (history, stands) in [
        (&[CommandProgress::Dispatched, CommandProgress::Acknowledged][..], true),
        (&[CommandProgress::Dispatched, CommandProgress::Indeterminate], true),
        (&[CommandProgress::Dispatched, REJECTED], true),
        (&[REJECTED], true),
        (&[CommandProgress::Acknowledged], false),
        (&[CommandProgress::Indeterminate], false),
        (&[CommandProgress::Dispatched, CommandProgress::Dispatched], false),
        (&[REJECTED, REJECTED], false),
        (&[REJECTED, CommandProgress::Dispatched], false),
        (
            &[
                CommandProgress::Dispatched,
                CommandProgress::Acknowledged,
                CommandProgress::Indeterminate,
            ],
            false,
        ),
    ] {
        let mut given = Given::default();
        assert!(given.give(Uuid::from_u128(1)));
        let results: Vec<_> = history.iter().map(|state| given.told(&told(1, *state))).collect();
        assert_eq!(results.iter().all(Result::is_ok), stands, "{history:?}: {results:?}");
        assert!(results[..results.len() - 1].iter().all(Result::is_ok), "{history:?}");
    }
}

#[test]
fn a_mute_process_is_given_so_many_and_no_more() {
    let mut given = Given::default();
    for id in 0..MAX_GIVEN {
        assert!(given.give(Uuid::from_u128(id as u128)));
    }
    assert!(!given.give(Uuid::from_u128(9999)));
    assert_eq!(given.told(&told(3, REJECTED)), Ok(()));
    assert!(given.give(Uuid::from_u128(9999)));
    assert!(!given.give(Uuid::from_u128(9999)), "not twice while it is open");
}

#[test]
fn the_clock_of_the_machine_goes_on() {
    let first = since_boot_ms();
    assert!(first > 0);
    assert!(since_boot_ms() >= first);
}

proptest! {
    /// Beside a model that keeps the whole history of each.
    #[test]
    fn each_command_ends_once(steps in prop::collection::vec((0_u128..6, 0_usize..5), 0..80)) {
        let mut given = Given::default();
        let mut open: HashMap<u128, bool> = HashMap::new();
        let mut ends: HashSet<u128> = HashSet::new();
        for (id, step) in steps {
            let Some(state) = ALL.get(step).copied() else {
                let gives = given.give(Uuid::from_u128(id));
                prop_assert_eq!(gives, !open.contains_key(&id));
                open.entry(id).or_insert(false);
                ends.remove(&id);
                continue;
            };
            let may = match (open.get(&id), state) {
                (None, _) => false,
                (Some(dispatched), CommandProgress::Dispatched) => !dispatched,
                (Some(_), CommandProgress::Rejected { .. }) => true,
                (Some(dispatched), _) => *dispatched,
            };
            prop_assert_eq!(given.told(&told(id, state)).is_ok(), may);
            if may && state.is_end() {
                open.remove(&id);
                prop_assert!(ends.insert(id));
            } else if may {
                open.insert(id, true);
            }
        }
    }
}
