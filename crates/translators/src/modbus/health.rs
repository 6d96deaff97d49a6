//! Whether a unit answers, and what follows if it does not: it is asked apart, less and less often,
//! so that it costs its siblings little; and whether it lets itself be read.

use std::time::Duration;

/// Time-outs in a row after which a unit is dead.
pub(super) const MISSES: u32 = 3;

/// From a dead unit's last request to its next, at first; it doubles with each.
pub(super) const FIRST_WAIT: Duration = Duration::from_secs(1);

/// The longest of these.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What of a unit is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    Inputs,
    Coils,
}

/// One unit's health.
#[derive(Debug, Default)]
pub(super) struct Health {
    heard: bool,
    misses: u32,
    dead: Option<Apart>,
    inputs_refused: bool,
    coils_refused: bool,
}

/// When a dead unit is asked next, and how long it waits after that.
#[derive(Debug, Clone, Copy)]
struct Apart {
    next: Duration,
    wait: Duration,
}

impl Health {
    /// A request had no answer by `now`. True: the unit is dead from here on.
    pub(super) fn missed(&mut self, now: Duration) -> bool {
        if let Some(apart) = &mut self.dead {
            apart.wait = apart.wait.saturating_mul(2).min(LONGEST_WAIT);
            apart.next = now.saturating_add(apart.wait);
            return false;
        }
        self.misses += 1;
        if self.misses < MISSES {
            return false;
        }
        self.dead = Some(Apart { next: now.saturating_add(FIRST_WAIT), wait: FIRST_WAIT });
        true
    }

    /// An answer came, be it an exception.
    pub(super) fn answered(&mut self) {
        self.heard = true;
        self.misses = 0;
        self.dead = None;
    }

    /// Whether a reading was answered with an exception. True: the unit lets itself be read from
    /// here on, or no longer.
    pub(super) fn was_read(&mut self, reading: Reading, refused: bool) -> bool {
        let before = self.refuses();
        match reading {
            Reading::Inputs => self.inputs_refused = refused,
            Reading::Coils => self.coils_refused = refused,
        }
        before != self.refuses()
    }

    /// Whether any reading is answered with an exception.
    pub(super) const fn refuses(&self) -> bool {
        self.inputs_refused || self.coils_refused
    }

    pub(super) const fn is_dead(&self) -> bool {
        self.dead.is_some()
    }

    /// When it is asked next, if it is dead.
    pub(super) fn probe_at(&self) -> Option<Duration> {
        self.dead.map(|apart| apart.next)
    }

    /// Whether it can be reached; `None`: it was not heard yet.
    pub(super) const fn online(&self) -> Option<bool> {
        if self.dead.is_some() {
            return Some(false);
        }
        if self.heard { Some(!self.refuses()) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn three_in_a_row() {
        let mut health = Health::default();
        assert_eq!(health.online(), None);
        assert!(!health.missed(at(0)) && !health.missed(at(1)));
        health.answered();
        assert_eq!(health.online(), Some(true));
        assert!(!health.missed(at(2)) && !health.missed(at(3)));
        assert_eq!(health.online(), Some(true));
        assert!(health.missed(at(4)));
        assert_eq!(health.online(), Some(false));
    }

    #[test]
    fn waits_double_to_their_bound() {
        let mut health = Health::default();
        let mut now = at(10);
        while !health.missed(now) {}
        let mut waits = Vec::new();
        for _ in 0..7 {
            let next = health.probe_at().unwrap();
            waits.push(next.saturating_sub(now).as_secs());
            now = next;
            assert!(!health.missed(now), "it is dead already");
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
        health.answered();
        assert_eq!(health.probe_at(), None);
        assert!(!health.missed(now) && !health.missed(now) && health.missed(now));
        assert_eq!(health.probe_at(), Some(now + FIRST_WAIT));
    }

    #[test]
    fn a_unit_is_read_when_all_of_it_is() {
        let mut health = Health::default();
        health.answered();
        assert!(health.was_read(Reading::Inputs, true));
        assert!(!health.was_read(Reading::Coils, true));
        assert!(!health.was_read(Reading::Inputs, false));
        assert_eq!(health.online(), Some(false));
        assert!(health.was_read(Reading::Coils, false));
        assert_eq!(health.online(), Some(true));
    }
}
