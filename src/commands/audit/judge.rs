//! What is there of the digests, range by range, judged.

use doorward_events::statement::{KeyId, PublicKey, open_checkpoint};
use serde::Serialize;
use uuid::Uuid;

use super::against::Against;
use crate::domain::audit::{Found, Neighbour, Statement, events_are_right, examine};
use crate::gateway::keys;
use crate::journal::{AuditPage, RangeThere, Sent};

/// The keys that checkpoints may be signed with.
#[derive(Debug, Clone, Default)]
pub struct Keys(Vec<(KeyId, PublicKey)>);

impl Keys {
    /// Adds a key by its text.
    ///
    /// # Errors
    /// It is none.
    pub fn add(&mut self, text: &str) -> anyhow::Result<()> {
        let key = PublicKey::from_base64url(text)?;
        let kid = keys::audit_kid(&key)?;
        if !self.0.iter().any(|(known, _)| *known == kid) {
            self.0.push((kid, key));
        }
        Ok(())
    }

    /// What was signed, if it was signed with one of them; else what is wrong with it.
    pub fn open(&self, signed: &str) -> Result<Statement, String> {
        let key = |kid: &KeyId| self.0.iter().find(|(known, _)| known == kid).map(|(_, key)| *key);
        let value = open_checkpoint(signed, key).map_err(|fault| fault.to_string())?;
        serde_json::from_value(value)
            .map_err(|error| format!("what it says is not understood: {error}"))
    }
}

/// A range that is not what was signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BrokenRange {
    pub journal_id: Uuid,
    /// Sequences; of a range whose signature is not to be believed, slots of the file.
    pub first: u64,
    pub last: u64,
    /// Whether `first` and `last` are slots.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub by_slot: bool,
    /// What is wrong, and what that means.
    pub words: String,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    pub fine: bool,
    pub journal_id: Uuid,
    /// Closed ranges.
    pub ranges: u64,
    /// Of them, those whose checkpoint the bus does not have yet, and never will.
    pub waiting: u64,
    pub lost: u64,
    /// The first sequence that a closed range covers, and the last, of this journal.
    pub covered: Option<(u64, u64)>,
    /// Digests in them.
    pub events: u64,
    /// Their events that are there and are what the digests say.
    pub compared: u64,
    pub erased: u64,
    /// Events that went otherwise.
    pub gone: u64,
    /// Digests that no range holds yet, and their events that are there.
    pub open_events: u64,
    pub open_compared: u64,
    pub broken: Option<BrokenRange>,
    pub broken_ranges: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against: Option<Against>,
}

/// Judges page after page.
pub struct Judge {
    keys: Keys,
    before: Option<Statement>,
    pub report: Report,
}

impl Judge {
    pub fn new(keys: Keys, against: Option<Against>) -> Self {
        Self { keys, before: None, report: Report { against, ..Report::default() } }
    }

    /// Judges what comes next.
    pub fn take(&mut self, page: &AuditPage) {
        self.report.journal_id = page.journal_id;
        if !page.ranges.is_empty() {
            // What was looked at as open stands in them now, or is looked at again.
            (self.report.open_events, self.report.open_compared) = (0, 0);
        }
        for range in &page.ranges {
            self.range(page.journal_id, range);
        }
        let Some(open) = &page.open else { return };
        self.report.open_events += open.events;
        self.report.open_compared += open.compared;
        if let Err(broken) = events_are_right(open) {
            let first = self.before.as_ref().map_or(1, |before| before.last + 1);
            self.broken(BrokenRange {
                journal_id: page.journal_id,
                first,
                last: broken_end(open).max(first),
                by_slot: false,
                words: format!("{broken} (it is not closed yet)"),
            });
        }
    }

    fn range(&mut self, journal_id: Uuid, range: &RangeThere) {
        let RangeThere { slots, sent, signed, root, found } = range;
        let report = &mut self.report;
        report.ranges += 1;
        match sent {
            Sent::Accepted => {}
            Sent::Waiting => report.waiting += 1,
            Sent::Lost => report.lost += 1,
        }
        report.events += found.events;
        report.compared += found.compared;
        report.erased += found.erased;
        report.gone += found.gone;
        let statement = match self.keys.open(signed) {
            Ok(statement) => statement,
            Err(words) => {
                self.before = None;
                let (first, last) = *slots;
                self.broken(BrokenRange {
                    journal_id,
                    first,
                    last,
                    by_slot: true,
                    words: format!("its signature is not to be believed: {words}"),
                });
                return;
            }
        };
        if statement.journal_id == journal_id {
            let first = report.covered.map_or(statement.first, |(first, _)| first);
            report.covered = Some((first, statement.last));
        }
        let before = self.before.as_ref().map_or(Neighbour::Unknown, Neighbour::Range);
        let wrong = match examine(before, &statement, found) {
            Err(broken) => Some(broken.to_string()),
            Ok(()) if *root != statement.root => {
                Some("its root beside it was changed: the next range would not follow".to_owned())
            }
            Ok(()) => None,
        };
        let wrong = match (&mut self.report.against, wrong) {
            (_, Some(wrong)) => Some(wrong),
            (Some(against), None) => against.compare(&statement, signed, *sent).err(),
            (None, None) => None,
        };
        if let Some(words) = wrong {
            let Statement { journal_id, first, last, .. } = statement;
            self.broken(BrokenRange { journal_id, first, last, by_slot: false, words });
        }
        self.before = Some(statement);
    }

    fn broken(&mut self, broken: BrokenRange) {
        self.report.broken_ranges += 1;
        self.report.broken.get_or_insert(broken);
    }

    /// All was taken.
    pub fn end(mut self) -> Report {
        let rest = self.report.against.as_mut().and_then(Against::end);
        if let Some(broken) = rest {
            self.broken(broken);
        }
        self.report.fine = self.report.broken.is_none();
        self.report
    }
}

/// The last sequence that is named as wrong.
fn broken_end(found: &Found) -> u64 {
    found.unlike.iter().chain(&found.bare).copied().max().unwrap_or(0)
}
