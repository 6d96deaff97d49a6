//! What is there of the digests, for `doorward audit verify`: read anew, range by range.

use std::collections::BTreeMap;

use doorward_events::EventType;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::audit::{self, Leaf};
use super::{Journal, is_audited, row};
use crate::domain::audit::{Found, Hash, MAX_EVENTS, MAX_SPAN, Payload, Tally};

/// What became of a closed range's checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sent {
    /// The bus has it.
    Accepted,
    Waiting,
    /// The bus refused it, or it was given up.
    Lost,
}

/// A closed range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RangeThere {
    /// First and last slot.
    pub slots: (u64, u64),
    pub sent: Sent,
    /// The checkpoint's statement as compact JWS.
    pub signed: String,
    /// Its root, as it stands beside it for the next range.
    pub root: Hash,
    pub found: Found,
}

/// Some ranges in their order, then what is not closed yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditPage {
    pub journal_id: Uuid,
    /// Whether the file keeps digests: one that an older version wrote last does not.
    pub kept: bool,
    pub ranges: Vec<RangeThere>,
    /// A part of what is not closed yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<Found>,
    /// Go on here; `None`: that was all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub go_on: Option<AuditPlace>,
}

/// How far a verification is. Ranges may be closed meanwhile: what was open is then looked at again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditPlace {
    /// The last slot of the last range that was looked at.
    #[serde(default)]
    pub closed: u64,
    /// The last slot beyond that.
    #[serde(default)]
    pub open: u64,
}

/// Where an event stands, by its own word.
#[derive(Deserialize)]
struct Origin {
    journal_id: Uuid,
    sequence: u64,
}

#[derive(Deserialize)]
struct Written {
    gateway: Origin,
}

impl Journal {
    /// Reads ranges from `place` on, as many as hold one range's most digests together; behind
    /// the last one, what is not closed yet, in stretches of the same length.
    pub fn audit_page(&self, place: AuditPlace) -> rusqlite::Result<AuditPage> {
        let mut page = AuditPage {
            journal_id: self.journal_id,
            kept: audit::is_kept(&self.db)?,
            ranges: Vec::new(),
            open: None,
            go_on: None,
        };
        if !page.kept {
            return Ok(page);
        }
        let AuditPlace { closed: mut after, mut open } = place;
        let mut looked = 0;
        let mut statement = self.db.prepare_cached(
            "SELECT first, last, event, lost, signed, root FROM checkpoint
             WHERE last > ?1 ORDER BY last LIMIT 1",
        )?;
        while looked < MAX_EVENTS as u64 {
            let mut rows = statement.query([after])?;
            let Some(row) = rows.next()? else {
                let last;
                (page.open, last) = self.open_part(after.max(open))?;
                page.go_on = last.map(|open| AuditPlace { closed: after, open });
                return Ok(page);
            };
            let (first, last, event, lost): (u64, u64, u64, bool) =
                (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            let signed = row.get(4)?;
            let root = audit::hash_of(row.get_ref(5)?);
            let sent = match self.folded.finished.contains(event) {
                _ if lost => Sent::Lost,
                true => Sent::Accepted,
                false => Sent::Waiting,
            };
            let found = self.tally(first, last)?.found();
            looked += found.events.max(1) + (last.saturating_sub(first)) / 32;
            open = 0;
            page.ranges.push(RangeThere { slots: (first, last), sent, signed, root, found });
            after = last;
        }
        page.go_on = Some(AuditPlace { closed: after, open: 0 });
        Ok(page)
    }

    fn open_part(&self, after: u64) -> rusqlite::Result<(Option<Found>, Option<u64>)> {
        let first = self.open_from()?.0.max(after.saturating_add(1));
        if first > self.folded.slot {
            return Ok((None, None));
        }
        let span = first.saturating_add(MAX_SPAN - 1).min(self.folded.slot);
        let leaves = self.leaves(first, span, MAX_EVENTS)?;
        let last = match leaves.last() {
            Some((leaf, _)) if leaves.len() == MAX_EVENTS => leaf.slot,
            _ => span,
        };
        let found = self.tally(first, last)?.open();
        Ok((Some(found), (last < self.folded.slot).then_some(last)))
    }

    /// Compares digests and events in these slots.
    fn tally(&self, first: u64, last: u64) -> rusqlite::Result<Tally> {
        let kept_from = audit::kept_from(&self.db)?;
        let mut leaves: BTreeMap<u64, (Leaf, bool)> = self
            .leaves(first, last, usize::MAX)?
            .into_iter()
            .map(|(leaf, erased)| (leaf.slot, (leaf, erased)))
            .collect();
        let mut tally = Tally::default();
        let gone = |tally: &mut Tally, (leaf, erased): (Leaf, bool)| {
            tally.without_payload(self.words.word(leaf.kind).unwrap_or("?"), leaf.hash, erased);
        };
        let mut statement = self.db.prepare(&self.audited_rows())?;
        let mut rows = statement.query([first, last])?;
        while let Some(found) = rows.next()? {
            let slot: u64 = found.get(0)?;
            let behind = leaves.split_off(&slot);
            for leaf in std::mem::replace(&mut leaves, behind).into_values() {
                gone(&mut tally, leaf);
            }
            let Some((leaf, _)) = leaves.remove(&slot) else {
                if slot >= kept_from && !self.folded.is_carried(slot) {
                    tally.bare(self.folded.sequence_of(slot));
                }
                continue;
            };
            let kind = self.words.word(leaf.kind).unwrap_or("?");
            let content = found.get_ref(1)?.as_blob().ok().and_then(|b| row::decode(slot, b).ok());
            let written = content.as_ref().and_then(|content| {
                serde_json::from_str::<Written>(&content.detail).ok().map(|event| event.gateway)
            });
            let (Some(content), Some(Origin { journal_id, sequence })) = (content, written) else {
                tally.unreadable(kind, leaf.hash, self.folded.sequence_of(slot));
                continue;
            };
            let (salt, detail) = (content.aside.salt.as_ref(), content.detail.as_bytes());
            let payload = Payload { journal_id, sequence, salt, detail };
            tally.with_payload(kind, leaf.hash, &payload);
        }
        for leaf in leaves.into_values() {
            gone(&mut tally, leaf);
        }
        Ok(tally)
    }

    /// Selects slot and body of the events in a stretch that leave digests.
    fn audited_rows(&self) -> String {
        let ids: Vec<String> = EventType::ALL
            .into_iter()
            .filter(|kind| is_audited(*kind))
            .filter_map(|kind| self.words.id(kind.as_str()))
            .map(|id| id.to_string())
            .collect();
        let ids = ids.join(",");
        let part = |table: &str| {
            format!(
                "SELECT slot, body FROM {table} WHERE slot BETWEEN ?1 AND ?2 AND kind IN ({ids})"
            )
        };
        format!("{} UNION ALL {} ORDER BY 1", part("access"), part("telemetry"))
    }
}
