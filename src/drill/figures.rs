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
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    pub runs: usize,
    pub mean: f64,
    /// It is not greater than this, at 95 % (one-sided).
    pub upper: f64,
}

impl Difference {
    /// By Student's t: mean + t(0.95, n − 1) · s / √n. A percentile bootstrap of so few runs comes
    /// out too narrow, and differences of p99s have heavy tails, which widen `s` and so deny rather
    /// than admit. `None` for less than two runs, which say nothing of how far they scatter.
    pub fn of(differences: &[f64]) -> Option<Self> {
        let runs = differences.len();
        if runs < 2 {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "some dozens of runs")]
        let n = runs as f64;
        let mean = differences.iter().sum::<f64>() / n;
        let squares: f64 = differences.iter().map(|one| (one - mean).powi(2)).sum();
        let deviation = (squares / (n - 1.0)).sqrt();
        Some(Self { runs, mean, upper: mean + student_t(runs - 1) * deviation / n.sqrt() })
    }
}

/// The 95 % quantile of Student's t with so many degrees of freedom, from the usual tables; beyond
/// them the last one, which is a little too great.
fn student_t(freedom: usize) -> f64 {
    const TABLE: [f64; 30] = [
        6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833, 1.812, 1.796, 1.782, 1.771,
        1.761, 1.753, 1.746, 1.740, 1.734, 1.729, 1.725, 1.721, 1.717, 1.714, 1.711, 1.708, 1.706,
        1.703, 1.701, 1.699, 1.697,
    ];
    let index = freedom.clamp(1, TABLE.len()) - 1;
    TABLE.get(index).copied().unwrap_or(f64::INFINITY)
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
        // n = 4, mean 2.5, s = 1.291, t(3) = 2.353.
        let four = Difference::of(&[1.0, 2.0, 3.0, 4.0]).unwrap();
        assert!((four.mean - 2.5).abs() < 1e-9);
        assert!((four.upper - (2.5 + 2.353 * 1.290_994 / 2.0)).abs() < 1e-3, "{four:?}");
        assert_eq!(Difference::of(&[1.0]), None);
        assert!((student_t(19) - 1.729).abs() < 1e-9);
        assert!((student_t(500) - 1.697).abs() < 1e-9);
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
        fn the_bound_lies_above_the_mean_and_follows_a_shift(
            samples in proptest::collection::vec(-1e3..1e3_f64, 2..60),
            shift in -1e3..1e3_f64,
        ) {
            let one = Difference::of(&samples).unwrap();
            prop_assert!(one.upper >= one.mean);
            let moved: Vec<f64> = samples.iter().map(|sample| sample + shift).collect();
            let other = Difference::of(&moved).unwrap();
            prop_assert!((other.upper - one.upper - shift).abs() < 1e-6);
        }
    }
}
