//! A journal beside what it must hold.

use std::collections::{BTreeMap, BTreeSet};

use doorward::journal::{Class, EventFilter, Gap, Journal, PreviousStop, Restored};
use jiff::Timestamp;

use crate::audit;
use crate::oracle::{Fate, MAX_GAPS, Oracle, Stop, Violation, demand, same};

/// Ranges of delivered events above the first that waits, of which the file keeps so many. Those
/// beyond wait again after a restart.
const STORED_RANGES: usize = 512;

fn sqlite(error: rusqlite::Error) -> Violation {
    Violation(format!("SQLite says: {error}"))
}

/// An open journal holds what it must: what waits, what is readable, what it says in figures.
pub fn compare(journal: &Journal, oracle: &Oracle) -> Result<(), Violation> {
    demand!(journal.journal_id() == oracle.journal_id, "its id is {}", journal.journal_id());
    let waiting: Vec<_> = oracle.waiting().collect();
    demand!(
        journal.waiting() == waiting.len() as u64,
        "{} events wait instead of {}",
        journal.waiting(),
        waiting.len()
    );
    let found = journal.waiting_events(0, usize::MAX, usize::MAX).map_err(sqlite)?;
    for (event, known) in found.iter().zip(&waiting) {
        same(event, known)?;
    }
    demand!(
        found.len() == waiting.len(),
        "{} of {} events can be read",
        found.len(),
        waiting.len()
    );
    figures(journal, oracle)?;
    listing(journal, oracle)
}

fn figures(journal: &Journal, oracle: &Oracle) -> Result<(), Violation> {
    let figures = journal.statistics().map_err(sqlite)?;
    demand!(figures.slot == oracle.slot(), "slot {} instead of {}", figures.slot, oracle.slot());
    for class in Class::ALL {
        let bytes = figures.waiting_bytes[class.as_str()];
        let waits = oracle.waiting().any(|event| event.class == class);
        demand!((bytes > 0) == waits, "{bytes} bytes of {} are said to wait", class.as_str());
    }
    let oldest = oracle.waiting().next().and_then(|event| recorded_at(&event.detail));
    demand!(figures.oldest_waiting == oldest, "the oldest is of {:?}", figures.oldest_waiting);
    let mut least: BTreeMap<&str, u64> = BTreeMap::new();
    let answered = usize::try_from(oracle.through()).unwrap();
    for (event, fate) in oracle.events.iter().zip(&oracle.fates).take(answered) {
        if !event.carried && !matches!(fate, Fate::Gone { .. }) {
            least.insert(event.kind.as_str(), event.type_sequence);
        }
    }
    for (kind, last) in &oracle.type_sequences {
        let said = figures.delivered_through.get(kind.as_str()).copied();
        let waits = oracle.waiting().find(|e| e.kind == *kind && !e.carried);
        // What was deleted before it was counted may be counted later.
        let counted = if oracle.history_may_go { None } else { least.get(kind.as_str()) };
        let range =
            counted.copied().unwrap_or(0)..=waits.map_or(*last, |event| event.type_sequence - 1);
        demand!(
            said.is_some_and(|said| range.contains(&said)),
            "{kind:?} is said to be delivered through {said:?} of {last}, it is {range:?}"
        );
    }
    let rows = journal.list_quarantine(usize::MAX).map_err(sqlite)?;
    let ids: Vec<u64> = rows.iter().map(|row| row.id).collect();
    let wanted: Vec<u64> = oracle.quarantine.keys().copied().collect();
    demand!(ids == wanted, "quarantine holds {ids:?} instead of {wanted:?}");
    demand!(figures.quarantined == ids.len() as u64, "{} in quarantine", figures.quarantined);
    for (row, record) in rows.iter().zip(oracle.quarantine.values()) {
        demand!(
            row.raw == record.raw && row.reason == record.reason && row.source == record.source,
            "the row {} of quarantine is another",
            row.id
        );
    }
    Ok(())
}

/// `gateway.recorded_at` of an event's bytes.
fn recorded_at(detail: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_str(detail).ok()?;
    let text = value["gateway"]["recorded_at"].as_str()?;
    text.parse::<Timestamp>().ok()?;
    Some(text.to_owned())
}

/// Slots of delivered events that can still be read.
pub fn history(journal: &Journal) -> Result<BTreeSet<u64>, Violation> {
    let rows = everything(journal)?;
    Ok(rows.into_iter().filter(|(_, delivered, _)| *delivered).map(|(slot, _, _)| slot).collect())
}

fn everything(journal: &Journal) -> Result<Vec<(u64, bool, String)>, Violation> {
    let mut filter = EventFilter { limit: usize::MAX, ..EventFilter::default() };
    let mut rows = Vec::new();
    loop {
        let page = journal.list_events(&filter).map_err(sqlite)?;
        rows.extend(page.rows.into_iter().map(|row| (row.slot, row.delivered, row.detail)));
        match page.go_on {
            Some(slot) => filter.after = slot,
            None => return Ok(rows),
        }
    }
}

/// Whatever is listed is as it was committed; nothing that is gone is listed.
fn listing(journal: &Journal, oracle: &Oracle) -> Result<(), Violation> {
    let mut delivered = 0;
    let mut listed = BTreeSet::new();
    for (slot, is_delivered, detail) in everything(journal)? {
        listed.insert(slot);
        let fate = oracle.fate(slot);
        let right = match fate {
            Some(Fate::Waiting) => !is_delivered,
            Some(Fate::Delivered) => is_delivered,
            _ => false,
        };
        demand!(right, "slot {slot} is listed (delivered: {is_delivered}), but is {fate:?}");
        let known = &oracle.events[usize::try_from(slot - 1).unwrap()];
        demand!(*detail == *known.detail, "slot {slot} is listed with other bytes");
        delivered += usize::from(is_delivered);
    }
    let wanted = oracle.with_fate(|fate| fate == Fate::Delivered).count();
    demand!(
        oracle.history_may_go || delivered == wanted,
        "{delivered} of {wanted} delivered events are still listed"
    );
    audit::check(journal, oracle, &listed)
}

/// A journal came back as `oracle` says, which learns what was given up without its knowledge.
pub fn restored(oracle: &mut Oracle, found: &Restored) -> Result<(), Violation> {
    let stops: &[PreviousStop] = match oracle.stop {
        Stop::Never => &[PreviousStop::FirstStart],
        Stop::Open => &[PreviousStop::Unclean],
        Stop::Closed => &[PreviousStop::Clean],
        Stop::Either => &[PreviousStop::Unclean, PreviousStop::Clean],
    };
    demand!(stops.contains(&found.previous_stop), "it stopped {:?}", found.previous_stop);
    if oracle.stop == Stop::Never {
        oracle.journal_id = found.journal_id;
    }
    oracle.stop = Stop::Open;
    demand!(found.journal_id == oracle.journal_id, "its id is {}", found.journal_id);
    demand!(found.slot == oracle.slot(), "slot {} instead of {}", found.slot, oracle.slot());
    gaps(oracle, &found.gaps)?;
    marks(oracle, found)?;
    let waiting = oracle.waiting().count() as u64;
    demand!(found.waiting == waiting, "{} wait instead of {waiting}", found.waiting);
    for (name, value) in &found.facts {
        demand!(oracle.facts.get(name) == Some(value), "the fact {name} is {value:?}");
    }
    demand!(
        found.facts.len() == oracle.facts.len(),
        "{} facts instead of {}",
        found.facts.len(),
        oracle.facts.len()
    );
    demand!(
        found.seen.iter().eq(&oracle.seen),
        "{} digests that are not the {} last ones",
        found.seen.len(),
        oracle.seen.len()
    );
    let last = oracle.quarantine.keys().last().copied().unwrap_or(0);
    demand!(found.last_quarantine_id == last, "quarantine at {}", found.last_quarantine_id);
    Ok(())
}

/// The gaps that are to be told name what is gone and was not told, and nothing else.
fn gaps(oracle: &mut Oracle, found: &[Gap]) -> Result<(), Violation> {
    let merged = found.len() >= MAX_GAPS;
    for gap in found {
        let known = oracle.gaps.iter().find(|known| known.id == gap.id);
        demand!(
            known.is_none_or(|known| known == gap || merged),
            "the gap {known:?} has become {gap:?}"
        );
        if known.is_some() || gap.journal_id.is_some() {
            continue;
        }
        let mut gone = 0;
        for slot in oracle.slots_of(gap) {
            match oracle.fate(slot) {
                Some(Fate::Waiting) => oracle.give_up(slot, gap.reason)?,
                Some(Fate::Gone { told: false, .. }) if merged => {}
                other => demand!(merged, "{gap:?} names slot {slot}, which is {other:?}"),
            }
            gone += 1;
        }
        demand!(gap.count == gone || merged, "{gap:?} names {gone} events");
    }
    let named: BTreeSet<u64> = found.iter().flat_map(|gap| oracle.slots_of(gap)).collect();
    let untold = |fate: Fate| matches!(fate, Fate::Gone { told: false, .. });
    let silent: Vec<u64> =
        oracle.with_fate(untold).map(|e| e.slot).filter(|slot| !named.contains(slot)).collect();
    demand!(
        silent.is_empty(),
        "{} events are gone, and no gap says so, the first in slots {:?}",
        silent.len(),
        &silent[..silent.len().min(5)]
    );
    for gap in &oracle.gaps {
        demand!(found.iter().any(|other| other.id == gap.id), "{gap:?} is forgotten");
    }
    oracle.gaps = found.to_vec();
    Ok(())
}

/// What had its final answer still has it.
fn marks(oracle: &mut Oracle, found: &Restored) -> Result<(), Violation> {
    let through = usize::try_from(oracle.through()).unwrap();
    let mut ranges = 0;
    let mut inside = false;
    let mut forgotten = Vec::new();
    for (event, fate) in oracle.events.iter().zip(&oracle.fates).skip(through) {
        let answered = *fate != Fate::Waiting;
        ranges += usize::from(answered && !inside);
        inside = answered;
        let marked = found.finished.contains(event.slot);
        demand!(answered || !marked, "slot {} counts as delivered", event.slot);
        if answered && !marked {
            demand!(
                *fate == Fate::Delivered && ranges > STORED_RANGES,
                "slot {} ({fate:?}) waits again",
                event.slot
            );
            forgotten.push(event.slot);
        }
    }
    for slot in 1..=through as u64 {
        demand!(found.finished.contains(slot), "slot {slot} waits again");
    }
    // They are sent again, under the same id.
    for slot in forgotten {
        oracle.fates[usize::try_from(slot - 1).unwrap()] = Fate::Waiting;
    }
    Ok(())
}
