//! Visits under way: fed with what commands and sensors say, told as they open and end.

use doorward_events::types as schema;
use serde::{Deserialize, Serialize};

use super::flights::at;
use super::story::Cause;
use crate::domain::entry::{EntryState, Role};
use crate::domain::fact::FactQuality;
use crate::domain::ids::EntryId;
use crate::domain::operation::visit::{Interruption, VisitStep};
use crate::domain::operation::{At, Restart, Visit, VisitState};
use crate::gateway::compose::{lock_fact, position_fact};
use crate::gateway::state::{Effects, Gateway, Now};

/// A visit with what its story follows from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Visiting {
    pub visit: Visit,
    pub cause: Cause,
}

impl Gateway {
    /// A visit begins; whoever was there before is no longer watched.
    pub(super) fn begin_visit(&mut self, now: Now, visiting: Visiting, effects: &mut Effects) {
        let entry = visiting.visit.visitor().entry.clone();
        self.visit(now, &entry, effects, |visit, _| visit.interrupt(Interruption::NextVisit));
        self.guard.visits.insert(entry.clone(), visiting);
        self.guard.touch_visit(&entry);
    }

    /// The visit of an entry, if there is one, takes a step.
    pub(super) fn visit(
        &mut self,
        now: Now,
        entry: &EntryId,
        effects: &mut Effects,
        step: impl FnOnce(&mut Visit, At) -> VisitStep,
    ) {
        let Some(visiting) = self.guard.visits.get_mut(entry) else { return };
        let before = visiting.visit.clone();
        let step = step(&mut visiting.visit, at(now));
        if visiting.visit != before {
            self.guard.touch_visit(entry);
        }
        if step.opened {
            self.tell_opened(now, entry, effects);
        }
        if let Some(end) = step.ended {
            self.tell_end(now, entry, end, effects);
            self.guard.visits.remove(entry);
            self.guard.touch_visit(entry);
        }
        if step.read_lock {
            self.read_entry(now, entry, effects);
        }
    }

    /// What a sensor of an entry said no longer holds.
    pub(in crate::gateway) fn sensor_lost(
        &mut self,
        now: Now,
        entry: &EntryId,
        role: Role,
        quality: FactQuality,
        effects: &mut Effects,
    ) {
        self.visit(now, entry, effects, |visit, _| {
            visit.lost(role, quality);
            VisitStep::default()
        });
        let lost = crate::domain::operation::door::DoorInput::Lost(role, quality);
        self.door_input(now, entry, lost, effects);
    }

    /// Time has passed.
    pub(super) fn tick_visits(&mut self, now: Now, effects: &mut Effects) {
        let due: Vec<EntryId> = self
            .guard
            .visits
            .iter()
            .filter(|(_, v)| v.visit.next_deadline().is_some_and(|due| due <= now.monotonic))
            .map(|(entry, _)| entry.clone())
            .collect();
        for entry in due {
            self.visit(now, &entry, effects, Visit::tick);
        }
    }

    /// The gateway has started again.
    pub(super) fn restart_visits(&mut self, now: Now, restart: &Restart, effects: &mut Effects) {
        let entries: Vec<EntryId> = self.guard.visits.keys().cloned().collect();
        for entry in entries {
            self.visit(now, &entry, effects, |visit, _| visit.restart(restart));
        }
    }

    fn tell_opened(&mut self, now: Now, entry: &EntryId, effects: &mut Effects) {
        let Some(Visiting { visit, cause }) = self.guard.visits.get(entry).cloned() else { return };
        let visitor = visit.visitor();
        let data = schema::VisitOpened {
            grant_id: visitor.grant_id.map(|id| id.to_string()),
            granted_at: visit.granted_at().to_string(),
            subject_ref: visitor.subject_ref.clone(),
            visit_id: visitor.id.to_string(),
        };
        let when = visit.opened_at().unwrap_or(now.wall);
        effects.event(None, self.composer.tell(now, when, Some(entry), Some(&cause), &data));
    }

    fn tell_end(&mut self, now: Now, entry: &EntryId, end: VisitState, effects: &mut Effects) {
        let Some(Visiting { visit, cause }) = self.guard.visits.get(entry).cloned() else { return };
        let visitor = visit.visitor();
        let grant_id = visitor.grant_id.map(|id| id.to_string());
        let subject_ref = visitor.subject_ref.clone();
        let visit_id = visitor.id.to_string();
        let granted_at = visit.granted_at().to_string();
        let opened = visit.opened_at().map(|at| at.to_string());
        let closed = visit.closed_at().map(|at| at.to_string());
        let unknown = EntryState::default();
        let door = self.doors.get(entry).unwrap_or(&unknown);
        let (lock, position) = (lock_fact(door), position_fact(door));
        let (entry, cause) = (Some(entry), Some(&cause));
        let composer = &mut self.composer;
        let event = match (end, opened, closed) {
            (VisitState::Secured, Some(opened_at), Some(closed_at)) => {
                let data = schema::VisitSecured {
                    closed_at,
                    grant_id,
                    granted_at,
                    opened_at,
                    subject_ref,
                    visit_id,
                };
                composer.tell(now, now.wall, entry, cause, &data)
            }
            (VisitState::NotTaken, ..) => {
                let data = schema::VisitNotTaken {
                    grant_id,
                    granted_at,
                    lock: Some(lock),
                    position: Some(position),
                    subject_ref,
                    visit_id,
                };
                composer.tell(now, now.wall, entry, cause, &data)
            }
            (VisitState::LeftInsecure, Some(opened_at), closed_at) => {
                let data = schema::VisitLeftInsecure {
                    closed_at,
                    grant_id,
                    granted_at,
                    lock: Some(lock),
                    opened_at,
                    position: Some(position),
                    subject_ref,
                    visit_id,
                };
                composer.tell(now, now.wall, entry, cause, &data)
            }
            (VisitState::Interrupted, opened_at, closed_at) => {
                let why = visit.interruption().unwrap_or(Interruption::Unknown);
                let data = schema::VisitInterrupted {
                    cause: why.as_str().into(),
                    closed_at,
                    grant_id,
                    granted_at,
                    opened_at,
                    subject_ref,
                    visit_id,
                };
                composer.tell(now, now.wall, entry, cause, &data)
            }
            (_, opened_at, closed_at) => {
                let data = schema::VisitUnverified {
                    closed_at,
                    grant_id,
                    granted_at,
                    lock: Some(lock),
                    opened_at,
                    position: Some(position),
                    subject_ref,
                    visit_id,
                };
                composer.tell(now, now.wall, entry, cause, &data)
            }
        };
        effects.event(None, event);
    }
}
