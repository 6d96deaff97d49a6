//! The doors' machines: fed with what sensors and commands say, their alarms told.
//!
//! An alarm that a device of the door reports itself is told as the device's; the machine's own of
//! the same kind is not told beside it.

use std::collections::BTreeMap;

use doorward_events::types as schema;
use doorward_translators::AlarmKind;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::flights::at;
use crate::domain::entry::Entry;
use crate::domain::ids::EntryId;
use crate::domain::operation::door::{DoorEffect, DoorInput, DoorRules, severity};
use crate::domain::operation::{Door, Restart};
use crate::gateway::state::{Effects, Gateway, Now};

/// A door's machine, and which of its alarms were told, by the event that raised each.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    pub door: Door,
    #[serde(default)]
    pub told: BTreeMap<AlarmKind, Uuid>,
}

impl Gateway {
    /// Something happens to a door's machine; what follows is told.
    pub(in crate::gateway) fn door_input(
        &mut self,
        now: Now,
        entry: &EntryId,
        input: DoorInput<'_>,
        effects: &mut Effects,
    ) {
        let Some(rules) = self.entries.get(entry).map(rules_of) else { return };
        let machine = self.guard.machines.entry(entry.clone()).or_default();
        let before = machine.clone();
        let told = machine.door.step(&rules, at(now), input);
        let changed = *machine != before;
        if changed {
            self.guard.touch_machine(entry);
        }
        self.door_told(now, entry, &told, effects);
    }

    /// Time has passed.
    pub(super) fn tick_machines(&mut self, now: Now, effects: &mut Effects) {
        let is_due = |machine: &Machine| {
            machine.door.next_deadline().is_some_and(|due| due <= now.monotonic)
        };
        let machines = self.guard.machines.iter();
        let due: Vec<EntryId> =
            machines.filter(|(_, m)| is_due(m)).map(|(entry, _)| entry.clone()).collect();
        for entry in due {
            self.door_input(now, &entry, DoorInput::Tick, effects);
        }
    }

    /// Machines of entries that are no longer served go.
    pub(in crate::gateway) fn forget_machines(&mut self) {
        let served = |entry: &&EntryId| !self.entries.contains_key(*entry);
        let gone: Vec<EntryId> = self.guard.machines.keys().filter(served).cloned().collect();
        for entry in gone {
            self.guard.machines.remove(&entry);
            self.guard.touch_machine(&entry);
        }
    }

    /// The gateway has started again; machines of entries that are no longer served go.
    pub(super) fn restart_machines(&mut self, now: Now, restart: &Restart, effects: &mut Effects) {
        self.forget_machines();
        let entries: Vec<EntryId> = self.guard.machines.keys().cloned().collect();
        for entry in entries {
            let Some(rules) = self.entries.get(&entry).map(rules_of) else { continue };
            let told = match self.guard.machines.get_mut(&entry) {
                Some(machine) => machine.door.restart(&rules, restart),
                None => continue,
            };
            self.guard.touch_machine(&entry);
            self.door_told(now, &entry, &told, effects);
        }
    }

    fn door_told(&mut self, now: Now, entry: &EntryId, told: &[DoorEffect], effects: &mut Effects) {
        for effect in told {
            match effect {
                DoorEffect::Raised(alarm) => self.alarm_inferred(now, entry, *alarm, effects),
                DoorEffect::Cleared(alarm) => self.alarm_over(now, entry, *alarm, effects),
                // No close is asked for, so none is warned of or dispatched.
                _ => {}
            }
        }
    }

    fn alarm_inferred(
        &mut self,
        now: Now,
        entry: &EntryId,
        alarm: AlarmKind,
        effects: &mut Effects,
    ) {
        let by_device = self.doors.get(entry).is_some_and(|door| door.alarms.contains_key(&alarm));
        let Some(machine) = self.guard.machines.get_mut(entry) else { return };
        if by_device || machine.told.contains_key(&alarm) {
            return;
        }
        let data = schema::AlarmRaised {
            alarm: alarm.as_str().into(),
            severity: severity(alarm).as_str().into(),
            detail: None,
        };
        let event = self.composer.tell(now, now.wall, Some(entry), None, &data);
        if let Ok(event) = &event {
            machine.told.insert(alarm, event.id());
            self.guard.touch_machine(entry);
        }
        effects.event(None, event);
    }

    fn alarm_over(&mut self, now: Now, entry: &EntryId, alarm: AlarmKind, effects: &mut Effects) {
        let Some(machine) = self.guard.machines.get_mut(entry) else { return };
        let Some(raised) = machine.told.remove(&alarm) else { return };
        self.guard.touch_machine(entry);
        let data = schema::AlarmCleared {
            alarm: alarm.as_str().into(),
            cleared_by: "observation".into(),
            raised_event_id: Some(raised.to_string()),
        };
        effects.event(None, self.composer.tell(now, now.wall, Some(entry), None, &data));
    }
}

fn rules_of(entry: &Entry) -> DoorRules {
    DoorRules::of(entry, entry.timers)
}
