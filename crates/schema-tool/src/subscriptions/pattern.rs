//! Event patterns of `EventBridge`, read: what a rule lets through to a subscriber.
//!
//! A pattern is an object; below its names stand lists of alternatives, or objects again. `$or`
//! is a choice between objects where it has two or more and none of them names a matcher;
//! elsewhere it is a name as any other, as the bus has it.

use std::net::IpAddr;

use serde_json::{Map, Value};

/// The longest pattern that the bus takes unless asked for more, in characters.
pub const LONGEST: usize = 2048;
/// The bus compares numbers between plus and minus this.
const LARGEST_NUMBER: f64 = 5.0e9;
const DEEPEST: usize = 32;
const MATCHERS: [&str; 9] = [
    "exactly",
    "prefix",
    "suffix",
    "equals-ignore-case",
    "wildcard",
    "anything-but",
    "numeric",
    "exists",
    "cidr",
];

/// A pattern over an object: all names must match, and one of each choice.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pattern {
    pub members: Vec<(String, Node)>,
    pub choices: Vec<Vec<Pattern>>,
}

/// What stands under a name.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    Inner(Pattern),
    /// One of these.
    Leaf(Vec<Matcher>),
}

/// One alternative.
#[derive(Debug, Clone, PartialEq)]
pub enum Matcher {
    /// A text, a number, true, false or null.
    Exactly(Value),
    Text(Text),
    /// None of these values.
    AnythingBut(Vec<Value>),
    /// No text of these forms.
    NoText(Vec<Text>),
    Numeric(Vec<(Comparison, f64)>),
    Exists(bool),
    Cidr(Network),
}

/// A form of texts.
#[derive(Debug, Clone, PartialEq)]
pub enum Text {
    Prefix {
        text: String,
        any_case: bool,
    },
    Suffix {
        text: String,
        any_case: bool,
    },
    AnyCase(String),
    /// The parts between the stars.
    Wildcard(Vec<String>),
}

/// How a number is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Less,
    LessOrEqual,
    Equal,
    GreaterOrEqual,
    Greater,
}

/// A range of addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    pub address: IpAddr,
    pub bits: u32,
}

/// What is wrong with a pattern, and at which pointer of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {what}")]
pub struct Wrong {
    pub at: String,
    pub what: String,
}

/// Reads a pattern.
pub fn read(value: &Value) -> Result<Pattern, Wrong> {
    let length = value.to_string().chars().count();
    if length > LONGEST {
        let what = format!("{length} characters, at most {LONGEST}");
        return Err(Wrong { at: String::new(), what });
    }
    object(value, "", 0)
}

fn wrong<T>(at: &str, what: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong { at: at.to_owned(), what: what.into() })
}

fn object(value: &Value, at: &str, depth: usize) -> Result<Pattern, Wrong> {
    let Value::Object(members) = value else {
        return wrong(at, "a pattern is an object");
    };
    if members.is_empty() {
        return wrong(at, "an empty pattern");
    }
    if depth > DEEPEST {
        return wrong(at, "nested too deep");
    }
    let mut pattern = Pattern::default();
    for (name, value) in members {
        let at = format!("{at}/{}", doorward_schema_repository::places::step(name));
        match value {
            Value::Array(branches) if name == "$or" && is_choice(branches) => {
                let branches = branches.iter().enumerate();
                let read = |(index, branch)| object(branch, &format!("{at}/{index}"), depth + 1);
                pattern.choices.push(branches.map(read).collect::<Result<_, _>>()?);
            }
            Value::Array(alternatives) if alternatives.is_empty() => {
                return wrong(&at, "an empty list matches nothing");
            }
            Value::Array(alternatives) => {
                let alternatives = alternatives.iter().enumerate();
                let read = |(index, value)| matcher(value, &format!("{at}/{index}"));
                let leaf = alternatives.map(read).collect::<Result<_, _>>()?;
                pattern.members.push((name.clone(), Node::Leaf(leaf)));
            }
            Value::Object(_) => {
                let inner = object(value, &at, depth + 1)?;
                pattern.members.push((name.clone(), Node::Inner(inner)));
            }
            _ => return wrong(&at, "neither a list of alternatives nor an object"),
        }
    }
    Ok(pattern)
}

/// Whether `$or` is a choice, rather than a member of that name.
fn is_choice(branches: &[Value]) -> bool {
    branches.len() >= 2
        && branches.iter().all(|branch| {
            branch.as_object().is_some_and(|members| {
                !members.is_empty() && !members.keys().any(|n| MATCHERS.contains(&n.as_str()))
            })
        })
}

fn matcher(value: &Value, at: &str) -> Result<Matcher, Wrong> {
    let Value::Object(members) = value else {
        if value.is_array() {
            return wrong(at, "a list within a list");
        }
        return Ok(Matcher::Exactly(value.clone()));
    };
    let (word, argument) = single(members, at)?;
    let at = &format!("{at}/{word}");
    match word {
        "exactly" if argument.is_string() => Ok(Matcher::Exactly(argument.clone())),
        "prefix" | "suffix" | "equals-ignore-case" | "wildcard" => {
            text(word, argument, at).map(Matcher::Text)
        }
        "anything-but" => anything_but(argument, at),
        "numeric" => numeric(argument, at),
        "exists" => match argument {
            Value::Bool(there) => Ok(Matcher::Exists(*there)),
            _ => wrong(at, "exists is true or false"),
        },
        "cidr" => cidr(argument, at).map(Matcher::Cidr),
        _ => wrong(at, format!("{word:?} is no matcher; there are {}", MATCHERS.join(", "))),
    }
}

fn single<'a>(members: &'a Map<String, Value>, at: &str) -> Result<(&'a str, &'a Value), Wrong> {
    match members.iter().next() {
        Some((word, argument)) if members.len() == 1 => Ok((word, argument)),
        _ => wrong(at, "a matcher is an object with one member"),
    }
}

fn text(word: &str, argument: &Value, at: &str) -> Result<Text, Wrong> {
    let any_case = argument.get("equals-ignore-case").and_then(Value::as_str);
    let plain = argument.as_str();
    match (word, plain, any_case) {
        ("prefix", Some(text), _) => Ok(Text::Prefix { text: text.to_owned(), any_case: false }),
        ("prefix", _, Some(text)) => Ok(Text::Prefix { text: text.to_lowercase(), any_case: true }),
        ("suffix", Some(text), _) => Ok(Text::Suffix { text: text.to_owned(), any_case: false }),
        ("suffix", _, Some(text)) => Ok(Text::Suffix { text: text.to_lowercase(), any_case: true }),
        ("equals-ignore-case", Some(text), _) => Ok(Text::AnyCase(text.to_lowercase())),
        ("wildcard", Some(text), _) => wildcard(text, at),
        _ => wrong(at, format!("{word} is followed by a text")),
    }
}

fn wildcard(text: &str, at: &str) -> Result<Text, Wrong> {
    let mut parts = vec![String::new()];
    let mut letters = text.chars();
    let mut star = false;
    while let Some(letter) = letters.next() {
        match letter {
            '*' if star => return wrong(at, "two stars in a row"),
            '*' => parts.push(String::new()),
            letter => {
                let letter = match (letter, letters.clone().next()) {
                    ('\\', Some('*' | '\\')) => letters.next().unwrap_or(letter),
                    ('\\', _) => return wrong(at, "a backslash stands before a star or another"),
                    (letter, _) => letter,
                };
                if let Some(part) = parts.last_mut() {
                    part.push(letter);
                }
            }
        }
        star = letter == '*';
    }
    Ok(Text::Wildcard(parts))
}

fn anything_but(argument: &Value, at: &str) -> Result<Matcher, Wrong> {
    let list = |value: &Value| match value {
        Value::Array(values) => values.clone(),
        value => vec![value.clone()],
    };
    match argument {
        Value::Object(members) => {
            let (word, argument) = single(members, at)?;
            if !["prefix", "suffix", "equals-ignore-case", "wildcard"].contains(&word) {
                return wrong(at, format!("{word:?} does not go with anything-but"));
            }
            let texts = list(argument);
            let texts = texts.iter().map(|argument| text(word, argument, at));
            let texts: Vec<Text> = texts.collect::<Result<_, _>>()?;
            if texts.is_empty() {
                return wrong(at, "anything but nothing");
            }
            Ok(Matcher::NoText(texts))
        }
        argument => {
            let values = list(argument);
            let texts = values.iter().all(Value::is_string);
            if values.is_empty() || !(texts || values.iter().all(Value::is_number)) {
                return wrong(at, "anything-but is followed by texts or by numbers");
            }
            Ok(Matcher::AnythingBut(values))
        }
    }
}

fn numeric(argument: &Value, at: &str) -> Result<Matcher, Wrong> {
    let Some(parts) = argument.as_array().filter(|parts| matches!(parts.len(), 2 | 4)) else {
        return wrong(at, "numeric is followed by one or two comparisons");
    };
    let mut comparisons = Vec::new();
    for pair in parts.chunks(2) {
        let [word, number] = pair else { return wrong(at, "a comparison without a number") };
        let comparison = match word.as_str() {
            Some("<") => Comparison::Less,
            Some("<=") => Comparison::LessOrEqual,
            Some("=") => Comparison::Equal,
            Some(">=") => Comparison::GreaterOrEqual,
            Some(">") => Comparison::Greater,
            _ => return wrong(at, format!("{word} is none of <, <=, =, >=, >")),
        };
        match number.as_f64() {
            Some(number) if number.abs() <= LARGEST_NUMBER => {
                comparisons.push((comparison, number));
            }
            _ => return wrong(at, format!("{number} is no number between -5e9 and 5e9")),
        }
    }
    let lower = |comparison| matches!(comparison, Comparison::Greater | Comparison::GreaterOrEqual);
    let upper = |comparison| matches!(comparison, Comparison::Less | Comparison::LessOrEqual);
    match comparisons.as_slice() {
        [_] => {}
        [(one, least), (other, most)] if lower(*one) && upper(*other) && least < most => {}
        _ => return wrong(at, "two comparisons are a lower bound and then a higher upper one"),
    }
    Ok(Matcher::Numeric(comparisons))
}

fn cidr(argument: &Value, at: &str) -> Result<Network, Wrong> {
    let text = argument.as_str().unwrap_or_default();
    let (address, bits) = text.split_once('/').unwrap_or((text, ""));
    let Ok(address) = address.parse::<IpAddr>() else {
        return wrong(at, format!("{argument} is no range of addresses like 10.0.0.0/8"));
    };
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = if bits.is_empty() { Ok(most) } else { bits.parse() };
    match bits {
        Ok(bits) if bits <= most => Ok(Network { address, bits }),
        _ => wrong(at, format!("{argument}: at most {most} bits")),
    }
}
