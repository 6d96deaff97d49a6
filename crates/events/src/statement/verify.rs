//! The gateway's side: whether a received statement is what somebody trusted said, to this
//! gateway. Rows 1 and 2 of the access decision; the rest is the gateway's, with its own state.

use std::fmt;

use jiff::Timestamp;
use jsonschema::error::ValidationErrorKind;
use serde_json::Value;
use uuid::Uuid;

use super::jws::{self, Fault};
use super::key::KeyId;
use super::signable::{Common, SIGNED, Signable, copied, instant, sealed::Sealed as _};
use super::trust::{TrustedIssuers, TrustedKey};
use crate::envelope::Envelope;
use crate::read::Received;
use crate::text::bounded_text;
use crate::types::{
    AccessReason, Authority, EventData, GrantIssued, GrantStatement, RequestStatement,
};
use crate::validate::{Rejected, check};

/// The longest text of a [`Denial`], in characters.
const MAX_TEXT: usize = 256;

/// Who is spoken to: what the gateway knows of itself from its set-up, never from an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audience {
    /// The gateway's own id: its publisher's instance.
    pub gateway: String,
    /// Whose it is. What is said to another tenant is not for it, whatever the key may.
    pub tenant_id: String,
    /// The site that it is at. With `None`, no statement that names a site is for it, and no key
    /// that is bound to sites may speak to it.
    pub site_id: Option<String>,
    /// Its journal. With `None`, the journal of a grant is not compared: for who has to judge
    /// deadlines first.
    pub journal_id: Option<Uuid>,
}

/// Where the true time lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    /// Not before.
    pub earliest: Timestamp,
    /// Not after.
    pub latest: Timestamp,
}

impl Interval {
    /// A clock that is right.
    pub fn exactly(now: Timestamp) -> Self {
        Self { earliest: now, latest: now }
    }

    /// The later end, whichever way round they are.
    pub(crate) fn end(self) -> Timestamp {
        self.latest.max(self.earliest)
    }
}

/// Why a statement is not believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// The first check that failed.
    pub reason: AccessReason,
    /// What was wrong, for the local log: at most 256 characters, no value of a member.
    pub text: String,
}

impl Denial {
    fn new(reason: AccessReason, text: impl AsRef<str>) -> Self {
        Self { reason, text: bounded_text(text.as_ref(), MAX_TEXT) }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason, self.text)
    }
}

impl std::error::Error for Denial {}

/// An event that cannot be read is malformed: row 1 as well.
impl From<&Rejected> for Denial {
    fn from(rejected: &Rejected) -> Self {
        Self::new(AccessReason::MalformedRequest, rejected.to_string())
    }
}

/// A statement of a trusted issuer to this gateway. Only [`Verifier::verify`] makes one.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified<S> {
    statement: S,
    kid: KeyId,
    believed_until: Timestamp,
    signed: String,
    grant: Option<Box<Verified<GrantStatement>>>,
}

impl<S> Verified<S> {
    /// What was said.
    pub fn statement(&self) -> &S {
        &self.statement
    }

    /// The key that signed it.
    pub fn kid(&self) -> &KeyId {
        &self.kid
    }

    /// When the key's time ends. A gateway that keeps the statement decides what it is worth then.
    pub fn believed_until(&self) -> Timestamp {
        self.believed_until
    }

    /// The compact JWS: the same statement signed twice by one key is the same text, since
    /// Ed25519 is deterministic.
    pub fn signed(&self) -> &str {
        &self.signed
    }

    /// The grant that a request brought along, verified like one that came alone.
    pub fn grant(&self) -> Option<&Verified<GrantStatement>> {
        self.grant.as_deref()
    }
}

/// Verifies what is sent to a gateway. It reads no clock and does no I/O.
#[derive(Debug, Clone)]
pub struct Verifier {
    trusted: TrustedIssuers,
}

impl Verifier {
    /// Believes these issuers. A new issuer list makes a new verifier.
    pub fn new(trusted: TrustedIssuers) -> Self {
        Self { trusted }
    }

    /// Rows 1 and 2 of the access decision, in their order; the first failure is the reason.
    ///
    /// | row | check | reason |
    /// |---|---|---|
    /// | 1 | size and form of the signed text, its payload's schema, every instant a real one, an end after its beginning, copies equal to the statement, a grant inside that is the one named | `malformed_request` |
    /// | 1 | the pinned algorithm, which is read with the form | `invalid_signature` |
    /// | 1 | a member, a word or a version that this build does not know in the signed part | `unsupported_restriction` |
    /// | 2 | the key's id | `unauthenticated_source` |
    /// | 2 | the signature | `invalid_signature` |
    /// | 2 | issuer, kind, tenant, site and length within the key's scope, the gateway's own site as well, the key's own time | `issuer_not_authorized` |
    /// | 2 | the gateway, its tenant, and its site if the statement names one | `wrong_audience` |
    /// | 2 | a grant inside is the request's issuer's | `issuer_not_authorized` |
    /// | 7 | a grant's journal, if the audience has one | `ledger_lost` |
    ///
    /// A grant inside a request passes each row after the request itself. Copies are all members
    /// of `data` but `signed`, and in the envelope `tenant_id`, `site_id`, `entry_id`,
    /// `schema_version` and the publisher's name; no statement is a test, so `test` is false.
    ///
    /// **Not judged here:** deadlines, the window of a grant, requests seen before, whether a
    /// challenge is the gateway's own, whether a revocation comes from the grant's issuer, whether
    /// a grant that a request only names is of the request's issuer, what the grant allows. The
    /// only time that is judged is the end of the key's own, by `now.latest`: while a clock cannot
    /// exclude that a key's time is over, the key is not believed. How far `latest` may be while
    /// the clock is not trusted is the gateway's rule.
    ///
    /// **Versions:** what is signed is understood whole or denied. Releases of a type that
    /// carries authority accept the same statements, to the member and the word
    /// (`closed-on-both-sides`), so every minor version of the own major one is understood, later
    /// ones too; whatever it held beyond that, the schema here refuses. Of a draft, with the major
    /// number 0, only the very version that this build writes is, since drafts may change the
    /// meaning of a member. A subscriber to facts may take another draft as its policies say: it
    /// loses or misreads an event, where a misread statement would open a door.
    pub fn verify<D>(
        &self,
        received: &Received<D>,
        audience: &Audience,
        now: Interval,
    ) -> Result<Verified<D::Statement>, Denial>
    where
        D: Authority<Statement: Signable>,
    {
        let malformed = |text: &str| Denial::new(AccessReason::MalformedRequest, text);
        let data = serde_json::to_value(&received.data).map_err(|_| malformed("data: not JSON"))?;
        let signed = data.get(SIGNED).and_then(Value::as_str);
        let signed = signed.ok_or_else(|| malformed("/data/signed: is missing"))?;

        let opened = open::<D>(signed)?;
        if let Some(differs) = different_copy::<D>(&data, &opened.payload)
            .or_else(|| different_place(received, &opened.statement.common()))
        {
            return Err(malformed(&format!("{differs}: differs from the signed statement")));
        }
        let grant = match opened.statement.grant() {
            (_, None) => None,
            (named, Some(grant)) => {
                let grant = open::<GrantIssued>(grant)?;
                if !goes_with(&opened.statement, named, &grant.statement) {
                    return Err(malformed("/grant: is not the grant that the request is for"));
                }
                Some(grant)
            }
        };

        let request = self.authenticate(opened, audience, now)?;
        let grant = grant.map(|grant| self.authenticate(grant, audience, now)).transpose()?;
        if grant.as_ref().is_some_and(|grant| !same_issuer(&request.statement, &grant.statement)) {
            let text = "/grant: is another issuer's than the request";
            return Err(Denial::new(AccessReason::IssuerNotAuthorized, text));
        }
        let journals = [request.journal_id(), grant.as_ref().and_then(Verified::journal_id)];
        if let Some(ours) = audience.journal_id
            && journals.into_iter().flatten().any(|journal| journal != ours)
        {
            let text = "/journal_id: the grant was issued against another journal";
            return Err(Denial::new(AccessReason::LedgerLost, text));
        }
        Ok(Verified { grant: grant.map(Box::new), ..request })
    }

    /// Row 2.
    fn authenticate<S: Signable>(
        &self,
        opened: Opened<S>,
        audience: &Audience,
        now: Interval,
    ) -> Result<Verified<S>, Denial> {
        let Opened { statement, signed, signing_input, kid, signature, .. } = opened;
        let signing_input = signed.get(..signing_input).unwrap_or_default();
        let Some(key) = self.trusted.key(&kid) else {
            let text = "the key that signed it is not trusted here";
            return Err(Denial::new(AccessReason::UnauthenticatedSource, text));
        };
        if !key.public_key().verifies(signing_input.as_bytes(), &signature) {
            let text = "the signature does not verify";
            return Err(Denial::new(AccessReason::InvalidSignature, text));
        }
        if let Some(text) = beyond(key, &statement, audience, now) {
            return Err(Denial::new(AccessReason::IssuerNotAuthorized, text));
        }
        if let Some(text) = elsewhere(&statement.common(), audience) {
            return Err(Denial::new(AccessReason::WrongAudience, text));
        }
        let believed_until = key.not_after();
        Ok(Verified { statement, kid, believed_until, signed, grant: None })
    }
}

impl<S: Signable> Verified<S> {
    fn journal_id(&self) -> Option<Uuid> {
        self.statement.journal_id()?.parse().ok()
    }
}

/// A statement that passed row 1.
struct Opened<S> {
    statement: S,
    payload: Value,
    signed: String,
    /// How much of `signed` is signed: all before the signature.
    signing_input: usize,
    kid: KeyId,
    signature: [u8; 64],
}

fn open<D>(signed: &str) -> Result<Opened<D::Statement>, Denial>
where
    D: Authority<Statement: Signable>,
{
    let malformed = |text: &str| Denial::new(AccessReason::MalformedRequest, text);
    let parsed = jws::parse(signed, D::Statement::KIND).map_err(|fault| {
        let reason = match fault {
            Fault::Algorithm => AccessReason::InvalidSignature,
            _ => AccessReason::MalformedRequest,
        };
        Denial::new(reason, fault.to_string())
    })?;
    let payload = parsed.payload;
    let unsupported = |text: &str| Denial::new(AccessReason::UnsupportedRestriction, text);
    if payload.get("type").and_then(Value::as_str) != Some(D::TYPE.as_str()) {
        return Err(malformed("/type: is another type than the event's"));
    }
    let validator = D::Statement::validator();
    if !validator.is_valid(&payload) {
        let unknown = |kind: &ValidationErrorKind, instance: &Value| match kind {
            ValidationErrorKind::AdditionalProperties { .. } => true,
            ValidationErrorKind::Enum { .. } => instance.is_string(),
            _ => false,
        };
        let only_unknown = validator.iter_errors(&payload).all(|e| unknown(e.kind(), e.instance()));
        let why = check(validator, D::TYPE, &payload).err().map(|invalid| invalid.to_string());
        let why = why.unwrap_or_default();
        return Err(if only_unknown { unsupported(&why) } else { malformed(&why) });
    }
    let statement = <D::Statement as serde::Deserialize>::deserialize(&payload);
    let statement = statement.map_err(|_| malformed("the statement does not fit its type"))?;
    if !knows(D::SCHEMA_VERSION, statement.common().schema_version) {
        return Err(unsupported("/schema_version: is not known to this build"));
    }
    if statement.instants().into_iter().any(|text| instant(text).is_none()) {
        return Err(malformed("an instant of the statement does not exist"));
    }
    if statement.lifetime().is_some_and(|lifetime| lifetime.length().is_none()) {
        return Err(malformed("the end is not after the beginning"));
    }
    Ok(Opened {
        statement,
        payload,
        signed: signed.to_owned(),
        signing_input: parsed.signing_input.len(),
        kid: parsed.kid,
        signature: parsed.signature,
    })
}

/// Whether a build that writes `ours` understands all of `theirs`: the same version, or another of
/// the same major number. Drafts, with the major number 0, promise nothing to each other: see
/// [`Verifier::verify`] on why that is stricter than a subscriber.
pub(super) fn knows(ours: &str, theirs: &str) -> bool {
    let major = |version: &str| -> Option<u32> {
        let (major, minor) = version.split_once('.')?;
        minor.parse::<u32>().ok()?;
        major.parse().ok()
    };
    ours == theirs || major(ours).is_some_and(|ours| ours > 0 && major(theirs) == Some(ours))
}

/// The first member of `data` that is not what the statement says; absent equals absent only.
fn different_copy<D: EventData>(data: &Value, statement: &Value) -> Option<String> {
    let mut names = copied(D::TYPE).iter();
    let name = names.find(|name| data.get(name) != statement.get(name))?;
    Some(format!("/data/{name}"))
}

/// The first member of the envelope that is not what the statement says.
fn different_place<D: EventData>(received: &Received<D>, said: &Common<'_>) -> Option<String> {
    let Envelope { tenant_id, site_id, entry_id, publisher, test, .. } = &received.envelope;
    let differs = [
        ("tenant_id", **tenant_id != *said.tenant_id),
        ("site_id", site_id.as_deref() != said.site_id),
        ("entry_id", entry_id.as_deref() != said.entry_id),
        ("publisher/name", *publisher.name != *said.issuer),
        ("schema_version", received.schema_version != said.schema_version),
        ("test", *test),
    ];
    let (name, _) = differs.into_iter().find(|(_, differs)| *differs)?;
    Some(format!("/{name}"))
}

/// Whether the grant inside is the one that the request names, of its issuer, for its door and its
/// subject.
pub(super) fn belongs(request: &RequestStatement, grant: &GrantStatement) -> bool {
    goes_with(request, request.grant_id.as_deref(), grant) && same_issuer(request, grant)
}

/// Who may only ask must not use what somebody else granted.
fn same_issuer<S: Signable>(statement: &S, grant: &GrantStatement) -> bool {
    statement.common().issuer == grant.common().issuer
}

fn goes_with<S: Signable>(statement: &S, named: Option<&str>, grant: &GrantStatement) -> bool {
    let (said, of_grant) = (statement.common(), grant.common());
    let place = |c: &Common<'_>| {
        (c.tenant_id.to_owned(), c.gateway.to_owned(), c.entry_id.map(str::to_owned))
    };
    named == Some(grant.grant_id.as_str())
        && place(&said) == place(&of_grant)
        && statement.subject_ref() == Some(grant.subject_ref.as_str())
}

/// What of the audience is not who the statement is for, if anything.
fn elsewhere(said: &Common<'_>, audience: &Audience) -> Option<&'static str> {
    if said.gateway != audience.gateway {
        return Some("/gateway: is another gateway");
    }
    if said.tenant_id != audience.tenant_id {
        return Some("/tenant_id: is another tenant than the gateway's");
    }
    let another_site = said.site_id.is_some() && said.site_id != audience.site_id.as_deref();
    another_site.then_some("/site_id: is another site than the gateway's")
}

/// What is outside the key's scope, if anything.
fn beyond<S: Signable>(
    key: &TrustedKey,
    statement: &S,
    audience: &Audience,
    now: Interval,
) -> Option<&'static str> {
    let said = statement.common();
    if now.end() > key.not_after() {
        return Some("the key's time is over, or the clock cannot exclude it");
    }
    if said.issuer != key.issuer() {
        return Some("/issuer: is not whose key it is");
    }
    if !key.may(S::SCOPE) {
        return Some("/type: the key may not sign this");
    }
    if !key.speaks_of(said.tenant_id, said.site_id) {
        return Some("/tenant_id, /site_id: the key may not speak of this place");
    }
    if !key.covers(audience.site_id.as_deref()) {
        return Some("the key may not speak to a gateway at this site");
    }
    let lifetime = statement.lifetime()?;
    let of_key = if lifetime.bound_by_key { key.longest_validity() } else { lifetime.longest };
    let too_long = lifetime.length().is_none_or(|length| length > lifetime.longest.min(of_key));
    too_long.then_some("it would count for longer than the key may allow")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_release_of_the_own_major_version_is_known() {
        let table = [
            ("0.1", "0.1", true),
            ("0.2", "0.1", false),
            ("0.1", "0.2", false),
            ("1.2", "1.2", true),
            ("1.2", "1.0", true),
            ("1.2", "1.3", true),
            ("1.2", "2.0", false),
            ("1.2", "0.1", false),
            ("1.2", "x", false),
        ];
        for (ours, theirs, known) in table {
            assert_eq!(knows(ours, theirs), known, "{ours} {theirs}");
        }
    }
}
