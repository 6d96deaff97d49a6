//! `publishers.json`: who may publish what. The build refuses a wrong register at its first fault;
//! here every fault has its place.

use std::collections::BTreeMap;

use doorward_schema_repository::places::step;
use doorward_schema_repository::publishers::CORE_FROM;
use doorward_schema_repository::references::nearest;
use doorward_schema_repository::{Direction, Tree};
use serde_json::{Map, Value};

use crate::bindings::{PACKAGES, name_faults};
use crate::finding::Finding;

const MEMBERS: [&str; 8] =
    ["name", "source", "owner", "summary", "accounts", "gateway", "publishes", "issuer_keys"];

/// The whole register.
pub fn check(tree: &Tree, out: &mut Vec<Finding>) {
    let Some(document) = &tree.publishers else {
        if !tree.malformed.iter().any(|fault| fault.place.file == "schemas/publishers.json") {
            out.push(Finding::of_file(
                "schemas/publishers.json",
                "file-missing",
                "nobody is registered",
                "write {\"publishers\": []} and add who publishes",
            ));
        }
        return;
    };
    let mut found = |at: &str, what: String, remedy: String| {
        out.push(Finding::at(document, at, "publisher", what, remedy));
    };
    let direction = |name: &str| {
        let manifest = tree.types.get(name)?.manifest.as_ref()?;
        Direction::of(manifest.value.get("direction")?.as_str()?).ok()
    };
    for (member, value) in document.value.as_object().into_iter().flatten() {
        let at = format!("/{}", step(member));
        match member.as_str() {
            "publishers" => {}
            CORE_FROM if value.as_str().is_some_and(|name| !name.trim().is_empty()) => {}
            CORE_FROM => {
                let what = format!("{CORE_FROM} names no repository");
                found(&at, what, "write whose core/ it is, or remove it".to_owned());
            }
            PACKAGES => {
                for (below, what) in name_faults(value) {
                    let remedy = "write {\"typescript\": \"@SCOPE/NAME\", \"python\": \"NAME\"}";
                    found(&format!("{at}{below}"), what, remedy.to_owned());
                }
            }
            _ => {
                let near = nearest(member, ["publishers", CORE_FROM, PACKAGES].into_iter());
                let remedy =
                    near.map_or_else(|| "remove it".to_owned(), |n| format!("did you mean {n:?}?"));
                found(&at, format!("{member:?} is no member"), remedy);
            }
        }
    }
    let mut published: BTreeMap<&str, bool> = BTreeMap::new();
    let mut gateways = false;
    let list = document.value.get("publishers").and_then(Value::as_array);
    let Some(list) = list else {
        found("", "no list \"publishers\"".to_owned(), "add it".to_owned());
        return;
    };
    for (index, publisher) in list.iter().enumerate() {
        let at = format!("/publishers/{index}");
        let text = |member: &str| publisher.get(member).and_then(Value::as_str);
        let name = text("name").unwrap_or_default();
        for member in publisher.as_object().into_iter().flat_map(Map::keys) {
            if !MEMBERS.contains(&member.as_str()) {
                let near = nearest(member, MEMBERS.into_iter());
                let remedy =
                    near.map_or_else(|| "remove it".to_owned(), |n| format!("did you mean {n:?}?"));
                found(&format!("{at}/{member}"), format!("{member:?} is no member"), remedy);
            }
        }
        for member in MEMBERS {
            if publisher.get(member).is_none() {
                found(&at, format!("{name}: {member:?} is missing"), format!("add {member:?}"));
            }
        }
        if name.starts_with("aws.") || text("source").is_some_and(|s| s.starts_with("aws.")) {
            let what = format!("{name}: sources that begin with aws. are the bus's own");
            found(&format!("{at}/name"), what, "give it a name of your own".to_owned());
        }
        if text("source").is_some_and(|source| source != format!("{name}/")) {
            let what = format!("{name}: its source is not its name and a slash");
            found(&format!("{at}/source"), what, format!("write \"{name}/\""));
        }
        for (index, account) in
            publisher.get("accounts").and_then(Value::as_array).into_iter().flatten().enumerate()
        {
            let account = account.as_str().unwrap_or_default();
            if account.len() != 12 || !account.bytes().all(|b| b.is_ascii_digit()) {
                let at = format!("{at}/accounts/{index}");
                let what = format!("{account:?} is no account");
                found(&at, what, "write its 12 digits as a text".to_owned());
            }
        }
        gateways |= publisher.get("gateway").and_then(Value::as_bool) == Some(true);
        let types = publisher.get("publishes").and_then(Value::as_array).into_iter().flatten();
        for (index, wanted) in types.enumerate() {
            let wanted = wanted.as_str().unwrap_or_default();
            published.insert(wanted, true);
            let at = format!("{at}/publishes/{index}");
            match direction(wanted) {
                Some(Direction::ToGateway | Direction::BetweenServices) => {}
                Some(_) => {
                    let what = format!("{wanted} is not for services to publish");
                    found(&at, what, "remove it".to_owned());
                }
                None => {
                    let near = nearest(wanted, tree.types.keys().map(String::as_str));
                    let remedy = near
                        .map_or_else(|| "remove it".to_owned(), |n| format!("did you mean {n}?"));
                    found(&at, format!("there is no type {wanted:?}"), remedy);
                }
            }
        }
    }
    for name in tree.types.keys() {
        let has = match direction(name) {
            Some(Direction::Platform) | None => true,
            Some(Direction::FromGateway) => gateways,
            Some(_) => published.contains_key(name.as_str()),
        };
        if !has {
            let remedy = "add the type to the \"publishes\" of whoever sends it";
            found("/publishers", format!("nobody publishes {name}"), remedy.to_owned());
        }
    }
}

/// The names of who may publish a type, as its `type.json` and the register say.
pub fn publishers(tree: &Tree, name: &str) -> Vec<String> {
    let manifest = tree.types.get(name).and_then(|folder| folder.manifest.as_ref());
    let direction = manifest.and_then(|manifest| manifest.value.get("direction"));
    let direction = direction.and_then(Value::as_str).unwrap_or_default();
    let list = tree.publishers.as_ref().and_then(|document| document.value.get("publishers"));
    let list = list.and_then(Value::as_array).into_iter().flatten();
    list.filter(|entry| match direction {
        "platform" => true,
        "from_gateway" => entry.get("gateway").and_then(Value::as_bool) == Some(true),
        _ => {
            let types = entry.get("publishes").and_then(Value::as_array);
            types.is_some_and(|types| types.iter().any(|wanted| wanted == name))
        }
    })
    .filter_map(|entry| entry.get("name")?.as_str().map(str::to_owned))
    .collect()
}
