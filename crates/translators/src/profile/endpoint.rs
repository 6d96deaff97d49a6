//! An endpoint of the vendor's file, matched to the kind of device that it is.

use std::collections::BTreeMap;

use serde_json::Value;

use super::faults::Faults;
use super::kind::{COMMON, Kind};
use super::pattern::{Variables, is_topic};
use super::rule::For;
use crate::ecosystem::{EndpointSetup, Fault};
use crate::translator::Publication;
use crate::vocabulary::Act;

/// A device of the file.
#[derive(Debug)]
pub(super) struct Endpoint {
    /// Its kind's place in the profile.
    pub kind: usize,
    pub identity: String,
    pub address: String,
    pub variables: Variables,
    /// By setting, the option that it chose.
    pub chosen: Variables,
    /// Its states are inferred, whatever the profile says of the rule.
    pub optimistic: bool,
    /// How it is asked for its state, if it may be.
    pub read: Option<Publication>,
    pub acts: BTreeMap<Act, Publication>,
}

/// Where the keys of an endpoint are.
pub(super) struct Places {
    /// Of its table.
    pub table: String,
    /// Of its settings.
    pub settings: String,
}

impl Endpoint {
    /// For whom rules are at work.
    pub fn as_for(&self) -> For<'_> {
        For { variables: &self.variables, chosen: &self.chosen, optimistic: self.optimistic }
    }

    /// Matches it. `None`: a fault says why not.
    pub fn resolve(
        kinds: &[Kind],
        setup: &EndpointSetup,
        places: &Places,
        faults: &mut Faults,
    ) -> Option<Self> {
        let address = format!("{}.address", places.table);
        if let Err(wrong) = is_topic(&setup.address) {
            let remedy = "write the device's own part of its topics, without '#' and '+'";
            faults.add_fault(Fault::error(address, format!("the address {wrong}"), remedy));
            return None;
        }
        let (index, kind, of_address) = matching(kinds, setup, places, faults)?;
        let before = faults.errors();
        let chosen = chosen(kind, setup, places, faults);
        let optimistic = flag(setup, "optimistic", places, faults);
        let asked = kind.asked_by().is_none_or(|name| flag(setup, name, places, faults));
        for key in setup.settings.keys() {
            let known = COMMON.contains(&key.as_str())
                || kind.setting(key).is_some()
                || kind.asked_by() == Some(key);
            if !known {
                faults.add_fault(Fault::unknown_key(format!("{}.{key}", places.settings)));
            }
        }
        if faults.errors() > before {
            return None;
        }
        let variables = kind.variables(of_address, &chosen);
        let mut wrong = |wrong: String| {
            let remedy = "use another address for the device, or change its profile";
            faults.add_fault(Fault::error(address.clone(), wrong, remedy));
        };
        let read = kind
            .read
            .as_ref()
            .filter(|_| asked)
            .and_then(|read| read.form.publication(&variables).map_err(&mut wrong).ok());
        let mut acts = BTreeMap::new();
        for (act, form) in &kind.acts {
            match form.publication(&variables) {
                Ok(publication) if acts.values().any(|other| *other == publication) => {
                    wrong(format!("{act}: the same message as another act"));
                }
                Ok(publication) => {
                    acts.insert(*act, publication);
                }
                Err(text) => wrong(format!("{act}: {text}")),
            }
        }
        Some(Self {
            kind: index,
            identity: setup.identity.clone(),
            address: setup.address.clone(),
            variables,
            chosen,
            optimistic,
            read,
            acts,
        })
    }
}

/// The one kind whose pattern the address fits.
fn matching<'a>(
    kinds: &'a [Kind],
    setup: &EndpointSetup,
    places: &Places,
    faults: &mut Faults,
) -> Option<(usize, &'a Kind, Variables)> {
    let wanted = match setup.settings.get("kind") {
        None => None,
        Some(Value::String(name)) if kinds.iter().any(|kind| kind.name == *name) => Some(name),
        Some(_) => {
            let key = format!("{}.kind", places.settings);
            let remedy = format!("write one of: {}", names(kinds.iter()));
            faults.add_fault(Fault::error(key, "there is no such kind", remedy));
            return None;
        }
    };
    let fitting: Vec<(usize, &Kind, Variables)> = kinds
        .iter()
        .enumerate()
        .filter(|(_, kind)| wanted.is_none_or(|name| kind.name == *name))
        .filter_map(|(n, kind)| Some((n, kind, kind.address.take_apart(&setup.address)?)))
        .collect();
    let address = format!("{}.address", places.table);
    match fitting.len() {
        0 => {
            let message = format!("no kind of device has addresses like {:?}", setup.address);
            let remedy = format!("these do: {}", forms(kinds, wanted));
            faults.add_fault(Fault::error(address, message, remedy));
            None
        }
        1 => fitting.into_iter().next(),
        _ => {
            let message = "more than one kind of device has addresses like this";
            let among = names(fitting.iter().map(|(_, kind, _)| *kind));
            let remedy = format!("say which it is: kind = one of {among}");
            faults.add_fault(Fault::error(address, message, remedy));
            None
        }
    }
}

fn names<'a>(kinds: impl Iterator<Item = &'a Kind>) -> String {
    kinds.map(|kind| kind.name.as_str()).collect::<Vec<_>>().join(", ")
}

fn forms(kinds: &[Kind], wanted: Option<&String>) -> String {
    let of = kinds.iter().filter(|kind| wanted.is_none_or(|name| kind.name == *name));
    of.map(|kind| format!("{} ({})", kind.address, kind.name)).collect::<Vec<_>>().join(", ")
}

/// The options of all settings, by the endpoint's word or the default.
fn chosen(kind: &Kind, setup: &EndpointSetup, places: &Places, faults: &mut Faults) -> Variables {
    let mut chosen = Variables::new();
    for setting in &kind.settings {
        let said = setup.settings.get(&setting.name);
        let option = match said {
            None => setting.default.as_ref(),
            Some(Value::String(word)) => Some(word).filter(|word| setting.bound(word).is_some()),
            Some(_) => None,
        };
        if let Some(option) = option {
            chosen.insert(setting.name.clone(), option.clone());
        } else {
            let options = setting.options.iter().map(|(name, _)| format!("{name:?}"));
            let options = options.collect::<Vec<_>>().join(" or ");
            let (key, message) = if said.is_some() {
                let key = format!("{}.{}", places.settings, setting.name);
                (key, "there is no such option".to_owned())
            } else {
                (places.table.clone(), format!("{:?} is missing", setting.name))
            };
            let remedy = format!("write {} = {options}", setting.name);
            faults.add_fault(Fault::error(key, message, remedy));
        }
    }
    chosen
}

/// A boolean setting that is false where it is not said.
fn flag(setup: &EndpointSetup, name: &str, places: &Places, faults: &mut Faults) -> bool {
    match setup.settings.get(name) {
        None => false,
        Some(Value::Bool(flag)) => *flag,
        Some(_) => {
            let key = format!("{}.{name}", places.settings);
            faults.add_fault(Fault::error(key, "no boolean", "write true or false"));
            false
        }
    }
}
