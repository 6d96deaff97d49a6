//! `[limits]` of a vendor's file: how much it, and each of its devices, may send.

use std::ops::RangeInclusive;

use serde::Deserialize;

use super::finding::Finding;
use super::source::Source;
use crate::domain::rate::{Limits, Rate};

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(default)]
pub struct LimitsTable {
    device_per_s: u64,
    device_burst: u64,
    per_s: u64,
    burst: u64,
}

impl Default for LimitsTable {
    fn default() -> Self {
        Self {
            device_per_s: Limits::DEVICE_PER_S,
            device_burst: Limits::DEVICE_BURST,
            per_s: Limits::PER_S,
            burst: Limits::BURST,
        }
    }
}

/// What may be meant by each.
const PER_S: RangeInclusive<u64> = 1..=100_000;
const BURST: RangeInclusive<u64> = 1..=1_000_000;

/// Takes the table over, and says what is out of bounds.
pub fn read(source: &Source, table: LimitsTable, findings: &mut Vec<Finding>) -> Limits {
    let LimitsTable { device_per_s, device_burst, per_s, burst } = table;
    for (key, value, range) in [
        ("limits.device_per_s", device_per_s, PER_S),
        ("limits.device_burst", device_burst, BURST),
        ("limits.per_s", per_s, PER_S),
        ("limits.burst", burst, BURST),
    ] {
        if !range.contains(&value) {
            findings.push(source.error(
                key,
                format!("{value} is out of bounds"),
                format!("use {} to {}", range.start(), range.end()),
            ));
        }
    }
    if device_per_s > per_s {
        findings.push(source.warning(
            "limits.device_per_s",
            format!("a device is never so fast: the whole vendor is held at {per_s} a second"),
            "use less, or raise limits.per_s",
        ));
    }
    Limits {
        device: Rate::new(device_per_s, device_burst),
        frames: Rate::new(per_s, burst),
        ..Limits::default()
    }
}
