//! PEM files: bounded, and each error names its file.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

/// Longest PEM file that is read, in bytes: the bundle of all roots of a system has some 220 KiB.
pub const MAX_PEM: u64 = 1 << 20;

/// Why a file of certificates or keys is of no use. No text holds anything of a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    /// It is not there.
    #[error("there is no {}", .0.display())]
    Missing(PathBuf),
    /// It cannot be read; the system's own words.
    #[error("{} cannot be read: {why}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The system's words.
        why: String,
    },
    /// Longer than [`MAX_PEM`].
    #[error("{} is longer than {MAX_PEM} bytes", .0.display())]
    TooLong(PathBuf),
    /// No certificate is in it.
    #[error("{} holds no certificate in PEM", .0.display())]
    NoCertificate(PathBuf),
    /// No key is in it.
    #[error("{} holds no private key in PEM", .0.display())]
    NoKey(PathBuf),
    /// A kind of key that is not supported.
    #[error("{} holds a key of a kind that is not supported; ECDSA P-256 is", .0.display())]
    KeyKind(PathBuf),
    /// TLS cannot use the certificate, as one of another version than 3.
    #[error("TLS cannot use {}: {why}", file.display())]
    Unsupported {
        /// The certificate's file.
        file: PathBuf,
        /// What rustls says.
        why: String,
    },
    /// The certificate is another key's.
    #[error("{} is not the certificate of the key {}", certificate.display(), key.display())]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
}

/// The file's bytes, at most [`MAX_PEM`].
///
/// # Errors
/// Missing, unreadable, or too long.
pub fn read_bounded(file: &Path) -> Result<Vec<u8>, PemError> {
    let unreadable = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => PemError::Missing(file.to_owned()),
        _ => PemError::Unreadable { file: file.to_owned(), why: error.to_string() },
    };
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(file).map_err(unreadable)?;
    opened.take(MAX_PEM + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_PEM {
        return Err(PemError::TooLong(file.to_owned()));
    }
    Ok(bytes)
}

/// All certificates of the file, in its order; at least one.
///
/// # Errors
/// As [`read_bounded`], or there is none.
pub fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let bytes = read_bounded(file)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    found
        .ok()
        .filter(|found| !found.is_empty())
        .ok_or_else(|| PemError::NoCertificate(file.to_owned()))
}

/// A certificate's chain with its key, which belong together.
///
/// # Errors
/// Either cannot be read, or they do not belong together.
pub fn chain_and_key(certificate: &Path, key: &Path) -> Result<CertifiedKey, PemError> {
    let chain = certificates(certificate)?;
    let private = PrivateKeyDer::from_pem_slice(&read_bounded(key)?)
        .map_err(|_| PemError::NoKey(key.to_owned()))?;
    let signing = rustls::crypto::ring::sign::any_supported_type(&private)
        .map_err(|_| PemError::KeyKind(key.to_owned()))?;
    let pair = CertifiedKey::new(chain, signing);
    match pair.keys_match() {
        Ok(()) => Ok(pair),
        Err(rustls::Error::InconsistentKeys(_)) => {
            Err(PemError::Mismatch { certificate: certificate.to_owned(), key: key.to_owned() })
        }
        Err(other) => {
            Err(PemError::Unsupported { file: certificate.to_owned(), why: other.to_string() })
        }
    }
}
