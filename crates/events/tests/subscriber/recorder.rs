//! Hooks that write down what they are told.

use std::sync::Mutex;
use std::time::Duration;

use doorward_events::subscribe::{About, Fault, Fork, Gap, GapEnd, Hooks, Reason, Why};

#[derive(Default)]
pub struct Recorder {
    lines: Mutex<Vec<String>>,
    pub gaps: Mutex<Vec<(Gap, Option<GapEnd>)>>,
    pub forks: Mutex<Vec<Fork>>,
    pub received: Mutex<Vec<About>>,
}

impl Recorder {
    fn write(&self, line: impl Into<String>) {
        self.lines.lock().unwrap().push(line.into());
    }

    /// Everything so far but `received`, which comes with everything.
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    pub fn count(&self, beginning: &str) -> usize {
        self.lines().iter().filter(|line| line.starts_with(beginning)).count()
    }
}

impl Hooks for Recorder {
    fn received(&self, about: About) {
        self.received.lock().unwrap().push(about);
    }

    fn handled(&self, _: About, _: Duration, attempts: u32) {
        self.write(format!("handled at {attempts}"));
    }

    fn duplicate(&self, _: About) {
        self.write("duplicate");
    }

    fn ignored(&self, _: About, why: Why) {
        self.write(format!("ignored {why}"));
    }

    fn dead_lettered(&self, _: About, reason: &Reason) {
        self.write(format!("dead {}", reason.why));
    }

    fn failed(&self, _: About, fault: &Fault) {
        self.write(match fault {
            Fault::Handler(why) => format!("failed {why}"),
            other => format!("failed {other:?}"),
        });
    }

    fn gap(&self, gap: &Gap) {
        let what = if gap.lost { "lost" } else { "late" };
        self.write(format!("{what} {}..{} {}", gap.first, gap.last, gap.event_type));
        self.gaps.lock().unwrap().push((gap.clone(), None));
    }

    fn gap_closed(&self, gap: &Gap, end: GapEnd) {
        self.write(format!("closed {}..{} {end:?}", gap.first, gap.last));
        self.gaps.lock().unwrap().push((gap.clone(), Some(end)));
    }

    fn journal_forked(&self, fork: &Fork) {
        self.write("forked");
        self.forks.lock().unwrap().push(fork.clone());
    }

    fn extended(&self, _: Duration) {
        self.write("extended");
    }

    fn queue_failed(&self, operation: &'static str, code: &str) {
        self.write(format!("queue {operation} {code}"));
    }
}
