//! A key that never leaves AWS KMS: `ECC_NIST_EDWARDS25519`, signing with `ED25519_SHA_512`.

use std::fmt;
use std::time::Duration;

use aws_sdk_kms::Client;
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kms::operation::get_public_key::GetPublicKeyOutput;
use aws_sdk_kms::types::{KeySpec, KeyUsageType, MessageType, SigningAlgorithmSpec};
use aws_smithy_types::Blob;
use tokio::time::timeout;

use super::key::{BadKey, KeyId, PUBLIC_KEY_BYTES, PublicKey, SIGNATURE_BYTES};
use super::signer::{SignError, SignFuture, Signer};
use crate::aws::{Connection, ConnectionError, bare_code};
use crate::text::bounded_text;

/// The most bytes that KMS signs of a message that is not a digest (API reference, `Sign`:
/// `Message` has 1 to 4096 bytes).
pub const MAX_MESSAGE_BYTES: usize = 4096;
/// The longest error code that is passed on, in characters.
const MAX_CODE: usize = 64;

/// What stands before the 32 bytes of an Ed25519 key in a DER `SubjectPublicKeyInfo` of 44 bytes
/// (RFC 8410, sections 3 and 4).
const SPKI_PREFIX: [u8; 12] =
    [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// Beginnings of error codes after which the same call may succeed; AWS names the same fault with
/// and without `Exception`.
const RETRYABLE: [&str; 8] = [
    "Throttl",
    "DependencyTimeout",
    "KeyUnavailable",
    "KMSInternal",
    "InternalFailure",
    "InternalServer",
    "ServiceUnavailable",
    "RequestTimeout",
];

/// Signs with a key in AWS KMS. The caller's role needs `kms:GetPublicKey` and `kms:Sign`.
///
/// Each signature is verified here before anybody has it: a key that was exchanged behind an
/// alias, or an answer that was changed on its way, is found before a gateway finds it.
pub struct KmsSigner {
    client: Client,
    kid: KeyId,
    /// The key's ARN as KMS told it: an alias that is moved later does not change the signer.
    key_arn: String,
    public_key: PublicKey,
    deadline: Duration,
}

impl KmsSigner {
    /// Fetches and checks the public key. `key` is a key id, an ARN or an alias; `kid` is what
    /// signatures name the key by, since an ARN would tell every reader the account.
    ///
    /// A call takes at most the connection's time for an operation and a second. Nothing is
    /// retried here: who asks knows how long an answer is worth having.
    pub async fn connect(
        connection: Connection,
        key: impl Into<String>,
        kid: KeyId,
    ) -> Result<Self, KmsError> {
        // The SDK's own time-out should act first.
        let deadline = connection.timeouts.operation + Duration::from_secs(1);
        let client = Client::new(&connection.load().await?);
        let call = client.get_public_key().key_id(key).send();
        let answer =
            timeout(deadline, call).await.map_err(|_| too_slow())?.map_err(|e| meaning(&e))?;
        let public_key = check(&answer)?;
        let key_arn = answer.key_id.ok_or(KmsError::WrongKey("its ARN is missing"))?;
        Ok(Self { client, kid, key_arn, public_key, deadline })
    }

    async fn ask(&self, message: &[u8]) -> Result<[u8; SIGNATURE_BYTES], SignError> {
        if message.len() > MAX_MESSAGE_BYTES {
            return Err(SignError::TooLong { bytes: message.len(), limit: MAX_MESSAGE_BYTES });
        }
        let call = self
            .client
            .sign()
            .key_id(&self.key_arn)
            .message(Blob::new(message))
            .message_type(MessageType::Raw)
            .signing_algorithm(SigningAlgorithmSpec::Ed25519Sha512)
            .send();
        let answer =
            timeout(self.deadline, call).await.map_err(|_| too_slow())?.map_err(|e| meaning(&e))?;
        let signature = answer.signature.map(Blob::into_inner).unwrap_or_default();
        let signature = signature.try_into().map_err(|_| SignError::WrongSignature)?;
        if self.public_key.verifies(message, &signature) {
            Ok(signature)
        } else {
            Err(SignError::WrongSignature)
        }
    }
}

impl Signer for KmsSigner {
    fn kid(&self) -> &KeyId {
        &self.kid
    }

    fn public_key(&self) -> PublicKey {
        self.public_key
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> SignFuture<'a> {
        Box::pin(self.ask(message))
    }
}

impl fmt::Debug for KmsSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("KmsSigner");
        shown.field("kid", &self.kid).field("public_key", &self.public_key);
        shown.finish_non_exhaustive()
    }
}

/// Why there is no [`KmsSigner`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KmsError {
    /// The connection cannot work.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// KMS did not give the public key.
    #[error(transparent)]
    Call(#[from] SignError),
    /// Not a key for Ed25519 signatures.
    #[error("the KMS key cannot be used: {0}")]
    WrongKey(&'static str),
    /// The public key is none that may be trusted.
    #[error(transparent)]
    Public(#[from] BadKey),
}

fn check(answer: &GetPublicKeyOutput) -> Result<PublicKey, KmsError> {
    let wrong = |why| Err(KmsError::WrongKey(why));
    if answer.key_usage != Some(KeyUsageType::SignVerify) {
        return wrong("it is not for signing");
    }
    if answer.key_spec != Some(KeySpec::EccNistEdwards25519) {
        return wrong("it is not of the spec ECC_NIST_EDWARDS25519");
    }
    if !answer.signing_algorithms().contains(&SigningAlgorithmSpec::Ed25519Sha512) {
        return wrong("it does not sign with ED25519_SHA_512");
    }
    let der = answer.public_key.as_ref().map(Blob::as_ref).unwrap_or_default();
    let key =
        der.strip_prefix(&SPKI_PREFIX).and_then(|key| <[u8; PUBLIC_KEY_BYTES]>::try_from(key).ok());
    match key {
        Some(key) => Ok(PublicKey::from_bytes(key)?),
        None => wrong("its public key is not an Ed25519 SubjectPublicKeyInfo"),
    }
}

fn too_slow() -> SignError {
    SignError::Retryable { code: "Timeout".to_owned() }
}

/// Never the message: it may name accounts and keys.
fn meaning<E>(error: &SdkError<E>) -> SignError
where
    E: ProvideErrorMetadata,
{
    match error {
        SdkError::ServiceError(service) => {
            let status = service.raw().status().as_u16();
            of_code(service.err().code().unwrap_or_default(), status)
        }
        SdkError::ResponseError(answer) => of_code("", answer.raw().status().as_u16()),
        SdkError::TimeoutError(_) => too_slow(),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => too_slow(),
        // Without credentials nothing was sent, and they may be there later.
        SdkError::DispatchFailure(_) => SignError::Retryable { code: "Unreachable".to_owned() },
        _ => SignError::Final { code: "NotSent".to_owned() },
    }
}

fn of_code(code: &str, status: u16) -> SignError {
    let code = bare_code(code);
    let known = RETRYABLE.iter().any(|beginning| code.starts_with(beginning));
    let passing = known || status >= 500 || status == 429;
    let code = if code.is_empty() { format!("Http{status}") } else { bounded_text(code, MAX_CODE) };
    if passing { SignError::Retryable { code } } else { SignError::Final { code } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_meaning() {
        let table = [
            ("ThrottlingException", 400, true),
            ("Throttling", 400, true),
            ("DependencyTimeoutException", 500, true),
            ("KeyUnavailableException", 500, true),
            ("KMSInternalException", 500, true),
            ("com.amazonaws.kms#ThrottlingException:http://x", 400, true),
            ("", 503, true),
            ("", 429, true),
            ("SomethingNew", 502, true),
            ("", 400, false),
            ("SomethingNew", 400, false),
            ("NotFoundException", 400, false),
            ("DisabledException", 400, false),
            ("KMSInvalidStateException", 400, false),
            ("InvalidKeyUsageException", 400, false),
            ("AccessDeniedException", 400, false),
        ];
        for (code, status, retryable) in table {
            assert_eq!(of_code(code, status).is_retryable(), retryable, "{code} {status}");
        }
        let SignError::Final { code } = of_code(&"x\n".repeat(1000), 400) else { panic!() };
        assert_eq!(code.len(), MAX_CODE);
    }

    #[test]
    fn only_a_key_for_ed25519_signatures_is_taken() {
        let mut spki = SPKI_PREFIX.to_vec();
        spki.extend([7; 32]);
        let good = || {
            GetPublicKeyOutput::builder()
                .key_usage(KeyUsageType::SignVerify)
                .key_spec(KeySpec::EccNistEdwards25519)
                .signing_algorithms(SigningAlgorithmSpec::Ed25519Sha512)
                .public_key(Blob::new(spki.clone()))
        };
        assert_eq!(check(&good().build()).unwrap().as_bytes(), &[7; 32]);
        let mut small = SPKI_PREFIX.to_vec();
        small.extend([0; 32]);
        let wrong = [
            good().key_usage(KeyUsageType::EncryptDecrypt),
            good().set_key_usage(None),
            good().key_spec(KeySpec::EccNistP256),
            good().set_key_spec(None),
            good().set_signing_algorithms(Some(vec![SigningAlgorithmSpec::Ed25519PhSha512])),
            good().set_signing_algorithms(None),
            good().set_public_key(None),
            good().public_key(Blob::new([7; 32])),
            good().public_key(Blob::new([spki.clone(), vec![0]].concat())),
            good().public_key(Blob::new(small)),
        ];
        for answer in wrong {
            assert!(check(&answer.build()).is_err());
        }
    }
}
