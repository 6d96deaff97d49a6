//! What the journal is given: doors that open and close, as a gateway with 200 of them tells it.

use std::sync::Arc;

use anyhow::Result;
use doorward::domain::audit::{Closable, Statement};
use doorward::domain::ids::VendorId;
use doorward::journal::{Batch, Closing, NewEvent};
use doorward::link::Digest;
use doorward_events::types::{AccessGranted, AuditCheckpoint, EntryPositionChanged};
use doorward_events::{Envelope, PublisherId};
use jiff::{SignedDuration, Timestamp};

const DOORS: u64 = 200;
/// The first event's time, in seconds since the epoch.
const START: i64 = 1_795_243_931;

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Doors open and close.
    Doors,
    /// Doors are opened by somebody: events with digests, of which ranges are closed.
    Access,
}

/// Makes one batch after the other; no two events are alike but in form.
pub struct Load {
    number: u64,
    random: u64,
    names: Vec<(Arc<str>, Arc<str>)>,
    publisher: PublisherId,
    tenant: Arc<str>,
    site: Arc<str>,
    vendor: VendorId,
    kind: Kind,
}

impl Load {
    pub fn new(kind: Kind) -> Self {
        let mut random = 0x9e37_79b9_7f4a_7c15;
        let names = (0..DOORS).map(|door| {
            let device = 0x0015_8d00_0000_0000 | (next(&mut random) & 0xffff_ffff);
            (
                Arc::from(format!("building-{}-door-{:03}", door / 40, door)),
                Arc::from(format!("zigbee2mqtt:0x{device:016x}")),
            )
        });
        Self {
            number: 0,
            names: names.collect(),
            random,
            publisher: PublisherId::new("doorward.gateway", "gateway-7f3a"),
            tenant: Arc::from("riverside-homes"),
            site: Arc::from("riverside-3"),
            vendor: VendorId::new("zigbee2mqtt"),
            kind,
        }
    }

    /// A batch as the gateway makes it of `events` messages: each a change of position with the
    /// message's digest, and what is now known of each door. `finished`: the slots that the bus
    /// has accepted meanwhile.
    pub fn batch(&mut self, events: usize, finished: Vec<u64>) -> Result<Batch> {
        let mut batch = Batch { finished, ..Batch::default() };
        for _ in 0..events {
            self.one(&mut batch)?;
        }
        Ok(batch)
    }

    /// Whether its events leave digests.
    pub fn leaves_digests(&self) -> bool {
        self.kind == Kind::Access
    }

    /// What closes a range; its signature is as long as a true one.
    pub fn checkpoint(&mut self, closable: &Closable) -> Result<Batch> {
        let statement = Statement::of(closable, &self.tenant, &self.publisher.instance);
        let length = statement.to_text()?.len() * 4 / 3;
        let signed = format!("{}.{}.{}", "h".repeat(112), "p".repeat(length), "s".repeat(86));
        let time = Timestamp::from_second(START)?;
        let id = uuid::Uuid::now_v7();
        let envelope = Envelope::new(id, time, self.publisher.clone(), self.tenant.clone());
        let number = |value: u64| i64::try_from(value);
        let data = AuditCheckpoint {
            journal_id: statement.journal_id.to_string(),
            first: number(statement.first)?,
            last: number(statement.last)?,
            events: number(statement.events)?,
            counts: std::iter::once(("access.granted".to_owned(), number(statement.events)?))
                .collect(),
            dropped: Vec::new(),
            refused: Vec::new(),
            previous_root: statement.previous_root.map(|root| root.to_string()),
            root: statement.root.to_string(),
            signed: signed.clone(),
        };
        let event = NewEvent { draft: envelope.seal(&data)?, vendor: None };
        let closing = Closing {
            slots: closable.slots,
            events: closable.events,
            root: statement.root,
            signed,
        };
        Ok(Batch { events: vec![event], closing: Some(closing), ..Batch::default() })
    }

    fn one(&mut self, batch: &mut Batch) -> Result<()> {
        let number = self.number;
        self.number += 1;
        let [place, high, low] = [0; 3].map(|_: u64| next(&mut self.random));
        let door = usize::try_from(place % DOORS)?;
        let Some((entry, endpoint)) = self.names.get(door) else { return Ok(()) };
        // About 2,000 a second, and never on a whole millisecond.
        let micros = i64::try_from(number)? * 507 + i64::try_from(place % 499)?;
        let time = Timestamp::from_second(START)? + SignedDuration::from_micros(micros);
        let millis = u64::try_from(time.as_millisecond())?;
        let mut rest = [0; 10];
        for (to, from) in rest.iter_mut().zip([high.to_le_bytes(), low.to_le_bytes()].concat()) {
            *to = from;
        }
        let id = uuid::Builder::from_unix_timestamp_millis(millis, &rest).into_uuid();
        let mut envelope = Envelope::new(id, time, self.publisher.clone(), self.tenant.clone());
        envelope.site_id = Some(self.site.clone());
        envelope.entry_id = Some(entry.clone());
        envelope.endpoint_id = Some(endpoint.clone());
        let (before, now) = if low & 1 == 0 { ("closed", "open") } else { ("open", "closed") };
        let data = EntryPositionChanged {
            previous: before.into(),
            position: now.into(),
            quality: "observed".into(),
        };
        let fact = format!(
            r#"{{"position":{{"value":"{now}","quality":"observed","observed_at":"{time}","source":"{endpoint}"}},"lock":{{"value":"unknown","quality":"unknown"}},"alarms":{{}},"attribution":{{}},"registered_as":"{:016x}"}}"#,
            0xa41c_0000_0000_0000 + place % DOORS * 0x1_f3c5_9d71,
        );
        batch.recorded_at = time + SignedDuration::from_micros(900);
        batch.facts.insert(format!("door/{entry}"), fact.into_bytes());
        batch.seen.push(Digest(((u128::from(low) << 64) | u128::from(high)).to_be_bytes()));
        let vendor = Some(self.vendor.clone());
        let grant = uuid::Uuid::from_u64_pair(high, low).to_string();
        let courier = format!("courier-{:08x}", low >> 32);
        let draft = match self.kind {
            Kind::Doors => envelope.seal(&data)?,
            Kind::Access => envelope.seal(&AccessGranted {
                action: "unlock".into(),
                channel: "request".into(),
                request_id: None,
                issuer: None,
                grant_id: Some(grant),
                subject_ref: Some(courier),
                visit_id: None,
                command_id: None,
            })?,
        };
        batch.events.push(NewEvent { draft, vendor });
        Ok(())
    }
}

/// Xorshift: the same numbers in every run.
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}
