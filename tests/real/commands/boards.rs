//! Acts on a serial line: the real vendor process against pymodbus on a pseudo-terminal.

use std::time::Duration;

use doorward::link::{CommandProgress, CommandRefusal};
use doorward_translators::Act;
use serde_json::{Value, json};

use super::process::{Vendor, setup};
use super::states::{LONG, rejected};
use crate::support::boards::Boards;
use crate::support::wait_for;

/// Longer than a loaded machine takes for a question and its answer.
const HOLD: f64 = 1.5;

struct Line {
    boards: Boards,
    vendor: Vendor,
    _folder: tempfile::TempDir,
}

fn line() -> Line {
    let folder = tempfile::tempdir().unwrap();
    let boards = Boards::start(folder.path(), &[1, 2]);
    let gate = |unit: u8| {
        json!({
            "unit": unit,
            "closed": { "input": 0, "contact": "normally_open" },
            "relay": {
                "open": { "coil": 0, "max_hold_ms": 1500 },
                "close": { "coil": 1, "max_hold_ms": 1500 },
            },
        })
    };
    let settings = json!({ "poll_ms": 50, "timeout_ms": 300, "baud": 9600 });
    let setup =
        setup("modbus", &settings, &[("gate-1", "gate-1", gate(1)), ("gate-2", "gate-2", gate(2))]);
    let vendor = Vendor::serial(folder.path(), "line", &boards.port, setup);
    let line = Line { boards, vendor, _folder: folder };
    line.vendor.plug(&line.boards.port);
    line.ready();
    line
}

impl Line {
    /// Waits until an act could begin on the first board: until it is refused no longer.
    fn ready(&self) {
        wait_for("a board answers", LONG, || {
            let id = self.vendor.give("gate-2", Act::Close, LONG);
            (self.vendor.end(id).1 == CommandProgress::Acknowledged).then_some(())
        });
    }

    /// What was written to a coil of the first board: on or off, when, and whether it was done.
    fn writes(&self, coil: u64) -> Vec<(bool, f64)> {
        let of = |said: &Value| {
            let is = said["event"] == "coil" && said["unit"] == 1 && said["coil"] == coil;
            is.then(|| (said["on"].as_bool().unwrap(), said["at"].as_f64().unwrap()))
        };
        self.boards.said().iter().filter_map(of).collect()
    }

    fn ons(&self, coil: u64) -> usize {
        self.writes(coil).iter().filter(|(on, _)| *on).count()
    }

    /// Waits until a coil was written off after it was written on.
    fn off_follows(&self, coil: u64) -> Duration {
        let seconds = wait_for("OFF follows", LONG, || {
            let writes = self.writes(coil);
            let on = writes.iter().rposition(|(on, _)| *on)?;
            let off = writes.get(on + 1..)?.iter().find(|(on, _)| !on)?;
            Some(off.1 - writes[on].1)
        });
        Duration::from_secs_f64(seconds)
    }
}

#[test]
fn on_once_and_off_behind_it() {
    let mut line = line();
    let id = line.vendor.give("gate-1", Act::Open, LONG);
    assert_eq!(line.vendor.end(id), (true, CommandProgress::Acknowledged));
    let busy = line.vendor.give("gate-1", Act::Close, LONG);
    assert_eq!(line.vendor.end(busy), (false, rejected(CommandRefusal::Busy)), "it is held");
    let held = line.off_follows(0);
    assert!(held >= Duration::from_secs_f64(HOLD - 0.05), "{held:?}");
    assert!(held < Duration::from_secs_f64(HOLD + 2.0), "{held:?}");
    assert_eq!((line.ons(0), line.ons(1)), (1, 0));
    assert_eq!(line.boards.report(1)["coils"][0], false);
    for act in [Act::Stop, Act::Lock, Act::Unlock] {
        let id = line.vendor.give("gate-1", act, LONG);
        assert_eq!(line.vendor.end(id), (false, rejected(CommandRefusal::NoSafeForm)));
    }
    let id = line.vendor.give("gate-9", Act::Open, LONG);
    assert_eq!(line.vendor.end(id), (false, rejected(CommandRefusal::UnknownDevice)));
}

#[test]
fn a_hang_up_before_the_echo_leaves_it_open_and_off_goes_first_afterwards() {
    let mut line = line();
    // The board does it at once, and says so later than the line stands.
    line.boards.order(&json!({"do": "delay", "seconds": 0.25}));
    let id = line.vendor.give("gate-1", Act::Open, LONG);
    wait_for("ON reaches the board", LONG, || (line.ons(0) == 1).then_some(()));
    line.boards.order(&json!({"do": "unplug"}));
    assert_eq!(line.vendor.end(id), (true, CommandProgress::Indeterminate));
    let without = line.vendor.give("gate-1", Act::Open, LONG);
    assert_eq!(line.vendor.end(without), (false, rejected(CommandRefusal::NotConnected)));
    line.boards.order(&json!({"do": "delay", "seconds": 0}));
    let so_far = line.writes(0).len();
    line.boards.order(&json!({"do": "replug"}));
    line.vendor.plug(&line.boards.port);
    wait_for("OFF is written", LONG, || (line.writes(0).len() > so_far).then_some(()));
    assert!(!line.writes(0)[so_far].0, "the first write after it is OFF");
    line.ready();
    assert_eq!(line.ons(0), 1, "it is never written again");
    assert_eq!(line.boards.report(1)["coils"][0], false);
    assert_eq!(line.vendor.told(id).len(), 2);
}

#[test]
fn an_exception_and_a_lost_echo() {
    let mut line = line();
    line.boards.order(&json!({"do": "exception", "unit": 1, "code": 2}));
    let id = line.vendor.give("gate-1", Act::Open, LONG);
    // The readings are refused as well, and one of them may come first.
    let end = line.vendor.end(id).1;
    let refused =
        [rejected(CommandRefusal::DeviceException), rejected(CommandRefusal::NotConnected)];
    assert!(refused.contains(&end), "{end:?}");
    line.boards.order(&json!({"do": "exception", "unit": 1, "code": null}));
    wait_for("it is read again", LONG, || {
        let id = line.vendor.give("gate-1", Act::Close, LONG);
        (line.vendor.end(id).1 == CommandProgress::Acknowledged).then_some(())
    });
    line.off_follows(1);
    // An echo with a wrong checksum is none.
    let on = line.ons(0);
    line.boards.order(&json!({"do": "corrupt", "n": 30}));
    let id = line.vendor.give("gate-1", Act::Open, LONG);
    let (dispatched, end) = line.vendor.end(id);
    if dispatched && end == CommandProgress::Indeterminate {
        assert_eq!(line.ons(0), on + 1);
        line.off_follows(0);
    } else {
        // The readings were lost first.
        assert_eq!(end, rejected(CommandRefusal::NotConnected));
        assert_eq!(line.ons(0), on);
    }
    assert!(line.ons(0) <= on + 1, "whatever was heard, it is written once");
}

#[test]
fn a_process_that_is_killed_leaves_nothing_on() {
    let mut line = line();
    let id = line.vendor.give("gate-1", Act::Open, LONG);
    assert_eq!(line.vendor.end(id), (true, CommandProgress::Acknowledged));
    assert!(crate::support::gateway::signal(line.vendor.pid(), "KILL"));
    line.vendor.ended();
    assert_eq!(line.boards.report(1)["coils"][0], true, "nobody has switched it off yet");
    let folder = tempfile::tempdir().unwrap();
    let gate = json!({ "unit": 1, "relay": { "open": { "coil": 0, "max_hold_ms": 400 } } });
    let setup = setup("modbus", &json!({}), &[("gate-1", "gate-1", gate)]);
    let next = Vendor::serial(folder.path(), "line", &line.boards.port, setup);
    next.plug(&line.boards.port);
    line.off_follows(0);
    assert_eq!(line.ons(0), 1);
    assert_eq!(line.boards.report(1)["coils"][0], false);
}
