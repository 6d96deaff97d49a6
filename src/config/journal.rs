//! `[journal]` of `doorward.toml`: the bounds of the journal.

use std::ops::RangeInclusive;

use serde::Deserialize;

use super::finding::Finding;
use super::source::Source;

/// The journal's bounds, as configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct JournalConfig {
    /// Most MiB in use.
    pub max_mib: u64,
    /// Percent of the file system that stay free.
    pub min_free_percent: u64,
    /// Percent of the journal that one vendor's waiting events may take.
    pub vendor_percent: u64,
    /// Days for which delivered events stay readable.
    pub history_days: u64,
    /// Most MiB of delivered events.
    pub history_mib: u64,
    /// Days after which telemetry and states that still wait are given up.
    pub waiting_days: u64,
}

impl Default for JournalConfig {
    fn default() -> Self {
        Self {
            max_mib: 1024,
            min_free_percent: 5,
            vendor_percent: 50,
            history_days: 30,
            history_mib: 256,
            waiting_days: 30,
        }
    }
}

/// What may be meant by each.
const MIB: RangeInclusive<u64> = 1..=1_048_576;
const PERCENT: RangeInclusive<u64> = 0..=50;
const SHARE: RangeInclusive<u64> = 1..=100;
const DAYS: RangeInclusive<u64> = 0..=3_650;
const WAITING_DAYS: RangeInclusive<u64> = 1..=3_650;
const HISTORY_MIB: RangeInclusive<u64> = 0..=1_048_576;

/// Says what is out of bounds.
pub(super) fn check(source: &Source, journal: JournalConfig, findings: &mut Vec<Finding>) {
    for (key, value, range) in [
        ("journal.max_mib", journal.max_mib, MIB),
        ("journal.min_free_percent", journal.min_free_percent, PERCENT),
        ("journal.vendor_percent", journal.vendor_percent, SHARE),
        ("journal.history_days", journal.history_days, DAYS),
        ("journal.history_mib", journal.history_mib, HISTORY_MIB),
        ("journal.waiting_days", journal.waiting_days, WAITING_DAYS),
    ] {
        if !range.contains(&value) {
            findings.push(source.error(
                key,
                format!("{value} is out of bounds"),
                format!("use {} to {}", range.start(), range.end()),
            ));
        }
    }
}
