//! Lengths of time as people write them, in files and on the command line.

use jiff::SignedDuration;

/// A positive length of time with its unit.
///
/// # Errors
/// What is wrong with it.
pub fn length(text: &str) -> Result<SignedDuration, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let seconds = match unit {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err("write a number and its unit: 30s, 45m, 2h, 7d".to_owned()),
    };
    let number: i64 = number.parse().map_err(|_| "the number is missing".to_owned())?;
    let seconds = number.checked_mul(seconds).filter(|seconds| *seconds > 0);
    seconds.map(SignedDuration::from_secs).ok_or_else(|| "it is no length of time".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_has_a_unit() {
        assert_eq!(length("2h"), Ok(SignedDuration::from_hours(2)));
        assert_eq!(length("45m"), Ok(SignedDuration::from_mins(45)));
        assert_eq!(length("7d"), Ok(SignedDuration::from_hours(168)));
        for bad in
            ["", "2", "h", "0s", "-1h", "2 h", "9999999999999999999h", "9223372036854775807d"]
        {
            assert!(length(bad).is_err(), "{bad}");
        }
    }
}
