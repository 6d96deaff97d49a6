//! The translator of a profile's devices: every topic of every endpoint, by its exact name.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::Profile;
use super::endpoint::Endpoint;
use super::faults::Faults;
use super::kind::Kind;
use super::meaning::capability;
use super::pattern::{MAX_TOPIC, Template, is_topic};
use super::rule::{Document, Reader, filled};
use super::source::Payload;
use crate::ecosystem::Fault;
use crate::observation::{
    Device, MAX_OBSERVATIONS, Message, Observation, Refusal, RefusalReason, What,
};
use crate::payload::{self, MAX_PAYLOAD, refusal, type_of};
use crate::translator::{CannotAct, Publication, Subscription, Topics, Translator};
use crate::vocabulary::{Act, Capability};

/// Most topics of all endpoints of a vendor.
pub const MAX_TOPICS: usize = 16_384;

/// Most rules that read one topic: each tells at most one fact, so none is lost to the bound of
/// observations.
const MAX_ROUTES: usize = MAX_OBSERVATIONS;

/// The devices of one vendor's file, as their profile describes them.
#[derive(Debug)]
pub(super) struct ProfileTranslator {
    profile: Arc<Profile>,
    endpoints: Vec<Endpoint>,
    by_address: HashMap<String, usize>,
    /// Ordered, since subscriptions are made in this order.
    topics: BTreeMap<String, Topic>,
    commands: Commands,
    read_delay: Duration,
}

/// What is read from a topic.
#[derive(Debug, Default)]
struct Topic {
    payload: Option<Payload>,
    sensitive: bool,
    routes: Vec<Route>,
}

/// A rule for an endpoint. Those of one endpoint stand together.
#[derive(Debug, Clone, Copy)]
struct Route {
    endpoint: usize,
    rule: Rule,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    State(usize),
    Event(usize),
    Availability(usize),
}

/// Topics on which others command.
#[derive(Debug, Default)]
struct Commands {
    exact: BTreeSet<String>,
    /// Each with everything below it.
    below: BTreeSet<String>,
}

impl Commands {
    fn hold(&self, topic: &str) -> bool {
        self.exact.contains(topic) || self.hold_below(topic)
    }

    fn hold_below(&self, topic: &str) -> bool {
        let mut above = topic.match_indices('/').filter_map(|(at, _)| topic.get(..at));
        self.below.contains(topic) || above.any(|above| self.below.contains(above))
    }
}

impl ProfileTranslator {
    /// Builds the tables of topics. `place`: of an endpoint's table, by its number.
    pub fn build(
        profile: Arc<Profile>,
        endpoints: Vec<(String, Endpoint)>,
        faults: &mut Faults,
    ) -> Self {
        let mut built = Self {
            profile,
            endpoints: Vec::new(),
            by_address: HashMap::new(),
            topics: BTreeMap::new(),
            commands: Commands::default(),
            read_delay: Duration::ZERO,
        };
        let mut places = Vec::new();
        for (place, endpoint) in endpoints {
            built.add(&place, endpoint, faults);
            places.push(place);
        }
        built.check_commands(&places, faults);
        if built.subscriptions().len() > MAX_TOPICS {
            let message = format!("the devices need more than {MAX_TOPICS} topics");
            faults.add_fault(Fault::error("endpoint", message, "split them into two vendors"));
        }
        built
    }

    fn add(&mut self, place: &str, endpoint: Endpoint, faults: &mut Faults) {
        let index = self.endpoints.len();
        let profile = Arc::clone(&self.profile);
        let Some(kind) = profile.kinds.get(endpoint.kind) else { return };
        let key = format!("{place}.address");
        let mut wrong = |text: String| {
            let remedy = "give each device an address of its own that fits into its topics";
            faults.add_fault(Fault::error(key.clone(), text, remedy));
        };
        if self.by_address.insert(endpoint.address.clone(), index).is_some() {
            wrong(format!("{:?} is another device's address already", endpoint.address));
        }
        let fill = |template: &Template| template.fill(&endpoint.variables);
        let states = kind.states.iter().enumerate().flat_map(|(n, rule)| {
            rule.topics.iter().map(move |topic| (topic, rule.reader.payload, Rule::State(n)))
        });
        let events = kind.events.iter().enumerate().flat_map(|(n, rule)| {
            rule.topics.iter().map(move |topic| (topic, rule.reader.payload, Rule::Event(n)))
        });
        let availability = kind
            .availability
            .iter()
            .enumerate()
            .map(|(n, rule)| (&rule.topic, rule.reader.payload, Rule::Availability(n)));
        for (topic, payload, rule) in states.chain(events).chain(availability) {
            let name = fill(topic);
            if let Err(text) = is_topic(&name) {
                wrong(format!("its topic {name:?} {text}"));
                continue;
            }
            let known = self.topics.entry(name.clone()).or_default();
            let is_availability = |rule| matches!(rule, Rule::Availability(_));
            let mixed =
                known.routes.iter().any(|r| is_availability(r.rule) != is_availability(rule));
            if mixed || known.payload.is_some_and(|other| other != payload) {
                wrong(format!("the topic {name:?} is read in two ways"));
            }
            if known.routes.len() == MAX_ROUTES {
                wrong(format!("more than {MAX_ROUTES} rules read the topic {name:?}"));
                continue;
            }
            known.payload = Some(payload);
            known.routes.push(Route { endpoint: index, rule });
        }
        for topic in &kind.ignored {
            self.topics.entry(fill(topic)).or_default();
        }
        for topic in &kind.sensitive {
            self.topics.entry(fill(topic)).or_default().sensitive = true;
        }
        for filter in &kind.commands {
            let topic = fill(&filter.topic);
            if let Err(text) = is_topic(&topic) {
                wrong(format!("its topic {topic:?} {text}"));
            }
            let set =
                if filter.below { &mut self.commands.below } else { &mut self.commands.exact };
            set.insert(topic);
        }
        if let Some(read) = kind.read.as_ref().filter(|_| endpoint.read.is_some()) {
            self.read_delay = self.read_delay.max(Duration::from_secs(u64::from(read.delay_s)));
        }
        self.endpoints.push(endpoint);
    }

    /// A topic is for commands, or is read: never both.
    fn check_commands(&self, places: &[String], faults: &mut Faults) {
        for (name, topic) in &self.topics {
            if let Some(route) = topic.routes.first().filter(|_| self.commands.hold(name)) {
                let place = places.get(route.endpoint).map_or("endpoint", String::as_str);
                let message = format!("its topic {name:?} is one of commands, too");
                let remedy = "give the device another address";
                faults.add_fault(Fault::error(format!("{place}.address"), message, remedy));
            }
        }
    }

    fn kind_of(&self, endpoint: &Endpoint) -> Option<&Kind> {
        self.profile.kinds.get(endpoint.kind)
    }

    fn known(&self, topic: &str) -> Option<&Topic> {
        self.topics.get(topic).filter(|_| topic.len() <= MAX_TOPIC)
    }

    fn endpoint(&self, address: &str) -> Option<&Endpoint> {
        self.by_address.get(address).and_then(|index| self.endpoints.get(*index))
    }

    fn document<'a>(&self, topic: &Topic, payload: &'a [u8]) -> Result<Document<'a>, Refusal> {
        if topic.payload == Some(Payload::Text) {
            let text = std::str::from_utf8(payload).map_err(|error| {
                let detail = format!("byte {}", error.valid_up_to());
                refusal(RefusalReason::InvalidUtf8, &detail, topic.sensitive)
            })?;
            return Ok(Document::Text(text));
        }
        let value = payload::json(payload, topic.sensitive)?;
        let scalar = !(value.is_object() || value.is_array());
        if scalar && !topic.routes.iter().any(|route| self.reads_the_whole(*route)) {
            let detail = format!("{} where an object belongs", type_of(&value));
            return Err(refusal(RefusalReason::UnexpectedShape, &detail, topic.sensitive));
        }
        Ok(Document::Json(value))
    }

    fn reads_the_whole(&self, route: Route) -> bool {
        let kind = self.endpoints.get(route.endpoint).and_then(|endpoint| self.kind_of(endpoint));
        let whole =
            |reader: &Reader| reader.pointer.as_ref().is_none_or(|p| p.fixed().all(str::is_empty));
        kind.is_some_and(|kind| match route.rule {
            Rule::State(n) => kind.states.get(n).is_some_and(|rule| whole(&rule.reader)),
            Rule::Event(n) => kind.events.get(n).is_some_and(|rule| whole(&rule.reader)),
            Rule::Availability(_) => true,
        })
    }

    /// What the routes of one endpoint say.
    fn said(
        &self,
        endpoint: &Endpoint,
        routes: &[Route],
        document: &Document<'_>,
        retained: bool,
    ) -> Vec<Observation> {
        let Some(kind) = self.kind_of(endpoint) else { return Vec::new() };
        let of = endpoint.as_for();
        let mut said: Vec<What> = Vec::new();
        for route in routes {
            said.extend(
                match route.rule {
                    Rule::State(n) => {
                        kind.states.get(n).map(|r| r.observe(document, retained, &of))
                    }
                    Rule::Event(n) => {
                        kind.events.get(n).map(|r| r.observe(document, retained, &of))
                    }
                    Rule::Availability(_) => None,
                }
                .unwrap_or_default(),
            );
        }
        let mut device_time = None;
        if let (false, Some(rule), Document::Json(whole)) = (said.is_empty(), &kind.time, document)
        {
            let (time, wrong) = rule.read(whole, &of);
            device_time = time;
            said.extend(wrong);
        }
        let observation =
            |what| Observation { address: endpoint.address.clone(), device_time, what };
        said.into_iter().map(observation).collect()
    }

    fn availability(&self, routes: &[Route], payload: &[u8]) -> Vec<Observation> {
        let mut found = Vec::new();
        for route in routes {
            let Some(endpoint) = self.endpoints.get(route.endpoint) else { continue };
            let Rule::Availability(n) = route.rule else { continue };
            let rule = self.kind_of(endpoint).and_then(|kind| kind.availability.get(n));
            let said = rule.map(|rule| rule.observe(payload, &endpoint.as_for()));
            found.extend(said.into_iter().flatten().map(|what| Observation {
                address: endpoint.address.clone(),
                device_time: None,
                what,
            }));
        }
        found
    }

    /// The one state rule of its only endpoint, at work on a message. For samples.
    pub fn rule_says(&self, rule: usize, message: &Message<'_>) -> Vec<What> {
        let Some(topic) = self.known(message.topic) else { return Vec::new() };
        let heard = topic.routes.iter().any(|route| route.rule == Rule::State(rule));
        let document = self.document(topic, message.payload);
        match (self.endpoints.first(), document) {
            (Some(endpoint), Ok(document)) if heard && !message.payload.is_empty() => self
                .kind_of(endpoint)
                .and_then(|kind| kind.states.get(rule))
                .map(|rule| rule.observe(&document, message.retained, &endpoint.as_for()))
                .unwrap_or_default(),
            _ => Vec::new(),
        }
    }
}

/// Of a message that may hold a code, not even a masked word gets out.
fn conceal(observation: &mut Observation) {
    if let What::Anomaly { detail, .. } = &mut observation.what {
        "not among the values that the profile knows".clone_into(detail);
    }
}

impl Translator for ProfileTranslator {
    /// Of what nothing reads, only the topics of commands: one that the broker keeps runs again.
    fn subscriptions(&self) -> Vec<Subscription> {
        let read = self.topics.iter().filter(|(_, topic)| !topic.routes.is_empty());
        let below = self.commands.below.iter().map(|topic| format!("{topic}/#"));
        let exact = self.commands.exact.iter();
        let single = exact.filter(|topic| !self.commands.hold_below(topic));
        let of = |commands: bool| move |filter| Subscription { filter, commands };
        read.map(|(name, _)| name.clone())
            .map(of(false))
            .chain(single.cloned().chain(below).map(of(true)))
            .collect()
    }

    fn translate(&self, message: &Message<'_>) -> Result<Vec<Observation>, Refusal> {
        if message.topic.len() <= MAX_TOPIC && self.commands.hold(message.topic) {
            if message.retained && !message.payload.is_empty() {
                return Err(refusal(RefusalReason::RetainedCommand, message.topic, true));
            }
            return Ok(Vec::new());
        }
        let Some(topic) = self.known(message.topic) else {
            return Err(refusal(RefusalReason::UnknownTopic, message.topic, true));
        };
        if message.payload.len() > MAX_PAYLOAD {
            let detail = format!("longer than {} KiB", MAX_PAYLOAD / 1024);
            return Err(refusal(RefusalReason::TooLarge, &detail, topic.sensitive));
        }
        let Some(first) = topic.routes.first() else {
            return Ok(Vec::new());
        };
        let mut found = if matches!(first.rule, Rule::Availability(_)) {
            self.availability(&topic.routes, message.payload)
        } else if message.payload.is_empty() {
            // Somebody removed what the broker kept: not the device's word.
            Vec::new()
        } else {
            let document = self.document(topic, message.payload)?;
            let of_one = topic.routes.chunk_by(|a, b| a.endpoint == b.endpoint);
            of_one
                .filter_map(|routes| Some((self.endpoints.get(routes.first()?.endpoint)?, routes)))
                .flat_map(|(endpoint, routes)| {
                    self.said(endpoint, routes, &document, message.retained)
                })
                .collect()
        };
        if topic.sensitive {
            found.iter_mut().for_each(conceal);
        }
        // Facts first: a bound on the number never costs one for an anomaly.
        found.sort_by_key(|one| matches!(one.what, What::Anomaly { .. }));
        found.truncate(MAX_OBSERVATIONS);
        Ok(found)
    }

    fn read_request(&self, address: &str) -> Option<Publication> {
        self.endpoint(address).and_then(|endpoint| endpoint.read.clone())
    }

    fn read_delay(&self) -> Duration {
        self.read_delay
    }

    fn dedup_key(&self, message: &Message<'_>) -> Option<String> {
        let topic = self.known(message.topic)?;
        let kind = |route: &Route| self.kind_of(self.endpoints.get(route.endpoint)?);
        let endpoint = |route: &Route| self.endpoints.get(route.endpoint);
        let route = topic
            .routes
            .iter()
            .find(|route| kind(route).is_some_and(|kind| !kind.dedup.is_empty()))?;
        if message.payload.len() > MAX_PAYLOAD || topic.payload != Some(Payload::Json) {
            return None;
        }
        let whole = payload::json(message.payload, true).ok()?;
        let mut key = message.topic.to_owned();
        for pointer in &kind(route)?.dedup {
            let value = whole
                .pointer(&filled(pointer, &endpoint(route)?.variables))
                .filter(|value| !value.is_null())?;
            key.push('\n');
            key.push_str(&value.to_string());
        }
        Some(key)
    }

    fn is_sensitive(&self, topic: &str, _payload: &[u8]) -> bool {
        self.commands.hold(topic) || self.known(topic).is_none_or(|known| known.sensitive)
    }

    fn is_address(&self, address: &str) -> bool {
        self.by_address.contains_key(address)
    }

    fn devices(&self) -> Vec<Device> {
        let described = |endpoint: &Endpoint| {
            let kind = self.kind_of(endpoint)?;
            let mut capabilities: BTreeSet<Capability> =
                kind.states.iter().filter_map(|rule| capability(rule.fact)).collect();
            if !kind.events.is_empty() {
                capabilities.insert(Capability::Operation);
            }
            if !kind.acts.is_empty() {
                capabilities.insert(Capability::Actuator);
            }
            Some(Device {
                identity: endpoint.identity.clone(),
                address: endpoint.address.clone(),
                manufacturer: kind.manufacturer.clone(),
                model: kind.model.clone(),
                capabilities: capabilities.into_iter().collect(),
            })
        };
        self.endpoints.iter().filter_map(described).collect()
    }

    fn command(&self, address: &str, act: Act) -> Result<Publication, CannotAct> {
        let endpoint =
            self.endpoint(address).ok_or_else(|| CannotAct::UnknownDevice(address.to_owned()))?;
        endpoint.acts.get(&act).cloned().ok_or(CannotAct::NoSafeForm(act))
    }

    /// What nothing reads is said all the same.
    fn topics(&self) -> Topics {
        let below = self.commands.below.iter().map(|topic| format!("{topic}/#"));
        let exact = self.commands.exact.iter().filter(|topic| !self.commands.hold_below(topic));
        let forms = self.endpoints.iter().flat_map(|endpoint| {
            endpoint.acts.values().chain(&endpoint.read).map(|form| form.topic.clone())
        });
        let asked: BTreeSet<String> = forms.collect();
        // A profile may ask where it expects no command of others.
        let asked_alone = asked.iter().filter(|topic| !self.commands.hold(topic));
        Topics {
            said: self.topics.keys().cloned().collect(),
            heard: exact.chain(asked_alone).cloned().chain(below).collect(),
            asked: asked.into_iter().collect(),
        }
    }
}
