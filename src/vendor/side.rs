//! The devices' side of a vendor's process, whatever its transport.

use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use doorward_translators::{Device, Wire, ecosystem};

use super::Happening;
use super::commands::{LEAST_LEFT, Refused};
use super::conversation::Conversation;
use super::evidence::Examiner;
use super::messages::Messages;
use super::serial::Handover;
use crate::link::{CommandOrder, Connection, VendorSetup};

/// The devices' side, by transport.
pub enum Side {
    Messages(Messages),
    Conversation(Conversation),
}

impl Side {
    /// The devices' side, and whether its devices are those of the vendor's file alone.
    pub fn open(setup: &VendorSetup) -> anyhow::Result<(Self, bool)> {
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
    pub async fn next(
        &mut self,
        may_signal: bool,
        examiner: &Examiner,
    ) -> anyhow::Result<Happening> {
        match self {
            Self::Messages(messages) => {
                messages.next(may_signal, examiner).await.context("the broker's task has ended")
            }
            Self::Conversation(conversation) => {
                conversation.next(may_signal, examiner).await.context("the port's socket")
            }
        }
    }

    pub fn try_next(&mut self, examiner: &Examiner) -> Option<Happening> {
        match self {
            Self::Messages(messages) => messages.try_next(examiner),
            Self::Conversation(conversation) => conversation.try_next(),
        }
    }

    /// What waits to be taken.
    pub fn waiting(&self) -> u32 {
        match self {
            Self::Messages(messages) => messages.waiting(),
            Self::Conversation(_) => 0,
        }
    }

    /// Lets more gather before the next look.
    pub fn rest(&self) {
        if let Self::Messages(messages) = self {
            messages.rest();
        }
    }

    pub fn read_delay(&self) -> Duration {
        match self {
            Self::Messages(messages) => messages.read_delay(),
            Self::Conversation(_) => Duration::ZERO,
        }
    }

    pub fn read(&mut self, address: &str) {
        match self {
            Self::Messages(messages) => messages.read(address),
            Self::Conversation(conversation) => conversation.read(address),
        }
    }

    /// Whether a command in hand has to be given up when its time is over. A line has its own
    /// time-out.
    pub fn may_abandon(&self) -> bool {
        matches!(self, Self::Messages(_))
    }

    pub fn abandon(&mut self) {
        if let Self::Messages(messages) = self {
            messages.abandon();
        }
    }

    /// What must be left of a command that is begun.
    pub fn least_left(&self) -> Duration {
        match self {
            Self::Messages(_) => LEAST_LEFT,
            Self::Conversation(_) => Duration::ZERO,
        }
    }

    pub fn ready(&self, order: &CommandOrder) -> Result<(), Refused> {
        match self {
            Self::Messages(messages) => messages.ready(order),
            Self::Conversation(conversation) => conversation.ready(order),
        }
    }

    pub fn begin(&mut self, order: &CommandOrder) -> Result<(), Refused> {
        match self {
            Self::Messages(messages) => messages.begin(order),
            Self::Conversation(conversation) => conversation.begin(order),
        }
    }

    pub fn devices(&self) -> Vec<Device> {
        match self {
            Self::Messages(messages) => messages.devices(),
            Self::Conversation(conversation) => conversation.devices(),
        }
    }
}
