//! What operators see of access.

use jiff::Timestamp;
use uuid::Uuid;

use super::trust::CONSOLE;
use super::week;
use crate::gateway::state::Gateway;
use crate::local::{GrantView, VisitView};

impl Gateway {
    /// The grants that still admit somebody.
    pub fn grants(&self) -> Vec<GrantView> {
        let held = self.guard.ledger.grants().filter(|held| held.ended.is_none());
        held.map(|held| GrantView {
            grant_id: held.grant.grant_id,
            issuer: held.grant.issuer.to_string(),
            entry: held.grant.entry.to_string(),
            subject: held.grant.subject.as_str().to_owned(),
            actions: held.grant.actions.iter().copied().collect(),
            not_before: held.grant.not_before,
            expires_at: held.grant.expires_at,
            uses_left: held.uses_left(),
            max_uses: held.grant.max_uses,
            min_interval_s: (held.grant.min_interval_s > 0).then_some(held.grant.min_interval_s),
            schedule: held.grant.schedule.as_ref().map(week::say),
        })
        .collect()
    }

    /// The visits under way.
    pub fn visits(&self) -> Vec<VisitView> {
        let visits = self.guard.visits.values();
        visits
            .map(|visiting| {
                let visitor = visiting.visit.visitor();
                VisitView {
                    visit_id: visitor.id,
                    entry: visitor.entry.to_string(),
                    stage: visiting.visit.state().to_string(),
                    granted_at: visiting.visit.granted_at(),
                    grant_id: visitor.grant_id,
                    subject: visitor.subject_ref.clone(),
                }
            })
            .collect()
    }

    /// Entry and end of a grant that was issued here, for its revocation: nobody ends what another
    /// issued.
    pub fn own_grant_place(&self, grant_id: Uuid) -> Option<(String, Timestamp)> {
        let held = self.guard.ledger.grants().find(|held| {
            held.grant.grant_id == grant_id && held.grant.issuer.as_str() == CONSOLE
        })?;
        Some((held.grant.entry.to_string(), held.grant.expires_at))
    }
}
