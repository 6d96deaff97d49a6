//! The disk below a gateway, and its clock, which misbehave on demand (`crates/disk-faults`).

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;

use super::broker::{Broker, SHIPPED};
use super::device::{Devices, Record};
use super::gateway::{Gateway, Setup, eventbridge};
use super::sink::{Entry, Sink};
use super::wait_for;
use crate::kill::{check, wait_for_all};

pub const DOORS: usize = 10;
/// Writes and syncs are held back, longer than any test.
pub const STALLED: &str = "stall 3600000";
/// From one act of the devices to the next.
const PACE: Duration = Duration::from_millis(2);

/// Cargo builds it as our dev-dependency, beside this program.
const PRELOAD: &str = "libdoorward_disk_faults.so";

/// What is put before the core, and the orders it is given.
pub struct Disk {
    folder: PathBuf,
    serial: AtomicU32,
}

impl Disk {
    /// The disk below the gateway that is to live in `folder`, which is made. Nothing is ordered.
    pub fn new(folder: &Path) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let disk = Self { folder: folder.canonicalize().unwrap(), serial: AtomicU32::new(0) };
        disk.heal();
        disk
    }

    /// What puts it below a core whose journal is in `state`.
    pub fn environment(&self) -> Vec<(&'static str, PathBuf)> {
        let preload = std::env::current_exe().unwrap();
        let preload = preload.with_file_name(PRELOAD);
        assert!(preload.exists(), "{} was not built", preload.display());
        vec![
            ("LD_PRELOAD", preload),
            ("DOORWARD_FAULT_FOLDER", self.folder.join("state")),
            ("DOORWARD_FAULT_CONTROL", self.folder.join("orders")),
        ]
    }

    /// Whether it is below a process.
    pub fn is_below(pid: u32) -> bool {
        std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap().contains(PRELOAD)
    }

    /// Gives orders, one a line, in place of those before; in force when this returns.
    pub fn order(&self, orders: &str) {
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let new = self.folder.join("orders.new");
        std::fs::write(&new, format!("{orders}\nserial {serial}\n")).unwrap();
        std::fs::rename(new, self.folder.join("orders")).unwrap();
    }

    /// Everything is well again.
    pub fn heal(&self) {
        self.order("none");
    }
}

/// A gateway between a broker and a bus, on such a disk.
pub struct Stand {
    broker: Broker,
    pub sink: Sink,
    pub disk: Disk,
    pub gateway: Gateway,
}

impl Stand {
    pub fn start(folder: &Path) -> Self {
        Self::start_under(folder, Vec::new())
    }

    /// With more in its core's environment.
    pub fn start_under(folder: &Path, more: Vec<(&'static str, PathBuf)>) -> Self {
        let broker = Broker::start(&folder.join("broker"), SHIPPED, false);
        let sink = Sink::start();
        let disk = Disk::new(&folder.join("gateway"));
        let setup = Setup {
            folder: &folder.join("gateway").canonicalize().unwrap(),
            broker_port: broker.port,
            doors: DOORS,
            bus: eventbridge("test", sink.port),
            mqtt: String::new(),
        };
        let environment = disk.environment().into_iter().chain(more).collect();
        let gateway = Gateway::start_under(&setup, environment);
        gateway.connected();
        assert!(Disk::is_below(gateway.pid()), "the faults would not be seen");
        assert!(!Disk::is_below(gateway.vendor_pid().unwrap()), "they are the core's alone");
        Self { broker, sink, disk, gateway }
    }

    /// Devices that act from now on, of whose acts some have arrived.
    pub fn devices(&self) -> Devices {
        let devices = Devices::start(self.broker.port, DOORS, PACE, QoS::AtLeastOnce);
        self.arrives(200);
        devices
    }

    /// Waits for so many more entries on the bus.
    pub fn arrives(&self, more: usize) {
        let so_far = self.sink.count();
        wait_for("events arrive", Duration::from_secs(60), || {
            (self.sink.count() >= so_far + more).then_some(())
        });
    }

    /// Whether the core has its journal open under its name, and the journal's log too.
    pub fn has_journal(&self) -> bool {
        let state = self.gateway.folder.join("state");
        let folder = std::fs::read_dir(format!("/proc/{}/fd", self.gateway.pid())).unwrap();
        let open: Vec<PathBuf> =
            folder.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok()).collect();
        ["journal.db", "journal.db-wal"].iter().all(|name| open.contains(&state.join(name)))
    }

    /// What `queue` says of the disk; `None` while all is well.
    pub fn trouble(&self) -> Option<String> {
        self.gateway.json(&["queue"])?["status"]["storage_failure"].as_str().map(str::to_owned)
    }

    pub fn says_trouble(&self) -> String {
        wait_for("the queue says what is wrong", Duration::from_secs(60), || self.trouble())
    }

    pub fn trouble_is_over(&self) {
        wait_for("the trouble is over", Duration::from_secs(30), || {
            self.gateway.json(&["queue"])?["status"]["storage_failure"].is_null().then_some(())
        });
    }

    /// The log has the trouble and its end.
    pub fn said_both(&self) {
        self.gateway.says(&["ERROR", "the journal cannot be written"]);
        self.gateway.says(&["INFO", "the journal can be written again"]);
    }

    /// Waits until the devices act and nothing arrives.
    pub fn stands_still(&self, devices: &Devices) {
        wait_for("nothing arrives any more", Duration::from_secs(60), || {
            let so_far = self.sink.count();
            acts(devices, 500);
            (self.sink.count() == so_far).then_some(())
        });
    }

    /// Which processes there are: core and vendor.
    pub fn processes(&mut self) -> (u32, Option<u32>) {
        assert_eq!(self.gateway.ended(), None, "the core has ended");
        (self.gateway.pid(), self.gateway.vendor_pid())
    }

    /// Everything that the broker took over has arrived, once, in sequence, without a gap.
    pub fn all_arrived(&self, record: &Record) {
        wait_for_all(record, &self.sink);
        let entries = self.sink.accepted();
        let figures = check(record, &entries);
        one_id_each(&entries);
        println!("{figures:?}");
    }
}

/// What was sent before it was durable could leave its sequence to another event.
pub fn one_id_each(entries: &[Entry]) {
    let mut ids: HashMap<u64, &str> = HashMap::new();
    for entry in entries {
        let sequence = entry.detail["gateway"]["sequence"].as_u64().unwrap();
        let id = entry.detail["id"].as_str().unwrap();
        assert_eq!(*ids.entry(sequence).or_insert(id), id, "sequence {sequence} was used twice");
    }
}

/// Waits for so many more acts.
pub fn acts(devices: &Devices, more: u64) {
    let so_far = devices.done();
    wait_for("the devices act", Duration::from_secs(60), || {
        (devices.done() >= so_far + more).then_some(())
    });
}
