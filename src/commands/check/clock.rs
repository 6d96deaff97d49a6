//! Whether somebody stands for the clock, and whether it outlives a power cut.

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use super::part::Part;
use super::surroundings::Surroundings;
use crate::config::{Configuration, Finding, SystemClock};

/// Where the kernel lists clocks that run on a battery of their own.
const HARDWARE_CLOCKS: &str = "/sys/class/rtc";
/// No clock that went on without power shows an earlier time: the beginning of 2025, in seconds.
const EARLIEST_S: i64 = 1_735_689_600;

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
    let clocks = std::fs::read_dir(around.place(HARDWARE_CLOCKS)).into_iter().flatten().flatten();
    let found: Vec<Option<String>> = clocks.map(|clock| stopped(&clock.path())).collect();
    if found.iter().any(Option::is_none) {
        part.well(what, None);
        return;
    }
    let consequence =
        "after a power cut no door opens for a grant until a time server has answered";
    if let Some(shown) = found.into_iter().flatten().next() {
        let text =
            format!("the hardware clock has no battery, or an empty one: {shown}; {consequence}");
        let remedy = "put a battery in: on a Raspberry Pi 5 at J5, else into the clock module";
        part.find(warn(text, remedy));
        part.bad(what, shown);
        return;
    }
    let text = format!("no hardware clock: {consequence}");
    let remedy = "add a clock module with a battery; on a Raspberry Pi with a DS3231, add \
                  dtoverlay=i2c-rtc,ds3231 to /boot/firmware/config.txt and reboot; a Raspberry Pi 5 \
                  has one, and needs a battery at J5";
    part.find(warn(text, remedy));
    part.bad(what, "none");
}

/// How a clock shows that it stood still without power, if it does: by a time long past, or by none,
/// as the driver of one says that knows so itself. Once a time service has set it, it shows nothing.
fn stopped(clock: &Path) -> Option<String> {
    let text = match std::fs::read_to_string(clock.join("since_epoch")) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        Err(_) => return Some("it shows no time".to_owned()),
    };
    let at = Timestamp::from_second(text.trim().parse().ok()?).ok()?;
    (at.as_second() < EARLIEST_S).then(|| format!("it shows {at:.0}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_stood_still_shows_a_time_long_past_or_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("since_epoch");
        assert_eq!(stopped(folder.path()), None, "the kernel does not tell its time");
        for (shown, words) in [
            ("12\n", Some("it shows 1970-01-01T00:00:12Z")),
            ("1735689599\n", Some("it shows 2024-12-31T23:59:59Z")),
            ("1735689600\n", None),
            ("?\n", None),
        ] {
            std::fs::write(&file, shown).unwrap();
            assert_eq!(stopped(folder.path()).as_deref(), words);
        }
        std::fs::remove_file(&file).unwrap();
        std::fs::create_dir(&file).unwrap();
        assert_eq!(stopped(folder.path()).as_deref(), Some("it shows no time"));
    }
}
