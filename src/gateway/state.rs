//! The state machine's state, its inputs and its effects.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use doorward_events::PublisherId;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use uuid::Uuid;

use super::access::{Answering, Belief, Guard, Outbound};
use super::assumption::Assumptions;
use super::audit::{Checkpoints, Signed};
use super::compose::Composer;
use super::configured::{Configured, bindings, zones};
use super::expiry::{self, Tellings};
use super::flood::{self, Floods};
use super::memory::{Memory, VendorFile, VendorState};
use super::orders::By;
use super::own_story::Beat;
use super::quarantine::Quarantine;
use super::window::SeenWindow;
use crate::domain::endpoint::EndpointState;
use crate::domain::entry::{Entry, EntryState, Role};
use crate::domain::ids::{EndpointId, EntryId, VendorId};
use crate::health::Figures;
use crate::identity::Item;
use crate::journal::{Batch, Erased, Gap, NewEvent, PreviousStop, Restored};
use crate::link::{CommandTold, ReadRequest, Signal};
use crate::local::{AuditKey, VendorOrder};
use crate::supervisor::Cause;

/// How long a broker or a vendor's bridge may be away before its endpoints are told offline.
/// Their facts are stale at once.
pub(super) const OFFLINE_GRACE: Duration = Duration::from_secs(10);
/// `gateway.heartbeat` and `publisher.handshake_sent` are sent this often.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(3600);
/// A heartbeat follows a change of a vendor's process by this, so that a flapping one is told of
/// at most so often.
pub(super) const CHANGE_SETTLES: Duration = Duration::from_secs(10);
/// `entry.state_reported` is sent this often for every entry.
pub(super) const DAILY: Duration = Duration::from_secs(24 * 3600);

/// The time of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Since the process started; never steps back.
    pub monotonic: Duration,
    pub wall: Timestamp,
}

/// Who this gateway is, in every event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub publisher: PublisherId,
    pub tenant: Arc<str>,
    pub site: Option<Arc<str>>,
    pub test: bool,
}

/// What the gateway tells at its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartFacts {
    pub bus: &'static str,
    /// Every vendor with a configuration file; false: its file is bad, and it is disabled.
    pub vendors: Vec<(VendorId, bool)>,
    /// Under which its checkpoints verify.
    pub audit_key: Option<AuditKey>,
}

/// What happened to a vendor's process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VendorChange {
    Starting,
    Running,
    /// It ended or was ended; another start follows.
    Down,
    Isolated {
        cause: &'static str,
        detail: String,
        /// How often it was started again before; absent where that is not why.
        restarts: Option<u32>,
    },
    Recovered {
        isolated_for: Duration,
    },
}

/// What the gateway is told.
#[derive(Debug)]
pub enum Input {
    Start(StartFacts),
    Signal {
        vendor: VendorId,
        signal: Signal,
    },
    /// The vendor's connection to its broker came or went.
    Connection {
        vendor: VendorId,
        up: bool,
    },
    Vendor {
        vendor: VendorId,
        change: VendorChange,
    },
    /// The bus accepted the events in these slots.
    Delivered(Vec<u64>),
    /// The journal gave events up.
    Dropped(Gap),
    /// The journal erased a person, at the wish of the user `uid` of this machine.
    Erased {
        erased: Erased,
        uid: u32,
    },
    /// The bus finally refused this event.
    Refused {
        slot: u64,
        event_type: &'static str,
        code: String,
        message: String,
        detail: Arc<str>,
    },
    /// Somebody asks: an event of an issuer. Number `ask` is answered.
    Asked {
        ask: u64,
        text: String,
        /// Where the bus says that it is from; `None`: it did not come over a bus.
        source: Option<String>,
        /// The operator of this machine for whom the gateway's own key signed it.
        uid: Option<u32>,
        /// When it was received, monotonic.
        received: Duration,
    },
    /// An operator on site says that this machine's clock is right. Number `ask` is answered.
    ClockConfirmed {
        ask: u64,
        uid: u32,
    },
    /// The files were read anew. `removed`: vendors whose file is gone, and their process with it.
    Configured {
        configured: Configured,
        removed: Vec<String>,
    },
    /// Everything that the gateway relies on and that ends, as it is now.
    Endings(Vec<Item>),
    /// The file with the list of issuers is another one: its text.
    IssuersRead(String),
    /// The operator `uid` orders something of a vendor's process. Number `ask` is answered.
    VendorOrdered {
        ask: u64,
        vendor: VendorId,
        order: VendorOrder,
        uid: u32,
    },
    /// A vendor's process says how a command goes on.
    Command {
        vendor: VendorId,
        told: CommandTold,
    },
    /// A command did not leave: it was too `late`, or its vendor's process is not there.
    NotSent {
        id: Uuid,
        late: bool,
    },
    /// A deadline may have passed.
    Tick,
    /// Figures for a heartbeat that [`Effects::wants_statistics`] asked for.
    Statistics(Box<Figures>),
    /// A range of the journal that [`Effects::wants_checkpoint`] asked for: to be closed now.
    Checkpoint(Box<Signed>),
}

/// What the gateway wants done.
#[derive(Debug, Default)]
pub struct Effects {
    /// To be committed before anything of `acks` is sent.
    pub batch: Batch,
    /// Signals handled, per vendor; cumulative.
    pub acks: Vec<(VendorId, u64)>,
    pub reads: Vec<(VendorId, Vec<ReadRequest>)>,
    /// To be told once the batch is durable.
    pub answers: Vec<Answering>,
    /// To be sent once the batch is durable, and never again.
    pub orders: Vec<Outbound>,
    /// To be done to vendors' processes, at once.
    pub orders_of_vendors: Vec<(VendorId, VendorOrder, Cause)>,
    /// Asks for [`Input::Statistics`].
    pub wants_statistics: bool,
    /// Asks for [`Input::Checkpoint`], if a range can be closed; true: a whole one only.
    pub wants_checkpoint: Option<bool>,
}

/// The state machine.
pub struct Gateway {
    pub(super) entries: BTreeMap<EntryId, Entry>,
    /// Which entries an endpoint serves, and as what.
    pub(super) bindings: HashMap<EndpointId, Vec<(EntryId, Role)>>,
    /// The entries' time zones, as they were when the gateway started.
    pub(super) zones: HashMap<EntryId, TimeZone>,
    pub(super) doors: BTreeMap<EntryId, EntryState>,
    pub(super) endpoints: BTreeMap<EndpointId, EndpointState>,
    pub(super) vendors: BTreeMap<VendorId, VendorState>,
    pub(super) composer: Composer,
    pub(super) seen: SeenWindow,
    pub(super) quarantine: Quarantine,
    pub(super) floods: Floods,
    pub(super) assumptions: Assumptions,
    pub(super) memory: Memory,
    pub(super) guard: Guard,
    pub(super) checkpoints: Checkpoints,
    /// What was told of what ends.
    pub(super) tellings: Tellings,
    pub(super) start: StartInfo,
    pub(super) next_heartbeat: Duration,
    pub(super) next_handshake: Duration,
    pub(super) next_daily: Duration,
}

/// What the journal said when it was opened.
pub(super) struct StartInfo {
    pub previous_stop: PreviousStop,
    pub waiting: u64,
    /// Gaps that an earlier life could not tell of.
    pub gaps: Vec<Gap>,
    pub started: Duration,
    /// What an earlier life held of devices that flooded.
    pub floods: Vec<(EndpointId, flood::Remembered)>,
}

impl Gateway {
    /// A gateway with what its journal remembers. `seed` feeds the ids of events.
    pub fn new(
        identity: Identity,
        entries: Vec<Entry>,
        pinned: Vec<(EndpointId, VendorId, String)>,
        belief: Belief,
        restored: Restored,
        seed: u64,
    ) -> Self {
        let (bindings, zones) = (bindings(&entries), zones(&entries));
        let composer = Composer::new(identity, &entries, seed);
        let guard = Guard::restored(belief, &restored);
        let floods = flood::remembered(&restored.facts);
        let tellings = expiry::remembered(&restored.facts);
        let remembered = Memory::load(restored.facts, pinned);
        let assumptions = Assumptions::restored(&remembered.doors);
        Self {
            entries: entries.into_iter().map(|entry| (entry.id.clone(), entry)).collect(),
            bindings,
            zones,
            doors: remembered.doors,
            endpoints: remembered.endpoints,
            vendors: remembered.vendors,
            composer,
            seen: SeenWindow::new(restored.seen),
            quarantine: Quarantine::new(restored.last_quarantine_id),
            floods: Floods::default(),
            assumptions,
            memory: Memory::default(),
            guard,
            checkpoints: Checkpoints::new(),
            tellings,
            start: StartInfo {
                previous_stop: restored.previous_stop,
                waiting: restored.waiting,
                gaps: restored.gaps,
                started: Duration::ZERO,
                floods,
            },
            next_heartbeat: HEARTBEAT,
            next_handshake: HEARTBEAT,
            next_daily: DAILY,
        }
    }

    /// Takes in one input.
    pub fn step(&mut self, now: Now, input: Input) -> Effects {
        let mut effects = Effects::default();
        effects.batch.recorded_at = now.wall;
        self.look_at_clock(now);
        match input {
            Input::Start(facts) => self.started(now, &facts, &mut effects),
            Input::Signal { vendor, signal } => self.signal(now, &vendor, signal, &mut effects),
            Input::Connection { vendor, up } => self.connection(now, &vendor, up, &mut effects),
            Input::Vendor { vendor, change } => self.vendor(now, &vendor, change, &mut effects),
            Input::Delivered(slots) => effects.batch.finished = slots,
            Input::Dropped(gap) => self.dropped(now, &gap, &mut effects),
            Input::Erased { erased, uid } => {
                effects.event(None, self.composer.subject_erased(now, erased, uid));
            }
            Input::Refused { slot, event_type, code, message, detail } => {
                self.refused(now, event_type, &code, &message, &detail, &mut effects);
                effects.batch.finished.push(slot);
                effects.batch.refused.push(slot);
            }
            Input::Asked { ask, text, source, uid, received } => {
                self.asked(now, ask, &text, source.as_deref(), uid, received, &mut effects);
            }
            Input::ClockConfirmed { ask, uid } => {
                self.clock_confirmed(now, ask, uid, &mut effects);
            }
            Input::Configured { configured, removed } => {
                self.configured(now, configured, &removed, &mut effects);
            }
            Input::Endings(items) => self.endings(now, &items, &mut effects),
            Input::IssuersRead(signed) => self.issuers_read(now, &signed, &mut effects),
            Input::VendorOrdered { ask, vendor, order, uid } => {
                self.vendor_ordered(now, ask, &vendor, order, &By::Operator(uid), &mut effects);
            }
            Input::Command { vendor, told } => self.command_told(now, &vendor, &told, &mut effects),
            Input::NotSent { id, late } => self.not_sent(now, id, late, &mut effects),
            Input::Tick => self.tick(now, &mut effects),
            Input::Statistics(figures) => self.heartbeat(now, &figures, &mut effects),
            Input::Checkpoint(signed) => self.checkpoint(now, *signed, &mut effects),
        }
        self.doubt(now, &mut effects);
        self.checkpoints.note(&effects.batch);
        self.guard.save(&mut effects.batch);
        self.memory.save(&mut effects.batch, &self.doors, &self.endpoints, &self.vendors);
        effects
    }

    /// When [`Input::Tick`] is due next.
    pub fn next_deadline(&self) -> Duration {
        let graces = self.vendors.values().filter_map(|vendor| vendor.grace);
        let quarantine = self.quarantine.next_deadline();
        graces
            .chain(quarantine)
            .chain(self.floods.next_deadline())
            .chain(self.assumptions.next_deadline())
            .chain(self.access_deadline())
            .chain([self.checkpoints.deadline()])
            .fold(self.next_heartbeat.min(self.next_handshake).min(self.next_daily), Duration::min)
    }

    fn dropped(&mut self, now: Now, gap: &Gap, effects: &mut Effects) {
        tracing::error!(
            reason = gap.reason.as_str(),
            events = gap.count,
            "events were given up before the bus had them"
        );
        effects.event(None, self.composer.events_dropped(now, gap));
        effects.batch.told.push(gap.id);
    }

    fn started(&mut self, now: Now, facts: &StartFacts, effects: &mut Effects) {
        self.start.started = now.monotonic;
        self.next_heartbeat = now.monotonic + HEARTBEAT;
        self.next_handshake = now.monotonic + HEARTBEAT;
        self.next_daily = now.monotonic + DAILY;
        let trust = self.trust_told(now);
        let started = self.composer.gateway_started(now, facts, &self.start, trust);
        effects.event(None, started);
        effects.event(None, self.composer.handshake(now));
        self.begin_floor(effects);
        self.note_version(&mut effects.batch);
        self.restart_access(now, effects);
        for gap in std::mem::take(&mut self.start.gaps) {
            self.dropped(now, &gap, effects);
        }
        for (vendor, enabled) in &facts.vendors {
            let state = self.vendors.entry(vendor.clone()).or_default();
            state.file = VendorFile::of(*enabled);
            state.grace = Some(now.monotonic + OFFLINE_GRACE);
        }
        self.restart_floods(now, effects);
        let off: Vec<VendorId> =
            self.vendors.iter().filter(|(_, v)| v.isolated).map(|(id, _)| id.clone()).collect();
        let ids: Vec<EntryId> = self.entries.keys().cloned().collect();
        for id in ids {
            if !self.register(now, &id, effects)
                && let (Some(entry), Some(door)) = (self.entries.get(&id), self.doors.get(&id))
            {
                let hold = self.guard.motion_hold(&id);
                let event = self.composer.state_reported(now, entry, door, hold, "start");
                effects.event(None, event);
            }
        }
        for vendor in off {
            self.lose_roles(now, &vendor, effects);
        }
    }

    fn tick(&mut self, now: Now, effects: &mut Effects) {
        self.tick_access(now, effects);
        self.pass_grace(now, effects);
        self.end_assumptions(now, effects);
        self.flush_quarantine(now, effects);
        self.tick_floods(now, effects);
        self.tick_checkpoints(now, effects);
        if now.monotonic >= self.next_heartbeat {
            self.next_heartbeat = now.monotonic + HEARTBEAT;
            effects.wants_statistics = true;
        }
        if now.monotonic >= self.next_handshake {
            self.next_handshake = now.monotonic + HEARTBEAT;
            effects.event(None, self.composer.handshake(now));
        }
        if now.monotonic >= self.next_daily {
            self.next_daily = now.monotonic + DAILY;
            for entry in self.entries.values() {
                let door = self.doors.entry(entry.id.clone()).or_default();
                let hold = self.guard.motion_hold(&entry.id);
                effects.event(None, self.composer.state_reported(now, entry, door, hold, "daily"));
            }
        }
    }

    fn heartbeat(&mut self, now: Now, figures: &Figures, effects: &mut Effects) {
        let uptime = now.monotonic.saturating_sub(self.start.started);
        let trust = self.trust_told(now);
        let vendors: Vec<(&VendorId, &'static str)> =
            self.vendors.iter().map(|(id, vendor)| (id, vendor.process_word())).collect();
        let told = Beat {
            uptime,
            figures,
            vendors: &vendors,
            clock: self.clock_trust(now),
            denied: &self.guard.denied,
        };
        let event = self.composer.heartbeat(now, &told, trust);
        effects.event(None, event);
    }
}

impl Effects {
    /// Adds an event if it could be composed. One that could not is a fault of ours, said in
    /// the log; the signal is handled all the same.
    pub(super) fn event(
        &mut self,
        vendor: Option<&VendorId>,
        draft: Result<doorward_events::Draft, doorward_events::Invalid>,
    ) {
        match draft {
            Ok(draft) => self.batch.events.push(NewEvent { draft, vendor: vendor.cloned() }),
            Err(invalid) => tracing::error!(%invalid, "an event of our own is not valid"),
        }
    }
}
