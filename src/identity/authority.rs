//! A building's own authority: it signs the broker's certificate and those of the broker's clients,
//! on the gateway itself, so that nothing outside is needed.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SanType, SerialNumber,
};
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};
use x509_parser::public_key::PublicKey;

use super::certificate::Certificate;

/// Its name. One name for all: clients know an authority by its key.
const NAME: &str = "doorward authority of this building";
/// Certificates begin here, so that a controller whose clock is behind can use them.
const BEGIN: i64 = 1_735_689_600; // 2025-01-01
/// A clock before this is behind: no program of ours was there yet.
const EARLIEST: i64 = 1_767_225_600; // 2026-01-01
/// A clock beyond this is wrong: X.509's times end with the year 9999.
const LATEST: i64 = 4_102_444_800; // 2100-01-01
/// Bits of a key.
const P256: usize = 256;
/// Bytes of a serial number.
const SERIAL: usize = 16;
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
    /// Somebody else signed it, or it is none.
    #[error("the authority here did not sign it")]
    Foreign,
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
    /// What it signs is believed no longer.
    ends: Timestamp,
}

/// A public key: a point of P-256, as a certificate has it.
struct Point(Vec<u8>);

impl PublicKeyData for Point {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

/// Whom a certificate is for.
struct Holder {
    common: String,
    names: Vec<SanType>,
    purposes: Vec<ExtendedKeyUsagePurpose>,
}

impl Authority {
    /// Makes one: its certificate, and its key.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn make(now: Timestamp) -> Result<(Self, Signed), AuthorityError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let (certificate, ends) = own(&key, now)?;
        let signed = Signed { certificate, key: key.serialize_pem() };
        Ok((Self { key, ends }, signed))
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
        let read = Certificate::from_der(certificate).ok_or(AuthorityError::Mismatch)?;
        Ok(Self { key, ends: read.not_after })
    }

    /// Its own certificate anew, for the same key: what it signed stays good, and who knows the old
    /// one believes it until that one's end.
    ///
    /// # Errors
    /// `old` is not signed by this key, as one is that was made elsewhere.
    pub fn renewed(&mut self, old: &[u8], now: Timestamp) -> Result<String, AuthorityError> {
        self.signed(old)?;
        let (certificate, ends) = own(&self.key, now)?;
        self.ends = ends;
        Ok(certificate)
    }

    /// A certificate anew, in the words of `old` and for the same key, which is not needed for it.
    ///
    /// # Errors
    /// `old` is not this authority's, or of a key of another kind.
    pub fn again(&self, old: &[u8], now: Timestamp) -> Result<String, AuthorityError> {
        let (holder, key) = self.signed(old)?;
        self.sign(holder, &key, now)
    }

    /// Whom a certificate is for, and its key, if this authority signed it.
    fn signed(&self, certificate: &[u8]) -> Result<(Holder, Point), AuthorityError> {
        let (_, parsed) =
            X509Certificate::from_der(certificate).map_err(|_| AuthorityError::Foreign)?;
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, self.key.public_key_raw())
            .verify(parsed.tbs_certificate.as_ref(), &parsed.signature_value.data)
            .map_err(|_| AuthorityError::Foreign)?;
        let common = parsed.subject().iter_common_name().next();
        let common = common.and_then(|name| name.as_str().ok()).unwrap_or_default().to_owned();
        let mut names = Vec::new();
        let said = parsed.subject_alternative_name().ok().flatten();
        for name in said.iter().flat_map(|said| &said.value.general_names) {
            match name {
                GeneralName::DNSName(name) => names.push(SanType::DnsName((*name).try_into()?)),
                GeneralName::IPAddress(bytes) => {
                    names.extend(address(bytes).map(SanType::IpAddress));
                }
                _ => {}
            }
        }
        let usage = parsed.extended_key_usage().ok().flatten();
        let of = |is: bool, purpose| is.then_some(purpose);
        let purposes = usage.iter().flat_map(|usage| {
            [
                of(usage.value.server_auth, ExtendedKeyUsagePurpose::ServerAuth),
                of(usage.value.client_auth, ExtendedKeyUsagePurpose::ClientAuth),
            ]
        });
        let holder = Holder { common, names, purposes: purposes.flatten().collect() };
        match parsed.public_key().parsed() {
            Ok(PublicKey::EC(point)) if point.key_size() == P256 => {
                Ok((holder, Point(point.data().to_vec())))
            }
            _ => Err(AuthorityError::Unusable("its key is not of P-256".to_owned())),
        }
    }

    /// A certificate for a broker that is known by these names and addresses.
    ///
    /// # Errors
    /// A name that none can have.
    pub fn server(&self, names: &[String], now: Timestamp) -> Result<Signed, AuthorityError> {
        let common = names.first().map_or("localhost", String::as_str).to_owned();
        let mut known = Vec::new();
        for name in names {
            known.push(match name.parse::<IpAddr>() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName(name.as_str().try_into()?),
            });
        }
        let purposes = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.made(Holder { common, names: known, purposes }, now)
    }

    /// A certificate for a broker's client: its common name is the user that the broker's list of
    /// topics speaks of.
    ///
    /// # Errors
    /// A name that none can have.
    pub fn client(&self, user: &str, now: Timestamp) -> Result<Signed, AuthorityError> {
        let purposes = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.made(Holder { common: user.to_owned(), names: Vec::new(), purposes }, now)
    }

    fn made(&self, holder: Holder, now: Timestamp) -> Result<Signed, AuthorityError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let certificate = self.sign(holder, &key, now)?;
        Ok(Signed { certificate, key: key.serialize_pem() })
    }

    fn sign(
        &self,
        holder: Holder,
        key: &impl PublicKeyData,
        now: Timestamp,
    ) -> Result<String, AuthorityError> {
        let mut wanted = CertificateParams::default();
        wanted.distinguished_name = named(&holder.common);
        wanted.subject_alt_names = holder.names;
        wanted.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        wanted.extended_key_usages = holder.purposes;
        wanted.use_authority_key_identifier_extension = true;
        wanted.serial_number = Some(serial()?);
        // Nobody believes it for longer than its authority.
        last(&mut wanted, end(now, SIGNED_S).min(self.ends.as_second()));
        let own = params();
        let issuer = Issuer::from_params(&own, &self.key);
        Ok(wanted.signed_by(key, &issuer)?.pem())
    }
}

/// An authority's own certificate, and its end.
fn own(key: &KeyPair, now: Timestamp) -> Result<(String, Timestamp), AuthorityError> {
    let mut params = params();
    params.serial_number = Some(serial()?);
    let second = end(now, AUTHORITY_S);
    last(&mut params, second);
    let ends = Timestamp::from_second(second).map_err(|error| unusable(&error))?;
    Ok((params.self_signed(key)?.pem(), ends))
}

/// Of its own for each certificate, also where one key has several.
fn serial() -> Result<SerialNumber, AuthorityError> {
    let mut bytes = [0_u8; SERIAL];
    SystemRandom::new().fill(&mut bytes).map_err(|error| unusable(&error))?;
    // It is a positive number, and its first byte is not nought.
    if let Some(first) = bytes.first_mut() {
        *first = (*first & 0x7f) | 0x40;
    }
    Ok(SerialNumber::from_slice(&bytes))
}

fn unusable(error: &impl std::fmt::Display) -> AuthorityError {
    AuthorityError::Unusable(error.to_string())
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let four = |bytes| <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    four(bytes).ok().or_else(|| <[u8; 16]>::try_from(bytes).map(IpAddr::from).ok())
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

/// The second when what is made now and lasts so long ends. A clock that is behind counts from the
/// earliest time that it can be.
fn end(now: Timestamp, seconds: i64) -> i64 {
    now.as_second().clamp(EARLIEST, LATEST) + seconds
}

/// Sets both ends.
fn last(params: &mut CertificateParams, end: i64) {
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let after = |second: i64| epoch + Duration::from_secs(u64::try_from(second).unwrap_or(0));
    params.not_before = after(BEGIN);
    params.not_after = after(end);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::sync::Arc;

    use rustls::client::WebPkiServerVerifier;
    use rustls::client::danger::ServerCertVerifier as _;
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
    fn what_is_signed_anew_is_for_the_same_and_ends_no_later_than_its_authority() {
        let at = |text: &str| -> Timestamp { text.parse().unwrap() };
        let (first, own) = Authority::make(at("2026-11-22T00:00:00Z")).unwrap();
        let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
        let old = first.server(&names, at("2026-11-22T00:00:00Z")).unwrap();
        let read = |pem: &str| Certificate::from_der(&der(pem)).unwrap();
        assert_eq!(read(&old.certificate).not_after, at("2036-11-19T00:00:00Z"));

        let mut authority = Authority::of(&der(&own.certificate), &own.key).unwrap();
        let again =
            |authority: &Authority, now| authority.again(&der(&old.certificate), at(now)).unwrap();
        let new = again(&authority, "2033-08-01T00:00:00Z");
        assert_eq!(read(&new).not_after, at("2043-07-30T00:00:00Z"));
        assert_ne!(read(&new).serial, read(&old.certificate).serial);
        assert_eq!(read(&new).subject, read(&old.certificate).subject);
        let (old_der, new_der) = (der(&old.certificate), der(&new));
        let (_, before) = X509Certificate::from_der(&old_der).unwrap();
        let (_, after) = X509Certificate::from_der(&new_der).unwrap();
        assert_eq!(after.public_key().raw, before.public_key().raw);
        for (one, other) in after.extensions().iter().zip(before.extensions()) {
            assert_eq!((&one.oid, one.value), (&other.oid, other.value));
        }
        // Its authority's end is its own.
        let bounded = again(&authority, "2040-01-01T00:00:00Z");
        assert_eq!(read(&bounded).not_after, read(&own.certificate).not_after);
        let next = authority.renewed(&der(&own.certificate), at("2043-09-01T00:00:00Z")).unwrap();
        assert_eq!(read(&next).not_after, at("2063-08-27T00:00:00Z"));
        assert_eq!(read(&next).subject, read(&own.certificate).subject);
        let later = again(&authority, "2043-09-01T00:00:00Z");
        assert_eq!(read(&later).not_after, at("2053-08-29T00:00:00Z"));

        // Whoever believes one of the two believes what was signed before and after.
        let now = rustls::pki_types::UnixTime::since_unix_epoch(std::time::Duration::from_secs(
            2_320_000_000, // July 2043
        ));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        for anchor in [&own.certificate, &next] {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(der(anchor).into()).unwrap();
            let verifier =
                WebPkiServerVerifier::builder_with_provider(roots.into(), provider.clone())
                    .build()
                    .unwrap();
            for signed in [&new, &bounded, &later] {
                let name = "localhost".try_into().unwrap();
                let shown = der(signed).into();
                verifier.verify_server_cert(&shown, &[], &name, &[], now).unwrap();
            }
        }

        let (other, foreign) = Authority::make(at("2026-11-22T00:00:00Z")).unwrap();
        let strange = other.client("doorward-acme", at("2026-11-22T00:00:00Z")).unwrap();
        let refused = authority.again(&der(&strange.certificate), at("2033-08-01T00:00:00Z"));
        assert_eq!(refused, Err(AuthorityError::Foreign));
        assert_eq!(
            authority.renewed(&der(&foreign.certificate), at("2043-09-01T00:00:00Z")),
            Err(AuthorityError::Foreign)
        );
    }

    /// What is renewed again and again is never due when it is made.
    #[test]
    fn what_was_just_signed_is_not_due() {
        let made = "2026-11-22T00:00:00Z".parse().unwrap();
        let (mut authority, own) = Authority::make(made).unwrap();
        let (mut own, mut signed) =
            (own.certificate, authority.client("doorward-acme", made).unwrap().certificate);
        let read = |pem: &str| Certificate::from_der(&der(pem)).unwrap();
        let mut renewals = 0;
        let mut now = made;
        while now.as_second() < LATEST {
            now += jiff::SignedDuration::from_hours(24 * 30);
            if read(&own).renewal_due() <= now {
                own = authority.renewed(&der(&own), now).unwrap();
            }
            if read(&signed).renewal_due() <= now {
                signed = authority.again(&der(&signed), now).unwrap();
                renewals += 1;
            }
            assert!(read(&signed).renewal_due() > now && read(&signed).not_after > now, "{now}");
            assert!(read(&signed).not_after <= read(&own).not_after, "{now}");
        }
        assert!((8..=14).contains(&renewals), "{renewals}");
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
