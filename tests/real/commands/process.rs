//! `doorward-vendor` as the core starts it: the link as its standard input, and over its standard
//! output the port, where it has one.

use std::io::{IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::BytesMut;
use doorward::domain::ids::{EndpointId, VendorId};
use doorward::domain::rate::Limits;
use doorward::link::{
    CommandOrder, CommandProgress, CommandTold, Connection, CoreFrame, FrameCodec, MqttConnection,
    PROTOCOL, Parity, SerialLine, TlsFiles, VendorFrame, VendorSetup,
};
use doorward_translators::{Act, EndpointSetup, RefusalReason, Setup};
use rustix::fs::{Mode, OFlags};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use rustix::termios::{ControlModes, OptionalActions};
use serde_json::{Value, json};
use tokio_util::codec::{Decoder, Encoder};
use uuid::Uuid;

use crate::support::certificates::Certificates;
use crate::support::wait_for;

const PATIENCE: Duration = Duration::from_secs(30);

/// A vendor process, and the test in the core's place.
pub struct Vendor {
    pub name: String,
    child: Child,
    link: Mutex<UnixStream>,
    ports: Option<UnixStream>,
    frames: Arc<Mutex<Vec<VendorFrame>>>,
    log: PathBuf,
}

/// What a vendor's file says, as far as a setup goes.
pub fn setup(ecosystem: &str, settings: &Value, endpoints: &[(&str, &str, Value)]) -> Setup {
    let table = |value: &Value| value.as_object().cloned().unwrap_or_default();
    Setup {
        ecosystem: ecosystem.to_owned(),
        profile: None,
        settings: table(settings),
        endpoints: endpoints
            .iter()
            .map(|(identity, address, settings)| EndpointSetup {
                identity: (*identity).to_owned(),
                address: (*address).to_owned(),
                settings: table(settings),
            })
            .collect(),
    }
}

/// zigbee2mqtt under its usual base topic.
pub fn zigbee2mqtt() -> Setup {
    setup("zigbee2mqtt", &json!({}), &[])
}

impl Vendor {
    /// Starts one that has its devices behind the broker at this port.
    pub fn mqtt(folder: &Path, name: &str, port: u16, setup: Setup) -> Self {
        let connection = MqttConnection {
            host: "127.0.0.1".to_owned(),
            port,
            client_id: format!("doorward-{name}"),
            tls: None,
            session_expiry_s: 600,
        };
        Self::start(folder, name, setup, Connection::Mqtt(connection))
    }

    /// The same in TLS, with this client's certificate.
    pub fn tls(folder: &Path, port: u16, of: &Certificates, client: &str, setup: Setup) -> Self {
        let file = |name: &str| of.folder.join(name);
        let connection = MqttConnection {
            host: "127.0.0.1".to_owned(),
            port,
            client_id: client.to_owned(),
            tls: Some(TlsFiles {
                ca: file("ca.pem"),
                certificate: Some(file(&format!("{client}.pem"))),
                key: Some(file(&format!("{client}.key"))),
            }),
            session_expiry_s: 600,
        };
        Self::start(folder, client, setup, Connection::Mqtt(connection))
    }

    /// Starts one on a line; its port is handed over by [`Self::plug`].
    pub fn serial(folder: &Path, name: &str, port: &Path, setup: Setup) -> Self {
        let line =
            SerialLine { port: port.to_owned(), baud: 9600, parity: Parity::None, stop_bits: 1 };
        Self::start(folder, name, setup, Connection::Serial(line))
    }

    fn start(folder: &Path, name: &str, setup: Setup, connection: Connection) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let log = folder.join(format!("{name}.log"));
        let (link, its_link) = UnixStream::pair().unwrap();
        let (ports, its_output) = match &connection {
            Connection::Mqtt(_) => (None, Stdio::null()),
            Connection::Serial(_) => {
                let (ports, its_ports) = UnixStream::pair().unwrap();
                (Some(ports), Stdio::from(OwnedFd::from(its_ports)))
            }
        };
        let child = Command::new(env!("CARGO_BIN_EXE_doorward-vendor"))
            .arg(name)
            .env_clear()
            .env("RUST_LOG", "info")
            .stdin(Stdio::from(OwnedFd::from(its_link)))
            .stdout(its_output)
            .stderr(std::fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let frames = Arc::new(Mutex::new(Vec::new()));
        let vendor = Self {
            name: name.to_owned(),
            child,
            link: Mutex::new(link),
            ports,
            frames: Arc::clone(&frames),
            log,
        };
        let hello = CoreFrame::Hello {
            protocol: PROTOCOL,
            build: "test".to_owned(),
            setup: Box::new(VendorSetup {
                vendor: VendorId::new(name),
                setup,
                connection,
                evidence_key: "00".repeat(32),
                device: Limits::default().device,
                drill: false,
            }),
        };
        let reading = vendor.link.lock().unwrap().try_clone().unwrap();
        vendor.send(&hello);
        std::thread::spawn(move || read(reading, &frames));
        vendor
    }

    pub fn send(&self, frame: &CoreFrame) {
        let mut wire = BytesMut::new();
        FrameCodec::<VendorFrame>::default().encode(frame, &mut wire).unwrap();
        self.link.lock().unwrap().write_all(&wire).unwrap();
    }

    /// Opens a port and hands it over, as the core does.
    pub fn plug(&self, port: &Path) {
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let port = rustix::fs::open(port, flags, Mode::empty()).unwrap();
        let mut settings = rustix::termios::tcgetattr(&port).unwrap();
        settings.make_raw();
        settings.control_modes.insert(ControlModes::CREAD | ControlModes::CLOCAL);
        rustix::termios::tcsetattr(&port, OptionalActions::Now, &settings).unwrap();
        let descriptors = [port.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        assert!(control.push(SendAncillaryMessage::ScmRights(&descriptors)));
        let socket = self.ports.as_ref().unwrap();
        let parts = [IoSlice::new(&[0])];
        rustix::net::sendmsg(socket, &parts, &mut control, SendFlags::empty()).unwrap();
    }

    /// Everything told so far but heartbeats.
    pub fn frames(&self) -> Vec<VendorFrame> {
        self.frames.lock().unwrap().clone()
    }

    /// Gives a command for a device whose identity is its address.
    pub fn give(&self, address: &str, act: Act, left: Duration) -> Uuid {
        let endpoint = EndpointId::of(&VendorId::new(self.name.as_str()), address);
        let order = CommandOrder::now(Uuid::now_v7(), endpoint, address.to_owned(), act, left);
        let id = order.id;
        self.send(&CoreFrame::Command(order));
        id
    }

    /// What was told of a command so far.
    pub fn told(&self, id: Uuid) -> Vec<CommandTold> {
        let of = |frame| match frame {
            VendorFrame::Command(told) if told.id == id => Some(told),
            _ => None,
        };
        self.frames().into_iter().filter_map(of).collect()
    }

    /// Waits for a command's end; whether it was told as dispatched before that, and the end.
    pub fn end(&self, id: Uuid) -> (bool, CommandProgress) {
        let last = wait_for("a command's end", PATIENCE, || {
            self.told(id).last().filter(|told| told.state.is_end()).map(|told| told.state)
        });
        let all = self.told(id);
        let before: Vec<_> = all[..all.len() - 1].iter().map(|told| told.state).collect();
        assert!(before.is_empty() || before == [CommandProgress::Dispatched], "{all:?}");
        (!before.is_empty(), last)
    }

    /// Waits until commands could be sent for the `count`th time, and state is heard, too.
    pub fn ready(&self, count: usize) {
        wait_for("commands can be sent", PATIENCE, || {
            let log = self.log();
            let connected = log.matches("connected to the broker").count() >= 1;
            (connected && log.matches("commands can be sent").count() >= count).then_some(())
        });
    }

    /// How often commands could be sent anew so far.
    pub fn readies(&self) -> usize {
        self.log().matches("commands can be sent").count()
    }

    /// Waits for a message that was refused for this reason; gives its topic.
    pub fn refused(&self, reason: RefusalReason, so_far: usize) -> String {
        let is = |frame: &VendorFrame| match frame {
            VendorFrame::Signal(signal) => {
                let evidence = signal.evidence.as_ref()?;
                (evidence.refusal == Some(reason)).then(|| evidence.source.clone())
            }
            _ => None,
        };
        wait_for("a refused message", PATIENCE, || self.frames().get(so_far..)?.iter().find_map(is))
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it has ended by itself.
    pub fn ended(&mut self) -> ExitStatus {
        wait_for("the process ends", PATIENCE, || self.child.try_wait().unwrap())
    }
}

impl Drop for Vendor {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(30).collect();
            eprintln!("{}'s log, last lines first:\n{}", self.name, tail.join("\n"));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Keeps what is told, and acknowledges every signal.
fn read(mut link: UnixStream, frames: &Mutex<Vec<VendorFrame>>) {
    let mut codec = FrameCodec::<VendorFrame>::default();
    let mut buffer = BytesMut::new();
    let mut bytes = [0; 8192];
    loop {
        let Ok(count @ 1..) = link.read(&mut bytes) else { return };
        buffer.extend_from_slice(&bytes[..count]);
        while let Some(frame) = codec.decode(&mut buffer).unwrap() {
            frame.check().unwrap();
            if let VendorFrame::Signal(signal) = &frame {
                let mut wire = BytesMut::new();
                let ack = CoreFrame::Ack { through: signal.n };
                FrameCodec::<VendorFrame>::default().encode(&ack, &mut wire).unwrap();
                let _ = link.write_all(&wire);
            }
            if !matches!(frame, VendorFrame::Heartbeat { .. }) {
                frames.lock().unwrap().push(frame);
            }
        }
    }
}
