//! Devices that speak and that no file or inventory knows.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::part::Part;
use super::surroundings::{Running, Surroundings};
use crate::config::{Configuration, Finding};
use crate::journal::QuarantineRow;
use crate::local::Client;

/// Rows of quarantine that are looked at, the newest.
const ROWS: u64 = 1000;
/// Most devices that are told.
const NAMED: usize = 20;
/// Who has not been heard for so long speaks no more.
const SPEAKS: SignedDuration = SignedDuration::from_hours(24);
/// The reason in quarantine.
const UNKNOWN: &str = "unknown_endpoint";

#[derive(serde::Serialize)]
struct Query {
    limit: u64,
}

pub(super) async fn look(around: &Surroundings, configuration: &Configuration, part: &mut Part) {
    if let Running::Not(why) = &around.gateway {
        return part.skip(format!("the running gateway: {why}"));
    }
    let socket = &configuration.gateway.socket;
    let rows: Vec<QuarantineRow> =
        match Client::new(socket).get("/v1/quarantine", &Query { limit: ROWS }).await {
            Ok(rows) => rows,
            Err(error) => return part.skip(format!("the quarantine: {error}")),
        };
    let mut unknown: BTreeMap<String, (u64, String)> = BTreeMap::new();
    let now = Timestamp::now();
    let of_strangers = rows.iter().filter(|row| row.reason == UNKNOWN);
    for row in of_strangers.filter(|row| is_recent(row, now) && !is_named(row, configuration)) {
        let vendor = row.vendor.as_deref().unwrap_or("gateway");
        // Rows come newest first.
        let entry = unknown.entry(format!("{vendor}: {}", row.source));
        entry.or_insert_with(|| (0, row.at.clone())).0 += 1;
    }
    if unknown.is_empty() {
        part.well = Some("nobody unknown speaks".to_owned());
    }
    for (source, (count, newest)) in unknown.iter().take(NAMED) {
        let text =
            format!("{source} is nobody's device: {count} in quarantine, the newest of {newest}");
        let remedy = "pair the device, or name it under [[endpoint]] in its vendor's file; one that \
                      is none of yours belongs off this broker";
        part.find(Finding::warning(socket, text, remedy));
    }
    let more = unknown.len().saturating_sub(NAMED);
    if more > 0 {
        let text = format!("{more} more devices that nobody knows");
        part.find(Finding::warning(socket, text, "doorward quarantine lists them"));
    }
}

/// A row whose time cannot be read counts as one of now.
fn is_recent(row: &QuarantineRow, now: Timestamp) -> bool {
    row.at.parse().map_or(true, |at: Timestamp| now.duration_since(at) < SPEAKS)
}

/// Whether a vendor's file names the device by now.
fn is_named(row: &QuarantineRow, configuration: &Configuration) -> bool {
    let of = |vendor: &str| row.vendor.as_deref() == Some(vendor);
    let vendor = configuration.vendors.iter().find(|vendor| of(vendor.id.as_str()));
    vendor.is_some_and(|vendor| vendor.endpoints.iter().any(|named| named.address == row.source))
}
