//! Whether somebody stands for the clock, and whether it outlives a power cut.

use std::time::Duration;

use super::part::Part;
use super::surroundings::Surroundings;
use crate::config::{Configuration, Finding, SystemClock};

/// Where the kernel lists clocks that run on a battery of their own.
const HARDWARE_CLOCKS: &str = "/sys/class/rtc";

pub(super) fn look(around: &Surroundings, configuration: &Configuration, part: &mut Part) {
    let within = |error: Duration| format!("right within {} ms", error.as_millis());
    let (ok, detail) = match configuration.gateway.trust.system_clock {
        SystemClock::Nobody => {
            (true, "is not believed: every request needs a challenge".to_owned())
        }
        SystemClock::Operator(error) => {
            (true, format!("{}, as trust.clock_error_ms says", within(error)))
        }
        SystemClock::Kernel => match doorward_system_clock::synchronised() {
            Some(error) => (true, format!("{}, as the kernel says", within(error))),
            None => (false, "no time service keeps it, as the kernel says".to_owned()),
        },
    };
    let warn = |text: String, remedy: &str| {
        Finding::warning(&around.main_file(), text, remedy).at(None, "trust.clock_error_ms")
    };
    if ok {
        part.well("clock", Some(detail));
    } else {
        let remedy = "start a time service (systemctl enable --now systemd-timesyncd, or chrony), \
                      or set trust.clock_error_ms where something else keeps the clock right, as a \
                      container's host";
        part.find(warn(format!("no door opens for a grant: the clock: {detail}"), remedy));
        part.bad("clock", detail);
    }
    // Only of a machine that keeps its time itself does it matter what it knows after a power cut.
    if configuration.gateway.trust.system_clock == SystemClock::Kernel {
        hardware(around, part, warn);
    }
}

fn hardware(around: &Surroundings, part: &mut Part, warn: impl Fn(String, &str) -> Finding) {
    let what = "hardware clock";
    let found = std::fs::read_dir(around.place(HARDWARE_CLOCKS))
        .is_ok_and(|mut clocks| clocks.next().is_some());
    if found {
        part.well(what, None);
        return;
    }
    let text = "no hardware clock: after a power cut no door opens for a grant until a time server \
                has answered";
    let remedy = "add a clock module with a battery; on a Raspberry Pi with a DS3231, add \
                  dtoverlay=i2c-rtc,ds3231 to /boot/firmware/config.txt and reboot; a Raspberry Pi 5 \
                  has one, and needs a battery at J5";
    part.find(warn(text.to_owned(), remedy));
    part.bad(what, "none");
}
