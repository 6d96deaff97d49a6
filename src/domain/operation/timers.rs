//! How long things may take at an entry: its configured times, with their defaults and floors.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The shortest warning before a door closes unattended, in seconds (16 CFR 1211.14). No
/// configuration goes below it.
pub const PRE_CLOSE_WARNING_FLOOR_S: u32 = 5;

/// The longest time that can be configured, in seconds: a day. A longer one counts as this.
pub const LONGEST_TIMER_S: u32 = 86_400;

/// How long a request to exit, or an operation at the device, explains that the door opens.
pub const EXPLAINED_FOR: Duration = Duration::from_secs(10);

/// How long an opening that nothing explains waits for an explanation, since who operated a lock is
/// often told after the door has opened. Then it is `forced_open`.
pub const EXPLANATION_WAIT: Duration = Duration::from_secs(5);

/// The times of one entry, in seconds. They are configuration: a command and a visit keep those that
/// they began with, a door is handed them each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Timers {
    /// How long the entry stays released after a command, unless it is opened.
    pub release_s: u32,
    /// How long it may be open until `held_open`.
    pub open_s: u32,
    /// How long before that `held_open_warning` comes.
    pub pre_alarm_s: u32,
    /// How long after closing, or after an unused release, the lock may take to be locked.
    pub relock_delay_s: u32,
    /// How long people are warned before a remote close; at least [`PRE_CLOSE_WARNING_FLOOR_S`].
    pub pre_close_warning_s: u32,
    /// How long the leaf may move from end to end.
    pub travel_max_s: u32,
    /// How long a command may take to be confirmed, after the leaf's travel where it moves one.
    pub confirm_s: u32,
    /// How long a fact may be stale before the machine takes it for unknown.
    pub stale_s: u32,
    /// When a visit ends at the latest.
    pub visit_max_s: u32,
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            release_s: 30,
            open_s: 120,
            pre_alarm_s: 30,
            relock_delay_s: 30,
            pre_close_warning_s: PRE_CLOSE_WARNING_FLOOR_S,
            travel_max_s: 30,
            confirm_s: 15,
            stale_s: 60,
            visit_max_s: 300,
        }
    }
}

impl Timers {
    pub fn release(&self) -> Duration {
        seconds(self.release_s)
    }

    pub fn open(&self) -> Duration {
        seconds(self.open_s)
    }

    /// From opening to the warning: nothing where the warning is as long as the whole.
    pub fn until_open_warning(&self) -> Duration {
        self.open().saturating_sub(seconds(self.pre_alarm_s))
    }

    pub fn relock_delay(&self) -> Duration {
        seconds(self.relock_delay_s)
    }

    /// At least the floor, whatever is configured.
    pub fn pre_close_warning(&self) -> Duration {
        seconds(self.pre_close_warning_s.max(PRE_CLOSE_WARNING_FLOOR_S))
    }

    pub fn travel_max(&self) -> Duration {
        seconds(self.travel_max_s)
    }

    pub fn confirm(&self) -> Duration {
        seconds(self.confirm_s)
    }

    pub fn stale(&self) -> Duration {
        seconds(self.stale_s)
    }

    pub fn visit_max(&self) -> Duration {
        seconds(self.visit_max_s)
    }
}

fn seconds(configured: u32) -> Duration {
    Duration::from_secs(configured.min(LONGEST_TIMER_S).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_configuration_lowers_the_floor() {
        for configured in [0, 1, 4, 5] {
            let timers = Timers { pre_close_warning_s: configured, ..Timers::default() };
            assert_eq!(timers.pre_close_warning(), Duration::from_secs(5));
        }
        let timers = Timers { pre_close_warning_s: 9, ..Timers::default() };
        assert_eq!(timers.pre_close_warning(), Duration::from_secs(9));
    }

    #[test]
    fn a_longer_time_than_a_day_is_a_day() {
        let timers = Timers { visit_max_s: u32::MAX, ..Timers::default() };
        assert_eq!(timers.visit_max(), Duration::from_secs(86_400));
    }

    #[test]
    fn a_warning_longer_than_the_whole_comes_at_once() {
        let timers = Timers { open_s: 20, pre_alarm_s: 60, ..Timers::default() };
        assert_eq!(timers.until_open_warning(), Duration::ZERO);
    }
}
