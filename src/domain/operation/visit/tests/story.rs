//! Any story of a visit.

use proptest::prelude::*;

use super::*;
use crate::domain::operation::fixtures::{Word, gap, pause, quality, word};

#[derive(Debug, Clone)]
enum Happening {
    Command(CommandState),
    Position(Word<Position>),
    Lock(Word<LockState>),
    Lost(Role, FactQuality),
    Interrupt,
    Pass(u64),
    Restart(Gap, u64),
}

fn happening() -> impl Strategy<Value = Happening> {
    let role = proptest::sample::select(vec![Role::Position, Role::Lock]);
    prop_oneof![
        4 => proptest::sample::select(CommandState::ALL.as_slice()).prop_map(Happening::Command),
        8 => word(Position::ALL).prop_map(Happening::Position),
        8 => word(LockState::ALL).prop_map(Happening::Lock),
        1 => (role, quality()).prop_map(|(role, quality)| Happening::Lost(role, quality)),
        1 => Just(Happening::Interrupt),
        6 => pause().prop_map(Happening::Pass),
        1 => (gap(), 0u64..100_000).prop_map(|(gap, away)| Happening::Restart(gap, away)),
    ]
}

/// What a reader of the devices' words alone would say.
#[derive(Default)]
struct Heard {
    /// The number of the word that last showed the door open, closed, and the lock locked.
    open: usize,
    closed: usize,
    locked: usize,
    position_said: Option<Timestamp>,
    lock_said: Option<Timestamp>,
}

impl Heard {
    fn position(&mut self, n: usize, seen: &Seen<Position>) {
        if seen.counts() && !is_older(seen.device_time, self.position_said) {
            self.position_said = seen.device_time.or(self.position_said);
            if seen.value == Closed {
                self.closed = n;
            } else {
                self.open = n;
            }
        }
    }

    fn lock(&mut self, n: usize, seen: &Seen<LockState>) {
        if seen.said == Said::Now && !is_older(seen.device_time, self.lock_said) {
            self.lock_said = seen.device_time.or(self.lock_said);
            self.locked = if seen.value == Locked { n } else { 0 };
        }
    }
}

proptest! {
    /// Whatever happens, a visit ends exactly once when time passes, its end is final, and it is
    /// secured only by words of each sensor that are newer than the last one that showed it open.
    #[test]
    fn any_story_ends_once(
        with_position in prop::bool::weighted(0.8),
        with_lock in any::<bool>(),
        story in proptest::collection::vec(happening(), 1..60),
    ) {
        let mut visit = begun(with_position, with_lock);
        let mut heard = Heard::default();
        let (mut opened, mut ends) = (0, Vec::new());
        let (mut clock, mut wall_clock) = (0u64, 0i64);
        for (n, happening) in story.into_iter().enumerate() {
            let now = moment(clock, wall_clock);
            let step = match &happening {
                Happening::Command(state) => visit.command(now, &told(*state)),
                Happening::Position(word) => {
                    let seen = word.seen(CONTACT, now);
                    if word.own {
                        heard.position(n + 1, &seen);
                    }
                    visit.position_seen(&seen)
                }
                Happening::Lock(word) => {
                    let seen = word.seen(LOCK, now);
                    if word.own {
                        heard.lock(n + 1, &seen);
                    }
                    visit.lock_seen(&seen)
                }
                Happening::Lost(role, quality) => {
                    visit.lost(*role, *quality);
                    VisitStep::default()
                }
                // Rarely: it ends all that could follow.
                Happening::Interrupt if n % 7 == 0 => visit.interrupt(Interruption::NextVisit),
                Happening::Interrupt => VisitStep::default(),
                Happening::Pass(millis) => {
                    clock += millis;
                    wall_clock += i64::try_from(*millis).unwrap();
                    visit.tick(moment(clock, wall_clock))
                }
                Happening::Restart(gap, away) => {
                    clock = 1;
                    wall_clock += i64::try_from(*away).unwrap();
                    visit.restart(&Restart { at: moment(clock, wall_clock), gap: *gap })
                }
            };
            let text = serde_json::to_string(&visit).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Visit>(&text).unwrap(), &visit);

            if !ends.is_empty() {
                prop_assert_eq!(step, VisitStep::default());
            }
            opened += usize::from(step.opened);
            ends.extend(step.ended);
            prop_assert!(opened <= 1 && ends.len() <= 1);
            prop_assert_eq!(ends.last().copied(), Some(visit.state()).filter(|it| it.is_end()));
            prop_assert_eq!(opened == 1, visit.opened_at().is_some());
            prop_assert_eq!(
                visit.state() == Interrupted,
                visit.interruption().is_some()
            );
            prop_assert!(opened == 0 || with_position);
            match step.ended {
                Some(Secured) => {
                    prop_assert!(opened == 1);
                    prop_assert!(heard.closed > heard.open);
                    prop_assert!(!with_lock || heard.locked > heard.open);
                    prop_assert!(visit.closed_at().is_some());
                }
                Some(LeftInsecure) => {
                    prop_assert!(opened == 1 && with_lock);
                    prop_assert!(heard.closed > heard.open && heard.locked == 0);
                }
                Some(NotTaken) => prop_assert!(
                    opened == 0 && with_position && heard.closed >= heard.open
                ),
                _ => {}
            }
        }
        for _ in 0..4 {
            let Some(due) = visit.next_deadline() else { break };
            clock = clock.max(u64::try_from(due.as_millis()).unwrap());
            ends.extend(visit.tick(moment(clock, wall_clock)).ended);
        }
        prop_assert_eq!(ends.len(), 1);
        prop_assert!(clock <= 400_000 * 60);
        prop_assert_eq!(visit.next_deadline(), None);
    }
}
