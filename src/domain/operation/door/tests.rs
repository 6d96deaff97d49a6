#![allow(clippy::unwrap_used)]

use doorward_translators::{Operation, OperationKind, OperationSource, Outcome};

use super::*;
use crate::domain::fact::FactQuality;
use crate::domain::operation::fixtures::{CONTACT, LOCK, at, moment, said, schema_words, sensors};
use crate::domain::operation::{EXPLANATION_WAIT, Gap, Said, Seen};
use AlarmKind::{
    CommsLostWhileOpen, FailedToClose, FailedToSecure, ForcedOpen, HeldOpen, HeldOpenWarning,
    UnexpectedMotion,
};
use DoorEffect::{Cleared, Raised};

mod story;

fn rules(lock: bool, leaf: Leaf) -> DoorRules {
    DoorRules {
        sensors: sensors(true, lock),
        leaf,
        timers: Timers::default(),
        watch_forced_open: lock,
    }
}

/// A door and its clock, in seconds.
struct Tried {
    door: Door,
    rules: DoorRules,
}

impl Tried {
    fn new(lock: bool, leaf: Leaf) -> Self {
        Self { door: Door::default(), rules: rules(lock, leaf) }
    }

    /// Observed closed, and locked if it has a lock, at second 0.
    fn secure(lock: bool, leaf: Leaf) -> Self {
        let mut tried = Self::new(lock, leaf);
        tried.position(0, Position::Closed);
        tried.lock(0, LockState::Locked);
        tried.put(0, DoorInput::Obstruction(Some(false)));
        tried
    }

    fn put(&mut self, second: u64, input: DoorInput<'_>) -> Vec<DoorEffect> {
        self.door.step(&self.rules, at(second * 1_000), input)
    }

    fn position(&mut self, second: u64, value: Position) -> Vec<DoorEffect> {
        let seen = said(CONTACT, value, at(second * 1_000));
        self.put(second, DoorInput::Position(&seen))
    }

    fn lock(&mut self, second: u64, value: LockState) -> Vec<DoorEffect> {
        let seen = said(LOCK, value, at(second * 1_000));
        self.put(second, DoorInput::Lock(&seen))
    }

    fn tick(&mut self, second: u64) -> Vec<DoorEffect> {
        self.put(second, DoorInput::Tick)
    }

    fn explained(&mut self, second: u64, explanation: Explanation) {
        self.put(second, DoorInput::Explained(explanation));
    }

    fn close(&mut self, second: u64) -> Result<Vec<DoorEffect>, CloseRefusal> {
        self.door.prepare_close(&self.rules, at(second * 1_000))
    }
}

/// The alarms that the effects raise or clear.
fn alarms(effects: &[DoorEffect]) -> Vec<DoorEffect> {
    let edges = effects.iter().filter(|effect| matches!(effect, Raised(_) | Cleared(_)));
    edges.copied().collect()
}

#[test]
fn an_opening_that_nothing_explains_is_forced() {
    let mut tried = Tried::secure(true, Leaf::Swinging);
    assert_eq!(alarms(&tried.position(100, Position::Open)), []);
    assert_eq!(tried.door.next_deadline(), Some(Duration::from_secs(100) + EXPLANATION_WAIT));
    assert_eq!(alarms(&tried.tick(105)), [Raised(ForcedOpen)]);
    assert_eq!(alarms(&tried.position(110, Position::Closed)), [Cleared(ForcedOpen)]);
}

#[test]
fn a_forced_door_that_is_shut_at_once_is_told_all_the_same() {
    let mut tried = Tried::secure(true, Leaf::Swinging);
    tried.position(100, Position::Open);
    tried.position(102, Position::Closed);
    assert_eq!(alarms(&tried.tick(105)), [Raised(ForcedOpen), Cleared(ForcedOpen)]);
}

#[test]
fn what_explains_an_opening() {
    for explanation in [Explanation::Command, Explanation::RequestToExit, Explanation::Operated] {
        for second in [95, 103] {
            let mut tried = Tried::secure(true, Leaf::Swinging);
            if second < 100 {
                tried.explained(second, explanation);
            }
            tried.position(100, Position::Open);
            if second > 100 {
                tried.explained(second, explanation);
            }
            assert_eq!(alarms(&tried.tick(106)), [], "{explanation:?} at {second}");
        }
    }
    // A lock that is observed unlocked, before or right after.
    for second in [50, 102] {
        let mut tried = Tried::secure(true, Leaf::Swinging);
        if second < 100 {
            tried.lock(second, LockState::Unlocked);
        }
        tried.position(100, Position::Open);
        if second > 100 {
            tried.lock(second, LockState::Unlocked);
        }
        assert_eq!(alarms(&tried.tick(106)), []);
    }
    // One of long ago explains nothing.
    let mut tried = Tried::secure(true, Leaf::Swinging);
    tried.explained(80, Explanation::Operated);
    tried.position(100, Position::Open);
    assert_eq!(alarms(&tried.tick(105)), [Raised(ForcedOpen)]);
}

#[test]
fn nothing_is_forced_that_was_not_observed_closed() {
    let doubts: [DoorInput<'_>; 3] = [
        DoorInput::Lost(Role::Position, FactQuality::Stale),
        DoorInput::Lost(Role::Position, FactQuality::Assumed),
        DoorInput::Lost(Role::Position, FactQuality::Unknown),
    ];
    for doubt in doubts {
        let mut tried = Tried::secure(true, Leaf::Swinging);
        tried.put(50, doubt);
        tried.position(60, Position::Open);
        assert_eq!(alarms(&tried.tick(70)), [], "{doubt:?}");
    }
    let mut first = Tried::new(true, Leaf::Swinging);
    first.position(1, Position::Open);
    assert_eq!(alarms(&first.tick(10)), []);

    let mut restarted = Tried::secure(true, Leaf::Swinging);
    let restart = Restart { at: at(50_000), gap: Gap::Known };
    restarted.door.restart(&restarted.rules, &restart);
    restarted.position(51, Position::Open);
    assert_eq!(alarms(&restarted.tick(60)), []);
    // A strike's relay says nothing of who opens from inside.
    let mut strike = Tried::new(true, Leaf::Swinging);
    strike.position(0, Position::Closed);
    let inferred = Seen { said: Said::Assumed, ..said(LOCK, LockState::Locked, at(1_000)) };
    strike.put(1, DoorInput::Lock(&inferred));
    strike.position(100, Position::Open);
    assert_eq!(alarms(&strike.tick(110)), []);
    // Of an opener alone nobody knows who pressed its remote.
    let mut opener = Tried::secure(false, Leaf::Sectional);
    opener.position(100, Position::Open);
    assert_eq!(alarms(&opener.tick(110)), []);
}

#[test]
fn operations_by_known_means_explain() {
    use OperationKind::{Lock, Unlock};
    use Outcome::{InvalidCredential, Succeeded};
    let operation = |kind, outcome, source| Operation { kind, outcome, source, user_slot: None };
    for (operation, explains) in [
        (operation(Unlock, Succeeded, OperationSource::ManualInside), Some(Explanation::Operated)),
        (
            operation(Unlock, Succeeded, OperationSource::RequestToExit),
            Some(Explanation::RequestToExit),
        ),
        (operation(Unlock, InvalidCredential, OperationSource::Keypad), None),
        (operation(Lock, Succeeded, OperationSource::Keypad), None),
        (operation(Unlock, Succeeded, OperationSource::GatewayCommand), None),
        (operation(Unlock, Succeeded, OperationSource::Unknown), None),
    ] {
        assert_eq!(Explanation::of(&operation), explains, "{operation:?}");
    }
}

#[test]
fn a_door_that_stays_open() {
    let mut tried = Tried::secure(true, Leaf::Swinging);
    tried.explained(0, Explanation::Command);
    tried.position(10, Position::Open);
    assert_eq!(alarms(&tried.tick(99)), []);
    assert_eq!(alarms(&tried.tick(100)), [Raised(HeldOpenWarning)]);
    // Said again, it has not been opened again.
    tried.position(110, Position::Open);
    assert_eq!(alarms(&tried.tick(130)), [Raised(HeldOpen)]);
    assert_eq!(
        alarms(&tried.position(140, Position::Closed)),
        [Cleared(HeldOpenWarning), Cleared(HeldOpen)]
    );
}

#[test]
fn a_lock_that_does_not_lock() {
    let mut tried = Tried::secure(true, Leaf::Swinging);
    tried.explained(0, Explanation::Command);
    tried.lock(1, LockState::Unlocked);
    tried.position(2, Position::Open);
    tried.position(10, Position::Closed);
    assert_eq!(alarms(&tried.tick(39)), []);
    assert_eq!(alarms(&tried.tick(40)), [Raised(FailedToSecure)]);
    // Locked in the open air is not secure.
    tried.position(50, Position::Open);
    assert_eq!(alarms(&tried.lock(51, LockState::Locked)), []);
    assert_eq!(alarms(&tried.position(52, Position::Closed)), [Cleared(FailedToSecure)]);
}

#[test]
fn an_unused_release_and_a_jam_must_lock_too() {
    let mut unused = Tried::secure(true, Leaf::Swinging);
    unused.explained(0, Explanation::Command);
    unused.lock(1, LockState::Unlocked);
    assert_eq!(alarms(&unused.tick(59)), []);
    assert_eq!(alarms(&unused.tick(60)), [Raised(FailedToSecure)]);
    assert_eq!(alarms(&unused.lock(61, LockState::Locked)), [Cleared(FailedToSecure)]);

    let mut jammed = Tried::secure(true, Leaf::Swinging);
    jammed.lock(10, LockState::Jammed);
    assert_eq!(alarms(&jammed.tick(40)), [Raised(FailedToSecure)]);

    // A lock that is silent has not failed; it has when it speaks.
    let mut silent = Tried::secure(true, Leaf::Swinging);
    silent.explained(0, Explanation::Command);
    silent.lock(1, LockState::Unlocked);
    silent.put(5, DoorInput::Lost(Role::Lock, FactQuality::Stale));
    assert_eq!(alarms(&silent.tick(60)), []);
    assert_eq!(alarms(&silent.lock(70, LockState::Unlocked)), [Raised(FailedToSecure)]);
}

#[test]
fn a_remote_close_warns_first() {
    let mut tried = Tried::secure(false, Leaf::Sectional);
    tried.rules.timers.pre_close_warning_s = 1;
    tried.position(10, Position::Open);
    let started = tried.close(20).unwrap();
    assert!(started.contains(&DoorEffect::WarningStarted(Duration::from_secs(5))));
    assert_eq!(tried.door.motion_hold(), MotionHold::PreCloseWarning);
    assert_eq!(tried.close(21), Err(CloseRefusal::Moving));
    assert_eq!(tried.tick(24), []);
    assert!(tried.tick(25).contains(&DoorEffect::CloseNow));
    // The contact says "open" until it is shut.
    assert_eq!(tried.position(30, Position::Open), []);
    assert_eq!(tried.door.phase(), Phase::Closing);
    tried.position(40, Position::Closed);
    assert_eq!(tried.door.phase(), Phase::Closed);
}

#[test]
fn leaves_that_swing_are_never_closed_from_afar() {
    for leaf in [Leaf::Swinging, Leaf::OnePiece, Leaf::Unknown] {
        let mut tried = Tried::secure(false, leaf);
        tried.position(10, Position::Open);
        assert_eq!(tried.close(20), Err(CloseRefusal::WrongLeaf));
    }
}

#[test]
fn a_close_needs_a_door_that_is_seen_and_a_way_that_is_clear() {
    let mut tried = Tried::secure(false, Leaf::Sectional);
    assert_eq!(tried.close(5), Err(CloseRefusal::AlreadyClosed));
    tried.position(10, Position::Open);
    tried.put(11, DoorInput::Obstruction(None));
    assert_eq!(tried.close(12), Err(CloseRefusal::ObstructionUnknown));
    tried.put(13, DoorInput::Obstruction(Some(true)));
    assert_eq!(tried.close(14), Err(CloseRefusal::Obstructed));
    tried.put(15, DoorInput::Obstruction(Some(false)));
    tried.put(16, DoorInput::Lost(Role::Position, FactQuality::Stale));
    assert_eq!(tried.close(17), Err(CloseRefusal::PositionUnknown));
    tried.position(18, Position::Opening);
    assert_eq!(tried.close(19), Err(CloseRefusal::Moving));
    tried.put(20, DoorInput::ManualRelease(true));
    assert_eq!(tried.close(21), Err(CloseRefusal::Disengaged));
    tried.position(22, Position::Open);
    tried.put(23, DoorInput::ManualRelease(false));
    assert!(tried.close(24).is_ok());
}

#[test]
fn what_ends_a_warning() {
    let endings: [(DoorInput<'_>, CloseAbort); 5] = [
        (DoorInput::Obstruction(Some(true)), CloseAbort::Obstructed),
        (DoorInput::Obstruction(None), CloseAbort::Obstructed),
        (DoorInput::Lost(Role::Position, FactQuality::Stale), CloseAbort::PositionLost),
        (DoorInput::ManualRelease(true), CloseAbort::Disengaged),
        (DoorInput::CloseGivenUp, CloseAbort::GivenUp),
    ];
    for (input, abort) in endings {
        let mut tried = Tried::secure(false, Leaf::Sectional);
        tried.position(10, Position::Open);
        tried.close(20).unwrap();
        // Even in the moment in which the warning ends.
        let effects = tried.put(25, input);
        assert!(effects.contains(&DoorEffect::CloseAborted(abort)), "{input:?} {effects:?}");
        assert!(!effects.contains(&DoorEffect::CloseNow));
        assert!(!tried.tick(60).contains(&DoorEffect::CloseNow));
    }
    let mut restarted = Tried::secure(false, Leaf::Sectional);
    restarted.position(10, Position::Open);
    restarted.close(20).unwrap();
    let restart = Restart { at: at(21_000), gap: Gap::Known };
    let effects = restarted.door.restart(&restarted.rules, &restart);
    assert!(effects.contains(&DoorEffect::CloseAborted(CloseAbort::Restarted)));
    assert!(!restarted.tick(60).contains(&DoorEffect::CloseNow));
}

#[test]
fn a_reversal_locks_the_door_out() {
    let mut tried = Tried::secure(false, Leaf::Sectional);
    tried.position(10, Position::Open);
    tried.close(20).unwrap();
    tried.tick(25);
    tried.position(26, Position::Closing);
    let effects = tried.position(28, Position::Opening);
    assert!(effects.contains(&DoorEffect::CloseInterrupted));
    assert_eq!(alarms(&effects), [Raised(FailedToClose)]);
    tried.position(35, Position::Open);
    assert_eq!(tried.door.phase(), Phase::SafetyLockout);
    assert_eq!(tried.close(40), Err(CloseRefusal::SafetyLockout));
    // Releasing and engaging the leaf does not end it.
    tried.put(41, DoorInput::ManualRelease(true));
    tried.put(42, DoorInput::ManualRelease(false));
    assert_eq!(tried.close(43), Err(CloseRefusal::SafetyLockout));
    let mut ended = Tried { door: tried.door.clone(), rules: tried.rules.clone() };
    ended.put(44, DoorInput::LockoutEnded);
    assert!(ended.close(45).is_ok());
    assert_eq!(alarms(&tried.position(50, Position::Closed)), [Cleared(FailedToClose)]);
    assert_eq!(tried.door.phase(), Phase::Closed);
}

#[test]
fn no_limit_switch_in_time() {
    let mut tried = Tried::secure(false, Leaf::Sectional);
    tried.position(10, Position::Opening);
    assert!(tried.door.is_moving());
    tried.tick(40);
    assert_eq!(tried.door.phase(), Phase::StoppedPartial);
    tried.close(50).unwrap();
    tried.tick(55);
    assert_eq!(alarms(&tried.tick(85)), [Raised(FailedToClose)]);
    assert_eq!(tried.door.phase(), Phase::StoppedPartial);
}

#[test]
fn a_sensor_that_is_lost_while_the_door_is_open() {
    let mut tried = Tried::secure(false, Leaf::Sectional);
    tried.position(10, Position::Open);
    tried.put(20, DoorInput::Lost(Role::Position, FactQuality::Stale));
    assert_eq!(alarms(&tried.tick(79)), []);
    assert_eq!(alarms(&tried.tick(80)), [Raised(CommsLostWhileOpen)]);
    assert_eq!(tried.door.phase(), Phase::Unknown);
    assert_eq!(alarms(&tried.position(90, Position::Open)), [Cleared(CommsLostWhileOpen)]);

    let mut isolated = Tried::secure(false, Leaf::Sectional);
    isolated.position(10, Position::Open);
    let lost = DoorInput::Lost(Role::Position, FactQuality::Unknown);
    assert_eq!(alarms(&isolated.put(20, lost)), [Raised(CommsLostWhileOpen)]);
    let mut shut = Tried::secure(false, Leaf::Sectional);
    assert_eq!(alarms(&shut.put(20, lost)), []);
}

#[test]
fn motion_that_nobody_expected_any_more() {
    let mut tried = Tried::secure(true, Leaf::Swinging);
    tried.lock(10, LockState::Unlocked);
    let effects = tried.put(10, DoorInput::MovedUnexpectedly);
    assert_eq!(alarms(&effects), [Raised(UnexpectedMotion)]);
    assert_eq!(alarms(&tried.put(11, DoorInput::MovedUnexpectedly)), []);
    assert_eq!(alarms(&tried.lock(20, LockState::Locked)), [Cleared(UnexpectedMotion)]);
}

#[test]
fn a_restart_ends_early_rather_than_late() {
    for (gap, away, raised) in [
        (Gap::Known, 0, None),
        (Gap::Known, 20, Some(Raised(HeldOpenWarning))),
        (Gap::Known, 50, Some(Raised(HeldOpen))),
        (Gap::Unknown, 0, Some(Raised(HeldOpen))),
    ] {
        let mut tried = Tried::secure(false, Leaf::Swinging);
        tried.position(10, Position::Open);
        let restart = Restart { at: moment(7, 80_000 + away * 1_000), gap };
        let effects = tried.door.restart(&tried.rules, &restart);
        assert_eq!(alarms(&effects).first().copied(), raised, "{gap:?} {away}");
        assert!(tried.door.next_deadline().is_none_or(|due| due <= Duration::from_secs(61)));
    }
}

#[test]
fn the_words_are_those_of_the_schemas() {
    let schema = include_str!("../../../../schemas/core/vocabulary.json");
    let holds = [
        MotionHold::None,
        MotionHold::PreCloseWarning,
        MotionHold::Obstructed,
        MotionHold::Disengaged,
        MotionHold::SafetyLockout,
    ];
    assert_eq!(schema_words(schema, "MotionHold"), holds.map(MotionHold::as_str));
    let severities = schema_words(schema, "AlarmSeverity");
    let kinds = schema_words(schema, "AlarmKind");
    for alarm in AlarmKind::ALL {
        assert!(kinds.iter().any(|word| word == alarm.as_str()), "{alarm}");
        assert!(severities.iter().any(|word| word == severity(*alarm).as_str()), "{alarm}");
    }
    let reasons =
        schema_words(include_str!("../../../../schemas/core/access.json"), "AccessReason");
    for refusal in CloseRefusal::ALL {
        assert!(reasons.iter().any(|word| word == refusal.access_reason()), "{refusal:?}");
    }
    for phase in Phase::ALL {
        assert_eq!(serde_json::to_value(phase).unwrap(), phase.as_str());
    }
}
