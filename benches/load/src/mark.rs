//! The mark: a message's publication time, which is also its identity.
//!
//! A mark is an RFC 3339 UTC time with exactly six fractional digits, the last of which is
//! always 7: `2026-11-21T06:52:11.123457Z`. A load writes it as the device's `last_seen`, so
//! it reaches the sink as `last_seen` where a gateway forwards payloads, and as the envelope's
//! `time` where a gateway makes events of its own.
//!
//! A time is taken for a mark only if it has that form, stands under one of those two keys and
//! is not older than the sink's last reset. A gateway's own events do not match: their times
//! have nine digits, or drop trailing zeros, or (with six digits) end in 7 one time in ten;
//! [`crate::tally`] looks only at position changes of a doorward for that rest. `recorded_at`
//! and every other key is ignored.

use jiff::Timestamp;

/// Length of a mark in bytes.
pub const LENGTH: usize = 27;
const TEMPLATE: &[u8; LENGTH] = b"0000-00-00T00:00:00.000007Z";
const STEP_MICROS: i64 = 10;
const LAST_DIGIT: i64 = 7;

/// Gives out marks: the latest not after now, and each later than the one before.
#[derive(Debug, Default)]
pub struct Marker {
    last: i64,
}

impl Marker {
    /// The mark for a message that is published at `now`, in microseconds since the epoch.
    pub fn next(&mut self, now: i64) -> i64 {
        let latest = now - (now - LAST_DIGIT).rem_euclid(STEP_MICROS);
        self.last = latest.max(self.last + STEP_MICROS);
        self.last
    }
}

/// Microseconds since the epoch, by the wall clock.
pub fn now() -> i64 {
    Timestamp::now().as_microsecond()
}

/// A mark as text.
pub fn text(micros: i64) -> anyhow::Result<String> {
    Ok(format!("{:.6}", Timestamp::from_microsecond(micros)?))
}

/// A mark that was found, and the device it belongs to where the text before it says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found<'a> {
    pub micros: i64,
    pub device: Option<&'a [u8]>,
}

/// Every mark in `body`, in order. JSON inside JSON strings, with its quotes escaped any
/// number of times, is read like plain JSON.
pub fn find(body: &[u8]) -> impl Iterator<Item = Found<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while let Some(candidate) = body.get(at..at + LENGTH) {
            if let Some(micros) = parse(candidate)
                && let before = body.get(..at).unwrap_or_default()
                && let Some(before) = strip_key(before)
            {
                at += LENGTH;
                return Some(Found { micros, device: strip_device(before) });
            }
            at += 1;
        }
        None
    })
}

/// The value of the string member `key` that stands first in `body`.
pub fn member<'a>(body: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let start = body.windows(key.len()).position(|window| window == key)? + key.len();
    let rest = body.get(start..)?;
    let skip = rest.iter().position(|byte| !matches!(byte, b'"' | b'\\' | b':' | b' '))?;
    let value = rest.get(skip..)?;
    let end = value.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
    value.get(..end)
}

fn parse(candidate: &[u8]) -> Option<i64> {
    let shaped = candidate.iter().zip(TEMPLATE).all(|(byte, form)| match form {
        b'0' => byte.is_ascii_digit(),
        other => byte == other,
    });
    if !shaped {
        return None;
    }
    let time: Timestamp = std::str::from_utf8(candidate).ok()?.parse().ok()?;
    Some(time.as_microsecond())
}

/// What stands before `"last_seen":"` or `"time":"` at the end of `before`.
fn strip_key(before: &[u8]) -> Option<&[u8]> {
    let before = strip_quote(before)?.trim_ascii_end();
    let before = strip_quote(before.strip_suffix(b":")?.trim_ascii_end())?;
    [b"last_seen".as_slice(), b"time"]
        .iter()
        .find_map(|key| strip_quote(before.strip_suffix(*key)?))
}

/// The value in `"load":"<device>",` at the end of `before`.
fn strip_device(before: &[u8]) -> Option<&[u8]> {
    let before = strip_quote(before.trim_ascii_end().strip_suffix(b",")?)?;
    let start = before.iter().rposition(|byte| *byte == b'"')? + 1;
    let (key, device) = before.split_at_checked(start)?;
    let key = strip_quote(strip_quote(key)?.strip_suffix(b":")?)?;
    key.ends_with(b"load").then_some(device)
}

fn strip_quote(before: &[u8]) -> Option<&[u8]> {
    let mut before = before.strip_suffix(b"\"")?;
    while let Some(shorter) = before.strip_suffix(b"\\") {
        before = shorter;
    }
    Some(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_243_931_123_451;

    fn all(body: &str) -> Vec<String> {
        find(body.as_bytes()).map(|found| text(found.micros).unwrap()).collect()
    }

    #[test]
    fn marks_are_not_after_now_and_strictly_increase() {
        let mut marker = Marker::default();
        assert_eq!(marker.next(NOW), NOW - 4);
        assert_eq!(marker.next(NOW), NOW + 6);
        assert_eq!(marker.next(NOW - 1_000), NOW + 16);
        assert_eq!(marker.next(NOW + 36), NOW + 36);
    }

    #[test]
    fn the_text_always_has_the_marks_form() {
        let mut marker = Marker::default();
        for step in 0..2_000 {
            let written = text(marker.next(NOW + step * 313)).unwrap();
            assert_eq!(written.len(), LENGTH);
            assert!(parse(written.as_bytes()).is_some(), "{written}");
        }
    }

    #[test]
    fn finds_plain_and_escaped_json() {
        let mark = "2026-11-21T06:52:11.123457Z";
        let plain = format!(r#"{{"load":"door-003","last_seen":"{mark}","linkquality":113}}"#);
        let once = serde_json::to_string(&plain).unwrap();
        let twice = serde_json::to_string(&once).unwrap();
        for body in [&plain, &once, &twice] {
            assert_eq!(all(body), [mark]);
            let found = find(body.as_bytes()).next().unwrap();
            assert_eq!(found.device, Some(b"door-003".as_slice()), "{body}");
        }
        assert_eq!(all(&format!(r#"{{"id":"x","time":"{mark}","a":1}}"#)), [mark]);
        assert_eq!(all(&format!(r#"{{ "time" : "{mark}" }}"#)), [mark]);
    }

    #[test]
    fn ignores_what_is_no_mark() {
        for body in [
            r#"{"recorded_at":"2026-11-21T06:52:11.123457Z"}"#,
            r#"{"device_time":"2026-11-21T06:52:11.123457Z"}"#,
            r#"{"time":"2026-11-21T06:52:11.123456Z"}"#,
            r#"{"time":"2026-11-21T06:52:11.12345Z"}"#,
            r#"{"time":"2026-11-21T06:52:11.123456007Z"}"#,
            r#"{"time":"2026-99-21T06:52:11.123457Z"}"#,
            "2026-11-21T06:52:11.123457Z",
        ] {
            assert_eq!(all(body), Vec::<String>::new(), "{body}");
        }
    }

    #[test]
    fn reads_a_member() {
        assert_eq!(
            member(br#"{"a":1,"entry_id":"front-1","b":2}"#, b"\"entry_id\""),
            Some(b"front-1".as_slice())
        );
        assert_eq!(member(b"{}", b"\"entry_id\""), None);
    }
}
