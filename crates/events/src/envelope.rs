//! The platform's layer of an event: who, whose, where and when.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::types::EventData;

/// Who publishes. On the bus, `Source` is `name/instance`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PublisherId {
    /// The registered name, dotted lower case, at most 64 characters.
    pub name: Arc<str>,
    /// Which of its instances, at most 64 characters.
    pub instance: Arc<str>,
}

impl PublisherId {
    /// The publisher `name`, as its instance `instance`.
    pub fn new(name: impl Into<Arc<str>>, instance: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), instance: instance.into() }
    }

    /// The bus's `Source` for this publisher.
    pub fn source(&self) -> String {
        format!("{}/{}", self.name, self.instance)
    }
}

/// W3C trace context. It travels inside the event because bus headers do not reach targets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceContext {
    /// `version-traceid-spanid-flags`, lower-case hexadecimal.
    pub traceparent: String,
    /// At most 512 printable ASCII characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracestate: Option<String>,
}

impl TraceContext {
    /// The same context as an AWS X-Ray header; `None` if `traceparent` is malformed.
    pub fn xray_header(&self) -> Option<String> {
        let mut parts = self.traceparent.split('-');
        let (_version, trace, span, flags) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let hexadecimal = |part: &str| part.bytes().all(|b| b.is_ascii_hexdigit());
        if trace.len() != 32 || span.len() != 16 || !hexadecimal(trace) || !hexadecimal(span) {
            return None;
        }
        let sampled = u8::from_str_radix(flags, 16).ok()? & 1;
        let (epoch, unique) = trace.split_at_checked(8)?;
        Some(format!("Root=1-{epoch}-{unique};Parent={span};Sampled={sampled}"))
    }
}

/// Everything about an event except its type and data.
///
/// Ids are bounded and hold no spaces; [`Envelope::seal`] says which one is wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope {
    /// UUID version 7: made once, stable across every resend; consumers deduplicate by it.
    pub id: Uuid,
    /// When it happened, at the device.
    pub time: Timestamp,
    /// Who publishes.
    pub publisher: PublisherId,
    /// Whose building: the unit of isolation between subscribers.
    pub tenant_id: Arc<str>,
    /// Not to be acted upon outside a test.
    pub test: bool,
    /// The site, at most 64 characters.
    pub site_id: Option<Arc<str>>,
    /// The entry, as in `front-door`, at most 64 characters.
    pub entry_id: Option<Arc<str>>,
    /// The device's own identity, as in `zigbee2mqtt:0x00124b0024c9d2a1`; never a label.
    pub endpoint_id: Option<Arc<str>>,
    /// Shared by everything that belongs to one act.
    pub correlation_id: Option<Uuid>,
    /// The event that this one follows from.
    pub causation_id: Option<Uuid>,
    /// The trace that it belongs to.
    pub trace_context: Option<TraceContext>,
}

impl Envelope {
    /// An envelope of a real event with no place, correlation or trace.
    pub fn new(id: Uuid, time: Timestamp, publisher: PublisherId, tenant_id: Arc<str>) -> Self {
        Self {
            id,
            time,
            publisher,
            tenant_id,
            test: false,
            site_id: None,
            entry_id: None,
            endpoint_id: None,
            correlation_id: None,
            causation_id: None,
            trace_context: None,
        }
    }

    /// An envelope of something that happens now, with a new id.
    ///
    /// Reads the clock; a gateway, which knows better when something happened, uses
    /// [`Envelope::new`].
    pub fn now(publisher: PublisherId, tenant_id: impl Into<Arc<str>>) -> Self {
        Self::new(Uuid::now_v7(), Timestamp::now(), publisher, tenant_id.into())
    }

    /// At this site.
    #[must_use]
    pub fn at_site(self, site_id: impl Into<Arc<str>>) -> Self {
        Self { site_id: Some(site_id.into()), ..self }
    }

    /// About this entry.
    #[must_use]
    pub fn about(self, entry_id: impl Into<Arc<str>>) -> Self {
        Self { entry_id: Some(entry_id.into()), ..self }
    }

    /// As a part of the act with this id.
    #[must_use]
    pub fn correlated(self, correlation_id: Uuid) -> Self {
        Self { correlation_id: Some(correlation_id), ..self }
    }

    /// Following from a received event: its act and its trace go on.
    #[must_use]
    pub fn caused_by(self, cause: &Self) -> Self {
        Self {
            correlation_id: self.correlation_id.or(cause.correlation_id).or(Some(cause.id)),
            causation_id: Some(cause.id),
            trace_context: self.trace_context.or_else(|| cause.trace_context.clone()),
            ..self
        }
    }

    /// The event without origin.
    pub(crate) fn compose<'a, D: EventData>(&'a self, data: &'a D) -> Composed<'a, D> {
        let Self { id, time, publisher, tenant_id, test, .. } = self;
        Composed {
            id,
            event_type: D::TYPE.as_str(),
            schema_version: D::SCHEMA_VERSION,
            time,
            publisher: Publisher { name: &publisher.name, instance: &publisher.instance },
            tenant_id,
            test: *test,
            site_id: self.site_id.as_deref(),
            entry_id: self.entry_id.as_deref(),
            endpoint_id: self.endpoint_id.as_deref(),
            correlation_id: self.correlation_id.as_ref(),
            causation_id: self.causation_id.as_ref(),
            trace_context: self.trace_context.as_ref(),
            data,
        }
    }
}

/// A whole event without origin, as it is written: the order of members is that of the text.
#[derive(Serialize)]
pub(crate) struct Composed<'a, D> {
    id: &'a Uuid,
    #[serde(rename = "type")]
    event_type: &'static str,
    schema_version: &'static str,
    time: &'a Timestamp,
    publisher: Publisher<'a>,
    tenant_id: &'a str,
    test: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    site_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entry_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<&'a Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    causation_id: Option<&'a Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_context: Option<&'a TraceContext>,
    data: &'a D,
}

#[derive(Serialize)]
struct Publisher<'a> {
    name: &'a str,
    instance: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_context_becomes_an_xray_header() {
        let context = |traceparent: &str| TraceContext {
            traceparent: traceparent.to_owned(),
            tracestate: None,
        };
        let good = context("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        assert_eq!(
            good.xray_header().as_deref(),
            Some("Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=b7ad6b7169203331;Sampled=1")
        );
        for bad in ["", "00-12-34-01", "00-ü-b7ad6b7169203331-01"] {
            assert_eq!(context(bad).xray_header(), None, "{bad}");
        }
    }
}
