//! Reading the journal: for the uplink, the command line and at opening.

use std::collections::BTreeMap;

use doorward_events::EventType;
use rusqlite::{Connection, Row, params};
use uuid::Uuid;

use super::{Finished, Journal, QuarantineRecord, SEEN_WINDOW, Stored};
use crate::domain::ids::VendorId;
use crate::link::Digest;

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
}

/// An event for a person or a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    pub sequence: u64,
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
    pub sequence: u64,
    pub waiting: u64,
    pub bytes_used: u64,
    pub bytes_bound: u64,
    pub quarantined: u64,
    /// Per type, the `type_sequence` up to which everything is delivered or refused.
    pub delivered_through: BTreeMap<String, u64>,
    /// `recorded_at` of the oldest event that waits.
    pub oldest_waiting: Option<String>,
}

pub(super) fn facts(db: &Connection) -> rusqlite::Result<Vec<(String, Vec<u8>)>> {
    db.prepare("SELECT name, value FROM fact")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

pub(super) fn seen(db: &Connection, count: u64) -> rusqlite::Result<Vec<Digest>> {
    let next = count % SEEN_WINDOW;
    db.prepare("SELECT digest FROM seen ORDER BY (slot < ?1), slot")?
        .query_map([next], |row| row.get(0).map(Digest))?
        .collect()
}

pub(super) fn bytes_used(db: &Connection) -> rusqlite::Result<u64> {
    let pages: u64 = db.pragma_query_value(None, "page_count", |row| row.get(0))?;
    let free: u64 = db.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
    Ok(pages.saturating_sub(free) * 4096)
}

pub(super) fn insert_quarantine(
    db: &Connection,
    records: &[QuarantineRecord],
    keep: u64,
) -> rusqlite::Result<()> {
    let Some(last) = records.last() else { return Ok(()) };
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
    // Of an event that the bus refused the row is the only copy: it stays longer.
    db.prepare_cached(
        "DELETE FROM quarantine WHERE id <= ?1 AND (reason <> 'refused_by_bus' OR id <= ?2)",
    )?
    .execute([last.id.saturating_sub(keep), last.id.saturating_sub(keep.saturating_mul(10))])?;
    Ok(())
}

const EVENT_COLUMNS: &str = "e.sequence, t.name, e.vendor, e.lane_key, e.detail";

pub(super) fn waiting_events(
    db: &Connection,
    finished: &Finished,
    after: u64,
    max_events: usize,
    max_bytes: usize,
) -> rusqlite::Result<Vec<Stored>> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT {EVENT_COLUMNS} FROM event e JOIN event_type t ON t.id = e.type
         WHERE e.sequence > ?1 ORDER BY e.sequence"
    ))?;
    let mut rows = statement.query([after.max(finished.through())])?;
    let mut events = Vec::new();
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        let sequence: u64 = row.get(0)?;
        if finished.contains(sequence) {
            continue;
        }
        let Some(event) = stored(sequence, row)? else { continue };
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

/// `None` for an event whose type this build does not know: a newer version wrote it, and it
/// waits for one.
fn stored(sequence: u64, row: &Row<'_>) -> rusqlite::Result<Option<Stored>> {
    let name: String = row.get(1)?;
    let detail: String = row.get(4)?;
    let id = detail.get(7..43).and_then(|text| Uuid::parse_str(text).ok());
    let (Ok(kind), Some(id)) = (name.parse::<EventType>(), id) else {
        tracing::error!(sequence, event_type = name, "an event in the journal cannot be read");
        return Ok(None);
    };
    Ok(Some(Stored {
        sequence,
        kind,
        vendor: row.get::<_, Option<String>>(2)?.map(VendorId::new),
        lane_key: row.get::<_, String>(3)?.into(),
        id,
        detail: detail.into(),
    }))
}

impl Journal {
    /// Lists events, waiting and delivered, in sequence.
    pub fn list_events(&self, filter: &EventFilter) -> rusqlite::Result<Vec<EventRow>> {
        let order = if filter.newest { "DESC" } else { "ASC" };
        let mut statement = self.db.prepare_cached(&format!(
            "SELECT {EVENT_COLUMNS} FROM event e JOIN event_type t ON t.id = e.type
             WHERE e.sequence > ?1 AND (?2 IS NULL OR t.name = ?2) AND (?3 IS NULL OR e.lane_key = ?3)
             ORDER BY e.sequence {order} LIMIT ?4"
        ))?;
        let limit = i64::try_from(filter.limit).unwrap_or(i64::MAX);
        let mut rows = statement
            .query_map(params![filter.after, filter.event_type, filter.subject, limit], |row| {
                let sequence = row.get(0)?;
                Ok(EventRow {
                    sequence,
                    delivered: self.finished.contains(sequence),
                    detail: row.get(4)?,
                })
            })?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        if filter.newest {
            rows.reverse();
        }
        Ok(rows)
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
        let delivered_through = self
            .db
            .prepare_cached("SELECT name, delivered_through FROM event_type WHERE sequence > 0")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        let oldest = self.waiting_events(0, 1, 0)?.into_iter().next();
        Ok(Statistics {
            journal_id: self.journal_id,
            sequence: self.sequence,
            waiting: self.waiting(),
            bytes_used: bytes_used(&self.db)?,
            bytes_bound: self.bounds.max_bytes,
            quarantined: self
                .db
                .query_row("SELECT COUNT(*) FROM quarantine", [], |row| row.get(0))?,
            delivered_through,
            oldest_waiting: oldest.and_then(|event| recorded_at(&event.detail)),
        })
    }
}

/// `gateway.recorded_at` of an event's bytes.
fn recorded_at(detail: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_str(detail).ok()?;
    Some(value.get("gateway")?.get("recorded_at")?.as_str()?.to_owned())
}
