//! What the gateway says of its vendors' processes in its log, and what memory its core has.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::task::AbortOnDropHandle;

use super::tape::{Ended, Tape};

/// How often the log is looked at.
const PACE: Duration = Duration::from_millis(5);
/// How many looks at the log to one at the memory.
const MEMORY_EVERY: u32 = 50;
/// Most of the log that is read at once; of what a flood wrote the rest waits for the next look.
const PIECE: usize = 1 << 20;
/// Longest line; longer ones are none of the gateway's own.
const MAX_LINE: usize = 16 << 10;
/// The words by which the supervisor tells that a process has ended.
const ENDED: &str = "the vendor's process ended";

/// Watches until it is dropped.
pub struct Watch(#[expect(dead_code, reason = "held for its end")] AbortOnDropHandle<()>);

impl Watch {
    /// Watches the gateway whose log this is and whose core has this process id.
    pub fn start(log: &Path, core: u32, tape: Arc<Tape>) -> anyhow::Result<Self> {
        let mut log = File::open(log)?;
        let task = tokio::spawn(async move {
            let mut tick = tokio::time::interval(PACE);
            let mut rest = Vec::new();
            let mut looks = 0_u32;
            loop {
                tick.tick().await;
                look(&mut log, &mut rest, &tape);
                if looks.is_multiple_of(MEMORY_EVERY)
                    && let Some(kib) = memory_kib(core)
                {
                    let mut marks = tape.marks();
                    marks.core_kib = marks.core_kib.max(kib);
                }
                looks = looks.wrapping_add(1);
            }
        });
        Ok(Self(AbortOnDropHandle::new(task)))
    }
}

/// Takes the lines that have come.
fn look(log: &mut File, rest: &mut Vec<u8>, tape: &Tape) {
    let at = Instant::now();
    let mut piece = vec![0; PIECE];
    let Ok(length) = log.read(&mut piece) else { return };
    rest.extend_from_slice(piece.get(..length).unwrap_or_default());
    let mut start = 0;
    while let Some(end) = rest.get(start..).and_then(|left| left.iter().position(|b| *b == b'\n')) {
        let line = rest.get(start..start + end).unwrap_or_default();
        if let Some(ended) = ended(&String::from_utf8_lossy(line), at) {
            tape.marks().ended.push(ended);
        }
        start += end + 1;
    }
    rest.drain(..start);
    if rest.len() > MAX_LINE {
        rest.clear();
    }
}

/// `… the vendor's process ended vendor=alpha cause="exited" detail="exit code 66"`.
fn ended(line: &str, at: Instant) -> Option<Ended> {
    let (_, fields) = line.split_once(ENDED)?;
    let field = |name: &str| {
        let (_, value) = fields.split_once(&format!("{name}="))?;
        match value.strip_prefix('"') {
            Some(quoted) => quoted.split('"').next(),
            None => value.split_whitespace().next(),
        }
    };
    let cause = field("cause")?;
    let detail = field("detail").unwrap_or_default();
    Some(Ended {
        vendor: field("vendor")?.to_owned(),
        at,
        cause: if detail.is_empty() { cause.to_owned() } else { format!("{cause} ({detail})") },
    })
}

/// A process's share of memory, in KiB; `None` if there is no such process.
pub fn memory_kib(pid: u32) -> Option<u64> {
    let figures = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = figures.lines().find(|line| line.starts_with("Pss:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_read_from_the_log() {
        let line = "2026-01-01T00:00:00Z  WARN doorward::supervisor::process: the vendor's process \
                    ended vendor=alpha cause=\"exited\" detail=\"exit code 66\"";
        let ended = ended(line, Instant::now()).unwrap();
        assert_eq!(
            (ended.vendor.as_str(), ended.cause.as_str()),
            ("alpha", "exited (exit code 66)")
        );
        assert!(super::ended("nothing of that", Instant::now()).is_none());
    }

    #[test]
    fn this_process_has_memory() {
        assert!(memory_kib(std::process::id()).unwrap() > 0);
        assert_eq!(memory_kib(u32::MAX), None);
    }
}
