//! What all statements have in common, whatever they say.

use std::sync::OnceLock;

use jiff::{SignedDuration, Timestamp};
use jsonschema::Validator;
use serde_json::Value;

use super::jws::Kind;
use super::scope::IssuerScope;
use crate::types::{
    EventType, GrantStatement, RequestStatement, RevocationStatement, Statement, TimeStatement,
    VendorStatement,
};
use crate::validate::{compile, schema};

/// The longest that a grant may be valid.
pub const MAX_VALIDITY: SignedDuration = SignedDuration::from_hours(366 * 24);
/// The longest from a request to its deadline.
pub const MAX_REQUEST_LIFETIME: SignedDuration = SignedDuration::from_secs(60);

/// A statement that an event to a gateway carries. Grants, requests, revocations, attestations
/// of time and orders for vendors are; nothing outside this crate can be.
pub trait Signable: Statement + sealed::Sealed {
    /// What its signature is for.
    const KIND: Kind;
    /// What its signer's key must be trusted with.
    const SCOPE: IssuerScope;

    /// The members that every statement has.
    fn common(&self) -> Common<'_>;

    /// From when to when it counts, where a longest time is set for that.
    fn lifetime(&self) -> Option<Lifetime<'_>>;

    /// Every instant in it.
    fn instants(&self) -> Vec<&str>;

    /// The journal that it was issued against, if it was.
    fn journal_id(&self) -> Option<&str> {
        None
    }

    /// Whom it is about, if it says so.
    fn subject_ref(&self) -> Option<&str> {
        None
    }

    /// The id and the compact JWS of a grant that came with it; the id may come alone.
    fn grant(&self) -> (Option<&str>, Option<&str>) {
        (None, None)
    }
}

/// The members that statements have in common, under the names of `schemas/core/statements.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the schema says what each member is")]
pub struct Common<'a> {
    pub event_type: &'a str,
    pub schema_version: &'a str,
    pub issuer: &'a str,
    pub issued_at: &'a str,
    pub tenant_id: &'a str,
    pub site_id: Option<&'a str>,
    pub gateway: &'a str,
    pub entry_id: Option<&'a str>,
}

/// From when to when a statement counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime<'a> {
    /// RFC 3339.
    pub from: &'a str,
    /// RFC 3339, later than `from`.
    pub until: &'a str,
    /// The longest for anybody.
    pub longest: SignedDuration,
    /// Whether the signer's key shortens that.
    pub bound_by_key: bool,
}

impl Lifetime<'_> {
    /// How long that is; `None` where the instants are none or the wrong way round.
    pub(crate) fn length(&self) -> Option<SignedDuration> {
        let (from, until) = (instant(self.from)?, instant(self.until)?);
        Some(until.duration_since(from)).filter(SignedDuration::is_positive)
    }
}

/// The instant that a member holds. A schema accepts some texts that are none.
pub(crate) fn instant(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

pub(super) mod sealed {
    use jsonschema::Validator;

    pub trait Sealed {
        /// The validator of the statement's own schema.
        fn validator() -> &'static Validator;
    }
}

macro_rules! common {
    ($statement:ident, $entry:expr) => {
        Common {
            event_type: &$statement.type_,
            schema_version: &$statement.schema_version,
            issuer: &$statement.issuer,
            issued_at: &$statement.issued_at,
            tenant_id: &$statement.tenant_id,
            site_id: $statement.site_id.as_deref(),
            gateway: &$statement.gateway,
            entry_id: $entry,
        }
    };
}

macro_rules! sealed {
    ($($statement:ty),+) => {$(
        impl sealed::Sealed for $statement {
            fn validator() -> &'static Validator {
                static VALIDATOR: OnceLock<Validator> = OnceLock::new();
                VALIDATOR.get_or_init(|| compile(&schema(<$statement as Statement>::SCHEMA)))
            }
        }
    )+};
}

sealed!(
    GrantStatement,
    RequestStatement,
    RevocationStatement,
    TimeStatement,
    VendorStatement,
    crate::types::IssuerListStatement
);

impl Signable for GrantStatement {
    const KIND: Kind = Kind::Grant;
    const SCOPE: IssuerScope = IssuerScope::Grant;

    fn common(&self) -> Common<'_> {
        common!(self, Some(&self.entry_id))
    }

    fn lifetime(&self) -> Option<Lifetime<'_>> {
        let (from, until) = (&self.not_before, &self.expires_at);
        Some(Lifetime { from, until, longest: MAX_VALIDITY, bound_by_key: true })
    }

    fn instants(&self) -> Vec<&str> {
        vec![&self.issued_at, &self.not_before, &self.expires_at]
    }

    fn journal_id(&self) -> Option<&str> {
        Some(&self.journal_id)
    }

    fn subject_ref(&self) -> Option<&str> {
        Some(&self.subject_ref)
    }
}

impl Signable for RequestStatement {
    const KIND: Kind = Kind::Request;
    const SCOPE: IssuerScope = IssuerScope::Request;

    fn common(&self) -> Common<'_> {
        common!(self, Some(&self.entry_id))
    }

    fn lifetime(&self) -> Option<Lifetime<'_>> {
        let (from, until) = (&self.issued_at, &self.not_after);
        Some(Lifetime { from, until, longest: MAX_REQUEST_LIFETIME, bound_by_key: false })
    }

    fn instants(&self) -> Vec<&str> {
        vec![&self.issued_at, &self.not_after]
    }

    fn subject_ref(&self) -> Option<&str> {
        Some(&self.subject_ref)
    }

    fn grant(&self) -> (Option<&str>, Option<&str>) {
        (self.grant_id.as_deref(), self.grant.as_deref())
    }
}

/// A revocation has no lifetime: it counts until its grant's end, and refusing one would leave a
/// door more open than it should be.
impl Signable for RevocationStatement {
    const KIND: Kind = Kind::Revocation;
    const SCOPE: IssuerScope = IssuerScope::Grant;

    fn common(&self) -> Common<'_> {
        common!(self, Some(&self.entry_id))
    }

    fn lifetime(&self) -> Option<Lifetime<'_>> {
        None
    }

    fn instants(&self) -> Vec<&str> {
        vec![&self.issued_at, &self.expires_at]
    }
}

/// What time it is. Its challenge says how old it is: no lifetime of its own bounds that.
impl Signable for TimeStatement {
    const KIND: Kind = Kind::Time;
    const SCOPE: IssuerScope = IssuerScope::Time;

    fn common(&self) -> Common<'_> {
        common!(self, None)
    }

    fn lifetime(&self) -> Option<Lifetime<'_>> {
        None
    }

    fn instants(&self) -> Vec<&str> {
        vec![&self.issued_at]
    }
}

/// Whether a vendor's process may run. Its version says which word is the last: it has no lifetime,
/// since one that came too late would leave running what was to be stopped.
impl Signable for VendorStatement {
    const KIND: Kind = Kind::Vendor;
    const SCOPE: IssuerScope = IssuerScope::Vendor;

    fn common(&self) -> Common<'_> {
        common!(self, None)
    }

    fn lifetime(&self) -> Option<Lifetime<'_>> {
        None
    }

    fn instants(&self) -> Vec<&str> {
        vec![&self.issued_at]
    }
}

/// The members of a type's `data` that are copies of its statement: all but `signed`.
#[expect(clippy::indexing_slicing, reason = "the table has a place for every index()")]
pub(crate) fn copied(event_type: EventType) -> &'static [String] {
    static TABLE: [OnceLock<Vec<String>>; EventType::COUNT] =
        [const { OnceLock::new() }; EventType::COUNT];
    TABLE[event_type.index()].get_or_init(|| {
        let whole = schema(event_type.writer_schema());
        let members = whole.pointer("/properties/data/properties").and_then(Value::as_object);
        let names = members.into_iter().flat_map(serde_json::Map::keys);
        names.filter(|name| *name != SIGNED).cloned().collect()
    })
}

/// The member of `data` that holds the compact JWS.
pub(crate) const SIGNED: &str = "signed";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Direction, IssuerListStatement};

    #[test]
    fn what_types_copy_stands_in_their_statements() {
        let statements = [
            (EventType::GrantIssued, GrantStatement::SCHEMA),
            (EventType::GrantRevoked, RevocationStatement::SCHEMA),
            (EventType::EntryUnlockRequested, RequestStatement::SCHEMA),
            (EventType::EntryOpenRequested, RequestStatement::SCHEMA),
            (EventType::EntryLockRequested, RequestStatement::SCHEMA),
            (EventType::TimeAttested, TimeStatement::SCHEMA),
            (EventType::VendorIsolationOrdered, VendorStatement::SCHEMA),
            (EventType::IssuerKeysPublished, IssuerListStatement::SCHEMA),
        ];
        let downlinks =
            EventType::ALL.into_iter().filter(|t| t.direction() == Direction::ToGateway);
        assert_eq!(downlinks.count(), statements.len(), "a type without a row here");
        for (event_type, text) in statements {
            let statement = schema(text);
            assert!(!copied(event_type).is_empty(), "{event_type}");
            for name in copied(event_type) {
                assert!(statement["properties"].get(name).is_some(), "{event_type}: {name}");
            }
        }
    }
}
