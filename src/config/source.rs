//! A TOML file with the places of its keys, so that findings can name lines.

use std::collections::HashMap;
use std::io::{ErrorKind, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use toml::de::{DeTable, DeValue};

use super::finding::{Finding, Kind};

/// Longest file that is read; more is no configuration.
pub const MAX_BYTES: u64 = 1 << 20;

/// A file's text.
pub struct Source {
    pub file: PathBuf,
    text: String,
    /// Where each line begins.
    lines: Vec<usize>,
    /// Dotted path → where it stands. Empty where the text is not TOML.
    places: HashMap<String, Place>,
}

struct Place {
    key: Range<usize>,
    value: Range<usize>,
}

impl Source {
    /// Reads the file; what is wrong goes into `findings`.
    pub fn read(file: &Path, findings: &mut Vec<Finding>) -> Option<Self> {
        match text(file) {
            Ok(text) => Some(Self::of(file, text)),
            Err(finding) => {
                findings.push(finding.of_kind(Kind::Unreadable));
                None
            }
        }
    }

    /// The same of a text in hand.
    pub fn of(file: &Path, text: String) -> Self {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1));
        let lines = lines.collect();
        let mut places = HashMap::new();
        if let Ok(table) = DeTable::parse(&text) {
            place_all("", table.get_ref(), &mut places);
        }
        Self { file: file.to_owned(), text, lines, places }
    }

    /// The file's text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Reads the file's content as `T`. Unknown keys are findings, and the rest is taken;
    /// anything else wrong gives `None`.
    pub fn parse<T: DeserializeOwned>(&self, findings: &mut Vec<Finding>) -> Option<T> {
        let deserializer = match toml::Deserializer::parse(&self.text) {
            Ok(deserializer) => deserializer,
            Err(error) => {
                findings.push(self.syntax_error(&error));
                return None;
            }
        };
        let mut unknown = Vec::new();
        let parsed = serde_ignored::deserialize(deserializer, |path| unknown.push(dotted(&path)));
        findings.extend(unknown.into_iter().map(|key| self.unknown_key(key, "")));
        match parsed {
            Ok(value) => Some(value),
            Err(error) => {
                findings.push(self.value_error(&error));
                None
            }
        }
    }

    /// A key that nothing reads. `known`: what may stand there, where that is said.
    pub fn unknown_key(&self, key: String, known: &str) -> Finding {
        let remedy = if known.is_empty() {
            "check its spelling and its table, or remove it".to_owned()
        } else {
            format!("check its spelling, or remove it; there are: {known}")
        };
        Finding::warning(&self.file, "no such setting; it has no effect", remedy)
            .of_kind(Kind::UnknownKey)
            .at(Some(self.line_of(&key)), key)
    }

    /// An error at a key.
    pub fn error(
        &self,
        key: impl Into<String>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Finding {
        let key = key.into();
        Finding::error(&self.file, message, remedy).at(Some(self.line_of(&key)), key)
    }

    /// A warning at a key.
    pub fn warning(
        &self,
        key: impl Into<String>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Finding {
        let key = key.into();
        Finding::warning(&self.file, message, remedy).at(Some(self.line_of(&key)), key)
    }

    fn syntax_error(&self, error: &toml::de::Error) -> Finding {
        // What ends too early has its fault at its end.
        let span = error.span().unwrap_or(self.text.len()..self.text.len());
        let (message, remedy) = if error.message() == "duplicate key" {
            let name = self.text.get(span.clone()).unwrap_or_default().trim();
            (format!("{name} stands here for the second time"), "remove one of the two")
        } else {
            let remedy = "correct this line: text in \"quotes\", every key on a line of its own";
            (error.message().to_owned(), remedy)
        };
        let mut finding = Finding::error(&self.file, message, remedy).of_kind(Kind::Syntax);
        finding.line = Some(self.line_at(span.start));
        finding
    }

    fn value_error(&self, error: &toml::de::Error) -> Finding {
        let message = error.message();
        let span = error.span().unwrap_or(0..0);
        if let Some(name) = quoted_after(message, "missing field ") {
            let inside = self.innermost(|place| place.value == span);
            let (key, table) = match &inside {
                Some(table) => (format!("{table}.{name}"), format!("[{}]", header(table))),
                None => (name.to_owned(), "the file's top level".to_owned()),
            };
            let add = if name == "gateway" {
                format!("add the table [{name}]; config/ has an example")
            } else {
                format!("add {name} = … to {table}")
            };
            let line = inside.as_deref().map_or(1, |table| self.line_of(table));
            return Finding::error(&self.file, "this setting is missing", add).at(Some(line), key);
        }
        let at = span.start;
        let inside = self.innermost(|place| place.value.contains(&at) || place.key.contains(&at));
        let remedy = if message.starts_with("unknown variant") {
            "write one of the words listed"
        } else if message.starts_with("invalid type: string") {
            "leave out the quotes if it is a number, true or false"
        } else {
            "correct the value; the example in config/ shows every key with its meaning"
        };
        let mut finding = Finding::error(&self.file, in_words(message), remedy);
        finding.line = Some(self.line_at(span.start));
        finding.key = inside;
        finding
    }

    /// The line of a dotted key, from 1; of the nearest one around it that stands in the file.
    pub fn line_of(&self, key: &str) -> usize {
        let mut key = key;
        loop {
            if let Some(place) = self.places.get(key) {
                return self.line_at(place.key.start);
            }
            let Some((around, _)) = key.rsplit_once('.') else { return 1 };
            key = around;
        }
    }

    fn innermost(&self, fits: impl Fn(&Place) -> bool) -> Option<String> {
        self.places
            .iter()
            .filter(|(_, place)| fits(place))
            .max_by_key(|(path, _)| path.len())
            .map(|(path, _)| path.clone())
    }

    fn line_at(&self, offset: usize) -> usize {
        self.lines.partition_point(|start| *start <= offset).max(1)
    }
}

/// The file's text, or why not.
fn text(file: &Path) -> Result<String, Finding> {
    let unreadable = |error: &std::io::Error| {
        let remedy = match error.kind() {
            ErrorKind::NotFound => {
                "create it (config/ has an example), or name its folder with --config"
            }
            ErrorKind::PermissionDenied => {
                "run as a user that may read it, or correct its owner and mode"
            }
            _ => "replace the file",
        };
        Finding::error(file, format!("cannot be read: {error}"), remedy)
    };
    // Asked before it is opened: opening a pipe would wait for its other end.
    let metadata = std::fs::metadata(file).map_err(|error| unreadable(&error))?;
    if !metadata.is_file() {
        let message = "this is no regular file";
        return Err(Finding::error(file, message, "put a TOML file in its place, or remove it"));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(file)
        .and_then(|open| open.take(MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| unreadable(&error))?;
    if bytes.len() as u64 > MAX_BYTES {
        let message = format!("longer than {} KiB", MAX_BYTES / 1024);
        return Err(Finding::error(file, message, "this cannot be meant; replace the file"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let mut finding = Finding::error(file, "not UTF-8 text", "save the file as UTF-8");
        finding.line = Some(good.split(|byte| *byte == b'\n').count());
        finding
    })
}

fn place_all(above: &str, table: &DeTable<'_>, places: &mut HashMap<String, Place>) {
    for (name, value) in table {
        let path = join(above, name.get_ref());
        place_value(&path, value.get_ref(), places);
        places.insert(path, Place { key: name.span(), value: value.span() });
    }
}

fn place_value(path: &str, value: &DeValue<'_>, places: &mut HashMap<String, Place>) {
    match value {
        DeValue::Table(table) => place_all(path, table, places),
        DeValue::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let path = join(path, &index.to_string());
                place_value(&path, item.get_ref(), places);
                places.insert(path, Place { key: item.span(), value: item.span() });
            }
        }
        _ => {}
    }
}

fn join(above: &str, name: &str) -> String {
    if above.is_empty() { name.to_owned() } else { format!("{above}.{name}") }
}

fn dotted(path: &serde_ignored::Path<'_>) -> String {
    use serde_ignored::Path as At;
    match path {
        At::Root => String::new(),
        At::Seq { parent, index } => join(&dotted(parent), &index.to_string()),
        At::Map { parent, key } => join(&dotted(parent), key),
        At::Some { parent } | At::NewtypeStruct { parent } | At::NewtypeVariant { parent } => {
            dotted(parent)
        }
    }
}

/// A path as its header in the file: without the places in lists.
fn header(path: &str) -> String {
    let names: Vec<&str> = path.split('.').filter(|part| part.parse::<usize>().is_err()).collect();
    let name = names.join(".");
    if path.ends_with(|last: char| last.is_ascii_digit()) { format!("[{name}]") } else { name }
}

fn quoted_after<'a>(message: &'a str, beginning: &str) -> Option<&'a str> {
    message.strip_prefix(beginning)?.strip_prefix('`')?.split('`').next()
}

/// The parser's words for types, in a person's.
fn in_words(message: &str) -> String {
    let Some((before, expected)) = message.rsplit_once("expected ") else {
        return message.to_owned();
    };
    let expected = match expected {
        "u16" => "a whole number from 0 to 65535",
        "u32" | "u64" => "a whole number, 0 or more",
        "path string" => "a path in quotes",
        "a string" => "text in quotes",
        "a boolean" => "true or false",
        "a sequence" => "a list, each with a header in [[double brackets]]",
        "a map" => "a table",
        other if other.starts_with("struct ") => "a table",
        other => other,
    };
    format!("{before}expected {expected}")
}
