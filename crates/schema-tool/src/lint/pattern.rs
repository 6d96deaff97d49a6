//! What a pattern lets through: whether it holds for the whole text, how long a match can be, and
//! how many bytes its characters take as JSON.

use regex_syntax::hir::{Class, Hir, HirKind, Look};

/// The most bytes that a character takes in JSON text, where a writer escapes what it must and
/// everything that is not ASCII, as Python does: two `\u` escapes.
pub const WIDEST: u64 = 12;

/// A pattern, read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// It holds for the whole text, from its beginning to its end.
    pub anchored: bool,
    /// The most characters of a match; none: no bound.
    pub longest: Option<u64>,
    /// The most bytes of a match as JSON text; none: no bound.
    pub bytes: Option<u64>,
    /// The most bytes of one of its characters as JSON text.
    pub widest: u64,
}

/// Reads a pattern, or says what is wrong with it.
pub fn read(pattern: &str) -> Result<Shape, String> {
    let hir = regex_syntax::ParserBuilder::new().nest_limit(64).build().parse(pattern);
    let hir = hir.map_err(|e| match e {
        regex_syntax::Error::Parse(e) => e.kind().to_string(),
        regex_syntax::Error::Translate(e) => e.kind().to_string(),
        other => other.to_string(),
    })?;
    let properties = hir.properties();
    let anchored = properties.look_set_prefix().contains(Look::Start)
        && properties.look_set_suffix().contains(Look::End);
    let measure = measure(&hir);
    if !anchored {
        return Ok(Shape { anchored, longest: None, bytes: None, widest: WIDEST });
    }
    Ok(Shape { anchored, longest: measure.longest, bytes: measure.bytes, widest: measure.widest })
}

struct Measure {
    longest: Option<u64>,
    bytes: Option<u64>,
    widest: u64,
}

const NOTHING: Measure = Measure { longest: Some(0), bytes: Some(0), widest: 0 };

fn measure(hir: &Hir) -> Measure {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => NOTHING,
        HirKind::Literal(literal) => {
            let text = String::from_utf8_lossy(&literal.0);
            let widths = text.chars().map(width);
            Measure {
                longest: Some(text.chars().count() as u64),
                bytes: Some(widths.clone().sum()),
                widest: widths.max().unwrap_or_default(),
            }
        }
        HirKind::Class(class) => {
            let widest = widest_of(class);
            Measure { longest: Some(1), bytes: Some(widest), widest }
        }
        HirKind::Repetition(repetition) => {
            let inner = measure(&repetition.sub);
            let times = |length: Option<u64>| match (length, repetition.max) {
                (Some(0), _) => Some(0),
                (Some(length), Some(max)) => Some(length.saturating_mul(u64::from(max))),
                _ => None,
            };
            Measure {
                longest: times(inner.longest),
                bytes: times(inner.bytes),
                widest: inner.widest,
            }
        }
        HirKind::Capture(capture) => measure(&capture.sub),
        HirKind::Concat(parts) => parts.iter().map(measure).fold(NOTHING, |sum, part| Measure {
            longest: sum.longest.zip(part.longest).map(|(a, b)| a.saturating_add(b)),
            bytes: sum.bytes.zip(part.bytes).map(|(a, b)| a.saturating_add(b)),
            widest: sum.widest.max(part.widest),
        }),
        HirKind::Alternation(parts) => {
            parts.iter().map(measure).fold(NOTHING, |most, part| Measure {
                longest: most.longest.zip(part.longest).map(|(a, b)| a.max(b)),
                bytes: most.bytes.zip(part.bytes).map(|(a, b)| a.max(b)),
                widest: most.widest.max(part.widest),
            })
        }
    }
}

fn widest_of(class: &Class) -> u64 {
    /// One character of each width, in the order of code points: the last below, and the first of
    /// the wider ones.
    const SAMPLES: [char; 5] = ['\u{0}', '"', '\\', '\u{80}', '\u{10000}'];
    match class {
        Class::Unicode(class) => class
            .ranges()
            .iter()
            .flat_map(|range| {
                let inside =
                    SAMPLES.into_iter().filter(|c| (range.start()..=range.end()).contains(c));
                inside.chain([range.start(), range.end()]).map(width)
            })
            .max()
            .unwrap_or_default(),
        Class::Bytes(_) => WIDEST,
    }
}

/// The bytes of a character in JSON text.
pub fn width(character: char) -> u64 {
    match character {
        '"' | '\\' => 2,
        '\u{0}'..='\u{1f}' | '\u{80}'..='\u{ffff}' => 6,
        '\u{10000}'.. => WIDEST,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn anchors_hold_for_every_alternative() {
        let anchored = |pattern: &str| read(pattern).unwrap().anchored;
        assert!(anchored("^[a-z]+$"));
        assert!(anchored("^(a|b)$"));
        for open in ["[a-z]", "^a", "a$", "^a|b$", "^a$|b"] {
            assert!(!anchored(open), "{open}");
        }
        assert!(read("^(a").is_err());
    }

    #[test]
    fn a_match_is_measured_in_characters_and_in_bytes_of_json() {
        let shape = |pattern: &str| {
            let shape = read(pattern).unwrap();
            (shape.longest, shape.bytes, shape.widest)
        };
        assert_eq!(shape("^[0-9]{3}$"), (Some(3), Some(3), 1));
        assert_eq!(shape("^[a-z]{1,4}(\\.[a-z]{1,2}){0,2}$"), (Some(10), Some(10), 1));
        assert_eq!(shape("^[!-~]*$"), (None, None, 2));
        assert_eq!(shape("^[^\\u0000-\\u001f\\u007f]{2}$"), (Some(2), Some(24), 12));
        assert_eq!(shape("^ab|c{0,9}$"), (None, None, 12));
        assert_eq!(shape("^(é|\")$"), (Some(1), Some(6), 6));
    }
}
