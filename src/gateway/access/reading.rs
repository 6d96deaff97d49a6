//! From the text of an event to what an issuer said, if it is believed: rows 1 and 2 of the access
//! decision.

use doorward_events::statement::{Audience, Denial, Interval, Signable, Verified, Verifier};
use doorward_events::types::{
    AccessAction, AccessReason, Authority, EntryLockRequested, EntryOpenRequested,
    EntryUnlockRequested, EventData, GrantIssued, GrantRevoked, GrantStatement, RequestStatement,
    RevocationStatement,
};
use doorward_events::{Envelope, PublisherId, read};
use doorward_translators::Act;
use jiff::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

use super::story::Cause;
use crate::domain::access::{BodyDigest, Grant, IssuerName, Reason, SubjectRef, TenantId};
use crate::domain::ids::EntryId;

/// What was said, by somebody who is believed.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    Grant(Grant),
    Revoke { grant_id: Uuid, issuer: IssuerName, entry: EntryId, expires_at: Timestamp },
    Request(Request),
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
}

/// The types that are read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Grant,
    Revocation,
    Request(Act),
}

#[derive(Deserialize)]
struct Head {
    #[serde(rename = "type")]
    kind: String,
}

/// Reads an event of an issuer. `source`: what the bus says of where it comes from; `None`: it did
/// not come over a bus.
///
/// # Errors
/// It is not believed, and nothing more may be done with it than to count it.
pub fn hear(
    text: &str,
    source: Option<&str>,
    verifier: Option<&Verifier>,
    audience: &Audience,
    now: Interval,
) -> Result<Heard, Unheard> {
    let malformed =
        |text: &str| Unheard { reason: Reason::MalformedRequest, text: text.to_owned() };
    let head: Head = serde_json::from_str(text).map_err(|_| malformed("it is no event"))?;
    let Some(verifier) = verifier else {
        return Err(Unheard {
            reason: Reason::UnauthenticatedSource,
            text: "no list of issuers is believed here".to_owned(),
        });
    };
    let kinds = [
        (GrantIssued::TYPE.as_str(), Kind::Grant),
        (GrantRevoked::TYPE.as_str(), Kind::Revocation),
        (EntryUnlockRequested::TYPE.as_str(), Kind::Request(Act::Unlock)),
        (EntryOpenRequested::TYPE.as_str(), Kind::Request(Act::Open)),
        (EntryLockRequested::TYPE.as_str(), Kind::Request(Act::Lock)),
    ];
    let kind = kinds.into_iter().find(|(name, _)| *name == head.kind).map(|(_, kind)| kind);
    let listen = Listen { text, source, verifier, audience, now };
    match kind {
        Some(Kind::Grant) => listen.to::<GrantIssued>(|statement, verified| {
            Some(Said::Grant(grant(statement, verified.believed_until())?))
        }),
        Some(Kind::Revocation) => listen.to::<GrantRevoked>(|statement, _| revocation(statement)),
        Some(Kind::Request(act)) => match act {
            Act::Open => listen.to::<EntryOpenRequested>(|s, v| request(s, v, act)),
            Act::Lock => listen.to::<EntryLockRequested>(|s, v| request(s, v, act)),
            _ => listen.to::<EntryUnlockRequested>(|s, v| request(s, v, act)),
        },
        None => Err(malformed("it is of a type that gateways do not take")),
    }
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
        let received = read::<D>(self.text.as_bytes())
            .map_err(|rejected| Unheard::from(Denial::from(&rejected)))?;
        if let Some(source) = self.source
            && source != source_of(&received.envelope)
        {
            return Err(Unheard {
                reason: Reason::UnauthenticatedSource,
                text: "the bus names another source than the event".to_owned(),
            });
        }
        let verified =
            self.verifier.verify(&received, self.audience, self.now).map_err(Unheard::from)?;
        let body = digest(verified.signed());
        match said(verified.statement(), &verified) {
            Some(said) => Ok(Heard { cause: Cause::of(&received.envelope), said, body }),
            None => Err(Unheard {
                reason: Reason::UnsupportedRestriction,
                text: "the statement holds what this build has no meaning for".to_owned(),
            }),
        }
    }
}

fn source_of(envelope: &Envelope) -> String {
    let PublisherId { name, instance } = &envelope.publisher;
    format!("{name}/{instance}")
}

fn digest(signed: &str) -> BodyDigest {
    let digest = ring::digest::digest(&ring::digest::SHA256, signed.as_bytes());
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
        schedule: None,
        believed_until,
    })
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
        Self { reason, text: denial.text }
    }
}
