//! What a command is, what it is told and what it answers.

use doorward_translators::Act;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::words::{CommandReason, CommandState, UseRestored};
use crate::domain::ids::{EndpointId, EntryId};
use crate::domain::operation::time::At;

/// What is to be done, where, and for whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    pub id: Uuid,
    pub entry: EntryId,
    /// The entry's interlock group: one command in flight in all of it.
    pub interlock_group: Option<String>,
    pub act: Act,
    /// The device that is to act.
    pub endpoint: EndpointId,
    /// The signed request that led to it.
    pub request_id: Option<Uuid>,
    /// The visit that began with it.
    pub visit_id: Option<Uuid>,
}

/// What the vendor's side says of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It was written to the device's transport just now.
    Dispatched,
    /// "Received": the transport's or the device's acknowledgement.
    Acknowledged,
    /// The device answered that it will not.
    RefusedByDevice,
    /// The vendor's side did not send it, and never will.
    NotSent(CommandReason),
    /// It was, or may have been, sent, and no answer will come.
    Indeterminate(CommandReason),
}

/// A state that the command took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    pub state: CommandState,
    /// Why, of ends other than `confirmed`.
    pub reason: Option<CommandReason>,
}

/// Something that became known after the end, and changes nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Late {
    Acknowledged(At),
    Refused(At),
    /// An observation that would have confirmed it.
    Observed(At),
}

/// What follows from an input.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[must_use]
pub struct CommandStep {
    /// The state that it took, to be told.
    pub changed: Option<Changed>,
    /// The use of the grant behind it is to be given back.
    pub restored: Option<UseRestored>,
    /// Ask the devices of the entry for their state.
    pub read_state: bool,
    /// What it would have done happened after its end: feed
    /// [`DoorInput::MovedUnexpectedly`](crate::domain::operation::door::DoorInput::MovedUnexpectedly).
    pub unexpected_motion: bool,
}
