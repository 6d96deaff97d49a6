//! A grant's schedule, as it is signed and as it is reckoned with.

use doorward_events::types::{Weekday, WeeklySchedule, WeeklyWindow};

use crate::domain::access::schedule::{BadSchedule, Schedule, Window};

const WEEK: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];

/// The schedule that was signed. Nothing of it is left out: what is no window or no date makes the
/// whole worthless.
pub(super) fn read(said: &WeeklySchedule) -> Result<Schedule, BadSchedule> {
    let windows = said.windows.iter().map(|window| {
        let day = WEEK.iter().zip(1..).find(|(day, _)| **day == window.day);
        let (_, day) = day.ok_or(BadSchedule)?;
        let (from_minute, to_minute) = (minute(&window.from)?, minute(&window.to)?);
        Ok(Window { day, from_minute, to_minute })
    });
    let holidays = said.holidays.iter().map(|date| date.parse().map_err(|_| BadSchedule));
    Schedule::new(windows.collect::<Result<_, _>>()?, holidays.collect::<Result<_, _>>()?)
}

/// The words that [`read`] makes this schedule of.
pub(super) fn say(schedule: &Schedule) -> WeeklySchedule {
    let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
    let day = |number: u8| WEEK.into_iter().nth(usize::from(number.saturating_sub(1)));
    let windows = schedule.windows().iter().filter_map(|window| {
        let Window { from_minute, to_minute, .. } = *window;
        Some(WeeklyWindow { day: day(window.day)?, from: clock(from_minute), to: clock(to_minute) })
    });
    WeeklySchedule {
        windows: windows.collect(),
        holidays: schedule.holidays().map(ToString::to_string).collect(),
    }
}

/// Minutes after midnight, from `HH:MM`.
fn minute(text: &str) -> Result<u16, BadSchedule> {
    let (hours, minutes) = text.split_once(':').ok_or(BadSchedule)?;
    let number = |text: &str| text.parse::<u16>().map_err(|_| BadSchedule);
    number(hours)?
        .checked_mul(60)
        .and_then(|m| m.checked_add(number(minutes).ok()?))
        .ok_or(BadSchedule)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn window(day: Weekday, from: &str, to: &str) -> WeeklyWindow {
        WeeklyWindow { day, from: from.to_owned(), to: to.to_owned() }
    }

    fn week(windows: Vec<WeeklyWindow>, holidays: &[&str]) -> WeeklySchedule {
        let holidays = holidays.iter().map(|date| (*date).to_owned()).collect();
        WeeklySchedule { windows, holidays }
    }

    #[test]
    fn what_is_signed_is_what_is_reckoned_with() {
        let said = week(
            vec![
                window(Weekday::Monday, "08:00", "18:00"),
                window(Weekday::Sunday, "22:30", "30:00"),
            ],
            &["2026-12-25"],
        );
        let read = read(&said).unwrap();
        let monday = Window { day: 1, from_minute: 480, to_minute: 1080 };
        let sunday = Window { day: 7, from_minute: 1350, to_minute: 1800 };
        assert_eq!(read.windows(), [monday, sunday]);
        assert_eq!(say(&read), said);
    }

    #[test]
    fn what_is_none_makes_the_whole_worthless() {
        let good = || window(Weekday::Monday, "08:00", "18:00");
        for bad in [
            week(Vec::new(), &[]),
            week(vec![good(), window(Weekday::Friday, "18:00", "08:00")], &[]),
            week(vec![good(), window(Weekday::Friday, "18:00", "48:01")], &[]),
            week(vec![good(), window(Weekday::Friday, "18", "20:00")], &[]),
            week(vec![good()], &["2026-02-30"]),
        ] {
            assert!(read(&bad).is_err(), "{bad:?}");
        }
    }
}
