//! The catalogue in an `EventBridge` schema registry, for teams that look there first.
//!
//! The registry holds copies: what it says is compared with what the repository says, and only a
//! difference is written, so that a second run writes nothing. What lies there beside is left alone.

mod remote;

use doorward_schema_repository::{Form, compose};
use serde_json::{Map, Value, json};

use crate::site::source::{Catalogue, EventType};
pub use remote::{Remote, RemoteError, Target};

/// Longest content that the service takes, in characters.
const LONGEST_CONTENT: usize = 100_000;
/// Longest description that the service takes, in characters.
const LONGEST_DESCRIPTION: usize = 256;

/// One schema as it should be in the registry.
pub struct Offer {
    /// The schema's name there: the type's.
    pub name: String,
    /// Its description there: the type's summary.
    pub description: String,
    /// A whole event as `EventBridge` hands it to a target.
    pub content: Value,
}

/// What is to be done, or was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The registry is not there yet.
    CreateRegistry,
    /// The schema is not there yet.
    Create,
    /// It says something else, in this version of it.
    Update(String),
    /// It says the same.
    Unchanged,
}

impl Step {
    /// As a person and a script read it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::CreateRegistry => "create registry",
            Self::Create => "create",
            Self::Update(_) => "update",
            Self::Unchanged => "unchanged",
        }
    }
}

/// What the registry should hold: released types in their newest released version, and with
/// `with_drafts` the others as they stand. The second list names the drafts that are left out.
///
/// An error names the type that cannot be offered, and why.
pub fn offers(
    catalogue: &mut Catalogue,
    form: Form,
    with_drafts: bool,
) -> Result<(Vec<Offer>, Vec<String>), String> {
    let (mut offers, mut left_out) = (Vec::new(), Vec::new());
    let types = std::mem::take(&mut catalogue.types);
    for event_type in &types {
        if event_type.releases.is_empty() && !with_drafts {
            left_out.push(event_type.name.clone());
            continue;
        }
        let schema = newest(catalogue, event_type, form)?;
        let content = as_delivered(event_type, schema);
        let length = content.to_string().chars().count();
        if length > LONGEST_CONTENT {
            return Err(format!(
                "{}: its schema has {length} characters and a registry takes {LONGEST_CONTENT}; \
                 split the type",
                event_type.name
            ));
        }
        offers.push(Offer {
            name: event_type.name.clone(),
            description: event_type.summary.chars().take(LONGEST_DESCRIPTION).collect(),
            content,
        });
    }
    catalogue.types = types;
    Ok((offers, left_out))
}

/// The event's schema in its newest released version, else as `next.json` has it.
fn newest(catalogue: &Catalogue, event_type: &EventType, form: Form) -> Result<Value, String> {
    let repository = &catalogue.repository;
    let position = repository.types.iter().position(|source| source.name == event_type.name);
    let Some(source) = position.and_then(|index| repository.types.get(index)) else {
        return Err(format!("{}: no such type", event_type.name));
    };
    compose(repository, source, form)
}

/// Around the event what `EventBridge` puts around it, as the registry's own discovery writes it.
fn as_delivered(event_type: &EventType, mut event: Value) -> Value {
    let mut taken = Map::new();
    if let Value::Object(members) = &mut event {
        for keyword in ["$schema", "definitions"] {
            if let Some(value) = members.shift_remove(keyword) {
                taken.insert(keyword.to_owned(), value);
            }
        }
    }
    let text = |most: u32| json!({ "type": "string", "maxLength": most });
    json!({
        "$schema": taken.get("$schema"),
        "title": event_type.name,
        "description": event_type.summary,
        "x-amazon-events-detail-type": event_type.name,
        "type": "object",
        "required": ["version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"],
        "properties": {
            "version": text(16),
            "id": text(64),
            "detail-type": { "enum": [event_type.name] },
            "source": text(256),
            "account": text(12),
            "time": text(64),
            "region": text(64),
            "resources": { "type": "array", "maxItems": 64, "items": text(2048) },
            "detail": event,
        },
        "definitions": taken.get("definitions"),
    })
}

/// Compares and, unless it is `dry`, writes; `tell` hears of each schema when it is dealt with.
pub async fn publish(
    remote: &Remote,
    offers: &[Offer],
    dry: bool,
    tell: &mut dyn FnMut(&str, &Step),
) -> Result<(), RemoteError> {
    if offers.is_empty() {
        return Ok(());
    }
    let is_there = remote.is_there().await?;
    if !is_there {
        if !dry {
            remote.create_registry().await?;
        }
        tell("", &Step::CreateRegistry);
    }
    for offer in offers {
        let held = if is_there { remote.find(&offer.name).await? } else { None };
        let step = match held {
            None => Step::Create,
            Some(held) if held.says(offer) => Step::Unchanged,
            Some(held) => Step::Update(held.version),
        };
        match &step {
            Step::Create if !dry => remote.create(offer).await?,
            Step::Update(_) if !dry => remote.update(offer).await?,
            _ => {}
        }
        tell(&offer.name, &step);
    }
    Ok(())
}
