//! The checkpoints that the bus received, beside those that are here.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, bail};
use doorward_events::EventType;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::judge::{BrokenRange, Keys};
use crate::commands::delivered::{Delivered, event};
use crate::domain::audit::Statement;
use crate::journal::Sent;

/// What to do about a key that is not known.
const REMEDY: &str = "\n  remedy: if it is an earlier key of this gateway, name it with --key";
/// Most checkpoints of a file.
const MOST: usize = 1_000_000;

/// How the received checkpoints compare with those that are here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Against {
    /// Checkpoints in the file.
    pub received: u64,
    /// Of them, those that are the same here.
    pub same: u64,
    /// Those of ranges that are not kept here any more.
    pub older: u64,
    /// Those of journals that are not here: an earlier one that was lost, or another gateway's.
    pub other_journals: u64,
    /// Accepted by the bus and not in the file.
    pub not_received: u64,
    /// Sequences of the first of those.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_not_received: Option<(u64, u64)>,
    #[serde(skip)]
    left: BTreeMap<(Uuid, u64), Received>,
    /// First and last sequence here, by journal.
    #[serde(skip)]
    here: BTreeMap<Uuid, (u64, u64)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Received {
    first: u64,
    signed: String,
}

impl Against {
    /// Reads a file of checkpoints: one a line, as `data`, as event, as a line of `doorward events
    /// --json`, or as EventBridge delivers it. Events of other types are left out.
    ///
    /// # Errors
    /// It cannot be read, or a checkpoint in it is not signed with one of `keys`.
    pub fn read(file: &Path, keys: &Keys) -> anyhow::Result<Self> {
        let mut lines = Delivered::open(file)?;
        let mut against = Self::default();
        while let Some(value) = lines.next()? {
            let Some(signed) = signed_in(event(&value)) else { continue };
            let place = lines.place();
            let statement =
                keys.open(signed).map_err(|words| anyhow::anyhow!("{place}: {words}{REMEDY}"))?;
            against.received(&statement, signed).context(place)?;
        }
        if against.received == 0 {
            bail!("{} holds no audit.checkpoint", lines.name());
        }
        Ok(against)
    }

    fn received(&mut self, statement: &Statement, signed: &str) -> anyhow::Result<()> {
        let key = (statement.journal_id, statement.last);
        let received = Received { first: statement.first, signed: signed.to_owned() };
        match self.left.insert(key, received.clone()) {
            // The bus delivers at least once.
            Some(known) if known == received => return Ok(()),
            Some(_) => bail!(
                "two checkpoints say different things of the range to {} of journal {}",
                statement.last,
                statement.journal_id
            ),
            None => {}
        }
        if self.left.len() > MOST {
            bail!("the file holds more than {MOST} checkpoints");
        }
        self.received += 1;
        Ok(())
    }

    /// Compares a range that is here.
    ///
    /// # Errors
    /// In words: the bus received something else.
    pub fn compare(&mut self, here: &Statement, signed: &str, sent: Sent) -> Result<(), String> {
        let Statement { journal_id, first, last, .. } = *here;
        let span = self.here.entry(journal_id).or_insert((first, last));
        span.1 = span.1.max(last);
        match self.left.remove(&(journal_id, last)) {
            Some(received) if received.signed == signed => self.same += 1,
            Some(_) => {
                return Err(
                    "the bus received another checkpoint of it: it was signed anew after it \
                            had been told"
                        .to_owned(),
                );
            }
            None if sent == Sent::Accepted => {
                self.not_received += 1;
                self.first_not_received.get_or_insert((first, last));
            }
            None => {}
        }
        Ok(())
    }

    /// All that is here was compared; what was received beyond that, if it must be here.
    pub fn end(&mut self) -> Option<BrokenRange> {
        let mut broken = None;
        for ((journal_id, last), received) in std::mem::take(&mut self.left) {
            match self.here.get(&journal_id) {
                None => self.other_journals += 1,
                Some((oldest, _)) if last < *oldest => self.older += 1,
                Some((_, newest)) => {
                    let words = if received.first > *newest {
                        "the bus received its checkpoint, and it is not here: it was taken away, or \
                         an older copy of the journal was put back"
                    } else {
                        "the bus received its checkpoint, and here other ranges were closed over \
                         these sequences"
                    };
                    broken.get_or_insert(BrokenRange {
                        journal_id,
                        first: received.first,
                        last,
                        by_slot: false,
                        words: words.to_owned(),
                    });
                }
            }
        }
        broken
    }
}

/// The signed text of a checkpoint, in an event or its `data`.
fn signed_in(event: &Value) -> Option<&str> {
    let kind = event.get("type").and_then(Value::as_str);
    if kind.is_some_and(|kind| kind != EventType::AuditCheckpoint.as_str()) {
        return None;
    }
    let data = event.get("data").unwrap_or(event);
    data.get("root")?;
    data.get("signed")?.as_str()
}
