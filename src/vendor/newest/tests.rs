use doorward_translators::{
    AlarmKind, LockState, Observation, Operation, OperationKind, OperationSource, Outcome, Quality,
};
use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::link::Digest;

/// Messages of one device that are told one by one in these tests: no time passes.
const BURST: u64 = 3;

fn newest() -> Newest<u64> {
    Newest::new(Rate::new(1, BURST))
}

fn operation(user_slot: u32) -> Operation {
    Operation {
        kind: OperationKind::Unlock,
        outcome: Outcome::Succeeded,
        source: OperationSource::Keypad,
        user_slot: Some(user_slot),
    }
}

fn lock(state: LockState) -> What {
    What::Lock { state, quality: Quality::Reported }
}

fn battery(percent: f64) -> What {
    What::Battery { percent: Some(percent), low: None }
}

/// A message of a device; its number is the moment at which it was in hand.
fn signal(number: u64, device: &str, told: Vec<What>) -> Signal {
    let observation = |what| Observation { address: device.to_owned(), device_time: None, what };
    Signal {
        n: 0,
        digest: Digest([0; 16]),
        identified: false,
        epoch: 1,
        lossy: false,
        retained: false,
        received_at: Timestamp::from_second(i64::try_from(number).unwrap()).unwrap(),
        observations: told.into_iter().map(observation).collect(),
        stands_for: 0,
        evidence: None,
    }
}

fn number(told: &Told<u64>) -> u64 {
    u64::try_from(told.signal.received_at.as_second()).unwrap()
}

/// All of these, and what waits at the end; their numbers, and what each stands for.
fn told(messages: Vec<Signal>) -> Vec<(u64, u32, Vec<u64>)> {
    let mut newest = newest();
    let mut told = Vec::new();
    for (number, signal) in (1..).zip(messages) {
        told.extend(newest.next(Duration::ZERO, signal, Some(number)).into_iter().flatten());
    }
    told.extend(newest.take());
    told.into_iter().map(|told| (number(&told), told.signal.stands_for, told.receipts)).collect()
}

/// As many ordinary messages as are told one by one, and then these.
fn beyond(more: impl IntoIterator<Item = Vec<What>>) -> Vec<(u64, u32, Vec<u64>)> {
    let first = (0..BURST).map(|_| vec![lock(LockState::Locked)]);
    let messages = first.chain(more);
    let all = told((1..).zip(messages).map(|(number, told)| signal(number, "a", told)).collect());
    let singly = usize::try_from(BURST).unwrap();
    let alone = |(place, one): (u64, &(u64, u32, Vec<u64>))| *one == (place, 0, vec![place]);
    assert!((1..).zip(&all[..singly]).all(alone), "{all:?}");
    all[singly..].to_vec()
}

#[test]
fn beyond_its_rate_the_newest_of_a_device_stands_for_those_before() {
    let states = [LockState::Locked, LockState::Unlocked, LockState::Locked];
    assert_eq!(beyond(states.map(|state| vec![lock(state)])), [(6, 2, vec![4, 5, 6])]);
}

#[test]
fn what_a_newer_one_does_not_tell_anew_is_told() {
    let unlocked = || lock(LockState::Unlocked);
    let singly = [(4, 0, vec![4]), (5, 0, vec![5])];
    let alarm = |active| What::Alarm {
        alarm: AlarmKind::Tamper,
        active: Some(active),
        quality: Quality::Reported,
    };
    let latched = |slot| What::LatchedOperation { operation: operation(slot) };
    let low = What::Battery { percent: None, low: Some(true) };
    for (older, newer) in [
        (vec![unlocked(), battery(50.0)], vec![unlocked()]),
        (vec![battery(50.0)], vec![low]),
        (vec![alarm(true)], vec![alarm(false)]),
        (vec![latched(1)], vec![latched(2)]),
        (vec![What::Operation { operation: operation(1) }], vec![unlocked()]),
    ] {
        assert_eq!(beyond([older.clone(), newer]), singly, "{older:?}");
    }
    let more = [vec![battery(50.0)], vec![unlocked(), battery(51.0)]];
    assert_eq!(beyond(more), [(5, 1, vec![4, 5])]);
    assert_eq!(beyond([vec![latched(1)], vec![latched(1)]]), [(5, 1, vec![4, 5])]);
}

#[test]
fn an_act_is_told_as_it_is_with_what_waited_before_it() {
    let act = || vec![What::Operation { operation: operation(1) }];
    let state = || vec![lock(LockState::Unlocked)];
    assert_eq!(
        beyond([state(), state(), act(), act(), state(), state()]),
        [(5, 1, vec![4, 5]), (6, 0, vec![6]), (7, 0, vec![7]), (9, 1, vec![8, 9])]
    );
}

#[test]
fn what_the_broker_kept_and_what_is_odd_is_told_as_it_is() {
    let mut messages: Vec<_> =
        (1..=BURST + 3).map(|n| signal(n, "a", vec![lock(LockState::Locked)])).collect();
    messages[4].retained = true;
    let all = told(messages);
    assert_eq!(all[3..], [(4, 0, vec![4]), (5, 0, vec![5]), (6, 0, vec![6])]);
}

#[test]
fn devices_that_are_watched_are_bounded_and_another_one_is_told() {
    let mut newest = newest();
    let mut say = |number: u64, device: &str, at: u64| {
        let signal = signal(number, device, vec![lock(LockState::Locked)]);
        let told = newest.next(Duration::from_secs(at), signal, Some(number));
        told.into_iter().flatten().count()
    };
    for device in 0..MAX_WATCHED {
        assert_eq!(say(1, &device.to_string(), 0), 1);
    }
    assert!((0..10 * BURST).all(|number| say(number, "one more", 0) == 1));
    // Those that have been quiet are forgotten.
    let told: Vec<usize> = (0..=BURST).map(|number| say(number, "one more", 60)).collect();
    assert_eq!(told, [1, 1, 1, 0]);
}

/// What happens next: a message of a device, or everything that was there has been read.
#[derive(Debug, Clone)]
enum Step {
    Says { device: bool, locked: bool, percent: Option<u8>, act: bool, lossy: bool },
    Drained,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let says = (any::<bool>(), any::<bool>(), proptest::option::of(0u8..4), 0u8..8, 0u8..8);
    let says = says.prop_map(|(device, locked, percent, act, lossy)| Step::Says {
        device,
        locked,
        percent,
        act: act == 0,
        lossy: lossy == 0,
    });
    proptest::collection::vec(prop_oneof![6 => says, 1 => Just(Step::Drained)], 1..80)
}

proptest! {
    /// In order, nothing twice, nothing without a word: every message is told or stood for by a
    /// later one, acts are told, and once all that was there has been read the core knows of each
    /// device what it would know had everything been told.
    #[test]
    fn nothing_is_lost_but_what_is_old(steps in steps()) {
        let mut newest = newest();
        let (mut said, mut acts) = (HashMap::new(), Vec::new());
        let (mut known, mut told_acts) = (HashMap::new(), Vec::new());
        let (mut receipts, mut left_out, mut count) = (Vec::<u64>::new(), 0, 0);
        let mut last = 0;
        for step in steps.into_iter().chain([Step::Drained]) {
            let told = match step {
                Step::Drained => [newest.take(), None],
                Step::Says { device, locked, percent, act, lossy } => {
                    count += 1;
                    let address = if device { "a" } else { "b" };
                    let state = if locked { LockState::Locked } else { LockState::Unlocked };
                    let mut whats = vec![lock(state)];
                    whats.extend(percent.map(|percent| battery(percent.into())));
                    for what in &whats {
                        said.insert((address, std::mem::discriminant(what)), what.clone());
                    }
                    if act {
                        whats.push(What::Operation { operation: operation(1) });
                        acts.push(count);
                    }
                    let signal = Signal { lossy, ..signal(count, address, whats) };
                    newest.next(Duration::ZERO, signal, Some(count))
                }
            };
            for told in told.into_iter().flatten() {
                prop_assert!(number(&told) > last, "in order");
                last = number(&told);
                prop_assert_eq!(told.receipts.last(), Some(&last));
                prop_assert_eq!(told.receipts.len(), told.signal.stands_for as usize + 1);
                receipts.extend(&told.receipts);
                left_out += u64::from(told.signal.stands_for);
                for observation in told.signal.observations {
                    let Observation { address, what, .. } = observation;
                    if matches!(what, What::Operation { .. }) {
                        told_acts.push(last);
                        continue;
                    }
                    let address = if address == "a" { "a" } else { "b" };
                    known.insert((address, std::mem::discriminant(&what)), what);
                }
            }
            if matches!(step, Step::Drained) {
                prop_assert_eq!(newest.waiting(), 0);
                prop_assert_eq!(&known, &said);
                prop_assert_eq!(&receipts, &(1..=count).collect::<Vec<_>>());
            }
        }
        prop_assert_eq!(told_acts, acts);
        prop_assert!(left_out <= count);
    }
}
