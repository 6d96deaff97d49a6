//! Composes the gateway's events. Whatever it returns is valid or an error that names the field.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use doorward_events::types as schema;
use doorward_events::{Draft, Envelope, Invalid, bounded_text};
use doorward_translators::{
    AlarmKind, CredentialChange, Device, LockState, Operation, Outcome, Position,
};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::flood::Figures;
use super::flooding::is_bridge;
use super::state::{Identity, Now};
use crate::domain::entry::{Entry, EntryState};
use crate::domain::fact::{Change, Fact, Sighting};
use crate::domain::ids::{EndpointId, EntryId, VendorId};
use crate::domain::operation::door::{MotionHold, severity};

pub(super) type Event = Result<Draft, Invalid>;

/// Longest sentence in an event.
pub(super) const MAX_DETAIL: usize = 256;
/// Most availability topics that one event names.
const MAX_UNAVAILABLE: usize = 16;

/// Makes events out of what the gateway knows, with this gateway's identity.
pub struct Composer {
    identity: Identity,
    /// Sites of entries that are not at the gateway's own.
    sites: HashMap<EntryId, Arc<str>>,
    random: fastrand::Rng,
}

impl Composer {
    /// `seed` feeds the random part of event ids, which need to be unique, not secret.
    pub fn new(identity: Identity, entries: &[Entry], seed: u64) -> Self {
        let random = fastrand::Rng::with_seed(seed);
        let mut composer = Self { identity, sites: HashMap::new(), random };
        composer.know(entries);
        composer
    }

    /// These are the entries from now on.
    pub fn know(&mut self, entries: &[Entry]) {
        let site = |entry: &Entry| Some((entry.id.clone(), entry.site.as_deref()?.into()));
        self.sites = entries.iter().filter_map(site).collect();
    }

    /// A fresh id (UUID version 7).
    pub fn id(&mut self, now: Now) -> Uuid {
        let mut random = [0; 10];
        self.random.fill(&mut random);
        let millis = u64::try_from(now.wall.as_millisecond()).unwrap_or_default();
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }

    pub(super) fn envelope(&self, id: Uuid, time: Timestamp) -> Envelope {
        let identity = &self.identity;
        let mut envelope =
            Envelope::new(id, time, identity.publisher.clone(), identity.tenant.clone());
        envelope.site_id.clone_from(&identity.site);
        envelope.test = identity.test;
        envelope
    }

    pub(super) fn at_entry(
        &self,
        id: Uuid,
        time: Timestamp,
        entry: &EntryId,
        endpoint: Option<&EndpointId>,
    ) -> Envelope {
        let mut envelope = self.envelope(id, time);
        envelope.entry_id = Some(entry.to_arc());
        envelope.endpoint_id = endpoint.map(EndpointId::to_arc);
        if let Some(site) = self.sites.get(entry) {
            envelope.site_id = Some(Arc::clone(site));
        }
        envelope
    }

    fn at_endpoint(&mut self, now: Now, time: Timestamp, endpoint: &EndpointId) -> Envelope {
        let id = self.id(now);
        let mut envelope = self.envelope(id, time);
        envelope.endpoint_id = Some(endpoint.to_arc());
        envelope
    }

    pub fn entry_registered(&mut self, now: Now, entry: &Entry) -> Event {
        let id = self.id(now);
        let envelope = self.at_entry(id, now.wall, &entry.id, None);
        envelope.seal(&schema::EntryRegistered {
            kind: entry.kind.as_str().into(),
            roles: entry
                .roles
                .iter()
                .map(|(role, endpoint)| schema::RoleBinding {
                    role: role.as_str().into(),
                    endpoint_id: endpoint.to_string(),
                    vendor: endpoint.vendor().to_owned(),
                })
                .collect(),
            observes: entry.observes().into_iter().map(Into::into).collect(),
            time_zone: entry.time_zone.clone(),
            interlock_group: entry.interlock_group.clone(),
        })
    }

    pub fn state_reported(
        &mut self,
        now: Now,
        entry: &Entry,
        door: &EntryState,
        hold: Option<MotionHold>,
        reason: &str,
    ) -> Event {
        let id = self.id(now);
        self.at_entry(id, now.wall, &entry.id, None).seal(&schema::EntryStateReported {
            reason: reason.into(),
            position: position_fact(door),
            lock: lock_fact(door),
            motion_hold: hold.map(|hold| schema::MotionHoldFact {
                value: hold.as_str().into(),
                // It follows from what the sensors say.
                quality: door.position.quality.as_str().into(),
                observed_at: None,
                source: None,
            }),
            alarms: door.alarms.keys().map(|alarm| alarm.as_str().into()).collect(),
        })
    }

    pub fn lock_changed(
        &self,
        id: Uuid,
        entry: &EntryId,
        sighting: &Sighting<'_>,
        change: Change<LockState>,
        correlation: Option<Uuid>,
    ) -> Event {
        let mut envelope = self.at_entry(id, sighting.at, entry, Some(sighting.endpoint));
        envelope.correlation_id = correlation;
        envelope.seal(&schema::EntryLockChanged {
            previous: change.previous.as_str().into(),
            lock: change.value.as_str().into(),
            quality: change.quality.as_str().into(),
        })
    }

    pub fn position_changed(
        &mut self,
        now: Now,
        entry: &EntryId,
        sighting: &Sighting<'_>,
        change: Change<Position>,
    ) -> Event {
        let id = self.id(now);
        self.at_entry(id, sighting.at, entry, Some(sighting.endpoint)).seal(
            &schema::EntryPositionChanged {
                previous: change.previous.as_str().into(),
                position: change.value.as_str().into(),
                quality: change.quality.as_str().into(),
            },
        )
    }

    pub fn attribution_updated(
        &self,
        id: Uuid,
        at: Timestamp,
        entry: &EntryId,
        endpoint: &EndpointId,
        operation: &Operation,
        correlation: Option<Uuid>,
    ) -> Event {
        let (outcome, failure) = match operation.outcome {
            Outcome::Succeeded => (schema::OperationOutcome::Succeeded, None),
            Outcome::InvalidCredential => {
                (schema::OperationOutcome::Failed, Some("invalid_credential"))
            }
            Outcome::NotPermittedAtThisTime => {
                (schema::OperationOutcome::Failed, Some("not_permitted_at_this_time"))
            }
            Outcome::Unknown => (schema::OperationOutcome::Unknown, None),
        };
        let mut envelope = self.at_entry(id, at, entry, Some(endpoint));
        envelope.correlation_id = correlation;
        envelope.seal(&schema::EntryAttributionUpdated {
            operation: operation.kind.as_str().into(),
            outcome,
            failure_reason: failure.map(Into::into),
            operation_source: operation.source.as_str().into(),
            user_slot: operation.user_slot.map(i64::from),
        })
    }

    pub fn credential(
        &mut self,
        now: Now,
        at: Timestamp,
        entry: Option<&EntryId>,
        endpoint: &EndpointId,
        change: &CredentialChange,
    ) -> Event {
        let mut envelope = self.at_endpoint(now, at, endpoint);
        envelope.entry_id = entry.map(EntryId::to_arc);
        let credential = change.credential.as_str().into();
        let operation_source = change.source.as_str().into();
        let user_slot = change.user_slot.map(i64::from);
        if change.present {
            envelope.seal(&schema::CredentialSet { credential, operation_source, user_slot })
        } else {
            envelope.seal(&schema::CredentialRemoved { credential, operation_source, user_slot })
        }
    }

    pub fn alarm_raised(
        &self,
        id: Uuid,
        at: Timestamp,
        entry: &EntryId,
        endpoint: &EndpointId,
        alarm: AlarmKind,
    ) -> Event {
        self.at_entry(id, at, entry, Some(endpoint)).seal(&schema::AlarmRaised {
            alarm: alarm.as_str().into(),
            severity: severity(alarm).as_str().into(),
            detail: None,
        })
    }

    pub fn alarm_cleared(
        &mut self,
        now: Now,
        at: Timestamp,
        entry: &EntryId,
        endpoint: &EndpointId,
        alarm: AlarmKind,
        raised: Uuid,
    ) -> Event {
        let id = self.id(now);
        self.at_entry(id, at, entry, Some(endpoint)).seal(&schema::AlarmCleared {
            alarm: alarm.as_str().into(),
            cleared_by: "observation".into(),
            raised_event_id: Some(raised.to_string()),
        })
    }

    pub fn battery_changed(
        &mut self,
        now: Now,
        at: Timestamp,
        vendor: &VendorId,
        endpoint: &EndpointId,
        percent: Option<f64>,
        low: Option<bool>,
    ) -> Event {
        self.at_endpoint(now, at, endpoint).seal(&schema::EndpointBatteryChanged {
            vendor: vendor.to_string(),
            percent,
            low,
        })
    }

    pub fn discovered(
        &mut self,
        now: Now,
        vendor: &VendorId,
        endpoint: &EndpointId,
        device: &Device,
        bound: bool,
    ) -> Event {
        self.at_endpoint(now, now.wall, endpoint).seal(&schema::EndpointDiscovered {
            vendor: vendor.to_string(),
            address: device.address.clone(),
            manufacturer: device.manufacturer.clone(),
            model: device.model.clone(),
            capabilities: device.capabilities.iter().map(|word| word.as_str().into()).collect(),
            bound,
        })
    }

    pub fn endpoint_online(
        &mut self,
        now: Now,
        vendor: &VendorId,
        endpoint: &EndpointId,
        away: Option<SignedDuration>,
    ) -> Event {
        self.at_endpoint(now, now.wall, endpoint).seal(&schema::EndpointOnline {
            vendor: vendor.to_string(),
            unavailable_for_s: away.map(|away| away.as_secs().max(0)),
        })
    }

    pub fn endpoint_offline(
        &mut self,
        now: Now,
        vendor: &VendorId,
        endpoint: &EndpointId,
        unavailable: &[&str],
    ) -> Event {
        self.at_endpoint(now, now.wall, endpoint).seal(&schema::EndpointOffline {
            vendor: vendor.to_string(),
            unavailable: unavailable
                .iter()
                .take(MAX_UNAVAILABLE)
                .map(|part| bounded_text(part, 64))
                .collect(),
        })
    }

    /// Of a device, or of a vendor's bridge.
    pub fn flooding(
        &mut self,
        now: Now,
        vendor: &VendorId,
        endpoint: &EndpointId,
        figures: &Figures,
    ) -> Event {
        let mut envelope = self.at_endpoint(now, now.wall, endpoint);
        if is_bridge(endpoint) {
            envelope.endpoint_id = None;
        }
        envelope.seal(&schema::EndpointFlooding {
            vendor: vendor.to_string(),
            rate_per_s: figures.rate,
            limit_per_s: figures.limit,
            coalesced: number(figures.coalesced),
            dropped_acts: number(figures.dropped_acts),
            ended: figures.ended,
        })
    }

    pub fn vendor_isolated(
        &mut self,
        now: Now,
        vendor: &VendorId,
        scope: schema::IsolationScope,
        cause: &str,
        detail: &str,
        restarts: Option<u32>,
    ) -> Event {
        let id = self.id(now);
        self.envelope(id, now.wall).seal(&schema::VendorIsolated {
            vendor: vendor.to_string(),
            scope,
            cause: cause.into(),
            detail: Some(bounded_text(detail, MAX_DETAIL)),
            restarts: restarts.map(i64::from),
        })
    }

    pub fn vendor_recovered(
        &mut self,
        now: Now,
        vendor: &VendorId,
        scope: schema::IsolationScope,
        isolated_for: Duration,
    ) -> Event {
        let id = self.id(now);
        self.envelope(id, now.wall).seal(&schema::VendorRecovered {
            vendor: vendor.to_string(),
            scope,
            isolated_for_s: number(isolated_for.as_secs()),
        })
    }
}

fn observed_at<V>(fact: &Fact<V>) -> Option<String> {
    fact.observed_at.map(|at| at.to_string())
}

/// JSON's integers end at 2^53; nothing counted here gets there.
pub(super) fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Where the leaf is, with what that is worth.
pub(super) fn position_fact(door: &EntryState) -> schema::PositionFact {
    let Fact { value, quality, source, .. } = &door.position;
    schema::PositionFact {
        value: value.as_str().into(),
        quality: quality.as_str().into(),
        observed_at: observed_at(&door.position),
        source: source.as_ref().map(ToString::to_string),
    }
}

/// Where the bolt is, with what that is worth.
pub(super) fn lock_fact(door: &EntryState) -> schema::LockFact {
    let Fact { value, quality, source, .. } = &door.lock;
    schema::LockFact {
        value: value.as_str().into(),
        quality: quality.as_str().into(),
        observed_at: observed_at(&door.lock),
        source: source.as_ref().map(ToString::to_string),
    }
}
