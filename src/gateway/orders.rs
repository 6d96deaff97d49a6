//! What people order of a vendor's process, here or over the bus, and what the gateway knows of it
//! from then on. An order to isolate outlives the gateway: it ends when somebody ends it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::access::{Answering, Ordering};
use super::memory::{VendorFile, VendorState};
use super::state::{Effects, Gateway, Now, VendorChange};
use crate::domain::ids::VendorId;
use crate::local::{Answer, VendorOrder};
use crate::supervisor::Cause;

/// Who ordered it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// The user of this machine with this id.
    Operator(u32),
    /// An issuer, over the bus.
    Issuer(String),
}

impl By {
    fn cause(&self) -> Cause {
        match self {
            Self::Operator(uid) => {
                Cause { word: "operator", detail: format!("ordered by the user {uid}") }
            }
            Self::Issuer(issuer) => {
                Cause { word: "issuer", detail: format!("ordered by {issuer}") }
            }
        }
    }
}

/// An isolation by order, as it is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ordered {
    /// Who, in words.
    pub detail: String,
    pub since: Timestamp,
}

impl Gateway {
    /// Whether this vendor is isolated by order: no process of its may begin.
    pub fn is_ordered_off(&self, vendor: &VendorId) -> bool {
        self.vendors.get(vendor).is_some_and(|state| state.ordered.is_some())
    }

    /// Somebody who may orders something of a vendor's process. Number `ask` is answered.
    pub(super) fn vendor_ordered(
        &mut self,
        now: Now,
        ask: u64,
        vendor: &VendorId,
        order: VendorOrder,
        by: &By,
        effects: &mut Effects,
    ) {
        let answer = match self.obey(now, vendor, order, by, effects) {
            Ok(()) => {
                let state = self.vendors.get(vendor).map_or("unknown", |s| s.process_word());
                Answer::Vendor { vendor: vendor.to_string(), state: state.to_owned() }
            }
            Err(detail) => {
                let reason = "not_possible".to_owned();
                Answer::Denied { reason, all: Vec::new(), detail }
            }
        };
        effects.answers.push(Answering { ask, answer });
    }

    /// An issuer who may says whether a vendor's process may run. The newest word counts, whatever
    /// the order in which they come.
    pub(super) fn vendor_ordering(
        &mut self,
        now: Now,
        ask: u64,
        ordering: &Ordering,
        effects: &mut Effects,
    ) {
        let Ordering { issuer, vendor, isolated, version } = ordering;
        let there = |state: &&mut VendorState| state.file != VendorFile::Absent;
        let state = self.vendors.get_mut(vendor).filter(there);
        if let Some(state) = state {
            if *version <= state.order_version {
                let answer = Answer::Denied {
                    reason: "superseded".to_owned(),
                    all: Vec::new(),
                    detail: "an order of this version or a newer one was carried out".to_owned(),
                };
                return effects.answers.push(Answering { ask, answer });
            }
            state.order_version = *version;
            self.memory.vendor(vendor);
        }
        let order = if *isolated { VendorOrder::Isolate } else { VendorOrder::Release };
        let by = By::Issuer(issuer.to_string());
        self.vendor_ordered(now, ask, vendor, order, &by, effects);
    }

    fn obey(
        &mut self,
        now: Now,
        vendor: &VendorId,
        order: VendorOrder,
        by: &By,
        effects: &mut Effects,
    ) -> Result<(), String> {
        let there = |state: &&mut VendorState| state.file != VendorFile::Absent;
        let Some(state) = self.vendors.get_mut(vendor).filter(there) else {
            return Err(format!("no vendor {vendor} is configured here; see doorward vendors"));
        };
        let cause = by.cause();
        match order {
            VendorOrder::Restart if state.file == VendorFile::Bad => {
                return Err(format!(
                    "the file of {vendor} is bad, so it has no process; see doorward check"
                ));
            }
            VendorOrder::Restart => {
                if let Some(ordered) = &state.ordered {
                    return Err(format!(
                        "{vendor} is isolated, {}; doorward vendors release {vendor} ends that",
                        ordered.detail
                    ));
                }
            }
            VendorOrder::Isolate if state.ordered.is_some() => return Ok(()),
            VendorOrder::Isolate => {
                let ordered = Ordered { detail: cause.detail.clone(), since: now.wall };
                state.ordered = Some(ordered);
                let was = state.isolated;
                self.memory.vendor(vendor);
                if !was {
                    let Cause { word, detail } = cause.clone();
                    let change = VendorChange::Isolated { cause: word, detail, restarts: None };
                    self.vendor(now, vendor, change, effects);
                }
                effects.orders_of_vendors.push((vendor.clone(), order, cause));
                tracing::warn!(%vendor, ?by, "isolated by order");
                return Ok(());
            }
            VendorOrder::Release if state.ordered.take().is_some() => self.memory.vendor(vendor),
            VendorOrder::Release if !state.isolated => {
                self.forgive_commands(now, vendor, effects);
                return Ok(());
            }
            VendorOrder::Release => {}
        }
        tracing::warn!(%vendor, ?by, ?order, "ordered");
        self.forgive_commands(now, vendor, effects);
        self.end_isolation(now, vendor, effects);
        effects.orders_of_vendors.push((vendor.clone(), order, cause));
        Ok(())
    }

    /// A vendor that is isolated for what its process did is so no more; one that is by order stays.
    pub(super) fn end_isolation(&mut self, now: Now, vendor: &VendorId, effects: &mut Effects) {
        let isolated = self.vendors.get(vendor).filter(|state| state.isolated);
        let Some(state) = isolated else { return };
        let isolated_for = state.isolated_at.map(|at| now.wall.duration_since(at));
        let isolated_for =
            isolated_for.and_then(|passed| passed.try_into().ok()).unwrap_or_default();
        self.vendor(now, vendor, VendorChange::Recovered { isolated_for }, effects);
    }
}
