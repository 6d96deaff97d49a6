//! Events with their exact bytes and what else belongs to them, page by page: for `doorward
//! journal export`, and for taking a journal over into another.

use std::collections::HashSet;

use serde::Deserialize;
use uuid::Uuid;

use super::layout::events;
use super::{Journal, row};

/// Most rows that one page looks at: commits come between the pages.
const SCAN_ROWS: usize = 2048;
/// Most bytes of events in a page, beyond its first event.
const PAGE_BYTES: usize = 1 << 20;

/// An event as it leaves the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportRow {
    pub slot: u64,
    /// The vendor it stems from; `None` for the gateway's own.
    pub vendor: Option<String>,
    /// Accepted or finally refused by the bus.
    pub delivered: bool,
    /// The exact outgoing bytes.
    pub detail: String,
}

/// Some events in the order of their slots.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExportPage {
    pub rows: Vec<ExportRow>,
    /// Slots whose rows are not as they were written. Of those without a final answer only,
    /// where only such events were asked for.
    pub damaged: Vec<u64>,
    /// Go on after this slot; `None`: that was the last.
    pub go_on: Option<u64>,
}

/// Which event a text is.
#[derive(Deserialize)]
struct Identified {
    id: Uuid,
}

impl Journal {
    /// At most `limit` events after slot `after`, up to and including `through`; with `waiting`
    /// only those without a final answer.
    pub fn export_page(
        &self,
        after: u64,
        through: u64,
        limit: usize,
        waiting: bool,
    ) -> rusqlite::Result<ExportPage> {
        let finished = &self.folded.finished;
        let start = if waiting { after.max(finished.through()) } else { after };
        let mut statement = self.db.prepare_cached(concat!(
            events!("slot, body", "WHERE slot > ?1 AND slot <= ?2"),
            " ORDER BY 1"
        ))?;
        let mut rows = statement.query([start, through.min(i64::MAX.unsigned_abs())])?;
        let mut page = ExportPage::default();
        let (mut looked, mut bytes) = (0, 0);
        while let Some(found) = rows.next()? {
            let slot: u64 = found.get(0)?;
            looked += 1;
            let delivered = finished.contains(slot);
            if !(waiting && delivered) {
                match row::decode(slot, found.get_ref(1)?.as_blob()?) {
                    Ok(content) => {
                        bytes += content.detail.len();
                        let (vendor, detail) = (content.vendor, content.detail);
                        page.rows.push(ExportRow { slot, vendor, delivered, detail });
                    }
                    Err(_) => page.damaged.push(slot),
                }
            }
            if page.rows.len() >= limit || looked >= SCAN_ROWS || bytes >= PAGE_BYTES {
                page.go_on = Some(slot);
                break;
            }
        }
        Ok(page)
    }

    /// The ids of all events that the file holds, waiting and delivered: 16 bytes each.
    pub fn event_ids(&self) -> rusqlite::Result<HashSet<Uuid>> {
        let mut ids = HashSet::new();
        let mut after = 0;
        loop {
            let page = self.export_page(after, u64::MAX, usize::MAX, false)?;
            ids.extend(page.rows.iter().filter_map(|row| event_id(&row.detail)));
            match page.go_on {
                Some(slot) => after = slot,
                None => return Ok(ids),
            }
        }
    }
}

/// The `id` of an event's bytes.
pub(super) fn event_id(detail: &str) -> Option<Uuid> {
    serde_json::from_str::<Identified>(detail).ok().map(|event| event.id)
}
