//! Seeded histories for a recorded disk.

use fastrand::Rng;

use crate::sample::{Pick, SORTS, SUBJECTS, VARIANTS, VENDORS};
use crate::steps::{End, Step};

fn pick(rng: &mut Rng) -> Pick {
    Pick { sort: rng.u8(..SORTS), vendor: rng.u8(..VENDORS), variant: rng.u8(..VARIANTS) }
}

fn append(rng: &mut Rng, most: usize) -> Step {
    let picks = (0..rng.usize(1..=most)).map(|_| pick(rng)).collect();
    Step::Append { picks, facts: rng.u8(..4), seen: rng.u8(..5), quarantine: rng.u8(..2) }
}

fn deliver(rng: &mut Rng) -> Step {
    let with = rng.bool().then(|| pick(rng));
    Step::Deliver { from: rng.u8(..3), each: rng.u8(1..3), most: rng.u16(..120), with }
}

fn reopen(rng: &mut Rng, bounds: &[u8]) -> Step {
    let end = if rng.bool() { End::Close } else { End::Drop };
    Step::Reopen { end, bounds: bounds[rng.usize(..bounds.len())] }
}

/// Days as they mostly are: commits of one event and of many, answers of the bus, folds, starts
/// and stops; history goes at times.
pub fn ordinary(seed: u64) -> Vec<Step> {
    let mut rng = Rng::with_seed(seed);
    let rng = &mut rng;
    (0..rng.usize(150..250))
        .map(|_| match rng.u8(..100) {
            0..45 => append(rng, 3),
            45..60 => append(rng, 30),
            60..85 => deliver(rng),
            85..90 => Step::Facts { facts: 2 },
            90..93 => Step::Seen { seen: rng.u16(1..900) },
            93..94 => Step::CloseRange,
            94..96 => Step::Refuse { which: rng.u16(..) },
            _ => reopen(rng, &[0, 0, 4, 5]),
        })
        .collect()
}

/// More than there is room for: events are given up and told of, history goes, commits are
/// refused.
pub fn crowded(seed: u64) -> Vec<Step> {
    let mut rng = Rng::with_seed(seed);
    let rng = &mut rng;
    let mut steps = vec![reopen(rng, &[1, 2])];
    steps.extend((0..rng.usize(40..60)).map(|_| match rng.u8(..100) {
        0..45 => Step::Fill { mix: rng.u8(1..8), commits: rng.u8(1..8), each: rng.u8(10..40) },
        45..55 => Step::Fill { mix: 15, commits: 4, each: 30 },
        55..75 => deliver(rng),
        75..80 => Step::CloseRange,
        80..90 => Step::Tell { pick: pick(rng) },
        90..95 => append(rng, 10),
        _ => reopen(rng, &[1, 2, 3, 6]),
    }));
    steps
}

/// Persons are erased amid other things.
pub fn erasing(seed: u64) -> Vec<Step> {
    let mut rng = Rng::with_seed(seed);
    let rng = &mut rng;
    let mut steps: Vec<Step> = (0..20).map(|_| append(rng, 20)).collect();
    for subject in 0..SUBJECTS {
        steps.push(deliver(rng));
        steps.push(Step::CloseRange);
        steps.push(Step::Erase { subject });
        // Of others only, so that nothing may be left of this one.
        let others = |rng: &mut Rng| Pick { sort: 4, ..pick(rng) };
        steps.extend((0..6).map(|_| Step::Append {
            picks: (0..rng.usize(1..20)).map(|_| others(rng)).collect(),
            facts: 0,
            seen: 1,
            quarantine: 0,
        }));
    }
    steps
}
