//! What a vendor process may put into a frame. It holds code that reads the bytes of others, so
//! what it says is checked as if it were taken over: whatever is beyond these bounds is a
//! violation of the protocol, and its process is ended.
//!
//! The bounds are those of the translators and of the evidence, so no process of ours reaches
//! them.

use doorward_translators::{Device, MAX_DEVICES, MAX_LABEL, Observation, What};
use uuid::Uuid;

use super::frames::{CommandOrder, CommandTold, Evidence, Signal, VendorFrame};
use super::{CREDIT, PROTOCOL};
use crate::domain::ids::{EndpointId, VendorId};

/// Most observations of one signal.
pub const MAX_OBSERVATIONS: usize = 64;
/// Longest address of a device, in bytes: a whole topic.
pub const MAX_ADDRESS: usize = 512;
/// Longest identity of a device, in bytes: with its vendor's name it fits into an endpoint's id.
pub const MAX_IDENTITY: usize = 127;
/// Longest description, in bytes: 256 characters.
pub const MAX_DETAIL: usize = 4 * 256;
/// Longest description of what is wrong with a connection, in bytes.
pub const MAX_TROUBLE: usize = 4096;
/// Longest name of a part or a field, in bytes.
pub const MAX_PART: usize = 64;
/// Longest excerpt of a payload, in bytes: 2048, each escaped to four.
pub const MAX_RAW: usize = 4 * 2048;
/// Longest payload that a vendor process tells of, in bytes: more than any packet it takes.
pub const MAX_PAYLOAD: usize = 4 << 20;
/// Most capabilities of a device.
const MAX_CAPABILITIES: usize = 16;
/// Longest name of a build, in bytes.
const MAX_BUILD: usize = 64;
/// Most layers of a sandbox.
pub const MAX_LAYERS: usize = 32;

/// What a vendor process may not say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    #[error("a second hello")]
    SecondHello,
    #[error("the layers of its sandbox a second time")]
    SecondSandbox,
    #[error("a signal before the layers of its sandbox")]
    NoSandbox,
    #[error("protocol {0}")]
    Protocol(u32),
    #[error("signal {got} where {expected} is next")]
    OutOfOrder { got: u64, expected: u64 },
    #[error("connection {epoch} where {last} was the last")]
    Epoch { epoch: u32, last: u32 },
    #[error("more than {CREDIT} signals unacknowledged")]
    Credit,
    #[error("{what}: {got}, at most {bound}")]
    TooMuch { what: &'static str, got: usize, bound: usize },
    #[error("{0} holds a control character")]
    ControlCharacter(&'static str),
    #[error("{0} is empty")]
    Empty(&'static str),
    #[error("{0} is no percentage")]
    NoPercentage(String),
    #[error("{0} is no endpoint of this vendor")]
    ForeignEndpoint(EndpointId),
    #[error("a command that it was not given, or that has ended: {0}")]
    NoSuchCommand(Uuid),
    #[error("the command {0}: {1} is not what can follow")]
    CommandOrder(Uuid, &'static str),
}

/// The order of one process's frames, from its start.
#[derive(Debug, Default)]
pub struct Order {
    locked_down: bool,
    last: u64,
    epoch: u32,
    up: bool,
}

impl Order {
    /// Checks the next frame after the hello. `acknowledged`: through which signal the core has
    /// said that it is handled.
    pub fn admit(&mut self, frame: &VendorFrame, acknowledged: u64) -> Result<(), Violation> {
        frame.check()?;
        match frame {
            VendorFrame::Hello { .. } => return Err(Violation::SecondHello),
            VendorFrame::Sandbox { .. } => {
                if std::mem::replace(&mut self.locked_down, true) {
                    return Err(Violation::SecondSandbox);
                }
            }
            VendorFrame::Signal(_) if !self.locked_down => return Err(Violation::NoSandbox),
            VendorFrame::Signal(signal) => {
                let expected = self.last.saturating_add(1);
                if signal.n != expected {
                    return Err(Violation::OutOfOrder { got: signal.n, expected });
                }
                if signal.n.saturating_sub(acknowledged) > CREDIT as u64 {
                    return Err(Violation::Credit);
                }
                self.last = signal.n;
            }
            // Each connection comes and goes once; one that never stood only goes.
            VendorFrame::Connection { up, epoch, .. } => {
                let ends = !up && self.up && *epoch == self.epoch;
                if *epoch <= self.epoch && !ends {
                    return Err(Violation::Epoch { epoch: *epoch, last: self.epoch });
                }
                (self.epoch, self.up) = (*epoch, *up);
            }
            // Whether the core gave such a command: `Given`.
            VendorFrame::Heartbeat { .. } | VendorFrame::Command(_) => {}
        }
        Ok(())
    }
}

impl VendorFrame {
    /// Whether everything in it is within its bounds.
    pub fn check(&self) -> Result<(), Violation> {
        match self {
            Self::Hello { protocol, build } => {
                if *protocol != PROTOCOL {
                    return Err(Violation::Protocol(*protocol));
                }
                text("build", build, MAX_BUILD)
            }
            Self::Sandbox { layers } => {
                length("layers", layers.len(), MAX_LAYERS)?;
                for layer in layers {
                    filled("layer", &layer.name)?;
                    text("layer", &layer.name, MAX_PART)?;
                    text("detail", &layer.detail, MAX_DETAIL)?;
                }
                Ok(())
            }
            Self::Signal(signal) => signal.check(),
            // The MQTT client's words, which may quote the broker's.
            Self::Connection { detail, .. } => length("detail", detail.len(), MAX_TROUBLE),
            Self::Heartbeat { unacknowledged, .. } => {
                let waiting = usize::try_from(*unacknowledged).unwrap_or(usize::MAX);
                length("unacknowledged", waiting, CREDIT)
            }
            Self::Command(CommandTold { detail, .. }) => text("detail", detail, MAX_DETAIL),
        }
    }
}

/// Observations, and devices of a list, that cost the core as much as one message of few.
const OBSERVATIONS_AS_ONE: usize = 8;
const DEVICES_AS_ONE: usize = 16;

impl Signal {
    /// How much work it is, beside that of a message with few observations; at least 1.
    pub fn weight(&self) -> u64 {
        let devices = self.observations.iter().map(|observation| match &observation.what {
            What::Inventory { devices, .. } => devices.len(),
            _ => 0,
        });
        let more = self.observations.len() / OBSERVATIONS_AS_ONE;
        let more = more + devices.sum::<usize>() / DEVICES_AS_ONE;
        u64::try_from(more).unwrap_or(u64::MAX).saturating_add(1)
    }

    /// Whether everything in it is within its bounds.
    pub fn check(&self) -> Result<(), Violation> {
        length("observations", self.observations.len(), MAX_OBSERVATIONS)?;
        let mut devices = 0;
        for observation in &self.observations {
            devices += check_observation(observation)?;
        }
        length("devices", devices, MAX_DEVICES)?;
        length("stands_for", usize::try_from(self.stands_for).unwrap_or(usize::MAX), CREDIT)?;
        self.evidence.as_ref().map_or(Ok(()), Evidence::check)
    }
}

impl CommandOrder {
    /// Whether it is for a device of this vendor's, and within its bounds: the one check of what the
    /// core says, since a command for another's door must go nowhere.
    pub fn check(&self, vendor: &VendorId) -> Result<(), Violation> {
        if self.endpoint.vendor() != vendor.as_str() {
            return Err(Violation::ForeignEndpoint(self.endpoint.clone()));
        }
        filled("address", &self.address)?;
        text("address", &self.address, MAX_ADDRESS)
    }
}

impl Evidence {
    fn check(&self) -> Result<(), Violation> {
        text("source", &self.source, MAX_DETAIL)?;
        text("detail", &self.detail, MAX_DETAIL)?;
        let got = usize::try_from(self.bytes).unwrap_or(usize::MAX);
        if got > MAX_PAYLOAD {
            return Err(Violation::TooMuch { what: "bytes", got, bound: MAX_PAYLOAD });
        }
        self.raw.as_ref().map_or(Ok(()), |raw| text("raw", raw, MAX_RAW))
    }
}

/// How many devices it lists.
fn check_observation(observation: &Observation) -> Result<usize, Violation> {
    text("address", &observation.address, MAX_ADDRESS)?;
    match &observation.what {
        What::Lock { .. }
        | What::Position { .. }
        | What::Operation { .. }
        | What::LatchedOperation { .. }
        | What::Credential { .. }
        | What::RemoteLockout { .. }
        | What::Alarm { .. } => {}
        What::Battery { percent, .. } => {
            if let Some(percent) = percent
                && !(0.0..=100.0).contains(percent)
            {
                return Err(Violation::NoPercentage(percent.to_string()));
            }
        }
        What::Availability { part, .. } => {
            filled("part", part)?;
            text("part", part, MAX_PART)?;
        }
        What::CommandFailed { detail } => text("detail", detail, MAX_DETAIL)?,
        What::Anomaly { field, detail } => {
            text("field", field, MAX_PART)?;
            text("detail", detail, MAX_DETAIL)?;
        }
        What::Inventory { devices, .. } => {
            for device in devices {
                check_device(device)?;
            }
            return Ok(devices.len());
        }
    }
    Ok(0)
}

fn check_device(device: &Device) -> Result<(), Violation> {
    filled("identity", &device.identity)?;
    text("identity", &device.identity, MAX_IDENTITY)?;
    filled("address", &device.address)?;
    text("address", &device.address, MAX_ADDRESS)?;
    for label in [&device.manufacturer, &device.model].into_iter().flatten() {
        text("label", label, MAX_LABEL)?;
    }
    length("capabilities", device.capabilities.len(), MAX_CAPABILITIES)
}

fn filled(what: &'static str, text: &str) -> Result<(), Violation> {
    if text.is_empty() { Err(Violation::Empty(what)) } else { Ok(()) }
}

fn text(what: &'static str, text: &str, bound: usize) -> Result<(), Violation> {
    length(what, text.len(), bound)?;
    if text.contains(|c: char| c.is_ascii_control()) {
        return Err(Violation::ControlCharacter(what));
    }
    Ok(())
}

fn length(what: &'static str, got: usize, bound: usize) -> Result<(), Violation> {
    if got > bound { Err(Violation::TooMuch { what, got, bound }) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
