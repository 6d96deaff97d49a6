//! Whether a vendor's commands are worth sending: where several in a row had no answer, the next
//! courier is refused at once instead of waiting for a time-out. One device that is dead is not its
//! vendor's fault.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::domain::ids::EndpointId;

/// So many commands in a row without an answer suspend them.
pub const SILENT: u32 = 5;
/// How long they are suspended at first; twice as long each time that the first one after it is
/// not answered either.
pub const FIRST: Duration = Duration::from_secs(30);
/// The longest that they are.
pub const LONGEST: Duration = Duration::from_secs(600);
/// Devices that are told apart; one more is as good as these.
const MAX_DEVICES: usize = 16;

/// One vendor's commands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Commands {
    silent: u32,
    devices: BTreeSet<EndpointId>,
    /// Since when, and until when, monotonic. Past its end the next command is a trial.
    suspended: Option<Suspension>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Suspension {
    since: Duration,
    until: Duration,
    length: Duration,
}

/// What a command's end changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turned {
    /// Commands are refused from now on; so many in a row had no answer.
    Suspended(u32),
    /// They are sent again, after so long.
    Resumed(Duration),
}

impl Commands {
    /// Whether a command may be sent at `now`, monotonic.
    pub fn are_served(&self, now: Duration) -> bool {
        self.suspended.is_none_or(|suspension| suspension.until <= now)
    }

    /// Whether they were suspended and no answer came since.
    pub fn are_suspended(&self) -> bool {
        self.suspended.is_some()
    }

    /// A device answered a command, or was seen to do it.
    pub fn answered(&mut self, now: Duration) -> Option<Turned> {
        self.silent = 0;
        self.devices.clear();
        let suspension = self.suspended.take()?;
        Some(Turned::Resumed(now.saturating_sub(suspension.since)))
    }

    /// Nothing was heard of a command to `endpoint`. `acting`: how many of the vendor's devices may
    /// be commanded at all.
    pub fn unanswered(
        &mut self,
        now: Duration,
        endpoint: &EndpointId,
        acting: usize,
    ) -> Option<Turned> {
        self.silent = self.silent.saturating_add(1);
        if self.devices.len() < MAX_DEVICES {
            self.devices.insert(endpoint.clone());
        }
        if let Some(suspension) = &mut self.suspended {
            // One that was on its way when they were suspended says nothing new.
            if suspension.until <= now {
                suspension.length = (suspension.length * 2).min(LONGEST);
                suspension.until = now + suspension.length;
            }
            return None;
        }
        if self.silent < SILENT || self.devices.len() < acting.clamp(1, 2) {
            return None;
        }
        self.suspended = Some(Suspension { since: now, until: now + FIRST, length: FIRST });
        Some(Turned::Suspended(self.silent))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn device(number: u8) -> EndpointId {
        EndpointId::new(format!("z:{number}").as_str())
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn several_silent_devices_suspend_the_vendor_and_an_answer_ends_it() {
        let mut commands = Commands::default();
        for number in 0..4 {
            assert_eq!(commands.unanswered(at(1), &device(number % 2), 9), None);
        }
        assert_eq!(commands.unanswered(at(2), &device(0), 9), Some(Turned::Suspended(5)));
        assert!(!commands.are_served(at(31)));
        assert!(commands.are_served(at(32)));
        assert_eq!(commands.unanswered(at(40), &device(1), 9), None);
        assert!(!commands.are_served(at(99)) && commands.are_served(at(100)));
        assert_eq!(commands.answered(at(101)), Some(Turned::Resumed(at(99))));
        assert_eq!(commands, Commands::default());
    }

    #[test]
    fn one_dead_device_suspends_nobody_else() {
        let mut commands = Commands::default();
        for second in 0..100 {
            assert_eq!(commands.unanswered(at(second), &device(0), 2), None);
        }
        // Where it is the only one, it is the vendor.
        assert_eq!(commands.unanswered(at(100), &device(0), 1), Some(Turned::Suspended(101)));
    }

    proptest! {
        #[test]
        fn a_suspension_always_ends_in_time(
            steps in prop::collection::vec((0u64..700, 0u8..4, any::<bool>()), 1..60)
        ) {
            let mut commands = Commands::default();
            let mut now = Duration::ZERO;
            for (passed, number, answers) in steps {
                now += at(passed);
                if answers {
                    commands.answered(now);
                    prop_assert!(commands.are_served(now));
                } else {
                    commands.unanswered(now, &device(number), 4);
                }
                prop_assert!(commands.are_served(now + LONGEST));
                prop_assert!(commands.devices.len() <= MAX_DEVICES);
            }
        }
    }
}
