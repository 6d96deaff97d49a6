//! What operators ask of the gateway, and what it answers once the outcome is durable.

use doorward_events::types::WeeklySchedule;
use doorward_translators::Act;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What is asked. All of it goes through the same decision as what comes over the bus.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub enum Ask {
    /// A grant, signed with the gateway's own key.
    Grant {
        entry: String,
        /// A pseudonym of who may, at most 64 characters.
        subject: String,
        actions: Vec<Act>,
        /// Absent: from now on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        not_before: Option<Timestamp>,
        expires_at: Timestamp,
        max_uses: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        min_interval_s: Option<u32>,
        /// When in the week; absent: always.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        schedule: Option<WeeklySchedule>,
    },
    /// A grant ends before its time. Only an operator's own can be ended here.
    Revoke { grant_id: Uuid },
    /// An act now, by a grant of the operator's own for this one use.
    Act { entry: String, action: Act },
    /// The operator has looked: this machine's clock is right.
    ConfirmClock,
    /// Something is to be done to a vendor's process.
    Vendor { vendor: String, order: VendorOrder },
    /// An event that somebody else signed, as it would come over the bus: its very text.
    Signed { event: String },
}

/// What may be ordered of a vendor's process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VendorOrder {
    /// It ends, and begins anew with a clean record.
    Restart,
    /// It ends, and none begins until it is released, also after a restart of the gateway.
    Isolate,
    /// It is isolated no more, whether by order or by its failures.
    Release,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Answer {
    /// The grant is held, now or since before.
    Installed { grant_id: Uuid },
    /// The grant is no longer held; nor will it be.
    Revoked { grant_id: Uuid },
    /// The door is being moved.
    Granted { request_id: Uuid, command_id: Uuid },
    /// Nothing is moved, or no grant is held; `reason` is the published one, `all` names every
    /// check that failed, in their order.
    Denied {
        reason: String,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        all: Vec<String>,
        /// For people.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        detail: String,
    },
    /// It is believed to be this time; `trust` is `full`, `bounded` or `untrusted`.
    Clock { at: Timestamp, trust: String },
    /// The order was carried out; `state`: what its process is doing now.
    Vendor { vendor: String, state: String },
    /// The list of issuers of this version is believed.
    Issuers { version: u64 },
    /// Nothing was decided, for what is amiss at the gateway itself: it may be asked again.
    Undecided { detail: String },
    /// It was asked before, and this was the outcome then.
    Repeated { then: String },
}

/// A grant that is held.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GrantView {
    pub grant_id: Uuid,
    pub issuer: String,
    pub entry: String,
    pub subject: String,
    pub actions: Vec<Act>,
    pub not_before: Timestamp,
    pub expires_at: Timestamp,
    pub uses_left: u32,
    pub max_uses: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_interval_s: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<WeeklySchedule>,
}

/// A visit under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VisitView {
    pub visit_id: Uuid,
    pub entry: String,
    pub stage: String,
    pub granted_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant_id: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}
