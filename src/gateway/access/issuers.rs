//! A list of issuers came over the bus: the root key's own word on whom to believe from now on.

use std::path::PathBuf;

use doorward_events::statement::{Interval, IssuerList, Verifier};

use super::Answering;
use crate::domain::access::Trust;
use crate::gateway::own_story::TrustTold;
use crate::gateway::state::{CHANGE_SETTLES, Effects, Gateway, Now};
use crate::identity::{Ends, Item, Kind};
use crate::local::Answer;

/// A list that the root key signed, and its text.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    pub list: IssuerList,
    pub signed: String,
}

/// An older list than one that was taken is nobody's fault: messages overtake each other.
pub(super) fn superseded() -> Answer {
    Answer::Denied {
        reason: "superseded".to_owned(),
        all: Vec::new(),
        detail: "a newer list of issuers was taken before".to_owned(),
    }
}

impl Gateway {
    /// Whom and what the gateway believes, for the events that say so.
    pub(in crate::gateway) fn trust_told(&mut self, now: Now) -> TrustTold {
        let belief = &self.guard.belief;
        let version = belief.issuers.as_ref().map(|_| belief.issuers_version);
        TrustTold {
            issuers_version: version.and_then(|version| version.try_into().ok()),
            challenge: self.challenge(now),
        }
    }

    /// The list of issuers that is believed, as one of the things that end.
    pub(in crate::gateway) fn believed_list(&self) -> Option<Item> {
        let belief = &self.guard.belief;
        let ends = belief.issuers_end.clone()?;
        let name = belief.audience.gateway.clone();
        Some(Item { kind: Kind::IssuerList, name, file: PathBuf::new(), ends: Ok(ends) })
    }

    /// Believes the keys on this list, and no others, from now on; also after a restart.
    pub(super) fn take_issuers(
        &mut self,
        now: Now,
        ask: u64,
        listed: &Listed,
        effects: &mut Effects,
    ) {
        let version = self.believe(now, listed, effects);
        effects.answers.push(Answering { ask, answer: Answer::Issuers { version } });
    }

    /// The file with the list is another one: a newer list in it is believed from now on.
    pub(in crate::gateway) fn issuers_read(
        &mut self,
        now: Now,
        signed: &str,
        effects: &mut Effects,
    ) {
        let reading = self.guard.clock.read(now.monotonic);
        // While nobody knows the time, keys are judged by the floor, as with what comes over the bus.
        let latest = if reading.trust == Trust::None { reading.earliest } else { reading.latest };
        let at = Interval { earliest: reading.earliest, latest };
        let belief = &self.guard.belief;
        let Some(root) = belief.root else { return };
        match IssuerList::open(signed.trim(), &root, belief.issuers_version, at) {
            Ok(list) => {
                let signed = signed.trim().to_owned();
                self.believe(now, &Listed { list, signed }, effects);
            }
            Err(error) => tracing::error!(%error, "the new list of issuers is not believed"),
        }
    }

    fn believe(&mut self, now: Now, listed: &Listed, effects: &mut Effects) -> u64 {
        let Listed { list, signed } = listed;
        let version = list.version();
        let belief = &mut self.guard.belief;
        if belief.issuers.is_none() || version > belief.issuers_version {
            belief.issuers = Some(Verifier::new(list.trusted().clone()));
            belief.issuers_version = version;
            belief.issuers_end = Some(Ends::of_list(list, signed));
            tracing::info!(version, expires = %list.expires(), "a new list of issuers is taken");
            self.keep_list(signed, &mut effects.batch);
            // It tells which list is believed.
            self.next_heartbeat = self.next_heartbeat.min(now.monotonic + CHANGE_SETTLES);
        }
        version
    }
}
