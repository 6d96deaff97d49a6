//! An event as a `CloudEvents` 1.0 message in JSON, and back.
//!
//! For brokers, functions and tools of others; on the bus an event stays as it is. Nothing is lost:
//! every member of the platform's layer and of a gateway's origin is an attribute of its own, and
//! what no attribute can hold travels as one text of JSON in the attribute `othermembers`. That is
//! so for members that this build does not know, and for those that later versions bring: the
//! attributes are the same for ever, and builds of all ages understand each other. The table is in
//! `docs/bindings.md`; the clients of the other languages give the same bytes.

mod object;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use object::{Members, Object, members, quoted, text_of};

use crate::envelope::PublisherId;
use crate::validate::{
    FieldError, Form, Invalid, MAX_EVENT_BYTES, Rejected, bounded_pointer, parse, parse_within,
    type_of, validate,
};

/// The media type of what [`to_cloud_event`] gives (`CloudEvents` JSON format 1.0, section 3).
pub const CLOUD_EVENT_MEDIA_TYPE: &str = "application/cloudevents+json";
/// The longest `CloudEvents` message that [`from_cloud_event`] takes, in bytes. What
/// [`to_cloud_event`] gives is always shorter.
pub const MAX_CLOUD_EVENT_BYTES: usize = 256 * 1024;

/// Every attribute of the mapping, in the order in which they are written. Names are lower-case
/// letters and digits, at most 20 (`CloudEvents` 1.0, "Naming Conventions").
const ATTRIBUTES: [&str; 26] = [
    "specversion",
    "id",
    "source",
    "type",
    "subject",
    "time",
    "datacontenttype",
    "schemaversion",
    "tenantid",
    "test",
    "siteid",
    "entryid",
    "endpointid",
    "correlationid",
    "causationid",
    "traceparent",
    "tracestate",
    "recordedat",
    "journalid",
    "sequence",
    "typesequence",
    "clockearliest",
    "clocklatest",
    "clocktrust",
    OTHERS,
    DATA,
];
const OTHERS: &str = "othermembers";
const DATA: &str = "data";

/// The two halves of `source` on their way. No attribute has a dot in its name.
const NAME: &str = "publisher.name";
const INSTANCE: &str = "publisher.instance";

/// The digits of a count: as many as 2^53 has. With zeros before it, the order of the texts is that
/// of the counts, as the extension "Sequence" asks for.
const DIGITS: usize = 16;

/// Where a member of an event goes.
enum Place {
    /// To an attribute of the type String or Timestamp.
    Text(&'static str),
    /// To a Boolean.
    Truth(&'static str),
    /// To a String of digits: an Integer has 32 bits only.
    Count(&'static str),
    /// Its members go to attributes of their own.
    Within(Table),
    /// It is the event's data.
    Data,
}

type Table = &'static [(&'static str, Place)];

/// The members of an event, in the order in which publishers write them.
const EVENT: Table = &[
    ("id", Place::Text("id")),
    ("type", Place::Text("type")),
    ("schema_version", Place::Text("schemaversion")),
    ("time", Place::Text("time")),
    ("publisher", Place::Within(PUBLISHER)),
    ("tenant_id", Place::Text("tenantid")),
    ("test", Place::Truth("test")),
    ("site_id", Place::Text("siteid")),
    ("entry_id", Place::Text("entryid")),
    ("endpoint_id", Place::Text("endpointid")),
    ("correlation_id", Place::Text("correlationid")),
    ("causation_id", Place::Text("causationid")),
    ("trace_context", Place::Within(TRACE_CONTEXT)),
    ("data", Place::Data),
    ("gateway", Place::Within(GATEWAY)),
];
const PUBLISHER: Table = &[("name", Place::Text(NAME)), ("instance", Place::Text(INSTANCE))];
const TRACE_CONTEXT: Table =
    &[("traceparent", Place::Text("traceparent")), ("tracestate", Place::Text("tracestate"))];
const GATEWAY: Table = &[
    ("recorded_at", Place::Text("recordedat")),
    ("journal_id", Place::Text("journalid")),
    ("sequence", Place::Count("sequence")),
    ("type_sequence", Place::Count("typesequence")),
    ("clock", Place::Within(CLOCK)),
];
const CLOCK: Table = &[
    ("earliest", Place::Text("clockearliest")),
    ("latest", Place::Text("clocklatest")),
    ("trust", Place::Text("clocktrust")),
];

/// The event as a message in the structured mode of `CloudEvents` 1.0: a JSON object of the media
/// type [`CLOUD_EVENT_MEDIA_TYPE`].
///
/// The event is checked in the reader's form. `data` keeps its very text. Refused as too large is
/// also an event whose unknown members would make it longer than [`MAX_EVENT_BYTES`] on the way
/// back, where each character beyond ASCII in them is an escape.
pub fn to_cloud_event(event: &[u8]) -> Result<String, Rejected> {
    validate(event, Form::Reader)?;
    let mut taken = Taken::new();
    let rest = split(members_of(event)?, EVENT, &mut taken).close();
    let half = |raw: Option<String>| raw.as_deref().and_then(text_of).unwrap_or_default();
    let publisher = PublisherId::new(half(taken.remove(NAME)), half(taken.remove(INSTANCE)));
    taken.insert("specversion", quoted("1.0"));
    taken.insert("source", quoted(&publisher.source()));
    taken.insert("datacontenttype", quoted("application/json"));
    let subject = taken.get("entryid").or(taken.get("endpointid")).cloned();
    if let Some(subject) = subject {
        taken.insert("subject", subject);
    }
    if rest != "{}" {
        let others = printable(&rest);
        let back = event.len() + others.len() - rest.len();
        if back > MAX_EVENT_BYTES {
            return Err(Rejected::TooLarge { bytes: back, most: MAX_EVENT_BYTES });
        }
        taken.insert(OTHERS, quoted(&others));
    }
    let mut cloud_event = Object::default();
    for attribute in ATTRIBUTES {
        if let Some(raw) = taken.get(attribute) {
            cloud_event.push(attribute, raw);
        }
    }
    Ok(cloud_event.close())
}

/// The event that a message of [`to_cloud_event`] was made of, as a text that may go to the bus.
///
/// Publishers write events without blanks and in one order; of such an event it is the very text.
/// Attributes may come as `null` or, where they are Booleans, as a text, as after a hop in the binary
/// mode. The event is checked in the reader's form.
///
/// Refused with a pointer into the message: an attribute that is not of the mapping, since no event
/// has a place for it and dropping it would lose it; one of a wrong kind; a `subject` that is not
/// what the event says.
pub fn from_cloud_event(cloud_event: &[u8]) -> Result<String, Rejected> {
    let event_type = type_of(&parse_within(cloud_event, MAX_CLOUD_EVENT_BYTES)?)?;
    let event = join_all(members_of(cloud_event)?).map_err(|Wrong { attribute, message }| {
        let pointer = format!("/{}", bounded_pointer(&attribute));
        let errors =
            vec![FieldError { pointer, message: message.to_owned(), schema_path: String::new() }];
        Invalid { event_type, errors }
    })?;
    validate(event.as_bytes(), Form::Reader)?;
    Ok(event)
}

/// Of what was parsed already.
fn members_of(bytes: &[u8]) -> Result<Members<'_>, Rejected> {
    let text = std::str::from_utf8(bytes).ok();
    text.and_then(members).ok_or(Rejected::Malformed { line: 1, column: 0 })
}

/// The attributes that were found, each with its JSON text.
type Taken = BTreeMap<&'static str, String>;

/// Takes what has an attribute out of an object, and gives what is left of it.
fn split(object: Members<'_>, table: Table, taken: &mut Taken) -> Object {
    let mut rest = Object::default();
    for (name, raw) in object {
        let place = table.iter().find(|(member, _)| *member == name).map(|(_, place)| place);
        if let Some(Place::Within(inner)) = place
            && let Some(within) = members(raw)
        {
            let before = taken.len();
            let left = split(within, inner, taken);
            // An object that was empty before is not the same as none.
            if !left.is_empty() || taken.len() == before {
                rest.push(&name, &left.close());
            }
        } else if let Some((attribute, value)) = place.and_then(|place| place.attribute(raw)) {
            taken.insert(attribute, value);
        } else {
            rest.push(&name, raw);
        }
    }
    rest
}

impl Place {
    /// The attribute of a member and its JSON text; `None` if no attribute can hold it.
    fn attribute(&self, raw: &str) -> Option<(&'static str, String)> {
        match self {
            Self::Text(attribute) => {
                let text = text_of(raw)?;
                let plain = !text.is_empty() && text.bytes().all(|b| matches!(b, b' '..=b'~'));
                plain.then(|| (*attribute, quoted(&text)))
            }
            Self::Truth(attribute) => {
                matches!(raw, "true" | "false").then(|| (*attribute, raw.to_owned()))
            }
            Self::Count(attribute) => {
                let fits = raw.len() <= DIGITS && is_digits(raw);
                fits.then(|| (*attribute, format!("\"{raw:0>DIGITS$}\"")))
            }
            Self::Within(_) => None,
            Self::Data => Some((DATA, raw.to_owned())),
        }
    }

    /// The text of the member that an attribute is of, on the way back.
    fn member(&self, given: &mut Given) -> Result<Option<String>, Wrong> {
        let (Self::Text(attribute) | Self::Truth(attribute) | Self::Count(attribute)) = self else {
            return Ok(if matches!(self, Self::Data) { given.remove(DATA) } else { None });
        };
        let Some(raw) = given.remove(*attribute) else { return Ok(None) };
        let (member, message) = match self {
            Self::Truth(_) => {
                let word = raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"'));
                let word = word.unwrap_or(&raw);
                let known = matches!(word, "true" | "false");
                (known.then(|| word.to_owned()), "is neither true nor false")
            }
            Self::Count(_) => {
                let digits = text_of(&raw).filter(|text| text.len() == DIGITS && is_digits(text));
                let count = digits.map(|digits| match digits.trim_start_matches('0') {
                    "" => "0".to_owned(),
                    count => count.to_owned(),
                });
                (count, "is not a text of 16 digits")
            }
            _ => (text_of(&raw).map(|text| quoted(&text)), "is not a text"),
        };
        member.map(Some).ok_or_else(|| Wrong::new(attribute, message))
    }
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

/// The same JSON in printable ASCII: a String of `CloudEvents` holds no control characters and no
/// noncharacters ("Type System"). Beyond ASCII there are only texts; a control character is a blank
/// between tokens, and only the last one of ASCII may stand in a text.
fn printable(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            ..' ' => text.push(' '),
            ' '..='~' => text.push(c),
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Writing to a String cannot fail.
                    let _ = write!(text, "\\u{unit:04x}");
                }
            }
        }
    }
    text
}

/// An attribute that is not one of the mapping's.
struct Wrong {
    attribute: String,
    message: &'static str,
}

impl Wrong {
    fn new(attribute: &str, message: &'static str) -> Self {
        Self { attribute: attribute.to_owned(), message }
    }
}

/// The attributes that came, each with its JSON text.
type Given = BTreeMap<String, String>;

fn join_all(cloud_event: Members<'_>) -> Result<String, Wrong> {
    let mut given = Given::new();
    for (attribute, raw) in cloud_event {
        // Unset (JSON format, section 2.2); of data it is a value.
        if raw == "null" && attribute != DATA {
            continue;
        }
        if !ATTRIBUTES.contains(&attribute.as_str()) {
            return Err(Wrong::new(&attribute, "is not an attribute of an event"));
        }
        given.insert(attribute, raw.to_owned());
    }
    let mut text = |attribute: &str| given.remove(attribute).as_deref().map(text_of);
    if text("specversion").flatten().as_deref() != Some("1.0") {
        return Err(Wrong::new("specversion", "is not 1.0"));
    }
    let content = text("datacontenttype");
    if content.is_some_and(|content| !content.is_some_and(|content| is_json(&content))) {
        return Err(Wrong::new("datacontenttype", "is not application/json"));
    }
    let source = text("source");
    let subject = text("subject");
    let others = text(OTHERS);
    if let Some(source) = source {
        let halves = source.as_deref().and_then(|source| source.split_once('/'));
        let (name, instance) =
            halves.ok_or_else(|| Wrong::new("source", "is not NAME/INSTANCE"))?;
        given.insert(NAME.to_owned(), quoted(name));
        given.insert(INSTANCE.to_owned(), quoted(instance));
    }
    let expected = given.get("entryid").or(given.get("endpointid")).and_then(|raw| text_of(raw));
    if subject.is_some_and(|subject| subject.is_none() || subject != expected) {
        return Err(Wrong::new("subject", "is not what the event is about"));
    }
    let rest = match &others {
        None => Members::new(),
        Some(others) => {
            let others = others.as_deref().filter(|others| parse(others.as_bytes()).is_ok());
            let others = others.and_then(members);
            others.ok_or_else(|| Wrong::new(OTHERS, "is not an object of JSON"))?
        }
    };
    join(EVENT, rest, &mut given).map(Object::close)
}

/// Whether it is the media type of JSON; parameters, as in `charset=utf-8`, say nothing more.
fn is_json(content: &str) -> bool {
    let (essence, _) = content.split_once(';').unwrap_or((content, ""));
    essence.trim_matches([' ', '\t']).eq_ignore_ascii_case("application/json")
}

/// Puts the attributes' members and those that were carried together.
fn join(table: Table, mut rest: Members<'_>, given: &mut Given) -> Result<Object, Wrong> {
    let mut object = Object::default();
    for (name, place) in table {
        let carried = rest.iter().position(|(member, _)| member == name);
        let mut carried = carried.map(|at| rest.remove(at).1);
        let member = if let Place::Within(inner) = place {
            let within = carried.and_then(members);
            let open = within.is_some();
            let joined = join(inner, within.unwrap_or_default(), given)?;
            if open {
                carried = None;
            }
            (open || !joined.is_empty()).then(|| joined.close())
        } else {
            place.member(given)?
        };
        match (member.as_deref(), carried) {
            (Some(_), Some(_)) => {
                return Err(Wrong::new(OTHERS, "holds what an attribute says too"));
            }
            (Some(raw), None) | (None, Some(raw)) => object.push(name, raw),
            (None, None) => {}
        }
    }
    for (name, raw) in rest {
        object.push(&name, raw);
    }
    Ok(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes(table: Table, out: &mut Vec<&'static str>) {
        for (_, place) in table {
            match place {
                Place::Text(name) | Place::Truth(name) | Place::Count(name) => out.push(name),
                Place::Within(inner) => attributes(inner, out),
                Place::Data => out.push(DATA),
            }
        }
    }

    /// What a table names is written, and what came back from it is known.
    #[test]
    fn the_tables_and_the_list_of_attributes_agree() {
        let mut named = vec!["specversion", "source", "subject", "datacontenttype", OTHERS];
        attributes(EVENT, &mut named);
        named.retain(|name| ![NAME, INSTANCE].contains(name));
        named.sort_unstable();
        let mut listed = ATTRIBUTES.to_vec();
        listed.sort_unstable();
        assert_eq!(named, listed);
    }

    #[test]
    fn what_is_carried_is_printable_ascii_and_the_same_json() {
        let json = "{\n\"ü\":\"\u{7f}\u{1f511}\\n\",\t\"a\":1.50}";
        let text = printable(json);
        assert_eq!(text, r#"{ "\u00fc":"\u007f\ud83d\udd11\n", "a":1.50}"#);
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
        assert_eq!(value(&text), value(json));
    }
}
