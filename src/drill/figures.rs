//! Figures of samples: quantiles, and how far a difference that was measured again and again may
//! really lie.

use serde::{Deserialize, Serialize};

/// What is kept of some samples, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    pub count: usize,
    pub p50: f64,
    pub p99: f64,
    pub most: f64,
}

impl Summary {
    /// `None` where there is no sample.
    pub fn of(samples: &[f64]) -> Option<Self> {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        Some(Self {
            count: sorted.len(),
            p50: quantile(&sorted, 0.5)?,
            p99: quantile(&sorted, 0.99)?,
            most: *sorted.last()?,
        })
    }
}

/// The smallest sample that at least `part` of all do not exceed (nearest rank); `part` in 0..=1.
pub fn quantile(sorted: &[f64], part: f64) -> Option<f64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a rank of a slice"
    )]
    let rank = (part.clamp(0.0, 1.0) * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

/// The middle sample.
pub fn median(samples: &[f64]) -> Option<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    quantile(&sorted, 0.5)
}

/// What a difference comes to over several runs.
///
/// By Wilcoxon's signed ranks: what counts is the means of all pairs of runs. A p99 over some
/// seconds has heavy tails on a machine that others use as well: one stall of its disk in one run
/// decides a mean, and hides or feigns what returns in every run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    pub runs: usize,
    /// The middle of the means of all pairs (Hodges and Lehmann's estimate).
    pub typical: f64,
    /// It is not greater than this, at 95 % (one-sided).
    pub upper: f64,
    /// The plain mean, which single runs may decide; not judged.
    pub mean: f64,
}

/// The chance that is left of a difference beyond the bound.
const CHANCE: f64 = 0.05;
/// The fewest runs that can tell anything at that chance: 1/2⁵ is below it, 1/2⁴ is not.
const FEWEST: usize = 5;

impl Difference {
    /// `None` for less than five runs, which bound nothing at 95 %.
    pub fn of(differences: &[f64]) -> Option<Self> {
        let runs = differences.len();
        if runs < FEWEST {
            return None;
        }
        let mut pairs: Vec<f64> = differences
            .iter()
            .enumerate()
            .flat_map(|(first, one)| {
                differences.iter().skip(first).map(move |other| f64::midpoint(*one, *other))
            })
            .collect();
        pairs.sort_by(f64::total_cmp);
        let half = pairs.len() / 2;
        let typical = f64::midpoint(*pairs.get(half)?, *pairs.get(pairs.len() - 1 - half)?);
        let upper = *pairs.get(pairs.len() - 1 - rank_sum_below(runs))?;
        #[expect(clippy::cast_precision_loss, reason = "some dozens of runs")]
        let mean = differences.iter().sum::<f64>() / runs as f64;
        Some(Self { runs, typical, upper, mean })
    }
}

/// The greatest sum of ranks of the positive among `runs` differences around nothing that has, with
/// all smaller ones together, at most the chance [`CHANCE`]. At least [`FEWEST`] runs.
fn rank_sum_below(runs: usize) -> usize {
    // The distribution: each rank is in the sum or not, with equal chances.
    let mut chances = vec![1.0_f64];
    for rank in 1..=runs {
        let mut next = vec![0.0; chances.len() + rank];
        for (sum, chance) in chances.iter().enumerate() {
            for at in [sum, sum + rank] {
                if let Some(chances) = next.get_mut(at) {
                    *chances += chance / 2.0;
                }
            }
        }
        chances = next;
    }
    let mut so_far = 0.0;
    let beyond = chances.iter().position(|chance| {
        so_far += chance;
        so_far > CHANCE
    });
    beyond.unwrap_or_default().saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quantiles_are_samples_by_nearest_rank() {
        let sorted: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(quantile(&sorted, 0.5), Some(50.0));
        assert_eq!(quantile(&sorted, 0.99), Some(99.0));
        assert_eq!(quantile(&sorted, 1.0), Some(100.0));
        assert_eq!(quantile(&sorted[..1], 0.0), Some(1.0));
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(Summary::of(&[]), None);
        let few = Summary::of(&[3.0, 1.0, 2.0]).unwrap();
        assert_eq!(few, Summary { count: 3, p50: 2.0, p99: 3.0, most: 3.0 });
    }

    #[test]
    fn the_bound_is_that_of_the_books() {
        // The critical values of the signed-rank test, one-sided at 5 %.
        for (runs, value) in [(5, 0), (6, 2), (7, 3), (10, 10), (15, 30), (20, 60), (30, 151)] {
            assert_eq!(rank_sum_below(runs), value, "{runs} runs");
        }
        // Means of pairs: 1, 1.5, 2, 2, 2.5, 2.5, 3, 3, 3, 3.5, 3.5, 4, 4, 4.5, 5.
        let five = Difference::of(&[1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        assert_eq!(five, Difference { runs: 5, typical: 3.0, upper: 5.0, mean: 3.0 });
        assert_eq!(Difference::of(&[1.0; 4]), None);
    }

    #[test]
    fn one_stall_of_the_machine_decides_nothing_and_what_returns_does() {
        let mut quiet: Vec<f64> = (0..20).map(|run| f64::from(run % 5) / 10.0 - 0.2).collect();
        quiet[7] = 214.0;
        let stalled = Difference::of(&quiet).unwrap();
        assert!(stalled.upper < 0.3 && stalled.mean > 10.0, "{stalled:?}");
        let shifted: Vec<f64> = quiet.iter().map(|run| run + 3.0).collect();
        assert!(Difference::of(&shifted).unwrap().upper > 3.0);
    }

    proptest! {
        #[test]
        fn a_quantile_is_a_sample_and_grows_with_its_part(
            mut samples in proptest::collection::vec(-1e6..1e6_f64, 1..200),
            (low, high) in (0.0..1.0_f64, 0.0..1.0_f64),
        ) {
            samples.sort_by(f64::total_cmp);
            let (low, high) = (low.min(high), low.max(high));
            let (below, above) = (quantile(&samples, low).unwrap(), quantile(&samples, high).unwrap());
            prop_assert!(samples.contains(&below) && below <= above);
            #[expect(clippy::cast_precision_loss)]
            let reached = samples.iter().filter(|one| **one <= above).count() as f64;
            #[expect(clippy::cast_precision_loss)]
            let wanted = high * samples.len() as f64;
            prop_assert!(reached >= wanted);
        }

        #[test]
        fn the_bound_lies_above_the_estimate_and_follows_a_shift(
            samples in proptest::collection::vec(-1e3..1e3_f64, 5..60),
            shift in -1e3..1e3_f64,
        ) {
            let one = Difference::of(&samples).unwrap();
            prop_assert!(one.upper >= one.typical);
            let moved: Vec<f64> = samples.iter().map(|sample| sample + shift).collect();
            let other = Difference::of(&moved).unwrap();
            prop_assert!((other.upper - one.upper - shift).abs() < 1e-6);
        }
    }
}
