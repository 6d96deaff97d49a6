//! From an example to an event on the sandbox's bus: the envelope filled in, the running gateway
//! named, the statement signed where the type carries one.

use std::path::Path;

use anyhow::{Context as _, anyhow, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use doorward_schema_repository::{Direction, Form, statement};
use jiff::{SignedDuration, Timestamp};
use ring::signature::Ed25519KeyPair;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::running::Running;
use super::{ENTRY, GATEWAY, KID, TENANT};
use crate::site::source::{Catalogue, EventType, Publisher};

/// How long a grant of the sandbox counts.
const GRANT: SignedDuration = SignedDuration::from_hours(1);
/// How long a request counts: as long as the client library's.
const REQUEST: SignedDuration = SignedDuration::from_secs(15);
/// A grant begins a little before now: a gateway knows the time as an interval.
const BEFORE: SignedDuration = SignedDuration::from_secs(60);
/// Longest key file, in bytes.
const LONGEST_KEY: u64 = 4096;

/// What is to be sent.
pub struct Order<'a> {
    /// The type.
    pub event_type: &'a EventType,
    /// The example to begin with; by itself the first.
    pub from: Option<&'a str>,
    /// JSON pointers into the event, or into `/statement`, and what shall stand there.
    pub set: &'a [(String, Value)],
}

/// An event that is ready for the bus.
#[derive(Debug, Clone)]
pub struct Ready {
    /// On the bus, the publisher's name, a slash and its instance.
    pub source: String,
    /// The whole event.
    pub event: Value,
    /// The grant that it issues.
    pub grant: Option<String>,
}

/// Makes the event and checks it as its writer would.
///
/// An error says what is missing, or each place that its schema refuses.
pub fn prepare(
    catalogue: &Catalogue,
    running: &Running,
    order: &Order<'_>,
) -> anyhow::Result<Ready> {
    let event_type = order.event_type;
    let name = &event_type.name;
    let publisher = publisher(catalogue, running, event_type)?;
    let now = Timestamp::now();
    let mut event = envelope(catalogue, running, event_type, publisher, now);
    let mut data = example(event_type, order.from)?;
    let mut grant = None;
    if let Some(statement_name) = &event_type.statement {
        let facts = facts(running, event_type, publisher, &event, now);
        let schema = statement(&catalogue.repository, statement_name).map_err(|e| anyhow!(e))?;
        let mut said = told(&schema, &data, &facts);
        copy(&said, &mut data, catalogue);
        event.insert("data".to_owned(), data);
        let mut whole = json!({ "event": event, "statement": said });
        for (pointer, value) in order.set {
            let place = match pointer.strip_prefix("/statement") {
                Some(rest) => format!("/statement{rest}"),
                None => format!("/event{pointer}"),
            };
            put(&mut whole, &place, value.clone())?;
            // What stands in both is one thing.
            let copy = pointer.strip_prefix("/data/").map(|member| format!("/statement/{member}"));
            if let Some(place) = copy.and_then(|place| whole.pointer_mut(&place)) {
                *place = value.clone();
            }
        }
        said = whole.get("statement").cloned().unwrap_or_default();
        refused(&schema, &said, statement_name)?;
        let signed = sign(running, statement_name, &said)?;
        put(&mut whole, "/event/data/signed", json!(signed))?;
        if statement_name == "GrantStatement" {
            grant = said.get("grant_id").and_then(Value::as_str).map(str::to_owned);
        }
        event = whole.get("event").and_then(Value::as_object).cloned().unwrap_or_default();
    } else {
        event.insert("data".to_owned(), data);
        let mut whole = Value::Object(event);
        for (pointer, value) in order.set {
            put(&mut whole, pointer, value.clone())?;
        }
        event = whole.as_object().cloned().unwrap_or_default();
    }
    let event = Value::Object(event);
    let schema = catalogue.schema_of(event_type, Form::Writer).map_err(|e| anyhow!(e))?;
    refused(&schema, &event, name)?;
    let instance =
        event.pointer("/publisher/instance").and_then(Value::as_str).unwrap_or("sandbox");
    let source = format!("{}/{instance}", publisher.name);
    Ok(Ready { source, event, grant })
}

fn publisher<'a>(
    catalogue: &'a Catalogue,
    running: &Running,
    event_type: &EventType,
) -> anyhow::Result<&'a Publisher> {
    let senders = catalogue.senders(event_type);
    let name = running.issuer.as_deref();
    let issuer = senders.iter().find(|sender| Some(sender.name.as_str()) == name);
    if event_type.statement.is_some() {
        return issuer.copied().with_context(|| {
            format!(
                "{} may not publish {}: start the sandbox with --issuer and one that may",
                name.unwrap_or("nobody"),
                event_type.name
            )
        });
    }
    let first = issuer.or(senders.first()).copied();
    first.with_context(|| format!("nobody is registered to publish {}", event_type.name))
}

fn example(event_type: &EventType, from: Option<&str>) -> anyhow::Result<Value> {
    let names = || {
        let names: Vec<&str> = event_type.examples.iter().map(|e| e.name.as_str()).collect();
        names.join(", ")
    };
    let found = match from {
        None => event_type.examples.first(),
        Some(name) => event_type.examples.iter().find(|example| example.name == name),
    };
    let found = found.with_context(|| match from {
        Some(name) => format!("{} has no example {name}; it has: {}", event_type.name, names()),
        None => format!("{} has no example: add one in its folder examples/", event_type.name),
    })?;
    Ok(found.data.clone())
}

fn envelope(
    catalogue: &Catalogue,
    running: &Running,
    event_type: &EventType,
    publisher: &Publisher,
    now: Timestamp,
) -> Map<String, Value> {
    let is_of_door = event_type.statement.as_deref().is_some_and(|s| s != "TimeStatement")
        || matches!(event_type.family(), "access" | "entry" | "visit" | "grant");
    let sequence = running.sequence + 1;
    let members = json!({
        "id": Uuid::now_v7(),
        "type": event_type.name,
        "schema_version": event_type.version,
        "time": format!("{now:.3}"),
        "publisher": { "name": publisher.name, "instance": "sandbox-example" },
        "tenant_id": TENANT,
        "test": false,
        "site_id": running.site,
        "entry_id": is_of_door.then_some(ENTRY),
        "gateway": (event_type.direction == Direction::FromGateway).then(|| json!({
            "recorded_at": format!("{now:.3}"),
            // A journal of its own, so that it never stands beside the gateway's own numbers.
            "journal_id": "00000000-0000-4000-8000-000000000001",
            "sequence": sequence,
            "type_sequence": sequence,
        })),
    });
    let known = catalogue.repository.envelope.get("properties").and_then(Value::as_object);
    let is_known = |name: &str| name == "gateway" || known.is_some_and(|k| k.contains_key(name));
    let members = members.as_object().cloned().unwrap_or_default();
    members.into_iter().filter(|(name, value)| !value.is_null() && is_known(name)).collect()
}

/// What the members of statements are called, and what the sandbox has for them.
fn facts(
    running: &Running,
    event_type: &EventType,
    publisher: &Publisher,
    envelope: &Map<String, Value>,
    now: Timestamp,
) -> Map<String, Value> {
    let at = |offset: SignedDuration| json!(format!("{:.3}", now + offset));
    let act = event_type.name.rsplit('.').next().and_then(|last| last.strip_suffix("_requested"));
    let facts = json!({
        "type": event_type.name,
        "schema_version": event_type.version,
        "issuer": publisher.name,
        "issued_at": envelope.get("time"),
        "tenant_id": TENANT,
        "site_id": running.site,
        "gateway": GATEWAY,
        "entry_id": ENTRY,
        "journal_id": running.journal_id,
        "grant_id": match act {
            None if event_type.name.ends_with("issued") => Some(Uuid::now_v7().to_string()),
            _ => running.last_grant.clone(),
        },
        "request_id": Uuid::now_v7(),
        "subject_ref": "s-sandbox",
        "actions": ["unlock", "open", "lock"],
        "not_before": at(-BEFORE),
        "expires_at": at(GRANT),
        "not_after": at(REQUEST),
        "max_uses": 10,
    });
    facts.as_object().cloned().unwrap_or_default()
}

/// The statement: its members from the facts, else from the example's copies; what is optional
/// only where the example has it too.
fn told(schema: &Value, data: &Value, facts: &Map<String, Value>) -> Value {
    let required = schema.get("required").and_then(Value::as_array);
    let must = |name: &str| required.is_some_and(|list| list.iter().any(|known| known == name));
    let names = schema.get("properties").and_then(Value::as_object);
    let mut said = Map::new();
    for name in names.into_iter().flat_map(Map::keys) {
        let fact = facts.get(name).filter(|fact| !fact.is_null());
        let copy = data.get(name);
        if let Some(value) =
            fact.filter(|_| must(name) || copy.is_some() || name == "site_id").or(copy)
        {
            said.insert(name.clone(), value.clone());
        }
    }
    Value::Object(said)
}

/// Members of the data that copy members of the statement say what it says.
fn copy(said: &Value, data: &mut Value, catalogue: &Catalogue) {
    let Value::Object(members) = data else { return };
    for (name, value) in members.iter_mut() {
        let is_enveloped =
            catalogue.repository.envelope.pointer(&format!("/properties/{name}")).is_some();
        if let Some(original) = said.get(name).filter(|_| !is_enveloped) {
            *value = original.clone();
        }
    }
}

/// Puts a value where a JSON pointer leads, making its last member if there is none.
fn put(whole: &mut Value, pointer: &str, value: Value) -> anyhow::Result<()> {
    let (parent, last) = pointer.rsplit_once('/').context("a pointer begins with /")?;
    let last = last.replace("~1", "/").replace("~0", "~");
    match whole.pointer_mut(parent) {
        Some(Value::Object(members)) => {
            members.insert(last, value);
        }
        Some(Value::Array(items)) => {
            let index: usize = last.parse().with_context(|| format!("{pointer}: no number"))?;
            let place = items.get_mut(index);
            *place.with_context(|| format!("{pointer}: the list is shorter"))? = value;
        }
        _ => bail!("{pointer}: there is no {parent} to put it into"),
    }
    Ok(())
}

/// Refuses what the schema refuses, with each place.
fn refused(schema: &Value, value: &Value, name: &str) -> anyhow::Result<()> {
    let validator = jsonschema::draft4::new(schema).map_err(|error| anyhow!("{name}: {error}"))?;
    let faults: Vec<String> = validator
        .iter_errors(value)
        .take(10)
        .map(|error| format!("  {}: {error}", error.instance_path()))
        .collect();
    ensure!(faults.is_empty(), "its schema refuses this {name}:\n{}", faults.join("\n"));
    Ok(())
}

/// A compact JWS with `EdDSA`; the header's `typ` says what for: `GrantStatement` is a
/// `doorward-grant+jws`.
fn sign(running: &Running, statement: &str, said: &Value) -> anyhow::Result<String> {
    let purpose = statement.strip_suffix("Statement").unwrap_or(statement).to_ascii_lowercase();
    let header = json!({ "alg": "EdDSA", "kid": KID, "typ": format!("doorward-{purpose}+jws") });
    let mut text = URL_SAFE_NO_PAD.encode(header.to_string());
    text.push('.');
    URL_SAFE_NO_PAD.encode_string(said.to_string(), &mut text);
    let signature = key(&running.key)?.sign(text.as_bytes());
    text.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut text);
    Ok(text)
}

fn key(file: &Path) -> anyhow::Result<Ed25519KeyPair> {
    let size = std::fs::metadata(file).with_context(|| format!("{}", file.display()))?.len();
    ensure!(size <= LONGEST_KEY, "{}: too long for a key", file.display());
    let text = std::fs::read_to_string(file)?;
    let body: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = STANDARD.decode(body).with_context(|| format!("{}", file.display()))?;
    Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der)
        .map_err(|_| anyhow!("{}: no Ed25519 key in PKCS#8", file.display()))
}
