//! Modbus RTU: relay and input boards of openers, strikes and gates on a serial line.
//!
//! There is no common map of such boards, so the vendor's file says which input is which contact,
//! with its polarity, and which coil is which relay. The driver asks one question at a time, and
//! reads every unit in every cycle. It writes one thing of its own: OFF, to every relay whenever the
//! line opens or a unit comes back, and to one that stays on.
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
//! | jobs waiting | one for each relay, two and a probe for each unit | – |
//! | faults of one `reports` | `driver::MAX_FAULTS` 64 | the rest with the next one |
//! | faults for garbage | one in `tally::GARBAGE_PERIOD` 1 s for each unit and the idle line | counted |
//! | faults for an exception | one in `tally::EXCEPTION_PERIOD` 60 s for each function and code of a unit | counted |
//! | exceptions told apart, of a unit | `tally::MAX_EXCEPTIONS` 16 | take each other's place |
//! | bytes in a fault | `MAX_LINE_RAW` 256 | the first ones |
//! | reports of one call | one for each unit that has news, twenty more of full ones, and the faults | – |
//! | observations of one report | `MAX_OBSERVATIONS` 32 | another report of the same unit |
//! | observations of one endpoint | four states, and an anomaly for each of its six relays | – |
//! | wait for a quiet line | t3.5 and the time-out | it is asked all the same |
//! | time-outs of dead units in a cycle | one | the others wait |
//! | a dead unit's wait | `health::FIRST_WAIT` 1 s to `health::LONGEST_WAIT` 30 s | – |
//! | OFF to one relay | once a cycle | – |
//! | a relay's time on, where the board makes the pulse | `relays::LONGEST_PULSE` 10 s | OFF |

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
