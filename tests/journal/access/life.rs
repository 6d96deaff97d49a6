//! One life of a gateway: the real state machine over the real journal, in virtual time. What leaves
//! it leaves after its commit, as in the daemon; outside stand a lock that does at once what it is
//! told, or refuses, or is deaf, and a world that remembers what it saw.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use doorward::domain::entry::{Entry, EntryKind, Role};
use doorward::domain::ids::{EndpointId, EntryId, VendorId};
use doorward::domain::rate::{Limits, Rate};
use doorward::gateway::access::{Answering, Outbound};
use doorward::gateway::{Gateway, Input, Now, StartFacts, VendorChange};
use doorward::journal::{Arrival, Batch, Bounds, Bug, Journal};
use doorward::link::{CommandProgress, CommandRefusal, CommandTold, Digest, Signal};
use doorward::local::Answer;
use doorward_powercut::Recorder;
use doorward_translators::{LockState, Observation, Position, Quality, What};
use fastrand::Rng;
use jiff::Timestamp;
use uuid::Uuid;

use super::town::{Asked, Granted, Town};
use crate::opening::arrive;
use crate::oracle::{Violation, demand};

const VENDOR: &str = "wire";

/// What the lock does with an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Acts,
    Refuses,
    Deaf,
}

/// An order that the vendor's process has.
#[derive(Debug, Clone)]
struct Given {
    command: Uuid,
    fate: Fate,
    begun: bool,
}

/// What is outside the gateway, and no cut of its power touches.
#[derive(Debug, Clone)]
pub struct World {
    pub wall: Timestamp,
    /// Everything that was ever asked.
    pub asked: Vec<Asked>,
    pub grants: Vec<Granted>,
    /// Orders that left, by their request.
    pub released: BTreeMap<Uuid, u32>,
    /// What the lock did, by grant.
    pub acts: BTreeMap<Uuid, u32>,
    /// What was answered as granted.
    pub granted: u64,
    unlocked: bool,
}

impl World {
    pub fn new(wall: Timestamp) -> Self {
        Self {
            wall,
            asked: Vec::new(),
            grants: Vec::new(),
            released: BTreeMap::new(),
            acts: BTreeMap::new(),
            granted: 0,
            unlocked: false,
        }
    }
}

/// What was seen when a commit was acknowledged, and what left after it.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub world: World,
    /// Uses that are left, of the grants that still admit somebody.
    pub uses: BTreeMap<Uuid, u32>,
}

pub struct Life<'a> {
    town: &'a Town,
    gateway: Gateway,
    journal: Journal,
    recorder: Option<Recorder>,
    now: Now,
    batch: Batch,
    orders: Vec<Outbound>,
    answers: Vec<Answering>,
    /// Requests by the number under which they were asked.
    asking: BTreeMap<u64, Uuid>,
    /// Requests by their commands.
    commands: BTreeMap<Uuid, Uuid>,
    given: Vec<Given>,
    signals: u64,
    running: bool,
    pub rng: Rng,
    pub world: World,
    /// By the number of their mark.
    pub snapshots: Vec<Snapshot>,
    /// How many events of which type there were, committed or not.
    pub told: BTreeMap<&'static str, u64>,
}

fn endpoint(identity: &str) -> EndpointId {
    EndpointId::of(&VendorId::new(VENDOR), identity)
}

fn door() -> Entry {
    let roles = [(Role::Lock, endpoint("lock")), (Role::Position, endpoint("contact"))];
    Entry {
        id: EntryId::new("front"),
        kind: EntryKind::Door,
        site: None,
        time_zone: "Europe/Berlin".to_owned(),
        interlock_group: None,
        enabled: true,
        unattended_close: false,
        timers: doorward::domain::operation::Timers::default(),
        roles: roles.into(),
    }
}

impl<'a> Life<'a> {
    /// Opens what is in the folder, and starts with it. `bug`: a fault of the journal to plant.
    /// `found`: looks at what came back.
    pub fn begin(
        town: &'a Town,
        folder: &Path,
        world: World,
        recorder: Option<Recorder>,
        bug: Option<Bug>,
        seed: u64,
        found: impl FnOnce(&[(String, Vec<u8>)]) -> Result<(), Violation>,
    ) -> Result<Self, Violation> {
        let (journal, restored) = arrive(folder, Bounds::default(), bug, &mut 0)
            .map_err(|error| Violation(format!("it cannot be opened: {error}")))?;
        demand!(restored.arrival == Arrival::AsItWas, "it came back as {:?}", restored.arrival);
        found(&restored.facts)?;
        let pinned = [("lock", "front_lock"), ("contact", "front_contact")]
            .map(|(id, address)| (endpoint(id), VendorId::new(VENDOR), address.to_owned()));
        let mut gateway = Gateway::new(
            town.identity.clone(),
            vec![door()],
            pinned.to_vec(),
            town.belief(),
            restored,
            seed,
        );
        // What it does in virtual time is no flood.
        let much = Rate::new(1_000_000, 1_000_000);
        let limits = Limits { device: much, ..Limits::default() };
        gateway.limit(VendorId::new(VENDOR), limits);
        let snapshot = Snapshot { world: world.clone(), uses: BTreeMap::new() };
        let mut life = Self {
            town,
            gateway,
            journal,
            recorder,
            now: Now { monotonic: Duration::ZERO, wall: world.wall },
            batch: Batch::default(),
            orders: Vec::new(),
            answers: Vec::new(),
            asking: BTreeMap::new(),
            commands: BTreeMap::new(),
            given: Vec::new(),
            signals: 0,
            running: false,
            rng: Rng::with_seed(seed),
            world,
            snapshots: vec![snapshot],
            told: BTreeMap::new(),
        };
        let vendors = vec![(VendorId::new(VENDOR), true)];
        life.step(Input::Start(StartFacts { bus: "standalone", vendors, audit_key: None }));
        life.snapshots[0].uses = life.uses();
        Ok(life)
    }

    /// What was recorded of the disk, and what was seen at each mark.
    pub fn record(self) -> (doorward_powercut::Trace, Vec<Snapshot>) {
        let trace = self.recorder.as_ref().expect("it is recorded").trace();
        (trace, self.snapshots)
    }

    fn step(&mut self, input: Input) {
        let effects = self.gateway.step(self.now, input);
        for event in &effects.batch.events {
            *self.told.entry(event.draft.event_type().as_str()).or_default() += 1;
        }
        self.batch.append(effects.batch);
        self.orders.extend(effects.orders);
        self.answers.extend(effects.answers);
    }

    /// Uses that are left by grant.
    pub fn uses(&self) -> BTreeMap<Uuid, u32> {
        self.gateway.grants().iter().map(|grant| (grant.grant_id, grant.uses_left)).collect()
    }

    /// Takes what gathered to the journal; only then do orders and answers leave.
    pub fn commit(&mut self) -> Result<(), Violation> {
        if !self.batch.is_empty() {
            self.batch.recorded_at = self.now.wall;
            let committed = self.journal.commit(&self.batch);
            committed.map_err(|error| Violation(format!("it cannot be written: {error}")))?;
            self.batch = Batch::default();
        }
        let uses = self.uses();
        if let Some(recorder) = &self.recorder {
            recorder.mark(self.snapshots.len() as u64);
        }
        for Answering { ask, answer } in std::mem::take(&mut self.answers) {
            if let (Answer::Granted { command_id, .. }, Some(request)) =
                (answer, self.asking.get(&ask))
            {
                self.world.granted += 1;
                self.commands.insert(command_id, *request);
            }
        }
        for order in std::mem::take(&mut self.orders) {
            self.release(&order)?;
        }
        self.snapshots.push(Snapshot { world: self.world.clone(), uses });
        Ok(())
    }

    /// As the daemon does it: only what still may leave, in time, to a process that is there.
    fn release(&mut self, order: &Outbound) -> Result<(), Violation> {
        if !self.gateway.may_leave(order.id) {
            return Ok(());
        }
        let late = order.until <= self.now.monotonic;
        if late || !self.running {
            self.step(Input::NotSent { id: order.id, late });
            return Ok(());
        }
        let Some(request) = self.commands.get(&order.id) else {
            return Err(Violation(format!("the command {} is for no request", order.id)));
        };
        let Some(asked) = self.world.asked.iter().find(|asked| asked.request == *request) else {
            return Err(Violation(format!("nobody asked for {request}")));
        };
        demand!(self.now.wall < asked.not_after, "the request {request} is carried out late");
        let times = self.world.released.entry(*request).or_default();
        *times += 1;
        demand!(*times == 1, "the request {request} is carried out {times} times");
        let fate = match self.rng.u8(..10) {
            0..6 => Fate::Acts,
            6..8 => Fate::Refuses,
            _ => Fate::Deaf,
        };
        if fate == Fate::Acts {
            self.world.unlocked = true;
            let acts = self.world.acts.entry(asked.grant).or_default();
            *acts += 1;
            let grant = self.world.grants.iter().find(|of| of.grant.grant_id == asked.grant);
            let most = grant.map_or(0, |of| of.grant.max_uses);
            demand!(*acts <= most, "{acts} acts for {most} uses of {}", asked.grant);
        }
        self.given.push(Given { command: order.id, fate, begun: false });
        Ok(())
    }

    /// Asks, for the first time or again.
    pub fn ask(&mut self, asked: &Asked) {
        let number = self.asking.len() as u64 + 1;
        self.asking.insert(number, asked.request);
        let (text, received) = (asked.text.clone(), self.now.monotonic);
        self.step(Input::Asked { ask: number, text, source: None, uid: None, received });
    }

    /// Somebody new, or somebody known, asks by a grant.
    fn somebody_asks(&mut self) {
        let known = self.world.grants.len();
        if known == 0 || self.rng.u8(..3) > 0 {
            let uses = self.rng.u32(1..=2);
            let journal = self.journal.journal_id();
            self.world.grants.push(self.town.grant(journal, self.now.wall, uses));
        }
        let which =
            self.rng.usize(self.world.grants.len().saturating_sub(3)..self.world.grants.len());
        let asked = self.town.asks(&self.world.grants[which], self.now.wall);
        self.world.asked.push(asked.clone());
        self.ask(&asked);
    }

    /// The vendor's process says a word more of what it has in hand.
    fn progress(&mut self) {
        let Some(given) = self.given.first_mut() else { return };
        let id = given.command;
        let state = if given.begun {
            let fate = given.fate;
            self.given.remove(0);
            match fate {
                Fate::Acts | Fate::Deaf => CommandProgress::Acknowledged,
                Fate::Refuses => {
                    CommandProgress::Rejected { reason: CommandRefusal::DeviceException }
                }
            }
        } else {
            given.begun = true;
            CommandProgress::Dispatched
        };
        let told = CommandTold { id, state, detail: String::new() };
        self.step(Input::Command { vendor: VendorId::new(VENDOR), told });
    }

    /// Both devices say how it is.
    pub fn observe(&mut self) {
        if !self.running {
            return;
        }
        self.turn(Duration::from_millis(1));
        let quality = Quality::Reported;
        let state = if self.world.unlocked { LockState::Unlocked } else { LockState::Locked };
        let said = |address: &str, what| Observation {
            address: address.to_owned(),
            device_time: None,
            what,
        };
        let observations = vec![
            said("front_lock", What::Lock { state, quality }),
            said("front_contact", What::Position { position: Position::Closed, quality }),
        ];
        self.signals += 1;
        let signal = Signal {
            n: self.signals,
            digest: Digest(self.rng.u128(..).to_be_bytes()),
            identified: false,
            epoch: 1,
            lossy: false,
            retained: false,
            received_at: self.now.wall,
            observations,
            stands_for: 0,
            evidence: None,
        };
        self.step(Input::Signal { vendor: VendorId::new(VENDOR), signal });
    }

    /// Somebody locks by hand what nobody is opening.
    pub fn relock(&mut self) {
        if self.given.is_empty() && self.gateway.visits().is_empty() {
            self.world.unlocked = false;
        }
        self.observe();
    }

    /// The vendor's process goes, with what it has in hand; nobody knows what became of that.
    fn vendor_down(&mut self) {
        self.given.clear();
        self.running = false;
        self.change(VendorChange::Down);
    }

    /// A process of the vendor runs, has its connection, and the devices speak.
    pub fn vendor_up(&mut self) {
        self.signals = 0;
        self.running = true;
        self.change(VendorChange::Running);
        self.step(Input::Connection { vendor: VendorId::new(VENDOR), up: true });
        self.observe();
    }

    fn change(&mut self, change: VendorChange) {
        self.step(Input::Vendor { vendor: VendorId::new(VENDOR), change });
    }

    fn turn(&mut self, time: Duration) {
        self.now.monotonic += time;
        self.now.wall += time;
        self.world.wall = self.now.wall;
    }

    /// Time passes; every deadline in it is met on time.
    pub fn pass(&mut self, time: Duration) {
        let until = self.now.monotonic + time;
        while self.gateway.next_deadline() <= until {
            let wait = self.gateway.next_deadline().saturating_sub(self.now.monotonic);
            self.turn(wait);
            self.step(Input::Tick);
        }
        self.turn(until.saturating_sub(self.now.monotonic));
    }

    /// What was given is told to its end, and the door is shut again.
    pub fn settle(&mut self) -> Result<(), Violation> {
        while !self.given.is_empty() {
            self.progress();
        }
        self.observe();
        self.commit()?;
        self.pass(Duration::from_secs(31));
        self.observe();
        self.commit()?;
        self.relock();
        self.commit()
    }

    /// So many things happen.
    pub fn happen(&mut self, things: usize) -> Result<(), Violation> {
        for _ in 0..things {
            let pause = Duration::from_millis(self.rng.u64(1..300));
            self.turn(pause);
            match self.rng.u8(..100) {
                0..22 => self.somebody_asks(),
                22..28 => {
                    let asked = self.world.asked.get(self.rng.usize(..=self.world.asked.len()));
                    if let Some(asked) = asked.cloned() {
                        self.ask(&asked);
                    }
                }
                28..58 => self.progress(),
                58..70 => self.observe(),
                70..80 => self.relock(),
                80..84 => self.vendor_down(),
                84..90 if !self.running => self.vendor_up(),
                90..95 => {
                    let time = Duration::from_millis(self.rng.u64(1..20_000));
                    self.pass(time);
                }
                95..97 => {
                    let slots = (1..=self.journal.waiting()).collect();
                    self.step(Input::Delivered(slots));
                }
                97..98 => {
                    let of = self.world.grants.get(self.rng.usize(..=self.world.grants.len()));
                    if let Some(of) = of.cloned() {
                        let text = self.town.revokes(&of, self.now.wall);
                        let received = self.now.monotonic;
                        self.step(Input::Asked { ask: 0, text, source: None, uid: None, received });
                    }
                }
                _ => {}
            }
            if self.rng.u8(..100) < 65 {
                self.commit()?;
            }
        }
        self.commit()
    }
}
