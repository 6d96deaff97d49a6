//! Erasing a person: every event, fact and row of quarantine that names the subject, and what is
//! left of them in free pages and in the log.

use serde_json::Value;

use super::aside::Aside;
use super::layout::events;
use super::{DropReason, Journal, audit, fold, row};

/// Rows looked at, or deleted, in one step: commits come between the steps.
const STEP: u64 = 1024;
/// Shortest text that may be asked for: a shorter one would match by chance.
pub const MIN_SUBJECT: usize = 8;
/// Longest.
pub const MAX_SUBJECT: usize = 128;

/// An erasure under way.
#[derive(Debug)]
pub struct Erasure {
    subject: String,
    after: u64,
    stage: Stage,
    erased: Erased,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Events,
    Rest,
    FreePages,
    /// Pages after this number.
    UsedPages(u32),
    Log,
}

/// What went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Erased {
    pub events: u64,
    /// Of them, those that the bus did not have yet.
    pub waiting: u64,
    pub quarantine: u64,
    pub facts: u64,
}

impl Erasure {
    /// Of everything that names `subject`, as a whole value; in quarantine, anywhere in a text.
    /// `None`: it is too short or too long to name one subject.
    pub fn of(subject: &str) -> Option<Self> {
        (MIN_SUBJECT..=MAX_SUBJECT).contains(&subject.len()).then(|| Self {
            subject: subject.to_owned(),
            after: 0,
            stage: Stage::Events,
            erased: Erased::default(),
        })
    }

    /// What went so far.
    pub fn erased(&self) -> Erased {
        self.erased
    }
}

impl Journal {
    /// Erases all that names `subject`. `None` as in [`Erasure::of`].
    pub fn erase(&mut self, subject: &str) -> Option<rusqlite::Result<Erased>> {
        let mut erasure = Erasure::of(subject)?;
        loop {
            match self.erase_step(&mut erasure) {
                Ok(true) => return Some(Ok(erasure.erased)),
                Ok(false) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// One bounded step of an erasure; true: it is done, and durable.
    pub fn erase_step(&mut self, erasure: &mut Erasure) -> rusqlite::Result<bool> {
        match erasure.stage {
            Stage::Events => {
                if !self.erase_events(erasure)? {
                    erasure.stage = Stage::Rest;
                }
            }
            Stage::Rest => {
                self.erase_rest(erasure)?;
                erasure.stage = Stage::FreePages;
            }
            Stage::FreePages => {
                if !self.scrub_free_pages()? {
                    erasure.stage = Stage::UsedPages(0);
                }
            }
            Stage::UsedPages(after) => {
                erasure.stage = self.scrub_used_pages(after)?.map_or(Stage::Log, Stage::UsedPages);
            }
            Stage::Log => {
                let busy: bool =
                    self.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
                if busy {
                    let words = Some("the log cannot be emptied now".to_owned());
                    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
                    return Err(rusqlite::Error::SqliteFailure(code, words));
                }
                // The sync of a commit makes the emptying durable. Its value must be another one than
                // before: SQLite writes nothing for a row that is as it was.
                let before: Option<u64> = fold::meta(&self.db, "erasures")?;
                fold::set_meta(&self.db, "erasures", before.unwrap_or(0) + 1)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Deletes the events of the next stretch, and facts that ride in the rows of others. False:
    /// there was none left to look at.
    fn erase_events(&mut self, erasure: &mut Erasure) -> rusqlite::Result<bool> {
        let mut waiting = Vec::new();
        let mut delivered = Vec::new();
        let mut beside = Vec::new();
        let mut looked = 0;
        {
            let mut statement = self.db.prepare_cached(concat!(
                events!("slot, kind, body", "WHERE slot > ?1"),
                " ORDER BY 1 LIMIT ?2"
            ))?;
            let mut rows = statement.query([erasure.after, STEP])?;
            while let Some(found) = rows.next()? {
                let slot: u64 = found.get(0)?;
                (erasure.after, looked) = (slot, looked + 1);
                let Ok(content) = row::decode(slot, found.get_ref(2)?.as_blob()?) else { continue };
                let class = self.words.class(found.get(1)?);
                if !names(&content.detail, &erasure.subject) {
                    let mut facts = content.aside.facts.iter();
                    if facts.any(|(name, value)| fact_names(name, value, &erasure.subject)) {
                        beside.push((slot, class, content));
                    }
                } else if self.folded.finished.contains(slot) {
                    delivered.push((slot, class));
                } else {
                    waiting.push(slot);
                }
            }
        }
        if !delivered.is_empty() || !beside.is_empty() {
            let mut next = self.folded.clone();
            next.age = self.age();
            let transaction = self.db.unchecked_transaction()?;
            for (slot, class) in &delivered {
                fold::pass(&transaction, &mut next, *slot)?;
                let sql = format!("DELETE FROM {} WHERE slot = ?1", class.table());
                transaction.prepare_cached(&sql)?.execute([slot])?;
            }
            for (slot, class, content) in &beside {
                let body = row::encode(
                    *slot,
                    content.vendor.as_deref(),
                    &content.detail,
                    &Aside { salt: content.aside.salt, ..Aside::default() },
                );
                if !next.finished.contains(*slot)
                    && let Some(weight) = fold::weigh(&transaction, &self.words, *slot)?
                {
                    next.subtract_waiting(weight.vendor, weight.class, weight.bytes);
                    next.add_waiting(weight.vendor, weight.class, body.len() as u64);
                }
                let sql = format!("UPDATE {} SET body = ?2 WHERE slot = ?1", class.table());
                transaction.prepare_cached(&sql)?.execute(rusqlite::params![slot, body])?;
            }
            self.recent.clear();
            // Rows since the last fold are needed to open the file again, as they were.
            fold::write(&transaction, &mut next, &self.unfolded)?;
            let gone: Vec<u64> = delivered.iter().map(|(slot, _)| *slot).collect();
            audit::note_erased(&transaction, &gone)?;
            transaction.commit()?;
            self.folded_to(next);
        }
        if !waiting.is_empty() {
            self.give_up_slots(&waiting, DropReason::Erased)?;
        }
        erasure.erased.events += (delivered.len() + waiting.len()) as u64;
        erasure.erased.waiting += waiting.len() as u64;
        Ok(looked == STEP)
    }

    fn erase_rest(&mut self, erasure: &mut Erasure) -> rusqlite::Result<()> {
        let subject = erasure.subject.clone();
        erasure.erased.quarantine += self.db.execute(
            "DELETE FROM quarantine WHERE instr(COALESCE(raw, '') || detail || source, ?1) > 0",
            [&subject],
        )? as u64;
        self.fold_alone()?;
        let facts: Vec<String> = self
            .db
            .prepare("SELECT name, value FROM fact")?
            .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?)))?
            .filter_map(|row| match row {
                Ok((name, value)) => fact_names(&name, &value, &subject).then_some(Ok(name)),
                Err(error) => Some(Err(error)),
            })
            .collect::<rusqlite::Result<_>>()?;
        for name in &facts {
            self.db.execute("DELETE FROM fact WHERE name = ?1", [name])?;
        }
        erasure.erased.facts += facts.len() as u64;
        Ok(())
    }
}

/// Whether a JSON text has `subject` as one of its values.
fn names(text: &str, subject: &str) -> bool {
    fn within(value: &Value, subject: &str) -> bool {
        match value {
            Value::String(text) => text == subject,
            Value::Array(values) => values.iter().any(|value| within(value, subject)),
            Value::Object(members) => members.values().any(|value| within(value, subject)),
            _ => false,
        }
    }
    // Most texts do not hold it at all; one that was taken over may hold it with escapes.
    (text.contains(subject) || text.contains('\\'))
        && serde_json::from_str::<Value>(text).is_ok_and(|value| within(&value, subject))
}

/// Whether a fact is of `subject`: by a part of its name, as a value in it, or somewhere in bytes
/// that are no text.
fn fact_names(name: &str, value: &[u8], subject: &str) -> bool {
    name.split('/').any(|part| part == subject)
        || match std::str::from_utf8(value) {
            Ok(text) => names(text, subject),
            Err(_) => value.windows(subject.len()).any(|part| part == subject.as_bytes()),
        }
}

#[cfg(test)]
mod tests;
