//! Composes the events of the story that a request begins: asked, decided, used, moved, visited.

use doorward_events::types as schema;
use doorward_events::types::EventData;
use doorward_events::{Draft, Envelope, Invalid, TraceContext};
use doorward_translators::Act;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::access::{Grant, Reason};
use crate::domain::ids::EntryId;
use crate::domain::operation::Command;
use crate::domain::operation::command::Changed;
use crate::gateway::compose::Composer;
use crate::gateway::state::Now;

pub(in crate::gateway) type Event = Result<Draft, Invalid>;

/// What an event follows from: everything that one request leads to shares its correlation and its
/// trace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    pub correlation: Uuid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceContext>,
}

impl Cause {
    /// Of what a received event leads to.
    pub fn of(envelope: &Envelope) -> Self {
        Self {
            correlation: envelope.correlation_id.unwrap_or(envelope.id),
            event: Some(envelope.id),
            trace: envelope.trace_context.clone(),
        }
    }
}

/// Who asked for what, as far as it is known and believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    pub request_id: Option<Uuid>,
    pub issuer: Option<String>,
    pub grant_id: Option<Uuid>,
    pub subject: Option<String>,
    pub act: Option<Act>,
    /// `request`, or `console`.
    pub channel: &'static str,
}

fn text(id: Option<Uuid>) -> Option<String> {
    id.map(|id| id.to_string())
}

impl Composer {
    fn following(
        &mut self,
        now: Now,
        at: Timestamp,
        entry: Option<&EntryId>,
        cause: Option<&Cause>,
    ) -> Envelope {
        let id = self.id(now);
        let mut envelope = match entry {
            Some(entry) => self.at_entry(id, at, entry, None),
            None => self.envelope(id, at),
        };
        if let Some(cause) = cause {
            envelope.correlation_id = Some(cause.correlation);
            envelope.causation_id = cause.event;
            envelope.trace_context.clone_from(&cause.trace);
        }
        envelope
    }

    /// An event of this story at an entry.
    pub(in crate::gateway) fn tell<D: EventData>(
        &mut self,
        now: Now,
        at: Timestamp,
        entry: Option<&EntryId>,
        cause: Option<&Cause>,
        data: &D,
    ) -> Event {
        self.following(now, at, entry, cause).seal(data)
    }

    pub(in crate::gateway) fn access_requested(
        &mut self,
        now: Now,
        entry: Option<&EntryId>,
        cause: &Cause,
        asked: &Asked,
    ) -> Option<Event> {
        let data = schema::AccessRequested {
            action: asked.act?.as_str().into(),
            channel: asked.channel.into(),
            request_id: text(asked.request_id),
            issuer: asked.issuer.clone(),
            grant_id: text(asked.grant_id),
            subject_ref: asked.subject.clone(),
        };
        Some(self.tell(now, now.wall, entry, Some(cause), &data))
    }

    pub(in crate::gateway) fn access_granted(
        &mut self,
        now: Now,
        cause: &Cause,
        asked: &Asked,
        command: &Command,
    ) -> Event {
        let order = command.order();
        let data = schema::AccessGranted {
            action: order.act.as_str().into(),
            channel: asked.channel.into(),
            command_id: Some(order.id.to_string()),
            grant_id: text(asked.grant_id),
            issuer: asked.issuer.clone(),
            request_id: text(order.request_id),
            subject_ref: asked.subject.clone(),
            visit_id: text(order.visit_id),
        };
        self.tell(now, now.wall, Some(&order.entry), Some(cause), &data)
    }

    pub(in crate::gateway) fn access_denied(
        &mut self,
        now: Now,
        entry: Option<&EntryId>,
        cause: &Cause,
        asked: &Asked,
        reason: Reason,
        challenge: Option<schema::ClockChallenge>,
    ) -> Event {
        let data = schema::AccessDenied {
            action: asked.act.map(|act| act.as_str().into()),
            challenge,
            channel: asked.channel.into(),
            grant_id: text(asked.grant_id),
            issuer: asked.issuer.clone(),
            reason: reason.as_str().into(),
            request_id: text(asked.request_id),
            subject_ref: asked.subject.clone(),
        };
        self.tell(now, now.wall, entry, Some(cause), &data)
    }

    pub(in crate::gateway) fn grant_installed(
        &mut self,
        now: Now,
        cause: &Cause,
        grant: &Grant,
    ) -> Event {
        let data = schema::GrantInstalled {
            expires_at: grant.expires_at.to_string(),
            grant_id: grant.grant_id.to_string(),
            issuer: grant.issuer.to_string(),
            not_before: grant.not_before.to_string(),
            max_uses: i64::from(grant.max_uses),
        };
        self.tell(now, now.wall, Some(&grant.entry), Some(cause), &data)
    }

    pub(in crate::gateway) fn grant_rejected(
        &mut self,
        now: Now,
        entry: Option<&EntryId>,
        cause: &Cause,
        grant_id: Option<Uuid>,
        issuer: Option<String>,
        reason: Reason,
    ) -> Event {
        let data = schema::GrantRejected {
            grant_id: text(grant_id),
            issuer,
            reason: reason.as_str().into(),
        };
        self.tell(now, now.wall, entry, Some(cause), &data)
    }

    pub(in crate::gateway) fn command_changed(
        &mut self,
        now: Now,
        cause: &Cause,
        command: &Command,
        changed: Changed,
    ) -> Event {
        let order = command.order();
        let data = schema::CommandStateChanged {
            action: order.act.as_str().into(),
            command_id: order.id.to_string(),
            reason: changed.reason.map(|reason| reason.as_str().into()),
            request_id: text(order.request_id),
            state: changed.state.as_str().into(),
        };
        self.tell(now, now.wall, Some(&order.entry), Some(cause), &data)
    }
}
