//! Messages of a broker, each translated on its own.

use std::time::Duration;

use anyhow::Context;
use doorward_translators::{Device, Message, Publication, Translator};
use jiff::Timestamp;

use super::Happening;
use super::commands::{CommandLine, Refused, refused};
use super::evidence::Examiner;
use super::mqtt::{Answers, Broker, BrokerEvent, Delivery, Receipt};
use crate::link::{CommandOrder, MqttConnection, Signal};

/// A broker with the translator of what it hands over.
pub struct Messages {
    broker: Broker,
    answers: Answers,
    commands: CommandLine,
    translator: Box<dyn Translator>,
}

impl Messages {
    /// Starts to connect.
    pub fn connect(
        connection: &MqttConnection,
        translator: Box<dyn Translator>,
    ) -> anyhow::Result<Self> {
        let (broker, answers) = Broker::connect(connection, translator.subscriptions())
            .context("the broker's settings")?;
        let commands = CommandLine::connect(connection, answers.standing())
            .context("the broker's settings")?;
        Ok(Self { broker, answers, commands, translator })
    }

    /// What happens next; while `may_signal` is false, with commands alone. `None` only when one of
    /// the tasks has ended.
    pub async fn next(&mut self, may_signal: bool, examiner: &Examiner) -> Option<Happening> {
        let event = tokio::select! {
            biased;
            ended = self.commands.next() => return Some(Happening::Ended(ended?)),
            event = self.broker.next(), if may_signal => event?,
        };
        Some(self.happening(event, examiner))
    }

    /// What has happened already.
    pub fn try_next(&mut self, examiner: &Examiner) -> Option<Happening> {
        let event = self.broker.try_next()?;
        Some(self.happening(event, examiner))
    }

    /// Messages of the broker that wait to be taken.
    pub fn waiting(&self) -> u32 {
        self.broker.waiting()
    }

    /// Lets more gather.
    pub fn rest(&self) {
        self.broker.rest();
    }

    /// Acknowledges a message to the broker.
    pub fn acknowledge(&self, receipt: &Receipt) {
        self.answers.acknowledge(receipt);
    }

    /// How long after a gap a device is asked.
    pub fn read_delay(&self) -> Duration {
        self.translator.read_delay()
    }

    /// Asks for a device's state.
    pub fn read(&self, address: &str) {
        if let Some(request) = self.translator.read_request(address) {
            self.answers.publish_unreliable(&request.topic, request.payload);
        }
    }

    /// Whether a command could be published now.
    pub fn ready(&self, order: &CommandOrder) -> Result<(), Refused> {
        self.command(order)?;
        self.commands.ready()
    }

    /// Publishes a command. An error says that nothing was handed over.
    pub fn begin(&mut self, order: &CommandOrder) -> Result<(), Refused> {
        let publication = self.command(order)?;
        self.commands.publish(publication, order.left())
    }

    /// Nobody waits for the command in hand any longer.
    pub fn abandon(&mut self) {
        self.commands.abandon();
    }

    fn command(&self, order: &CommandOrder) -> Result<Publication, Refused> {
        let command = self.translator.command(&order.address, order.act);
        command.map_err(|cannot| refused(&cannot))
    }

    /// The devices that the vendor's file lists.
    pub fn devices(&self) -> Vec<Device> {
        self.translator.devices()
    }

    fn happening(&self, event: BrokerEvent, examiner: &Examiner) -> Happening {
        match event {
            BrokerEvent::Connected { epoch, session } => {
                tracing::info!(epoch, session, "connected to the broker");
                Happening::Connected { epoch }
            }
            BrokerEvent::Disconnected { epoch, detail } => {
                tracing::warn!(epoch, detail, "no connection to the broker");
                Happening::Disconnected { epoch, detail }
            }
            BrokerEvent::Message(delivery) => self.translated(delivery, examiner),
        }
    }

    fn translated(&self, delivery: Delivery, examiner: &Examiner) -> Happening {
        let Delivery { topic, payload, retained, receipt, epoch } = delivery;
        let message = Message { topic: &topic, payload: &payload, retained };
        let (observations, evidence) = match self.translator.translate(&message) {
            Ok(observations) => {
                let sensitive = self.translator.is_sensitive(&topic, &payload);
                let evidence = examiner.anomalies(&topic, &payload, &observations, sensitive);
                (observations, evidence)
            }
            Err(refusal) => (Vec::new(), Some(examiner.refused(&topic, &payload, &refusal))),
        };
        let key = self.translator.dedup_key(&message);
        let same = key.as_deref().map_or(&*payload, str::as_bytes);
        let signal = Signal {
            n: 0,
            digest: examiner.digest(&topic, same),
            identified: key.is_some(),
            epoch,
            lossy: receipt.is_none(),
            retained,
            received_at: Timestamp::now(),
            observations,
            stands_for: 0,
            evidence,
        };
        Happening::Signal { signal, receipt }
    }
}
