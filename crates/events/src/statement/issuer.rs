//! The issuing side: from what a service wants to what a gateway believes.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::accepts::Accepts;
use super::ask::{Address, Grant, GrantUse, Request, Revocation, VendorOrder};
use super::jws::{self, Kind};
use super::signable::{Lifetime, MAX_VALIDITY, SIGNED, Signable, copied, sealed::Sealed as _};
use super::signer::{SignError, Signer};
use crate::draft::Draft;
use crate::envelope::{Envelope, PublisherId};
use crate::publishers::RegisteredPublisher;
use crate::types::{
    Authority, EventData, EventType, GrantIssued, GrantRevoked, GrantStatement, RequestStatement,
    RevocationStatement, TimeAttested, TimeStatement, VendorIsolationOrdered, VendorStatement,
};
use crate::validate::{FieldError, Invalid, check};

/// Signs what one publisher says to gateways.
///
/// It signs nothing that the addressed gateway would not read, that its own schema refuses, or
/// that counts for too long.
pub struct Issuer {
    signer: Box<dyn Signer>,
    publisher: PublisherId,
    longest_validity: SignedDuration,
}

/// A signed statement, and the event that carries it.
#[derive(Debug, Clone, PartialEq)]
pub struct Issued<D: Authority> {
    /// The sealed event. Its envelope and data are made from the statement, so that no copy
    /// differs.
    pub draft: Draft,
    /// The event's data.
    pub data: D,
    /// What was signed.
    pub statement: D::Statement,
    /// The compact JWS, as in the data.
    pub signed: String,
}

impl Issued<GrantIssued> {
    /// This grant, for a request that relies on it and brings it along.
    pub fn to_use(&self) -> Option<GrantUse> {
        Some(GrantUse {
            grant_id: self.statement.grant_id.parse().ok()?,
            journal_id: self.statement.journal_id.parse().ok()?,
            signed: Some(self.signed.clone()),
        })
    }
}

impl Issuer {
    /// An issuer of the registered publisher `publisher`, who may publish at least one type that
    /// carries authority. Grants are at most [`MAX_VALIDITY`] long.
    pub fn new(signer: impl Signer + 'static, publisher: PublisherId) -> Result<Self, IssueError> {
        let known = RegisteredPublisher::find(&publisher.name).ok_or(IssueError::NotRegistered)?;
        let issues = |t: &EventType| t.direction() == crate::types::Direction::ToGateway;
        if !known.publishes.iter().any(issues) {
            return Err(IssueError::NotRegistered);
        }
        Ok(Self { signer: Box::new(signer), publisher, longest_validity: MAX_VALIDITY })
    }

    /// The same with a shorter bound on the validity of grants: what the key is trusted with.
    pub fn with_longest_validity(self, longest: SignedDuration) -> Result<Self, IssueError> {
        if longest.is_positive() && longest <= MAX_VALIDITY {
            Ok(Self { longest_validity: longest, ..self })
        } else {
            Err(IssueError::TooLong { longest: MAX_VALIDITY })
        }
    }

    /// Issues a grant against the journal that the gateway has.
    pub async fn grant(
        &self,
        accepts: &Accepts,
        grant: Grant,
    ) -> Result<Issued<GrantIssued>, IssueError> {
        let Grant { address, issued_at, .. } = grant;
        let statement = GrantStatement {
            type_: GrantIssued::TYPE.to_string(),
            schema_version: GrantIssued::SCHEMA_VERSION.to_owned(),
            issuer: self.publisher.name.to_string(),
            issued_at: issued_at.to_string(),
            tenant_id: address.tenant_id.clone(),
            site_id: address.site_id.clone(),
            gateway: address.gateway.clone(),
            entry_id: address.entry_id.clone().unwrap_or_default(),
            journal_id: accepts.journal_id().to_string(),
            grant_id: grant.grant_id.to_string(),
            subject_ref: grant.subject_ref,
            actions: grant.actions,
            not_before: grant.not_before.to_string(),
            expires_at: grant.expires_at.to_string(),
            max_uses: grant.max_uses.into(),
            min_interval_s: grant.min_interval_s.map(Into::into),
            schedule: grant.schedule,
        };
        self.issue(accepts, statement, issued_at, address).await
    }

    /// Takes a grant back. The journal does not matter: a revocation counts against any.
    pub async fn revoke(
        &self,
        accepts: &Accepts,
        revocation: Revocation,
    ) -> Result<Issued<GrantRevoked>, IssueError> {
        let Revocation { address, grant_id, issued_at, expires_at } = revocation;
        let statement = RevocationStatement {
            type_: GrantRevoked::TYPE.to_string(),
            schema_version: GrantRevoked::SCHEMA_VERSION.to_owned(),
            issuer: self.publisher.name.to_string(),
            issued_at: issued_at.to_string(),
            tenant_id: address.tenant_id.clone(),
            site_id: address.site_id.clone(),
            gateway: address.gateway.clone(),
            entry_id: address.entry_id.clone().unwrap_or_default(),
            grant_id: grant_id.to_string(),
            expires_at: expires_at.to_string(),
        };
        self.issue(accepts, statement, issued_at, address).await
    }

    /// Asks for one act: `issuer.request::<EntryUnlockRequested>(…)`.
    pub async fn request<D>(
        &self,
        accepts: &Accepts,
        request: Request,
    ) -> Result<Issued<D>, IssueError>
    where
        D: Authority<Statement = RequestStatement>,
    {
        let Request { address, issued_at, .. } = request;
        let not_after = issued_at.checked_add(request.lifetime).map_err(|_| IssueError::Window)?;
        let (grant_id, grant) = match request.grant {
            Some(GrantUse { journal_id, .. }) if journal_id != accepts.journal_id() => {
                return Err(IssueError::OtherJournal);
            }
            Some(grant) => (Some(grant.grant_id.to_string()), grant.signed),
            None => (None, None),
        };
        let statement = RequestStatement {
            type_: D::TYPE.to_string(),
            schema_version: D::SCHEMA_VERSION.to_owned(),
            issuer: self.publisher.name.to_string(),
            issued_at: issued_at.to_string(),
            tenant_id: address.tenant_id.clone(),
            site_id: address.site_id.clone(),
            gateway: address.gateway.clone(),
            entry_id: address.entry_id.clone().unwrap_or_default(),
            request_id: request.request_id.to_string(),
            subject_ref: request.subject_ref,
            grant_id,
            grant,
            not_after: not_after.to_string(),
            challenge: request.challenge,
        };
        if let Some(signed) = &statement.grant {
            fits(&statement, signed, accepts.journal_id())?;
        }
        self.issue(accepts, statement, issued_at, address).await
    }

    /// Says to a gateway what time it is, in answer to its challenge: `issued_at`, which is when
    /// this is signed. The address names no entry.
    pub async fn attest(
        &self,
        accepts: &Accepts,
        address: Address,
        challenge: impl Into<String>,
        issued_at: Timestamp,
    ) -> Result<Issued<TimeAttested>, IssueError> {
        let statement = TimeStatement {
            type_: TimeAttested::TYPE.to_string(),
            schema_version: TimeAttested::SCHEMA_VERSION.to_owned(),
            issuer: self.publisher.name.to_string(),
            issued_at: issued_at.to_string(),
            tenant_id: address.tenant_id.clone(),
            site_id: address.site_id.clone(),
            gateway: address.gateway.clone(),
            challenge: challenge.into(),
        };
        let address = Address { entry_id: None, ..address };
        self.issue(accepts, statement, issued_at, address).await
    }

    /// Orders that a vendor's process at a gateway be isolated, or released. The address names no
    /// entry.
    pub async fn order_vendor(
        &self,
        accepts: &Accepts,
        address: Address,
        order: VendorOrder,
    ) -> Result<Issued<VendorIsolationOrdered>, IssueError> {
        let VendorOrder { vendor, isolated, version, issued_at } = order;
        let statement = VendorStatement {
            type_: VendorIsolationOrdered::TYPE.to_string(),
            schema_version: VendorIsolationOrdered::SCHEMA_VERSION.to_owned(),
            issuer: self.publisher.name.to_string(),
            issued_at: issued_at.to_string(),
            tenant_id: address.tenant_id.clone(),
            site_id: address.site_id.clone(),
            gateway: address.gateway.clone(),
            vendor,
            isolated,
            // One beyond what the schema takes is refused by it.
            version: i64::try_from(version).unwrap_or(i64::MAX),
        };
        let address = Address { entry_id: None, ..address };
        self.issue(accepts, statement, issued_at, address).await
    }

    async fn issue<D>(
        &self,
        accepts: &Accepts,
        statement: D::Statement,
        issued_at: Timestamp,
        address: Address,
    ) -> Result<Issued<D>, IssueError>
    where
        D: Authority<Statement: Signable>,
    {
        if accepts.gateway() != address.gateway {
            return Err(IssueError::OtherGateway);
        }
        if accepts.tenant_id() != address.tenant_id {
            return Err(IssueError::OtherTenant);
        }
        if !accepts.accepts::<D>() {
            return Err(IssueError::NotAccepted(D::TYPE));
        }
        if let Some(lifetime) = statement.lifetime() {
            self.bounded(&lifetime)?;
        }
        let value = to_value::<D, _>(&statement)?;
        check(D::Statement::validator(), D::TYPE, &value)?;
        // Sealed once with a stand-in: whatever the event would be refused for is found before
        // anything is signed.
        let envelope = self.envelope(issued_at, address);
        envelope.clone().seal(&data::<D>(&value, STAND_IN.to_owned())?)?;
        let payload = value.to_string();
        let signed = jws::sign(&*self.signer, D::Statement::KIND, payload.as_bytes()).await?;
        let data = data::<D>(&value, signed.clone())?;
        let draft = envelope.seal(&data)?;
        Ok(Issued { draft, data, statement, signed })
    }

    fn bounded(&self, lifetime: &Lifetime<'_>) -> Result<(), IssueError> {
        let length = lifetime.length().ok_or(IssueError::Window)?;
        let of_key = if lifetime.bound_by_key { self.longest_validity } else { lifetime.longest };
        let longest = lifetime.longest.min(of_key);
        if length > longest { Err(IssueError::TooLong { longest }) } else { Ok(()) }
    }

    fn envelope(&self, issued_at: Timestamp, address: Address) -> Envelope {
        let Address { tenant_id, site_id, gateway: _, entry_id, cause } = address;
        let (publisher, tenant_id) = (self.publisher.clone(), tenant_id.into());
        let mut envelope = Envelope::new(Uuid::now_v7(), issued_at, publisher, tenant_id);
        envelope.site_id = site_id.map(Arc::from);
        envelope.entry_id = entry_id.map(Arc::from);
        match cause {
            Some(cause) => envelope.caused_by(&cause),
            None => envelope,
        }
    }
}

/// Has the form of a compact JWS and says nothing.
const STAND_IN: &str = "e30.e30.AA";

/// The event's data: copies of the statement, and the signed text.
fn data<D: Authority>(statement: &Value, signed: String) -> Result<D, Invalid> {
    let copies = copied(D::TYPE).iter();
    let copies = copies.filter_map(|name| Some((name.clone(), statement.get(name)?.clone())));
    let mut members: Map<String, Value> = copies.collect();
    members.insert(SIGNED.to_owned(), Value::String(signed));
    D::deserialize(Value::Object(members)).map_err(|_| whole::<D>("does not fit its type"))
}

fn to_value<D: EventData, S: serde::Serialize>(statement: &S) -> Result<Value, Invalid> {
    serde_json::to_value(statement).map_err(|_| whole::<D>("is not JSON"))
}

fn whole<D: EventData>(message: &str) -> Invalid {
    Invalid { event_type: D::TYPE, errors: vec![FieldError::whole(message.to_owned())] }
}

/// A grant that a request brings must be the one that it names, of this issuer, at this door, for
/// this subject, of this journal. Whether it is signed well is the gateway's to say: the key need
/// not be known here.
fn fits(request: &RequestStatement, signed: &str, journal: Uuid) -> Result<(), IssueError> {
    let parsed = jws::parse(signed, Kind::Grant).map_err(|_| IssueError::OtherGrant)?;
    let grant: GrantStatement =
        serde_json::from_value(parsed.payload).map_err(|_| IssueError::OtherGrant)?;
    if !super::verify::belongs(request, &grant) {
        return Err(IssueError::OtherGrant);
    }
    if grant.journal_id == journal.to_string() { Ok(()) } else { Err(IssueError::OtherJournal) }
}

/// Why nothing was issued.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum IssueError {
    /// `schemas/publishers.json` lets this publisher say nothing to gateways.
    #[error("the publisher is not registered in schemas/publishers.json for a type to gateways")]
    NotRegistered,
    /// What is known is known of another gateway.
    #[error("the gateway that is addressed is not the one that said what it accepts")]
    OtherGateway,
    /// The gateway is another tenant's than the one that is addressed.
    #[error("the gateway that said what it accepts is not of the tenant that is addressed")]
    OtherTenant,
    /// The gateway has another journal than the one that the grant was issued against.
    #[error("the grant was issued against another journal than the gateway has: issue it anew")]
    OtherJournal,
    /// The gateway did not list this type in the version that this build writes.
    #[error("the gateway does not accept {0} in the version that this build writes")]
    NotAccepted(EventType),
    /// The grant that the request brings is not the one that it names, or another issuer's, or not
    /// for this door and subject.
    #[error("the grant in the request is not the one that the request is for")]
    OtherGrant,
    /// The end is not after the beginning.
    #[error("the end is not after the beginning")]
    Window,
    /// It would count for too long.
    #[error("it would count for too long; at most {longest:#} are allowed")]
    TooLong {
        /// The longest that is allowed.
        longest: SignedDuration,
    },
    /// The schema of the statement or of the event refuses it.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// There is no signature.
    #[error(transparent)]
    Sign(#[from] SignError),
}

impl IssueError {
    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Sign(error) if error.is_retryable())
    }
}
