//! What `EventBridge` delivers, and the head of the event in it: what decides whether the rest is
//! looked at.

use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::verdict::Why;
use crate::origin::GatewayOrigin;
use crate::validate::MAX_EVENT_BYTES;

/// The longest delivery, in bytes: an event, and what the bus writes around it. A longer one is a
/// dead letter.
pub const MAX_DELIVERY_BYTES: usize = 256 * 1024;
/// The longest `source`, `detail-type`, `account` and `replay-name`, in bytes. The bus's own
/// limits are at most that.
const MAX_TEXT: usize = 256;

/// One delivery. `detail` is the very text that came.
#[derive(Debug)]
pub(super) struct Delivery<'a> {
    pub(super) source: String,
    pub(super) detail_type: String,
    pub(super) account: Option<String>,
    pub(super) replay: Option<String>,
    pub(super) detail: &'a str,
}

#[derive(Deserialize)]
struct Wire<'a> {
    source: String,
    #[serde(rename = "detail-type")]
    detail_type: String,
    account: Option<String>,
    #[serde(rename = "replay-name")]
    replay: Option<String>,
    #[serde(borrow)]
    detail: &'a RawValue,
}

impl<'a> Delivery<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, Why> {
        if bytes.len() > MAX_DELIVERY_BYTES {
            return Err(Why::TooLarge);
        }
        let wire: Wire<'a> = serde_json::from_slice(bytes)
            .map_err(|error| if error.is_data() { Why::NotADelivery } else { Why::NotJson })?;
        let Wire { source, detail_type, account, replay, detail } = wire;
        let texts = [Some(&source), Some(&detail_type), account.as_ref(), replay.as_ref()];
        if texts.into_iter().flatten().any(|text| text.is_empty() || text.len() > MAX_TEXT) {
            return Err(Why::NotADelivery);
        }
        Ok(Self { source, detail_type, account, replay, detail: detail.get() })
    }
}

/// What an event says of itself, before anything else of it is believed. A member of a wrong kind
/// counts as missing: the schema names it later. A member that stands twice makes it no event.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) id: Option<Uuid>,
    pub(super) event_type: String,
    pub(super) version: Option<Version>,
    /// `name/instance`.
    pub(super) source: String,
    pub(super) name: String,
    pub(super) instance: String,
    pub(super) origin: Option<GatewayOrigin>,
}

/// MAJOR.MINOR.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    pub(super) major: u32,
    pub(super) minor: u32,
}

impl Version {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
        let number = |text: &str| {
            text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
        };
        Some(Self { major: number(major)?, minor: number(minor)? })
    }
}

#[derive(Deserialize)]
struct WireHead<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow, rename = "type")]
    event_type: Option<&'a RawValue>,
    #[serde(borrow)]
    schema_version: Option<&'a RawValue>,
    #[serde(borrow)]
    publisher: Option<&'a RawValue>,
    #[serde(borrow)]
    gateway: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct WirePublisher {
    name: String,
    instance: String,
}

impl Head {
    /// The head, or why there is none and where.
    pub(super) fn parse(detail: &str) -> Result<Self, (Why, Option<&'static str>)> {
        if detail.len() > MAX_EVENT_BYTES {
            return Err((Why::TooLarge, None));
        }
        let wire: WireHead<'_> =
            serde_json::from_str(detail).map_err(|_| (Why::NotAnEvent, None))?;
        let event_type = text(wire.event_type).ok_or((Why::NotAnEvent, Some("/type")))?;
        let publisher: WirePublisher =
            part(wire.publisher).ok_or((Why::NotAnEvent, Some("/publisher")))?;
        let WirePublisher { name, instance } = publisher;
        Ok(Self {
            id: text(wire.id).and_then(|id| Uuid::try_parse(&id).ok()),
            event_type,
            version: text(wire.schema_version).and_then(|version| Version::parse(&version)),
            source: format!("{name}/{instance}"),
            name,
            instance,
            origin: part(wire.gateway),
        })
    }

    /// The type, if it has the form of one: lower case, dotted, at most 128 characters.
    pub(super) fn type_name(&self) -> Option<String> {
        let form = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._".contains(&b);
        let fits = (1..=128).contains(&self.event_type.len()) && self.event_type.bytes().all(form);
        fits.then(|| self.event_type.clone())
    }
}

fn text(raw: Option<&RawValue>) -> Option<String> {
    part(raw)
}

fn part<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>) -> Option<T> {
    serde_json::from_str(raw?.get()).ok()
}
