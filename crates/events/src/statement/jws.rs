//! The one form of a signature: compact JWS (RFC 7515, section 7.1) with Ed25519 (RFC 8037).
//!
//! Nothing is negotiated. The protected header has the members `alg`, `kid` and `typ`, each once,
//! and no other: no `none`, no `jwk`, `jku` or `x5c` that would bring its own key, no `crit`, no
//! `b64`. `typ` keeps a signature for one purpose from passing for another (RFC 8725, section
//! 3.11).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::json;
use super::key::{KeyId, SIGNATURE_BYTES};
use super::signer::{SignError, Signer};

/// The longest decoded header, in bytes.
pub const MAX_HEADER_BYTES: usize = 256;
/// The longest grant as compact JWS, in bytes: the definition `SignedGrant`.
pub const MAX_GRANT_BYTES: usize = 4096;
/// The longest other statement as compact JWS, in bytes: the definition `SignedStatement`.
pub const MAX_STATEMENT_BYTES: usize = 8192;
/// The longest issuer list as compact JWS, in bytes: 256 keys of one tenant each. An event has
/// room for two thirds of that.
pub const MAX_ISSUER_LIST_BYTES: usize = 96 * 1024;

/// The one algorithm (RFC 8037, section 3.1).
const ALGORITHM: &str = "EdDSA";

/// What a signature is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Who may do what.
    Grant,
    /// One act asked for.
    Request,
    /// The end of a grant before its time.
    Revocation,
    /// What time it is.
    Time,
    /// Whether a vendor's process may run.
    Vendor,
    /// The keys that gateways believe.
    IssuerList,
    /// What a gateway's journal held when a range of it was closed.
    Checkpoint,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Grant,
        Self::Request,
        Self::Revocation,
        Self::Time,
        Self::Vendor,
        Self::IssuerList,
        Self::Checkpoint,
    ];

    /// The header's `typ` (RFC 7515, section 4.1.9).
    pub const fn typ(self) -> &'static str {
        match self {
            Self::Grant => "doorward-grant+jws",
            Self::Request => "doorward-request+jws",
            Self::Revocation => "doorward-revocation+jws",
            Self::Time => "doorward-time+jws",
            Self::Vendor => "doorward-vendor+jws",
            Self::IssuerList => "doorward-issuers+jws",
            Self::Checkpoint => "doorward-checkpoint+jws",
        }
    }

    /// The longest compact JWS of it, in bytes.
    pub const fn max_bytes(self) -> usize {
        match self {
            Self::Grant => MAX_GRANT_BYTES,
            Self::Request | Self::Revocation | Self::Time | Self::Vendor | Self::Checkpoint => {
                MAX_STATEMENT_BYTES
            }
            Self::IssuerList => MAX_ISSUER_LIST_BYTES,
        }
    }
}

/// A well-formed JWS of one kind. Nothing is known yet of who signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed<'a> {
    /// What its header names its key by.
    pub kid: KeyId,
    /// The payload's JSON; no object in it has a member twice.
    pub payload: Value,
    /// What is signed: header and payload as they stand (RFC 7515, section 5.1).
    pub signing_input: &'a str,
    /// By whom is still to be found out.
    pub signature: [u8; SIGNATURE_BYTES],
}

/// Why a text is no JWS of the wanted kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Longer than [`Kind::max_bytes`], or a header longer than [`MAX_HEADER_BYTES`].
    #[error("the signed text is too long")]
    TooLong,
    /// Not three parts of canonical base64url without padding (RFC 4648, section 5), the last
    /// one of 64 bytes.
    #[error("the signed text is not three parts of base64url")]
    Parts,
    /// Not exactly `alg`, `kid` and `typ`, each once.
    #[error("the signature's header has not exactly alg, kid and typ")]
    Header,
    /// Another algorithm than `EdDSA`.
    #[error("the signature's algorithm is not EdDSA")]
    Algorithm,
    /// Signed for another purpose.
    #[error("the signature is for another purpose")]
    Purpose,
    /// The payload is not JSON in which each member stands once.
    #[error("the signed payload is not JSON with each member once")]
    Payload,
}

/// Reads a compact JWS of the wanted kind. No signature is verified here.
///
/// A text has at most one reading: base64url with padding, with bits left over, with blanks or
/// in another alphabet is refused, and so is whatever the header says beyond its three members.
pub fn parse(text: &str, wanted: Kind) -> Result<Parsed<'_>, Fault> {
    if text.len() > wanted.max_bytes() {
        return Err(Fault::TooLong);
    }
    let (signing_input, signature) = text.rsplit_once('.').ok_or(Fault::Parts)?;
    let (header, payload) = signing_input.split_once('.').ok_or(Fault::Parts)?;
    // Four characters hold three bytes.
    if header.len() > MAX_HEADER_BYTES.div_ceil(3) * 4 {
        return Err(Fault::TooLong);
    }
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| Fault::Parts);
    let (header, payload) = (decode(header)?, decode(payload)?);
    let signature = decode(signature)?.try_into().map_err(|_| Fault::Parts)?;
    if header.len() > MAX_HEADER_BYTES {
        return Err(Fault::TooLong);
    }
    let kid = read_header(&header, wanted)?;
    let payload = json::parse(&payload).ok_or(Fault::Payload)?;
    Ok(Parsed { kid, payload, signing_input, signature })
}

fn read_header(bytes: &[u8], wanted: Kind) -> Result<KeyId, Fault> {
    let Some(Value::Object(members)) = json::parse(bytes) else { return Err(Fault::Header) };
    let member = |name: &str| members.get(name).and_then(Value::as_str).ok_or(Fault::Header);
    let (alg, kid, typ) = (member("alg"), member("kid"), member("typ"));
    // Another algorithm is told apart even where its header would be refused anyway: it is the
    // attack that this layer is small for.
    if alg? != ALGORITHM {
        return Err(Fault::Algorithm);
    }
    let kid = KeyId::new(kid?).map_err(|_| Fault::Header)?;
    if typ? != wanted.typ() {
        return Err(Fault::Purpose);
    }
    if members.len() == 3 { Ok(kid) } else { Err(Fault::Header) }
}

/// What is signed of a payload (RFC 7515, section 5.1): the header and the payload in base64url.
pub fn signing_input(kind: Kind, kid: &KeyId, payload: &[u8]) -> String {
    // A key id and a typ have no character that JSON escapes.
    let header = format!(r#"{{"alg":"{ALGORITHM}","kid":"{kid}","typ":"{}"}}"#, kind.typ());
    let mut text = URL_SAFE_NO_PAD.encode(header);
    text.push('.');
    URL_SAFE_NO_PAD.encode_string(payload, &mut text);
    text
}

/// Signs a payload. Refused before the signer is asked: what would be longer than
/// [`Kind::max_bytes`].
pub(crate) async fn sign(
    signer: &dyn Signer,
    kind: Kind,
    payload: &[u8],
) -> Result<String, SignError> {
    let mut text = signing_input(kind, signer.kid(), payload);
    // A dot and the signature's 86 characters.
    let length = text.len() + 1 + (SIGNATURE_BYTES * 4).div_ceil(3);
    if length > kind.max_bytes() {
        return Err(SignError::TooLong { bytes: length, limit: kind.max_bytes() });
    }
    let signature = signer.sign(text.as_bytes()).await?;
    text.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut text);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_header_of_ours_is_within_the_bound() {
        let kid = KeyId::new(&"k".repeat(64)).unwrap();
        for kind in Kind::ALL {
            let text = signing_input(kind, &kid, b"{}");
            let (header, _) = text.split_once('.').unwrap();
            assert!(header.len() <= MAX_HEADER_BYTES, "{}", header.len());
            let signed = format!("{text}.{}", "A".repeat(86));
            assert_eq!(parse(&signed, kind).unwrap().kid, kid);
        }
    }
}
