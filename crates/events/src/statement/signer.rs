//! Who signs: a key in this process, or one that never leaves where it is kept.

use std::pin::Pin;
use std::sync::Arc;

use super::key::{KeyId, PublicKey, SIGNATURE_BYTES};

/// A signature on its way.
pub type SignFuture<'a> =
    Pin<Box<dyn Future<Output = Result<[u8; SIGNATURE_BYTES], SignError>> + Send + 'a>>;

/// Signs with one Ed25519 key (RFC 8032, section 5.1.6: pure Ed25519, no pre-hash).
///
/// Asynchronous, because a key management service is a network away.
pub trait Signer: Send + Sync {
    /// What the headers of its signatures name its key by.
    fn kid(&self) -> &KeyId;

    /// The key under which its signatures verify.
    fn public_key(&self) -> PublicKey;

    /// Signs exactly these bytes. Once it is dropped, whether a signature was made is unknown,
    /// and nobody has it.
    fn sign<'a>(&'a self, message: &'a [u8]) -> SignFuture<'a>;
}

impl<S: Signer + ?Sized> Signer for Arc<S> {
    fn kid(&self) -> &KeyId {
        (**self).kid()
    }

    fn public_key(&self) -> PublicKey {
        (**self).public_key()
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> SignFuture<'a> {
        (**self).sign(message)
    }
}

/// Why there is no signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// Busy, unreachable or too slow.
    #[error("the signer did not answer ({code}); the same call may succeed later")]
    Retryable {
        /// What it said, at most 64 characters.
        code: String,
    },
    /// The same call will fail again.
    #[error("the signer refuses ({code})")]
    Final {
        /// What it said, at most 64 characters.
        code: String,
    },
    /// Longer than may be signed. The signer was not asked.
    #[error("{bytes} bytes would be signed; at most {limit} can be")]
    TooLong {
        /// How many there are.
        bytes: usize,
        /// How many there may be.
        limit: usize,
    },
    /// The signer answered with a signature that its own public key refuses.
    #[error("the signer's answer is not a signature of its key")]
    WrongSignature,
}

impl SignError {
    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Retryable { .. })
    }
}
