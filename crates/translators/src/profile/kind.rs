//! One kind of device, checked: its rules with every pattern, table and expression understood.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::expression::RESERVED;
use super::faults::Faults;
use super::form::{Form, toggling};
use super::pattern::{AddressPattern, Template, Variables, is_name, is_topic};
use super::rule::{AvailabilityRule, EventRule, StateRule, TimeRule};
use super::rules;
use super::source::{self, Fact, REFERENCE, piece, pieces};
use crate::observation::MAX_LABEL;
use crate::text::bounded;
use crate::vocabulary::Act;

/// Most rules of one sort in a kind.
pub(super) const MAX_RULES: usize = 32;

/// Most topics, pointers or words of one list.
pub(super) const MAX_LIST: usize = 16;

/// Most settings of a kind, options of a setting, and variables that one puts in.
const MAX_CHOICES: usize = 8;

/// The longest time that a read request can be put off, in seconds.
const MAX_DELAY_S: u32 = 3600;

/// Settings that every endpoint has.
pub(super) const COMMON: &[&str] = &["kind", "optimistic"];

/// Whether a setting of a profile can be called so: beside it stand the endpoint's own keys.
fn is_setting(name: &str) -> bool {
    is_name(name) && !COMMON.contains(&name) && !["id", "address"].contains(&name)
}

/// One kind of device.
#[derive(Debug)]
pub(super) struct Kind {
    pub name: String,
    pub manufacturer: Option<String>,
    pub model: Option<String>,
    pub address: AddressPattern,
    pub settings: Vec<Setting>,
    pub states: Vec<StateRule>,
    pub events: Vec<EventRule>,
    pub availability: Vec<AvailabilityRule>,
    pub ignored: Vec<Template>,
    pub sensitive: Vec<Template>,
    pub commands: Vec<CommandFilter>,
    pub time: Option<TimeRule>,
    pub dedup: Vec<Template>,
    pub read: Option<ReadRule>,
    pub acts: BTreeMap<Act, Form>,
}

/// A choice that an endpoint makes.
#[derive(Debug)]
pub(super) struct Setting {
    pub name: String,
    /// `None`: the endpoint must choose.
    pub default: Option<String>,
    /// By option, the variables that it puts in.
    pub options: Vec<(String, BTreeMap<String, Template>)>,
}

/// A topic on which others command.
#[derive(Debug)]
pub(super) struct CommandFilter {
    pub topic: Template,
    /// With everything below it.
    pub below: bool,
}

/// How a device is asked for its state.
#[derive(Debug)]
pub(super) struct ReadRule {
    pub form: Form,
    pub delay_s: u32,
    /// The boolean setting without which it is not asked.
    pub enabled_by: Option<String>,
}

/// What the pieces of a kind are read with.
pub(super) struct Context<'a> {
    pub place: String,
    /// The variables of the kind.
    pub known: BTreeSet<String>,
    pub settings: &'a [Setting],
}

impl Context<'_> {
    /// A text with variables, or a fault.
    pub fn template(&self, text: &str, key: &str, faults: &mut Faults) -> Option<Template> {
        Template::parse(text, &self.known).map_err(|wrong| faults.add(key, wrong, REFERENCE)).ok()
    }

    /// A topic, or a fault.
    pub fn topic(&self, text: &str, key: &str, faults: &mut Faults) -> Option<Template> {
        let template = self.template(text, key, faults)?;
        // With a harmless word for every variable: what it says itself must be a topic.
        if let Err(wrong) = is_topic(&template.fill(&harmless(&self.known))) {
            faults.add(key, format!("the topic {wrong}"), "name one topic, without wildcards");
            return None;
        }
        Some(template)
    }

    /// Several topics.
    pub fn topics(&self, texts: &[String], key: &str, faults: &mut Faults) -> Vec<Template> {
        self.each(texts, key, faults, Self::topic)
    }

    /// A JSON pointer, or a fault.
    pub fn pointer(&self, text: &str, key: &str, faults: &mut Faults) -> Option<Template> {
        let is_escaped =
            |level: &str| level.split('~').skip(1).all(|after| after.starts_with(['0', '1']));
        if !(text.is_empty() || text.starts_with('/')) || !is_escaped(text) {
            let remedy = "write it as in RFC 6901: /member/member, with ~0 for ~ and ~1 for /";
            faults.add(key, "no JSON pointer", remedy);
            return None;
        }
        self.template(text, key, faults)
    }

    fn each<T>(
        &self,
        texts: &[String],
        key: &str,
        faults: &mut Faults,
        read: impl Fn(&Self, &str, &str, &mut Faults) -> Option<T>,
    ) -> Vec<T> {
        if texts.len() > MAX_LIST {
            faults.add(key, format!("more than {MAX_LIST}"), "leave some out");
        }
        let texts = texts.iter().take(MAX_LIST).enumerate();
        texts.filter_map(|(n, text)| read(self, text, &format!("{key}.{n}"), faults)).collect()
    }
}

/// Every variable as a word that could be a level.
fn harmless(known: &BTreeSet<String>) -> Variables {
    known.iter().map(|name| (name.clone(), "x".to_owned())).collect()
}

impl CommandFilter {
    /// Whether messages on the topic are under it.
    fn covers(&self, topic: &Template, known: &BTreeSet<String>) -> bool {
        let variables = harmless(known);
        let (filter, topic) = (self.topic.fill(&variables), topic.fill(&variables));
        let rest = topic.strip_prefix(&filter);
        rest.is_some_and(|rest| rest.is_empty() || (self.below && rest.starts_with('/')))
    }
}

/// Reads one `[[kind]]`; `labels`: what it inherits. Faults go to `faults`, and `None` or a kind
/// that lacks the faulty pieces comes back.
pub(super) fn load(
    raw: source::Kind,
    place: &str,
    labels: (Option<&String>, Option<&String>),
    faults: &mut Faults,
) -> Option<Kind> {
    if !is_name(&raw.name) {
        faults.add(format!("{place}.name"), format!("{:?} is no name", raw.name), REFERENCE);
    }
    let address = match AddressPattern::parse(&raw.address) {
        Ok(address) => address,
        Err(wrong) => {
            faults.add(format!("{place}.address"), wrong, REFERENCE);
            return None;
        }
    };
    let captures: BTreeSet<String> = address.names().map(str::to_owned).collect();
    let settings = settings(raw.setting, place, &captures, faults);
    let mut known = captures;
    for setting in &settings {
        let bound = setting.options.iter().flat_map(|(_, bound)| bound.keys().cloned());
        known.extend(bound);
    }
    for name in RESERVED.iter().filter(|name| known.contains(**name)) {
        faults.add(
            format!("{place}.address"),
            format!("{name:?} has a meaning already"),
            REFERENCE,
        );
    }
    let context = Context { place: place.to_owned(), known, settings: &settings };
    let states = rules::states(raw.state, &context, faults);
    let events = rules::events(raw.event, &context, faults);
    let availability = rules::availability(raw.availability, &context, faults);
    let ignored = context.topics(&raw.ignored, &format!("{place}.ignored"), faults);
    let sensitive = context.topics(&raw.sensitive, &format!("{place}.sensitive"), faults);
    let commands = context.each(&raw.commands, &format!("{place}.commands"), faults, filter);
    let time = raw.time.and_then(|table| rules::time(table, &context, faults));
    let dedup = context.each(&raw.dedup, &format!("{place}.dedup"), faults, Context::pointer);
    let read = raw.read.and_then(|table| read(table, &context, faults));
    let acts = acts(raw.command, &states, &context, faults);
    let forms = acts.iter().map(|(act, form)| (format!("command.{act}"), form));
    let forms = forms.chain(read.iter().map(|read| ("read".to_owned(), &read.form)));
    for (key, form) in forms {
        if !commands.iter().any(|filter| filter.covers(form.topic(), &context.known)) {
            let remedy = "list it in commands, so that one which the broker keeps is noticed";
            faults.add(format!("{place}.{key}.topic"), "no topic of commands", remedy);
        }
    }
    if states.is_empty() && events.is_empty() {
        faults.add(place, "it has neither a state nor an event", "say what its messages mean");
    }
    let label = |own: Option<&String>, inherited: Option<&String>| {
        own.or(inherited).map(|label| bounded(label, MAX_LABEL)).filter(|label| !label.is_empty())
    };
    Some(Kind {
        manufacturer: label(raw.manufacturer.as_ref(), labels.0),
        model: label(raw.model.as_ref(), labels.1),
        name: raw.name,
        address,
        states,
        events,
        availability,
        ignored,
        sensitive,
        commands,
        time,
        dedup,
        read,
        acts,
        settings,
    })
}

fn settings(
    tables: Vec<Map<String, Value>>,
    place: &str,
    captures: &BTreeSet<String>,
    faults: &mut Faults,
) -> Vec<Setting> {
    let mut found: Vec<Setting> = Vec::new();
    let read = pieces(tables, &format!("{place}.setting"), MAX_CHOICES, faults);
    for (key, raw) in read.into_iter().filter_map(|(key, raw)| Some((key, raw?))) {
        let raw: source::Setting = raw;
        let taken = captures.contains(&raw.name) || found.iter().any(|one| one.name == raw.name);
        if !is_setting(&raw.name) || taken {
            let message = format!("{:?} is no name, or has a meaning already", raw.name);
            faults.add(format!("{key}.name"), message, REFERENCE);
        }
        if !(2..=MAX_CHOICES).contains(&raw.options.len()) {
            let message = format!("{} options", raw.options.len());
            faults.add(format!("{key}.options"), message, format!("give 2 to {MAX_CHOICES}"));
        }
        if let Some(default) = &raw.default
            && !raw.options.contains_key(default)
        {
            faults.add(format!("{key}.default"), "it is none of the options", REFERENCE);
        }
        let mut options: Vec<(String, BTreeMap<String, Template>)> = Vec::new();
        for (option, variables) in raw.options {
            let key = format!("{key}.options.{option}");
            let mut bound = BTreeMap::new();
            for (name, text) in variables {
                let key = format!("{key}.{name}");
                let clash = captures.contains(&name)
                    || found.iter().any(|one| one.binds(&name))
                    || bound.len() == MAX_CHOICES;
                if !is_name(&name) || clash {
                    faults.add(&key, "no name, too many, or it is there already", REFERENCE);
                }
                if let Some(word) = toggling(&text) {
                    faults.add(
                        &key,
                        format!("{word:?} in it: for a toggle there is no place"),
                        REFERENCE,
                    );
                }
                match Template::parse(&text, captures) {
                    Ok(template) => {
                        bound.insert(name, template);
                    }
                    Err(wrong) => faults.add(key, wrong, REFERENCE),
                }
            }
            let differs = options.first().is_some_and(|(_, first)| !first.keys().eq(bound.keys()));
            if !is_name(&option) || differs {
                let remedy = "let every option put in the same variables";
                faults.add(key, "no name, or other variables than another option", remedy);
            }
            options.push((option, bound));
        }
        found.push(Setting { name: raw.name, default: raw.default, options });
    }
    found
}

impl Setting {
    fn binds(&self, name: &str) -> bool {
        self.options.iter().any(|(_, bound)| bound.contains_key(name))
    }

    /// The variables that an option puts in.
    pub fn bound(&self, option: &str) -> Option<&BTreeMap<String, Template>> {
        self.options.iter().find(|(name, _)| name == option).map(|(_, bound)| bound)
    }
}

fn filter(
    context: &Context<'_>,
    text: &str,
    key: &str,
    faults: &mut Faults,
) -> Option<CommandFilter> {
    let (topic, below) = match text.strip_suffix("/#") {
        Some(topic) => (topic, true),
        None => (text, false),
    };
    Some(CommandFilter { topic: context.topic(topic, key, faults)?, below })
}

fn read(table: Map<String, Value>, context: &Context<'_>, faults: &mut Faults) -> Option<ReadRule> {
    let place = format!("{}.read", context.place);
    let raw: source::Read = piece(table, &place, faults)?;
    if raw.delay_s > MAX_DELAY_S {
        faults.add(format!("{place}.delay_s"), "longer than an hour", "give a shorter one");
    }
    if let Some(name) = &raw.enabled_by {
        let taken = context.settings.iter().any(|setting| setting.name == *name);
        if !is_setting(name) || taken {
            let message = format!("{name:?} is no name, or has a meaning already");
            faults.add(format!("{place}.enabled_by"), message, REFERENCE);
        }
    }
    let form = form(&raw.topic, &raw.payload, &place, context, faults)?;
    Some(ReadRule { form, delay_s: raw.delay_s, enabled_by: raw.enabled_by })
}

fn form(
    topic: &str,
    payload: &str,
    place: &str,
    context: &Context<'_>,
    faults: &mut Faults,
) -> Option<Form> {
    context.topic(topic, &format!("{place}.topic"), faults)?;
    let remedy = "send a word whose outcome does not depend on the state before";
    Form::parse(topic, payload, &context.known)
        .map_err(|(key, wrong)| faults.add(format!("{place}.{key}"), wrong, remedy))
        .ok()
}

fn acts(
    tables: BTreeMap<String, Map<String, Value>>,
    states: &[StateRule],
    context: &Context<'_>,
    faults: &mut Faults,
) -> BTreeMap<Act, Form> {
    let mut found = BTreeMap::new();
    let mut seen: Vec<(String, String)> = Vec::new();
    for (word, table) in tables {
        let place = format!("{}.command.{word}", context.place);
        let Some(act) = Act::ALL.iter().find(|act| act.as_str() == word) else {
            faults.add(place, "there is no such act", "use open, close, stop, lock or unlock");
            continue;
        };
        // A lock that remote controls are locked out with is no bolt, and a relay no leaf.
        let needs = match act {
            Act::Lock | Act::Unlock => Fact::Lock,
            Act::Open | Act::Close | Act::Stop => Fact::Position,
        };
        if !states.iter().any(|rule| rule.fact == needs) {
            let remedy = "map the fact by which the act shows, or leave the act out";
            faults.add(&place, format!("nothing here maps {:?}", needs.as_str()), remedy);
        }
        let Some(raw): Option<source::Command> = piece(table, &place, faults) else { continue };
        let same = (raw.topic.clone(), raw.payload.clone());
        if seen.contains(&same) {
            let remedy = "two acts cannot be one message: that is a toggle";
            faults.add(&place, "the same message as another act", remedy);
        }
        seen.push(same);
        if let Some(form) = form(&raw.topic, &raw.payload, &place, context, faults) {
            found.insert(*act, form);
        }
    }
    found
}

impl Kind {
    /// The setting of this name.
    pub fn setting(&self, name: &str) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.name == name)
    }

    /// The boolean setting without which a device of this kind is not asked.
    pub fn asked_by(&self) -> Option<&str> {
        self.read.as_ref().and_then(|read| read.enabled_by.as_deref())
    }

    /// The variables of an endpoint: those of its address, and those that its options put in.
    pub fn variables(&self, mut of_address: Variables, chosen: &Variables) -> Variables {
        let mut bound = Variables::new();
        for (name, option) in chosen {
            let templates = self.setting(name).and_then(|setting| setting.bound(option));
            for (name, template) in templates.into_iter().flatten() {
                bound.insert(name.clone(), template.fill(&of_address));
            }
        }
        of_address.append(&mut bound);
        of_address
    }
}
