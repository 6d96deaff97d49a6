//! Figures about the journal for a person: all that it knows of itself.

use std::collections::BTreeMap;

use rusqlite::OptionalExtension;
use serde::{Deserialize, Serialize};

use super::layout::{self, events};
use super::queries::recorded_at;
use super::words::NOBODY;
use super::{Class, Gap, Journal, Statistics, row};

/// Waiting events are counted by class up to so many; more would make commits wait.
const COUNTED: u64 = 10_000;

/// What `doorward journal stats` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    #[serde(flatten)]
    pub statistics: Statistics,
    pub layout: i64,
    /// Seconds that the journal has been open, all its life.
    pub age_s: u64,
    /// Waiting events by class; absent where more than 10,000 wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_by_class: Option<BTreeMap<String, u64>>,
    /// Bytes that waiting events take, by vendor; `gateway` for its own.
    pub waiting_bytes_by_vendor: BTreeMap<String, u64>,
    /// Bytes of everything that does not wait: delivered events, and facts, digests, quarantine.
    pub history_bytes: u64,
    /// The oldest event that is still here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest: Option<Oldest>,
    /// Gaps that no event has told of yet.
    pub gaps: Vec<Gap>,
    /// Slots of events that were taken over from other journals, first and last.
    pub carried: Vec<(u64, u64)>,
}

/// An event's place and time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Oldest {
    pub slot: u64,
    /// `gateway.recorded_at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded_at: Option<String>,
}

impl Journal {
    /// Figures about the journal as it stands.
    pub fn figures(&self) -> rusqlite::Result<Figures> {
        let statistics = self.statistics()?;
        let waiting: u64 = statistics.waiting_bytes.values().sum();
        let waiting_bytes_by_vendor = self
            .folded
            .waiting
            .iter()
            .filter(|(_, bytes)| bytes.sum() > 0)
            .map(|(vendor, bytes)| (self.vendor_name(*vendor), bytes.sum()))
            .collect();
        Ok(Figures {
            layout: layout::LAYOUT,
            age_s: self.age(),
            waiting_by_class: self.waiting_by_class()?,
            waiting_bytes_by_vendor,
            history_bytes: statistics.bytes_used.saturating_sub(waiting),
            oldest: self.oldest()?,
            gaps: self.folded.gaps.clone(),
            carried: self.folded.carried.clone(),
            statistics,
        })
    }

    fn vendor_name(&self, vendor: i64) -> String {
        if vendor == NOBODY {
            return "gateway".to_owned();
        }
        let word = self.words.word(vendor).unwrap_or_default();
        word.strip_prefix("vendor:").unwrap_or(word).to_owned()
    }

    fn waiting_by_class(&self) -> rusqlite::Result<Option<BTreeMap<String, u64>>> {
        let finished = &self.folded.finished;
        // Rows that one event without an answer keeps after itself are looked at too.
        if self.folded.slot.saturating_sub(finished.through()) > COUNTED {
            return Ok(None);
        }
        let mut counts: BTreeMap<String, u64> =
            Class::ALL.map(|class| (class.as_str().to_owned(), 0)).into();
        let mut statement = self.db.prepare_cached(events!("slot, kind", "WHERE slot > ?1"))?;
        let mut rows = statement.query([finished.through()])?;
        while let Some(found) = rows.next()? {
            let (slot, kind): (u64, i64) = (found.get(0)?, found.get(1)?);
            let class = self.words.class(kind).as_str();
            if !finished.contains(slot)
                && let Some(count) = counts.get_mut(class)
            {
                *count += 1;
            }
        }
        Ok(Some(counts))
    }

    fn oldest(&self) -> rusqlite::Result<Option<Oldest>> {
        let found: Option<(u64, Vec<u8>)> = self
            .db
            .prepare_cached(concat!(events!("slot, body", ""), " ORDER BY 1 LIMIT 1"))?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        Ok(found.map(|(slot, body)| {
            let content = row::decode(slot, &body).ok();
            let recorded_at = content.and_then(|content| recorded_at(&content.detail));
            Oldest { slot, recorded_at }
        }))
    }
}
