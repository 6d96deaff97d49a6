//! What a translator is: a pure value between the bytes of its devices and [`Observation`]s.
//!
//! There are two sorts, by how devices are reached. A [`Translator`] is handed messages, and has no
//! memory between them. A [`LineDriver`] holds a conversation on a serial line, where the bytes mean
//! something only beside the question; its time comes in as a value.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::observation::{Device, Message, Observation, Refusal, RefusalReason};
use crate::vocabulary::Act;

/// A topic filter that a translator needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// MQTT topic filter.
    pub filter: String,
    /// Commands of others pass here, and nothing else. One that the broker is to keep runs again
    /// whenever the broker restarts, so whether it is to be kept is asked for with each of them (MQTT 5
    /// §3.8.3.1, Retain As Published), and what it keeps with each connection.
    pub commands: bool,
}

/// Who says what where, as MQTT topic filters: what a broker's list of who may do what is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Topics {
    /// What the devices' side publishes. No filter holds a topic that anything is commanded on.
    pub said: Vec<String>,
    /// What the devices' side carries out or answers, whoever asks.
    pub heard: Vec<String>,
    /// Where [`Translator::command`] and [`Translator::read_request`] go.
    pub asked: Vec<String>,
}

/// A message to a device. It has no flag for retaining it, since no message of ours is retained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    pub topic: String,
    /// Never empty: many devices take an empty payload for a question, and some for an act.
    pub payload: Vec<u8>,
}

/// Why an act has no safe form at this device. Nothing is sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotAct {
    /// Not a device of this translator, or not a name that can be one.
    #[error("{0:?} is no device of this vendor")]
    UnknownDevice(String),
    /// The ecosystem has no form for it, or only one whose outcome depends on the state before.
    #[error("{0} has no form here whose outcome is sure")]
    NoSafeForm(Act),
    /// It cannot be reached just now.
    #[error("{0}")]
    Unreachable(&'static str),
    /// Another act is under way there.
    #[error("{0}")]
    Busy(&'static str),
}

/// What became of an act on a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acted {
    /// The device has echoed the frame. It says nothing about the door.
    Echoed,
    /// The device answered that it does not do this: surely nothing acted.
    Refused(String),
    /// Nothing was written: the time was over before its turn came.
    TooLate,
    /// Nothing was written: the line or the device went before its turn came.
    Unreachable,
    /// It was written, and there is no answer that says what became of it.
    Unknown(String),
}

/// One ecosystem's wire language over MQTT: no memory between messages. Whatever needs one (edges
/// of latched fields, the AND over availability topics, the state that a delta is laid over) is the
/// gateway's, where it is durable.
pub trait Translator: Send {
    /// The topic filters to subscribe to, in order.
    fn subscriptions(&self) -> Vec<Subscription>;

    /// Translates one message. An empty list: understood, and of no consequence.
    fn translate(&self, message: &Message<'_>) -> Result<Vec<Observation>, Refusal>;

    /// The message that makes the ecosystem read `address`'s state from the device again. `None`:
    /// it has no such request, or no such device.
    fn read_request(&self, address: &str) -> Option<Publication>;

    /// How long after a gap a read request is of use: some devices ignore all that comes right
    /// after they connect.
    fn read_delay(&self) -> Duration {
        Duration::ZERO
    }

    /// What makes this message the same as one handed over before, where that is not its topic and
    /// payload whole. `None`: the translator names nothing.
    fn dedup_key(&self, _message: &Message<'_>) -> Option<String> {
        None
    }

    /// Whether this message may hold a PIN or other secret, so that its bytes are kept nowhere.
    fn is_sensitive(&self, topic: &str, payload: &[u8]) -> bool;

    /// Whether a device can be known under this address.
    fn is_address(&self, address: &str) -> bool;

    /// The devices that are known beforehand, because the vendor's file lists them and no inventory
    /// does.
    fn devices(&self) -> Vec<Device> {
        Vec::new()
    }

    /// The message that makes a device act, in a form whose outcome does not depend on the state
    /// before: never a toggle.
    fn command(&self, address: &str, act: Act) -> Result<Publication, CannotAct>;

    /// Who says what where. Each filter once, in an order that stays the same.
    fn topics(&self) -> Topics;
}

/// Bytes for the line, `after` the step before them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub after: Duration,
    /// One whole frame.
    pub frame: Vec<u8>,
}

/// What a line has told, and what was wrong on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Which part of the line it is about, as in `unit 3`.
    pub source: String,
    /// At most [`crate::MAX_OBSERVATIONS`].
    pub observations: Vec<Observation>,
    /// Something on the line that could not be understood.
    pub fault: Option<LineFault>,
}

/// Bytes, or their absence, that no table explains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineFault {
    pub reason: RefusalReason,
    pub detail: String,
    /// The bytes, at most [`MAX_LINE_RAW`] of them.
    pub raw: Vec<u8>,
}

/// Most bytes of a line that a fault carries.
pub const MAX_LINE_RAW: usize = 256;

/// One protocol on one serial line, driven from outside: whoever owns the line hands in what was
/// read and when, and writes what [`LineDriver::transmit`] gives. `now` is monotonic and never
/// steps back.
pub trait LineDriver: Send {
    /// The line stands, for the first time or again. Nothing of before counts.
    fn opened(&mut self, now: Duration);

    /// The line is gone.
    fn closed(&mut self, now: Duration);

    /// Bytes from the line, in any portions.
    fn received(&mut self, now: Duration, bytes: &[u8]);

    /// Moves on: notices what is overdue, and gives the next frame to write if one is due now. To
    /// be called until it gives none.
    fn transmit(&mut self, now: Duration) -> Option<Vec<u8>>;

    /// When [`LineDriver::transmit`] is to be called again at the latest. `None`: only after bytes,
    /// or once the line stands.
    fn deadline(&self) -> Option<Duration>;

    /// What has changed since it was last asked. States are told, not their history: whoever asks
    /// seldom gets the newest state, so nothing gathers.
    fn reports(&mut self, now: Duration) -> Vec<Report>;

    /// The state of this device is to be told again, from a reading that begins after now.
    fn read_again(&mut self, address: &str);

    /// As [`Translator::devices`].
    fn devices(&self) -> Vec<Device>;

    /// The frames that make a device act. As [`Translator::command`], and what they switch on they
    /// also bound: by the board's own pulse, or by a frame that switches off again.
    fn command(&self, address: &str, act: Act) -> Result<Vec<Step>, CannotAct>;

    /// Whether an act could begin now.
    fn ready(&self, address: &str, act: Act) -> Result<(), CannotAct>;

    /// Begins an act: at the next turn of the line [`LineDriver::transmit`] gives the first of the
    /// frames of [`LineDriver::command`], once, if that is before `until`; the others follow in their
    /// time, whatever becomes of the first. An error says that nothing was begun. Until
    /// [`LineDriver::acted`] has answered, no other act begins on this line.
    fn begin(
        &mut self,
        now: Duration,
        address: &str,
        act: Act,
        until: Duration,
    ) -> Result<(), CannotAct>;

    /// What became of the act that was begun last; once.
    fn acted(&mut self) -> Option<Acted>;
}
