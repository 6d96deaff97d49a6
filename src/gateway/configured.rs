//! What the files say of doors and vendors, at the start and whenever they are read anew.

use std::collections::{BTreeMap, HashMap};

use jiff::tz::TimeZone;

use super::memory::VendorFile;
use super::state::{Effects, Gateway, Now, OFFLINE_GRACE, VendorChange};
use crate::config::Configuration;
use crate::domain::entry::{Entry, Role};
use crate::domain::ids::{EndpointId, EntryId, VendorId};

/// What the state machine needs of a configuration.
#[derive(Debug, Clone, Default)]
pub struct Configured {
    pub entries: Vec<Entry>,
    /// Devices that a vendor's file names: their vendor and address.
    pub pinned: Vec<(EndpointId, VendorId, String)>,
    /// Every vendor with a file; false: it is bad.
    pub vendors: Vec<(VendorId, bool)>,
}

impl Configured {
    /// Of what was read.
    pub fn of(config: &Configuration) -> Self {
        let pinned = config.vendors.iter().flat_map(|vendor| {
            vendor
                .endpoints
                .iter()
                .map(|pinned| (pinned.endpoint.clone(), vendor.id.clone(), pinned.address.clone()))
        });
        let good = config.vendors.iter().map(|vendor| (vendor.id.clone(), true));
        let bad = config.disabled.iter().map(|id| (id.clone(), false));
        Self {
            entries: config.entries.clone(),
            pinned: pinned.collect(),
            vendors: good.chain(bad).collect(),
        }
    }
}

/// Which entries an endpoint serves, and as what.
pub(super) fn bindings(entries: &[Entry]) -> HashMap<EndpointId, Vec<(EntryId, Role)>> {
    let mut bindings: HashMap<EndpointId, Vec<(EntryId, Role)>> = HashMap::new();
    for entry in entries {
        for (role, endpoint) in &entry.roles {
            bindings.entry(endpoint.clone()).or_default().push((entry.id.clone(), *role));
        }
    }
    bindings
}

/// The entries' time zones, as they are now.
pub(super) fn zones(entries: &[Entry]) -> HashMap<EntryId, TimeZone> {
    let zone = |entry: &Entry| Some((entry.id.clone(), TimeZone::get(&entry.time_zone).ok()?));
    entries.iter().filter_map(zone).collect()
}

impl Gateway {
    /// The files were read anew. `removed`: vendors whose process has ended with its file.
    pub(super) fn configured(
        &mut self,
        now: Now,
        configured: Configured,
        removed: &[String],
        effects: &mut Effects,
    ) {
        let Configured { entries, pinned, vendors } = configured;
        for vendor in removed {
            let vendor = VendorId::new(vendor.as_str());
            self.vendor(now, &vendor, VendorChange::Down, effects);
            // With its file goes what its process did.
            self.end_isolation(now, &vendor, effects);
        }
        for state in self.vendors.values_mut() {
            state.file = VendorFile::Absent;
            state.pinned.clear();
        }
        for (vendor, enabled) in vendors {
            let state = self.vendors.entry(vendor).or_default();
            state.file = VendorFile::of(enabled);
            state.grace.get_or_insert(now.monotonic + OFFLINE_GRACE);
        }
        for (endpoint, vendor, address) in pinned {
            self.vendors.entry(vendor).or_default().pinned.insert(address, endpoint);
        }
        self.bindings = bindings(&entries);
        self.zones = zones(&entries);
        self.composer.know(&entries);
        let entries: BTreeMap<EntryId, Entry> =
            entries.into_iter().map(|entry| (entry.id.clone(), entry)).collect();
        let before = std::mem::replace(&mut self.entries, entries);
        self.forget_machines();
        let changed: Vec<EntryId> = self
            .entries
            .values()
            .filter(|entry| before.get(&entry.id) != Some(*entry))
            .map(|entry| entry.id.clone())
            .collect();
        for id in changed {
            // Other devices may serve it now: what those before said of it is not theirs.
            let was = before.get(&id).map(|entry| &entry.roles);
            let is = self.entries.get(&id).map(|entry| &entry.roles);
            if was.is_some()
                && was != is
                && let Some(door) = self.doors.get_mut(&id)
            {
                door.position.degrade();
                door.lock.degrade();
            }
            self.register(now, &id, effects);
            let endpoints: Vec<EndpointId> = self
                .entries
                .get(&id)
                .into_iter()
                .flat_map(|entry| entry.roles.values().cloned())
                .collect();
            for endpoint in endpoints {
                let vendor = VendorId::new(endpoint.vendor());
                self.ask(now, &vendor, vec![endpoint], effects);
            }
        }
    }

    /// Tells of an entry that is new or not as it was told; true if it is.
    pub(super) fn register(&mut self, now: Now, id: &EntryId, effects: &mut Effects) -> bool {
        let Some(entry) = self.entries.get(id) else { return false };
        let door = self.doors.entry(id.clone()).or_default();
        let digest = super::memory::digest_of(entry);
        if door.registered_as.as_ref() == Some(&digest) {
            return false;
        }
        effects.event(None, self.composer.entry_registered(now, entry));
        door.registered_as = Some(digest);
        self.memory.door(id);
        let hold = self.guard.motion_hold(id);
        effects.event(None, self.composer.state_reported(now, entry, door, hold, "registration"));
        true
    }
}
