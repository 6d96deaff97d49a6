//! Text of others on its way into our values: bounded, printable, and without codes.

/// The longest description of an anomaly, refusal or failed command, in bytes.
pub const MAX_DETAIL: usize = 160;

/// Digits in a row from which on they may be a code.
const CODE_DIGITS: usize = 3;

/// `text` without control characters, cut at a character's boundary to at most `limit` bytes.
pub(crate) fn bounded(text: &str, limit: usize) -> String {
    let mut kept = String::new();
    for c in text.chars().filter(|c| !c.is_control()) {
        if kept.len() + c.len_utf8() > limit {
            break;
        }
        kept.push(c);
    }
    kept
}

/// [`bounded`], with every run of three digits or more shown as `###`.
pub(crate) fn masked(text: &str, limit: usize) -> String {
    let mut kept = String::new();
    let mut digits = String::new();
    for c in bounded(text, limit).chars() {
        if c.is_numeric() {
            digits.push(c);
        } else {
            flush(&mut kept, &mut digits);
            kept.push(c);
        }
    }
    flush(&mut kept, &mut digits);
    bounded(&kept, limit)
}

fn flush(kept: &mut String, digits: &mut String) {
    if digits.chars().count() >= CODE_DIGITS {
        kept.push_str("###");
    } else {
        kept.push_str(digits);
    }
    digits.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_at_a_character_and_drops_controls() {
        assert_eq!(bounded("a\u{0}b\nc", 10), "abc");
        assert_eq!(bounded("aäb", 2), "a");
        assert_eq!(bounded("aäb", 3), "aä");
        assert_eq!(bounded("", 3), "");
    }

    #[test]
    fn masks_what_may_be_a_code() {
        assert_eq!(masked("pin 1234, slot 12", 99), "pin ###, slot 12");
        assert_eq!(masked("123456789012345", 99), "###");
        assert_eq!(masked("1\u{0}2\u{0}34", 99), "###", "controls do not split a code");
        assert_eq!(masked("x1234", 3), "x12", "cut before it is a code");
        assert_eq!(masked("٣٤٥٦", 99), "###", "digits of other scripts");
    }
}
