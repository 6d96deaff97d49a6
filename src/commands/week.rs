//! Times of the week as people write them: `mon-fri 08:00-18:00`.

use doorward_events::types::{Weekday, WeeklyWindow};

const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];
const FORM: &str = "write days and times: \"mon-fri 08:00-18:00\", \"sat 22:00-02:00\"";

/// One window for each of the days. An end that is not after the beginning is on the next day.
pub(super) fn windows(text: &str) -> Result<Windows, String> {
    let (days, times) = text.trim().split_once(' ').ok_or(FORM)?;
    let (first, last) = days.split_once('-').unwrap_or((days, days));
    let (first, last) = (day(first)?, day(last)?);
    let (from, to) = times.trim().split_once('-').ok_or(FORM)?;
    let (from, mut to) = (minute(from)?, minute(to)?);
    if from >= DAY {
        return Err(FORM.to_owned());
    }
    if to <= from {
        to += DAY;
    }
    let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
    let count = (last + DAYS.len() - first) % DAYS.len() + 1;
    let days = DAYS.iter().cycle().skip(first).take(count);
    Ok(Windows(
        days.map(|(_, day)| WeeklyWindow { day: *day, from: clock(from), to: clock(to) }).collect(),
    ))
}

/// The windows of one option.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Windows(pub Vec<WeeklyWindow>);

const DAY: u16 = 24 * 60;

fn day(text: &str) -> Result<usize, String> {
    let text = text.trim().to_ascii_lowercase();
    let found =
        DAYS.iter().position(|(short, _)| text.len() >= 3 && *short == text.get(..3).unwrap_or(""));
    found.ok_or_else(|| format!("{text:?} is no day; {FORM}"))
}

fn minute(text: &str) -> Result<u16, String> {
    let (hours, minutes) = text.trim().split_once(':').ok_or(FORM)?;
    let number = |text: &str| text.parse::<u16>().map_err(|_| FORM.to_owned());
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    if hours > 24 || minutes > 59 || hours * 60 + minutes > DAY {
        return Err(FORM.to_owned());
    }
    Ok(hours * 60 + minutes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn said(text: &str) -> Vec<(String, String, String)> {
        let windows = windows(text).unwrap().0;
        windows.into_iter().map(|w| (w.day.to_string(), w.from, w.to)).collect()
    }

    fn window(day: &str, from: &str, to: &str) -> (String, String, String) {
        (day.to_owned(), from.to_owned(), to.to_owned())
    }

    #[test]
    fn days_and_times_are_read() {
        assert_eq!(said("mon 08:00-18:00"), [window("monday", "08:00", "18:00")]);
        assert_eq!(said("Sunday 8:05-24:00"), [window("sunday", "08:05", "24:00")]);
        assert_eq!(said("sat 22:00-02:00"), [window("saturday", "22:00", "26:00")]);
        let days: Vec<String> = said("fri-mon 09:00-10:00").into_iter().map(|w| w.0).collect();
        assert_eq!(days, ["friday", "saturday", "sunday", "monday"]);
    }

    #[test]
    fn what_is_no_time_of_the_week_is_refused() {
        for text in [
            "",
            "mon",
            "08:00-18:00",
            "day 08:00-18:00",
            "mon 08:00",
            "mon 25:00-26:00",
            "mon 24:00-25:00",
            "mon 08:60-09:00",
            "mo 08:00-09:00",
        ] {
            assert!(windows(text).is_err(), "{text}");
        }
    }
}
