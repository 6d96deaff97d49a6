//! Days, as `2027-06-30`: sunsets and exceptions end on one. Which day it is comes from the clock
//! at this one place, or from the command line, so that a rule can be tried on another day.

use jiff::civil::Date;

/// A day of the calendar.
pub fn read(text: &str) -> Result<Date, String> {
    let date = text.parse::<Date>().map_err(|_| format!("{text:?} is no day like 2027-06-30"))?;
    if date.to_string() == text { Ok(date) } else { Err(format!("write {date}, not {text:?}")) }
}

/// The day that was asked for, or today in UTC.
pub fn or_now(asked: Option<Date>) -> Date {
    asked.unwrap_or_else(|| jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date())
}
