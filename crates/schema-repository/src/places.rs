//! JSON with places: a finding about a schema is worth little without the line that it is about,
//! and `serde_json` keeps none. The scanner here reads a document once, remembers where each value
//! stands, and refuses what a schema repository must not hold: duplicate members, which one reader
//! takes first and another last, and nesting without end.

use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write as _;

use serde_json::{Map, Value};

/// The deepest nesting of a document.
const DEEPEST: usize = 64;

/// Where something stands: both numbers count from 1, the column in characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// From the root of the repository.
    pub file: String,
    pub line: usize,
    pub column: usize,
}

impl Place {
    /// The beginning of a file, or a file or folder as a whole.
    pub fn of_file(file: impl Into<String>) -> Self {
        Self { file: file.into(), line: 1, column: 1 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// Why a document cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}; {remedy}")]
pub struct Malformed {
    pub place: Place,
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub remedy: String,
}

/// A JSON file, read.
#[derive(Debug, Clone)]
pub struct Document {
    /// From the root of the repository.
    pub file: String,
    /// As it stands in the file.
    pub text: String,
    pub value: Value,
    offsets: BTreeMap<String, usize>,
}

impl Document {
    /// Reads a document.
    ///
    /// # Errors
    ///
    /// [`Malformed`] with the place: no JSON, a member that stands there twice, too deep a nesting.
    pub fn parse(file: &str, text: &str) -> Result<Self, Malformed> {
        let mut scanner = Scanner { text, at: 0, depth: 0, offsets: BTreeMap::new() };
        let scanned = scanner.whole();
        match scanned {
            Ok(value) => Ok(Self {
                file: file.to_owned(),
                text: text.to_owned(),
                value,
                offsets: scanner.offsets,
            }),
            Err(Fault { at, what, remedy }) => {
                Err(Malformed { place: place(file, text, at), what, remedy: remedy.to_owned() })
            }
        }
    }

    /// Where the value of a JSON pointer stands; where there is none, the nearest that holds it.
    pub fn place(&self, pointer: &str) -> Place {
        let mut pointer = pointer;
        loop {
            if let Some(at) = self.offsets.get(pointer) {
                return place(&self.file, &self.text, *at);
            }
            match pointer.rfind('/') {
                Some(cut) => pointer = pointer.get(..cut).unwrap_or_default(),
                None => return Place::of_file(&self.file),
            }
        }
    }
}

/// One step of a JSON pointer, escaped.
pub fn step(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn place(file: &str, text: &str, at: usize) -> Place {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let begin = before.rfind('\n').map_or(0, |end| end + 1);
    let column = before.get(begin..).unwrap_or_default().chars().count() + 1;
    Place { file: file.to_owned(), line, column }
}

struct Fault {
    at: usize,
    what: String,
    remedy: &'static str,
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    offsets: BTreeMap<String, usize>,
}

const SYNTAX: &str = "mend the JSON";

impl Scanner<'_> {
    fn whole(&mut self) -> Result<Value, Fault> {
        if self.text.starts_with('\u{feff}') {
            return Err(self.fault("it begins with a byte order mark", "save it as plain UTF-8"));
        }
        self.space();
        let value = self.value(&mut String::new())?;
        self.space();
        if self.at < self.text.len() {
            return Err(self.fault("something follows the end of the document", SYNTAX));
        }
        Ok(value)
    }

    fn fault(&self, what: impl Into<String>, remedy: &'static str) -> Fault {
        Fault { at: self.at, what: what.into(), remedy }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self, pointer: &mut String) -> Result<Value, Fault> {
        self.offsets.insert(pointer.clone(), self.at);
        match self.peek() {
            Some(b'{') => self.nested(|scanner| scanner.object(pointer)),
            Some(b'[') => self.nested(|scanner| scanner.array(pointer)),
            Some(b'"') => self.string().map(Value::String),
            Some(_) => self.scalar(),
            None => Err(self.fault("the document ends where a value should stand", SYNTAX)),
        }
    }

    fn nested(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<Value, Fault>,
    ) -> Result<Value, Fault> {
        if self.depth == DEEPEST {
            return Err(self.fault(
                format!("nested more than {DEEPEST} levels deep"),
                "move inner schemas into definitions",
            ));
        }
        self.depth += 1;
        self.at += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn object(&mut self, pointer: &mut String) -> Result<Value, Fault> {
        let mut members = Map::new();
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Object(members));
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return Err(self.fault("here should stand the name of a member", SYNTAX));
            }
            let begin = self.at;
            let name = self.string()?;
            if members.contains_key(&name) {
                self.at = begin;
                return Err(self.fault(
                    format!("the member {name:?} stands there twice"),
                    "remove one of them: readers differ in which they take",
                ));
            }
            self.space();
            if self.peek() != Some(b':') {
                return Err(self.fault("here should stand a colon", SYNTAX));
            }
            self.at += 1;
            self.space();
            let length = pointer.len();
            pointer.push('/');
            pointer.push_str(&step(&name));
            let value = self.value(pointer)?;
            // A member's place is that of its name.
            self.offsets.insert(pointer.clone(), begin);
            pointer.truncate(length);
            members.insert(name, value);
            if self.end(b'}')? {
                return Ok(Value::Object(members));
            }
        }
    }

    fn array(&mut self, pointer: &mut String) -> Result<Value, Fault> {
        let mut items = Vec::new();
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::Array(items));
        }
        loop {
            self.space();
            let length = pointer.len();
            let _ = write!(pointer, "/{}", items.len());
            let item = self.value(pointer)?;
            pointer.truncate(length);
            items.push(item);
            if self.end(b']')? {
                return Ok(Value::Array(items));
            }
        }
    }

    /// Whether an object or array ends here, rather than going on after a comma.
    fn end(&mut self, close: u8) -> Result<bool, Fault> {
        self.space();
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                Ok(false)
            }
            Some(byte) if byte == close => {
                self.at += 1;
                Ok(true)
            }
            _ => {
                Err(self
                    .fault(format!("here should stand a comma or {:?}", char::from(close)), SYNTAX))
            }
        }
    }

    fn string(&mut self) -> Result<String, Fault> {
        let begin = self.at;
        let mut escaped = false;
        let rest = self.text.as_bytes().get(begin + 1..).unwrap_or_default();
        let length = rest.iter().position(|byte| {
            let end = *byte == b'"' && !escaped;
            escaped = *byte == b'\\' && !escaped;
            end
        });
        let Some(length) = length else {
            return Err(self.fault("a text without an end", SYNTAX));
        };
        let quoted = self.text.get(begin..begin + length + 2).unwrap_or_default();
        let text = serde_json::from_str(quoted).map_err(|e| self.wrong("no JSON text", &e))?;
        self.at = begin + length + 2;
        Ok(text)
    }

    fn scalar(&mut self) -> Result<Value, Fault> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let ends = |c: char| c.is_ascii_whitespace() || matches!(c, ',' | ']' | '}' | ':' | '"');
        let word = rest.split(ends).next().unwrap_or_default();
        let value =
            serde_json::from_str(word).map_err(|e| self.wrong("here should stand a value", &e))?;
        self.at += word.len();
        Ok(value)
    }

    fn wrong(&self, what: &str, error: &serde_json::Error) -> Fault {
        let error = error.to_string();
        let cause = error.split(" at line").next().unwrap_or_default();
        self.fault(format!("{what} ({cause})"), SYNTAX)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const TEXT: &str = "{\n  \"a\": [1, {\"b/c\": \"é\"}],\n  \"d\": {}\n}\n";

    #[test]
    fn every_value_has_its_place_and_what_is_missing_that_of_its_holder() {
        let document = Document::parse("x.json", TEXT).unwrap();
        let at = |pointer: &str| document.place(pointer).to_string();
        assert_eq!(at(""), "x.json:1:1");
        assert_eq!(at("/a"), "x.json:2:3");
        assert_eq!(at("/a/1"), "x.json:2:12");
        assert_eq!(at("/a/1/b~1c"), "x.json:2:13");
        assert_eq!(at("/d/missing/deeper"), "x.json:3:3");
    }

    #[test]
    fn it_reads_what_serde_json_reads() {
        let document = Document::parse("x.json", TEXT).unwrap();
        assert_eq!(document.value, serde_json::from_str::<Value>(TEXT).unwrap());
    }

    #[test]
    fn what_is_no_document_is_refused_with_its_place() {
        let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
        for (text, expected) in [
            ("{\"a\": 1, \"a\": 2}", "x.json:1:10: the member \"a\" stands there twice"),
            ("{\"a\": 1\n \"b\": 2}", "x.json:2:2: here should stand a comma or '}'"),
            ("{\"a\": nul}", "x.json:1:7: here should stand a value"),
            ("[1, 2", "x.json:1:6: here should stand a comma or ']'"),
            ("\"open", "x.json:1:1: a text without an end"),
            ("{} {}", "x.json:1:4: something follows"),
            ("", "x.json:1:1: the document ends"),
            ("[01]", "x.json:1:2: here should stand a value"),
            (deep.as_str(), "x.json:1:65: nested more than 64 levels"),
        ] {
            let error = Document::parse("x.json", text).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
