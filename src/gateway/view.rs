//! What the gateway knows of its doors, for people and scripts.

use std::collections::{BTreeMap, BTreeSet};

use doorward_translators::AlarmKind;

use super::memory::VendorFile;
use super::state::Gateway;
use crate::domain::entry::EntryState;
use crate::domain::fact::Fact;
use crate::domain::ids::EntryId;
use crate::local::{DoorView, EndpointView, FactView, VendorView};

impl Gateway {
    /// The alarms that stand at an entry, its devices' and those that the gateway inferred.
    pub(super) fn alarms_of(&self, entry: &EntryId, door: &EntryState) -> BTreeSet<AlarmKind> {
        door.alarms.keys().copied().chain(self.guard.inferred_alarms(entry)).collect()
    }

    /// How often each reason for a refusal was given, since the gateway started.
    pub fn denied(&self) -> BTreeMap<String, u64> {
        self.guard.denied.iter().map(|(reason, count)| (reason.to_string(), *count)).collect()
    }

    /// Every configured door with its facts, by id.
    pub fn doors(&self) -> Vec<DoorView> {
        self.entries
            .values()
            .map(|entry| {
                let door = self.doors.get(&entry.id).cloned().unwrap_or_default();
                DoorView {
                    entry: entry.id.to_string(),
                    kind: entry.kind.as_str().to_owned(),
                    position: view(&door.position, door.position.value.as_str()),
                    lock: view(&door.lock, door.lock.value.as_str()),
                    alarms: self
                        .alarms_of(&entry.id, &door)
                        .iter()
                        .map(ToString::to_string)
                        .collect(),
                    endpoints: entry
                        .roles
                        .iter()
                        .map(|(role, endpoint)| {
                            let state = self.endpoints.get(endpoint);
                            EndpointView {
                                role: role.as_str().to_owned(),
                                endpoint: endpoint.to_string(),
                                online: state.and_then(|state| state.online),
                                lossy_source: state.is_some_and(|state| state.lossy_source),
                                remote_lockout: state.and_then(|state| state.remote_lockout),
                            }
                        })
                        .collect(),
                }
            })
            .collect()
    }

    /// Every vendor with a file, as far as the state machine knows.
    pub fn vendor_views(&self) -> Vec<VendorView> {
        self.vendors
            .iter()
            .filter(|(_, vendor)| vendor.file != VendorFile::Absent)
            .map(|(id, vendor)| VendorView {
                vendor: id.to_string(),
                state: vendor.process_word().to_owned(),
                ordered: vendor.ordered.as_ref().map(|ordered| ordered.detail.clone()),
                connected: vendor.connected,
                commands_suspended: vendor.commands.are_suspended(),
                sandbox: Vec::new(),
                pid: None,
                since: None,
                ready_ms: None,
                starts: 0,
                last_end: None,
            })
            .collect()
    }

    /// Every vendor and what its process is doing.
    pub fn vendors(&self) -> Vec<(String, &'static str)> {
        self.vendors.iter().map(|(id, vendor)| (id.to_string(), vendor.process_word())).collect()
    }
}

fn view<V>(fact: &Fact<V>, value: &str) -> FactView {
    FactView {
        value: value.to_owned(),
        quality: fact.quality.as_str().to_owned(),
        observed_at: fact.observed_at,
    }
}
