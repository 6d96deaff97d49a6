//! A grant: who may do what at one entry, when and how often.

use std::collections::BTreeSet;

use doorward_translators::Act;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::names::{IssuerName, SubjectRef, TenantId};
use super::schedule::Schedule;
use crate::domain::ids::EntryId;

/// What an issuer granted. It does not matter which of the issuer's keys signed it, but for
/// [`Grant::believed_until`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Its id, the issuer's choice; unique per issuer.
    pub grant_id: Uuid,
    /// Who issued it.
    pub issuer: IssuerName,
    /// Whose building.
    pub tenant: TenantId,
    /// The one entry.
    pub entry: EntryId,
    /// The one journal against which it counts: single use needs a single ledger.
    pub journal_id: Uuid,
    /// Whom it is for.
    pub subject: SubjectRef,
    /// What may be asked for.
    pub actions: BTreeSet<Act>,
    /// Its beginning.
    pub not_before: Timestamp,
    /// Its end; it still counts at this instant.
    pub expires_at: Timestamp,
    /// How often, 1 to 1,000,000.
    pub max_uses: u32,
    /// Seconds that must lie between two uses; 0: none.
    #[serde(default)]
    pub min_interval_s: u32,
    /// When in the week. `None`: always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// The end of the time of the key that signed it: nothing that it signed is believed after.
    pub believed_until: Timestamp,
}

impl Grant {
    /// When it ends: its own end or that of its key's time, whichever comes first.
    pub fn end(&self) -> Timestamp {
        self.expires_at.min(self.believed_until)
    }
}

/// By what the ledger knows a grant: another issuer may choose the same id.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GrantKey {
    /// Its id.
    pub grant_id: Uuid,
    /// Who issued it.
    pub issuer: IssuerName,
}

impl Grant {
    /// Its key.
    pub fn key(&self) -> GrantKey {
        GrantKey { grant_id: self.grant_id, issuer: self.issuer.clone() }
    }
}
