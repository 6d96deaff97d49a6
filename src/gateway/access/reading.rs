//! From the text of an event to what an issuer said, if it is believed: rows 1 and 2 of the access
//! decision.

use doorward_events::statement::jws::Fault;
use doorward_events::statement::{
    Audience, Denial, Interval, IssuerList, IssuerListError, PublicKey, Signable, Verified,
    Verifier,
};
use doorward_events::types::{
    AccessAction, AccessReason, Authority, EntryLockRequested, EntryOpenRequested,
    EntryUnlockRequested, EventData, GrantIssued, GrantRevoked, GrantStatement,
    IssuerKeysPublished, RequestStatement, RevocationStatement, TimeAttested, TimeStatement,
    VendorIsolationOrdered, VendorStatement,
};
use doorward_events::{Envelope, PublisherId, Received, read};
use doorward_translators::Act;
use jiff::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

use super::issuers::Listed;
use super::story::Cause;
use super::time::Attested;
use super::week;
use crate::domain::access::{BodyDigest, Grant, IssuerName, Reason, SubjectRef, TenantId};
use crate::domain::ids::{EntryId, VendorId};

/// What was said, by somebody who is believed.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    Grant(Grant),
    Revoke {
        grant_id: Uuid,
        issuer: IssuerName,
        entry: EntryId,
        expires_at: Timestamp,
    },
    Request(Request),
    Time(Attested),
    Vendor(Ordering),
    Issuers(Box<Listed>),
    /// A list of issuers below one that was taken.
    OlderIssuers,
}

/// One act that is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    pub request_id: Uuid,
    pub issuer: IssuerName,
    pub entry: EntryId,
    pub subject: SubjectRef,
    pub act: Act,
    pub grant_id: Option<Uuid>,
    /// The grant that came with it.
    pub grant: Option<(Grant, BodyDigest)>,
    pub issued_at: Timestamp,
    pub not_after: Timestamp,
    pub challenge: Option<String>,
}

/// Whether a vendor's process may run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ordering {
    pub issuer: IssuerName,
    pub vendor: VendorId,
    pub isolated: bool,
    pub version: u64,
}

/// A text that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    pub cause: Cause,
    pub said: Said,
    /// Of the signed text: whether a second one with the same id says the same.
    pub body: BodyDigest,
}

/// A text that is not believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unheard {
    pub reason: Reason,
    /// For the local log; no value of a member.
    pub text: String,
    /// It cannot be judged now, for what is amiss here: who sent it may be right.
    pub ours: bool,
}

impl Unheard {
    fn new(reason: Reason, text: impl Into<String>) -> Self {
        Self { reason, text: text.into(), ours: false }
    }
}

/// Whom a text has to come from.
#[derive(Clone, Copy)]
pub struct Listener<'a> {
    /// The keys that are believed; `None`: nobody's.
    pub verifier: Option<&'a Verifier>,
    /// Signs lists of issuers; `None`: none is taken.
    pub root: Option<&'a PublicKey>,
    /// No list below this version is taken.
    pub at_least: u64,
    /// What the bus says of where it comes from; `None`: it did not come over a bus.
    pub source: Option<&'a str>,
}

/// The types that are read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Grant,
    Revocation,
    Request(Act),
    Time,
    Vendor,
    Issuers,
}

#[derive(Deserialize)]
struct Head {
    #[serde(rename = "type")]
    kind: String,
}

/// Reads an event of an issuer.
///
/// # Errors
/// It is not believed, and nothing more may be done with it than to count it.
pub fn hear(
    text: &str,
    listener: &Listener<'_>,
    audience: &Audience,
    now: Interval,
) -> Result<Heard, Unheard> {
    let malformed = |text: &str| Unheard::new(Reason::MalformedRequest, text);
    let head: Head = serde_json::from_str(text).map_err(|_| malformed("it is no event"))?;
    let kinds = [
        (GrantIssued::TYPE.as_str(), Kind::Grant),
        (GrantRevoked::TYPE.as_str(), Kind::Revocation),
        (EntryUnlockRequested::TYPE.as_str(), Kind::Request(Act::Unlock)),
        (EntryOpenRequested::TYPE.as_str(), Kind::Request(Act::Open)),
        (EntryLockRequested::TYPE.as_str(), Kind::Request(Act::Lock)),
        (TimeAttested::TYPE.as_str(), Kind::Time),
        (VendorIsolationOrdered::TYPE.as_str(), Kind::Vendor),
        (IssuerKeysPublished::TYPE.as_str(), Kind::Issuers),
    ];
    let kind = kinds.into_iter().find(|(name, _)| *name == head.kind).map(|(_, kind)| kind);
    let kind = kind.ok_or_else(|| malformed("it is of a type that gateways do not take"))?;
    if kind == Kind::Issuers {
        return issuers(text, listener, now);
    }
    let Some(verifier) = listener.verifier else {
        let text = "no list of issuers is believed here";
        let ours = listener.root.is_some();
        return Err(Unheard { ours, ..Unheard::new(Reason::UnauthenticatedSource, text) });
    };
    let listen = Listen { text, source: listener.source, verifier, audience, now };
    match kind {
        Kind::Grant => listen.to::<GrantIssued>(|statement, verified| {
            Some(Said::Grant(grant(statement, verified.believed_until())?))
        }),
        Kind::Revocation => listen.to::<GrantRevoked>(|statement, _| revocation(statement)),
        Kind::Request(act) => match act {
            Act::Open => listen.to::<EntryOpenRequested>(|s, v| request(s, v, act)),
            Act::Lock => listen.to::<EntryLockRequested>(|s, v| request(s, v, act)),
            _ => listen.to::<EntryUnlockRequested>(|s, v| request(s, v, act)),
        },
        Kind::Vendor => listen.to::<VendorIsolationOrdered>(|statement, _| ordering(statement)),
        Kind::Time | Kind::Issuers => listen.to::<TimeAttested>(|statement, _| time(statement)),
    }
}

/// A list of issuers: the root key's word, whoever brings it.
fn issuers(text: &str, listener: &Listener<'_>, now: Interval) -> Result<Heard, Unheard> {
    let Some(root) = listener.root else {
        let text = "no root key is pinned here";
        return Err(Unheard::new(Reason::UnauthenticatedSource, text));
    };
    let received = received::<IssuerKeysPublished>(text, listener.source)?;
    let signed = received.data.signed;
    let heard = |said| Heard { cause: Cause::of(&received.envelope), said, body: digest(&signed) };
    let list = match IssuerList::open(&signed, root, listener.at_least, now) {
        Ok(list) => list,
        Err(IssuerListError::Superseded { .. }) => return Ok(heard(Said::OlderIssuers)),
        Err(error) => {
            let reason = match error {
                IssuerListError::Signature | IssuerListError::Form(Fault::Algorithm) => {
                    Reason::InvalidSignature
                }
                IssuerListError::Expired => Reason::IssuerNotAuthorized,
                _ => Reason::MalformedRequest,
            };
            return Err(Unheard::new(reason, error.to_string()));
        }
    };
    if u64::try_from(received.data.version) != Ok(list.version()) {
        let text = "/data/version: differs from the signed list";
        return Err(Unheard::new(Reason::MalformedRequest, text));
    }
    Ok(heard(Said::Issuers(Box::new(Listed { list, signed: signed.clone() }))))
}

/// An event as its type, from where the bus says that it is.
fn received<D: EventData>(text: &str, source: Option<&str>) -> Result<Received<D>, Unheard> {
    let received =
        read::<D>(text.as_bytes()).map_err(|rejected| Unheard::from(Denial::from(&rejected)))?;
    if source.is_some_and(|source| source != source_of(&received.envelope)) {
        let text = "the bus names another source than the event";
        return Err(Unheard::new(Reason::UnauthenticatedSource, text));
    }
    Ok(received)
}

struct Listen<'a> {
    text: &'a str,
    source: Option<&'a str>,
    verifier: &'a Verifier,
    audience: &'a Audience,
    now: Interval,
}

impl Listen<'_> {
    fn to<D>(
        &self,
        said: impl FnOnce(&D::Statement, &Verified<D::Statement>) -> Option<Said>,
    ) -> Result<Heard, Unheard>
    where
        D: Authority<Statement: Signable>,
    {
        let received = received::<D>(self.text, self.source)?;
        let verified =
            self.verifier.verify(&received, self.audience, self.now).map_err(Unheard::from)?;
        let body = digest(verified.signed());
        let Some(said) = said(verified.statement(), &verified) else {
            let text = "the statement holds what this build has no meaning for";
            return Err(Unheard::new(Reason::UnsupportedRestriction, text));
        };
        Ok(Heard { cause: Cause::of(&received.envelope), said, body })
    }
}

fn source_of(envelope: &Envelope) -> String {
    let PublisherId { name, instance } = &envelope.publisher;
    format!("{name}/{instance}")
}

/// Of the payload of a compact JWS.
fn digest(signed: &str) -> BodyDigest {
    let payload = signed.split('.').nth(1).unwrap_or(signed);
    let digest = ring::digest::digest(&ring::digest::SHA256, payload.as_bytes());
    let mut bytes = [0; 32];
    bytes.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
    BodyDigest(bytes)
}

fn act(action: &AccessAction) -> Option<Act> {
    let word = action.as_str();
    [Act::Unlock, Act::Lock, Act::Open, Act::Close, Act::Stop]
        .into_iter()
        .find(|act| act.as_str() == word)
}

fn grant(statement: &GrantStatement, believed_until: Timestamp) -> Option<Grant> {
    Some(Grant {
        grant_id: statement.grant_id.parse().ok()?,
        issuer: IssuerName::new(statement.issuer.as_str()),
        tenant: TenantId::new(statement.tenant_id.as_str()),
        entry: EntryId::new(statement.entry_id.as_str()),
        journal_id: statement.journal_id.parse().ok()?,
        subject: SubjectRef::new(statement.subject_ref.as_str()),
        actions: statement.actions.iter().map(act).collect::<Option<_>>()?,
        not_before: statement.not_before.parse().ok()?,
        expires_at: statement.expires_at.parse().ok()?,
        max_uses: u32::try_from(statement.max_uses).ok()?,
        min_interval_s: u32::try_from(statement.min_interval_s.unwrap_or(0)).ok()?,
        schedule: statement.schedule.as_ref().map(week::read).transpose().ok()?,
        believed_until,
    })
}

fn time(statement: &TimeStatement) -> Option<Said> {
    Some(Said::Time(Attested {
        issuer: IssuerName::new(statement.issuer.as_str()),
        challenge: statement.challenge.clone(),
        signed_at: statement.issued_at.parse().ok()?,
    }))
}

fn ordering(statement: &VendorStatement) -> Option<Said> {
    Some(Said::Vendor(Ordering {
        issuer: IssuerName::new(statement.issuer.as_str()),
        vendor: VendorId::new(statement.vendor.as_str()),
        isolated: statement.isolated,
        version: u64::try_from(statement.version).ok()?,
    }))
}

fn revocation(statement: &RevocationStatement) -> Option<Said> {
    Some(Said::Revoke {
        grant_id: statement.grant_id.parse().ok()?,
        issuer: IssuerName::new(statement.issuer.as_str()),
        entry: EntryId::new(statement.entry_id.as_str()),
        expires_at: statement.expires_at.parse().ok()?,
    })
}

fn request(
    statement: &RequestStatement,
    verified: &Verified<RequestStatement>,
    act: Act,
) -> Option<Said> {
    let brought = match verified.grant() {
        None => None,
        Some(inside) => {
            Some((grant(inside.statement(), inside.believed_until())?, digest(inside.signed())))
        }
    };
    let grant_id = match &statement.grant_id {
        None => None,
        Some(text) => Some(text.parse().ok()?),
    };
    Some(Said::Request(Request {
        request_id: statement.request_id.parse().ok()?,
        issuer: IssuerName::new(statement.issuer.as_str()),
        entry: EntryId::new(statement.entry_id.as_str()),
        subject: SubjectRef::new(statement.subject_ref.as_str()),
        act,
        grant_id,
        grant: brought,
        issued_at: statement.issued_at.parse().ok()?,
        not_after: statement.not_after.parse().ok()?,
        challenge: statement.challenge.clone(),
    }))
}

impl From<Denial> for Unheard {
    fn from(denial: Denial) -> Self {
        let word: &AccessReason = &denial.reason;
        let reason = Reason::from_word(word.as_str()).unwrap_or(Reason::MalformedRequest);
        Self::new(reason, denial.text)
    }
}
