//! The issuer list: which keys a gateway believes. Its signer is the offline root key, pinned at
//! set-up, which signs nothing else; no other key can add one.

use jiff::Timestamp;
use serde::Deserialize as _;

use super::jws::{self, Fault, Kind};
use super::key::PublicKey;
use super::signable::sealed::Sealed as _;
use super::signer::{SignError, Signer};
use super::trust::{ListFault, TrustedIssuers};
use super::verify::Interval;
use crate::types::IssuerListStatement;

/// The most keys in a list: the schema's bound. With many tenants or sites a list is longer than
/// [`jws::MAX_ISSUER_LIST_BYTES`] before it has so many.
pub const MAX_ISSUER_KEYS: usize = 256;

/// A list of keys that the root key signed.
#[derive(Debug, Clone, PartialEq)]
pub struct IssuerList {
    statement: IssuerListStatement,
    expires: Timestamp,
    trusted: TrustedIssuers,
}

impl IssuerList {
    /// Opens a list that this root key signed.
    ///
    /// Refused: a version below `at_least`, which is the highest that was ever taken (so that an
    /// old list, with a key that was since withdrawn, is not played back); a list whose time is
    /// over, or may be, by `now.latest`; and everything that [`jws::parse`] or the schema
    /// refuses. Its keys are believed until the list expires at the latest. The `kid` of its
    /// header is not looked at: there is one root key.
    pub fn open(
        signed: &str,
        root: &PublicKey,
        at_least: u64,
        now: Interval,
    ) -> Result<Self, IssuerListError> {
        let parsed = jws::parse(signed, Kind::IssuerList)?;
        if !root.verifies(parsed.signing_input.as_bytes(), &parsed.signature) {
            return Err(IssuerListError::Signature);
        }
        // Only what the root key signed is read any further.
        let list = Self::read(&parsed.payload, root)?;
        if list.version() < at_least {
            return Err(IssuerListError::Superseded { at_least });
        }
        if now.end() > list.expires {
            return Err(IssuerListError::Expired);
        }
        Ok(list)
    }

    /// Signs a list, for set-up tools. It is refused unless it would open.
    pub async fn sign(
        root: &dyn Signer,
        statement: &IssuerListStatement,
    ) -> Result<String, IssuerListError> {
        let value = serde_json::to_value(statement).map_err(|_| IssuerListError::Schema)?;
        Self::read(&value, &root.public_key())?;
        Ok(jws::sign(root, Kind::IssuerList, value.to_string().as_bytes()).await?)
    }

    fn read(payload: &serde_json::Value, root: &PublicKey) -> Result<Self, IssuerListError> {
        if !IssuerListStatement::validator().is_valid(payload) {
            return Err(IssuerListError::Schema);
        }
        let statement =
            IssuerListStatement::deserialize(payload).map_err(|_| IssuerListError::Schema)?;
        let expires = statement.expires.parse().map_err(|_| ListFault::Instant)?;
        let trusted = TrustedIssuers::of(&statement.keys, root, expires)?;
        Ok(Self { statement, expires, trusted })
    }

    /// Its version, which rises with every list.
    pub fn version(&self) -> u64 {
        self.statement.version.try_into().unwrap_or(0)
    }

    /// When none of its keys is believed any more.
    pub fn expires(&self) -> Timestamp {
        self.expires
    }

    /// What it says.
    pub fn statement(&self) -> &IssuerListStatement {
        &self.statement
    }

    /// The keys that it makes believed.
    pub fn trusted(&self) -> &TrustedIssuers {
        &self.trusted
    }
}

/// Why a list is not taken, or not signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssuerListError {
    /// Not a JWS of this kind.
    #[error("the issuer list: {0}")]
    Form(#[from] Fault),
    /// Not signed by the root key.
    #[error("the issuer list is not signed by the root key")]
    Signature,
    /// The schema refuses it: the definition `IssuerListStatement`.
    #[error("the issuer list is not what schemas/core/statements.json says, 256 keys at most")]
    Schema,
    /// What the schema cannot say.
    #[error("the issuer list: {0}")]
    Keys(#[from] ListFault),
    /// A later list was taken already.
    #[error("the issuer list is older than version {at_least}, which was taken before")]
    Superseded {
        /// The lowest version that would be taken.
        at_least: u64,
    },
    /// Its time is over.
    #[error("the issuer list has expired, or the clock cannot exclude it")]
    Expired,
    /// There is no signature.
    #[error(transparent)]
    Sign(#[from] SignError),
}
