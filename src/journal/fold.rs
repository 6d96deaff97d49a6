//! Folding: what the rows' asides say is written into its own tables now and then, and read back
//! from the rows since then when the file is opened.

use std::collections::BTreeMap;

use rusqlite::types::FromSql;
use rusqlite::{Connection, OptionalExtension, ToSql, params};
use uuid::Uuid;

use super::aside::Aside;
use super::audit::{self, Leaf};
use super::folded::Folded;
use super::layout::events;
use super::{Journal, OpenError, SEEN_WINDOW, Unfolded, row};
use crate::domain::audit as digests;
use crate::link::Digest;

/// Rows between two folds: what an opening has to read back at most, but for one commit's own. Each
/// fact is a page somewhere else: a fold of more rows keeps the next commits waiting for longer.
pub(super) const FOLD_ROWS: u64 = 256;
/// Marks between two folds.
pub(super) const FOLD_MARKS: u64 = 8192;
/// Slots that one fold counts for `delivered_through`.
const COUNT_SLOTS: u64 = 8192;
/// Digests in one row of `seen`: half a page.
const BLOCK: u64 = 128;

/// Reads a row of `meta`.
pub(super) fn meta<T: FromSql>(db: &Connection, name: &str) -> rusqlite::Result<Option<T>> {
    db.query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0)).optional()
}

/// Writes a row of `meta`.
pub(super) fn set_meta(db: &Connection, name: &str, value: impl ToSql) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)")?
        .execute(params![name, value])?;
    Ok(())
}

/// Writes a fold inside the caller's transaction: `next` with the facts and digests since the
/// last one.
pub(super) fn write(
    db: &Connection,
    next: &mut Folded,
    unfolded: &Unfolded,
) -> rusqlite::Result<()> {
    write_with(db, next, unfolded, &BTreeMap::new(), &[], &[])
}

/// The same with the facts, digests of messages, and digests of events, of the commit in hand.
pub(super) fn write_with(
    db: &Connection,
    next: &mut Folded,
    unfolded: &Unfolded,
    facts: &BTreeMap<String, Vec<u8>>,
    seen: &[Digest],
    leaves: &[Leaf],
) -> rusqlite::Result<()> {
    count_delivered(db, next)?;
    let mut fact =
        db.prepare_cached("INSERT OR REPLACE INTO fact (name, value) VALUES (?1, ?2)")?;
    let mut no_fact = db.prepare_cached("DELETE FROM fact WHERE name = ?1")?;
    for (name, value) in unfolded.facts.iter().chain(facts) {
        if value.is_empty() {
            no_fact.execute([name])?;
        } else {
            fact.execute(params![name, value])?;
        }
    }
    audit::write(db, &unfolded.leaves)?;
    audit::write(db, leaves)?;
    write_seen(db, unfolded.seen_from, &unfolded.seen)?;
    write_seen(db, unfolded.seen_from + unfolded.seen.len() as u64, seen)?;
    let text =
        next.to_text().map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    set_meta(db, "folded", text)
}

/// Writes digests into the ring, in blocks.
pub(super) fn write_seen(db: &Connection, from: u64, digests: &[Digest]) -> rusqlite::Result<()> {
    // More than a window at once: only the last window of them matters.
    let spare = digests.len().saturating_sub(usize::try_from(SEEN_WINDOW).unwrap_or(usize::MAX));
    let mut number = from + spare as u64;
    let mut rest = digests.get(spare..).unwrap_or_default();
    let mut read = db.prepare_cached("SELECT digests FROM seen WHERE block = ?1")?;
    let mut write =
        db.prepare_cached("INSERT OR REPLACE INTO seen (block, digests) VALUES (?1, ?2)")?;
    while !rest.is_empty() {
        let place = number % SEEN_WINDOW;
        let (block, offset) = (place / BLOCK, place % BLOCK);
        let fits = usize::try_from(BLOCK - offset).unwrap_or(0).min(rest.len());
        let (these, after) = rest.split_at(fits);
        let mut bytes: Vec<u8> =
            read.query_row([block], |row| row.get(0)).optional()?.unwrap_or_default();
        let start = usize::try_from(offset * 16).unwrap_or(0);
        bytes.resize(bytes.len().max(start + fits * 16), 0);
        for (slot, digest) in bytes.get_mut(start..).unwrap_or_default().chunks_mut(16).zip(these) {
            slot.copy_from_slice(&digest.0);
        }
        write.execute(params![block, bytes])?;
        number += fits as u64;
        rest = after;
    }
    Ok(())
}

/// The ring's digests, oldest first, of which `count` were ever written.
pub(super) fn read_seen(db: &Connection, count: u64) -> rusqlite::Result<Vec<Digest>> {
    let mut ring = Vec::new();
    let mut statement = db.prepare("SELECT block, digests FROM seen ORDER BY block")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (block, bytes): (u64, Vec<u8>) = (row.get(0)?, row.get(1)?);
        let start = usize::try_from(block * BLOCK).unwrap_or(usize::MAX);
        for (at, digest) in (start..).zip(bytes.chunks_exact(16)) {
            if ring.len() <= at && at < usize::try_from(SEEN_WINDOW).unwrap_or(0) {
                ring.resize(at + 1, Digest([0; 16]));
            }
            if let (Some(place), Ok(digest)) = (ring.get_mut(at), digest.try_into()) {
                *place = Digest(digest);
            }
        }
    }
    let known = usize::try_from(count.min(SEEN_WINDOW)).unwrap_or(0);
    ring.truncate(known);
    if count > SEEN_WINDOW {
        let next = usize::try_from(count % SEEN_WINDOW).unwrap_or(0).min(ring.len());
        ring.rotate_left(next);
    }
    Ok(ring)
}

/// Advances `delivered_through` over the slots that have their final answer, a bounded stretch.
pub(super) fn count_delivered(db: &Connection, folded: &mut Folded) -> rusqlite::Result<()> {
    let through = folded.finished.through().min(folded.counted_through + COUNT_SLOTS);
    if through <= folded.counted_through {
        return Ok(());
    }
    let mut statement = db.prepare_cached(events!(
        "kind, MAX(type_sequence)",
        "WHERE slot > ?1 AND slot <= ?2 GROUP BY kind"
    ))?;
    let mut rows = statement.query([folded.counted_through, through])?;
    while let Some(row) = rows.next()? {
        let (kind, last): (i64, u64) = (row.get(0)?, row.get(1)?);
        let counters = folded.types.entry(kind).or_default();
        counters.delivered_through = counters.delivered_through.max(last);
    }
    let types = &mut folded.types;
    folded.passed.retain(|(slot, kind, sequence)| {
        let counters = types.entry(*kind).or_default();
        if *slot <= through {
            counters.delivered_through = counters.delivered_through.max(*sequence);
        }
        *slot > through
    });
    folded.counted_through = through;
    Ok(())
}

/// What an opening finds: the last fold, brought up to date by the rows since then.
pub(super) struct Replayed {
    pub folded: Folded,
    pub folded_at: u64,
    pub unfolded: Unfolded,
    pub facts: Vec<(String, Vec<u8>)>,
    pub seen: Vec<Digest>,
}

/// Reads the last fold and the rows since then.
pub(super) fn replay(db: &Connection, words: &super::words::Words) -> Result<Replayed, OpenError> {
    let mut folded = match meta::<String>(db, "folded")? {
        Some(text) => Folded::from_text(&text).ok_or(OpenError::Damaged("counters"))?,
        None => Folded::default(),
    };
    let folded_at = folded.slot;
    let id: Option<String> = meta(db, "journal_id")?;
    let journal_id = id.and_then(|id| Uuid::parse_str(&id).ok()).unwrap_or_default();
    if let Some(after) = folded.finished.left_out_above() {
        recount(db, &mut folded, words, after)?;
    }
    let mut facts: BTreeMap<String, Vec<u8>> = db
        .prepare("SELECT name, value FROM fact")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut seen = read_seen(db, folded.seen)?;
    let mut unfolded = Unfolded { seen_from: folded.seen, ..Unfolded::default() };
    let mut asides: Vec<Aside> = Vec::new();
    {
        let mut statement = db.prepare(concat!(
            events!("slot, kind, type_sequence, vendor, body", "WHERE slot > ?1"),
            " ORDER BY 1"
        ))?;
        let mut rows = statement.query([folded_at])?;
        while let Some(found) = rows.next()? {
            let slot: u64 = found.get(0)?;
            let (kind, type_sequence, vendor): (i64, u64, i64) =
                (found.get(1)?, found.get(2)?, found.get(3)?);
            let body = found.get_ref(4)?.as_blob().map_err(rusqlite::Error::from)?;
            if slot != folded.slot + 1 {
                return Err(OpenError::Damaged("rows since the last fold"));
            }
            let content = row::decode(slot, body)
                .map_err(|_| OpenError::Damaged("rows since the last fold"))?;
            folded.slot = slot;
            folded.add_waiting(vendor, words.class(kind), body.len() as u64);
            let counters = folded.types.entry(kind).or_default();
            counters.sequence = counters.sequence.max(type_sequence);
            unfolded.rows += 1;
            if let Some(salt) = &content.aside.salt {
                let (sequence, detail) = (folded.sequence_of(slot), content.detail.as_bytes());
                let hash = digests::leaf(journal_id, sequence, salt, detail);
                unfolded.leaves.push(Leaf { slot, kind, hash });
            }
            if !content.aside.is_empty() {
                asides.push(content.aside);
            }
        }
    }
    for aside in asides {
        for (name, value) in aside.facts {
            unfolded.facts.insert(name.clone(), value.clone());
            if value.is_empty() {
                facts.remove(&name);
            } else {
                facts.insert(name, value);
            }
        }
        if aside.seen_from != folded.seen && !aside.seen.is_empty() {
            return Err(OpenError::Damaged("window of seen messages"));
        }
        folded.seen += aside.seen.len() as u64;
        seen.extend(&aside.seen);
        unfolded.seen.extend(aside.seen);
        unfolded.marks += aside.finished.len() as u64;
        for slot in aside.finished {
            finish(db, &mut folded, words, slot)?;
        }
        folded.gaps.retain(|gap| !aside.told.contains(&gap.id));
    }
    let spare = seen.len().saturating_sub(usize::try_from(SEEN_WINDOW).unwrap_or(usize::MAX));
    seen.drain(..spare);
    Ok(Replayed { folded, folded_at, unfolded, facts: facts.into_iter().collect(), seen })
}

/// Completes the finished slots above `after`, of which the fold had no room to tell: a row leaves
/// its table only with its final answer. Delivered ones whose rows are kept wait again.
fn recount(
    db: &Connection,
    folded: &mut Folded,
    words: &super::words::Words,
    after: u64,
) -> rusqlite::Result<()> {
    folded.waiting.clear();
    let mut next = after + 1;
    let mut statement = db.prepare(concat!(
        events!("slot, kind, vendor, length(body)", "WHERE slot <= ?1"),
        " ORDER BY 1"
    ))?;
    let mut rows = statement.query([folded.slot])?;
    while let Some(row) = rows.next()? {
        let (slot, kind, vendor, bytes): (u64, i64, i64, u64) =
            (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        if slot > after {
            (next..slot).for_each(|gone| folded.finished.insert(gone));
            next = slot + 1;
        }
        if !folded.finished.contains(slot) {
            folded.add_waiting(vendor, words.class(kind), bytes);
        }
    }
    (next..=folded.slot).for_each(|gone| folded.finished.insert(gone));
    folded.finished.complete();
    Ok(())
}

/// What a slot takes away from what waits, when it has its final answer.
pub(super) struct Weight {
    pub slot: u64,
    pub vendor: i64,
    pub class: super::Class,
    pub bytes: u64,
}

/// Looks a waiting slot up; `None` if its row is gone.
pub(super) fn weigh(
    db: &Connection,
    words: &super::words::Words,
    slot: u64,
) -> rusqlite::Result<Option<Weight>> {
    db.prepare_cached(events!("kind, vendor, length(body)", "WHERE slot = ?1"))?
        .query_row([slot], |row| {
            let class = words.class(row.get(0)?);
            Ok(Weight { slot, vendor: row.get(1)?, class, bytes: row.get(2)? })
        })
        .optional()
}

/// Notes that the row of a slot is about to be deleted with its final answer.
pub(super) fn pass(db: &Connection, next: &mut Folded, slot: u64) -> rusqlite::Result<()> {
    let row: Option<(i64, u64)> = db
        .prepare_cached(events!("kind, type_sequence", "WHERE slot = ?1"))?
        .query_row([slot], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if let Some((kind, type_sequence)) = row {
        next.pass(slot, kind, type_sequence);
    }
    Ok(())
}

fn finish(
    db: &Connection,
    folded: &mut Folded,
    words: &super::words::Words,
    slot: u64,
) -> rusqlite::Result<()> {
    if folded.finished.contains(slot) || slot > folded.slot {
        return Ok(());
    }
    if let Some(weight) = weigh(db, words, slot)? {
        folded.subtract_waiting(weight.vendor, weight.class, weight.bytes);
    }
    folded.finished.insert(slot);
    Ok(())
}

impl Journal {
    /// Writes a fold in a transaction of its own.
    pub(super) fn fold_alone(&mut self) -> rusqlite::Result<()> {
        let mut next = self.folded.clone();
        next.age = self.age();
        let transaction = self.db.unchecked_transaction()?;
        write(&transaction, &mut next, &self.unfolded)?;
        transaction.commit()?;
        self.folded_to(next);
        Ok(())
    }

    /// Takes over what a fold has made durable.
    pub(super) fn folded_to(&mut self, next: Folded) {
        self.folded = next;
        self.folded_at = self.folded.slot;
        self.unfolded = Unfolded { seen_from: self.folded.seen, ..Unfolded::default() };
    }
}
