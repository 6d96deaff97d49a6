//! The rules of a kind, read from their tables.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::expression::Expression;
use super::faults::Faults;
use super::kind::{Context, MAX_LIST, MAX_RULES};
use super::meaning::Meaning;
use super::rule::{AvailabilityRule, EventRule, MAX_FIELD, Reader, StateRule, Tables, TimeRule};
use super::source::{self, Absent, Fact, Payload, REFERENCE, piece, pieces};
use super::value::Table;
use crate::observation::{Operation, Outcome};
use crate::vocabulary::{OperationKind, OperationSource};

type Words = BTreeMap<String, String>;

/// `[[kind.state]]`
pub(super) fn states(
    tables: Vec<Map<String, Value>>,
    context: &Context<'_>,
    faults: &mut Faults,
) -> Vec<StateRule> {
    let read = pieces(tables, &format!("{}.state", context.place), MAX_RULES, faults);
    read.into_iter().filter_map(|(place, raw)| state(raw?, &place, context, faults)).collect()
}

fn state(
    raw: source::State,
    place: &str,
    context: &Context<'_>,
    faults: &mut Faults,
) -> Option<StateRule> {
    let topics = topics(&raw.topics, place, context, faults);
    let (pointer, expression) = (raw.pointer.as_deref(), raw.expression.as_deref());
    if raw.absent == Absent::Unknown && pointer.is_none() {
        faults.add(format!("{place}.absent"), "without a pointer nothing is absent", REFERENCE);
    }
    let keys = payload_of_keys(raw.payload, expression);
    let reader = reader(raw.payload, pointer, expression, place, context, faults);
    let tables = meanings(
        raw.fact,
        (raw.values, raw.choose, raw.tables, &raw.ignore),
        keys,
        place,
        context,
        faults,
    );
    Some(StateRule {
        fact: raw.fact,
        topics,
        reader: reader?,
        tables: tables?,
        absent: raw.absent,
        optimistic: raw.optimistic,
        retained: raw.retained,
    })
}

/// An expression gives values with types, whatever the payload is.
const fn payload_of_keys(payload: Payload, expression: Option<&str>) -> Payload {
    if expression.is_some() { Payload::Json } else { payload }
}

fn topics(
    texts: &[String],
    place: &str,
    context: &Context<'_>,
    faults: &mut Faults,
) -> Vec<super::pattern::Template> {
    let key = format!("{place}.topics");
    if texts.is_empty() {
        faults.add(&key, "no topic", "name at least one");
    }
    context.topics(texts, &key, faults)
}

fn reader(
    payload: Payload,
    pointer: Option<&str>,
    expression: Option<&str>,
    place: &str,
    context: &Context<'_>,
    faults: &mut Faults,
) -> Option<Reader> {
    if payload == Payload::Text && pointer.is_some() {
        faults.add(format!("{place}.pointer"), "a text has no members", "write payload = \"json\"");
    }
    let pointer = match pointer {
        None => None,
        Some(text) => Some(context.pointer(text, &format!("{place}.pointer"), faults)?),
    };
    let expression = match expression {
        None => None,
        Some(text) => {
            let compiled = Expression::compile(text, context.known.iter().map(String::as_str));
            let key = format!("{place}.expression");
            Some(compiled.map_err(|wrong| faults.add(key, wrong, REFERENCE)).ok()?)
        }
    };
    Some(Reader { payload, pointer, expression })
}

fn meanings(
    fact: Fact,
    (values, choose, tables, ignore): (
        Option<Words>,
        Option<String>,
        BTreeMap<String, Words>,
        &[String],
    ),
    payload: Payload,
    place: &str,
    context: &Context<'_>,
    faults: &mut Faults,
) -> Option<Tables> {
    let one = |words: Words, key: &str, faults: &mut Faults| {
        table(fact, words, ignore, payload, key, faults)
    };
    match (values, choose) {
        (None, None) if fact == Fact::BatteryPercent && tables.is_empty() && ignore.is_empty() => {
            Some(Tables::Number)
        }
        (Some(words), None) if fact != Fact::BatteryPercent && tables.is_empty() => {
            one(words, &format!("{place}.values"), faults).map(Tables::One)
        }
        (None, Some(name)) if fact != Fact::BatteryPercent => {
            let Some(setting) = context.settings.iter().find(|setting| setting.name == name) else {
                faults.add(format!("{place}.choose"), "there is no such setting", REFERENCE);
                return None;
            };
            let options: BTreeSet<&String> = setting.options.iter().map(|(name, _)| name).collect();
            if !options.iter().copied().eq(tables.keys()) {
                let remedy = "give one table for each of the setting's options";
                faults.add(format!("{place}.tables"), "not the options of the setting", remedy);
                return None;
            }
            let mut found = Vec::new();
            for (option, words) in tables {
                let table = one(words, &format!("{place}.tables.{option}"), faults)?;
                found.push((option, table));
            }
            Some(Tables::Chosen { setting: name, tables: found })
        }
        _ => {
            let remedy = "give values, or choose and tables; of a percentage none of them";
            faults.add(place, "it needs one table of values", remedy);
            None
        }
    }
}

fn table(
    fact: Fact,
    words: Words,
    ignore: &[String],
    payload: Payload,
    key: &str,
    faults: &mut Faults,
) -> Option<Table<Option<Meaning>>> {
    let mut entries = Vec::new();
    for (value, word) in words {
        if let Some(meaning) = Meaning::of(fact, &word) {
            entries.push((value, Some(meaning)));
        } else {
            let message = format!("{word:?} is no word for {:?}", fact.as_str());
            faults.add(format!("{key}.{value}"), message, REFERENCE);
        }
    }
    entries.extend(ignore.iter().map(|value| (value.clone(), None)));
    build(entries, payload, key, faults)
}

fn build<T>(
    entries: Vec<(String, T)>,
    payload: Payload,
    key: &str,
    faults: &mut Faults,
) -> Option<Table<T>> {
    if entries.is_empty() {
        faults.add(key, "an empty table", "give at least one value");
    }
    Table::build(entries, payload)
        .map_err(|(value, wrong)| faults.add(format!("{key}.{value}"), wrong, REFERENCE))
        .ok()
}

/// `[[kind.event]]`
pub(super) fn events(
    tables: Vec<Map<String, Value>>,
    context: &Context<'_>,
    faults: &mut Faults,
) -> Vec<EventRule> {
    let read = pieces(tables, &format!("{}.event", context.place), MAX_RULES, faults);
    read.into_iter().filter_map(|(place, raw)| event(raw?, &place, context, faults)).collect()
}

/// What a value of an event means.
#[derive(Deserialize)]
struct Told {
    kind: OperationKind,
    #[serde(default = "unknown_source")]
    source: OperationSource,
    #[serde(default = "succeeded")]
    outcome: Outcome,
}

const fn unknown_source() -> OperationSource {
    OperationSource::Unknown
}

const fn succeeded() -> Outcome {
    Outcome::Succeeded
}

fn event(
    raw: source::Event,
    place: &str,
    context: &Context<'_>,
    faults: &mut Faults,
) -> Option<EventRule> {
    let topics = topics(&raw.topics, place, context, faults);
    let (pointer, expression) = (raw.pointer.as_deref(), raw.expression.as_deref());
    let keys = payload_of_keys(raw.payload, expression);
    let reader = reader(raw.payload, pointer, expression, place, context, faults);
    let mut entries = Vec::new();
    for (value, told) in raw.values {
        let key = format!("{place}.values.{value}");
        match told {
            Value::String(word) if word == "ignore" => entries.push((value, None)),
            Value::Object(members) => {
                if let Some(Told { kind, source, outcome }) = piece(members, &key, faults) {
                    let operation = Operation { kind, outcome, source, user_slot: None };
                    entries.push((value, Some(operation)));
                }
            }
            _ => faults.add(key, "neither \"ignore\" nor a table with a kind", REFERENCE),
        }
    }
    entries.extend(raw.ignore.into_iter().map(|value| (value, None)));
    let table = build(entries, keys, &format!("{place}.values"), faults);
    let user = match raw.user {
        None => None,
        Some(text) => Some(context.pointer(&text, &format!("{place}.user"), faults)?),
    };
    if user.is_some() && raw.payload == Payload::Text {
        faults.add(format!("{place}.user"), "a text has no members", "write payload = \"json\"");
    }
    Some(EventRule { topics, reader: reader?, table: table?, user })
}

/// `[[kind.availability]]`
pub(super) fn availability(
    tables: Vec<Map<String, Value>>,
    context: &Context<'_>,
    faults: &mut Faults,
) -> Vec<AvailabilityRule> {
    let read = pieces(tables, &format!("{}.availability", context.place), MAX_LIST, faults);
    let mut found: Vec<AvailabilityRule> = Vec::new();
    for (place, raw) in read.into_iter().filter_map(|(place, raw)| Some((place, raw?))) {
        let raw: source::Availability = raw;
        let wrong = raw.part.is_empty()
            || raw.part.len() > MAX_FIELD
            || raw.part.chars().any(char::is_control);
        if wrong || found.iter().any(|other| other.part == raw.part) {
            let remedy = "give each availability of a kind a name of its own, at most 64 bytes";
            faults.add(format!("{place}.part"), "no name, or one that is there already", remedy);
        }
        if raw.online.is_empty() {
            faults.add(format!("{place}.online"), "no word", "say which word means online");
        }
        let topic = context.topic(&raw.topic, &format!("{place}.topic"), faults);
        let reader = reader(raw.payload, raw.pointer.as_deref(), None, &place, context, faults);
        let words = raw.online.into_iter().map(|word| (word, true));
        let words = words.chain(raw.offline.into_iter().map(|word| (word, false))).collect();
        let table = build(words, raw.payload, &format!("{place}.online"), faults);
        if let (Some(topic), Some(reader), Some(table)) = (topic, reader, table) {
            found.push(AvailabilityRule { topic, reader, part: raw.part, table });
        }
    }
    found
}

/// `[kind.time]`
pub(super) fn time(
    table: Map<String, Value>,
    context: &Context<'_>,
    faults: &mut Faults,
) -> Option<TimeRule> {
    let place = format!("{}.time", context.place);
    let raw: source::Time = piece(table, &place, faults)?;
    let pointer = context.pointer(&raw.pointer, &format!("{place}.pointer"), faults)?;
    Some(TimeRule { pointer, format: raw.format })
}
