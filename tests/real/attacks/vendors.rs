//! A vendor's process that was taken over, beside the one whose door is attacked: whoever runs in it
//! has its link to the core, and says there what he likes.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use bytes::BytesMut;
use doorward::domain::ids::{EndpointId, VendorId};
use doorward::link::{
    CommandOrder, CommandProgress, CommandRefusal, CommandTold, CoreFrame, Digest, FrameCodec,
    Signal, VendorFrame,
};
use doorward_translators::{
    Act, Capability, Device, LockState, Observation, Position, Quality, What,
};
use jiff::Timestamp;
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};
use serde::Serialize;
use tokio_util::codec::Encoder;
use uuid::Uuid;

use super::opens_for_the_right_one;
use crate::access::courier::{Service, deliver, trust};
use crate::access::{Around, CONTACT, LOCK, Stand};
use crate::support::gateway::signal;
use crate::support::wait_for;

/// The device of its own door.
const OWN: &str = "0x000d6f00deadbeef";
/// Later than every connection that it ever had.
const EPOCH: u32 = 1_000_000;

/// The taken process's end of the link. The process itself stands still.
struct Taken {
    link: UnixStream,
    pid: u32,
}

impl Taken {
    /// Takes over the process of the vendor `rogue` that runs now. It was never connected to
    /// anything, so its first signal is still to come. `so_far`: how often the core had heard of
    /// that from those before it.
    fn over(stand: &Stand, so_far: usize) -> Self {
        // Then it has said hello, and it is this process.
        wait_for("the rogue process runs", Duration::from_secs(60), || {
            (heard_of(stand) > so_far).then_some(())
        });
        let pid = stand.gateway.vendor_named("rogue").unwrap();
        assert!(signal(pid, "STOP"));
        let process = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
        let process = pidfd_open(process, PidfdFlags::empty()).unwrap();
        let link = pidfd_getfd(process, 0, PidfdGetfdFlags::empty()).unwrap();
        Self { link: UnixStream::from(link), pid }
    }

    fn say(&mut self, frame: &impl Serialize) {
        let mut wire = BytesMut::new();
        FrameCodec::<VendorFrame>::default().encode(frame, &mut wire).unwrap();
        self.link.write_all(&wire).unwrap();
    }

    /// Waits until the core has ended the process for what it said, with these words; gives how often
    /// it had heard of such by then.
    fn ends(self, stand: &Stand, words: &str) -> usize {
        let ended = "vendor=rogue cause=\"protocol_violation\"";
        wait_for("the taken process is ended", Duration::from_secs(30), || {
            let log = stand.gateway.log();
            let last = log.lines().rfind(|line| line.contains(ended))?;
            let gone = !std::path::Path::new(&format!("/proc/{}", self.pid)).exists();
            (gone && last.contains(words)).then(|| heard_of(stand))
        })
    }
}

/// How often the core was told by a rogue process that it is not connected.
fn heard_of(stand: &Stand) -> usize {
    stand.gateway.log().matches("the vendor lost its connection vendor=rogue").count()
}

fn observation(address: &str, what: What) -> Observation {
    Observation { address: address.to_owned(), device_time: None, what }
}

fn told(n: u64, observations: Vec<Observation>) -> VendorFrame {
    VendorFrame::Signal(Signal {
        n,
        digest: Digest(Uuid::now_v7().into_bytes()),
        identified: false,
        epoch: EPOCH,
        lossy: false,
        retained: false,
        received_at: Timestamp::now(),
        observations,
        stands_for: 0,
        evidence: None,
    })
}

/// The door `front` beside one that is the rogue vendor's.
fn stand(folder: &std::path::Path) -> (Stand, Service) {
    let (signer, table) = trust(folder);
    let more = format!("{table}[[entry]]\nid = \"back\"\nroles = {{ lock = \"rogue:{OWN}\" }}\n");
    // Nobody listens on this port.
    let file = format!(
        "ecosystem = \"zigbee2mqtt\"\n[settings]\nbase_topic = \"rogue\"\n[mqtt]\n\
         host = \"127.0.0.1\"\nport = 1\n[[endpoint]]\nid = \"{OWN}\"\naddress = \"back_lock\"\n"
    );
    let vendors: &[(&str, &str)] = &[("rogue", &file)];
    let around = Around { more: &more, vendors, ..Around::default() };
    let stand = Stand::amid(folder, around);
    let service = Service::new(signer, &stand);
    (stand, service)
}

#[test]
fn a_vendor_process_cannot_tell_of_a_door_that_is_not_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let (stand, service) = stand(folder.path());
    let mut taken = Taken::over(&stand, 0);
    let front = || {
        let door = stand.gateway.door("front").unwrap();
        (door["lock"].clone(), door["position"].clone(), door["endpoints"].clone())
    };
    let before = front();
    let up = VendorFrame::Connection { up: true, epoch: EPOCH, detail: String::new() };
    taken.say(&up);
    // That the other's devices are its own, under their identities and under their whole ids.
    let device = |identity: &str, address: &str| Device {
        identity: identity.to_owned(),
        address: address.to_owned(),
        manufacturer: None,
        model: None,
        capabilities: vec![Capability::Lock, Capability::Position],
    };
    let devices = vec![
        device(LOCK, "front_lock"),
        device(CONTACT, "front_contact"),
        device(&format!("zigbee2mqtt:{LOCK}"), "whole_lock"),
        device(OWN, "back_lock"),
    ];
    taken.say(&told(1, vec![observation("", What::Inventory { devices, complete: true })]));
    let open = |quality| What::Lock { state: LockState::Unlocked, quality };
    let stands_open = || What::Position { position: Position::Open, quality: Quality::Reported };
    let (lock, contact) = (format!("zigbee2mqtt:{LOCK}"), format!("zigbee2mqtt:{CONTACT}"));
    let mut observations = Vec::new();
    for address in ["front_lock", LOCK, &lock, "whole_lock", "../zigbee2mqtt/front_lock"] {
        for quality in [Quality::Reported, Quality::Cached, Quality::Assumed] {
            observations.push(observation(address, open(quality)));
        }
    }
    for address in ["front_contact", CONTACT, &contact] {
        observations.push(observation(address, stands_open()));
        let part = "bridge/state".to_owned();
        observations.push(observation(address, What::Availability { part, online: false }));
    }
    taken.say(&told(2, observations));
    // Of its own door it may tell; by when that is known, all before it was looked at.
    taken.say(&told(3, vec![observation("back_lock", open(Quality::Reported))]));
    stand.gateway.fact("back", "lock", "unlocked", "observed");
    assert_eq!(front(), before);
    stand.gateway.drained();
    let of_front = |kind: &str| {
        let told = stand.sink.of_type(kind);
        let unlocked = |e: &&crate::support::sink::Entry| {
            let data = &e.detail["data"];
            data["lock"] == "unlocked" || data["position"] == "open"
        };
        told.iter().filter(|e| e.detail["entry_id"] == "front").filter(unlocked).count()
    };
    assert_eq!((of_front("entry.lock_changed"), of_front("entry.position_changed")), (0, 0));
    assert_eq!(stand.sink.of_type("alarm.raised").len(), 0);
    // And the door opens for the right one as if nobody had said a word.
    opens_for_the_right_one(&stand, &service, 0);
    assert!(signal(taken.pid, "CONT"));
}

/// What it says of another's command, and what only the core says: each ends its process, and is
/// not heard.
#[test]
fn a_vendor_process_cannot_speak_of_a_command_that_it_was_not_given() {
    let folder = tempfile::tempdir().unwrap();
    let (stand, service) = stand(folder.path());
    // It hears the command and does nothing, so that there is time to lie about it.
    stand.lock.jam(true);
    let grant = service.grant();
    let request = service.request(grant.to_use().unwrap());
    let answer = deliver(&stand, &request.draft.finish());
    assert_eq!(answer["outcome"], "granted", "{answer}");
    let id: Uuid = answer["command_id"].as_str().unwrap().parse().unwrap();
    // It would give the use back, and the courier could ask again.
    let reason = CommandRefusal::DeviceException;
    let state = CommandProgress::Rejected { reason };
    let not_its_own = format!("a command that it was not given, or that has ended: {id}");
    let mut taken = Taken::over(&stand, 0);
    taken.say(&VendorFrame::Command(CommandTold { id, state, detail: String::new() }));
    let so_far = taken.ends(&stand, &not_its_own);
    // An order to the other's device, as the core would write it.
    let endpoint = EndpointId::of(&VendorId::new("zigbee2mqtt"), LOCK);
    let left = Duration::from_secs(15);
    let order =
        CommandOrder::now(Uuid::now_v7(), endpoint, "front_lock".to_owned(), Act::Unlock, left);
    let mut taken = Taken::over(&stand, so_far);
    taken.say(&CoreFrame::Command(order));
    let so_far = taken.ends(&stand, "not a frame of this protocol");
    let state = CommandProgress::Dispatched;
    let mut taken = Taken::over(&stand, so_far);
    taken.say(&VendorFrame::Command(CommandTold { id, state, detail: String::new() }));
    taken.ends(&stand, &not_its_own);

    stand.ends("timed_out");
    stand.gateway.drained();
    let states: Vec<String> = stand
        .sink
        .of_type("command.state_changed")
        .iter()
        .map(|entry| entry.detail["data"]["state"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(states, ["accepted", "dispatched", "acknowledged", "timed_out"]);
    let lied =
        |e: &crate::support::sink::Entry| e.detail["data"]["reason"] != "timed_out_unchanged";
    assert!(!stand.sink.of_type("grant.use_restored").iter().any(lied));
    assert!(stand.lock.acts().is_empty());
    stand.lock.jam(false);
    stand.known();
    opens_for_the_right_one(&stand, &service, 0);
}
