//! Modbus RTU: relay and input boards of openers, strikes and gates on a serial line.
//!
//! There is no common map of such boards, so the vendor's file says which input is which contact,
//! with its polarity, and which coil is which relay. The driver asks one question at a time, and
//! reads every unit in every cycle. It writes one thing of its own: OFF, to every relay whenever the
//! line opens or a unit comes back, and to one that stays on; until the coil is read as off. Where
//! it is never read, OFF goes on for ever.
//!
//! An act is written once, before the next reading: ON, or the frame of the board's own pulse. The
//! relay is held for its time from there on and OFF follows before everything else, whatever was
//! heard of the ON; of a pulse after ten seconds. The line has one act in hand until its echo, its
//! exception or the time-out. While a relay is held its endpoint takes no act but stop, which
//! switches it off first. A unit that does not answer, or whose relay was not switched off yet, takes
//! none.
//!
//! A unit can be reached if everything of it can be read. Each of its readings is judged by its own
//! answers, and one that fails makes the unit dead: answers to the other, or to OFF, do not hide it.
//! A dead unit's probe is OFF to its relays and all its readings, and only these bring it back.
//! While there is no line, before the first as well, no unit can be reached.
//!
//! Between two limits a door's position is what the limits say, told as `Reported`: `Opening` or
//! `Closing` says which one was left, and that the other is not reached; `StoppedPartial`, that this
//! is so for longer than `travel_s`. Nothing sees the leaf itself: one that stands there is said to
//! move until then, and one that turns midway to move on as before until it reaches a limit.
//!
//! An echo proves that a board heard a frame, not that a door moved: positions and locks come from
//! inputs alone, and all are `Reported`. An adapter that hands back what was sent is not supported:
//! its echo of an OFF is taken for the board's (the reading of the coil still decides), that of a
//! reading is garbage.
//!
//! An answer says neither when nor to which request it was given. One that comes after its time-out
//! can be taken for the next one to the same question, so `timeout_ms` has to be longer than the
//! slowest board takes; the answers of other units and to other functions are told apart.
//!
//! The bounds, each by its constant:
//!
//! | what | constant | at the bound |
//! |---|---|---|
//! | endpoints of a line, and so units | `plan::MAX_ENDPOINTS` 64 | refused |
//! | inputs, or coils, from a unit's first to its last | `frame::MAX_COUNT` 2000 | refused |
//! | bytes waiting for an answer's rest | `driver::MAX_BUFFER` 512 | the oldest are garbage |
//! | bytes that come while nothing is asked | the same | judged as they are |
//! | jobs waiting | one for each relay, two for each unit | – |
//! | acts in hand | one for the line | refused as busy |
//! | faults of one `reports` | `driver::MAX_FAULTS` 64 | the rest with the next one |
//! | faults for garbage | one in `tally::GARBAGE_PERIOD` 1 s for each unit and the idle line | counted |
//! | faults for an exception | one in `tally::EXCEPTION_PERIOD` 60 s for each function and code of a unit | counted |
//! | exceptions told apart, of a unit | `tally::MAX_EXCEPTIONS` 16 | take each other's place |
//! | bytes in a fault | `MAX_LINE_RAW` 256 | the first ones |
//! | reports of one call | one for each unit that has news, twenty more of full ones, and the faults | – |
//! | observations of one report | `MAX_OBSERVATIONS` 32 | another report of the same unit |
//! | observations of one endpoint | four states, and an anomaly for each of its six relays | – |
//! | wait for a quiet line | t3.5 and the time-out | it is asked all the same |
//! | time-outs of one reading in a row | `health::MISSES` 3 | the unit is dead |
//! | time-outs of dead units in a cycle | one | the others wait |
//! | a dead unit's wait | `health::FIRST_WAIT` 1 s to `health::LONGEST_WAIT` 30 s | – |
//! | OFF to one relay | once a cycle; of a dead unit once a probe | – |
//! | relays of a unit that are written OFF once more | `unit::MAX_OFF_AGAIN` 4 a cycle | in turn |
//! | units that did not answer the last OFF and are written to | one a cycle, until its first time-out | in turn |
//! | no value of an input counts | `contact::CHATTER_DEBOUNCES` 10 debounce times, `contact::CHATTER_TIME` 3 s and `contact::CHATTER_READINGS` 10 readings, whichever is longest | what it says is unknown |
//! | a relay's time on, where the board makes the pulse | `relays::LONGEST_PULSE` 10 s | OFF |

mod acts;
mod contact;
mod driver;
mod frame;
mod health;
mod inputs;
mod plan;
mod relays;
mod schedule;
mod settings;
mod tally;
mod timing;
mod told;
mod unit;

use crate::ecosystem::{Fault, Native, Opened, Setup, Transport, Wire};
use driver::Modbus;

/// Its line in the list of ecosystems.
///
/// Beside what the operator writes, the key `baud` of `[settings]` is read (default 9600). It is
/// internal: the caller, who knows the rate of the serial port, puts it there.
pub const ECOSYSTEM: Native = Native { name: "modbus", transport: Transport::Serial, open };

fn open(setup: &Setup) -> Result<Opened, Vec<Fault>> {
    let mut faults = Vec::new();
    let line = settings::line(setup, &mut faults);
    let plan = plan::read(setup, &mut faults);
    let (Some(line), Some(plan)) = (line, plan) else {
        return Err(faults);
    };
    if plan.devices.is_empty() {
        let remedy = "list each door as [[endpoint]]";
        faults.push(Fault::error("endpoint", "no endpoint: nothing is asked", remedy).as_warning());
    }
    let driver =
        Modbus::new(line.timing, line.timeout, line.poll, line.pace, plan.devices, plan.units);
    Ok(Opened { wire: Wire::Serial(Box::new(driver)), lists: None, warnings: faults })
}
