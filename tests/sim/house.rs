//! A house with a gateway in it: doors, the devices on them, a clock that is turned by hand.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use doorward::domain::entry::{Entry, EntryKind, Role};
use doorward::domain::ids::{EndpointId, EntryId, VendorId};
use doorward::domain::rate::{Limits, Rate};
use doorward::gateway::access::Belief;
use doorward::gateway::{Effects, Gateway, Identity, Input, Now, StartFacts, VendorChange};
use doorward::health::{Durations, Figures, UplinkStatus};
use doorward::journal::{Batch, Bounds, CommitError, Journal, QuarantineRow, Restored};
use doorward::link::Signal;
use doorward_events::PublisherId;
use doorward_translators::{Observation, What};
use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

use crate::told::Told;
use crate::wire::{Wire, Wired};

pub const VENDOR: &str = "zigbee2mqtt";

/// Identity, name, what it exposes.
const DEVICES: &[(&str, &str, &[&str])] = &[
    ("0x000d6f0011223344", "front_door_yale", &["lock_state", "action", "battery"]),
    ("0x00158d0001a2b3c4", "front_contact", &["contact", "battery", "tamper"]),
    ("0x000b57fffe112233", "danalock", &["lock_state", "door_state"]),
    ("0xf4ce36ffee445566", "nimly", &["lock_state", "last_unlock_source"]),
];

pub fn endpoint(name: &str) -> EndpointId {
    let (identity, ..) = DEVICES.iter().find(|(_, known, _)| *known == name).unwrap();
    EndpointId::of(&VendorId::new(VENDOR), identity)
}

/// What `bridge/devices` says when the devices bear `names`: (name as in [`DEVICES`], name now).
pub fn inventory(renamed: &[(&str, &str)]) -> Value {
    let device = |(identity, name, members): &(&str, &str, &[&str])| {
        let now = renamed.iter().find(|(old, _)| old == name).map_or(*name, |(_, new)| *new);
        let exposes: Vec<Value> = members
            .iter()
            .map(|member| match *member {
                "lock_state" => json!({"type": "lock", "features": [
                    {"property": "state", "access": 7}, {"property": "lock_state", "access": 1}]}),
                other => json!({"type": "binary", "property": other, "access": 1}),
            })
            .collect();
        json!({"ieee_address": identity, "friendly_name": now, "type": "EndDevice",
            "definition": {"vendor": "Acme", "model": name, "exposes": exposes}})
    };
    let mut devices: Vec<Value> = DEVICES.iter().map(device).collect();
    devices.insert(0, json!({"ieee_address": "0x00124b0024c90000", "type": "Coordinator"}));
    Value::Array(devices)
}

fn entry(id: &str, roles: &[(Role, &str)]) -> Entry {
    Entry {
        id: EntryId::new(id),
        kind: EntryKind::Door,
        site: None,
        time_zone: "Europe/Berlin".to_owned(),
        interlock_group: None,
        enabled: true,
        unattended_close: false,
        timers: doorward::domain::operation::Timers::default(),
        roles: roles.iter().map(|(role, name)| (*role, endpoint(name))).collect(),
    }
}

/// Front: a Yale lock and a contact. Back: a Danalock that sees the leaf too. Side: a Nimly.
pub fn entries() -> Vec<Entry> {
    vec![
        entry("front", &[(Role::Lock, "front_door_yale"), (Role::Position, "front_contact")]),
        entry("back", &[(Role::Lock, "danalock"), (Role::Position, "danalock")]),
        entry("side", &[(Role::Lock, "nimly")]),
    ]
}

/// No device is too much: what a test does in virtual time is no flood.
const UNLIMITED: Limits = Limits {
    device: Rate::new(1_000_000, 1_000_000),
    frames: Rate::new(1_000_000, 1_000_000),
    bytes: Rate::new(1 << 40, 1 << 40),
};

pub struct House {
    pub entries: Vec<Entry>,
    pub bounds: Bounds,
    pub limits: Limits,
    pub now: Now,
    pub gateway: Gateway,
    pub journal: Journal,
    pub wire: Wire,
    /// Not committed yet.
    pub batch: Batch,
    /// The last signal that the batch in hand handles.
    pub handled: u64,
    /// The last signal that was acknowledged.
    pub acknowledged: u64,
    reads: Vec<String>,
    told: Vec<Told>,
    folder: TempDir,
    file: PathBuf,
    lives: u64,
    seed: u64,
    complaints: Arc<Mutex<Vec<u8>>>,
    _log: tracing::subscriber::DefaultGuard,
}

impl House {
    /// The same, from now on with the limits as they are by default.
    pub fn limited() -> Self {
        let mut house = Self::new();
        house.limits = Limits::default();
        house.gateway.limit(VendorId::new(VENDOR), house.limits);
        house
    }

    /// Started, nothing connected.
    pub fn dark() -> Self {
        Self::with(entries(), Bounds::default(), 1)
    }

    /// Connected, everything online, nothing said of any door. What was told so far is dropped.
    pub fn new() -> Self {
        let mut house = Self::dark();
        house.connect();
        house.settle();
        house.told();
        house.reads();
        house
    }

    pub fn with(entries: Vec<Entry>, bounds: Bounds, seed: u64) -> Self {
        // Memory, where there is some: the file system's speed is no subject here.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let file = folder.path().join("journal.db");
        let wall = "2026-11-21T05:00:00Z".parse().unwrap();
        let complaints = Arc::new(Mutex::new(Vec::new()));
        let log = tracing::subscriber::set_default(log_into(Arc::clone(&complaints)));
        let (journal, restored) = Journal::open(&file, bounds, journal_id(0)).unwrap();
        let gateway = gateway(&entries, restored, seed, UNLIMITED);
        let mut house = Self {
            entries,
            bounds,
            limits: UNLIMITED,
            now: Now { monotonic: Duration::ZERO, wall },
            gateway,
            journal,
            wire: Wire::new(),
            batch: Batch::default(),
            handled: 0,
            acknowledged: 0,
            reads: Vec::new(),
            told: Vec::new(),
            folder,
            file,
            lives: 0,
            seed,
            complaints,
            _log: log,
        };
        house.start();
        house
    }

    fn start(&mut self) {
        let vendors = vec![(VendorId::new(VENDOR), true)];
        self.step(Input::Start(StartFacts { bus: "standalone", vendors, audit_key: None }));
    }

    /// The power goes: what was not committed is lost, the files are as they lie.
    pub fn crash(&mut self) {
        self.lives += 1;
        let file = self.folder.path().join(format!("journal-{}.db", self.lives));
        for suffix in ["", "-wal"] {
            let of = |path: &PathBuf| PathBuf::from(format!("{}{suffix}", path.display()));
            if of(&self.file).exists() {
                std::fs::copy(of(&self.file), of(&file)).unwrap();
            }
        }
        self.file = file;
        self.open();
    }

    /// A stop in order and a new start, with the entries as they are now.
    pub fn restart(&mut self) {
        self.commit();
        let elsewhere = self.folder.path().join("elsewhere.db");
        let (other, _) = Journal::open(&elsewhere, self.bounds, journal_id(99)).unwrap();
        std::mem::replace(&mut self.journal, other).close().unwrap();
        self.lives += 1;
        self.open();
    }

    fn open(&mut self) {
        let (journal, restored) =
            Journal::open(&self.file, self.bounds, journal_id(self.lives)).unwrap();
        self.journal = journal;
        self.gateway =
            gateway(&self.entries, restored, self.seed.wrapping_add(self.lives), self.limits);
        self.now.monotonic = Duration::ZERO;
        self.batch = Batch::default();
        self.new_link();
        self.start();
    }

    /// Another vendor process: its signals count from one again, and what the one before it
    /// was not told is not told to this one.
    pub fn new_link(&mut self) {
        self.wire = Wire::new();
        (self.handled, self.acknowledged) = (0, 0);
    }

    /// One input; its effects gather.
    pub fn step(&mut self, input: Input) {
        let effects = self.gateway.step(self.now, input);
        self.take(effects);
        let complaints = String::from_utf8_lossy(&self.complaints.lock().unwrap()).into_owned();
        assert!(!complaints.contains("is not valid"), "{complaints}");
    }

    fn take(&mut self, effects: Effects) {
        self.batch.append(effects.batch);
        for (vendor, through) in effects.acks {
            assert_eq!((vendor.as_str(), self.handled + 1), (VENDOR, through));
            self.handled = through;
        }
        for (_, devices) in effects.reads {
            self.reads.extend(devices.into_iter().map(|device| device.address));
        }
        if effects.wants_statistics {
            let figures = Figures {
                journal: self.journal.statistics().unwrap(),
                uplink: UplinkStatus::default(),
                commit_time: Durations::default(),
            };
            self.step(Input::Statistics(Box::new(figures)));
        }
    }

    /// Commits what has gathered, as the daemon does, and acknowledges it.
    pub fn try_commit(&mut self) -> Result<(), CommitError> {
        self.gateway.complete(&mut self.batch);
        if !self.batch.is_empty() {
            let committed = self.journal.commit(&self.batch)?;
            self.journal.shorten_log(false)?;
            self.batch = Batch::default();
            self.told.extend(committed.events.into_iter().map(Told::of));
        }
        self.acknowledged = self.handled;
        Ok(())
    }

    pub fn commit(&mut self) {
        self.try_commit().unwrap();
    }

    /// One observation of a device, handled at once and not committed.
    pub fn sends(&mut self, device: &str, what: What) {
        let observation = Observation { address: device.to_owned(), device_time: None, what };
        let signal = self.wire.observed(vec![observation], self.now.wall);
        self.step(Input::Signal { vendor: VendorId::new(VENDOR), signal });
    }

    /// The same with as many reports before it that its vendor's process left out.
    pub fn leaves_out(&mut self, device: &str, what: What, count: u32) {
        let observation = Observation { address: device.to_owned(), device_time: None, what };
        let signal = self.wire.observed(vec![observation], self.now.wall);
        let signal = Signal { stands_for: count, ..signal };
        self.step(Input::Signal { vendor: VendorId::new(VENDOR), signal });
    }

    /// One message, handled and committed, a millisecond later.
    pub fn hear(&mut self, message: &Wired) {
        self.turn(Duration::from_millis(1));
        let signal = self.wire.signal(message, self.now.wall);
        self.step(Input::Signal { vendor: VendorId::new(VENDOR), signal });
        self.commit();
    }

    /// Something that this vendor's translator does not say, of the device of this name.
    pub fn observe(&mut self, device: &str, what: What) {
        self.turn(Duration::from_millis(1));
        let observation = Observation { address: device.to_owned(), device_time: None, what };
        let signal = self.wire.observed(vec![observation], self.now.wall);
        self.step(Input::Signal { vendor: VendorId::new(VENDOR), signal });
        self.commit();
    }

    /// A live message at QoS 1.
    pub fn publish(&mut self, topic: &str, payload: impl Into<Vec<u8>>) {
        self.hear(&Wired::live(&format!("{VENDOR}/{topic}"), payload));
    }

    /// What the broker kept.
    pub fn kept(&mut self, topic: &str, payload: impl Into<Vec<u8>>) {
        let live = Wired::live(&format!("{VENDOR}/{topic}"), payload);
        self.hear(&Wired { retained: true, ..live });
    }

    /// A device's message that says when it was made: just now.
    pub fn says(&mut self, device: &str, mut payload: Value) {
        payload["last_seen"] = json!(self.now.wall.to_string());
        self.publish(device, payload.to_string());
    }

    /// The connection to the broker comes or goes.
    pub fn connection(&mut self, up: bool) {
        self.step(Input::Connection { vendor: VendorId::new(VENDOR), up });
        self.commit();
    }

    pub fn vendor(&mut self, change: VendorChange) {
        self.step(Input::Vendor { vendor: VendorId::new(VENDOR), change });
        self.commit();
    }

    /// The vendor's process runs and has its broker; the broker hands over what it keeps.
    pub fn connect(&mut self) {
        self.vendor(VendorChange::Running);
        self.connection(true);
        self.kept("bridge/devices", inventory(&[]).to_string());
        self.kept("bridge/state", r#"{"state":"online"}"#);
        for (_, name, _) in DEVICES {
            self.kept(&format!("{name}/availability"), r#"{"state":"online"}"#);
        }
    }

    /// So long after a gap that whatever comes was not queued before it.
    pub fn settle(&mut self) {
        self.pass(Duration::from_secs(15));
    }

    pub fn turn(&mut self, time: Duration) {
        self.now.monotonic += time;
        self.now.wall += time;
    }

    /// Time passes; every deadline in it is met on time.
    pub fn pass(&mut self, time: Duration) {
        self.pass_until(self.now.monotonic + time);
    }

    /// The same, up to so long after the start.
    pub fn pass_until(&mut self, until: Duration) {
        while self.gateway.next_deadline() <= until {
            let wait = self.gateway.next_deadline().saturating_sub(self.now.monotonic);
            self.turn(wait);
            self.step(Input::Tick);
            self.commit();
            assert!(self.gateway.next_deadline() > self.now.monotonic, "a deadline stays due");
        }
        self.turn(until.saturating_sub(self.now.monotonic));
    }

    /// The events since the last call.
    pub fn told(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.told)
    }

    /// Those of these types.
    pub fn told_of(&mut self, kinds: &[&str]) -> Vec<Told> {
        self.told().into_iter().filter(|told| kinds.contains(&told.kind())).collect()
    }

    /// The names of the devices that were asked for their state since the last call.
    pub fn reads(&mut self) -> Vec<String> {
        let mut reads = std::mem::take(&mut self.reads);
        reads.sort();
        reads
    }

    /// A fact as `value quality`.
    pub fn fact(&self, entry: &str, name: &str) -> String {
        let door = self.gateway.doors().into_iter().find(|door| door.entry == entry).unwrap();
        let fact = if name == "lock" { door.lock } else { door.position };
        format!("{} {}", fact.value, fact.quality)
    }

    pub fn observed_at(&self, entry: &str) -> Option<Timestamp> {
        let doors = self.gateway.doors();
        doors.into_iter().find(|door| door.entry == entry).unwrap().lock.observed_at
    }

    pub fn alarms(&self, entry: &str) -> Vec<String> {
        let doors = self.gateway.doors();
        doors.into_iter().find(|door| door.entry == entry).unwrap().alarms
    }

    /// Whether an opener of the door says that it refuses its remote controls.
    pub fn remote_lockout(&self, entry: &str) -> Option<bool> {
        let doors = self.gateway.doors();
        let door = doors.into_iter().find(|door| door.entry == entry).unwrap();
        door.endpoints.into_iter().find_map(|endpoint| endpoint.remote_lockout)
    }

    pub fn quarantine(&self) -> Vec<QuarantineRow> {
        self.journal.list_quarantine(10_000).unwrap()
    }
}

fn gateway(entries: &[Entry], restored: Restored, seed: u64, limits: Limits) -> Gateway {
    let identity = Identity {
        publisher: PublisherId { name: "doorward.gateway".into(), instance: "test-1".into() },
        tenant: "acme".into(),
        site: Some("berlin".into()),
        test: true,
    };
    let system_clock = Some(Duration::from_millis(100));
    let belief = Belief { system_clock, ..Belief::in_nobody(&identity) };
    let mut gateway = Gateway::new(identity, entries.to_vec(), Vec::new(), belief, restored, seed);
    gateway.limit(VendorId::new(VENDOR), limits);
    gateway
}

fn journal_id(life: u64) -> Uuid {
    Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0000 + u128::from(life))
}

fn log_into(buffer: Arc<Mutex<Vec<u8>>>) -> impl tracing::Subscriber + Send + Sync {
    struct Lines(Arc<Mutex<Vec<u8>>>);
    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::ERROR)
        .with_writer(move || Lines(Arc::clone(&buffer)))
        .finish()
}
