//! Faults that repeat: the first is told at once, those that follow are counted and told together
//! once a period is over. So a line full of noise costs a bounded number of reports.

use std::time::Duration;

use super::frame::{exception_frame, exception_name};
use crate::observation::RefusalReason;
use crate::text::{MAX_DETAIL, bounded};
use crate::translator::{LineFault, MAX_LINE_RAW};

/// At most one fault for garbage in this time, of each unit and of the idle line.
pub(super) const GARBAGE_PERIOD: Duration = Duration::from_secs(1);

/// At most one fault in this time for one exception code to one function of one unit.
pub(super) const EXCEPTION_PERIOD: Duration = Duration::from_secs(60);

/// Most kinds of exception that are told apart, of one unit.
pub(super) const MAX_EXCEPTIONS: usize = 16;

/// How often something happened since it was told.
#[derive(Debug, Default)]
struct Tally {
    count: u64,
    told_at: Option<Duration>,
}

impl Tally {
    fn add(&mut self) {
        self.count = self.count.saturating_add(1);
    }

    /// The count, if it is to be told now. It begins anew then.
    fn take(&mut self, now: Duration, period: Duration) -> Option<u64> {
        let due = self.told_at.is_none_or(|told| now.saturating_sub(told) >= period);
        if self.count == 0 || !due {
            return None;
        }
        self.told_at = Some(now);
        Some(std::mem::take(&mut self.count))
    }
}

/// Bytes that are no frame.
#[derive(Debug, Default)]
pub(super) struct Garbage {
    tally: Tally,
    bytes: u64,
    /// The first of them, at most [`MAX_LINE_RAW`].
    raw: Vec<u8>,
    found: &'static str,
}

impl Garbage {
    /// `found`: where, as in "before an answer".
    pub(super) fn add(&mut self, found: &'static str, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if self.bytes == 0 {
            self.found = found;
        }
        self.tally.add();
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        let room = MAX_LINE_RAW.saturating_sub(self.raw.len());
        self.raw.extend(bytes.iter().take(room));
    }

    pub(super) fn take(&mut self, now: Duration) -> Option<LineFault> {
        let count = self.tally.take(now, GARBAGE_PERIOD)?;
        let bytes = std::mem::take(&mut self.bytes);
        let detail =
            format!("bytes that are no frame {}; bytes {bytes}, count {count}", self.found);
        Some(LineFault {
            reason: RefusalReason::MalformedFrame,
            detail: bounded(&detail, MAX_DETAIL),
            raw: std::mem::take(&mut self.raw),
        })
    }
}

/// Exceptions of one unit. Each kind, by function and code, is counted on its own, so that two
/// that take turns are told once each.
#[derive(Debug, Default)]
pub(super) struct Exceptions {
    kinds: Vec<Kind>,
}

#[derive(Debug)]
struct Kind {
    function: u8,
    code: u8,
    tally: Tally,
}

impl Exceptions {
    /// Beyond the bound a new kind takes the place of the one told longest ago.
    pub(super) fn add(&mut self, function: u8, code: u8) {
        let same = |kind: &&mut Kind| kind.function == function && kind.code == code;
        if let Some(kind) = self.kinds.iter_mut().find(same) {
            kind.tally.add();
            return;
        }
        if self.kinds.len() < MAX_EXCEPTIONS {
            let tally = Tally { count: 1, told_at: None };
            self.kinds.push(Kind { function, code, tally });
        } else if let Some(oldest) = self.kinds.iter_mut().min_by_key(|kind| kind.tally.told_at) {
            // Its time stays, so that the number of faults in a period stays bounded.
            oldest.function = function;
            oldest.code = code;
            oldest.tally.add();
        }
    }

    /// `unit`: whose they are.
    pub(super) fn take(&mut self, now: Duration, unit: u8) -> Option<LineFault> {
        self.kinds.iter_mut().find_map(|kind| {
            let count = kind.tally.take(now, EXCEPTION_PERIOD)?;
            let (function, code) = (kind.function, kind.code);
            let name = exception_name(code);
            let detail = format!("exception {code} ({name}) to function {function}; count {count}");
            Some(LineFault {
                reason: RefusalReason::DeviceException,
                detail: bounded(&detail, MAX_DETAIL),
                raw: exception_frame(unit, function, code),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn garbage_at_once_and_then_gathered() {
        let mut garbage = Garbage::default();
        assert_eq!(garbage.take(at(0)), None);
        garbage.add("in place of an answer", &[]);
        assert_eq!(garbage.take(at(0)), None, "no bytes are no garbage");
        garbage.add("in place of an answer", &[1, 2]);
        let first = garbage.take(at(0)).unwrap();
        assert_eq!((first.reason, &first.raw[..]), (RefusalReason::MalformedFrame, &[1, 2][..]));
        assert!(first.detail.contains("in place of an answer; bytes 2, count 1"), "{first:?}");
        for _ in 0..500 {
            garbage.add("behind an answer", &[7; 9]);
        }
        assert_eq!(garbage.take(Duration::from_millis(999)), None);
        let second = garbage.take(at(1)).unwrap();
        assert!(second.detail.contains("bytes 4500, count 500"), "{second:?}");
        assert_eq!(second.raw, [7; MAX_LINE_RAW]);
        assert_eq!(garbage.take(at(9)), None);
    }

    #[test]
    fn exceptions_that_take_turns_are_told_once_a_minute_each() {
        let mut exceptions = Exceptions::default();
        let mut told = Vec::new();
        for second in 0..=120 {
            exceptions.add(2, 2);
            exceptions.add(1, 4);
            while let Some(fault) = exceptions.take(at(second), 1) {
                told.push((second, fault.detail));
            }
        }
        let seconds: Vec<u64> = told.iter().map(|(second, _)| *second).collect();
        assert_eq!(seconds, [0, 0, 60, 60, 120, 120]);
        assert_eq!(told[0].1, "exception 2 (illegal data address) to function 2; count 1");
        assert_eq!(told[3].1, "exception 4 (server device failure) to function 1; count 60");
    }

    #[test]
    fn every_code_there_is_stays_bounded() {
        let mut exceptions = Exceptions::default();
        let mut told = 0;
        for second in 0..60 {
            for code in 0..=255 {
                exceptions.add(2, code);
            }
            while exceptions.take(at(second), 1).is_some() {
                told += 1;
            }
        }
        assert_eq!(exceptions.kinds.len(), MAX_EXCEPTIONS);
        assert_eq!(told, MAX_EXCEPTIONS);
    }
}
