//! What a certificate says of itself: whose it is, who signed it, from when to when.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::pem_file::{self, PemError};

/// No life counts for more.
const LONGEST: SignedDuration = SignedDuration::from_hours(10 * 365 * 24);

/// A certificate as far as its readers here need it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Certificate {
    /// Its subject as X.500 text, as in `CN=gw-1`.
    pub subject: String,
    /// Who signed it, likewise.
    pub issuer: String,
    /// The serial number in hexadecimal.
    pub serial: String,
    /// SHA-256 of the whole certificate in hexadecimal: tells one from the next of the same name.
    pub fingerprint: String,
    /// It is good from then on.
    pub not_before: Timestamp,
    /// It is good until then.
    pub not_after: Timestamp,
}

/// Whether a certificate is good at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It begins later, or the clock is behind.
    NotYetValid,
    /// It is good.
    Valid,
    /// Its end is past.
    Expired,
}

/// Why nothing can be said of a certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Its file is of no use.
    #[error(transparent)]
    File(#[from] PemError),
    /// It is no X.509 certificate.
    #[error("{0} is no X.509 certificate")]
    Malformed(String),
}

impl Certificate {
    /// Every certificate of a PEM file, in its order; the first is the owner's, where it is a chain.
    ///
    /// # Errors
    /// The file cannot be read, holds none, or one that is no certificate.
    pub fn read_all(file: &Path) -> Result<Vec<Self>, CertificateError> {
        let malformed = || CertificateError::Malformed(file.display().to_string());
        let found = pem_file::certificates(file)?;
        found.iter().map(|der| Self::from_der(der).ok_or_else(malformed)).collect()
    }

    /// The first certificate of a PEM file.
    ///
    /// # Errors
    /// As [`Certificate::read_all`].
    pub fn read(file: &Path) -> Result<Self, CertificateError> {
        let all = Self::read_all(file)?;
        let first = all.into_iter().next();
        first.ok_or_else(|| PemError::NoCertificate(file.to_owned()).into())
    }

    /// What the DER says; `None` if it is no certificate, or one that ends before it begins.
    pub fn from_der(der: &[u8]) -> Option<Self> {
        let (rest, parsed) = X509Certificate::from_der(der).ok()?;
        let time = |at: i64| Timestamp::from_second(at).ok();
        let validity = parsed.validity();
        let not_before = time(validity.not_before.timestamp())?;
        let not_after = time(validity.not_after.timestamp())?;
        if !rest.is_empty() || not_after < not_before {
            return None;
        }
        let digest = ring::digest::digest(&ring::digest::SHA256, der);
        Some(Self {
            subject: parsed.subject().to_string(),
            issuer: parsed.issuer().to_string(),
            serial: hex(parsed.raw_serial()),
            fingerprint: hex(digest.as_ref()),
            not_before,
            not_after,
        })
    }

    /// Whether it is good at `now`.
    pub fn standing(&self, now: Timestamp) -> Standing {
        if now < self.not_before {
            Standing::NotYetValid
        } else if now > self.not_after {
            Standing::Expired
        } else {
            Standing::Valid
        }
    }

    /// When two thirds of its life are over: a new one is due. One that says that it began long
    /// before it was made counts as if it lived for ten years.
    pub fn renewal_due(&self) -> Timestamp {
        let life = self.not_after.duration_since(self.not_before).min(LONGEST);
        self.not_after.checked_sub(life / 3).unwrap_or(self.not_after)
    }

    /// Whole days until its end, rounded down; negative once that is past.
    pub fn days_left(&self, now: Timestamp) -> i64 {
        days_until(self.not_after, now)
    }
}

/// Whole days from `now` until `end`, rounded down; negative once that is past.
pub fn days_until(end: Timestamp, now: Timestamp) -> i64 {
    const DAY: i64 = 86_400;
    let left: SignedDuration = end.duration_since(now);
    left.as_secs().div_euclid(DAY)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn lasting(from: i64, to: i64) -> Certificate {
        let at = |second| Timestamp::from_second(second).unwrap();
        Certificate {
            subject: "CN=gw".to_owned(),
            issuer: "CN=ca".to_owned(),
            serial: "01".to_owned(),
            fingerprint: "00".to_owned(),
            not_before: at(from),
            not_after: at(to),
        }
    }

    #[test]
    fn two_thirds_of_its_life_and_its_ends_are_told() {
        let certificate = lasting(1000, 1120);
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(certificate.renewal_due(), at(1080));
        assert_eq!(certificate.standing(at(999)), Standing::NotYetValid);
        assert_eq!(certificate.standing(at(1000)), Standing::Valid);
        assert_eq!(certificate.standing(at(1120)), Standing::Valid);
        assert_eq!(certificate.standing(at(1121)), Standing::Expired);
        assert_eq!(certificate.days_left(at(1000)), 0);
        assert_eq!(certificate.days_left(at(1121)), -1);
        assert_eq!(lasting(0, 86_400 * 30).days_left(at(0)), 30);
        assert_eq!(lasting(0, 86_400 * 30).days_left(at(1)), 29);
    }

    #[test]
    fn what_is_made_is_read() {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let mut wanted = rcgen::CertificateParams::default();
        wanted.distinguished_name.push(rcgen::DnType::CommonName, "gw-7");
        wanted.not_before = rcgen::date_time_ymd(2026, 1, 1);
        wanted.not_after = wanted.not_before + std::time::Duration::from_secs(90);
        let made = wanted.self_signed(&key).unwrap();
        let read = Certificate::from_der(made.der()).unwrap();
        assert!(read.subject.contains("CN=gw-7") && read.issuer == read.subject, "{read:?}");
        assert_eq!(read.not_before, "2026-01-01T00:00:00Z".parse().unwrap());
        assert_eq!(read.not_after, "2026-01-01T00:01:30Z".parse().unwrap());
        assert_eq!(read.fingerprint.len(), 64);
        let der = made.der().to_vec();
        assert_eq!(Certificate::from_der(&der[..der.len() - 1]), None);
        assert_eq!(Certificate::from_der(&[der, vec![0]].concat()), None);
    }
}
