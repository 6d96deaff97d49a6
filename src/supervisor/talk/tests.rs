use doorward_translators::{Act, Device, Observation, Setup, What};
use tokio::net::UnixStream;
use tokio_util::codec::Framed;
use uuid::Uuid;

use super::*;
use crate::domain::ids::{EndpointId, VendorId};
use crate::domain::rate::Rate;
use crate::link::{
    CommandOrder, CommandProgress, CommandRefusal, CommandTold, Digest, Layer, MqttConnection,
    Signal,
};

/// A test in a vendor process's place, and what the core is told of it.
struct Stand {
    process: Framed<UnixStream, FrameCodec<CoreFrame>>,
    events: mpsc::Receiver<Event>,
    end: tokio::task::JoinHandle<Option<Cause>>,
    vendor: Vendor,
}

impl Stand {
    /// It tells its sandbox, as it must before anything of devices.
    async fn lock_down(&mut self) {
        let layers = vec![layer("limits", true)];
        self.process.send(&VendorFrame::Sandbox { layers }).await.unwrap();
        let told = self.events.recv().await;
        let frame = matches!(&told, Some(Event::Frame { frame: VendorFrame::Sandbox { .. }, .. }));
        assert!(frame, "{told:?}");
    }
}

async fn stand() -> Stand {
    limited(Limits::default()).await
}

async fn limited(limits: Limits) -> Stand {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let (tell, mut events) = mpsc::channel(64);
    let setup = VendorSetup {
        vendor: VendorId::new("z"),
        setup: Setup::default(),
        connection: Connection::Mqtt(MqttConnection {
            host: String::new(),
            port: 1,
            client_id: String::new(),
            tls: None,
            session_expiry_s: 0,
        }),
        evidence_key: String::new(),
        device: limits.device,
        drill: false,
    };
    let end = tokio::spawn(async move {
        let sockets = Sockets { link: ours, port: None, cgroup: layer("cgroup", false) };
        let mut record = Record::default();
        let (last, _) = watch::channel(false);
        let life = Life { number: 7, pid: None, begun: Instant::now(), last };
        match talk(&setup, limits, life, sockets, &tell, &mut record).await {
            Ok(End::Fault(cause)) => Some(cause),
            Ok(End::LinkClosed) | Err(Closed) => None,
        }
    });
    let mut process = Framed::new(theirs, FrameCodec::<CoreFrame>::default());
    let hello = VendorFrame::Hello { protocol: PROTOCOL, build: "test".to_owned() };
    process.send(&hello).await.unwrap();
    assert!(matches!(process.next().await, Some(Ok(CoreFrame::Hello { .. }))));
    let Some(Event::Started { link: vendor, .. }) = events.recv().await else { panic!("it runs") };
    Stand { process, events, end, vendor }
}

fn order(number: u128) -> CommandOrder {
    let endpoint = EndpointId::new("z:0x1");
    let left = Duration::from_secs(9);
    CommandOrder::now(Uuid::from_u128(number), endpoint, "front".to_owned(), Act::Unlock, left)
}

fn told(number: u128, state: CommandProgress) -> VendorFrame {
    VendorFrame::Command(CommandTold { id: Uuid::from_u128(number), state, detail: String::new() })
}

#[tokio::test]
async fn a_command_goes_there_and_its_progress_comes_back() {
    let mut stand = stand().await;
    assert!(stand.vendor.command(order(1)));
    assert!(!stand.vendor.command(order(1)), "one that is open is not given again");
    let Some(Ok(CoreFrame::Command(got))) = stand.process.next().await else { panic!("a command") };
    assert_eq!(got.id, order(1).id);
    for state in [CommandProgress::Dispatched, CommandProgress::Acknowledged] {
        stand.process.send(&told(1, state)).await.unwrap();
        match stand.events.recv().await {
            Some(Event::Frame { life: 7, frame: VendorFrame::Command(told), .. }) => {
                assert_eq!(told.state, state);
            }
            other => panic!("{other:?}"),
        }
    }
    drop(stand.process);
    assert_eq!(stand.end.await.unwrap(), None);
    assert!(!stand.vendor.command(order(2)), "this life is over");
}

#[tokio::test]
async fn who_speaks_of_a_command_that_it_was_not_given_is_ended() {
    let rejected = CommandProgress::Rejected { reason: CommandRefusal::Busy };
    for (given, said) in [
        (None, vec![told(1, CommandProgress::Dispatched)]),
        (Some(1), vec![told(2, rejected)]),
        (Some(1), vec![told(1, CommandProgress::Acknowledged)]),
        (Some(1), vec![told(1, rejected), told(1, rejected)]),
    ] {
        let mut stand = stand().await;
        if let Some(number) = given {
            assert!(stand.vendor.command(order(number)));
            assert!(matches!(stand.process.next().await, Some(Ok(CoreFrame::Command(_)))));
        }
        for frame in &said {
            stand.process.send(frame).await.unwrap();
        }
        let cause = stand.end.await.unwrap().unwrap();
        assert_eq!(cause.word, "protocol_violation", "{said:?}");
    }
}

/// The core never waits: a process that takes nothing is given so much and no more.
#[tokio::test]
async fn a_process_that_takes_nothing_holds_nobody_up() {
    let stand = stand().await;
    let taken = (0..1000).filter(|number| stand.vendor.command(order(*number))).count();
    assert_eq!(taken, MAX_GIVEN);
}

fn layer(name: &str, in_force: bool) -> Layer {
    Layer { name: name.to_owned(), in_force, detail: String::new() }
}

/// A process that was taken over may say what it likes of itself, and nothing of what the core does.
#[tokio::test]
async fn of_its_control_group_the_core_speaks_alone() {
    let mut stand = stand().await;
    let layers = vec![layer("limits", true), layer("cgroup", true)];
    stand.process.send(&VendorFrame::Sandbox { layers }).await.unwrap();
    match stand.events.recv().await {
        Some(Event::Frame { frame: VendorFrame::Sandbox { layers }, .. }) => {
            assert_eq!(layers, [layer("limits", true), layer("cgroup", false)]);
        }
        other => panic!("{other:?}"),
    }
}

fn signal(n: u64) -> VendorFrame {
    VendorFrame::Signal(Signal {
        n,
        digest: Digest([0; 16]),
        identified: false,
        epoch: 1,
        lossy: false,
        retained: false,
        received_at: jiff::Timestamp::UNIX_EPOCH,
        observations: Vec::new(),
        stands_for: 0,
        evidence: None,
    })
}

/// Nothing is read any more while a vendor is over its limit, and it is neither ended for that nor
/// taken for hung, however long.
#[tokio::test(start_paused = true)]
async fn a_process_that_sends_too_much_is_read_slowly_and_goes_on() {
    let limits = Limits { frames: Rate::new(1, 10), ..Limits::default() };
    let mut stand = limited(limits).await;
    stand.lock_down().await;
    let begun = tokio::time::Instant::now();
    for n in 1..=60 {
        stand.process.send(&signal(n)).await.unwrap();
    }
    for n in 1..=60 {
        match stand.events.recv().await {
            Some(Event::Frame { frame: VendorFrame::Signal(signal), .. }) => {
                assert_eq!(signal.n, n);
            }
            other => panic!("{other:?}"),
        }
    }
    let took = begun.elapsed().as_secs();
    assert!((48..=51).contains(&took), "{took} s");
    assert!(stand.vendor.is_throttled() && !stand.end.is_finished());
}

/// Frames that nobody handles wait in the kernel, not here.
#[tokio::test]
async fn what_waits_of_a_process_is_bounded_in_bytes() {
    let mut stand = stand().await;
    stand.lock_down().await;
    let large = VendorFrame::Signal(Signal {
        observations: vec![Observation {
            address: String::new(),
            device_time: None,
            what: What::Inventory { devices: devices(4000), complete: true },
        }],
        ..match signal(1) {
            VendorFrame::Signal(signal) => signal,
            other => panic!("{other:?}"),
        }
    });
    let length = serde_json::to_vec(&large).unwrap().len();
    assert!(length > 1 << 20, "{length}");
    let sending = tokio::spawn(async move {
        for n in 1..=20 {
            let mut frame = large.clone();
            if let VendorFrame::Signal(signal) = &mut frame {
                signal.n = n;
            }
            if stand.process.send(&frame).await.is_err() {
                return;
            }
        }
    });
    // Whatever it takes without anybody handling it, it has taken when the sender stands still.
    let mut waiting = stand.events.len();
    loop {
        tokio::time::sleep(Duration::from_millis(300)).await;
        if waiting > 0 && stand.events.len() == waiting {
            break;
        }
        waiting = stand.events.len();
    }
    assert!(waiting * length <= 4 << 20, "{waiting} of {length} bytes wait");
    assert!(!sending.is_finished());
    for _ in 0..20 {
        assert!(matches!(stand.events.recv().await, Some(Event::Frame { .. })));
    }
    sending.await.unwrap();
}

fn devices(count: usize) -> Vec<Device> {
    let device = |number: usize| Device {
        identity: format!("{number:0>100}"),
        address: format!("{number:0>200}"),
        manufacturer: None,
        model: None,
        capabilities: Vec::new(),
    };
    (0..count).map(device).collect()
}
