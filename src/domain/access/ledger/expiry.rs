//! What time ends.

use jiff::Timestamp;

use super::super::grant::GrantKey;
use super::super::reason::GrantRemoved;
use super::{Changes, Key, Ledger, Use};

impl Ledger {
    /// Ends and removes what `floor` allows: expired grants, grants whose last use can no longer
    /// come back, grants of another journal; revocations and outcomes that are no longer needed.
    /// Returns the grants that admit nobody from now on, each once in its life, with the reason.
    ///
    /// On a clock that is not trusted `floor` does not move, and nothing expires here; the
    /// decision denies all the same.
    pub fn expire(&mut self, floor: Timestamp) -> (Vec<(GrantKey, GrantRemoved)>, Changes) {
        let mut ended = Vec::new();
        let mut changes = Changes::default();
        let mut gone = Vec::new();
        for (key, held) in self.grants.rows_mut() {
            let past = held.keep_until < floor && held.pending == 0;
            if held.ended.is_none() {
                let reason = if held.grant.journal_id != self.journal_id {
                    Some(GrantRemoved::LedgerLost)
                } else if held.uses_left() == 0 && held.pending == 0 {
                    Some(GrantRemoved::UsedUp)
                } else if held.grant.end() < floor {
                    Some(GrantRemoved::Expired)
                } else {
                    None
                };
                if let Some(reason) = reason {
                    held.ended = Some(reason);
                    ended.push((key.clone(), reason));
                    changes.write(Key::Grant(key.clone()));
                }
            }
            if past {
                gone.push(key.clone());
            }
        }
        for key in gone {
            self.grants.remove(&key);
            changes.remove(Key::Grant(key));
        }
        self.forget(floor, &mut changes);
        (ended, changes)
    }

    /// Removes revocations, outcomes and refused issuers that are past.
    fn forget(&mut self, floor: Timestamp, changes: &mut Changes) {
        let past: Vec<_> = self
            .revoked
            .rows()
            .iter()
            .filter(|(_, tombstone)| tombstone.until < floor)
            .map(|(key, _)| key.clone())
            .collect();
        for key in past {
            self.revoked.remove(&key);
            changes.remove(Key::Revoked(key));
        }
        let past: Vec<_> = self
            .requests
            .rows()
            .iter()
            .filter(|(_, row)| row.keep_until < floor)
            .filter(|(_, row)| !matches!(row.taken, Some(Use::Pending { .. })))
            .map(|(key, _)| key.clone())
            .collect();
        for key in past {
            self.requests.remove(&key);
            changes.remove(Key::Request(key));
        }
        let past: Vec<_> = self
            .refused
            .rows()
            .iter()
            .filter(|(_, refused)| refused.until < floor)
            .map(|(key, _)| key.clone())
            .collect();
        for key in past {
            self.refused.remove(&key);
            changes.remove(Key::Refused(key));
        }
    }
}
