//! What a vendor's process takes of the machine: the processor, and threads. Where no control group
//! bounds that, this does: a process that takes more than any translator needs is ended.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::spawn::Cause;

/// It is looked at this often.
const LOOK: Duration = Duration::from_secs(1);
/// Its one loop does all its work. So much for this long in other threads is none of its own,
/// however busy the machine is otherwise.
const BESIDE: Limit = Limit { over: Duration::from_secs(2), cores: 0.3 };
/// A whole core for this long is no work that devices make.
const LASTING: Limit = Limit { over: Duration::from_secs(60), cores: 0.9 };
/// Its loop, and some for names that are looked up.
const THREADS: u64 = 32;

/// So many cores' time over such a stretch.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Limit {
    over: Duration,
    cores: f64,
}

/// What a process had taken when it was looked at: by all its threads, and by its first one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Taken {
    all: Duration,
    first: Duration,
}

impl Taken {
    fn beside(self) -> Duration {
        self.all.saturating_sub(self.first)
    }
}

/// Looks, oldest first; as far back as a limit reaches.
#[derive(Debug, Default)]
struct Looks(VecDeque<(Duration, Taken)>);

impl Looks {
    /// What it had taken at `at`, monotonic. `Some`: in words, what it is over.
    fn look(&mut self, at: Duration, taken: Taken) -> Option<String> {
        self.0.push_back((at, taken));
        while self.0.get(1).is_some_and(|(second, _)| at.saturating_sub(*second) >= LASTING.over) {
            self.0.pop_front();
        }
        if self.is_over(BESIDE, at, Taken::beside) {
            let (percent, seconds) = (BESIDE.cores * 100.0, BESIDE.over.as_secs());
            return Some(format!(
                "over {percent:.0} % of a processor for {seconds} s in threads beside its loop"
            ));
        }
        self.is_over(LASTING, at, |taken| taken.all).then(|| {
            let (percent, seconds) = (LASTING.cores * 100.0, LASTING.over.as_secs());
            format!("over {percent:.0} % of a processor for {seconds} s")
        })
    }

    fn is_over(&self, limit: Limit, at: Duration, of: impl Fn(Taken) -> Duration) -> bool {
        let newest = self.0.back().map(|(_, taken)| of(*taken)).unwrap_or_default();
        // The newest look that is old enough.
        let begun = self.0.iter().rev().find(|(then, _)| at.saturating_sub(*then) >= limit.over);
        begun.is_some_and(|(then, before)| {
            let passed = at.saturating_sub(*then).as_secs_f64();
            newest.saturating_sub(of(*before)).as_secs_f64() > limit.cores * passed
        })
    }
}

/// Returns when the process is over its share; never where that cannot be read.
pub(super) async fn exceeded(pid: Option<u32>) -> Cause {
    let Some(pid) = pid else { return std::future::pending().await };
    let begun = Instant::now();
    let mut looks = Looks::default();
    let mut pace = tokio::time::interval(LOOK);
    pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        pace.tick().await;
        let Ok(Some((taken, threads))) = tokio::task::spawn_blocking(move || read(pid)).await
        else {
            // It has ended, or nobody may look: its link says the first.
            return std::future::pending().await;
        };
        if threads > THREADS {
            let detail = format!("{threads} threads, at most {THREADS}");
            return Cause { word: "threads", detail };
        }
        if let Some(detail) = looks.look(begun.elapsed(), taken) {
            return Cause { word: "cpu_share", detail };
        }
    }
}

fn read(pid: u32) -> Option<(Taken, u64)> {
    let (all, threads) = parse(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?;
    let first = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/stat")).ok()?;
    let (first, _) = parse(&first)?;
    Some((Taken { all, first }, threads))
}

/// The processor's time that was taken, and the threads that there are (proc(5), `/proc/PID/stat`).
fn parse(stat: &str) -> Option<(Duration, u64)> {
    // The name in parentheses may hold anything.
    let (_, after) = stat.rsplit_once(')')?;
    let mut fields = after.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    let (user, system) = (next()?, next()?);
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    let taken = user.saturating_add(system).saturating_mul(1000) / per_second;
    let threads = fields.nth(4)?.parse().ok()?;
    Some((Duration::from_millis(taken), threads))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The second at which a process is over a limit whose threads take so many cores, looked at
    /// each second.
    fn over_after(first: f64, beside: f64, most: u64) -> Option<u64> {
        let mut looks = Looks::default();
        (0..=most).find(|second| {
            let at = Duration::from_secs(*second);
            let (first, beside) = (at.mul_f64(first), at.mul_f64(beside));
            looks.look(at, Taken { all: first + beside, first }).is_some()
        })
    }

    #[test]
    fn threads_beside_the_loop_are_over_within_two_seconds_and_the_loop_within_a_minute() {
        assert_eq!(over_after(0.1, 0.4, 100), Some(2));
        assert_eq!(over_after(1.0, 0.0, 100), Some(60));
        assert_eq!(over_after(0.85, 0.02, 1000), None);
    }

    #[test]
    fn a_busy_moment_is_none() {
        let mut looks = Looks::default();
        let (mut first, mut beside) = (Duration::ZERO, Duration::ZERO);
        for second in 0..600 {
            // A second of a whole core and some of another in every twenty.
            let busy = second % 20 < 1;
            first += Duration::from_secs_f64(if busy { 1.0 } else { 0.3 });
            beside += Duration::from_secs_f64(if busy { 0.4 } else { 0.0 });
            let taken = Taken { all: first + beside, first };
            assert_eq!(looks.look(Duration::from_secs(second), taken), None, "{second}");
        }
        assert!(looks.0.len() <= 62, "{}", looks.0.len());
    }

    #[test]
    fn the_times_of_a_process_are_read_whatever_its_name() {
        let ticks = rustix::param::clock_ticks_per_second();
        let stat = format!("7 (a) b (c) S 1 7 7 0 -1 0 0 0 0 0 {ticks} {ticks} 0 0 20 0 9 0");
        assert_eq!(parse(&stat), Some((Duration::from_secs(2), 9)));
        assert_eq!(parse("7 (a"), None);
        assert_eq!(parse(""), None);
        let (taken, threads) = read(std::process::id()).unwrap();
        assert!(threads >= 1 && taken.all >= taken.first);
    }
}
