//! What a gateway says, and signs, when it closes a range.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::digest::{self, Hash};

/// Most events with a digest in one range; where so many can be closed, they are.
pub const MAX_EVENTS: usize = 1024;
/// Most sequences in one range, events without a digest included: what a verification looks
/// through at once.
pub const MAX_SPAN: u64 = 32_768;
/// Most runs of dropped events, and most of refused ones, that one range names: a range that would
/// need more ends before them. The longest statement then fits a signed text.
pub const MAX_RUNS: usize = 24;

/// Sequences that were given up before the bus had them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dropped {
    pub first: u64,
    pub last: u64,
    /// The word of `gateway.events_dropped`.
    pub reason: String,
}

/// A range that can be closed: each event in it was accepted, refused or dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closable {
    pub journal_id: Uuid,
    /// Its sequences.
    pub first: u64,
    pub last: u64,
    /// Events with a digest.
    pub events: u64,
    /// The same by type.
    pub counts: BTreeMap<String, u64>,
    pub dropped: Vec<Dropped>,
    /// First and last.
    pub refused: Vec<(u64, u64)>,
    /// The root of the range before.
    pub previous_root: Option<Hash>,
    /// Over its digests in their order.
    pub merkle: Hash,
    /// Where it stands in the file: first and last slot.
    pub slots: (u64, u64),
    /// More can be closed behind it.
    pub more: bool,
}

/// First and last sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    pub first: u64,
    pub last: u64,
}

/// What is signed of a range. Members in this order, so that one range has one text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    pub tenant_id: String,
    /// The gateway's instance.
    pub gateway: String,
    pub journal_id: Uuid,
    pub first: u64,
    pub last: u64,
    pub events: u64,
    pub counts: BTreeMap<String, u64>,
    pub dropped: Vec<Dropped>,
    pub refused: Vec<Run>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_root: Option<Hash>,
    pub root: Hash,
}

impl Statement {
    /// What `gateway` of `tenant_id` says of a range.
    pub fn of(closable: &Closable, tenant_id: &str, gateway: &str) -> Self {
        let Closable { journal_id, first, last, previous_root, .. } = *closable;
        let root = digest::chain(previous_root.as_ref(), journal_id, first, last, &closable.merkle);
        Self {
            tenant_id: tenant_id.to_owned(),
            gateway: gateway.to_owned(),
            journal_id,
            first,
            last,
            events: closable.events,
            counts: closable.counts.clone(),
            dropped: closable.dropped.clone(),
            refused: closable
                .refused
                .iter()
                .map(|(first, last)| Run { first: *first, last: *last })
                .collect(),
            previous_root,
            root,
        }
    }

    /// The text that is signed.
    ///
    /// # Errors
    /// None that a statement can cause; the writer's type has them.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}
