//! Where times lie.

use std::time::Duration;

/// Times of one kind.
#[derive(Debug, Default)]
pub struct Quantiles(Vec<Duration>);

impl Quantiles {
    /// One more.
    pub fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// Milliseconds that this part of the times does not exceed; not a number where there are none.
    pub fn at(&self, part: f64) -> f64 {
        let mut times = self.0.clone();
        times.sort_unstable();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            clippy::cast_sign_loss,
            reason = "a place in a list of some thousands"
        )]
        let place = (part * times.len() as f64).ceil() as usize;
        let time = times.get(place.saturating_sub(1));
        time.map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
    }

    /// A row of a table: the name, the median, the 90th and 99th of a hundred, and the longest.
    pub fn row(&self, name: &str) -> String {
        let [p50, p90, p99, most] = [0.5, 0.9, 0.99, 1.0].map(|part| self.at(part));
        format!("| {name} | {p50:.2} | {p90:.2} | {p99:.2} | {most:.2} |")
    }
}
