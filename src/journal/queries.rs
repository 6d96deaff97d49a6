//! Reading the journal: for the uplink, the command line and at opening.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::{Connection, params};
use serde::Deserialize;
use uuid::Uuid;

use super::layout::events;
use super::records::lane_key;
use super::room::bytes_used;
use super::{Class, Journal, QuarantineRecord, Space, Stored, fold, row};
use crate::domain::ids::VendorId;

/// Which events to list. Everything absent matches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    pub after: u64,
    pub limit: usize,
    pub event_type: Option<String>,
    /// Matches the entry, or the endpoint of events without one.
    pub subject: Option<String>,
    /// The newest `limit` events instead of those following `after`.
    pub newest: bool,
    /// Only events before this slot.
    pub before: Option<u64>,
}

/// Some events of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPage {
    pub rows: Vec<EventRow>,
    /// So many rows were looked at that a commit should come first: go on from this slot (as
    /// `after`, or as `before` where the newest are wanted).
    pub go_on: Option<u64>,
}

/// What of an event says whose turn it is in.
#[derive(Deserialize)]
struct Head {
    id: Uuid,
    #[serde(rename = "type")]
    kind: String,
    entry_id: Option<Arc<str>>,
    endpoint_id: Option<Arc<str>>,
}

/// An event for a person or a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// Its place in the file: its sequence, unless events were taken over from another journal.
    pub slot: u64,
    pub delivered: bool,
    pub detail: String,
}

/// A row of quarantine, for a person or a script.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct QuarantineRow {
    pub id: u64,
    pub at: String,
    pub vendor: Option<String>,
    pub source: String,
    pub reason: String,
    pub detail: String,
    pub bytes: u64,
    pub raw: Option<String>,
    pub keyed_digest: Option<String>,
}

/// Figures about the journal.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Statistics {
    pub journal_id: Uuid,
    /// The last slot given.
    pub slot: u64,
    pub waiting: u64,
    /// Bytes that waiting events take in the file, by class.
    pub waiting_bytes: BTreeMap<String, u64>,
    pub bytes_used: u64,
    pub bytes_bound: u64,
    /// What the file system has left.
    #[serde(flatten)]
    pub space: Option<Space>,
    /// Percent of it that should stay free.
    pub min_free_percent: u64,
    pub quarantined: u64,
    /// Per type, the `type_sequence` up to which everything is delivered or refused.
    pub delivered_through: BTreeMap<String, u64>,
    /// Per type, the last `type_sequence` given: how many there ever were in this journal.
    #[serde(default)]
    pub recorded: BTreeMap<String, u64>,
    /// `recorded_at` of the oldest event that waits.
    pub oldest_waiting: Option<String>,
}

impl Statistics {
    /// What there is too little of on the file system, in words.
    pub fn too_little_space(&self) -> Option<String> {
        self.space?.too_little(self.min_free_percent)
    }
}

pub(super) fn insert_quarantine(
    db: &Connection,
    records: &[QuarantineRecord],
    keep: u64,
) -> rusqlite::Result<()> {
    let (Some(first), Some(last)) = (records.first(), records.last()) else { return Ok(()) };
    let mut insert = db.prepare_cached(
        "INSERT OR REPLACE INTO quarantine
         (id, at, vendor, source, reason, detail, bytes, raw, keyed_digest)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    for record in records {
        insert.execute(params![
            record.id,
            record.at.to_string(),
            record.vendor.as_ref().map(VendorId::as_str),
            record.source,
            record.reason,
            record.detail,
            record.bytes,
            record.raw,
            record.keyed_digest.map(|digest| format!("{:032x}", u128::from_be_bytes(digest.0))),
        ])?;
    }
    let step = (keep / PRUNED_EACH).max(1);
    if first.id.saturating_sub(1) / step != last.id / step {
        prune_quarantine(db, keep)?;
    }
    Ok(())
}

/// Into so many parts of what is kept of a vendor the prunings divide its growth.
const PRUNED_EACH: u64 = 8;
/// Of an event that the bus refused the row is the only copy: of these, so many times as many stay.
const REFUSED_STAY: u64 = 40;

/// Leaves the newest `keep` rows of each vendor, so that none pushes out what another's devices
/// left. It looks at every row.
fn prune_quarantine(db: &Connection, keep: u64) -> rusqlite::Result<usize> {
    db.prepare_cached(
        "DELETE FROM quarantine WHERE id IN (
             SELECT id FROM (
                 SELECT id, reason = 'refused_by_bus' AS refused, row_number() OVER (
                     PARTITION BY reason = 'refused_by_bus',
                         CASE reason WHEN 'refused_by_bus' THEN NULL ELSE vendor END
                     ORDER BY id DESC) AS place
                 FROM quarantine)
             WHERE place > CASE refused WHEN 1 THEN ?2 ELSE ?1 END)",
    )?
    .execute([keep, keep.saturating_mul(REFUSED_STAY)])
}

/// Most rows that one listing looks at: a rare filter costs many short readings instead of one
/// that commits wait for.
const SCAN_ROWS: usize = 4096;

impl Journal {
    /// Unfinished events from `after` on, oldest first, within both bounds (at least one event
    /// if there is any).
    ///
    /// A row that is not as it was written is left out and said in the log; `verify` deals with
    /// it. So is an event whose type this build does not know: a newer version wrote it, and it
    /// waits for one.
    pub fn waiting_events(
        &self,
        after: u64,
        max_events: usize,
        max_bytes: usize,
    ) -> rusqlite::Result<Vec<Stored>> {
        let finished = &self.folded.finished;
        let mut statement = self
            .db
            .prepare_cached(concat!(events!("slot, body", "WHERE slot > ?1"), " ORDER BY 1"))?;
        let mut rows = statement.query([after.max(finished.through())])?;
        let mut events = Vec::new();
        let mut bytes = 0;
        while let Some(found) = rows.next()? {
            let slot: u64 = found.get(0)?;
            if finished.contains(slot) {
                continue;
            }
            let Some(event) = stored(slot, found.get_ref(1)?.as_blob()?) else {
                continue;
            };
            bytes += event.detail.len();
            if !events.is_empty() && bytes > max_bytes {
                break;
            }
            events.push(event);
            if events.len() >= max_events {
                break;
            }
        }
        Ok(events)
    }

    /// Lists events, waiting and delivered, by their place.
    pub fn list_events(&self, filter: &EventFilter) -> rusqlite::Result<EventPage> {
        const OLDEST: &str =
            concat!(events!("slot, kind, body", "WHERE slot > ?1 AND slot < ?2"), " ORDER BY 1");
        const NEWEST: &str = concat!(
            events!("slot, kind, body", "WHERE slot > ?1 AND slot < ?2"),
            " ORDER BY 1 DESC"
        );
        let kind = filter.event_type.as_ref().map(|name| self.words.id(name));
        let before = filter.before.unwrap_or(i64::MAX.unsigned_abs());
        let sql = if filter.newest { NEWEST } else { OLDEST };
        let mut statement = self.db.prepare_cached(sql)?;
        let mut rows = statement.query([filter.after, before])?;
        let mut page = EventPage { rows: Vec::new(), go_on: None };
        let mut looked = 0;
        while page.rows.len() < filter.limit
            && let Some(found) = rows.next()?
        {
            let slot: u64 = found.get(0)?;
            looked += 1;
            let matches = kind.is_none_or(|kind| kind == found.get(1).ok());
            if matches && let Ok(content) = row::decode(slot, found.get_ref(2)?.as_blob()?) {
                let mine = filter.subject.as_ref().is_none_or(|subject| {
                    serde_json::from_str::<Head>(&content.detail).is_ok_and(|head| {
                        *lane_key(head.entry_id.as_ref(), head.endpoint_id.as_ref()) == **subject
                    })
                });
                if mine {
                    let delivered = self.folded.finished.contains(slot);
                    page.rows.push(EventRow { slot, delivered, detail: content.detail });
                }
            }
            if looked >= SCAN_ROWS && page.rows.len() < filter.limit {
                page.go_on = Some(slot);
                break;
            }
        }
        if filter.newest {
            page.rows.reverse();
        }
        Ok(page)
    }

    /// The newest `limit` rows of quarantine, oldest first.
    pub fn list_quarantine(&self, limit: usize) -> rusqlite::Result<Vec<QuarantineRow>> {
        let mut rows = self
            .db
            .prepare_cached(
                "SELECT id, at, vendor, source, reason, detail, bytes, raw, keyed_digest
                 FROM quarantine ORDER BY id DESC LIMIT ?1",
            )?
            .query_map([i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
                Ok(QuarantineRow {
                    id: row.get(0)?,
                    at: row.get(1)?,
                    vendor: row.get(2)?,
                    source: row.get(3)?,
                    reason: row.get(4)?,
                    detail: row.get(5)?,
                    bytes: row.get(6)?,
                    raw: row.get(7)?,
                    keyed_digest: row.get(8)?,
                })
            })?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        rows.reverse();
        Ok(rows)
    }

    /// Figures about the journal as it stands.
    pub fn statistics(&self) -> rusqlite::Result<Statistics> {
        let mut folded = self.folded.clone();
        fold::count_delivered(&self.db, &mut folded)?;
        let delivered_through = folded
            .types
            .iter()
            .filter(|(_, counters)| counters.sequence > 0)
            .filter_map(|(id, counters)| {
                Some((self.words.word(*id)?.to_owned(), counters.delivered_through))
            })
            .collect();
        let recorded = folded
            .types
            .iter()
            .filter(|(_, counters)| counters.sequence > 0)
            .filter_map(|(id, counters)| {
                Some((self.words.word(*id)?.to_owned(), counters.sequence))
            })
            .collect();
        let oldest = self.waiting_events(0, 1, 0)?.into_iter().next();
        let waiting_bytes =
            Class::ALL.map(|class| (class.as_str().to_owned(), self.folded.waiting_bytes(class)));
        Ok(Statistics {
            journal_id: self.journal_id,
            slot: self.folded.slot,
            waiting: self.waiting(),
            waiting_bytes: waiting_bytes.into(),
            bytes_used: bytes_used(&self.db)?,
            bytes_bound: self.bounds.max_bytes,
            space: self.path.parent().and_then(Space::of),
            min_free_percent: self.bounds.min_free_percent,
            quarantined: self
                .db
                .query_row("SELECT COUNT(*) FROM quarantine", [], |row| row.get(0))?,
            delivered_through,
            recorded,
            oldest_waiting: oldest.and_then(|event| recorded_at(&event.detail)),
        })
    }
}

/// What a row holds, by its own word alone.
fn stored(slot: u64, body: &[u8]) -> Option<Stored> {
    let content = match row::decode(slot, body) {
        Ok(content) => content,
        Err(damage) => {
            tracing::error!(slot, %damage, "an event in the journal cannot be read");
            return None;
        }
    };
    let head: Option<Head> = serde_json::from_str(&content.detail).ok();
    let Some((head, kind)) = head.and_then(|head| head.kind.parse().ok().map(|kind| (head, kind)))
    else {
        tracing::error!(slot, "an event in the journal is of a type that is unknown here");
        return None;
    };
    Some(Stored {
        slot,
        kind,
        vendor: content.vendor.map(VendorId::new),
        lane_key: lane_key(head.entry_id.as_ref(), head.endpoint_id.as_ref()),
        id: head.id,
        detail: content.detail.into(),
    })
}

/// `gateway.recorded_at` of an event's bytes.
pub(super) fn recorded_at(detail: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_str(detail).ok()?;
    Some(value.get("gateway")?.get("recorded_at")?.as_str()?.to_owned())
}
