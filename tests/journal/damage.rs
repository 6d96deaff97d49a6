//! Broken files: what can be read is taken over with its exact bytes under a new id, what cannot
//! is named, and nothing is invented.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use doorward::journal::{Arrival, Bounds, Class, DropReason, Journal, Restored};
use doorward::link::Digest;
use rusqlite::Connection;

use crate::compare::compare;
use crate::opening::arrive;
use crate::oracle::{Fate, Known, Oracle, Stop, Violation, demand};
use crate::raw::FILE;
use crate::run::Run;
use crate::steps::End;

/// The ways in which [`break_file`] breaks a file.
pub const WAYS: u8 = 5;

/// What is left to be read after a file was broken in some way.
#[derive(Debug, Clone, Copy)]
pub struct Left {
    /// The counters: which events were delivered, how far it had got.
    counters: bool,
    /// Every row.
    rows: bool,
}

/// Breaks the file so that no opening can miss it. `None`: there is nothing to break.
pub fn break_file(path: &Path, way: u8, seed: u64) -> Option<Left> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut noise = vec![0; 1 << 16];
    rng.fill(&mut noise);
    // Into the file with all of it, so that one page has one place.
    let (root, rows): (usize, Vec<usize>) = {
        let db = Connection::open(path).ok()?;
        let _: i64 = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).ok()?;
        let page = |name: &str| {
            db.query_row("SELECT rootpage FROM sqlite_schema WHERE name = ?1", [name], |row| {
                row.get(0)
            })
        };
        let rows = ["access", "state", "telemetry"];
        (page("meta").ok()?, rows.iter().filter_map(|name| page(name).ok()).collect())
    };
    let mut bytes = fs::read(path).ok()?;
    let size = match u16::from_be_bytes([bytes[16], bytes[17]]) {
        1 => 1 << 16,
        size => usize::from(size),
    };
    let pages = bytes.len() / size;
    let is_leaf = |bytes: &[u8], number: usize| bytes[(number - 1) * size] == 0x0d;
    let leaves = rows.iter().any(|number| is_leaf(&bytes, *number));
    let mut spoil = |number: usize| {
        let start = (number - 1) * size;
        bytes[start..start + size].copy_from_slice(&noise[..size]);
    };
    let left = match way % WAYS {
        // The header: no SQLite opens it.
        0 => {
            spoil(1);
            Left { counters: false, rows: true }
        }
        // The counters.
        1 => {
            spoil(root);
            Left { counters: false, rows: true }
        }
        // The header and some pages, wherever they belong.
        2 => {
            spoil(1);
            for _ in 0..rng.usize(1..4) {
                spoil(rng.usize(1..=pages));
            }
            Left { counters: false, rows: false }
        }
        // The top of one table: the counters can be read, and its rows, if there are pages below.
        3 => {
            let number = rows[rng.usize(..rows.len())];
            spoil(number);
            Left { counters: true, rows: !leaves }
        }
        // The counters and the tops of the tables.
        _ => {
            spoil(root);
            rows.iter().for_each(|number| spoil(*number));
            Left { counters: false, rows: !leaves }
        }
    };
    fs::write(path, bytes).unwrap();
    Some(left)
}

impl Run {
    /// The journal ends, its file is broken, and it is opened again.
    pub fn damage(
        &mut self,
        end: End,
        way: u8,
        seed: u64,
        bounds: Bounds,
    ) -> Result<(), Violation> {
        self.end(end)?;
        let Some(left) = break_file(&self.folder().join(FILE), way, seed) else {
            return Err(Violation("there is nothing to break".to_owned()));
        };
        let (journal, found) = arrive(&self.folder(), bounds, self.bug, &mut self.ids)
            .map_err(|error| Violation(format!("a broken file stops it: {error}")))?;
        demand!(
            matches!(found.arrival, Arrival::Salvaged { .. }),
            "a broken file came back as {:?}",
            found.arrival
        );
        // Marks since the last fold are in rows.
        let left = Left { counters: left.counters && end == End::Close, ..left };
        self.oracle = salvaged(&self.oracle, &journal, &found, left)?;
        self.figures.salvaged += 1;
        self.opened(journal, bounds);
        self.look()
    }
}

/// What must hold of a journal that was made out of the remains of another; gives what it must
/// hold from now on.
pub fn salvaged(
    before: &Oracle,
    journal: &Journal,
    found: &Restored,
    left: Left,
) -> Result<Oracle, Violation> {
    demand!(found.journal_id != before.journal_id, "the id of the lost journal is used again");
    let mut known: BTreeMap<&str, (&Arc<Known>, Fate)> = BTreeMap::new();
    for (event, fate) in before.events.iter().zip(&before.fates) {
        known.insert(&event.detail, (event, *fate));
    }
    let carried = journal
        .waiting_events(0, usize::MAX, usize::MAX)
        .map_err(|error| Violation(error.to_string()))?;
    let mut after = Oracle { journal_id: found.journal_id, stop: Stop::Open, ..Oracle::new() };
    let mut there = BTreeSet::new();
    for event in &carried {
        let Some((was, fate)) = known.get(&*event.detail) else {
            return Err(Violation(format!("nobody committed {}", event.detail)));
        };
        demand!(there.insert(was.slot), "slot {} was taken over twice", was.slot);
        demand!(*fate != Fate::Erased, "slot {} was erased and is back", was.slot);
        let delivered = *fate != Fate::Waiting;
        demand!(!delivered || !left.counters, "slot {} ({fate:?}) waits again", was.slot);
        let slot = after.slot() + 1;
        demand!(event.slot == slot, "slot {} where {slot} is due", event.slot);
        after.events.push(Arc::new(Known {
            slot,
            origin: was.origin,
            carried: true,
            class: Class::of(was.kind),
            kind: was.kind,
            vendor: was.vendor.clone(),
            lane_key: was.lane_key.clone(),
            id: was.id,
            type_sequence: 0,
            detail: was.detail.clone(),
        }));
        after.fates.push(Fate::Waiting);
    }
    let order: Vec<u64> = carried
        .iter()
        .filter_map(|event| known.get(&*event.detail).map(|(was, _)| was.slot))
        .collect();
    demand!(order.is_sorted(), "events were taken over out of their order");
    named(before, found, &there, left)?;
    demand!(found.facts.is_empty(), "facts of a broken file are believed: {:?}", found.facts);
    let window: BTreeSet<_> = before.seen.iter().map(|digest| digest.0).collect();
    // Without the counters a row may also name one that had left the window; they are numbered.
    let older = |digest: &Digest| {
        let number = u64::from_be_bytes(digest.0[8..].try_into().unwrap());
        let made = *digest == crate::sample::digest(number);
        !left.counters && made && window.first().is_some_and(|oldest| digest.0 < *oldest)
    };
    let strange = found.seen.iter().find(|seen| !window.contains(&seen.0) && !older(seen));
    demand!(strange.is_none(), "nobody saw {strange:?}");
    after.seen = found.seen.iter().copied().collect();
    after.gaps.clone_from(&found.gaps);
    after.last_quarantine = before.last_quarantine;
    let rows = journal.list_quarantine(usize::MAX).map_err(|e| Violation(e.to_string()))?;
    for row in rows {
        let Some(record) = before.quarantine.get(&row.id) else {
            return Err(Violation(format!("nobody set {} aside", row.id)));
        };
        after.quarantine.insert(row.id, record.clone());
    }
    after.history_may_go = true;
    after.erased.clone_from(&before.erased);
    compare(journal, &after)?;
    Ok(after)
}

/// Every event that waited is there or named. Which ones there were after the last that can be
/// read, and before the first where nothing says what was delivered, nobody knows.
fn named(
    before: &Oracle,
    found: &Restored,
    there: &BTreeSet<u64>,
    left: Left,
) -> Result<(), Violation> {
    let mut missing = BTreeSet::new();
    for gap in &found.gaps {
        if gap.reason == DropReason::Corruption {
            missing.extend(before.slots_of(gap));
        }
    }
    let first = there.first().copied().unwrap_or(u64::MAX);
    let last = there.last().copied().unwrap_or(0);
    for event in before.waiting().filter(|event| !there.contains(&event.slot)) {
        demand!(!left.rows, "slot {} could be read and was not taken over", event.slot);
        let unknowable = !left.counters && (event.slot < first || event.slot > last);
        let told = missing.contains(&event.slot);
        // Of what was taken over before, only its own row said what it was.
        let nameless = event.carried;
        demand!(told || unknowable || nameless, "slot {} is lost, and no gap says so", event.slot);
    }
    let kept = there.intersection(&missing).next();
    demand!(kept.is_none(), "slot {kept:?} was taken over and is said to be lost");
    Ok(())
}
