//! A conversation on a serial line: the port, and the driver that says what to write when.

use std::collections::VecDeque;
use std::time::Duration;

use doorward_translators::{Acted, Device, LineDriver, Refusal, Report};
use jiff::Timestamp;
use tokio::time::Instant;

use super::Happening;
use super::commands::{Ended, Refused, refused};
use super::evidence::Examiner;
use super::serial::{Handover, Port};
use crate::link::{CommandOrder, CommandProgress, CommandRefusal, Signal};

/// A serial line with its driver.
pub struct Conversation {
    handover: Handover,
    port: Option<Port>,
    driver: Box<dyn LineDriver>,
    begun: Instant,
    epoch: u32,
    /// Told by the driver, and not handed on yet: what one turn told, at most.
    told: VecDeque<Signal>,
}

impl Conversation {
    pub fn new(handover: Handover, driver: Box<dyn LineDriver>) -> Self {
        Self {
            handover,
            port: None,
            driver,
            begun: Instant::now(),
            epoch: 0,
            told: VecDeque::new(),
        }
    }

    /// Keeps the conversation going until there is something to tell. While `may_tell` is false the
    /// line is served all the same, and nothing gathers: the driver tells states, not their history.
    /// An error says that the core is gone.
    pub async fn next(
        &mut self,
        may_tell: bool,
        examiner: &Examiner,
    ) -> std::io::Result<Happening> {
        loop {
            if let Some(acted) = self.driver.acted() {
                return Ok(Happening::Ended(ended(acted)));
            }
            if may_tell {
                if self.told.is_empty() {
                    let reports = self.driver.reports(self.begun.elapsed());
                    self.told = self.signals(reports, examiner);
                }
                if let Some(signal) = self.told.pop_front() {
                    return Ok(Happening::Signal { signal, receipt: None });
                }
            }
            let Some(port) = &self.port else {
                self.port = Some(self.handover.port().await?);
                self.epoch += 1;
                self.driver.opened(self.begun.elapsed());
                tracing::info!(epoch = self.epoch, "the port is open");
                return Ok(Happening::Connected { epoch: self.epoch });
            };
            // What has come is read before time-outs are judged: this process may have stood still.
            match port.waiting() {
                Ok(bytes) => self.driver.received(self.begun.elapsed(), &bytes),
                Err(error) => return Ok(self.gone(&error)),
            }
            let mut written = false;
            while let Some(frame) = self.driver.transmit(self.begun.elapsed()) {
                written = true;
                if let Err(error) = port.write(&frame) {
                    return Ok(self.gone(&error));
                }
            }
            if written && may_tell {
                // What was noticed meanwhile is told before anything is waited for.
                continue;
            }
            if let Some(acted) = self.driver.acted() {
                return Ok(Happening::Ended(ended(acted)));
            }
            let due = self.driver.deadline();
            tokio::select! {
                biased;
                bytes = port.read() => match bytes {
                    Ok(bytes) => self.driver.received(self.begun.elapsed(), &bytes),
                    Err(error) => return Ok(self.gone(&error)),
                },
                () = sleep_until(self.begun, due) => {}
            }
        }
    }

    /// What is there to tell already.
    pub fn try_next(&mut self) -> Option<Happening> {
        let signal = self.told.pop_front()?;
        Some(Happening::Signal { signal, receipt: None })
    }

    /// The device's state is told again.
    pub fn read(&mut self, address: &str) {
        self.driver.read_again(address);
    }

    /// Whether an act could begin now.
    pub fn ready(&self, order: &CommandOrder) -> Result<(), Refused> {
        self.driver.ready(&order.address, order.act).map_err(|cannot| refused(&cannot))
    }

    /// Begins an act: its frame is written at the next turn of the line, unless its time is over by
    /// then. An error says that nothing was begun.
    pub fn begin(&mut self, order: &CommandOrder) -> Result<(), Refused> {
        let now = self.begun.elapsed();
        let until = now.saturating_add(order.left());
        let begun = self.driver.begin(now, &order.address, order.act, until);
        begun.map_err(|cannot| refused(&cannot))
    }

    /// The devices that the vendor's file lists.
    pub fn devices(&self) -> Vec<Device> {
        self.driver.devices()
    }

    /// The port is of no use any more: its descriptor is closed, and the core is told, which hands
    /// over another when it can open one.
    fn gone(&mut self, error: &std::io::Error) -> Happening {
        self.port = None;
        self.driver.closed(self.begun.elapsed());
        tracing::warn!(epoch = self.epoch, %error, "the port is gone");
        Happening::Disconnected { epoch: self.epoch, detail: error.to_string() }
    }

    fn signals(&self, reports: Vec<Report>, examiner: &Examiner) -> VecDeque<Signal> {
        let received_at = Timestamp::now();
        let mut signals = VecDeque::new();
        for Report { source, observations, fault } in reports {
            let evidence = match &fault {
                Some(fault) => {
                    let refusal = Refusal {
                        reason: fault.reason,
                        detail: fault.detail.clone(),
                        sensitive: false,
                    };
                    Some(examiner.refused(&source, &fault.raw, &refusal))
                }
                None => examiner.anomalies(&source, &[], &observations, false),
            };
            signals.push_back(Signal {
                n: 0,
                digest: examiner.digest(&source, &[]),
                identified: false,
                epoch: self.epoch,
                lossy: false,
                retained: false,
                received_at,
                observations,
                stands_for: 0,
                evidence,
            });
        }
        signals
    }
}

/// What the driver's answer says of the command.
fn ended(acted: Acted) -> Ended {
    let rejected = |reason, words: String| (CommandProgress::Rejected { reason }, words);
    match acted {
        Acted::Echoed => (CommandProgress::Acknowledged, String::new()),
        Acted::Refused(words) => rejected(CommandRefusal::DeviceException, words),
        Acted::TooLate => {
            rejected(CommandRefusal::TooLate, "the line had no turn in time".to_owned())
        }
        Acted::Unreachable => {
            rejected(CommandRefusal::NotConnected, "gone before its turn".to_owned())
        }
        Acted::Unknown(words) => (CommandProgress::Indeterminate, words),
    }
}

async fn sleep_until(begun: Instant, due: Option<Duration>) {
    match due {
        Some(due) => tokio::time::sleep_until(begun + due).await,
        None => std::future::pending().await,
    }
}
