//! The rules of a kind, at work: from one message to what it says.

use serde_json::Value;

use super::expression::{Expression, Outcome};
use super::meaning::Meaning;
use super::pattern::{Template, Variables};
use super::source::{Absent, Fact, Payload, Retained, TimeFormat};
use super::value::{Reading, Scalar, Table};
use crate::observation::{Operation, Outcome as Success, Quality, What};
use crate::text::{MAX_DETAIL, bounded, masked};
use crate::vocabulary::{OperationKind, OperationSource};
use jiff::Timestamp;

/// The longest name of a field or part, in bytes.
pub(super) const MAX_FIELD: usize = 64;

/// A user's slot from this number on is none.
const NO_USER: i64 = 65_535;

/// 2020-01-01: before it no clock of these devices was set.
const CLOCK_SET: i64 = 1_577_836_800;

/// A payload, taken apart as its topic says.
#[derive(Debug)]
pub(super) enum Document<'a> {
    Text(&'a str),
    Json(Value),
}

/// Where in a payload a rule looks.
#[derive(Debug)]
pub(super) struct Reader {
    pub payload: Payload,
    pub pointer: Option<Template>,
    pub expression: Option<Expression>,
}

/// For whom a rule is at work.
#[derive(Debug, Clone, Copy)]
pub(super) struct For<'a> {
    pub variables: &'a Variables,
    /// The options that the endpoint chose, by setting.
    pub chosen: &'a Variables,
    pub optimistic: bool,
}

/// What a rule finds in a message.
#[derive(Debug, PartialEq)]
enum Found {
    Absent,
    Failed,
    Reading(Reading),
}

/// A pointer with its variables filled in, each as RFC 6901 writes it.
pub(super) fn filled(pointer: &Template, variables: &Variables) -> String {
    pointer.fill_with(variables, |text| text.replace('~', "~0").replace('/', "~1"))
}

/// What the pointer finds; null counts as nothing.
fn at<'a>(document: &'a Value, pointer: &str) -> Option<&'a Value> {
    document.pointer(pointer).filter(|value| !value.is_null())
}

impl Reader {
    fn read(&self, document: &Document<'_>, variables: &Variables) -> Found {
        let whole = match document {
            Document::Text(text) if self.expression.is_none() => {
                return Found::Reading(Reading::text(text));
            }
            Document::Text(text) => &Value::String((*text).to_owned()),
            Document::Json(whole) => whole,
        };
        let pointer = self.pointer.as_ref().map(|p| filled(p, variables)).unwrap_or_default();
        let Some(value) = at(whole, &pointer) else {
            return Found::Absent;
        };
        match &self.expression {
            None => Found::Reading(Reading::of(value)),
            Some(expression) => match expression.evaluate(value, whole, variables) {
                Outcome::Read(reading) => Found::Reading(reading),
                Outcome::Nothing => Found::Absent,
                Outcome::Failed => Found::Failed,
            },
        }
    }

    /// What an anomaly calls the place.
    fn field(&self, otherwise: &str, variables: &Variables) -> String {
        let pointer = self.pointer.as_ref().map(|p| filled(p, variables)).unwrap_or_default();
        match pointer.trim_start_matches('/') {
            "" => otherwise.to_owned(),
            path => masked(path, MAX_FIELD),
        }
    }
}

fn anomaly(field: String, detail: &str) -> What {
    What::Anomaly { field, detail: bounded(detail, MAX_DETAIL) }
}

/// What is said where an expression fails. Never the engine's own words, which quote the payload.
const NO_VALUE: &str = "the expression has no value for this message";

/// The tables of a state rule. `None` in a table: understood, and of no consequence.
#[derive(Debug)]
pub(super) enum Tables {
    One(Table<Option<Meaning>>),
    /// By the option that the endpoint chose in this setting.
    Chosen {
        setting: String,
        tables: Vec<(String, Table<Option<Meaning>>)>,
    },
    /// The number itself: a percentage.
    Number,
}

/// A state rule.
#[derive(Debug)]
pub(super) struct StateRule {
    pub fact: Fact,
    pub topics: Vec<Template>,
    pub reader: Reader,
    pub tables: Tables,
    pub absent: Absent,
    pub optimistic: bool,
    pub retained: Retained,
}

impl StateRule {
    /// What the message says of the fact: at most the fact and one anomaly.
    pub fn observe(&self, document: &Document<'_>, retained: bool, of: &For<'_>) -> Vec<What> {
        if retained && self.retained == Retained::Drop {
            return Vec::new();
        }
        let quality = if self.optimistic || of.optimistic {
            Quality::Assumed
        } else if retained {
            Quality::Cached
        } else {
            Quality::Reported
        };
        let unknown = || Meaning::unknown(self.fact).observed(self.fact, quality);
        let field = || self.reader.field(self.fact.as_str(), of.variables);
        let reading = match self.reader.read(document, of.variables) {
            Found::Absent if self.absent == Absent::Ignore => return Vec::new(),
            Found::Absent => return unknown().into_iter().collect(),
            Found::Failed => {
                return unknown().into_iter().chain([anomaly(field(), NO_VALUE)]).collect();
            }
            Found::Reading(reading) => reading,
        };
        let meaning = match &self.tables {
            Tables::Number => {
                return vec![
                    self.percent(&reading)
                        .unwrap_or_else(|| anomaly(field(), "not a percentage from 0 to 100")),
                ];
            }
            Tables::One(table) => table.look_up(&reading),
            Tables::Chosen { setting, tables } => of
                .chosen
                .get(setting)
                .and_then(|option| tables.iter().find(|(name, _)| name == option))
                .and_then(|(_, table)| table.look_up(&reading)),
        };
        match meaning {
            Some(Some(meaning)) => meaning.observed(self.fact, quality).into_iter().collect(),
            Some(None) => Vec::new(),
            None => unknown().into_iter().chain([anomaly(field(), &reading.shown())]).collect(),
        }
    }

    fn percent(&self, reading: &Reading) -> Option<What> {
        let number = match (reading, self.reader.payload) {
            (Reading::Scalar(Scalar::Text(text)), Payload::Text) => text.parse().ok(),
            (reading, _) => reading.as_number(),
        };
        number
            .filter(|percent: &f64| (0.0..=100.0).contains(percent))
            .map(|percent| What::Battery { percent: Some(percent), low: None })
    }
}

/// An event rule. `None` in the table: understood, and of no consequence.
#[derive(Debug)]
pub(super) struct EventRule {
    pub topics: Vec<Template>,
    pub reader: Reader,
    pub table: Table<Option<Operation>>,
    pub user: Option<Template>,
}

impl EventRule {
    /// The act that the message tells. A retained one happened nobody knows when, and was told when
    /// it did: no act.
    pub fn observe(&self, document: &Document<'_>, retained: bool, of: &For<'_>) -> Vec<What> {
        if retained {
            return Vec::new();
        }
        let field = || self.reader.field("event", of.variables);
        let (operation, wrong) = match self.reader.read(document, of.variables) {
            Found::Absent => return Vec::new(),
            Found::Failed => (UNKNOWN, Some(NO_VALUE.to_owned())),
            Found::Reading(reading) => match self.table.look_up(&reading) {
                Some(None) => return Vec::new(),
                Some(Some(operation)) => (operation.clone(), None),
                None => (UNKNOWN, Some(reading.shown())),
            },
        };
        let mut said = vec![What::Operation { operation }];
        said.extend(wrong.map(|detail| anomaly(field(), &detail)));
        self.add_user(&mut said, document, of.variables);
        said
    }

    fn add_user(&self, said: &mut Vec<What>, document: &Document<'_>, variables: &Variables) {
        let (Some(pointer), Document::Json(whole)) = (&self.user, document) else { return };
        let pointer = filled(pointer, variables);
        let Some(value) = at(whole, &pointer) else { return };
        match (Reading::of(value), said.first_mut()) {
            (Reading::Scalar(Scalar::Whole(slot)), Some(What::Operation { operation }))
                if (0..NO_USER).contains(&slot) =>
            {
                operation.user_slot = u32::try_from(slot).ok();
            }
            _ => said.push(anomaly(
                masked(pointer.trim_start_matches('/'), MAX_FIELD),
                "not a user slot from 0 to 65534",
            )),
        }
    }
}

const UNKNOWN: Operation = Operation {
    kind: OperationKind::Unknown,
    outcome: Success::Unknown,
    source: OperationSource::Unknown,
    user_slot: None,
};

/// An availability rule.
#[derive(Debug)]
pub(super) struct AvailabilityRule {
    pub topic: Template,
    pub reader: Reader,
    pub part: String,
    /// Whether a word means online.
    pub table: Table<bool>,
}

impl AvailabilityRule {
    /// Whatever is not exactly a word for online is offline; beside what is no known word stands
    /// an anomaly. An empty payload removes the retained statement: nothing says any more that the
    /// device is there.
    pub fn observe(&self, payload: &[u8], of: &For<'_>) -> Vec<What> {
        let known = self.word(payload, of);
        let mut said =
            vec![What::Availability { part: self.part.clone(), online: known.unwrap_or(false) }];
        if known.is_none() && !payload.is_empty() {
            said.push(anomaly(self.part.clone(), "neither online nor offline"));
        }
        said
    }

    fn word(&self, payload: &[u8], of: &For<'_>) -> Option<bool> {
        let text = std::str::from_utf8(payload).ok()?;
        let document = match self.reader.payload {
            Payload::Text => Document::Text(text),
            Payload::Json => Document::Json(serde_json::from_str(text).ok()?),
        };
        match self.reader.read(&document, of.variables) {
            Found::Reading(reading) => self.table.look_up(&reading).copied(),
            Found::Absent | Found::Failed => None,
        }
    }
}

/// Where a kind's messages carry their own time.
#[derive(Debug)]
pub(super) struct TimeRule {
    pub pointer: Template,
    pub format: TimeFormat,
}

impl TimeRule {
    /// The time, or an anomaly. A time before 2020 is none: the clock was not set.
    pub fn read(&self, whole: &Value, of: &For<'_>) -> (Option<Timestamp>, Option<What>) {
        let pointer = filled(&self.pointer, of.variables);
        let Some(value) = at(whole, &pointer) else {
            return (None, None);
        };
        let time = match self.format {
            TimeFormat::Rfc3339 => value.as_str().and_then(|text| text.parse().ok()),
            TimeFormat::UnixS => value.as_f64().and_then(from_seconds),
        };
        match time {
            Some(time) if time.as_second() < CLOCK_SET => (None, None),
            Some(time) => (Some(time), None),
            None => {
                let field = masked(pointer.trim_start_matches('/'), MAX_FIELD);
                (None, Some(anomaly(field, "not a time in the form that the profile names")))
            }
        }
    }
}

/// To the millisecond: more is not in the numbers that devices write.
fn from_seconds(seconds: f64) -> Option<Timestamp> {
    const LARGEST: f64 = 1e14;
    let milliseconds = (seconds * 1000.0).round();
    #[expect(clippy::cast_possible_truncation, reason = "whole, and within the bound")]
    let exact = milliseconds as i64;
    (milliseconds.abs() <= LARGEST).then(|| Timestamp::from_millisecond(exact).ok())?
}
