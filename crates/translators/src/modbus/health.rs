//! Whether a unit lets itself be read, and what follows if it does not: it is asked apart, less and
//! less often, so that it costs its siblings little.
//!
//! Each reading is judged by its own answers alone. A board that answers one question says nothing
//! about another, and the echo of a writing nothing about any reading.

use std::time::Duration;

/// Time-outs in a row of one reading after which a unit is dead.
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

/// What an answer has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Nothing,
    /// The unit lets itself be read from here on, or no longer.
    Refusal,
    /// The unit was dead, and is no longer.
    Return,
}

/// One unit's health.
#[derive(Debug)]
pub(super) struct Health {
    /// `None`: it has no such reading.
    inputs: Option<Track>,
    coils: Option<Track>,
    dead: Option<Apart>,
    /// The last OFF was not answered.
    mute: bool,
}

/// How one reading goes.
#[derive(Debug, Clone, Copy, Default)]
struct Track {
    /// Time-outs since the last answer.
    misses: u32,
    /// It was answered; of a dead unit, in the probe that goes on.
    heard: bool,
    /// The last answer was an exception.
    refused: bool,
}

/// When a dead unit is asked next, and how long it waits after that.
#[derive(Debug, Clone, Copy)]
struct Apart {
    next: Duration,
    wait: Duration,
}

impl Health {
    /// Of a unit that has these readings, and was not heard yet.
    pub(super) fn new(inputs: bool, coils: bool) -> Self {
        let track = |there: bool| there.then(Track::default);
        Self { inputs: track(inputs), coils: track(coils), dead: None, mute: false }
    }

    /// Nothing of before counts.
    pub(super) fn forget(&mut self) {
        *self = Self::new(self.inputs.is_some(), self.coils.is_some());
    }

    fn tracks(&self) -> impl Iterator<Item = &Track> {
        [&self.inputs, &self.coils].into_iter().flatten()
    }

    fn track(&mut self, reading: Reading) -> Option<&mut Track> {
        match reading {
            Reading::Inputs => self.inputs.as_mut(),
            Reading::Coils => self.coils.as_mut(),
        }
    }

    /// A reading had no answer by `now`. True: the unit is dead from here on.
    pub(super) fn missed(&mut self, now: Duration, reading: Reading) -> bool {
        if self.dead.is_some() {
            self.mute = false;
            self.put_off(now);
            return false;
        }
        let Some(track) = self.track(reading) else { return false };
        track.misses += 1;
        if track.misses < MISSES {
            return false;
        }
        self.forget();
        self.dead = Some(Apart { next: now.saturating_add(FIRST_WAIT), wait: FIRST_WAIT });
        true
    }

    /// An OFF had no answer by `now`. It says nothing about the readings.
    pub(super) fn missed_off(&mut self, now: Duration) {
        self.mute = true;
        self.put_off(now);
    }

    /// An OFF was answered, be it with an exception. It says nothing about the readings.
    pub(super) const fn answered_off(&mut self) {
        self.mute = false;
    }

    /// A dead unit's probe has failed: what was answered in it does not count.
    fn put_off(&mut self, now: Duration) {
        let Some(apart) = &mut self.dead else { return };
        apart.wait = apart.wait.saturating_mul(2).min(LONGEST_WAIT);
        apart.next = now.saturating_add(apart.wait);
        for track in [&mut self.inputs, &mut self.coils].into_iter().flatten() {
            track.heard = false;
        }
    }

    /// A reading was answered, `refused`: with an exception. A dead unit is back once every reading
    /// that it has was answered in one probe.
    pub(super) fn answered(&mut self, reading: Reading, refused: bool) -> Change {
        let before = self.refuses();
        if let Some(track) = self.track(reading) {
            *track = Track { misses: 0, heard: true, refused };
        }
        if self.dead.is_some() && self.is_heard() {
            self.dead = None;
            return Change::Return;
        }
        if before == self.refuses() { Change::Nothing } else { Change::Refusal }
    }

    fn is_heard(&self) -> bool {
        self.tracks().all(|track| track.heard)
    }

    /// Whether any reading is answered with an exception.
    pub(super) fn refuses(&self) -> bool {
        self.tracks().any(|track| track.refused)
    }

    pub(super) const fn is_dead(&self) -> bool {
        self.dead.is_some()
    }

    /// Whether the last OFF was not answered: the next one may cost a time-out as well.
    pub(super) const fn is_mute(&self) -> bool {
        self.mute
    }

    /// When it is asked next, if it is dead.
    pub(super) fn probe_at(&self) -> Option<Duration> {
        self.dead.map(|apart| apart.next)
    }

    /// Whether it can be reached; `None`: not all of its readings were answered yet.
    pub(super) fn online(&self) -> Option<bool> {
        if self.dead.is_some() || self.refuses() {
            return Some(false);
        }
        self.is_heard().then_some(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Reading::{Coils, Inputs};

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn dead(now: Duration, reading: Reading) -> Health {
        let mut health = Health::new(true, true);
        while !health.missed(now, reading) {}
        health
    }

    #[test]
    fn three_in_a_row() {
        let mut health = Health::new(true, false);
        assert_eq!(health.online(), None);
        assert!(!health.missed(at(0), Inputs) && !health.missed(at(1), Inputs));
        health.answered(Inputs, false);
        assert_eq!(health.online(), Some(true));
        assert!(!health.missed(at(2), Inputs) && !health.missed(at(3), Inputs));
        assert_eq!(health.online(), Some(true));
        assert!(health.missed(at(4), Inputs));
        assert_eq!(health.online(), Some(false));
    }

    /// Neither the other reading's answers nor those to OFF speak for a reading.
    #[test]
    fn each_reading_is_counted_apart() {
        for (silent, answers) in [(Inputs, Coils), (Coils, Inputs)] {
            for refused in [false, true] {
                let mut health = Health::new(true, true);
                let mut misses = 0;
                loop {
                    health.answered(answers, refused);
                    health.answered_off();
                    misses += 1;
                    assert_ne!(health.online(), Some(true), "not all of it was heard");
                    if health.missed(at(misses), silent) {
                        break;
                    }
                }
                assert_eq!(misses, 3, "{silent:?}");
                // Misses of both do not add up.
                let mut health = Health::new(true, true);
                for _ in 0..2 {
                    assert!(!health.missed(at(0), silent) && !health.missed(at(0), answers));
                }
                assert!(health.missed(at(0), silent));
            }
        }
    }

    #[test]
    fn an_off_says_nothing() {
        let mut health = Health::new(false, true);
        health.answered_off();
        assert_eq!(health.online(), None, "its answer is no reading");
        for _ in 0..9 {
            health.missed_off(at(0));
        }
        assert!(health.is_mute() && !health.is_dead());
        health.answered_off();
        assert!(!health.is_mute());
        let mut health = dead(at(0), Coils);
        health.answered_off();
        assert!(health.is_dead());
        assert_eq!(health.probe_at(), Some(at(1)));
        health.missed_off(at(5));
        assert_eq!(health.probe_at(), Some(at(7)), "an OFF without an answer ends a probe");
        assert!(health.is_mute());
        health.missed(at(7), Inputs);
        assert!(!health.is_mute(), "they take turns");
    }

    #[test]
    fn all_readings_bring_it_back() {
        for silent in [Inputs, Coils] {
            let mut health = dead(at(0), silent);
            assert_eq!(health.answered(Inputs, false), Change::Nothing);
            assert!(health.is_dead());
            health.missed(at(1), Coils);
            assert_eq!(health.answered(Coils, false), Change::Nothing, "in one probe");
            assert_eq!(health.online(), Some(false));
            assert_eq!(health.answered(Inputs, false), Change::Return);
            assert_eq!((health.online(), health.probe_at()), (Some(true), None));
        }
        let mut health = dead(at(0), Inputs);
        assert_eq!(health.answered(Inputs, true), Change::Refusal);
        assert_eq!(health.answered(Coils, false), Change::Return, "an exception is an answer");
        assert_eq!(health.online(), Some(false));
    }

    #[test]
    fn waits_double_to_their_bound() {
        let mut now = at(10);
        let mut health = Health::new(true, false);
        while !health.missed(now, Inputs) {}
        let mut waits = Vec::new();
        for _ in 0..7 {
            let next = health.probe_at().unwrap();
            waits.push(next.saturating_sub(now).as_secs());
            now = next;
            assert!(!health.missed(now, Inputs), "it is dead already");
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
        health.answered(Inputs, false);
        assert_eq!(health.probe_at(), None);
        let mut miss = || health.missed(now, Inputs);
        assert!(!miss() && !miss() && miss());
        assert_eq!(health.probe_at(), Some(now + FIRST_WAIT));
    }

    #[test]
    fn a_unit_is_read_when_all_of_it_is() {
        let mut health = Health::new(true, true);
        assert_eq!(health.answered(Inputs, true), Change::Refusal);
        assert_eq!(health.answered(Coils, true), Change::Nothing);
        assert_eq!(health.answered(Inputs, false), Change::Nothing);
        assert_eq!(health.online(), Some(false));
        assert_eq!(health.answered(Coils, false), Change::Refusal);
        assert_eq!(health.online(), Some(true));
    }
}
