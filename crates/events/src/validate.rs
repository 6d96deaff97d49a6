//! The one validation: whole events against their composed schemas, with errors that name the
//! field and never show its value.

use std::fmt;
use std::sync::OnceLock;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{PatternOptions, ValidationError, Validator};
use serde_json::Value;

use crate::types::EventType;

/// The longest event, in bytes.
pub const MAX_EVENT_BYTES: usize = 64 * 1024;
/// The deepest nesting of objects and arrays in an event.
pub const MAX_DEPTH: usize = 16;
/// The errors that are reported of one event.
const MAX_ERRORS: usize = 8;

/// Which of a type's two schemas applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// Enumerations hold and objects are closed.
    Writer,
    /// Open enumerations take any bounded word and unknown members are accepted.
    Reader,
}

/// One field that a schema refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// JSON pointer to the field; of a missing or unknown member, to that member. Empty: the
    /// event as a whole.
    pub pointer: String,
    /// What is wrong. The value is masked.
    pub message: String,
    /// Where in the composed schema the rule stands.
    pub schema_path: String,
}

impl FieldError {
    pub(crate) fn whole(message: String) -> Self {
        Self { pointer: String::new(), message, schema_path: String::new() }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pointer.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.pointer, self.message)
        }
    }
}

/// An event that its type's schema refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// The type that it claims to be.
    pub event_type: EventType,
    /// The first of what is wrong: at least one, at most eight.
    pub errors: Vec<FieldError>,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is invalid", self.event_type)?;
        for (n, error) in self.errors.iter().enumerate() {
            write!(f, "{}{error}", if n == 0 { ": " } else { "; " })?;
        }
        Ok(())
    }
}

impl std::error::Error for Invalid {}

/// Why bytes are no event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// Longer than it may be: an event than [`MAX_EVENT_BYTES`].
    #[error("{bytes} bytes; at most {most} are allowed")]
    TooLarge {
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        most: usize,
    },
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// Not JSON.
    #[error("not JSON, at line {line} column {column}")]
    Malformed {
        /// From 1.
        line: usize,
        /// From 1, in bytes; 0 at the end of a line.
        column: usize,
    },
    /// No member `type` with a text.
    #[error("/type: not a text")]
    NoType,
    /// A type that this build does not know.
    #[error("/type: unknown event type")]
    UnknownType,
    /// Another type than the one asked for.
    #[error("/type: {found}, expected {expected}")]
    OtherType {
        /// The event's type.
        found: EventType,
        /// The type asked for.
        expected: EventType,
    },
    /// The schema refuses it.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

impl Rejected {
    /// Where the event is wrong: JSON pointers, each once. Empty text: the event as a whole.
    pub fn pointers(&self) -> Vec<&str> {
        match self {
            Self::TooLarge { .. } | Self::TooDeep | Self::Malformed { .. } => vec![""],
            Self::NoType | Self::UnknownType | Self::OtherType { .. } => vec!["/type"],
            Self::Invalid(invalid) => {
                let mut pointers = Vec::new();
                for FieldError { pointer, .. } in &invalid.errors {
                    if !pointers.contains(&pointer.as_str()) {
                        pointers.push(pointer.as_str());
                    }
                }
                pointers
            }
        }
    }
}

/// Checks a whole event: size, depth, known type, schema.
pub fn validate(bytes: &[u8], form: Form) -> Result<EventType, Rejected> {
    let event = parse(bytes)?;
    let event_type = type_of(&event)?;
    let validator = match form {
        Form::Writer => writer(event_type),
        Form::Reader => reader(event_type),
    };
    check(validator, event_type, &event)?;
    Ok(event_type)
}

pub(crate) fn parse(bytes: &[u8]) -> Result<Value, Rejected> {
    parse_within(bytes, MAX_EVENT_BYTES)
}

/// The same of what may be longer than an event.
pub(crate) fn parse_within(bytes: &[u8], most: usize) -> Result<Value, Rejected> {
    if bytes.len() > most {
        return Err(Rejected::TooLarge { bytes: bytes.len(), most });
    }
    if depth_exceeds(bytes, MAX_DEPTH) {
        return Err(Rejected::TooDeep);
    }
    serde_json::from_slice(bytes)
        .map_err(|e| Rejected::Malformed { line: e.line(), column: e.column() })
}

pub(crate) fn type_of(event: &Value) -> Result<EventType, Rejected> {
    let name = event.get("type").and_then(Value::as_str).ok_or(Rejected::NoType)?;
    name.parse().map_err(|_| Rejected::UnknownType)
}

pub(crate) fn check(
    validator: &Validator,
    event_type: EventType,
    event: &Value,
) -> Result<(), Invalid> {
    // `is_valid` collects nothing: it is the fast path of nearly every event.
    if validator.is_valid(event) {
        return Ok(());
    }
    let errors = validator.iter_errors(event).flat_map(|error| field_errors(&error));
    let mut errors: Vec<_> = errors.take(MAX_ERRORS).collect();
    if errors.is_empty() {
        errors.push(FieldError::whole("refused without a reason".to_owned()));
    }
    Err(Invalid { event_type, errors })
}

fn field_errors(error: &ValidationError<'_>) -> Vec<FieldError> {
    let at = error.instance_path().to_string();
    let member = |name: &str, message: &str| FieldError {
        pointer: format!("{at}/{}", bounded_pointer(name)),
        message: message.to_owned(),
        schema_path: error.schema_path().to_string(),
    };
    match error.kind() {
        ValidationErrorKind::Required { property: Value::String(name) } => {
            vec![member(name, "is missing")]
        }
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            unexpected.iter().map(|name| member(name, "is not a member of this type")).collect()
        }
        _ => vec![FieldError {
            pointer: at,
            message: error.masked().to_string(),
            schema_path: error.schema_path().to_string(),
        }],
    }
}

/// A member's name as a pointer token; a foreign name is cut, since it comes from outside.
pub(crate) fn bounded_pointer(name: &str) -> String {
    crate::text::bounded_text(name, 64).replace('~', "~0").replace('/', "~1")
}

/// Whether brackets nest deeper than `limit`, without parsing.
fn depth_exceeds(bytes: &[u8], limit: usize) -> bool {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                depth += 1;
                if depth > limit {
                    return true;
                }
            }
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

type Table = [OnceLock<Validator>; EventType::COUNT];

/// The whole event as its writer is bound to it.
pub(crate) fn writer(event_type: EventType) -> &'static Validator {
    static TABLE: Table = [const { OnceLock::new() }; EventType::COUNT];
    cached(&TABLE, event_type, || schema(event_type.writer_schema()))
}

/// The whole event as a reader accepts it.
pub(crate) fn reader(event_type: EventType) -> &'static Validator {
    static TABLE: Table = [const { OnceLock::new() }; EventType::COUNT];
    cached(&TABLE, event_type, || schema(event_type.reader_schema()))
}

/// The writer's form before a gateway stamps the event: the same, without an origin.
pub(crate) fn unstamped(event_type: EventType) -> &'static Validator {
    static TABLE: Table = [const { OnceLock::new() }; EventType::COUNT];
    cached(&TABLE, event_type, || {
        let mut schema = schema(event_type.writer_schema());
        if let Some(Value::Array(required)) = schema.get_mut("required") {
            required.retain(|name| name != "gateway");
        }
        if let Some(Value::Object(properties)) = schema.get_mut("properties") {
            properties.remove("gateway");
        }
        schema
    })
}

#[expect(clippy::expect_used, reason = "build/main.rs wrote this text with serde_json")]
pub(crate) fn schema(text: &str) -> Value {
    serde_json::from_str(text).expect("an embedded schema is JSON")
}

#[expect(clippy::indexing_slicing, reason = "the table has a place for every index()")]
fn cached(
    table: &'static Table,
    event_type: EventType,
    schema: impl FnOnce() -> Value,
) -> &'static Validator {
    table[event_type.index()].get_or_init(|| compile(&schema()))
}

/// The validator of an embedded schema.
#[expect(clippy::expect_used, reason = "a test compiles every embedded schema")]
pub(crate) fn compile(schema: &Value) -> Validator {
    jsonschema::options()
        .with_draft(jsonschema::Draft::Draft4)
        .should_validate_formats(true)
        // Linear time on any input, unlike the default engine.
        .with_pattern_options(PatternOptions::regex())
        .build(schema)
        .expect("an embedded schema compiles")
}
