//! Any story of a door.

use proptest::prelude::*;

use super::*;
use crate::domain::operation::fixtures::{Word, gap, pause, quality, word};

#[derive(Debug, Clone)]
enum Happening {
    Position(Word<Position>),
    Lock(Word<LockState>),
    Lost(Role, FactQuality),
    Obstruction(Option<bool>),
    Release(bool),
    Explained(Explanation),
    Unexpected,
    GivenUp,
    LockoutEnded,
    Close,
    Pass(u64),
    Restart(Gap, u64),
}

fn happening() -> impl Strategy<Value = Happening> {
    let explanation = proptest::sample::select(vec![
        Explanation::Command,
        Explanation::RequestToExit,
        Explanation::Operated,
    ]);
    let role = proptest::sample::select(vec![Role::Position, Role::Lock, Role::Obstruction]);
    prop_oneof![
        8 => word(Position::ALL).prop_map(Happening::Position),
        5 => word(LockState::ALL).prop_map(Happening::Lock),
        2 => (role, quality()).prop_map(|(role, quality)| Happening::Lost(role, quality)),
        3 => proptest::option::weighted(0.8, prop::bool::weighted(0.2))
            .prop_map(Happening::Obstruction),
        1 => any::<bool>().prop_map(Happening::Release),
        1 => explanation.prop_map(Happening::Explained),
        1 => Just(Happening::Unexpected),
        1 => Just(Happening::GivenUp),
        1 => Just(Happening::LockoutEnded),
        4 => Just(Happening::Close),
        8 => pause().prop_map(Happening::Pass),
        1 => (gap(), 0u64..100_000).prop_map(|(gap, away)| Happening::Restart(gap, away)),
    ]
}

/// Watches one story for what must never happen.
#[derive(Default)]
struct Watcher {
    phase: Phase,
    standing: BTreeSet<AlarmKind>,
    /// When the warning began that runs.
    warned: Option<Duration>,
}

impl Watcher {
    fn check(&mut self, at: At, effects: &[DoorEffect]) -> Result<(), TestCaseError> {
        for effect in effects {
            match *effect {
                DoorEffect::Phase { from, to } => {
                    prop_assert_eq!(from, self.phase);
                    prop_assert!(from.may_become(to), "{from:?} to {to:?}");
                    self.phase = to;
                }
                Raised(alarm) => prop_assert!(self.standing.insert(alarm), "{alarm} twice"),
                Cleared(alarm) => prop_assert!(self.standing.remove(&alarm), "{alarm} never rose"),
                DoorEffect::WarningStarted(length) => {
                    prop_assert!(length >= Duration::from_secs(5));
                    prop_assert!(self.warned.replace(at.monotonic).is_none());
                }
                DoorEffect::CloseNow => {
                    let floor = Duration::from_secs(5);
                    let warned =
                        self.warned.take().is_some_and(|began| at.monotonic >= began + floor);
                    prop_assert!(warned);
                    prop_assert_eq!(self.phase, Phase::Closing);
                }
                DoorEffect::CloseAborted(_) => prop_assert!(self.warned.take().is_some()),
                DoorEffect::CloseInterrupted => prop_assert_eq!(self.phase, Phase::Closing),
            }
        }
        Ok(())
    }
}

proptest! {
    /// Whatever happens, phases follow each other by the table, a close begins only after a whole
    /// warning, alarms alternate between raised and cleared, and the phase never says "closed" of a
    /// door that was not observed closed last. Closing and locking it clears every alarm.
    #[test]
    fn any_story_is_legal(
        lock in any::<bool>(),
        leaf in proptest::sample::select(vec![Leaf::Sectional, Leaf::Sliding, Leaf::Swinging]),
        warning in 0u32..10,
        story in proptest::collection::vec(happening(), 1..60),
    ) {
        let mut rules = rules(lock, leaf);
        rules.timers.pre_close_warning_s = warning;
        let mut door = Door::default();
        let mut watcher = Watcher::default();
        let (mut clock, mut wall_clock) = (0u64, 0i64);
        let mut last = None;
        for happening in story {
            let now = moment(clock, wall_clock);
            let mut put = |input: DoorInput<'_>| door.step(&rules, now, input);
            let restarted = matches!(happening, Happening::Restart(..));
            let effects = match happening {
                Happening::Position(word) => {
                    if word.own && word.said == Said::Now {
                        last = word.value.is_definite().then_some(word.value);
                    }
                    put(DoorInput::Position(&word.seen(CONTACT, now)))
                }
                Happening::Lock(word) => put(DoorInput::Lock(&word.seen(LOCK, now))),
                Happening::Lost(role, quality) => put(DoorInput::Lost(role, quality)),
                Happening::Obstruction(active) => put(DoorInput::Obstruction(active)),
                Happening::Release(released) => put(DoorInput::ManualRelease(released)),
                Happening::Explained(explanation) => put(DoorInput::Explained(explanation)),
                Happening::Unexpected => put(DoorInput::MovedUnexpectedly),
                Happening::GivenUp => put(DoorInput::CloseGivenUp),
                Happening::LockoutEnded => put(DoorInput::LockoutEnded),
                Happening::Close => {
                    let prepared = door.prepare_close(&rules, now);
                    prop_assert!(prepared.is_err() || leaf != Leaf::Swinging);
                    prepared.unwrap_or_default()
                }
                Happening::Pass(millis) => {
                    clock += millis;
                    wall_clock += i64::try_from(millis).unwrap();
                    door.step(&rules, moment(clock, wall_clock), DoorInput::Tick)
                }
                Happening::Restart(gap, away) => {
                    clock = 1;
                    wall_clock += i64::try_from(away).unwrap();
                    door.restart(&rules, &Restart { at: moment(clock, wall_clock), gap })
                }
            };
            let now = moment(clock, wall_clock);
            watcher.check(now, &effects)?;
            prop_assert!(!restarted || watcher.warned.is_none(), "a warning outlived a restart");
            prop_assert_eq!(door.phase(), watcher.phase);
            prop_assert_eq!(door.alarms(), &watcher.standing);
            prop_assert!(door.phase() != Phase::Closed || last == Some(Position::Closed));
            prop_assert!(door.next_deadline().is_none_or(|due| due > now.monotonic));
            let text = serde_json::to_string(&door).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Door>(&text).unwrap(), &door);
        }
        for (pass, position, locked) in [
            (1, Position::Open, LockState::Unlocked),
            (EXPLANATION_WAIT.as_secs(), Position::Closed, LockState::Locked),
        ] {
            clock += pass * 1_000;
            let now = moment(clock, wall_clock);
            let seen = said(CONTACT, position, now);
            watcher.check(now, &door.step(&rules, now, DoorInput::Position(&seen)))?;
            let seen = said(LOCK, locked, now);
            watcher.check(now, &door.step(&rules, now, DoorInput::Lock(&seen)))?;
        }
        prop_assert_eq!(&watcher.standing, &BTreeSet::new());
        // And it stays quiet.
        for _ in 0..4 {
            clock += 1_000_000;
            let now = moment(clock, wall_clock);
            let effects = door.step(&rules, now, DoorInput::Tick);
            prop_assert!(alarms(&effects).is_empty() || alarms(&effects).len() == 2);
            watcher.check(now, &effects)?;
        }
        prop_assert_eq!(&watcher.standing, &BTreeSet::new());
        prop_assert_eq!(door.next_deadline(), None);
    }
}
