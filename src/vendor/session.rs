//! The vendor process's loop: devices' side in, frames out, acknowledgements back.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use doorward_translators::{Device, Observation, What, Wire, ecosystem};
use futures_util::{SinkExt, StreamExt};
use jiff::Timestamp;
use tokio::net::UnixStream;
use tokio::time::Instant;
use tokio_util::codec::Framed;

use super::Happening;
use super::conversation::Conversation;
use super::evidence::Examiner;
use super::messages::Messages;
use super::mqtt::Receipt;
use super::serial::Handover;
use crate::link::{
    CREDIT, Connection, CoreFrame, FrameCodec, PROTOCOL, ReadRequest, Signal, VendorFrame,
    VendorSetup,
};

const HEARTBEAT: Duration = Duration::from_secs(2);
/// How long the core may take to say hello.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);
/// Reads are spread out: each makes a radio transmission.
const READ_PACE: Duration = Duration::from_millis(100);
/// Reads that may wait; beyond, the oldest are dropped, since a newer gap asks again.
const MAX_READS: usize = 1024;

type Link = Framed<UnixStream, FrameCodec<CoreFrame>>;

/// Runs until the core closes the link.
pub async fn run(socket: UnixStream) -> anyhow::Result<()> {
    let mut link: Link = Framed::new(socket, FrameCodec::default());
    let hello =
        VendorFrame::Hello { protocol: PROTOCOL, build: env!("CARGO_PKG_VERSION").to_owned() };
    link.send(&hello).await?;
    let setup = match tokio::time::timeout(HELLO_TIMEOUT, link.next()).await? {
        Some(Ok(CoreFrame::Hello { protocol: PROTOCOL, setup, .. })) => *setup,
        Some(Ok(CoreFrame::Hello { protocol, .. })) => {
            bail!("the core speaks protocol {protocol}, this process {PROTOCOL}")
        }
        Some(Ok(_)) => bail!("the core's first frame is not a hello"),
        Some(Err(error)) => return Err(error.into()),
        None => return Ok(()),
    };
    Session::new(link, &setup)?.run().await
}

/// The devices' side, by transport.
enum Side {
    Messages(Messages),
    Conversation(Conversation),
}

impl Side {
    /// The devices' side, and whether its devices are those of the vendor's file alone.
    fn open(setup: &VendorSetup) -> anyhow::Result<(Self, bool)> {
        let opened = ecosystem::open(&setup.setup).map_err(|faults| {
            let all: Vec<String> =
                faults.iter().map(|fault| format!("{}: {}", fault.key, fault.message)).collect();
            anyhow!("the vendor's settings: {}", all.join("; "))
        })?;
        let side = match (opened.wire, &setup.connection) {
            (Wire::Mqtt(translator), Connection::Mqtt(connection)) => {
                Self::Messages(Messages::connect(connection, translator)?)
            }
            (Wire::Serial(driver), Connection::Serial(_)) => {
                let handover = Handover::new(super::socket(&std::io::stdout())?);
                Self::Conversation(Conversation::new(handover, driver))
            }
            _ => bail!("{} has another transport", setup.setup.ecosystem),
        };
        Ok((side, opened.lists.is_none()))
    }

    /// What happens next. `may_signal`: whether the core takes one more.
    async fn next(&mut self, may_signal: bool, examiner: &Examiner) -> anyhow::Result<Happening> {
        match self {
            Self::Messages(messages) if may_signal => {
                messages.next(examiner).await.context("the broker's task has ended")
            }
            Self::Messages(_) => std::future::pending().await,
            Self::Conversation(conversation) => {
                conversation.next(may_signal, examiner).await.context("the port's socket")
            }
        }
    }

    fn try_next(&mut self, examiner: &Examiner) -> Option<Happening> {
        match self {
            Self::Messages(messages) => messages.try_next(examiner),
            Self::Conversation(conversation) => conversation.try_next(),
        }
    }

    fn read_delay(&self) -> Duration {
        match self {
            Self::Messages(messages) => messages.read_delay(),
            Self::Conversation(_) => Duration::ZERO,
        }
    }

    fn read(&mut self, address: &str) {
        match self {
            Self::Messages(messages) => messages.read(address),
            Self::Conversation(conversation) => conversation.read(address),
        }
    }

    fn devices(&self) -> Vec<Device> {
        match self {
            Self::Messages(messages) => messages.devices(),
            Self::Conversation(conversation) => conversation.devices(),
        }
    }
}

struct Session {
    link: Link,
    side: Side,
    /// There are the devices of the vendor's file, and no others.
    lists_devices: bool,
    examiner: Examiner,
    /// Signals that the core has not acknowledged, oldest first.
    unacknowledged: VecDeque<(u64, Option<Receipt>)>,
    last: u64,
    turns: u64,
    /// When each is due, soonest first.
    reads: VecDeque<(Instant, ReadRequest)>,
}

impl Session {
    fn new(link: Link, setup: &VendorSetup) -> anyhow::Result<Self> {
        let (side, lists_devices) = Side::open(setup)?;
        Ok(Self {
            link,
            side,
            lists_devices,
            examiner: Examiner::new(setup.vendor.as_str(), setup.evidence_key.as_bytes()),
            unacknowledged: VecDeque::new(),
            last: 0,
            turns: 0,
            reads: VecDeque::new(),
        })
    }

    async fn run(mut self) -> anyhow::Result<()> {
        self.list_devices().await?;
        let mut heartbeat = tokio::time::interval(HEARTBEAT);
        let mut pace = tokio::time::interval(READ_PACE);
        pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            self.turns += 1;
            let may_signal = self.unacknowledged.len() < CREDIT;
            tokio::select! {
                frame = self.link.next() => match frame {
                    None => return Ok(()),
                    Some(frame) => self.frame(frame?)?,
                },
                happening = self.side.next(may_signal, &self.examiner) => {
                    self.happened(happening?).await?;
                    // What has gathered goes out in one write.
                    while self.unacknowledged.len() < CREDIT
                        && let Some(happening) = self.side.try_next(&self.examiner)
                    {
                        self.happened(happening).await?;
                    }
                    SinkExt::<&VendorFrame>::flush(&mut self.link).await?;
                }
                _ = heartbeat.tick() => {
                    let unacknowledged = u32::try_from(self.unacknowledged.len()).unwrap_or(u32::MAX);
                    let beat = VendorFrame::Heartbeat { turns: self.turns, unacknowledged };
                    self.link.send(&beat).await?;
                }
                _ = pace.tick(), if !self.reads.is_empty() => self.read_one(),
            }
        }
    }

    /// The devices that the vendor's file lists, as an inventory of its own: before any of them is
    /// asked or heard.
    async fn list_devices(&mut self) -> anyhow::Result<()> {
        if !self.lists_devices {
            return Ok(());
        }
        let devices = self.side.devices();
        let inventory = Observation {
            address: String::new(),
            device_time: None,
            what: What::Inventory { devices, complete: true },
        };
        let signal = Signal {
            n: 0,
            digest: self.examiner.digest("", &[]),
            identified: false,
            epoch: 0,
            lossy: false,
            retained: false,
            received_at: Timestamp::now(),
            observations: vec![inventory],
            evidence: None,
        };
        self.happened(Happening::Signal { signal, receipt: None }).await?;
        SinkExt::<&VendorFrame>::flush(&mut self.link).await?;
        Ok(())
    }

    fn frame(&mut self, frame: CoreFrame) -> anyhow::Result<()> {
        match frame {
            CoreFrame::Ack { through } => {
                while let Some((n, receipt)) =
                    self.unacknowledged.pop_front_if(|(n, _)| *n <= through)
                {
                    tracing::trace!(n, "acknowledged");
                    if let (Some(receipt), Side::Messages(messages)) = (receipt, &self.side) {
                        messages.acknowledge(&receipt);
                    }
                }
            }
            CoreFrame::Read { devices } => {
                let due = Instant::now() + self.side.read_delay();
                for device in devices {
                    if !self.reads.iter().any(|(_, waiting)| *waiting == device) {
                        self.reads.push_back((due, device));
                    }
                }
                while self.reads.len() > MAX_READS {
                    self.reads.pop_front();
                }
            }
            CoreFrame::Hello { .. } => bail!("the core said hello twice"),
        }
        Ok(())
    }

    async fn happened(&mut self, happening: Happening) -> anyhow::Result<()> {
        let frame = match happening {
            Happening::Connected { epoch } => {
                VendorFrame::Connection { up: true, epoch, detail: String::new() }
            }
            Happening::Disconnected { epoch, detail } => {
                VendorFrame::Connection { up: false, epoch, detail }
            }
            Happening::Signal { mut signal, receipt } => {
                self.last += 1;
                signal.n = self.last;
                self.unacknowledged.push_back((self.last, receipt));
                VendorFrame::Signal(signal)
            }
        };
        self.link.feed(&frame).await?;
        Ok(())
    }

    fn read_one(&mut self) {
        let now = Instant::now();
        if let Some((_, device)) = self.reads.pop_front_if(|(due, _)| *due <= now) {
            tracing::debug!(endpoint = %device.endpoint, "reading its state again");
            self.side.read(&device.address);
        }
    }
}
