//! Acts on a line in virtual time: written once at the next turn, answered once, and OFF behind
//! whatever was switched on.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

mod modbus_line;

use std::time::Duration;

use doorward_translators::{Act, Acted, CannotAct};
use modbus_line::{Bus, contact, door, ms, nothing};
use proptest::prelude::*;
use serde_json::{Value, json};

const HOLD: Duration = ms(500);

/// A line that has come to rest: every relay is off and was read so.
fn at_rest(endpoints: &[Value]) -> Bus {
    let mut bus = Bus::opened(&nothing(), endpoints);
    bus.acts = true;
    bus.run(ms(1000));
    bus.sent.clear();
    bus
}

/// A gate with three relays.
fn gate() -> Value {
    json!({
        "unit": 1,
        "closed": { "input": 0, "contact": "normally_open" },
        "relay": {
            "open": { "coil": 0, "max_hold_ms": 500 },
            "close": { "coil": 1, "max_hold_ms": 500 },
            "stop": { "coil": 2, "max_hold_ms": 100 },
        },
    })
}

fn begin(bus: &mut Bus, act: Act, within: Duration) -> Result<(), CannotAct> {
    let until = bus.now + within;
    bus.driver.begin(bus.now, "e0", act, until)
}

/// When a coil was written on, and when off.
fn writes(bus: &Bus, coil: u8) -> (Vec<Duration>, Vec<Duration>) {
    let of = |value: u8| {
        let is = |frame: &[u8]| frame[1] == 5 && frame[3] == coil && frame[4] == value;
        bus.sent.iter().filter(|sent| is(&sent.frame)).map(|sent| sent.at).collect()
    };
    (of(0xff), of(0))
}

#[test]
fn on_once_then_its_echo_then_off() {
    let mut bus = at_rest(&[door(1), contact(2)]);
    let steps = bus.driver.command("e0", Act::Open).unwrap();
    let begun = bus.now;
    assert_eq!(begin(&mut bus, Act::Open, ms(5000)), Ok(()));
    assert_eq!(bus.driver.acted(), None, "nothing is known yet");
    bus.run(ms(200));
    assert_eq!(bus.driver.acted(), Some(Acted::Echoed));
    assert_eq!(bus.driver.acted(), None, "once");
    bus.run(ms(5000));
    let (on, off) = writes(&bus, 0);
    assert_eq!((on.len(), off.len()), (1, 1), "{on:?} {off:?}");
    assert!(on[0] <= begun + ms(150), "at the next turn of the line");
    let held = off[0].checked_sub(on[0]).unwrap();
    assert!(held >= HOLD && held <= HOLD + ms(150), "{held:?}");
    let frames: Vec<&[u8]> = bus.sent.iter().map(|s| &s.frame[..]).filter(|f| f[1] == 5).collect();
    assert_eq!(frames, [&steps[0].frame[..], &steps[1].frame[..]], "as `command` says");
    assert_eq!(steps[1].after, HOLD);
    assert!(!bus.boards[&1].coils[&0]);
    let anomalies =
        bus.whats("e0").into_iter().filter(|what| format!("{what:?}").contains("stayed"));
    assert_eq!(anomalies.count(), 0, "it did not stay on");
}

#[test]
fn without_an_echo_nobody_knows_and_off_follows_all_the_same() {
    let mut bus = at_rest(&[door(1)]);
    bus.board(1).mute_writes = 1;
    assert_eq!(begin(&mut bus, Act::Open, ms(5000)), Ok(()));
    bus.run(ms(4000));
    assert!(matches!(bus.driver.acted(), Some(Acted::Unknown(_))));
    let (on, off) = writes(&bus, 0);
    assert_eq!(on.len(), 1, "it is not written again");
    assert!(!off.is_empty() && !bus.boards[&1].coils[&0]);
}

#[test]
fn an_exception_says_whether_it_can_have_begun() {
    for code in 1..=11 {
        let mut bus = at_rest(&[door(1)]);
        bus.board(1).refuses.insert(5, code);
        assert_eq!(begin(&mut bus, Act::Open, ms(5000)), Ok(()));
        bus.run(ms(200));
        bus.board(1).refuses.clear();
        let acted = bus.driver.acted().unwrap();
        if [1, 2, 3, 6, 10].contains(&code) {
            assert!(matches!(acted, Acted::Refused(_)), "{code}: {acted:?}");
        } else {
            assert!(matches!(acted, Acted::Unknown(_)), "{code}: {acted:?}");
        }
        bus.run(ms(4000));
        let (on, off) = writes(&bus, 0);
        assert_eq!(on.len(), 1, "{code}");
        assert!(!off.is_empty(), "{code}");
    }
}

#[test]
fn what_has_no_turn_in_its_time_is_not_written() {
    let mut bus = at_rest(&[door(1), contact(2)]);
    // The line waits for a dead unit's answer, and the time is over meanwhile.
    bus.board(2).silent = true;
    let asked = bus.asked(2, 2).len();
    while bus.asked(2, 2).len() == asked {
        bus.run(ms(1));
    }
    assert_eq!(begin(&mut bus, Act::Open, ms(20)), Ok(()));
    bus.run(ms(1000));
    assert_eq!(bus.driver.acted(), Some(Acted::TooLate));
    assert_eq!(writes(&bus, 0).0, []);
    assert_eq!(begin(&mut bus, Act::Open, ms(1000)), Ok(()), "the line is free again");
}

#[test]
fn a_line_that_goes_cuts_it_off_and_off_is_the_first_thing_after() {
    // Before its turn.
    let mut bus = at_rest(&[door(1)]);
    assert_eq!(begin(&mut bus, Act::Open, ms(5000)), Ok(()));
    bus.driver.closed(bus.now);
    assert_eq!(bus.driver.acted(), Some(Acted::Unreachable));
    assert!(matches!(begin(&mut bus, Act::Open, ms(5000)), Err(CannotAct::Unreachable(_))));
    bus.open();
    bus.run(ms(3000));
    assert_eq!(writes(&bus, 0).0, []);
    // Written, and not echoed.
    assert_eq!(begin(&mut bus, Act::Open, ms(5000)), Ok(()));
    while writes(&bus, 0).0.is_empty() {
        bus.run(Duration::from_micros(500));
    }
    bus.driver.closed(bus.now);
    assert!(matches!(bus.driver.acted(), Some(Acted::Unknown(_))));
    bus.sent.clear();
    bus.run(ms(50));
    bus.open();
    bus.run(ms(3000));
    assert_eq!(&bus.sent[0].frame[1..6], [5, 0, 0, 0, 0], "OFF goes first");
    let (on, off) = writes(&bus, 0);
    assert_eq!((on.len(), off.len()), (0, 1));
    assert!(!bus.boards[&1].coils[&0]);
}

#[test]
fn who_cannot_be_reached_gets_nothing() {
    let mut bus = Bus::new(&nothing(), &[door(1)]);
    bus.acts = true;
    let is_unreachable =
        |bus: &Bus| matches!(bus.driver.ready("e0", Act::Open), Err(CannotAct::Unreachable(_)));
    assert!(is_unreachable(&bus), "no line");
    bus.open();
    assert!(is_unreachable(&bus), "not heard yet");
    bus.run(ms(1000));
    assert_eq!(bus.driver.ready("e0", Act::Open), Ok(()));
    bus.board(1).silent = true;
    bus.run(ms(3000));
    assert!(is_unreachable(&bus), "dead");
    assert_eq!(bus.driver.ready("e0", Act::Lock), Err(CannotAct::NoSafeForm(Act::Lock)));
    let unknown = Err(CannotAct::UnknownDevice("e7".to_owned()));
    assert_eq!(bus.driver.ready("e7", Act::Open), unknown);
    assert_eq!(writes(&bus, 0).0, []);
}

#[test]
fn one_at_a_time_and_stop_ends_what_is_held() {
    let mut bus = at_rest(&[gate()]);
    assert_eq!(begin(&mut bus, Act::Open, ms(5000)), Ok(()));
    assert!(matches!(begin(&mut bus, Act::Close, ms(5000)), Err(CannotAct::Busy(_))));
    bus.run(ms(100));
    assert!(matches!(begin(&mut bus, Act::Stop, ms(5000)), Err(CannotAct::Busy(_))), "not asked");
    assert_eq!(bus.driver.acted(), Some(Acted::Echoed));
    assert!(matches!(begin(&mut bus, Act::Close, ms(5000)), Err(CannotAct::Busy(_))), "held");
    assert_eq!(begin(&mut bus, Act::Stop, ms(5000)), Ok(()));
    bus.run(ms(300));
    assert_eq!(bus.driver.acted(), Some(Acted::Echoed));
    let (open, stop) = (writes(&bus, 0), writes(&bus, 2));
    assert!(open.1[0] < stop.0[0], "first the relay that is held goes off");
    assert!(open.1[0] < open.0[0] + HOLD);
    bus.run(ms(1000));
    assert_eq!(begin(&mut bus, Act::Close, ms(5000)), Ok(()));
    bus.run(ms(2000));
    assert!(bus.boards[&1].coils.values().all(|on| !on));
}

#[test]
fn a_boards_own_pulse_is_left_to_it_and_bounded() {
    let pulse = json!({ "unit": 1, "closed": { "input": 0, "contact": "normally_open" }, "relay": {
        "open": { "coil": 3, "pulse": { "function": 6, "register": 9, "value": 0x0600 } } } });
    let mut bus = at_rest(&[pulse]);
    assert_eq!(begin(&mut bus, Act::Open, ms(5000)), Ok(()));
    bus.run(ms(100));
    assert_eq!(bus.driver.acted(), Some(Acted::Echoed));
    bus.board(1).coils.insert(3, true);
    bus.run(ms(9000));
    assert_eq!(bus.asked(1, 6).len(), 1, "once");
    assert_eq!(writes(&bus, 3).1, [], "the board ends it");
    bus.run(ms(2000));
    assert_eq!(writes(&bus, 3).1.len(), 1, "but it is on for ten seconds at most");
    assert!(!bus.boards[&1].coils[&3]);
}

/// What happens to a line.
#[derive(Debug, Clone)]
enum Step {
    Begin(Act, u64),
    Run(u64),
    Ask,
    Cut,
    Silent(bool),
    Mute(u32),
    Deaf(u32),
    Refuse(Option<u8>),
}

fn step() -> impl Strategy<Value = Step> {
    let act = prop::sample::select(vec![Act::Open, Act::Close, Act::Stop]);
    prop_oneof![
        4 => (act, 0_u64..2000).prop_map(|(act, within)| Step::Begin(act, within)),
        6 => (0_u64..800).prop_map(Step::Run),
        3 => Just(Step::Ask),
        1 => Just(Step::Cut),
        1 => any::<bool>().prop_map(Step::Silent),
        1 => (0_u32..3).prop_map(Step::Mute),
        1 => (0_u32..3).prop_map(Step::Deaf),
        1 => prop::option::of(1_u8..12).prop_map(Step::Refuse),
    ]
}

proptest! {
    /// Whatever happens: no act is written twice, or when nobody asked for it, or late; each is
    /// answered once; and behind every ON comes OFF.
    #[test]
    fn at_most_once_in_time_and_never_left_on(
        steps in prop::collection::vec(step(), 0..60),
    ) {
        let mut bus = at_rest(&[gate()]);
        let (mut begun, mut answered) = (Vec::new(), 0);
        for step in steps {
            match step {
                Step::Begin(act, within) => {
                    let at = bus.now;
                    if begin(&mut bus, act, ms(within)).is_ok() {
                        prop_assert_eq!(begun.len(), answered, "the one before was answered");
                        begun.push((act, at, at + ms(within)));
                    }
                }
                Step::Run(time) => bus.run(ms(time)),
                Step::Ask => answered += usize::from(bus.driver.acted().is_some()),
                Step::Cut => {
                    bus.driver.closed(bus.now);
                    bus.run(ms(10));
                    bus.open();
                }
                Step::Silent(silent) => bus.board(1).silent = silent,
                Step::Mute(writes) => bus.board(1).mute_writes = writes,
                Step::Deaf(writes) => bus.board(1).deaf_writes = writes,
                Step::Refuse(code) => {
                    bus.board(1).refuses = code.map(|code| (5, code)).into_iter().collect();
                }
            }
            prop_assert!(answered <= begun.len());
        }
        let board = bus.board(1);
        (board.silent, board.mute_writes, board.deaf_writes) = (false, 0, 0);
        board.refuses.clear();
        bus.run(ms(60_000));
        answered += usize::from(bus.driver.acted().is_some());
        prop_assert_eq!(answered, begun.len(), "each is answered");
        let mut written: Vec<(Duration, u8)> = Vec::new();
        for coil in 0..3 {
            let (on, off) = writes(&bus, coil);
            if let Some(last) = on.last() {
                prop_assert!(off.iter().any(|off| off > last), "OFF follows the last ON");
            }
            written.extend(on.into_iter().map(|at| (at, coil)));
        }
        prop_assert!(bus.boards[&1].coils.values().all(|on| !on));
        written.sort_unstable();
        let coil = |act: Act| match act { Act::Open => 0, Act::Close => 1, _ => 2 };
        let mut begun = begun.into_iter();
        for (at, of) in written {
            let its = begun.find(|(act, from, until)| coil(*act) == of && *from <= at && at <= *until);
            prop_assert!(its.is_some(), "an ON at {:?} that nobody asked for", at);
        }
    }
}
