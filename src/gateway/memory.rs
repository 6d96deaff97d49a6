//! What the gateway remembers across restarts, as named facts in the journal.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::orders::Ordered;
use crate::domain::endpoint::EndpointState;
use crate::domain::entry::EntryState;
use crate::domain::ids::{EndpointId, EntryId, VendorId};
use crate::domain::operation::suspension::Commands;
use crate::journal::Batch;

/// What is known of a vendor.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct VendorState {
    /// Availability topics of the vendor as a whole (its bridge), and what each last said.
    #[serde(default)]
    pub parts: BTreeMap<String, bool>,
    /// Address in the ecosystem → endpoint, as its inventory last said.
    #[serde(default)]
    pub inventory: HashMap<String, EndpointId>,
    /// Address → endpoint, as configured; used where the inventory says nothing.
    #[serde(skip)]
    pub pinned: HashMap<String, EndpointId>,
    /// Isolated by order, and not released since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordered: Option<Ordered>,
    /// The version of the newest order that came over the bus; an older one is void.
    #[serde(default)]
    pub order_version: u64,
    #[serde(skip)]
    pub file: VendorFile,
    /// The connection to the broker stands.
    #[serde(skip)]
    pub connected: bool,
    /// Endpoints are told offline when this passes and the vendor is still away.
    #[serde(skip)]
    pub grace: Option<Duration>,
    /// Endpoints that have not been heard since the last gap, with its end.
    #[serde(skip)]
    pub unanswered: HashMap<EndpointId, (jiff::Timestamp, Duration)>,
    #[serde(skip)]
    pub process: ProcessState,
    /// From its isolation until it has recovered, whatever its process is doing meanwhile.
    #[serde(skip)]
    pub isolated: bool,
    /// Whether its commands are worth sending.
    #[serde(skip)]
    pub commands: Commands,
    /// Since when it is isolated.
    #[serde(skip)]
    pub isolated_at: Option<jiff::Timestamp>,
}

/// Whether a vendor has a file in the configuration.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum VendorFile {
    #[default]
    Absent,
    /// Nothing of it runs.
    Bad,
    Good,
}

impl VendorFile {
    /// Of one that is there.
    pub fn of(good: bool) -> Self {
        if good { Self::Good } else { Self::Bad }
    }
}

/// What a vendor's process is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ProcessState {
    #[default]
    Starting,
    Running,
    Backoff,
}

impl VendorState {
    /// The endpoint behind an address: the inventory's word first, then the configuration's.
    pub fn resolve(&self, address: &str) -> Option<&EndpointId> {
        self.inventory.get(address).or_else(|| self.pinned.get(address))
    }

    /// The address of an endpoint.
    pub fn address_of(&self, endpoint: &EndpointId) -> Option<&str> {
        self.inventory
            .iter()
            .chain(&self.pinned)
            .find(|(_, id)| *id == endpoint)
            .map(|(address, _)| address.as_str())
    }

    /// Broker and bridge can be reached.
    pub fn reachable(&self) -> bool {
        self.connected && self.parts.values().all(|online| *online)
    }

    /// The word as it stands in a heartbeat.
    pub fn process_word(&self) -> &'static str {
        if self.file != VendorFile::Good {
            return "disabled";
        }
        if self.isolated {
            return "isolated";
        }
        match self.process {
            ProcessState::Starting => "starting",
            ProcessState::Running => "running",
            ProcessState::Backoff => "backoff",
        }
    }
}

/// Which facts the step in hand has changed.
#[derive(Debug, Default)]
pub struct Memory {
    doors: BTreeSet<EntryId>,
    endpoints: BTreeSet<EndpointId>,
    vendors: BTreeSet<VendorId>,
}

/// What was remembered.
pub struct Remembered {
    pub doors: BTreeMap<EntryId, EntryState>,
    pub endpoints: BTreeMap<EndpointId, EndpointState>,
    pub vendors: BTreeMap<VendorId, VendorState>,
}

impl Memory {
    pub fn door(&mut self, entry: &EntryId) {
        if !self.doors.contains(entry) {
            self.doors.insert(entry.clone());
        }
    }

    pub fn endpoint(&mut self, endpoint: &EndpointId) {
        if !self.endpoints.contains(endpoint) {
            self.endpoints.insert(endpoint.clone());
        }
    }

    pub fn vendor(&mut self, vendor: &VendorId) {
        if !self.vendors.contains(vendor) {
            self.vendors.insert(vendor.clone());
        }
    }

    /// Reads the facts. After a restart every observation is stale: a change may have been
    /// missed. What cannot be read is left out and said in the log.
    pub fn load(
        facts: Vec<(String, Vec<u8>)>,
        pinned: Vec<(EndpointId, VendorId, String)>,
    ) -> Remembered {
        let mut remembered = Remembered {
            doors: BTreeMap::new(),
            endpoints: BTreeMap::new(),
            vendors: BTreeMap::new(),
        };
        for (name, value) in facts {
            let result = match name.split_once('/') {
                Some(("door", id)) => {
                    serde_json::from_slice::<EntryState>(&value).map(|mut door| {
                        door.position.degrade();
                        door.lock.degrade();
                        remembered.doors.insert(EntryId::new(id), door);
                    })
                }
                Some(("endpoint", id)) => serde_json::from_slice(&value).map(|endpoint| {
                    remembered.endpoints.insert(EndpointId::new(id), endpoint);
                }),
                Some(("vendor", id)) => {
                    serde_json::from_slice(&value).map(|mut vendor: VendorState| {
                        vendor.isolated = vendor.ordered.is_some();
                        vendor.isolated_at = vendor.ordered.as_ref().map(|ordered| ordered.since);
                        remembered.vendors.insert(VendorId::new(id), vendor);
                    })
                }
                _ => Ok(()),
            };
            if let Err(error) = result {
                tracing::error!(name, %error, "a remembered fact cannot be read; it is unknown now");
            }
        }
        for (endpoint, vendor, address) in pinned {
            remembered.vendors.entry(vendor).or_default().pinned.insert(address, endpoint);
        }
        remembered
    }

    /// Writes what the step has changed into its batch.
    pub fn save(
        &mut self,
        batch: &mut Batch,
        doors: &BTreeMap<EntryId, EntryState>,
        endpoints: &BTreeMap<EndpointId, EndpointState>,
        vendors: &BTreeMap<VendorId, VendorState>,
    ) {
        for id in std::mem::take(&mut self.doors) {
            write(batch, "door", id.as_str(), doors.get(&id));
        }
        for id in std::mem::take(&mut self.endpoints) {
            write(batch, "endpoint", id.as_str(), endpoints.get(&id));
        }
        for id in std::mem::take(&mut self.vendors) {
            write(batch, "vendor", id.as_str(), vendors.get(&id));
        }
    }
}

fn write<T: Serialize>(batch: &mut Batch, kind: &str, id: &str, value: Option<&T>) {
    let Some(value) = value else { return };
    match serde_json::to_vec(value) {
        Ok(bytes) => {
            batch.facts.insert(format!("{kind}/{id}"), bytes);
        }
        Err(error) => tracing::error!(kind, id, %error, "a fact cannot be written"),
    }
}

/// A digest of a configured thing, to see whether it is still as it was told.
pub fn digest_of<T: Serialize>(value: &T) -> String {
    let bytes = serde_json::to_vec(value).unwrap_or_default();
    let digest = ring::digest::digest(&ring::digest::SHA256, &bytes);
    digest.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
