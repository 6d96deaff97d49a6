//! A key in this process: for development, for tests, and for the offline root key.

use std::fmt;
use std::hint::black_box;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};

use super::key::{BadKey, KeyId, PublicKey, SIGNATURE_BYTES};
use super::signer::{SignFuture, Signer};

/// The longest PEM text that is read, in bytes.
const MAX_PEM_BYTES: usize = 4096;
const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";

/// Signs with a key in memory.
///
/// Neither `Debug` nor an error shows the key. What this module decodes of it is overwritten
/// after use; ring does not overwrite its own copy, nor can this module the caller's.
pub struct LocalSigner {
    kid: KeyId,
    public_key: PublicKey,
    pair: Ed25519KeyPair,
}

impl LocalSigner {
    /// From unencrypted PKCS#8 in PEM (RFC 7468, section 10), as `openssl genpkey -algorithm
    /// ed25519` writes it: one block, at most 4,096 bytes, blanks around and between lines.
    pub fn from_pkcs8_pem(kid: KeyId, pem: &str) -> Result<Self, KeyError> {
        if pem.len() > MAX_PEM_BYTES {
            return Err(KeyError::Pem);
        }
        let body = pem.trim().strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(END));
        let mut body = body.ok_or(KeyError::Pem)?.as_bytes().to_vec();
        body.retain(|byte| !byte.is_ascii_whitespace());
        let decoded = STANDARD.decode(&body);
        wipe(&mut body);
        let mut der = decoded.map_err(|_| KeyError::Pem)?;
        let signer = Self::from_pkcs8_der(kid, &der);
        wipe(&mut der);
        signer
    }

    /// From unencrypted PKCS#8 in DER, of version 1 or 2 (RFC 5958, RFC 8410). A public key in it
    /// must be the private one's.
    pub fn from_pkcs8_der(kid: KeyId, der: &[u8]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der);
        Self::from_pair(kid, pair.map_err(|_| KeyError::Pkcs8)?)
    }

    /// From the 32 bytes of a private key (RFC 8032, section 5.1.5).
    pub fn from_seed(kid: KeyId, seed: &[u8; 32]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyError::Pkcs8)?;
        Self::from_pair(kid, pair)
    }

    /// A new key from the system's random numbers, and the secret to keep.
    pub fn generate(kid: KeyId) -> Result<(Self, SecretKey), KeyError> {
        let random = SystemRandom::new();
        let document = Ed25519KeyPair::generate_pkcs8(&random).map_err(|_| KeyError::Random)?;
        let secret = SecretKey(document.as_ref().to_vec());
        Ok((Self::from_pkcs8_der(kid, document.as_ref())?, secret))
    }

    fn from_pair(kid: KeyId, pair: Ed25519KeyPair) -> Result<Self, KeyError> {
        let bytes = pair.public_key().as_ref().try_into().map_err(|_| KeyError::Pkcs8)?;
        let public_key = PublicKey::from_bytes(bytes).map_err(KeyError::Public)?;
        Ok(Self { kid, public_key, pair })
    }
}

impl Signer for LocalSigner {
    fn kid(&self) -> &KeyId {
        &self.kid
    }

    fn public_key(&self) -> PublicKey {
        self.public_key
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> SignFuture<'a> {
        let mut signature = [0; SIGNATURE_BYTES];
        signature.copy_from_slice(self.pair.sign(message).as_ref());
        Box::pin(std::future::ready(Ok(signature)))
    }
}

impl fmt::Debug for LocalSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kid, public_key, pair: _ } = self;
        f.debug_struct("LocalSigner").field("kid", kid).field("public_key", public_key).finish()
    }
}

/// A private key as PKCS#8. It is overwritten when dropped, and never printed.
pub struct SecretKey(Vec<u8>);

impl SecretKey {
    /// The DER that [`LocalSigner::from_pkcs8_der`] reads.
    pub fn expose_der(&self) -> &[u8] {
        &self.0
    }

    /// The text that [`LocalSigner::from_pkcs8_pem`] reads. What becomes of it is the caller's.
    pub fn expose_pem(&self) -> String {
        // 83 bytes make 112 characters, two lines of at most 64 (RFC 7468, section 2).
        let body = STANDARD.encode(&self.0);
        let (first, rest) = body.split_at_checked(64).unwrap_or((&body, ""));
        format!("{BEGIN}\n{first}\n{rest}\n{END}\n")
    }
}

impl Drop for SecretKey {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(masked)")
    }
}

/// Overwrites. `black_box` keeps the compiler from seeing that nobody reads it any more.
fn wipe(bytes: &mut [u8]) {
    bytes.fill(0);
    black_box(bytes);
}

/// No private key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not one PEM block of an unencrypted private key.
    #[error("not one PEM block 'PRIVATE KEY'; an encrypted key must be decrypted first")]
    Pem,
    /// Not PKCS#8 with an Ed25519 key, or its two halves do not belong together.
    #[error("not PKCS#8 with an Ed25519 private key")]
    Pkcs8,
    /// The public half is no usable key.
    #[error(transparent)]
    Public(BadKey),
    /// The system gave no random numbers.
    #[error("the system gives no random numbers")]
    Random,
}
