//! The vendor process's loop: broker in, frames out, acknowledgements back.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Context, bail};
use doorward_translators::{Message, Translator};
use futures_util::{SinkExt, StreamExt};
use jiff::Timestamp;
use tokio::net::UnixStream;
use tokio_util::codec::Framed;

use super::evidence::Examiner;
use super::mqtt::{Answers, Broker, BrokerEvent, Delivery, Receipt};
use crate::link::{
    CREDIT, CoreFrame, FrameCodec, PROTOCOL, ReadRequest, Signal, VendorFrame, VendorSetup,
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

struct Session {
    link: Link,
    broker: Broker,
    answers: Answers,
    translator: Box<dyn Translator>,
    examiner: Examiner,
    /// Signals that the core has not acknowledged, oldest first.
    unacknowledged: VecDeque<(u64, Option<Receipt>)>,
    last: u64,
    turns: u64,
    reads: VecDeque<ReadRequest>,
}

impl Session {
    fn new(link: Link, setup: &VendorSetup) -> anyhow::Result<Self> {
        let translator = super::translator(&setup.ecosystem)?;
        let filters = translator.subscriptions().into_iter().map(|s| s.filter).collect();
        let (broker, answers) =
            Broker::connect(&setup.mqtt, filters).context("the broker's settings")?;
        Ok(Self {
            link,
            broker,
            answers,
            translator,
            examiner: Examiner::new(setup.vendor.as_str(), setup.evidence_key.as_bytes()),
            unacknowledged: VecDeque::new(),
            last: 0,
            turns: 0,
            reads: VecDeque::new(),
        })
    }

    async fn run(mut self) -> anyhow::Result<()> {
        let mut heartbeat = tokio::time::interval(HEARTBEAT);
        let mut pace = tokio::time::interval(READ_PACE);
        pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            self.turns += 1;
            let may_receive = self.unacknowledged.len() < CREDIT;
            tokio::select! {
                frame = self.link.next() => match frame {
                    None => return Ok(()),
                    Some(frame) => self.frame(frame?)?,
                },
                event = self.broker.next(), if may_receive => {
                    let Some(event) = event else { bail!("the broker's task has ended") };
                    self.event(event).await?;
                    // What has gathered goes out in one write.
                    while self.unacknowledged.len() < CREDIT
                        && let Some(event) = self.broker.try_next()
                    {
                        self.event(event).await?;
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

    fn frame(&mut self, frame: CoreFrame) -> anyhow::Result<()> {
        match frame {
            CoreFrame::Ack { through } => {
                while let Some((n, receipt)) =
                    self.unacknowledged.pop_front_if(|(n, _)| *n <= through)
                {
                    tracing::trace!(n, "acknowledged");
                    if let Some(receipt) = receipt {
                        self.answers.acknowledge(&receipt);
                    }
                }
            }
            CoreFrame::Read { devices } => {
                for device in devices {
                    if !self.reads.contains(&device) {
                        self.reads.push_back(device);
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

    async fn event(&mut self, event: BrokerEvent) -> anyhow::Result<()> {
        let frame = match event {
            BrokerEvent::Connected { epoch, session } => {
                tracing::info!(epoch, session, "connected to the broker");
                VendorFrame::Connection { up: true, epoch, detail: String::new() }
            }
            BrokerEvent::Disconnected { epoch, detail } => {
                tracing::warn!(epoch, detail, "no connection to the broker");
                VendorFrame::Connection { up: false, epoch, detail }
            }
            BrokerEvent::Message(delivery) => VendorFrame::Signal(self.signal(delivery)),
        };
        self.link.feed(&frame).await?;
        Ok(())
    }

    fn signal(&mut self, delivery: Delivery) -> Signal {
        let Delivery { topic, payload, retained, receipt, epoch } = delivery;
        let message = Message { topic: &topic, payload: &payload, retained };
        let (observations, evidence) = match self.translator.translate(&message) {
            Ok(observations) => {
                let sensitive = self.translator.is_sensitive(&topic, &payload);
                let evidence = self.examiner.anomalies(&topic, &payload, &observations, sensitive);
                (observations, evidence)
            }
            Err(refusal) => (Vec::new(), Some(self.examiner.refused(&topic, &payload, &refusal))),
        };
        self.last += 1;
        let signal = Signal {
            n: self.last,
            digest: self.examiner.digest(&topic, &payload),
            epoch,
            lossy: receipt.is_none(),
            retained,
            received_at: Timestamp::now(),
            observations,
            evidence,
        };
        self.unacknowledged.push_back((self.last, receipt));
        signal
    }

    fn read_one(&mut self) {
        if let Some(device) = self.reads.pop_front()
            && let Some((topic, payload)) = self.translator.read_request(&device.address)
        {
            tracing::debug!(endpoint = %device.endpoint, "reading its state again");
            self.answers.publish_unreliable(&topic, payload);
        }
    }
}
