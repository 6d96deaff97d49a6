//! Ids for event types and vendors, so that rows are short.

use std::collections::HashMap;

use doorward_events::EventType;
use rusqlite::Connection;

use super::class::Class;

/// The id of no vendor.
pub(super) const NOBODY: i64 = 0;

/// The table `word`, in memory. It grows by one row for each event type and vendor there ever
/// was; a row's id is never given again.
#[derive(Debug, Default)]
pub(super) struct Words {
    ids: HashMap<String, i64>,
    words: HashMap<i64, String>,
    classes: HashMap<i64, Class>,
}

impl Words {
    /// Reads the table, and adds the event types that are new to it.
    pub fn load(db: &Connection) -> rusqlite::Result<Self> {
        let mut words = Self::default();
        let mut statement = db.prepare("SELECT id, word FROM word")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            words.learn(row.get(0)?, row.get(1)?);
        }
        for kind in EventType::ALL {
            if !words.ids.contains_key(kind.as_str()) {
                words.add(db, kind.as_str())?;
            }
        }
        Ok(words)
    }

    fn learn(&mut self, id: i64, word: String) {
        // A type that this build does not know is kept as the most precious class.
        let class = word.parse::<EventType>().map_or(Class::Access, Class::of);
        self.classes.insert(id, class);
        self.ids.insert(word.clone(), id);
        self.words.insert(id, word);
    }

    /// The id of a word, which is added to the table if it is new. After a failed transaction
    /// the caller must [`Words::forget`] what it added.
    pub fn add(&mut self, db: &Connection, word: &str) -> rusqlite::Result<i64> {
        if let Some(id) = self.ids.get(word) {
            return Ok(*id);
        }
        let id = self.words.keys().max().copied().unwrap_or(NOBODY) + 1;
        db.prepare_cached("INSERT INTO word (id, word) VALUES (?1, ?2)")?.execute((id, word))?;
        self.learn(id, word.to_owned());
        Ok(id)
    }

    /// Forgets a word whose row was rolled back.
    pub fn forget(&mut self, id: i64) {
        if let Some(word) = self.words.remove(&id) {
            self.ids.remove(&word);
            self.classes.remove(&id);
        }
    }

    /// The id of a word, if it has one.
    pub fn id(&self, word: &str) -> Option<i64> {
        self.ids.get(word).copied()
    }

    /// The word of an id.
    pub fn word(&self, id: i64) -> Option<&str> {
        self.words.get(&id).map(String::as_str)
    }

    /// The class of the events of a type.
    pub fn class(&self, kind: i64) -> Class {
        self.classes.get(&kind).copied().unwrap_or(Class::Access)
    }
}
