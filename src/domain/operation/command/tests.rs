#![allow(clippy::unwrap_used, clippy::panic)]

use doorward_translators::Act::{self, Close, Lock, Open, Stop, Unlock};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::domain::ids::EntryId;
use crate::domain::operation::Said;
use crate::domain::operation::fixtures::{
    CONTACT, LOCK, Shown, Word, at, fact, gap, moment, pause, said, schema_words, sensors, wall,
    word,
};
use CommandState::{
    Accepted, Acknowledged, Cancelled, Confirmed, ConfirmedAssumed, Dispatched, Expired,
    Indeterminate, Rejected, TimedOut,
};

fn order(act: Act) -> Order {
    Order {
        id: Uuid::from_u128(1),
        entry: EntryId::new("front"),
        interlock_group: None,
        act,
        endpoint: EndpointId::new(LOCK),
        request_id: Some(Uuid::from_u128(2)),
        visit_id: None,
    }
}

fn accepted(act: Act, sensors: Sensors) -> Command {
    Command::accept(order(act), sensors, Duration::from_secs(15), &Timers::default(), at(0))
}

/// Dispatched at 1 s, the door closed and locked.
fn dispatched(act: Act, sensors: Sensors) -> Command {
    let mut command = accepted(act, sensors);
    let shown = Shown::new(Some(Position::Closed), Some(LockState::Locked));
    let step = command.dispatch(at(1_000), &shown.facts());
    assert_eq!(step.changed, Some(Changed { state: Dispatched, reason: None }));
    command
}

fn state(step: CommandStep) -> Option<CommandState> {
    step.changed.map(|changed| changed.state)
}

fn reason(step: CommandStep) -> Option<CommandReason> {
    step.changed.and_then(|changed| changed.reason)
}

#[test]
fn the_way_of_an_unlock() {
    let mut command = dispatched(Unlock, sensors(true, true));
    assert_eq!(state(command.progress(at(1_010), Progress::Dispatched)), None);
    assert_eq!(state(command.progress(at(1_020), Progress::Acknowledged)), Some(Acknowledged));
    let unlocking = command.lock_seen(&said(LOCK, LockState::Unlocking, at(1_500)));
    assert_eq!(unlocking, CommandStep::default());
    let step = command.lock_seen(&said(LOCK, LockState::Unlocked, at(2_000)));
    assert_eq!(state(step), Some(Confirmed));
    assert!(step.restored.is_none() && !step.read_state);
}

#[test]
fn what_confirms_which_act() {
    use Position as P;
    let positions = [
        (Open, P::Opening, true),
        (Open, P::Open, true),
        (Open, P::StoppedPartial, false),
        (Close, P::Closed, true),
        (Close, P::Closing, false),
        (Stop, P::StoppedPartial, true),
        (Stop, P::Closing, false),
        (Unlock, P::Open, false),
    ];
    for (act, position, confirms) in positions {
        let mut command = dispatched(act, sensors(true, true));
        let step = command.position_seen(&said(CONTACT, position, at(2_000)));
        assert_eq!(state(step) == Some(Confirmed), confirms, "{act} {position}");
    }
    for (act, lock, confirms) in [
        (Unlock, LockState::Unlocked, true),
        (Unlock, LockState::Unlatched, true),
        (Unlock, LockState::NotFullyLocked, false),
        (Lock, LockState::Locked, true),
        (Lock, LockState::NotFullyLocked, false),
        (Open, LockState::Unlocked, false),
    ] {
        let mut command = dispatched(act, sensors(true, true));
        let step = command.lock_seen(&said(LOCK, lock, at(2_000)));
        assert_eq!(state(step) == Some(Confirmed), confirms, "{act} {lock}");
    }
}

#[test]
fn only_a_newer_word_of_the_role_s_own_endpoint_confirms() {
    let good = said(LOCK, LockState::Unlocked, at(2_000));
    let not = [
        Seen { endpoint: EndpointId::new("z:other"), ..good.clone() },
        Seen { said: Said::Before, ..good.clone() },
        Seen { said: Said::Assumed, ..good.clone() },
        // Received in the very moment of the dispatch, so before it left.
        Seen { received: at(1_000), ..good.clone() },
        // Waited somewhere since before the dispatch.
        Seen { device_time: Some(wall(-1_001)), ..good.clone() },
    ];
    for seen in not {
        let mut command = dispatched(Unlock, sensors(true, true));
        assert_eq!(state(command.lock_seen(&seen)), None, "{seen:?}");
    }
    let slow_clock = Seen { device_time: Some(wall(-1_000)), ..good };
    let mut command = dispatched(Unlock, sensors(true, true));
    assert_eq!(state(command.lock_seen(&slow_clock)), Some(Confirmed));
}

#[test]
fn without_a_sensor_the_acknowledgement_is_all_there_is() {
    let mut command = dispatched(Unlock, sensors(true, false));
    let _ = command.progress(at(2_000), Progress::Acknowledged);
    assert_eq!(state(command.tick(at(16_999))), None);
    let step = command.tick(at(17_000));
    assert_eq!(
        (state(step), reason(step)),
        (Some(ConfirmedAssumed), Some(CommandReason::NoSensor))
    );

    // A strike's relay infers what it says from what it switched.
    let mut relay = dispatched(Unlock, sensors(true, true));
    let _ = relay.progress(at(2_000), Progress::Acknowledged);
    let inferred = Seen { said: Said::Assumed, ..said(LOCK, LockState::Unlocked, at(2_500)) };
    let _ = relay.lock_seen(&inferred);
    assert_eq!(state(relay.tick(at(17_000))), Some(ConfirmedAssumed));

    let mut unanswered = dispatched(Unlock, sensors(true, false));
    assert_eq!(state(unanswered.tick(at(16_000))), Some(Indeterminate));
}

#[test]
fn a_deadline_that_passed_before_dispatch_expires_it() {
    for by_dispatch in [true, false] {
        let mut command = accepted(Unlock, sensors(true, true));
        let shown = Shown::new(None, None);
        let step = if by_dispatch {
            command.dispatch(at(15_000), &shown.facts())
        } else {
            command.tick(at(15_000))
        };
        assert_eq!((state(step), reason(step)), (Some(Expired), Some(CommandReason::TooLate)));
        assert_eq!(step.restored, Some(UseRestored::EndedBeforeDispatch));
        assert!(command.is_forgettable());
    }
}

#[test]
fn a_refusal_gives_the_use_back_unless_something_moved() {
    let mut refused = dispatched(Unlock, sensors(true, true));
    let step = refused.progress(at(2_000), Progress::RefusedByDevice);
    assert_eq!(step.restored, Some(UseRestored::RefusedByDevice));

    let mut moved = dispatched(Unlock, sensors(true, true));
    let _ = moved.lock_seen(&said(LOCK, LockState::NotFullyLocked, at(1_500)));
    let step = moved.progress(at(2_000), Progress::RefusedByDevice);
    assert_eq!((state(step), step.restored), (Some(Rejected), None));

    let mut unsent = dispatched(Unlock, sensors(true, true));
    let step = unsent.progress(at(2_000), Progress::NotSent(CommandReason::EndpointOffline));
    assert_eq!(state(step), Some(Rejected));
    assert_eq!(step.restored, Some(UseRestored::EndedBeforeDispatch));

    // It was received, so it was sent, whatever is said now.
    let mut contradicted = dispatched(Unlock, sensors(true, true));
    let _ = contradicted.progress(at(1_500), Progress::Acknowledged);
    let step = contradicted.progress(at(2_000), Progress::NotSent(CommandReason::RefusedByVendor));
    assert_eq!((state(step), step.restored), (Some(Indeterminate), None));
}

#[test]
fn what_nobody_knows_gives_nothing_back_and_is_read() {
    let mut gone = dispatched(Unlock, sensors(true, true));
    let step = gone.vendor_gone(at(2_000));
    assert_eq!(
        (state(step), reason(step)),
        (Some(Indeterminate), Some(CommandReason::ConnectionLost))
    );
    assert!(step.read_state && step.restored.is_none());
    for second in [3, 10, 16] {
        let step = gone.lock_seen(&said(LOCK, LockState::Locked, at(second * 1_000)));
        assert_eq!(step, CommandStep::default());
        let _ = gone.position_seen(&said(CONTACT, Position::Closed, at(second * 1_000)));
    }
    let mut waiting = accepted(Unlock, sensors(true, true));
    assert_eq!(waiting.vendor_gone(at(500)).restored, Some(UseRestored::EndedBeforeDispatch));
    assert_eq!(waiting.state(), Cancelled);
}

#[test]
fn a_time_out_that_changed_nothing_gives_the_use_back_once_all_sensors_say_so() {
    let mut command = dispatched(Unlock, sensors(true, true));
    // Said before the time-out: no evidence of what came of it.
    let _ = command.lock_seen(&said(LOCK, LockState::Locked, at(5_000)));
    let _ = command.position_seen(&said(CONTACT, Position::Closed, at(6_000)));
    let step = command.tick(at(16_000));
    assert_eq!((state(step), step.read_state, step.restored), (Some(TimedOut), true, None));
    assert_eq!(command.lock_seen(&said(LOCK, LockState::Locked, at(17_000))).restored, None);
    let stale = Seen { said: Said::Before, ..said(CONTACT, Position::Closed, at(17_500)) };
    assert_eq!(command.position_seen(&stale).restored, None);
    let step = command.position_seen(&said(CONTACT, Position::Closed, at(18_000)));
    assert_eq!(step.restored, Some(UseRestored::TimedOutUnchanged));
    assert_eq!(command.position_seen(&said(CONTACT, Position::Closed, at(19_000))).restored, None);
    assert_eq!(command.state(), TimedOut);
}

#[test]
fn a_time_out_gives_nothing_back_in_doubt() {
    let locked = |millis| said(LOCK, LockState::Locked, at(millis));
    // Something moved meanwhile, by whatever sort of word.
    for said_as in [Said::Now, Said::Assumed, Said::Before] {
        let mut moved = dispatched(Unlock, sensors(false, true));
        let seen = Seen { said: said_as, ..said(LOCK, LockState::Unlocking, at(3_000)) };
        let _ = moved.lock_seen(&seen);
        let _ = moved.tick(at(16_000));
        assert_eq!(moved.lock_seen(&locked(17_000)).restored, None);
    }
    // It came too late.
    let mut late = dispatched(Unlock, sensors(false, true));
    let _ = late.tick(at(16_000));
    let _ = late.tick(at(31_000));
    assert_eq!(late.lock_seen(&locked(31_001)).restored, None);
    // Nobody knew how it was before.
    let mut unknown = accepted(Unlock, sensors(false, true));
    let _ = unknown.dispatch(at(1_000), &Shown::new(None, None).facts());
    let _ = unknown.tick(at(16_000));
    assert_eq!(unknown.lock_seen(&locked(17_000)).restored, None);
}

#[test]
fn a_restart_never_resends() {
    let now = moment(10, 5_000);
    for known in [Gap::Known, Gap::Unknown] {
        let restart = Restart { at: now, gap: known };
        let mut waiting = accepted(Unlock, sensors(true, true));
        let step = waiting.restart(&restart);
        let end = if known == Gap::Known { Cancelled } else { Expired };
        assert_eq!((state(step), reason(step)), (Some(end), Some(CommandReason::GatewayRestarted)));
        assert_eq!(step.restored, Some(UseRestored::EndedBeforeDispatch));

        for acknowledged in [true, false] {
            let mut sent = dispatched(Unlock, sensors(true, true));
            if acknowledged {
                let _ = sent.progress(at(1_500), Progress::Acknowledged);
            }
            let step = sent.restart(&restart);
            assert_eq!(state(step), Some(Indeterminate));
            assert!(step.read_state && step.restored.is_none());
            let step = sent.dispatch(now, &Shown::new(None, None).facts());
            assert_eq!(step, CommandStep::default());
        }
    }
    let mut late = accepted(Unlock, sensors(true, true));
    let step = late.restart(&Restart { at: moment(10, 15_000), gap: Gap::Known });
    assert_eq!((state(step), reason(step)), (Some(Expired), Some(CommandReason::TooLate)));
}

#[test]
fn a_late_fact_is_appended_and_motion_raises() {
    let mut command = dispatched(Unlock, sensors(true, true));
    let _ = command.tick(at(16_000));
    let _ = command.progress(at(17_000), Progress::Acknowledged);
    let step = command.lock_seen(&said(LOCK, LockState::Unlocked, at(20_000)));
    assert!(step.unexpected_motion);
    assert_eq!((step.changed, step.restored), (None, None));
    let again = command.lock_seen(&said(LOCK, LockState::Unlocked, at(21_000)));
    assert!(!again.unexpected_motion);
    assert_eq!(command.state(), TimedOut);
    assert_eq!(
        command.late(),
        [Late::Acknowledged(at(17_000)), Late::Observed(at(20_000)), Late::Observed(at(21_000))]
    );
    for second in 22..40 {
        let _ = command.lock_seen(&said(LOCK, LockState::Unlocked, at(second * 1_000)));
    }
    assert_eq!(command.late().len(), MAX_LATE);
    // What comes in its place explains motion from now on.
    let mut replaced = dispatched(Unlock, sensors(true, true));
    let _ = replaced.tick(at(16_000));
    let _ = replaced.cancel(at(17_000), CommandReason::Superseded);
    let step = replaced.lock_seen(&said(LOCK, LockState::Unlocked, at(20_000)));
    assert_eq!(step, CommandStep::default());
    assert!(replaced.is_forgettable());
}

#[test]
fn what_was_confirmed_is_no_surprise_when_it_is_said_again() {
    let mut command = dispatched(Unlock, sensors(true, true));
    let _ = command.lock_seen(&said(LOCK, LockState::Unlocked, at(2_000)));
    let _ = command.lock_seen(&said(LOCK, LockState::Locked, at(9_000)));
    let step = command.lock_seen(&said(LOCK, LockState::Unlocked, at(12_000)));
    assert_eq!(step, CommandStep::default());
}

#[test]
fn one_command_in_flight_per_entry_and_group() {
    let entry = EntryId::new("front");
    let back = EntryId::new("back");
    let mut command = Command::accept(
        Order { interlock_group: Some("lock".into()), ..order(Open) },
        sensors(true, true),
        Duration::from_secs(15),
        &Timers::default(),
        at(0),
    );
    let id = command.order().id;
    assert_eq!(admission(Unlock, &entry, None, [&command]), Admission::Busy(id));
    assert_eq!(admission(Unlock, &back, None, [&command]), Admission::Free);
    assert_eq!(admission(Unlock, &back, Some("lock"), [&command]), Admission::Busy(id));
    assert_eq!(admission(Unlock, &back, Some("other"), [&command]), Admission::Free);
    assert_eq!(admission(Stop, &entry, None, [&command]), Admission::Supersedes(id));
    assert_eq!(admission(Stop, &back, Some("lock"), [&command]), Admission::Free);
    let _ = command.cancel(at(1), CommandReason::Superseded);
    assert_eq!(admission(Unlock, &entry, None, [&command]), Admission::Free);
}

#[test]
fn only_a_lock_at_a_closed_door_may_be_repeated() {
    let closed = fact(Some(Position::Closed), Position::Unknown);
    for act in Act::ALL {
        assert_eq!(may_repeat(*act, &closed), *act == Lock);
    }
    assert!(!may_repeat(Lock, &fact(Some(Position::Open), Position::Unknown)));
    assert!(!may_repeat(Lock, &fact(None, Position::Unknown)));
    let mut stale = closed;
    stale.degrade();
    assert!(!may_repeat(Lock, &stale));
}

#[test]
fn the_words_are_those_of_the_schemas() {
    let words = |name| schema_words(include_str!("../../../../schemas/core/access.json"), name);
    assert_eq!(words("CommandState"), CommandState::ALL.map(CommandState::as_str));
    assert_eq!(words("CommandReason"), CommandReason::ALL.map(CommandReason::as_str));
    assert_eq!(words("UseRestoredReason"), UseRestored::ALL.map(UseRestored::as_str));
    for state in CommandState::ALL {
        assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
    }
    for reason in CommandReason::ALL {
        assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
    }
}

#[derive(Debug, Clone)]
enum Happening {
    Dispatch(bool),
    Progress(Progress),
    VendorGone,
    Cancel,
    Position(Word<Position>),
    Lock(Word<LockState>),
    Pass(u64),
    Restart(Gap, u64),
}

fn happening() -> impl Strategy<Value = Happening> {
    let progress = prop_oneof![
        Just(Progress::Dispatched),
        Just(Progress::Acknowledged),
        Just(Progress::RefusedByDevice),
        Just(Progress::NotSent(CommandReason::RefusedByVendor)),
        Just(Progress::Indeterminate(CommandReason::ConnectionLost)),
    ];
    prop_oneof![
        4 => any::<bool>().prop_map(Happening::Dispatch),
        3 => progress.prop_map(Happening::Progress),
        1 => Just(Happening::VendorGone),
        1 => Just(Happening::Cancel),
        4 => word(Position::ALL).prop_map(Happening::Position),
        6 => word(LockState::ALL).prop_map(Happening::Lock),
        4 => pause().prop_map(Happening::Pass),
        1 => (gap(), 0u64..100_000).prop_map(|(gap, away)| Happening::Restart(gap, away)),
    ]
}

proptest! {
    /// Whatever happens, its states follow each other by the table, its end is final, it is
    /// confirmed only by what may confirm it, and a use is given back at most once and never for
    /// what may have been done.
    #[test]
    fn any_story_is_legal(
        act in proptest::sample::select(Act::ALL),
        position in any::<bool>(),
        lock in any::<bool>(),
        story in proptest::collection::vec(happening(), 1..40),
    ) {
        let mut command = accepted(act, sensors(position, lock));
        let (mut clock, mut wall_clock) = (0u64, 0i64);
        let (mut last, mut restored, mut sent) = (Accepted, 0, None);
        for happening in story {
            let now = moment(clock, wall_clock);
            let step = match &happening {
                Happening::Dispatch(known) => {
                    let shown = Shown::new(
                        known.then_some(Position::Closed), known.then_some(LockState::Locked));
                    command.dispatch(now, &shown.facts())
                }
                Happening::Progress(progress) => command.progress(now, *progress),
                Happening::VendorGone => command.vendor_gone(now),
                Happening::Cancel => command.cancel(now, CommandReason::Superseded),
                Happening::Position(word) => command.position_seen(&word.seen(CONTACT, now)),
                Happening::Lock(word) => command.lock_seen(&word.seen(LOCK, now)),
                Happening::Pass(millis) => {
                    clock += millis;
                    wall_clock += i64::try_from(*millis).unwrap();
                    command.tick(moment(clock, wall_clock))
                }
                Happening::Restart(gap, away) => {
                    clock = 1;
                    wall_clock += i64::try_from(*away).unwrap();
                    command.restart(&Restart { at: moment(clock, wall_clock), gap: *gap })
                }
            };
            let text = serde_json::to_string(&command).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Command>(&text).unwrap(), &command);

            if let Some(changed) = step.changed {
                prop_assert!(last.may_become(changed.state), "{last} to {}", changed.state);
                prop_assert_eq!(changed.state, command.state());
                let dispatched = changed.state == Dispatched;
                prop_assert_eq!(dispatched, matches!(happening, Happening::Dispatch(_))
                    && changed.state != Expired);
                if dispatched {
                    sent = Some(now);
                }
                if changed.state == Confirmed {
                    let (own, said, age) = match &happening {
                        Happening::Position(word) => (word.own, word.said, word.age),
                        Happening::Lock(word) => (word.own, word.said, word.age),
                        other => panic!("confirmed by {other:?}"),
                    };
                    prop_assert!(own && said == Said::Now);
                    let dispatched: At = sent.unwrap();
                    prop_assert!(now.monotonic > dispatched.monotonic);
                    let since = now.wall.duration_since(dispatched.wall).as_millis();
                    prop_assert!(i128::from(age.unwrap_or(0)) <= since + 2_000);
                }
                let plain = [Dispatched, Acknowledged, Confirmed].contains(&changed.state);
                prop_assert_eq!(changed.reason.is_none(), plain);
                last = changed.state;
            }
            prop_assert_eq!(command.state(), last);
            if matches!(happening, Happening::Progress(Progress::Dispatched)) && last == Dispatched {
                sent = Some(now);
            }
            if let Some(why) = step.restored {
                restored += 1;
                let of = match why {
                    UseRestored::EndedBeforeDispatch => [Cancelled, Expired, Rejected].as_slice(),
                    UseRestored::RefusedByDevice => [Rejected].as_slice(),
                    UseRestored::TimedOutUnchanged => [TimedOut].as_slice(),
                };
                prop_assert!(of.contains(&last), "{why:?} of {last}");
            }
            if step.unexpected_motion {
                prop_assert!(sent.is_some() && last.is_terminal() && last != Confirmed);
            }
            prop_assert!(restored <= 1);
        }
        // A command that nobody touches any more ends, and is forgotten.
        for _ in 0..4 {
            let Some(due) = command.next_deadline() else { break };
            clock = clock.max(u64::try_from(due.as_millis()).unwrap());
            let _ = command.tick(moment(clock, wall_clock));
        }
        prop_assert!(command.state().is_terminal());
        prop_assert!(command.is_forgettable());
        prop_assert_eq!(command.next_deadline(), None);
    }
}
