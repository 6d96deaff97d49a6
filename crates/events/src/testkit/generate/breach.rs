//! Every way in which an event can break its type's schema, each alone.

use fastrand::Rng;
use serde_json::{Number, Value, json};

use super::node::{Source, Style, limit, pattern, resolved};
use crate::types::EventType;
use crate::validate::{MAX_DEPTH, MAX_EVENT_BYTES};

/// A member that no schema knows.
const STRANGER: &str = "no_such_member";
/// A word of no vocabulary.
const NO_WORD: &str = "no_such_word";
/// Characters that may break a pattern, the most telling first.
const OFFENDING: [char; 12] =
    ['\u{7}', '\n', ' ', 'é', '\u{7f}', '/', '!', ':', '.', '-', 'G', '\u{10ffff}'];

/// Which rule an event breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Breach {
    /// A required member is missing.
    Missing,
    /// Another JSON type than the schema's.
    WrongType,
    /// `null`, which no schema accepts.
    Null,
    /// A text of too few characters.
    TooShort,
    /// A text of too many characters.
    TooLong,
    /// A number under its minimum.
    TooSmall,
    /// A number over its maximum.
    TooGreat,
    /// A text that does not fit its pattern.
    Pattern,
    /// A text that fits its pattern and is excluded all the same.
    Excluded,
    /// A word outside a vocabulary, or another version.
    UnknownWord,
    /// A member that the schema does not have.
    UnknownMember,
    /// A time stamp without zone or offset.
    NaiveTime,
    /// A time stamp with an offset instead of `Z`.
    OffsetTime,
    /// A time stamp of a day that no calendar has.
    NoSuchDay,
    /// A list that is too short.
    TooFewItems,
    /// A list that is too long.
    TooManyItems,
    /// The same item twice in a list of different ones.
    DuplicateItems,
    /// An object with too few members.
    TooFewMembers,
    /// A map with too many members.
    TooManyMembers,
    /// Nested too deep.
    TooDeep,
    /// Too many bytes.
    TooLarge,
    /// A type that this build does not know.
    UnknownType,
    /// An origin in a type that no gateway publishes.
    OriginWithoutGateway,
}

/// Who refuses an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusedBy {
    /// The writer's form only: readers accept it.
    Writer,
    /// Both forms.
    Both,
}

/// An event that breaks one rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Wrong {
    /// The event.
    pub event: Value,
    /// Where the validator says that it is wrong: a JSON pointer, as in
    /// [`crate::FieldError::pointer`].
    pub pointer: String,
    /// What is wrong.
    pub breach: Breach,
    /// Who refuses it.
    pub refused_by: RefusedBy,
}

/// What to do to a valid event, to which it is a pointer.
enum Change {
    Set(Value),
    Remove,
}

struct Planned {
    pointer: String,
    /// What is changed, if it is not what is named.
    at: Option<String>,
    change: Change,
    breach: Breach,
    refused_by: RefusedBy,
}

pub(super) fn of(
    event_type: EventType,
    event: Value,
    writer: &Value,
    reader: &Value,
    rng: Rng,
) -> impl Iterator<Item = Wrong> + use<> {
    let mut plan =
        Plan { writer, reader, source: Source::new(writer, rng, Style::Full), planned: Vec::new() };
    plan.object(writer, reader, "", &event);
    let both = |pointer: &str, member: &str, value, breach| Planned {
        pointer: pointer.to_owned(),
        at: Some(format!("/{member}")),
        change: Change::Set(value),
        breach,
        refused_by: RefusedBy::Both,
    };
    let deep = (0..MAX_DEPTH).fold(json!(1), |inner, _| json!([inner]));
    plan.planned.push(both("", STRANGER, deep, Breach::TooDeep));
    let large = json!("x".repeat(MAX_EVENT_BYTES));
    plan.planned.push(both("", STRANGER, large, Breach::TooLarge));
    let unknown = json!(format!("{event_type}_too"));
    plan.planned.push(both("/type", "type", unknown, Breach::UnknownType));
    if writer.pointer("/properties/gateway").is_none() {
        let origin = json!({
            "recorded_at": "2026-11-21T06:41:00Z",
            "journal_id": "019aa4f0-0000-7000-8000-000000000001",
            "sequence": 1,
            "type_sequence": 1,
        });
        plan.planned.push(Planned {
            refused_by: RefusedBy::Writer,
            ..both("/gateway", "gateway", origin, Breach::OriginWithoutGateway)
        });
    }
    plan.planned.into_iter().map(move |planned| planned.apply(event.clone()))
}

impl Planned {
    fn apply(self, mut event: Value) -> Wrong {
        let at = self.at.as_ref().unwrap_or(&self.pointer);
        let (parent, name) = at.rsplit_once('/').unwrap_or_default();
        match (event.pointer_mut(parent), self.change) {
            (Some(Value::Object(members)), Change::Set(value)) => {
                members.insert(name.to_owned(), value);
            }
            (Some(Value::Object(members)), Change::Remove) => {
                members.shift_remove(name);
            }
            (Some(Value::Array(items)), Change::Set(value)) => {
                if let Some(item) = name.parse::<usize>().ok().and_then(|n| items.get_mut(n)) {
                    *item = value;
                }
            }
            _ => {}
        }
        let Self { pointer, breach, refused_by, .. } = self;
        Wrong { event, pointer, breach, refused_by }
    }
}

/// Walks the writer's and the reader's schema side by side.
struct Plan<'a> {
    writer: &'a Value,
    reader: &'a Value,
    source: Source<'a>,
    planned: Vec<Planned>,
}

impl<'a> Plan<'a> {
    fn set(&mut self, pointer: &str, breach: Breach, refused_by: RefusedBy, value: Value) {
        let change = Change::Set(value);
        let pointer = pointer.to_owned();
        self.planned.push(Planned { pointer, at: None, change, breach, refused_by });
    }

    fn node(&mut self, writer: &'a Value, reader: &'a Value, pointer: &str, value: &Value) {
        let writer = resolved(self.writer, writer);
        let reader = resolved(self.reader, reader);
        self.set(pointer, Breach::Null, RefusedBy::Both, Value::Null);
        let wrong = match value {
            Value::String(_) => vec![json!(7), json!(["x"])],
            Value::Number(number) if number.is_f64() => vec![json!("7"), json!([])],
            Value::Number(_) => vec![json!("7"), json!(1.5)],
            Value::Bool(_) => vec![json!("true"), json!(0)],
            Value::Array(_) => vec![json!({}), json!("x")],
            Value::Object(_) => vec![json!([]), json!("x")],
            Value::Null => Vec::new(),
        };
        for value in wrong {
            self.set(pointer, Breach::WrongType, RefusedBy::Both, value);
        }
        match value {
            Value::String(text) => self.text(writer, reader, pointer, text),
            Value::Number(_) => self.number(writer, reader, pointer),
            Value::Array(items) => self.array(writer, reader, pointer, items),
            Value::Object(_) => self.object(writer, reader, pointer, value),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn text(&mut self, writer: &'a Value, reader: &'a Value, pointer: &str, text: &str) {
        if pointer == "/type" {
            return;
        }
        if writer.get("enum").is_some() {
            let refused_by =
                if reader.get("enum").is_some() { RefusedBy::Both } else { RefusedBy::Writer };
            let word = if pattern(reader).is_some() {
                self.source.text_of(reader, limit(reader, "maxLength", 0))
            } else {
                NO_WORD.to_owned()
            };
            self.set(pointer, Breach::UnknownWord, refused_by, json!(word));
        }
        // Where the forms differ, what a reader refuses is no word of the writer's either.
        let rules = reader;
        if let Some(fewer) = limit(rules, "minLength", 0).checked_sub(1) {
            let short: String = text.chars().take(fewer).collect();
            self.set(pointer, Breach::TooShort, RefusedBy::Both, json!(short));
        }
        let most = limit(rules, "maxLength", usize::MAX);
        if most < MAX_EVENT_BYTES {
            let mut long = self.source.text_of(rules, most + 1);
            let missing = (most + 1).saturating_sub(long.chars().count());
            long.extend(std::iter::repeat_n('0', missing));
            self.set(pointer, Breach::TooLong, RefusedBy::Both, json!(long));
        }
        if let Some(rule) = pattern(rules)
            && let Some(broken) = broken(text, &|text| !rule.matches(text))
        {
            self.set(pointer, Breach::Pattern, RefusedBy::Both, json!(broken));
        }
        if let Some(excluded) = rules.pointer("/not").and_then(pattern) {
            let text = format!("{}a", excluded.text(&mut self.source.rng, 0, 0, false));
            self.set(pointer, Breach::Excluded, RefusedBy::Both, json!(text));
        }
        if rules.get("format").is_some_and(|format| format == "date-time") {
            let table = [
                (Breach::NaiveTime, "2026-11-21T06:41:00.25"),
                (Breach::OffsetTime, "2026-11-21T06:41:00+01:00"),
                (Breach::NoSuchDay, "2026-13-21T06:41:00Z"),
            ];
            for (breach, text) in table {
                self.set(pointer, breach, RefusedBy::Both, json!(text));
            }
        }
    }

    fn number(&mut self, writer: &Value, reader: &Value, pointer: &str) {
        let rules = if reader.get("enum").is_some() { writer } else { reader };
        let whole = rules.get("type").is_some_and(|kind| kind == "integer");
        let beyond = |bound: &Value, step: i64| {
            let next = match (bound.as_i64(), bound.as_u64()) {
                (Some(bound), _) if whole => bound.checked_add(step).map(Number::from),
                (_, Some(bound)) if whole => bound.checked_add_signed(step).map(Number::from),
                _ => None,
            };
            #[expect(clippy::cast_precision_loss, reason = "a step of one")]
            let float = || Number::from_f64(bound.as_f64().unwrap_or(0.0) + step as f64);
            next.or_else(float).map_or(Value::Null, Value::Number)
        };
        if let Some(bound) = rules.get("minimum") {
            self.set(pointer, Breach::TooSmall, RefusedBy::Both, beyond(bound, -1));
        }
        if let Some(bound) = rules.get("maximum") {
            self.set(pointer, Breach::TooGreat, RefusedBy::Both, beyond(bound, 1));
        }
    }

    fn array(&mut self, writer: &'a Value, reader: &'a Value, pointer: &str, items: &[Value]) {
        let many = limit(writer, "maxItems", 0) + 1;
        let mut too_many = self.source.items(writer, many);
        while too_many.len() < many
            && let Some(first) = items.first()
        {
            too_many.push(first.clone());
        }
        self.set(pointer, Breach::TooManyItems, RefusedBy::Both, Value::Array(too_many));
        if let Some(fewer) = limit(writer, "minItems", 0).checked_sub(1) {
            let few = items.iter().take(fewer).cloned().collect();
            self.set(pointer, Breach::TooFewItems, RefusedBy::Both, Value::Array(few));
        }
        let Some(first) = items.first() else { return };
        if writer.get("uniqueItems") == Some(&Value::Bool(true)) {
            let twice = json!([first, first]);
            self.set(pointer, Breach::DuplicateItems, RefusedBy::Both, twice);
        }
        if let (Some(writer), Some(reader)) = (writer.get("items"), reader.get("items")) {
            self.node(writer, reader, &format!("{pointer}/0"), first);
        }
    }

    fn object(&mut self, writer: &'a Value, reader: &'a Value, pointer: &str, value: &Value) {
        let Value::Object(members) = value else { return };
        let required: Vec<&str> = writer
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        for name in &required {
            self.planned.push(Planned {
                pointer: format!("{pointer}/{name}"),
                at: None,
                change: Change::Remove,
                breach: Breach::Missing,
                refused_by: RefusedBy::Both,
            });
        }
        let closed = |schema: &Value| schema.get("additionalProperties") == Some(&json!(false));
        if closed(writer) {
            let refused_by = if closed(reader) { RefusedBy::Both } else { RefusedBy::Writer };
            self.set(&format!("{pointer}/{STRANGER}"), Breach::UnknownMember, refused_by, json!(1));
        }
        if let Some(fewer) = limit(writer, "minProperties", 0).checked_sub(1) {
            let needed = |name: &str| required.contains(&name);
            let mut few = members.clone();
            few.retain(|name, _| needed(name));
            let optional = members.iter().filter(|(name, _)| !needed(name));
            let more = optional.take(fewer.saturating_sub(few.len()));
            few.extend(more.map(|(name, value)| (name.clone(), value.clone())));
            self.set(pointer, Breach::TooFewMembers, RefusedBy::Both, Value::Object(few));
        }
        if let (Some(named), Some((name, first))) =
            (writer.get("patternProperties").and_then(Value::as_object), members.iter().next())
        {
            let Some((key, of)) = named.iter().next() else { return };
            let mut many = members.clone();
            let rule = super::node::parsed(key);
            while many.len() <= limit(writer, "maxProperties", 0) {
                many.insert(rule.text(&mut self.source.rng, 0, 64, false), first.clone());
            }
            self.set(pointer, Breach::TooManyMembers, RefusedBy::Both, Value::Object(many));
            let reader = reader.pointer("/patternProperties").and_then(|named| named.get(key));
            if let Some(reader) = reader {
                self.node(of, reader, &format!("{pointer}/{name}"), first);
            }
        }
        for (name, value) in members {
            let of = |schema: &'a Value| schema.get("properties").and_then(|of| of.get(name));
            if let (Some(writer), Some(reader)) = (of(writer), of(reader)) {
                self.node(writer, reader, &format!("{pointer}/{name}"), value);
            }
        }
    }
}

/// The text with one character changed so that it is `wrong` as a whole, and as long as before.
fn broken(text: &str, wrong: &dyn Fn(&str) -> bool) -> Option<String> {
    let characters: Vec<char> = if text.is_empty() { vec!['x'] } else { text.chars().collect() };
    for offending in OFFENDING {
        for at in [characters.len() - 1, 0, characters.len() / 2] {
            let changed = characters.iter().enumerate();
            let changed: String =
                changed.map(|(n, c)| if n == at { offending } else { *c }).collect();
            if wrong(&changed) {
                return Some(changed);
            }
        }
    }
    None
}
