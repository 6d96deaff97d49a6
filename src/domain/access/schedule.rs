//! When in the week a grant counts. Where clocks are changed, the narrower reading counts.

use std::collections::BTreeSet;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};
use serde::{Deserialize, Serialize};

/// Most windows of a schedule.
pub const MAX_WINDOWS: usize = 64;
/// Most holidays of a schedule.
pub const MAX_HOLIDAYS: usize = 128;
/// Minutes of a day; also of the longest window.
const DAY: u16 = 24 * 60;
/// The widest interval of time that can lie within a schedule: a clock that is less sure than
/// this tells no time of the week.
const WIDEST: SignedDuration = SignedDuration::from_hours(48);

/// A window that comes back every week, by the clock on the wall.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Window {
    /// The day on which it begins: 1 is Monday, 7 is Sunday.
    pub day: u8,
    /// Minutes after midnight at which it begins, 0 to 1,439.
    pub from_minute: u16,
    /// Minutes after that midnight at which it ends: after the beginning, at most 2,880, so that
    /// a window may go on into the next day. It no longer counts at this instant.
    pub to_minute: u16,
}

/// Windows of the week but for holidays. Of several windows each counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct Schedule {
    windows: Vec<Window>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    holidays: BTreeSet<Date>,
}

/// A schedule as it is stored.
#[derive(Deserialize)]
struct Parts {
    windows: Vec<Window>,
    #[serde(default)]
    holidays: BTreeSet<Date>,
}

/// No schedule: no window or too many, a window that is none, or too many holidays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a schedule of at most {MAX_WINDOWS} windows and {MAX_HOLIDAYS} holidays")]
pub struct BadSchedule;

impl TryFrom<Parts> for Schedule {
    type Error = BadSchedule;

    fn try_from(parts: Parts) -> Result<Self, BadSchedule> {
        Self::new(parts.windows, parts.holidays)
    }
}

impl Schedule {
    /// A schedule of at least one window and at most [`MAX_WINDOWS`], and at most
    /// [`MAX_HOLIDAYS`] days on which none of them counts.
    pub fn new(windows: Vec<Window>, holidays: BTreeSet<Date>) -> Result<Self, BadSchedule> {
        let sound = |window: &Window| {
            (1..=7).contains(&window.day)
                && window.from_minute < DAY
                && window.from_minute < window.to_minute
                && window.to_minute <= 2 * DAY
        };
        let bounded = (1..=MAX_WINDOWS).contains(&windows.len()) && holidays.len() <= MAX_HOLIDAYS;
        if bounded && windows.iter().all(sound) {
            Ok(Self { windows, holidays })
        } else {
            Err(BadSchedule)
        }
    }

    /// Its windows.
    pub fn windows(&self) -> &[Window] {
        &self.windows
    }

    /// The dates on which none of them counts.
    pub fn holidays(&self) -> impl Iterator<Item = &Date> {
        self.holidays.iter()
    }

    /// Whether all of the time from `earliest` to `latest` lies in its windows at a place of this
    /// zone.
    ///
    /// A local time that does not exist or exists twice, because clocks are changed, counts as
    /// what makes the window narrower: a beginning as the later instant, an end as the earlier.
    pub fn admits(&self, earliest: Timestamp, latest: Timestamp, zone: &TimeZone) -> bool {
        if latest < earliest || latest.duration_since(earliest) > WIDEST {
            return false;
        }
        let (Some(first), Some(last)) = (
            zone.to_datetime(earliest).date().checked_sub(Span::new().days(3)).ok(),
            zone.to_datetime(latest).date().checked_add(Span::new().days(1)).ok(),
        ) else {
            return false;
        };
        let mut open = Vec::new();
        let mut date = first;
        while date <= last {
            open.extend(self.windows.iter().filter_map(|window| self.on(date, *window, zone)));
            let Ok(next) = date.tomorrow() else { break };
            date = next;
        }
        open.sort_unstable();
        // Windows that touch are one.
        let mut covered = earliest;
        for (begin, end) in open {
            if begin <= covered && covered < end {
                covered = end;
            }
        }
        covered > latest
    }

    /// The window that begins on this date, cut at a holiday.
    fn on(&self, date: Date, window: Window, zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
        let weekday = date.weekday().to_monday_one_offset();
        if u8::try_from(weekday) != Ok(window.day) || self.holidays.contains(&date) {
            return None;
        }
        let tomorrow = date.tomorrow().ok()?;
        let to_minute = if self.holidays.contains(&tomorrow) {
            window.to_minute.min(DAY)
        } else {
            window.to_minute
        };
        let begin = zone.to_ambiguous_timestamp(minute_of(date, window.from_minute)?).later();
        let end = zone.to_ambiguous_timestamp(minute_of(date, to_minute)?).earlier();
        let (begin, end) = (begin.ok()?, end.ok()?);
        (begin < end).then_some((begin, end))
    }
}

/// So many minutes after this date's midnight, by the clock on the wall.
fn minute_of(date: Date, minute: u16) -> Option<DateTime> {
    let date = match minute / DAY {
        0 => date,
        1 => date.tomorrow().ok()?,
        _ => date.tomorrow().ok()?.tomorrow().ok()?,
    };
    let of_day = minute % DAY;
    let (hour, minute) = (i8::try_from(of_day / 60).ok()?, i8::try_from(of_day % 60).ok()?);
    Some(date.at(hour, minute, 0, 0))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use jiff::civil::date;

    use super::*;

    /// Central Europe's rules, without a database of zones.
    fn berlin() -> TimeZone {
        TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()
    }

    fn schedule(windows: &[(u8, u16, u16)], holidays: &[Date]) -> Schedule {
        let windows = windows
            .iter()
            .map(|&(day, from_minute, to_minute)| Window { day, from_minute, to_minute })
            .collect();
        Schedule::new(windows, holidays.iter().copied().collect()).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn admits(schedule: &Schedule, instant: &str) -> bool {
        schedule.admits(at(instant), at(instant), &berlin())
    }

    #[test]
    fn a_window_counts_from_its_beginning_until_before_its_end() {
        // Tuesday 2026-11-24, 09:00 to 17:00 in winter.
        let office = schedule(&[(2, 540, 1020)], &[]);
        assert!(!admits(&office, "2026-11-24T07:59:59.999Z"));
        assert!(admits(&office, "2026-11-24T08:00:00Z"));
        assert!(admits(&office, "2026-11-24T15:59:59.999Z"));
        assert!(!admits(&office, "2026-11-24T16:00:00Z"));
        assert!(!admits(&office, "2026-11-25T09:00:00Z"));
    }

    #[test]
    fn all_of_the_interval_must_lie_inside() {
        let office = schedule(&[(2, 540, 1020)], &[]);
        let zone = berlin();
        assert!(office.admits(at("2026-11-24T08:00:00Z"), at("2026-11-24T15:59:00Z"), &zone));
        assert!(!office.admits(at("2026-11-24T07:59:00Z"), at("2026-11-24T08:01:00Z"), &zone));
        assert!(!office.admits(at("2026-11-24T15:59:00Z"), at("2026-11-24T16:00:00Z"), &zone));
        assert!(!office.admits(at("2026-11-24T09:00:00Z"), Timestamp::MAX, &zone));
        assert!(!office.admits(at("2026-11-24T09:00:00Z"), at("2026-11-24T08:59:00Z"), &zone));
    }

    #[test]
    fn windows_that_touch_are_one() {
        let always = schedule(&[1, 2, 3, 4, 5, 6, 7].map(|day| (day, 0, 1440)), &[]);
        let zone = berlin();
        assert!(always.admits(at("2026-11-24T22:59:00Z"), at("2026-11-24T23:01:00Z"), &zone));
        assert!(always.admits(at("2026-11-24T12:00:00Z"), at("2026-11-26T12:00:00Z"), &zone));
        // Also over both changes of the clocks.
        assert!(always.admits(at("2026-03-28T12:00:00Z"), at("2026-03-29T12:00:00Z"), &zone));
        assert!(always.admits(at("2026-10-24T12:00:00Z"), at("2026-10-25T12:00:00Z"), &zone));
    }

    #[test]
    fn a_window_may_go_on_after_midnight() {
        // Friday 22:00 to Saturday 06:00.
        let night = schedule(&[(5, 1320, 1800)], &[]);
        assert!(admits(&night, "2026-11-27T21:00:00Z"));
        assert!(admits(&night, "2026-11-28T04:59:00Z"));
        assert!(!admits(&night, "2026-11-28T05:00:00Z"));
        assert!(!admits(&night, "2026-11-28T21:30:00Z"));
    }

    #[test]
    fn nothing_counts_on_a_holiday() {
        let night = [(5, 1320, 1800)];
        let friday = schedule(&night, &[date(2026, 11, 27)]);
        assert!(!admits(&friday, "2026-11-27T21:30:00Z"));
        assert!(!admits(&friday, "2026-11-28T01:00:00Z"));
        let saturday = schedule(&night, &[date(2026, 11, 28)]);
        assert!(admits(&saturday, "2026-11-27T22:59:59Z"));
        assert!(!admits(&saturday, "2026-11-27T23:00:00Z"));
    }

    #[test]
    fn a_local_time_that_is_missing_narrows_the_window() {
        // Sunday 2026-03-29: 02:00 CET is 03:00 CEST (01:00 UTC).
        let from = schedule(&[(7, 150, 300)], &[]); // 02:30 to 05:00
        assert!(!admits(&from, "2026-03-29T01:29:59Z"));
        assert!(admits(&from, "2026-03-29T01:30:00Z"));
        let to = schedule(&[(7, 60, 150)], &[]); // 01:00 to 02:30
        assert!(admits(&to, "2026-03-29T00:29:59Z"));
        assert!(!admits(&to, "2026-03-29T00:30:00Z"));
    }

    #[test]
    fn a_local_time_that_comes_twice_narrows_the_window() {
        // Sunday 2026-10-25: 03:00 CEST is 02:00 CET (01:00 UTC); 02:30 is 00:30 and 01:30 UTC.
        let from = schedule(&[(7, 150, 300)], &[]); // 02:30 to 05:00
        assert!(!admits(&from, "2026-10-25T00:30:00Z"));
        assert!(!admits(&from, "2026-10-25T01:29:59Z"));
        assert!(admits(&from, "2026-10-25T01:30:00Z"));
        let to = schedule(&[(7, 60, 150)], &[]); // 01:00 to 02:30
        assert!(admits(&to, "2026-10-25T00:29:59Z"));
        assert!(!admits(&to, "2026-10-25T00:30:00Z"));
        let within = schedule(&[(7, 135, 165)], &[]); // 02:15 to 02:45: neither of the two hours
        assert!(!admits(&within, "2026-10-25T00:20:00Z"));
        assert!(!admits(&within, "2026-10-25T01:20:00Z"));
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        let bad = [(0, 0, 1), (8, 0, 1), (1, 1440, 1500), (1, 60, 60), (1, 0, 2881)];
        for (day, from_minute, to_minute) in bad {
            let window = Window { day, from_minute, to_minute };
            assert_eq!(Schedule::new(vec![window], BTreeSet::new()), Err(BadSchedule));
        }
        assert_eq!(Schedule::new(vec![], BTreeSet::new()), Err(BadSchedule));
        let window = Window { day: 1, from_minute: 0, to_minute: 1 };
        assert!(Schedule::new(vec![window; MAX_WINDOWS], BTreeSet::new()).is_ok());
        assert!(Schedule::new(vec![window; MAX_WINDOWS + 1], BTreeSet::new()).is_err());
        let stored = r#"{"windows":[{"day":9,"from_minute":0,"to_minute":5}]}"#;
        assert!(serde_json::from_str::<Schedule>(stored).is_err());
    }
}
