//! Turns: each act for a slice of time, then the next one, and again.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// How long one act runs before the next one's turn.
const SLICE: Duration = Duration::from_millis(10);
/// How often an act runs between two looks at the clock: so short that most batches of a busy machine
/// are not interrupted, and their median is none that was.
const BATCH: u32 = 16;

/// Nanoseconds of every act in every round.
pub struct Turns {
    rounds: Vec<Vec<f64>>,
}

impl Turns {
    pub fn new() -> Self {
        Self { rounds: Vec::new() }
    }

    /// One turn of each act. Every act must answer true, or it did not do its work.
    pub fn round(&mut self, acts: &mut [&mut dyn FnMut() -> bool]) {
        self.rounds.push(acts.iter_mut().map(|act| turn(*act)).collect());
    }

    pub fn rounds(&self) -> impl Iterator<Item = &[f64]> {
        self.rounds.iter().map(Vec::as_slice)
    }

    /// The median of an act.
    pub fn median(&self, act: usize) -> f64 {
        median(self.rounds().map(|round| at(round, act)))
    }

    /// The median over the rounds of one act beside the sum of others.
    pub fn ratio(&self, act: usize, others: &[usize]) -> f64 {
        median(self.rounds().map(|round| {
            at(round, act) / others.iter().map(|other| at(round, *other)).sum::<f64>()
        }))
    }
}

fn at(round: &[f64], act: usize) -> f64 {
    round.get(act).copied().unwrap_or(f64::NAN)
}

fn turn(act: &mut dyn FnMut() -> bool) -> f64 {
    let (start, mut batches, mut all) = (Instant::now(), Vec::new(), true);
    while start.elapsed() < SLICE {
        let batch = Instant::now();
        for _ in 0..BATCH {
            all &= black_box(act());
        }
        batches.push(batch.elapsed().as_secs_f64() * 1e9 / f64::from(BATCH));
    }
    if all { median(batches.into_iter()) } else { f64::NAN }
}

/// The middle one.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
