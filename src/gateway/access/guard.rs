//! What the gateway holds for its decisions, and how it survives a restart: as facts of the
//! journal, each under its own name.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use doorward_events::statement::{Audience, PublicKey, Verifier};
use doorward_translators::AlarmKind;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::flights::Flight;
use super::machines::Machine;
use super::time::ToldTrust;
use super::trust::Taken;
use super::visits::Visiting;
use crate::domain::access::lockout::Lockout;
use crate::domain::access::strangers::Strangers;
use crate::domain::access::{Challenges, Changes, Clock, Floor, Key, Ledger, Reason, Record};
use crate::domain::ids::EntryId;
use crate::domain::operation::door::MotionHold;
use crate::gateway::state::{Effects, Gateway, Identity, Now};
use crate::identity::Ends;
use crate::journal::{Batch, Restored};

/// The fact that holds the highest version of an issuer list that was ever taken.
const VERSION: &str = "trust/version";
/// The fact that holds the issuer list that came over the bus last.
const LIST: &str = "trust/list";
/// The fact that holds the clock's floor.
const FLOOR: &str = "clock/floor";
/// The fact that holds who is locked out.
const LOCKOUT: &str = "lockout/askers";

/// Whom the gateway believes.
#[derive(Clone)]
pub struct Belief {
    /// Signs the lists of issuers; `None`: nobody is believed over the bus.
    pub root: Option<PublicKey>,
    /// Over the bus; `None`: nobody yet.
    pub issuers: Option<Verifier>,
    /// The version of their list: none below it is taken.
    pub issuers_version: u64,
    /// When that list ends.
    pub issuers_end: Option<Ends>,
    /// The gateway's own key, for what operators ask; `None`: nobody.
    pub console: Option<Verifier>,
    pub audience: Audience,
    /// The largest error of the system's clock, where somebody stands for it; `None`: it is not
    /// believed.
    pub system_clock: Option<Duration>,
}

impl Belief {
    /// In nobody: nothing is granted.
    pub fn in_nobody(identity: &Identity) -> Self {
        Self {
            root: None,
            issuers: None,
            issuers_version: 1,
            issuers_end: None,
            console: None,
            audience: Audience {
                gateway: identity.publisher.instance.to_string(),
                tenant_id: identity.tenant.to_string(),
                site_id: identity.site.as_ref().map(ToString::to_string),
                journal_id: None,
            },
            system_clock: None,
        }
    }
}

/// See the module.
pub struct Guard {
    pub(super) belief: Belief,
    pub(super) ledger: Ledger,
    /// Some record of the ledger could not be read: it may be more open than it was, so nothing is
    /// granted by it.
    pub(super) ledger_lost: bool,
    pub(super) clock: Clock,
    pub(super) challenges: Challenges,
    pub(super) lockout: Lockout,
    /// How often each reason was given, since the gateway started.
    pub(in crate::gateway) denied: BTreeMap<Reason, u64>,
    pub(super) strangers: Strangers,
    pub(super) flights: BTreeMap<Uuid, Flight>,
    /// Commands that leave once their intent is durable, and have not.
    pub(super) leaving: BTreeSet<Uuid>,
    pub(super) machines: BTreeMap<EntryId, Machine>,
    pub(super) visits: BTreeMap<EntryId, Visiting>,
    /// The floor as last stored.
    pub(super) stored_floor: Option<Floor>,
    /// How far the clock was trusted when that was told last.
    pub(super) told_trust: Option<ToldTrust>,
    /// When the ledger is looked through for what time has ended.
    pub(super) next_expiry: Duration,
    /// Names of facts that the step in hand has changed, beside the ledger's.
    touched: Vec<String>,
    ledger_changes: Changes,
}

impl Guard {
    /// With what the journal remembers.
    pub fn restored(belief: Belief, restored: &Restored) -> Self {
        let mut records = Vec::new();
        let mut flights = BTreeMap::new();
        let mut machines = BTreeMap::new();
        let mut visits = BTreeMap::new();
        let mut ledger_lost = false;
        let mut floor: Option<Floor> = None;
        let mut lockout = Lockout::default();
        for (name, value) in &restored.facts {
            if let Ok(key) = name.parse::<Key>() {
                match serde_json::from_slice::<Record>(value) {
                    Ok(record) => records.push((key, record)),
                    Err(error) => {
                        tracing::error!(name, %error, "a record of the ledger cannot be read");
                        ledger_lost = true;
                    }
                }
                continue;
            }
            if name == FLOOR {
                // One that was stored and cannot be read is not one that never was.
                floor = Some(serde_json::from_slice(value).unwrap_or(Floor::LOST));
            }
            if name == LOCKOUT
                && let Ok(stored) = serde_json::from_slice(value)
            {
                lockout = Lockout::restore(&stored, Duration::ZERO);
            }
            match name.split_once('/') {
                Some(("command", _)) => {
                    let what = "a command; its use stays taken";
                    if let Some(flight) = read::<Flight>(name, value, what) {
                        flights.insert(flight.command.order().id, flight);
                    }
                }
                Some(("machine", entry)) => {
                    if let Some(machine) = read(name, value, "a door's machine; it is unknown now")
                    {
                        machines.insert(EntryId::new(entry), machine);
                    }
                }
                Some(("visit", entry)) => {
                    if let Some(visiting) = read(name, value, "a visit; it is not watched any more")
                    {
                        visits.insert(EntryId::new(entry), visiting);
                    }
                }
                _ => {}
            }
        }
        let (ledger, strange) = Ledger::restore(restored.journal_id, records);
        if !strange.is_empty() {
            tracing::error!(records = strange.len(), "records of the ledger are not what they say");
            ledger_lost = true;
        }
        Self {
            belief,
            ledger,
            ledger_lost,
            clock: Clock::new(floor),
            challenges: Challenges::default(),
            lockout,
            denied: BTreeMap::new(),
            strangers: Strangers::default(),
            flights,
            leaving: BTreeSet::new(),
            machines,
            visits,
            stored_floor: floor,
            told_trust: None,
            next_expiry: Duration::ZERO,
            touched: Vec::new(),
            ledger_changes: Changes::default(),
        }
    }

    /// The alarms that an entry's machine inferred and that stand.
    pub(in crate::gateway) fn inferred_alarms(
        &self,
        entry: &EntryId,
    ) -> impl Iterator<Item = AlarmKind> {
        self.machines.get(entry).into_iter().flat_map(|machine| machine.told.keys().copied())
    }

    /// What holds or limits the motion of an entry's leaf, as far as its machine has seen anything.
    pub(in crate::gateway) fn motion_hold(&self, entry: &EntryId) -> Option<MotionHold> {
        self.machines.get(entry).map(|machine| machine.door.motion_hold())
    }

    /// An alarm that was inferred is a device's from now on: gives the event that raised it.
    pub(in crate::gateway) fn hand_over(
        &mut self,
        entry: &EntryId,
        alarm: AlarmKind,
    ) -> Option<Uuid> {
        let raised = self.machines.get_mut(entry)?.told.remove(&alarm)?;
        self.touch_machine(entry);
        Some(raised)
    }

    /// The ledger changed so.
    pub(super) fn changed(&mut self, changes: Changes) {
        self.ledger_changes.then(changes);
    }

    /// This command is to be written, or removed if it is no longer there.
    pub(super) fn touch_flight(&mut self, id: Uuid) {
        self.touched.push(format!("command/{id}"));
    }

    /// This entry's machine is to be written.
    pub(super) fn touch_machine(&mut self, entry: &EntryId) {
        self.touched.push(format!("machine/{entry}"));
    }

    /// This entry's visit is to be written, or removed if it has ended.
    pub(super) fn touch_visit(&mut self, entry: &EntryId) {
        self.touched.push(format!("visit/{entry}"));
    }

    /// Writes what the step has changed into its batch.
    pub(in crate::gateway) fn save(&mut self, batch: &mut Batch) {
        let changes = std::mem::take(&mut self.ledger_changes);
        for key in changes.written {
            let value = self.ledger.record(&key).map(|record| serde_json::to_vec(&record));
            write(batch, key.to_string(), value);
        }
        for key in changes.removed {
            batch.facts.insert(key.to_string(), Vec::new());
        }
        for name in std::mem::take(&mut self.touched) {
            let value = match name.split_once('/') {
                Some(("command", id)) => {
                    let flight = id.parse().ok().and_then(|id: Uuid| self.flights.get(&id));
                    flight.map(serde_json::to_vec)
                }
                Some(("machine", entry)) => {
                    self.machines.get(&EntryId::new(entry)).map(serde_json::to_vec)
                }
                Some(("visit", entry)) => {
                    self.visits.get(&EntryId::new(entry)).map(serde_json::to_vec)
                }
                _ => None,
            };
            write(batch, name, value);
        }
    }
}

/// What a fact holds; one that cannot be read is said in the log and left out.
fn read<T: DeserializeOwned>(name: &str, value: &[u8], what: &str) -> Option<T> {
    serde_json::from_slice(value)
        .inspect_err(|error| tracing::error!(name, %error, "a fact cannot be read: {what}"))
        .ok()
}

fn write(batch: &mut Batch, name: String, value: Option<serde_json::Result<Vec<u8>>>) {
    match value {
        Some(Ok(bytes)) => {
            batch.facts.insert(name, bytes);
        }
        None => {
            batch.facts.insert(name, Vec::new());
        }
        Some(Err(error)) => tracing::error!(name, %error, "a fact cannot be written"),
    }
}

/// The time before which it surely is not.
pub fn surely(facts: &[(String, Vec<u8>)]) -> Timestamp {
    let floor = facts.iter().find(|(name, _)| name == FLOOR);
    let floor = floor.and_then(|(_, value)| serde_json::from_slice::<Floor>(value).ok());
    Clock::new(floor).floor().at
}

/// What was taken of lists of issuers before.
pub fn taken(facts: &[(String, Vec<u8>)]) -> Taken {
    let value =
        |name| facts.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_slice());
    Taken {
        // One that was stored and cannot be read lets no list in, rather than an old one.
        version: value(VERSION).map_or(1, |v| serde_json::from_slice(v).unwrap_or(u64::MAX)),
        list: value(LIST).and_then(|text| String::from_utf8(text.to_vec()).ok()),
    }
}

/// Writes the clock's floor.
pub(super) fn write_floor(floor: &Floor, batch: &mut Batch) -> bool {
    let written =
        serde_json::to_vec(floor).map(|bytes| batch.facts.insert(FLOOR.to_owned(), bytes));
    written.is_ok()
}

impl Gateway {
    /// Notes who tried too often, so that no restart forgives it.
    pub(super) fn store_lockout(&self, now: Now, effects: &mut Effects) {
        if let Ok(bytes) = serde_json::to_vec(&self.guard.lockout.store(now.monotonic)) {
            effects.batch.facts.insert(LOCKOUT.to_owned(), bytes);
        }
    }

    /// Notes the version of the list of issuers that is believed, so that none before it is again.
    pub(in crate::gateway) fn note_version(&self, batch: &mut Batch) {
        if self.guard.belief.issuers.is_some() {
            let version = self.guard.belief.issuers_version.to_string();
            batch.facts.insert(VERSION.to_owned(), version.into_bytes());
        }
    }

    /// Keeps the list that came over the bus, for the next start.
    pub(super) fn keep_list(&self, signed: &str, batch: &mut Batch) {
        batch.facts.insert(LIST.to_owned(), signed.as_bytes().to_vec());
        self.note_version(batch);
    }
}
