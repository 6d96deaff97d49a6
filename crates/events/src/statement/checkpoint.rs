//! What a gateway signs when it closes a range of its journal (`audit.checkpoint`).
//!
//! Whoever keeps these events can tell later whether a journal is still the one they were made
//! of. The key is the gateway's own; `gateway.started` names its public half.

use serde_json::Value;

use super::jws::{self, Fault, Kind};
use super::key::{KeyId, PublicKey};
use super::signer::{SignError, Signer};

/// Why a text is no checkpoint of a known key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointFault {
    /// No JWS of a checkpoint.
    #[error(transparent)]
    Form(#[from] Fault),
    /// Its header names a key that is not known here.
    #[error("it is signed with the key {0}, which is not known here")]
    UnknownKey(KeyId),
    /// The key that it names did not sign it.
    #[error("it is not signed with the key {0} that it names")]
    Signature(KeyId),
}

/// Signs a checkpoint's statement, a JSON text in which each member stands once.
///
/// # Errors
/// Those of the signer, and [`SignError::TooLong`].
pub async fn sign_checkpoint(signer: &dyn Signer, statement: &str) -> Result<String, SignError> {
    jws::sign(signer, Kind::Checkpoint, statement.as_bytes()).await
}

/// The statement in a signed checkpoint. `keys`: the public key of a name, if it is known.
///
/// # Errors
/// [`CheckpointFault`]; nothing of the text is to be believed then.
pub fn open_checkpoint(
    signed: &str,
    keys: impl Fn(&KeyId) -> Option<PublicKey>,
) -> Result<Value, CheckpointFault> {
    let parsed = jws::parse(signed, Kind::Checkpoint)?;
    let Some(key) = keys(&parsed.kid) else {
        return Err(CheckpointFault::UnknownKey(parsed.kid));
    };
    if !key.verifies(parsed.signing_input.as_bytes(), &parsed.signature) {
        return Err(CheckpointFault::Signature(parsed.kid));
    }
    Ok(parsed.payload)
}

#[cfg(test)]
mod tests {
    use super::super::LocalSigner;
    use super::*;

    #[tokio::test]
    async fn a_checkpoint_is_believed_of_its_own_key_alone() {
        let signer = |kid: &str, seed: u8| {
            LocalSigner::from_seed(KeyId::new(kid).unwrap(), &[seed; 32]).unwrap()
        };
        let (ours, other) = (signer("audit", 1), signer("audit", 2));
        let signed = sign_checkpoint(&ours, r#"{"first":1}"#).await.unwrap();
        let open = |text: &str, signer: &LocalSigner| {
            open_checkpoint(text, |kid| (kid == signer.kid()).then(|| signer.public_key()))
        };
        assert_eq!(open(&signed, &ours).unwrap()["first"], 1);
        let kid = ours.kid().clone();
        assert_eq!(open(&signed, &other), Err(CheckpointFault::Signature(kid.clone())));
        let unknown = signer("elsewhere", 1);
        assert_eq!(open(&signed, &unknown), Err(CheckpointFault::UnknownKey(kid)));
        let grant = jws::sign(&ours, Kind::Grant, b"{}").await.unwrap();
        assert_eq!(open(&grant, &ours), Err(CheckpointFault::Form(Fault::Purpose)));
        let long = "x".repeat(Kind::Checkpoint.max_bytes());
        let refused = sign_checkpoint(&ours, &long).await;
        assert!(matches!(refused, Err(SignError::TooLong { .. })), "{refused:?}");
    }
}
