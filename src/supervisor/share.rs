//! How much of the processor a vendor's process takes. Where no cgroup bounds that, this does: a
//! process that takes more than any translator needs is ended.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::spawn::Cause;

/// It is looked at this often.
const LOOK: Duration = Duration::from_secs(1);
/// More than one thread's worth for this long is nothing that a vendor's one loop could take.
const BURST: Limit = Limit { over: Duration::from_secs(3), cores: 1.5 };
/// A whole core for this long is no work that devices make.
const LASTING: Limit = Limit { over: Duration::from_secs(60), cores: 0.9 };

/// So many cores' time over such a stretch.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Limit {
    over: Duration,
    cores: f64,
}

/// What a process had taken when it was looked at, oldest first; as far back as a limit reaches.
#[derive(Debug, Default)]
struct Looks(VecDeque<(Duration, Duration)>);

impl Looks {
    /// At `at` it had taken `taken` in all, both monotonic. `Some`: the limit that it is over.
    fn look(&mut self, at: Duration, taken: Duration) -> Option<Limit> {
        self.0.push_back((at, taken));
        while self.0.get(1).is_some_and(|(second, _)| at.saturating_sub(*second) >= LASTING.over) {
            self.0.pop_front();
        }
        [BURST, LASTING].into_iter().find(|limit| {
            // The newest look that is old enough.
            let begun =
                self.0.iter().rev().find(|(then, _)| at.saturating_sub(*then) >= limit.over);
            begun.is_some_and(|(then, before)| {
                let passed = at.saturating_sub(*then).as_secs_f64();
                taken.saturating_sub(*before).as_secs_f64() > limit.cores * passed
            })
        })
    }
}

/// Returns when the process is over its share; never where its times cannot be read.
pub(super) async fn exceeded(pid: Option<u32>) -> Cause {
    let Some(pid) = pid else { return std::future::pending().await };
    let begun = Instant::now();
    let mut looks = Looks::default();
    let mut pace = tokio::time::interval(LOOK);
    pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        pace.tick().await;
        let Ok(Some(taken)) = tokio::task::spawn_blocking(move || taken(pid)).await else {
            // It has ended, or nobody may look: its link says the first.
            return std::future::pending().await;
        };
        if let Some(limit) = looks.look(begun.elapsed(), taken) {
            let percent = limit.cores * 100.0;
            let seconds = limit.over.as_secs();
            let detail = format!("over {percent:.0} % of a processor for {seconds} s");
            return Cause { word: "cpu_share", detail };
        }
    }
}

/// The processor's time that all its threads took (proc(5), `/proc/PID/stat`).
fn taken(pid: u32) -> Option<Duration> {
    parse(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

fn parse(stat: &str) -> Option<Duration> {
    // The name in parentheses may hold anything.
    let (_, after) = stat.rsplit_once(')')?;
    let mut fields = after.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    let (user, system) = (ticks()?, ticks()?);
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    Some(Duration::from_millis(user.saturating_add(system).saturating_mul(1000) / per_second))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The second at which a process that takes `cores` is over a limit, in a look a second.
    fn over_after(cores: f64, most: u64) -> Option<u64> {
        let mut looks = Looks::default();
        (0..=most).find(|second| {
            let at = Duration::from_secs(*second);
            looks.look(at, at.mul_f64(cores)).is_some()
        })
    }

    #[test]
    fn spinning_threads_are_over_within_three_seconds_and_one_within_a_minute() {
        assert_eq!(over_after(2.0, 100), Some(3));
        assert_eq!(over_after(1.0, 100), Some(60));
        assert_eq!(over_after(0.85, 1000), None);
    }

    #[test]
    fn a_busy_moment_is_none() {
        let mut looks = Looks::default();
        let mut taken = Duration::ZERO;
        for second in 0..600 {
            // Two seconds of two cores in every twenty.
            let busy = if second % 20 < 2 { 2.0 } else { 0.3 };
            taken += Duration::from_secs_f64(busy);
            assert_eq!(looks.look(Duration::from_secs(second), taken), None, "{second}");
        }
        assert!(looks.0.len() <= 62, "{}", looks.0.len());
    }

    #[test]
    fn the_times_of_a_process_are_read_whatever_its_name() {
        let ticks = rustix::param::clock_ticks_per_second();
        let stat = format!("7 (a) b (c) S 1 7 7 0 -1 0 0 0 0 0 {ticks} {ticks} 0 0 20 0 1 0");
        assert_eq!(parse(&stat), Some(Duration::from_secs(2)));
        assert_eq!(parse("7 (a"), None);
        assert_eq!(parse(""), None);
        assert!(taken(std::process::id()).is_some());
    }
}
