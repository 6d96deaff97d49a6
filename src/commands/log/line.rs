//! One line of the log: its text for a person, and its fields as systemd's journal wants them.

use std::fmt::{Debug, Write as _};

use jiff::Timestamp;
use tracing::field::{Field, Visit};
use tracing::{Event, Level};

/// Longest value of a field, and longest message, in bytes: a device's words may be among them.
const MAX_VALUE: usize = 2048;

/// What the thread is handed.
#[derive(Debug)]
pub enum Line {
    Text(Box<Text>),
    /// There are no more.
    End,
}

/// A line.
#[derive(Debug)]
pub struct Text {
    pub at: Timestamp,
    pub level: Level,
    /// The module that speaks.
    pub target: &'static str,
    pub message: String,
    pub fields: Vec<Named>,
}

/// A field.
#[derive(Debug)]
pub struct Named {
    pub name: &'static str,
    pub value: String,
    /// It is words: in the text they stand in quotes.
    pub is_words: bool,
}

impl Named {
    fn number(name: &'static str, value: u64) -> Self {
        Self { name, value: value.to_string(), is_words: false }
    }
}

impl Line {
    /// An event's line; before it, `left_out` of the same place were not written.
    pub fn of(event: &Event<'_>, left_out: u64) -> Self {
        let metadata = event.metadata();
        let mut text = Text {
            at: Timestamp::now(),
            level: *metadata.level(),
            target: metadata.target(),
            message: String::new(),
            fields: Vec::new(),
        };
        event.record(&mut text);
        if left_out > 0 {
            text.fields.push(Named::number("left_out_before", left_out));
        }
        Self::Text(Box::new(text))
    }

    /// That the queue had no room for `count` lines.
    pub fn lost(count: u64) -> Self {
        Self::Text(Box::new(Text {
            at: Timestamp::now(),
            level: Level::WARN,
            target: module_path!(),
            message: "lines of this log are missing: nobody took them in time".to_owned(),
            fields: vec![Named::number("lines", count)],
        }))
    }
}

impl Text {
    /// For the standard error.
    pub fn to_text(&self) -> String {
        let mut text =
            format!("{:.6} {:>5} {}: {}", self.at, self.level, self.target, self.message);
        self.write_fields(&mut text);
        text.push('\n');
        text
    }

    fn write_fields(&self, text: &mut String) {
        for Named { name, value, is_words } in &self.fields {
            let _ = match is_words {
                true => write!(text, " {name}={value:?}"),
                false => write!(text, " {name}={value}"),
            };
        }
    }

    /// As one datagram of the native protocol of systemd's journal
    /// (<https://systemd.io/JOURNAL_NATIVE_PROTOCOL/>).
    pub fn to_native(&self) -> Vec<u8> {
        // syslog(3).
        let priority = match self.level {
            Level::ERROR => "3",
            Level::WARN => "4",
            Level::INFO => "6",
            _ => "7",
        };
        let mut message = self.message.clone();
        self.write_fields(&mut message);
        let mut bytes = Vec::with_capacity(256);
        put(&mut bytes, "MESSAGE", &message);
        put(&mut bytes, "PRIORITY", priority);
        put(&mut bytes, "SYSLOG_IDENTIFIER", "doorward");
        put(&mut bytes, "TARGET", self.target);
        for Named { name, value, .. } in &self.fields {
            put(&mut bytes, &field_name(name), value);
        }
        bytes
    }
}

/// One field: on one line, or with its length where it has several.
fn put(bytes: &mut Vec<u8>, name: &str, value: &str) {
    bytes.extend_from_slice(name.as_bytes());
    if value.contains('\n') {
        bytes.push(b'\n');
        bytes.extend_from_slice(&(value.len() as u64).to_le_bytes());
    } else {
        bytes.push(b'=');
    }
    bytes.extend_from_slice(value.as_bytes());
    bytes.push(b'\n');
}

/// Capital letters, digits and underscores, under a prefix that no field of the journal's has.
fn field_name(name: &str) -> String {
    let mut field = String::from("DOORWARD_");
    field.extend(name.chars().take(48).map(|c| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' => c.to_ascii_uppercase(),
        _ => '_',
    }));
    field
}

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.note(field, value.to_owned(), true);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.note(field, format!("{value:?}"), false);
    }
}

impl Text {
    fn note(&mut self, field: &Field, mut value: String, is_words: bool) {
        if value.len() > MAX_VALUE {
            let end = value.floor_char_boundary(MAX_VALUE);
            value.truncate(end);
            value.push('…');
        }
        if field.name() == "message" {
            self.message = value;
        } else {
            self.fields.push(Named { name: field.name(), value, is_words });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(message: &str, name: &'static str, value: &str, is_words: bool) -> Text {
        let fields = vec![Named { name, value: value.to_owned(), is_words }];
        let (at, level) = (Timestamp::UNIX_EPOCH, Level::WARN);
        Text { at, level, target: "doorward::bus", message: message.to_owned(), fields }
    }

    #[test]
    fn a_line_reads_as_it_always_did() {
        let begins = "1970-01-01T00:00:00.000000Z  WARN doorward::bus: the bus is away trouble=";
        let line = text("the bus is away", "trouble", "no \"route\"\n", true);
        assert_eq!(line.to_text(), format!("{begins}\"no \\\"route\\\"\\n\"\n"));
        let line = text("the bus is away", "trouble", "3", false);
        assert_eq!(line.to_text(), format!("{begins}3\n"));
    }

    #[test]
    fn the_journal_gets_fields_and_no_value_makes_one() {
        let line = text("two\nlines", "a.b", "x\nPRIORITY=0", false);
        let mut wanted = b"MESSAGE\n".to_vec();
        let message = "two\nlines a.b=x\nPRIORITY=0";
        wanted.extend_from_slice(&(message.len() as u64).to_le_bytes());
        wanted.extend_from_slice(message.as_bytes());
        wanted.extend_from_slice(
            b"\nPRIORITY=4\nSYSLOG_IDENTIFIER=doorward\nTARGET=doorward::bus\nDOORWARD_A_B\n",
        );
        wanted.extend_from_slice(&12_u64.to_le_bytes());
        wanted.extend_from_slice(b"x\nPRIORITY=0\n");
        assert_eq!(line.to_native(), wanted);
    }
}
