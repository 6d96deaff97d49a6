//! Room: how much the journal may hold, and what goes when that is too much.
//!
//! In this order: delivered events; then of those that wait, refusals beyond their quota, a
//! vendor's own telemetry and state beyond that vendor's quota, all telemetry, all states. What
//! is given up becomes a [`super::Gap`]. Access events, alarms and grants are never given up: when
//! they alone fill the journal, commits with events are refused, so that nothing more is
//! acknowledged, and the broker keeps what comes.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::folded::DropReason;
use super::{Class, CommitError, Journal, space::Space};
use crate::domain::ids::VendorId;

/// Most rounds of making room in one commit; the next commit goes on.
pub(super) const ROUNDS: usize = 64;
/// After so many bytes of new rows the file is measured again.
const MEASURE_EVERY: u64 = 64 << 10;
/// The file system is asked again after this.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// The share of the bound that no event may fill: facts, marks and the ledger of grants still
/// fit when events do not.
const RESERVE_PART: u64 = 16;
const MOST_RESERVE: u64 = 4 << 20;
/// The share of the bound that waiting refusals may take.
const REFUSAL_PART: u64 = 16;

/// The bounds of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Most bytes in use, the reserve of facts and ledger included.
    pub max_bytes: u64,
    /// Percent of the file system that stay free: nearer to that, the journal takes no more
    /// than it has. Above 1 GiB free it does not matter.
    pub min_free_percent: u64,
    /// Percent of the bound that one vendor's waiting events may take.
    pub vendor_percent: u64,
    /// Seconds for which delivered events stay readable, by the journal's own age.
    pub history_seconds: u64,
    /// Most bytes of delivered events; telemetry, then states go first, then the oldest.
    pub history_bytes: u64,
    /// Seconds after which telemetry and states that still wait are given up.
    pub waiting_seconds: u64,
    /// Rows of quarantine of each vendor that stay, and an eighth of it more at most; the oldest go
    /// first. Of events that the bus refused forty times as many, all vendors' together.
    pub quarantine_rows: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            max_bytes: 1 << 30,
            min_free_percent: 5,
            vendor_percent: 50,
            history_seconds: 30 * 86_400,
            history_bytes: 256 << 20,
            waiting_seconds: 30 * 86_400,
            quarantine_rows: 500,
        }
    }
}

impl Bounds {
    /// Bytes that events may fill.
    pub fn for_events(&self) -> u64 {
        self.max_bytes - (self.max_bytes / RESERVE_PART).min(MOST_RESERVE)
    }
}

/// What is remembered between two looks at the room.
#[derive(Default)]
pub(super) struct Room {
    pub used: u64,
    /// Bytes of the whole file, free pages included.
    file: u64,
    unmeasured: Option<u64>,
    asked: Option<Instant>,
    space: Option<Space>,
    pub aged: u64,
    /// Up to this slot no row of the class waits (of that vendor).
    pub searched: HashMap<(Class, Option<i64>), u64>,
}

impl Room {
    /// Rows of so many bytes were added.
    pub fn added(&mut self, bytes: u64) {
        self.unmeasured = self.unmeasured.map(|sum| sum + bytes);
    }
}

/// Bytes of pages in use.
pub(super) fn bytes_used(db: &Connection) -> rusqlite::Result<u64> {
    Ok(bytes(db)?.0)
}

/// Bytes of pages in use, and of all pages.
fn bytes(db: &Connection) -> rusqlite::Result<(u64, u64)> {
    let pragma = |sql: &str| -> rusqlite::Result<u64> {
        db.prepare_cached(sql)?.query_row([], |row| row.get(0))
    };
    let pages = pragma("PRAGMA page_count")?;
    let used = pages.saturating_sub(pragma("PRAGMA freelist_count")?);
    let page = pragma("PRAGMA page_size")?;
    Ok((used * page, pages * page))
}

impl Journal {
    /// Makes room for events, or refuses them.
    pub(super) fn make_room(&mut self) -> Result<(), CommitError> {
        if self.room.asked.is_none_or(|at| at.elapsed() >= ASK_EVERY) {
            self.room.asked = Some(Instant::now());
            self.room.space = self.path.parent().and_then(Space::of);
            self.room.unmeasured = None;
        }
        if self.room.unmeasured.is_none_or(|bytes| {
            bytes >= MEASURE_EVERY || self.room.used + bytes + MEASURE_EVERY > self.limit()
        }) {
            self.measure()?;
        }
        self.keep_quotas()?;
        self.drop_aged()?;
        for round in 0.. {
            let limit = self.limit();
            if self.room.used <= limit {
                return Ok(());
            }
            let freed = round < ROUNDS
                && (self.delete_history()?
                    || self.let_range_go()?
                    || self.shed(Class::Telemetry, None, DropReason::DiskFull)?
                    || self.shed(Class::State, None, DropReason::DiskFull)?);
            self.measure()?;
            if !freed && self.room.used > limit {
                return Err(CommitError::Full { used: self.room.used, bound: limit });
            }
        }
        Ok(())
    }

    pub(super) fn measure(&mut self) -> rusqlite::Result<()> {
        (self.room.used, self.room.file) = bytes(&self.db)?;
        self.room.unmeasured = Some(0);
        Ok(())
    }

    /// Bytes that events may fill as things are.
    fn limit(&self) -> u64 {
        let bound = self.bounds.for_events();
        let Some(space) = self.room.space else { return bound };
        let keep = space.kept_free(self.bounds.min_free_percent);
        // The file does not get smaller by what goes, so what it has it may fill again.
        bound.min((self.room.used + space.free_bytes).saturating_sub(keep).max(self.room.file))
    }

    /// Vendors that fill their quota with what is never dropped.
    pub(super) fn crowded(&self) -> BTreeSet<VendorId> {
        let quota = self.vendor_quota();
        self.folded
            .waiting
            .iter()
            .filter(|(_, bytes)| bytes.get(Class::Access) > quota)
            .filter_map(|(vendor, _)| self.words.word(*vendor)?.strip_prefix("vendor:"))
            .map(VendorId::new)
            .collect()
    }

    fn vendor_quota(&self) -> u64 {
        self.bounds.for_events() / 100 * self.bounds.vendor_percent
    }

    fn keep_quotas(&mut self) -> rusqlite::Result<()> {
        let refusals = self.bounds.for_events() / REFUSAL_PART;
        while self.folded.waiting_bytes(Class::Refusal) > refusals
            && self.shed(Class::Refusal, None, DropReason::Quota)?
        {}
        let quota = self.vendor_quota();
        let over: Vec<i64> = self
            .folded
            .waiting
            .iter()
            .filter(|(vendor, bytes)| **vendor != super::words::NOBODY && bytes.sum() > quota)
            .map(|(vendor, _)| *vendor)
            .collect();
        for vendor in over {
            for class in [Class::Refusal, Class::Telemetry, Class::State] {
                while self.folded.waiting.get(&vendor).is_some_and(|bytes| bytes.sum() > quota)
                    && self.shed(class, Some(vendor), DropReason::Quota)?
                {}
            }
        }
        Ok(())
    }
}
