//! The vendor process's loop: devices' side in, frames out, acknowledgements back.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use anyhow::{Context, bail};
use doorward_sandbox::Prepared;
use doorward_translators::{CannotAct, Device, Observation, What};
use futures_util::{SinkExt, StreamExt};
use jiff::Timestamp;
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::codec::Framed;
use uuid::Uuid;

use super::Happening;
use super::commands::{Desk, Refused, is_late, refused};
use super::evidence::Examiner;
use super::faults;
use super::mqtt::Receipt;
use super::newest::{Newest, Told};
use super::sandbox::{self, Resolver};
use super::side::Side;
use crate::domain::ids::{EndpointId, VendorId};
use crate::link::{
    CREDIT, CommandOrder, CommandProgress, CommandRefusal, CommandTold, CoreFrame, FrameCodec,
    PROTOCOL, ReadRequest, Signal, VendorFrame, VendorSetup,
};

const HEARTBEAT: Duration = Duration::from_secs(1);
/// How long the core may take to say hello.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);
/// Reads are spread out: each makes a radio transmission.
const READ_PACE: Duration = Duration::from_millis(100);
/// Reads that may wait; beyond, the oldest are dropped, since a newer gap asks again.
const MAX_READS: usize = 1024;
/// While a device floods, so many times it is looked what was read meanwhile, and fewer messages than
/// this mean that it was all: rumqttc reads nine at a time.
const PASSES: usize = 16;
const FEW: u64 = 8;
/// Longest words about a command, in characters.
const MAX_WORDS: usize = 256;

type Link = Framed<UnixStream, FrameCodec<CoreFrame>>;

/// Runs until the core closes the link. `prepared`: the sandbox, to be closed for good; `None`: in
/// another's process, which is not to be.
pub async fn run(socket: UnixStream, prepared: Option<Prepared>) -> anyhow::Result<()> {
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
    let profile = sandbox::profile(&setup);
    let mut session = Session::new(link, &setup, Resolver::now(&profile))?;
    // Its files are read, its tasks have not run yet: nothing of a device or a broker is in here.
    let layers = match prepared {
        Some(prepared) => doorward_sandbox::lock_down(prepared, &profile).context("the sandbox")?,
        None => Vec::new(),
    };
    session.link.send(&VendorFrame::Sandbox { layers }).await?;
    if setup.drill {
        session.strange = Some(faults::listen(&setup, session.link.get_ref())?);
    }
    session.run().await
}

struct Session {
    vendor: VendorId,
    link: Link,
    side: Side,
    /// The addresses of the devices, where there are those of the vendor's file and no others.
    own: Option<HashMap<EndpointId, String>>,
    desk: Desk,
    resolver: Resolver,
    examiner: Examiner,
    newest: Newest<Receipt>,
    begun: Instant,
    /// Messages that the core has not acknowledged, oldest first, each with the signal that tells of
    /// it or stands for it.
    unacknowledged: VecDeque<(u64, Option<Receipt>)>,
    last: u64,
    handled: u64,
    /// When each is due, soonest first.
    reads: VecDeque<(Instant, ReadRequest)>,
    /// Of a drill alone: frames that the translator never made.
    strange: Option<mpsc::Receiver<VendorFrame>>,
}

impl Session {
    fn new(link: Link, setup: &VendorSetup, resolver: Resolver) -> anyhow::Result<Self> {
        let (side, lists_devices) = Side::open(setup)?;
        let vendor = setup.vendor.clone();
        let named = |of: Device| (EndpointId::of(&vendor, &of.identity), of.address);
        let own = lists_devices.then(|| side.devices().into_iter().map(named).collect());
        Ok(Self {
            vendor,
            link,
            side,
            own,
            desk: Desk::default(),
            resolver,
            examiner: Examiner::new(setup.vendor.as_str(), setup.evidence_key.as_bytes()),
            newest: Newest::new(setup.device),
            begun: Instant::now(),
            unacknowledged: VecDeque::new(),
            last: 0,
            handled: 0,
            reads: VecDeque::new(),
            strange: None,
        })
    }

    async fn run(mut self) -> anyhow::Result<()> {
        self.list_devices().await?;
        let mut heartbeat = tokio::time::interval(HEARTBEAT);
        let mut pace = tokio::time::interval(READ_PACE);
        pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let may_signal = self.unacknowledged.len() < CREDIT;
            let due = self.desk.due(self.side.least_left(), self.side.may_abandon());
            tokio::select! {
                frame = self.link.next() => match frame {
                    None => return Ok(()),
                    Some(frame) => self.frame(frame?).await?,
                },
                () = after(due) => self.overdue().await?,
                happening = self.side.next(may_signal, &self.examiner) => {
                    self.happened(happening?).await?;
                    self.gathered().await?;
                    self.flush().await?;
                }
                _ = heartbeat.tick() => {
                    let unacknowledged = u32::try_from(self.unacknowledged.len()).unwrap_or(u32::MAX);
                    let (handled, waiting) = (self.handled, self.side.waiting());
                    let beat = VendorFrame::Heartbeat { handled, waiting, unacknowledged };
                    self.link.send(&beat).await?;
                }
                _ = pace.tick(), if !self.reads.is_empty() => self.read_one(),
                Some(frame) = ordered(&mut self.strange) => self.misspeak(frame).await?,
            }
        }
    }

    /// The devices that the vendor's file lists, as an inventory of its own: before any of them is
    /// asked or heard.
    async fn list_devices(&mut self) -> anyhow::Result<()> {
        if self.own.is_none() {
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
            stands_for: 0,
            evidence: None,
        };
        self.happened(Happening::Signal { signal, receipt: None }).await?;
        self.flush().await
    }

    async fn frame(&mut self, frame: CoreFrame) -> anyhow::Result<()> {
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
            CoreFrame::Command(order) => self.commanded(order).await?,
            CoreFrame::Hello { .. } => bail!("the core said hello twice"),
        }
        Ok(())
    }

    /// A command has come.
    async fn commanded(&mut self, order: CommandOrder) -> anyhow::Result<()> {
        order.check(&self.vendor).context("a command of the core")?;
        let id = order.id;
        let own = self.own.as_ref();
        if own.is_some_and(|own| own.get(&order.endpoint) != Some(&order.address)) {
            let cannot = CannotAct::UnknownDevice(order.address);
            return self.reject(id, refused(&cannot)).await;
        }
        if self.desk.take(order).is_err() {
            let words = "too many commands wait, or one for this device";
            return self.reject(id, (CommandRefusal::Busy, words.to_owned())).await;
        }
        self.proceed().await
    }

    /// Begins the next command, if none is in hand.
    async fn proceed(&mut self) -> anyhow::Result<()> {
        while let Some(order) = self.desk.next() {
            match self.dispatch(&order).await? {
                Ok(()) => return Ok(()),
                Err(refused) => {
                    self.desk.ended();
                    self.reject(order.id, refused).await?;
                }
            }
        }
        Ok(())
    }

    /// Tells that a command is about to be written, then hands it to the wire. What was checked
    /// before is checked again, since telling may take its time.
    async fn dispatch(&mut self, order: &CommandOrder) -> anyhow::Result<Result<(), Refused>> {
        if let Err(refused) = self.may_begin(order) {
            return Ok(Err(refused));
        }
        self.tell(order.id, CommandProgress::Dispatched, String::new()).await?;
        Ok(self.may_begin(order).and_then(|()| self.side.begin(order)))
    }

    fn may_begin(&self, order: &CommandOrder) -> Result<(), Refused> {
        if is_late(order, self.side.least_left()) {
            return Err((CommandRefusal::TooLate, "too little of its time is left".to_owned()));
        }
        self.side.ready(order)
    }

    /// The time of a command is over: of one that waits, or of the one in hand.
    async fn overdue(&mut self) -> anyhow::Result<()> {
        while let Some(order) = self.desk.overdue(self.side.least_left()) {
            let words = "its time was over before its turn came".to_owned();
            self.reject(order.id, (CommandRefusal::TooLate, words)).await?;
        }
        let is_over = self.desk.in_hand_left().is_some_and(|left| left.is_zero());
        if is_over
            && self.side.may_abandon()
            && let Some(order) = self.desk.ended()
        {
            self.side.abandon();
            let words = "no answer within its time".to_owned();
            self.tell(order.id, CommandProgress::Indeterminate, words).await?;
        }
        self.proceed().await
    }

    async fn reject(&mut self, id: Uuid, (reason, words): Refused) -> anyhow::Result<()> {
        self.tell(id, CommandProgress::Rejected { reason }, words).await
    }

    /// Returns only when the core has it, or can have it even after this process has ended.
    async fn tell(
        &mut self,
        id: Uuid,
        state: CommandProgress,
        words: String,
    ) -> anyhow::Result<()> {
        tracing::info!(%id, ?state, words, "command");
        let detail = doorward_events::bounded_text(&words, MAX_WORDS);
        let told = VendorFrame::Command(CommandTold { id, state, detail });
        Ok(self.link.send(&told).await?)
    }

    async fn happened(&mut self, happening: Happening) -> anyhow::Result<()> {
        self.handled += 1;
        let frame = match happening {
            Happening::Signal { signal, receipt } => {
                for told in self.newest.next(self.begun.elapsed(), signal, receipt) {
                    self.signal(told).await?;
                }
                return Ok(());
            }
            Happening::Connected { epoch } => {
                VendorFrame::Connection { up: true, epoch, detail: String::new() }
            }
            Happening::Disconnected { .. } if self.resolver.is_replaced() => {
                bail!("the resolver's files were replaced; a new process reads the new ones")
            }
            Happening::Disconnected { epoch, detail } => {
                VendorFrame::Connection { up: false, epoch, detail }
            }
            Happening::Ended((state, words)) => {
                self.tell_waiting().await?;
                if let Some(order) = self.desk.ended() {
                    self.tell(order.id, state, words).await?;
                }
                return self.proceed().await;
            }
        };
        self.tell_waiting().await?;
        self.link.feed(&frame).await?;
        Ok(())
    }

    /// Tells what waited for a newer one.
    async fn tell_waiting(&mut self) -> anyhow::Result<()> {
        let told = self.newest.take();
        self.signal(told).await
    }

    /// Tells a signal, once what has gathered is flushed.
    async fn signal(&mut self, told: Option<Told<Receipt>>) -> anyhow::Result<()> {
        let Some(Told { mut signal, receipts }) = told else { return Ok(()) };
        self.last += 1;
        signal.n = self.last;
        if receipts.is_empty() {
            self.unacknowledged.push_back((self.last, None));
        }
        let all = receipts.into_iter().map(|receipt| (signal.n, Some(receipt)));
        self.unacknowledged.extend(all);
        Ok(self.link.feed(&VendorFrame::Signal(signal)).await?)
    }

    /// Takes what has gathered; while a device floods, what is read meanwhile, too, and then the
    /// socket is let rest.
    async fn gathered(&mut self) -> anyhow::Result<()> {
        for _ in 0..PASSES {
            let before = self.handled;
            while self.unacknowledged.len() + self.newest.waiting() < CREDIT
                && let Some(happening) = self.side.try_next(&self.examiner)
            {
                self.happened(happening).await?;
            }
            if self.newest.waiting() == 0 {
                return Ok(());
            }
            if self.handled - before < FEW {
                self.side.rest();
                return Ok(());
            }
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// What has gathered goes out in one write.
    async fn flush(&mut self) -> anyhow::Result<()> {
        self.tell_waiting().await?;
        Ok(SinkExt::<&VendorFrame>::flush(&mut self.link).await?)
    }

    /// Says what a drill ordered.
    async fn misspeak(&mut self, frame: VendorFrame) -> anyhow::Result<()> {
        match frame {
            VendorFrame::Signal(signal) => {
                self.happened(Happening::Signal { signal, receipt: None }).await?;
                self.flush().await?;
            }
            other => self.link.send(&other).await?,
        }
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

async fn after(wait: Option<Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}

async fn ordered(strange: &mut Option<mpsc::Receiver<VendorFrame>>) -> Option<VendorFrame> {
    match strange {
        Some(strange) => strange.recv().await,
        None => std::future::pending().await,
    }
}
