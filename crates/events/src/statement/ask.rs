//! What an issuer is asked to sign.

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::envelope::Envelope;
use crate::types::{AccessAction, WeeklySchedule};

/// How long a request is good for unless it says otherwise.
pub const REQUEST_LIFETIME: SignedDuration = SignedDuration::from_secs(15);

/// Which gateway, at which entry, and in answer to what.
#[derive(Debug, Clone, PartialEq)]
pub struct Address {
    /// Whose building.
    pub tenant_id: String,
    /// Its site. A key that is trusted for some sites only needs it.
    pub site_id: Option<String>,
    /// The one gateway that moves the door: its publisher's instance.
    pub gateway: String,
    /// The entry; only what is said to the gateway itself names none.
    pub entry_id: Option<String>,
    /// The event that led to this; its act and its trace go on.
    pub cause: Option<Envelope>,
}

impl Address {
    /// This entry, with no site and no cause.
    pub fn new(
        tenant_id: impl Into<String>,
        gateway: impl Into<String>,
        entry_id: impl Into<String>,
    ) -> Self {
        Self {
            tenant_id: tenant_id.into(),
            site_id: None,
            gateway: gateway.into(),
            entry_id: Some(entry_id.into()),
            cause: None,
        }
    }

    /// This gateway itself, with no site and no cause.
    pub fn of_gateway(tenant_id: impl Into<String>, gateway: impl Into<String>) -> Self {
        Self {
            tenant_id: tenant_id.into(),
            site_id: None,
            gateway: gateway.into(),
            entry_id: None,
            cause: None,
        }
    }

    /// At this site.
    #[must_use]
    pub fn at_site(self, site_id: impl Into<String>) -> Self {
        Self { site_id: Some(site_id.into()), ..self }
    }

    /// In answer to this event.
    #[must_use]
    pub fn caused_by(self, cause: &Envelope) -> Self {
        Self { cause: Some(cause.clone()), ..self }
    }
}

/// Who may do what, when and how often.
#[derive(Debug, Clone, PartialEq)]
pub struct Grant {
    /// Where.
    pub address: Address,
    /// Stable across every resend; a new one for every grant.
    pub grant_id: Uuid,
    /// A pseudonym drawn per tenant, at most 64 characters; never a name.
    pub subject_ref: String,
    /// What may be asked for: 1 to 8, no word twice.
    pub actions: Vec<AccessAction>,
    /// When it is issued: also the event's time.
    pub issued_at: Timestamp,
    /// Not before.
    pub not_before: Timestamp,
    /// Not after; at most 366 days later.
    pub expires_at: Timestamp,
    /// 1 to 1,000,000.
    pub max_uses: u32,
    /// Seconds between two uses, 1 to 86,400.
    pub min_interval_s: Option<u32>,
    /// When in the week, by the clock on the wall at the entry; `None`: always.
    pub schedule: Option<WeeklySchedule>,
}

impl Grant {
    /// A grant with a new id for one use of one action, issued now. Reads the clock.
    pub fn once(
        address: Address,
        subject_ref: impl Into<String>,
        action: AccessAction,
        not_before: Timestamp,
        expires_at: Timestamp,
    ) -> Self {
        Self {
            address,
            grant_id: Uuid::now_v7(),
            subject_ref: subject_ref.into(),
            actions: vec![action],
            issued_at: Timestamp::now(),
            not_before,
            expires_at,
            max_uses: 1,
            min_interval_s: None,
            schedule: None,
        }
    }
}

/// The end of a grant before its time.
#[derive(Debug, Clone, PartialEq)]
pub struct Revocation {
    /// The grant's.
    pub address: Address,
    /// Which grant.
    pub grant_id: Uuid,
    /// When it is issued: also the event's time.
    pub issued_at: Timestamp,
    /// The grant's own end: until then a gateway that does not know the grant remembers this.
    pub expires_at: Timestamp,
}

impl Revocation {
    /// A revocation issued now. Reads the clock.
    pub fn now(address: Address, grant_id: Uuid, expires_at: Timestamp) -> Self {
        Self { address, grant_id, issued_at: Timestamp::now(), expires_at }
    }
}

/// One act, now.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Where.
    pub address: Address,
    /// Stable across every resend; a gateway acts on it once.
    pub request_id: Uuid,
    /// Who asks: a pseudonym drawn per tenant, at most 64 characters.
    pub subject_ref: String,
    /// By what right.
    pub grant: Option<GrantUse>,
    /// What the gateway asked to have back, while its clock is not trusted: 16 to 128 characters.
    pub challenge: Option<String>,
    /// When it is issued: also the event's time.
    pub issued_at: Timestamp,
    /// The deadline, from `issued_at`: more than zero, at most 60 s.
    pub lifetime: SignedDuration,
}

impl Request {
    /// A request with a new id, issued now, good for 15 s. Reads the clock.
    pub fn now(address: Address, subject_ref: impl Into<String>) -> Self {
        Self {
            address,
            request_id: Uuid::now_v7(),
            subject_ref: subject_ref.into(),
            grant: None,
            challenge: None,
            issued_at: Timestamp::now(),
            lifetime: REQUEST_LIFETIME,
        }
    }

    /// By the right of this grant.
    #[must_use]
    pub fn using(self, grant: GrantUse) -> Self {
        Self { grant: Some(grant), ..self }
    }
}

/// Whether a vendor's process may run at a gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VendorOrder {
    /// The vendor's name there: that of its file.
    pub vendor: String,
    /// True: it is to be isolated.
    pub isolated: bool,
    /// Higher than that of every order for this vendor at this gateway before.
    pub version: u64,
    /// When it is issued: also the event's time.
    pub issued_at: Timestamp,
}

/// The grant that a request relies on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantUse {
    /// Which one.
    pub grant_id: Uuid,
    /// The journal that it was issued against. If the gateway has another one since, the grant
    /// is lost and the request is not signed.
    pub journal_id: Uuid,
    /// The grant's compact JWS, for a gateway that may not have it yet: both are taken in one
    /// step.
    pub signed: Option<String>,
}
