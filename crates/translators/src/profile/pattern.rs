//! Patterns of addresses, and texts with `{variables}`.
//!
//! An address pattern takes an address apart into variables. A template puts them together into
//! topics, pointers and payloads. Both are exact: no pattern is a wildcard on the wire.

use std::collections::{BTreeMap, BTreeSet};

/// The longest pattern or template, in bytes.
const MAX_PATTERN: usize = 512;

/// The longest topic and address, in bytes.
pub const MAX_TOPIC: usize = 512;

/// What stands in the braces, by name.
pub(super) type Variables = BTreeMap<String, String>;

/// How much of an address a capture takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Within one level, any characters: `{name}`.
    Within,
    /// One or more whole levels: `{name+}`.
    Levels,
    /// One or more digits: `{name#}`.
    Digits,
    /// No or more digits: `{name#?}`.
    MaybeDigits,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Capture {
    name: String,
    form: Form,
}

/// One level of an address pattern: at most one capture between two fixed texts.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Level {
    before: String,
    capture: Option<Capture>,
    after: String,
}

/// The form of the addresses of one kind of device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AddressPattern {
    text: String,
    levels: Vec<Level>,
}

impl std::fmt::Display for AddressPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl AddressPattern {
    /// Reads the pattern; `Err` says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_PATTERN {
            return Err(format!("longer than {MAX_PATTERN} bytes"));
        }
        let levels = text.split('/').map(level).collect::<Result<Vec<_>, _>>()?;
        let pattern = Self { text: text.to_owned(), levels };
        let names: Vec<&str> = pattern.names().collect();
        if names.is_empty() {
            return Err("it holds no {capture}, so it fits one address alone".to_owned());
        }
        if names.iter().collect::<BTreeSet<_>>().len() != names.len() {
            return Err("it holds a {capture} twice".to_owned());
        }
        let many = pattern.levels.iter().filter(|level| level.is_many()).count();
        if many > 1 {
            return Err(
                "it holds two captures of several levels, so it can be read in two ways".to_owned()
            );
        }
        for level in &pattern.levels {
            if level.is_many() && !(level.before.is_empty() && level.after.is_empty()) {
                return Err("a capture of several levels stands alone between slashes".to_owned());
            }
            is_topic(&format!("{}x{}", level.before, level.after))?;
        }
        Ok(pattern)
    }

    /// The names of its captures.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.levels
            .iter()
            .filter_map(|level| level.capture.as_ref())
            .map(|capture| capture.name.as_str())
    }

    /// Takes the address apart; `None`: it does not fit.
    pub fn take_apart(&self, address: &str) -> Option<Variables> {
        let given: Vec<&str> = address.split('/').collect();
        let spare = match self.levels.iter().any(Level::is_many) {
            true => given.len().checked_sub(self.levels.len())?,
            false if given.len() == self.levels.len() => 0,
            false => return None,
        };
        let mut rest = given.as_slice();
        let mut found = Variables::new();
        for level in &self.levels {
            let taken = if level.is_many() { 1 + spare } else { 1 };
            let (these, others) = rest.split_at_checked(taken)?;
            rest = others;
            let text = these.join("/");
            let inner = text.strip_prefix(&level.before)?.strip_suffix(&level.after)?;
            match &level.capture {
                None if inner.is_empty() => {}
                None => return None,
                Some(capture) => {
                    if !capture.form.fits(inner) {
                        return None;
                    }
                    found.insert(capture.name.clone(), inner.to_owned());
                }
            }
        }
        Some(found)
    }
}

impl Level {
    fn is_many(&self) -> bool {
        self.capture.as_ref().is_some_and(|capture| capture.form == Form::Levels)
    }
}

impl Form {
    fn fits(self, text: &str) -> bool {
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        match self {
            Self::Within | Self::Levels => !text.is_empty(),
            Self::Digits => digits && !text.is_empty(),
            Self::MaybeDigits => digits,
        }
    }
}

fn level(text: &str) -> Result<Level, String> {
    let plain =
        |before: &str| Level { before: before.to_owned(), capture: None, after: String::new() };
    let Some((before, rest)) = text.split_once('{') else {
        return match text {
            "" => Err("it holds an empty level".to_owned()),
            _ if text.contains('}') => Err("a '}' without its '{'".to_owned()),
            _ => Ok(plain(text)),
        };
    };
    let Some((inside, after)) = rest.split_once('}') else {
        return Err("a '{' without its '}' in the same level".to_owned());
    };
    if after.contains(['{', '}']) {
        return Err("two captures in one level".to_owned());
    }
    let (name, form) = if let Some(name) = inside.strip_suffix("#?") {
        (name, Form::MaybeDigits)
    } else if let Some(name) = inside.strip_suffix('#') {
        (name, Form::Digits)
    } else if let Some(name) = inside.strip_suffix('+') {
        (name, Form::Levels)
    } else {
        (inside, Form::Within)
    };
    if !is_name(name) {
        return Err(format!("{inside:?} is no capture: a name, then nothing, '+', '#' or '#?'"));
    }
    let capture = Some(Capture { name: name.to_owned(), form });
    Ok(Level { before: before.to_owned(), capture, after: after.to_owned() })
}

/// Whether a capture, kind or setting can be called so.
pub(super) fn is_name(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// Whether a message can have this topic, and one device alone: no wildcard, no empty level, not
/// one of the broker's own. `Err` says why not.
pub(super) fn is_topic(text: &str) -> Result<(), String> {
    let wrong = if text.is_empty() {
        "is empty"
    } else if text.len() > MAX_TOPIC {
        "is longer than 512 bytes"
    } else if text.contains(['#', '+']) {
        "holds a wildcard"
    } else if text.chars().any(char::is_control) {
        "holds a control character"
    } else if text.starts_with('$') {
        "begins with '$', which is the broker's own"
    } else if text.split('/').any(str::is_empty) {
        "holds an empty level, or a slash at its end"
    } else {
        return Ok(());
    };
    Err(wrong.to_owned())
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Variable(String),
}

/// A text with `{variables}`. Braces around anything but a name stand for themselves, so that JSON
/// can be written as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    parts: Vec<Part>,
}

impl Template {
    /// Reads the text; `known`: the variables that there are.
    pub fn parse(text: &str, known: &BTreeSet<String>) -> Result<Self, String> {
        if text.len() > MAX_PATTERN {
            return Err(format!("longer than {MAX_PATTERN} bytes"));
        }
        let mut parts = Vec::new();
        let mut fixed = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            fixed.push_str(before);
            match after.split_once('}') {
                Some((name, behind)) if is_name(name) => {
                    if !known.contains(name) {
                        return Err(format!("there is no {{{name}}} in this kind"));
                    }
                    parts.push(Part::Text(std::mem::take(&mut fixed)));
                    parts.push(Part::Variable(name.to_owned()));
                    rest = behind;
                }
                _ => {
                    fixed.push('{');
                    rest = after;
                }
            }
        }
        fixed.push_str(rest);
        parts.push(Part::Text(fixed));
        Ok(Self { parts })
    }

    /// The text with its variables filled in, each as `escape` writes it.
    pub fn fill_with(&self, variables: &Variables, escape: impl Fn(&str) -> String) -> String {
        self.parts
            .iter()
            .map(|part| match part {
                Part::Text(text) => text.clone(),
                Part::Variable(name) => variables.get(name).map(|v| escape(v)).unwrap_or_default(),
            })
            .collect()
    }

    /// The text with its variables filled in as they are.
    pub fn fill(&self, variables: &Variables) -> String {
        self.fill_with(variables, str::to_owned)
    }

    /// What the profile itself says, without the variables.
    pub fn fixed(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            Part::Variable(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apart(pattern: &str, address: &str) -> Option<Vec<(String, String)>> {
        AddressPattern::parse(pattern)
            .unwrap()
            .take_apart(address)
            .map(|found| found.into_iter().collect())
    }

    fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
        of.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn addresses_are_taken_apart() {
        assert_eq!(apart("{d+}", "a/b/c"), Some(pairs(&[("d", "a/b/c")])));
        assert_eq!(apart("{d}", "a/b"), None);
        assert_eq!(
            apart("{node+}/lock/{object}", "x/y/lock/door"),
            Some(pairs(&[("node", "x/y"), ("object", "door")]))
        );
        assert_eq!(apart("{node+}/lock/{object}", "lock/door"), None);
        assert_eq!(
            apart("{node+}/lock/{object}", "lock/lock/lock"),
            Some(pairs(&[("node", "lock"), ("object", "lock")]))
        );
        assert_eq!(apart("{d}/cover:{n#}", "s/cover:12"), Some(pairs(&[("d", "s"), ("n", "12")])));
        assert_eq!(apart("{d}/cover:{n#}", "s/cover:"), None);
        assert_eq!(apart("{d}/cover:{n#}", "s/cover:1a"), None);
        assert_eq!(apart("{t}/POWER{n#?}", "s/POWER"), Some(pairs(&[("n", ""), ("t", "s")])));
        assert_eq!(apart("{t}/POWER{n#?}", "s/POWER2"), Some(pairs(&[("n", "2"), ("t", "s")])));
        assert_eq!(apart("{t}/POWER{n#?}", "s/power"), None);
    }

    #[test]
    fn patterns_that_can_be_read_in_two_ways_are_refused() {
        for text in [
            "",
            "a/b",
            "{a+}/{b+}",
            "{a}{b}",
            "{a}/{a}",
            "x{a+}",
            "{a",
            "a}",
            "{A}",
            "{a*}",
            "{}",
            "a//{b}",
            "/{a}",
            "{a}/",
            "+/{a}",
            "#",
            "$x/{a}",
            "{a#+}",
            "\u{7}{a}",
        ] {
            assert!(AddressPattern::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn templates_leave_json_alone() {
        let known = BTreeSet::from(["n".to_owned()]);
        let filled = |text: &str| {
            let variables = Variables::from([("n".to_owned(), "3".to_owned())]);
            Template::parse(text, &known).map(|template| template.fill(&variables))
        };
        assert_eq!(filled(r#"{"id":{n},"a":{}}"#).unwrap(), r#"{"id":3,"a":{}}"#);
        assert_eq!(filled("{{n}}").unwrap(), "{3}");
        assert_eq!(filled("a{").unwrap(), "a{");
        assert!(filled("a/{m}").is_err());
    }

    #[test]
    fn topics_name_one_thing() {
        for text in ["", "a/#", "+", "a//b", "/a", "a/", "$SYS/x", "a\u{0}", &"x".repeat(513)] {
            assert!(is_topic(text).is_err(), "{text}");
        }
        assert!(is_topic("a/b c/ä").is_ok());
    }
}
