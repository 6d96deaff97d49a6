//! The patterns of the schemas: read, matched, and turned round into texts that fit them.
//!
//! Only what occurs in the schemas is known: classes, groups, alternatives, repetition, and
//! anchors at both ends. Anything else is an error, so that a new construct is seen at once. The
//! matcher is a second opinion: the validators use another engine.

use std::iter::Peekable;
use std::str::Chars;

use fastrand::Rng;

/// Characters on which careless code stumbles; of these a wide class takes every other one.
const AWKWARD: [char; 16] = [
    '"',
    '\\',
    '<',
    '&',
    '\'',
    '/',
    'ß',
    '\u{80}',
    '\u{a0}',
    '\u{301}',
    '\u{200f}',
    '\u{2028}',
    '\u{d7ff}',
    '\u{fffd}',
    '\u{1f511}',
    '\u{10ffff}',
];

/// A pattern of a schema.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    choices: Choices,
    at_start: bool,
    at_end: bool,
}

type Choices = Vec<Vec<Piece>>;

#[derive(Debug, Clone)]
struct Piece {
    atom: Atom,
    min: usize,
    max: Option<usize>,
}

#[derive(Debug, Clone)]
enum Atom {
    Class { ranges: Vec<(char, char)>, negated: bool },
    Group(Choices),
}

impl Pattern {
    /// Reads a pattern; the error names the construct that is not known.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (at_start, inner) = match text.strip_prefix('^') {
            Some(inner) => (true, inner),
            None => (false, text),
        };
        let (at_end, inner) = match inner.strip_suffix('$') {
            Some(inner) if !inner.ends_with('\\') => (true, inner),
            _ => (false, inner),
        };
        let mut rest = inner.chars().peekable();
        let choices = choices(&mut rest)?;
        match rest.next() {
            None => Ok(Self { choices, at_start, at_end }),
            Some(c) => Err(format!("{c:?} where nothing should follow")),
        }
    }

    /// Whether the text fits.
    pub(super) fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        let last = if self.at_start { 0 } else { text.len() };
        (0..=last).any(|start| {
            fits(&self.choices, &text, start, &mut |end| !self.at_end || end == text.len())
        })
    }

    /// A text that fits, of `min` to `max` characters where the pattern has such texts; as long as
    /// possible if `longest`.
    pub(super) fn text(&self, rng: &mut Rng, min: usize, max: usize, longest: bool) -> String {
        let spare = max.saturating_sub(shortest(&self.choices));
        let mut text = String::new();
        emit(&self.choices, rng, &mut spare.clone(), longest, &mut text);
        if text.chars().count() < min {
            text.clear();
            let mut spare = min.saturating_sub(shortest(&self.choices));
            emit(&self.choices, rng, &mut spare, true, &mut text);
        }
        text
    }
}

type Rest<'a> = Peekable<Chars<'a>>;

fn choices(rest: &mut Rest<'_>) -> Result<Choices, String> {
    let mut choices = vec![Vec::new()];
    while let Some(&c) = rest.peek() {
        match c {
            ')' => break,
            '|' => {
                rest.next();
                choices.push(Vec::new());
            }
            _ => {
                let atom = atom(rest)?;
                let (min, max) = repetition(rest)?;
                if let Some(last) = choices.last_mut() {
                    last.push(Piece { atom, min, max });
                }
            }
        }
    }
    Ok(choices)
}

fn atom(rest: &mut Rest<'_>) -> Result<Atom, String> {
    let single = |c| Atom::Class { ranges: vec![(c, c)], negated: false };
    match rest.next() {
        Some('[') => class(rest),
        Some('(') => {
            let group = choices(rest)?;
            match rest.next() {
                Some(')') => Ok(Atom::Group(group)),
                _ => Err("a group without its end".to_owned()),
            }
        }
        Some('\\') => escaped(rest).map(single),
        Some(c) if !"^$*+?{}.".contains(c) => Ok(single(c)),
        other => Err(format!("{other:?} is not known here")),
    }
}

fn class(rest: &mut Rest<'_>) -> Result<Atom, String> {
    let negated = rest.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    loop {
        let from = match rest.next() {
            Some(']') if !ranges.is_empty() => return Ok(Atom::Class { ranges, negated }),
            Some('\\') => escaped(rest)?,
            Some(c) if c != '[' && c != ']' => c,
            other => return Err(format!("{other:?} in a class")),
        };
        let mut ahead = rest.clone();
        let is_range = ahead.next() == Some('-') && ahead.next().is_some_and(|c| c != ']');
        let to = if is_range {
            rest.next();
            match rest.next() {
                Some('\\') => escaped(rest)?,
                Some(c) => c,
                None => return Err("a class without its end".to_owned()),
            }
        } else {
            from
        };
        ranges.push((from, to));
    }
}

fn escaped(rest: &mut Rest<'_>) -> Result<char, String> {
    match rest.next() {
        Some('u') => {
            let digits: String = rest.by_ref().take(4).collect();
            let code = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32);
            code.ok_or_else(|| format!("\\u{digits}"))
        }
        Some(c) if c.is_ascii_punctuation() => Ok(c),
        other => Err(format!("\\ before {other:?}")),
    }
}

fn repetition(rest: &mut Rest<'_>) -> Result<(usize, Option<usize>), String> {
    let times = match rest.peek() {
        Some('*') => (0, None),
        Some('+') => (1, None),
        Some('?') => (0, Some(1)),
        Some('{') => {
            rest.next();
            let inner: String = rest.by_ref().take_while(|c| *c != '}').collect();
            let number = |text: &str| text.parse::<usize>().map_err(|_| format!("{{{inner}}}"));
            return match inner.split_once(',') {
                None => number(&inner).map(|times| (times, Some(times))),
                Some((min, "")) => Ok((number(min)?, None)),
                Some((min, max)) => Ok((number(min)?, Some(number(max)?))),
            };
        }
        _ => return Ok((1, Some(1))),
    };
    rest.next();
    Ok(times)
}

/// Whether one of the choices fits from `at`, and the rest from where it ends.
fn fits(choices: &Choices, text: &[char], at: usize, then: &mut dyn FnMut(usize) -> bool) -> bool {
    choices.iter().any(|pieces| sequence(pieces, text, at, then))
}

fn sequence(
    pieces: &[Piece],
    text: &[char],
    at: usize,
    then: &mut dyn FnMut(usize) -> bool,
) -> bool {
    let Some((piece, later)) = pieces.split_first() else { return then(at) };
    let mut then = |end: usize| sequence(later, text, end, then);
    match &piece.atom {
        Atom::Class { ranges, negated } => {
            let most = piece.max.unwrap_or(usize::MAX);
            let tail = text.get(at..).unwrap_or_default();
            let fitting = tail.iter().take(most);
            let fitting = fitting.take_while(|c| holds(ranges, *negated, **c)).count();
            (piece.min..=fitting).rev().any(|times| then(at + times))
        }
        Atom::Group(group) => repeated(piece, group, 0, text, at, &mut then),
    }
}

fn repeated(
    piece: &Piece,
    group: &Choices,
    times: usize,
    text: &[char],
    at: usize,
    then: &mut dyn FnMut(usize) -> bool,
) -> bool {
    let once_more = piece.max.is_none_or(|max| times < max)
        && fits(group, text, at, &mut |end| {
            end > at && repeated(piece, group, times + 1, text, end, then)
        });
    once_more || (times >= piece.min && then(at))
}

fn holds(ranges: &[(char, char)], negated: bool, c: char) -> bool {
    ranges.iter().any(|(from, to)| (*from..=*to).contains(&c)) != negated
}

/// The characters of the shortest text that fits.
fn shortest(choices: &Choices) -> usize {
    choices.iter().map(|pieces| length(pieces)).min().unwrap_or(0)
}

fn length(pieces: &[Piece]) -> usize {
    pieces.iter().map(|piece| piece.min * once(&piece.atom)).sum()
}

fn once(atom: &Atom) -> usize {
    match atom {
        Atom::Class { .. } => 1,
        Atom::Group(group) => shortest(group),
    }
}

/// Appends a text that fits, with at most `spare` characters more than the shortest one.
fn emit(choices: &Choices, rng: &mut Rng, spare: &mut usize, longest: bool, out: &mut String) {
    let least = shortest(choices);
    let affordable = choices.iter().filter(|pieces| length(pieces) - least <= *spare);
    let Some(pieces) = rng.choice(affordable.collect::<Vec<_>>()) else { return };
    *spare -= length(pieces) - least;
    for piece in pieces {
        let each = once(&piece.atom).max(1);
        let most = piece.max.map_or(usize::MAX, |max| max - piece.min).min(*spare / each);
        let more = if longest { most } else { rng.usize(0..=most) };
        *spare -= more * each;
        for _ in 0..piece.min + more {
            match &piece.atom {
                Atom::Class { ranges, negated } => out.push(member(ranges, *negated, rng)),
                Atom::Group(group) => emit(group, rng, spare, longest, out),
            }
        }
    }
}

fn member(ranges: &[(char, char)], negated: bool, rng: &mut Rng) -> char {
    if !negated && let Some((from, to)) = rng.choice(ranges) {
        return rng.char(*from..=*to);
    }
    loop {
        let c = match rng.u8(0..4) {
            0 => rng.choice(AWKWARD).unwrap_or('x'),
            1 => rng.char(..),
            _ => rng.char(' '..='~'),
        };
        if holds(ranges, negated, c) {
            return c;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    #[test]
    fn texts_fit_their_pattern_within_the_bounds() {
        let table = [
            ("^[0-9a-f]{8}-7[0-9a-f]{3}$", 13, 13),
            ("^[A-Za-z0-9][A-Za-z0-9._-]*$", 1, 64),
            ("^[a-z][a-z0-9-]*(\\.[a-z0-9-]+)*$", 1, 64),
            ("^[^\\u0000-\\u001f\\u007f]*$", 0, 512),
            ("^[0-9]{2}(\\.[0-9]{1,9})?Z$", 3, 13),
            ("^(ab|c){2,3}[+/-]$", 3, 7),
            ("^[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+$", 16, 8192),
        ];
        let mut rng = Rng::with_seed(7);
        for (text, min, max) in table {
            let pattern = Pattern::parse(text).unwrap();
            for round in 0..200 {
                let found = pattern.text(&mut rng, min, max, round % 4 == 0);
                assert!(pattern.matches(&found), "{text}: {found:?}");
                assert!((min..=max).contains(&found.chars().count()), "{text}: {found:?}");
            }
        }
    }

    #[test]
    fn the_longest_text_is_as_long_as_allowed() {
        let mut rng = Rng::with_seed(1);
        let pattern = Pattern::parse("^[a-z0-9][a-z0-9_-]*:[!-~]+$").unwrap();
        assert_eq!(pattern.text(&mut rng, 3, 160, true).chars().count(), 160);
    }

    #[test]
    fn what_does_not_fit_is_told_apart() {
        let table = [
            ("^[A-Za-z0-9][A-Za-z0-9._-]*$", "a.b_c-1", ["", ".a", "a b", "a\n"]),
            ("^[a-z]+(\\.[a-z]+)+$", "entry.lock", ["entry", "entry.", ".entry", "a..b"]),
            ("^[^\\u0000-\\u001f]*$", "Tür", ["\u{7}", "a\n", "\u{1f}", "\ta"]),
            ("^aws\\.", "aws.events", ["aws", "awsx", "xaws.", ""]),
        ];
        for (text, good, bad) in table {
            let pattern = Pattern::parse(text).unwrap();
            assert!(pattern.matches(good), "{text}");
            for bad in bad {
                assert!(!pattern.matches(bad), "{text}: {bad:?}");
            }
        }
    }

    #[test]
    fn an_unknown_construct_is_an_error() {
        for text in ["a.b", "^(a$", "[a", "\\d", "a{x}", "a)", "*", "(?:a)"] {
            assert!(Pattern::parse(text).is_err(), "{text}");
        }
    }
}
