//! A building's own authority: it signs the broker's certificate and those of the broker's clients,
//! on the gateway itself, so that nothing outside is needed.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SanType,
};

/// Its name. One name for all: clients know an authority by its key.
const NAME: &str = "doorward authority of this building";
/// Certificates begin here, so that a controller whose clock is behind can use them.
const BEGIN: i64 = 1_735_689_600; // 2025-01-01
/// A clock before this is behind: no program of ours was there yet.
const EARLIEST: i64 = 1_767_225_600; // 2026-01-01
/// A clock beyond this is wrong: X.509's times end with the year 9999.
const LATEST: i64 = 4_102_444_800; // 2100-01-01
/// How long the authority lasts, and what it signs, in seconds from when it is made.
const AUTHORITY_S: i64 = 20 * 365 * 86_400;
const SIGNED_S: i64 = 10 * 365 * 86_400;

/// What an authority cannot do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthorityError {
    /// The key or the name is of no use. Nothing of the key is in the words.
    #[error("no certificate can be made: {0}")]
    Unusable(String),
    /// The authority's certificate is another key's.
    #[error("the authority's certificate is not of its key")]
    Mismatch,
}

impl From<rcgen::Error> for AuthorityError {
    fn from(error: rcgen::Error) -> Self {
        Self::Unusable(error.to_string())
    }
}

/// A certificate and its key, both in PEM.
pub struct Signed {
    /// The certificate.
    pub certificate: String,
    /// PKCS#8; secret.
    pub key: String,
}

/// An authority with its key in hand.
pub struct Authority {
    key: KeyPair,
}

impl Authority {
    /// Makes one: its certificate, and its key.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn make(now: Timestamp) -> Result<(Self, Signed), AuthorityError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = params();
        last(&mut params, now, AUTHORITY_S);
        let certificate = params.self_signed(&key)?.pem();
        let signed = Signed { certificate, key: key.serialize_pem() };
        Ok((Self { key }, signed))
    }

    /// The one of these files' texts. `certificate`: as DER.
    ///
    /// # Errors
    /// The key is none, or the certificate is another's.
    pub fn of(certificate: &[u8], key: &str) -> Result<Self, AuthorityError> {
        let key = KeyPair::from_pem(key)?;
        let public = key.subject_public_key_info();
        if !certificate.windows(public.len()).any(|part| part == public) {
            return Err(AuthorityError::Mismatch);
        }
        Ok(Self { key })
    }

    /// A certificate for a broker that is known by these names and addresses.
    ///
    /// # Errors
    /// A name that none can have.
    pub fn server(&self, names: &[String], now: Timestamp) -> Result<Signed, AuthorityError> {
        let common = names.first().map_or("localhost", String::as_str);
        self.sign(common, names, ExtendedKeyUsagePurpose::ServerAuth, now)
    }

    /// A certificate for a broker's client: its common name is the user that the broker's list of
    /// topics speaks of.
    ///
    /// # Errors
    /// A name that none can have.
    pub fn client(&self, user: &str, now: Timestamp) -> Result<Signed, AuthorityError> {
        self.sign(user, &[], ExtendedKeyUsagePurpose::ClientAuth, now)
    }

    fn sign(
        &self,
        common: &str,
        names: &[String],
        purpose: ExtendedKeyUsagePurpose,
        now: Timestamp,
    ) -> Result<Signed, AuthorityError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut wanted = CertificateParams::default();
        wanted.distinguished_name = named(common);
        for name in names {
            wanted.subject_alt_names.push(match name.parse::<IpAddr>() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName(name.as_str().try_into()?),
            });
        }
        wanted.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        wanted.extended_key_usages = vec![purpose];
        wanted.use_authority_key_identifier_extension = true;
        last(&mut wanted, now, SIGNED_S);
        let own = params();
        let issuer = Issuer::from_params(&own, &self.key);
        let certificate = wanted.signed_by(&key, &issuer)?.pem();
        Ok(Signed { certificate, key: key.serialize_pem() })
    }
}

/// What an authority says of itself, but for its ends.
fn params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named(NAME);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn named(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    name
}

/// Sets both ends. A clock that is behind counts from the earliest time that it can be.
fn last(params: &mut CertificateParams, now: Timestamp, seconds: i64) {
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let after = |second: i64| epoch + Duration::from_secs(u64::try_from(second).unwrap_or(0));
    params.not_before = after(BEGIN);
    params.not_after = after(now.as_second().clamp(EARLIEST, LATEST) + seconds);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;

    use super::*;
    use crate::identity::Certificate;

    fn der(pem: &str) -> Vec<u8> {
        CertificateDer::from_pem_slice(pem.as_bytes()).unwrap().to_vec()
    }

    #[test]
    fn an_authority_is_known_by_its_key() {
        let now = "2026-11-22T00:00:00Z".parse().unwrap();
        let (_, own) = Authority::make(now).unwrap();
        let (_, other) = Authority::make(now).unwrap();
        let again = Authority::of(&der(&own.certificate), &own.key).unwrap();
        assert!(matches!(
            Authority::of(&der(&other.certificate), &own.key),
            Err(AuthorityError::Mismatch)
        ));
        assert!(Authority::of(&der(&own.certificate), "no key").is_err());
        let signed = again.client("doorward-acme", now).unwrap();
        let read = Certificate::from_der(&der(&signed.certificate)).unwrap();
        assert_eq!(read.subject, "CN=doorward-acme");
        assert_eq!(read.issuer, Certificate::from_der(&der(&own.certificate)).unwrap().subject);
    }

    #[test]
    fn a_clock_that_is_behind_makes_certificates_that_last() {
        let long = |certificate: &str| {
            let read = Certificate::from_der(&der(certificate)).unwrap();
            (read.not_before.to_string(), read.not_after.to_string())
        };
        let (authority, own) = Authority::make(Timestamp::UNIX_EPOCH).unwrap();
        let server = authority.server(&["localhost".into(), "127.0.0.1".into()], Timestamp::MAX);
        assert_eq!(
            long(&own.certificate),
            ("2025-01-01T00:00:00Z".into(), "2045-12-27T00:00:00Z".into())
        );
        assert_eq!(long(&server.unwrap().certificate).0, "2025-01-01T00:00:00Z");
        assert!(authority.server(&["not a\u{e9} name".into()], Timestamp::UNIX_EPOCH).is_err());
    }
}
