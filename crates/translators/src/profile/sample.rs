//! A profile's own samples, run through the very code that will read its devices. A profile that
//! does not show both sides of every fact is not loaded: a table the wrong way round would tell an
//! open door as closed.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::Profile;
use super::endpoint::{Endpoint, Places};
use super::faults::Faults;
use super::kind::Kind;
use super::meaning::{Meaning, opposites};
use super::probe;
use super::rule::{StateRule, Tables};
use super::source::{self, REFERENCE, pieces};
use super::translator::ProfileTranslator;
use crate::ecosystem::{EndpointSetup, Fault};
use crate::observation::{Message, Observation, Quality, Refusal, What};
use crate::translator::Translator;

/// Most samples of a profile, and messages of one.
const MAX_SAMPLES: usize = 64;

/// What can be expected of a sample.
const EXPECTED: &[&str] = &[
    "position",
    "lock",
    "remote_lockout",
    "obstruction",
    "tamper",
    "forced_open",
    "battery_percent",
    "battery_low",
    "online",
    "operation",
    "assumed",
    "anomaly",
    "refused",
];

/// What the samples have shown of one kind.
struct Shown {
    kind: usize,
    /// By setting, the option in force.
    chosen: super::pattern::Variables,
    /// What each state rule said.
    states: Vec<Vec<What>>,
    /// What the message said as a whole.
    said: Vec<What>,
}

/// Runs all samples, and checks that they show what they must.
pub(super) fn prove(profile: &Arc<Profile>, samples: Vec<Map<String, Value>>, faults: &mut Faults) {
    let mut shown = Vec::new();
    for (place, sample) in pieces(samples, "sample", MAX_SAMPLES, faults) {
        if let Some(sample) = sample {
            run(profile, sample, &place, &mut shown, faults);
        }
    }
    for (index, kind) in profile.kinds.iter().enumerate() {
        let of_kind: Vec<&Shown> = shown.iter().filter(|one| one.kind == index).collect();
        check(kind, &format!("kind.{index}"), &of_kind, faults);
    }
}

fn run(
    profile: &Arc<Profile>,
    sample: source::Sample,
    place: &str,
    shown: &mut Vec<Shown>,
    faults: &mut Faults,
) {
    let mut settings = sample.settings;
    settings.insert("kind".to_owned(), Value::String(sample.kind));
    let setup = EndpointSetup { identity: "sample".to_owned(), address: sample.address, settings };
    let places = Places { table: place.to_owned(), settings: format!("{place}.settings") };
    let mut own = Faults::default();
    let built = Endpoint::resolve(&profile.kinds, &setup, &places, &mut own).map(|endpoint| {
        let (kind, chosen) = (endpoint.kind, endpoint.chosen.clone());
        let endpoints = vec![(place.to_owned(), endpoint)];
        (kind, chosen, ProfileTranslator::build(Arc::clone(profile), endpoints, &mut own))
    });
    let faulty = !own.is_empty();
    for fault in own.into_vec() {
        faults.add_fault(Fault { warning: false, unknown_key: false, ..fault.in_profile() });
    }
    let Some((kind, chosen, translator)) = built.filter(|_| !faulty) else { return };
    let rules = profile.kinds.get(kind).map_or(&[][..], |kind| &kind.states);
    for (place, told) in pieces(sample.messages, &format!("{place}.messages"), MAX_SAMPLES, faults)
    {
        let Some(told): Option<source::Told> = told else { continue };
        let message = Message {
            topic: &told.topic,
            payload: told.payload.as_bytes(),
            retained: told.retained,
        };
        let found = translator.translate(&message);
        let Some(expected) = expected(told.expect, &place, faults) else { continue };
        let compact = compact(&found);
        if compact != expected {
            let message =
                format!("expected {}, found {}", Value::Object(expected), Value::Object(compact));
            let remedy = "correct the rule, or the sample";
            faults.add(format!("{place}.expect"), message, remedy);
            continue;
        }
        for (index, rule) in rules.iter().enumerate() {
            if let Some((payload, what)) = probe::defaults(&translator, (index, rule), &message) {
                let (key, word, _) = word(&what);
                let message = format!("with {payload} in {place} it says {key} = {word}");
                let remedy = "name every value that it knows; of others let it have no value";
                faults.add(format!("kind.{kind}.state.{index}.expression"), message, remedy);
            }
        }
        shown.push(Shown {
            kind,
            chosen: chosen.clone(),
            states: (0..rules.len()).map(|rule| translator.rule_says(rule, &message)).collect(),
            said: found.into_iter().flatten().map(|observation| observation.what).collect(),
        });
    }
}

/// What is expected, in the form of [`compact`].
fn expected(
    mut expect: Map<String, Value>,
    place: &str,
    faults: &mut Faults,
) -> Option<Map<String, Value>> {
    if let Some(unknown) = expect.keys().find(|key| !EXPECTED.contains(&key.as_str())) {
        faults.add(format!("{place}.expect.{unknown}"), "nothing is called so", REFERENCE);
        return None;
    }
    expect.retain(|key, value| {
        !(matches!(key.as_str(), "anomaly" | "assumed") && *value == Value::Bool(false))
    });
    if let Some(percent) = expect.get_mut("battery_percent") {
        *percent = json!(percent.as_f64());
    }
    if let Some(operation) = expect.get_mut("operation").and_then(Value::as_object_mut) {
        operation.entry("source").or_insert_with(|| json!("unknown"));
        operation.entry("outcome").or_insert_with(|| json!("succeeded"));
    }
    Some(expect)
}

/// What came of a message, in the words of a sample.
fn compact(found: &Result<Vec<Observation>, Refusal>) -> Map<String, Value> {
    let mut said = Map::new();
    let observations = match found {
        Ok(observations) => observations,
        Err(refusal) => {
            said.insert("refused".to_owned(), json!(refusal.reason));
            return said;
        }
    };
    for observation in observations {
        let (key, value, quality) = word(&observation.what);
        if quality == Some(Quality::Assumed) {
            said.insert("assumed".to_owned(), json!(true));
        }
        let earlier = said.insert(key.to_owned(), value.clone());
        if earlier.is_some_and(|earlier| earlier != value) {
            said.insert(key.to_owned(), json!("contradiction"));
        }
    }
    said
}

fn word(what: &What) -> (&'static str, Value, Option<Quality>) {
    let active = |active: Option<bool>| match active {
        Some(true) => json!("active"),
        Some(false) => json!("inactive"),
        None => json!("unknown"),
    };
    match what {
        What::Lock { state, quality } => ("lock", json!(state), Some(*quality)),
        What::Position { position, quality } => ("position", json!(position), Some(*quality)),
        What::Alarm { alarm, active: is, quality } => (alarm.as_str(), active(*is), Some(*quality)),
        What::RemoteLockout { active: is } => ("remote_lockout", active(*is), None),
        What::Battery { percent: Some(percent), .. } => ("battery_percent", json!(percent), None),
        What::Battery { low, .. } => ("battery_low", active(*low), None),
        What::Availability { online, .. } => ("online", json!(online), None),
        What::Operation { operation } => ("operation", json!(operation), None),
        _ => ("anomaly", json!(true), None),
    }
}

/// Whether the samples of a kind show all that they must.
fn check(kind: &Kind, place: &str, shown: &[&Shown], faults: &mut Faults) {
    let mut missing = |key: String, what: String| {
        faults.add(key, format!("no sample shows {what}"), "add a [[sample]] that does");
    };
    for (n, rule) in kind.states.iter().enumerate() {
        let key = format!("{place}.state.{n}");
        let of_option = |option: Option<(&String, &String)>| -> Vec<&What> {
            let of = shown.iter().filter(|one| {
                option.is_none_or(|(setting, option)| one.chosen.get(setting) == Some(option))
            });
            of.filter_map(|one| one.states.get(n)).flatten().collect()
        };
        match &rule.tables {
            Tables::Number => {
                let said = of_option(None);
                if !said.iter().any(|what| Some(what) != said.first()) {
                    missing(key, "two different percentages of it".to_owned());
                }
            }
            Tables::One(_) => {
                for what in lacking(rule, &of_option(None)) {
                    missing(key.clone(), format!("that it says {what}"));
                }
            }
            Tables::Chosen { setting, tables } => {
                for (option, _) in tables {
                    for what in lacking(rule, &of_option(Some((setting, option)))) {
                        missing(
                            format!("{place}.state.{n}.tables.{option}"),
                            format!("that it says {what}"),
                        );
                    }
                }
            }
        }
    }
    for setting in &kind.settings {
        for (option, _) in &setting.options {
            if !shown.iter().any(|one| one.chosen.get(&setting.name) == Some(option)) {
                missing(place.to_owned(), format!("{} = {option:?}", setting.name));
            }
        }
    }
    for (n, rule) in kind.availability.iter().enumerate() {
        for online in [true, false] {
            let what = What::Availability { part: rule.part.clone(), online };
            if !shown.iter().any(|one| one.said.contains(&what)) {
                missing(format!("{place}.availability.{n}"), format!("online = {online}"));
            }
        }
    }
    let told = |what: &What| matches!(what, What::Operation { .. });
    if kind.events.iter().any(|rule| rule.table.meanings().any(Option::is_some))
        && !shown.iter().any(|one| one.said.iter().any(told))
    {
        missing(format!("{place}.event"), "an operation".to_owned());
    }
}

/// Of the two opposite values of its fact, those that no sample shows.
fn lacking(rule: &StateRule, said: &[&What]) -> Vec<String> {
    let Some((one, other)) = opposites(rule.fact) else { return Vec::new() };
    let shown = |meaning: Meaning| {
        let qualities = [Quality::Reported, Quality::Cached, Quality::Assumed];
        let forms = qualities.map(|quality| meaning.observed(rule.fact, quality));
        said.iter().any(|what| forms.iter().flatten().any(|form| form == *what))
    };
    [one, other]
        .into_iter()
        .filter(|meaning| !shown(*meaning))
        .filter_map(|meaning| meaning.observed(rule.fact, Quality::Reported))
        .map(|what| {
            let (key, word, _) = word(&what);
            format!("{key} = {word}")
        })
        .collect()
}
