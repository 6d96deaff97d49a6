//! What goes wrong on a bus, on demand or by chance.

use std::time::Duration;

use fastrand::Rng;

use crate::bus::Outcome;

/// What goes wrong with one call of [`Memory`](super::Memory).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    Nothing,
    /// The whole call is throttled: nothing is accepted.
    Throttled,
    /// Every other entry is throttled, beginning with the second.
    Partial,
    /// Everything is accepted and delivered, and the caller is told of a time-out.
    AnswerLost,
    /// Everything is delivered twice, one time after the other.
    Duplicated,
    /// Each delivery overtakes up to so many that wait already, by chance.
    Reordered {
        /// The most deliveries that are overtaken.
        window: usize,
    },
    /// Deliveries come after so much of tokio's time; later ones do not wait for them.
    Delayed(Duration),
}

/// What goes wrong by chance, the same with the same seed and the same calls. Chances are from 0
/// to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Chaos {
    /// Where chance begins.
    pub seed: u64,
    /// That a whole call is throttled.
    pub throttled_calls: f64,
    /// That an entry is throttled.
    pub throttled_entries: f64,
    /// That a call is carried out and its answer lost.
    pub lost_answers: f64,
    /// That an entry is delivered twice.
    pub duplicates: f64,
    /// The most deliveries that one overtakes; 0: order is kept.
    pub reorder_window: usize,
    /// The longest that a delivery takes; zero: none waits.
    pub longest_delay: Duration,
}

impl Chaos {
    /// Nothing goes wrong; the place to start from.
    pub fn none(seed: u64) -> Self {
        Self {
            seed,
            throttled_calls: 0.0,
            throttled_entries: 0.0,
            lost_answers: 0.0,
            duplicates: 0.0,
            reorder_window: 0,
            longest_delay: Duration::ZERO,
        }
    }

    /// Everything goes wrong now and then.
    pub fn all(seed: u64) -> Self {
        Self {
            throttled_calls: 0.1,
            throttled_entries: 0.1,
            lost_answers: 0.1,
            duplicates: 0.1,
            reorder_window: 8,
            longest_delay: Duration::from_secs(5),
            ..Self::none(seed)
        }
    }
}

/// What happens to a call as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Works,
    Throttled,
    AnswerLost,
}

/// What happens to one entry of a call that is not throttled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fate {
    pub(super) throttled: bool,
    pub(super) copies: usize,
    pub(super) window: usize,
    pub(super) delay: Duration,
}

/// The fates of one call: a scripted fault if there is one, chance otherwise.
pub(super) fn fates(
    fault: Option<&Fault>,
    chaos: Option<(&Chaos, &mut Rng)>,
    entries: usize,
) -> (Call, Vec<Fate>) {
    let even = Fate { throttled: false, copies: 1, window: 0, delay: Duration::ZERO };
    let of_all = |fate| vec![fate; entries];
    match (fault, chaos) {
        (Some(Fault::Nothing), _) | (None, None) => (Call::Works, of_all(even)),
        (Some(Fault::Throttled), _) => (Call::Throttled, of_all(even)),
        (Some(Fault::AnswerLost), _) => (Call::AnswerLost, of_all(even)),
        (Some(Fault::Duplicated), _) => (Call::Works, of_all(Fate { copies: 2, ..even })),
        (Some(Fault::Reordered { window }), _) => {
            (Call::Works, of_all(Fate { window: *window, ..even }))
        }
        (Some(Fault::Delayed(delay)), _) => (Call::Works, of_all(Fate { delay: *delay, ..even })),
        (Some(Fault::Partial), _) => {
            let fate = |n: usize| Fate { throttled: !n.is_multiple_of(2), ..even };
            (Call::Works, (0..entries).map(fate).collect())
        }
        (None, Some((chaos, rng))) => {
            let call = if rng.f64() < chaos.throttled_calls {
                Call::Throttled
            } else if rng.f64() < chaos.lost_answers {
                Call::AnswerLost
            } else {
                Call::Works
            };
            let fate = |_| Fate {
                throttled: rng.f64() < chaos.throttled_entries,
                copies: if rng.f64() < chaos.duplicates { 2 } else { 1 },
                window: chaos.reorder_window,
                delay: chaos.longest_delay.mul_f64(rng.f64()),
            };
            (call, (0..entries).map(fate).collect())
        }
    }
}

pub(super) fn throttled() -> Outcome {
    Outcome::Retry {
        code: "ThrottlingException".to_owned(),
        message: "the bus in memory was told to throttle".to_owned(),
    }
}

pub(super) fn answer_lost() -> Outcome {
    Outcome::Retry { code: "Timeout".to_owned(), message: "the answer was lost".to_owned() }
}
