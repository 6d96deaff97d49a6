//! Keys of this machine's own, each in a file of the state folder, of its owner alone: made at the
//! first start, and never leaving it.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;
use doorward_events::statement::{KeyId, LocalSigner, PublicKey, Signer as _};

/// The file of the key that signs checkpoints.
const AUDIT_FILE: &str = "audit.key";

/// The key in `file` under the name `kid`, which is made if there is none.
///
/// # Errors
/// It cannot be read or made, or the file holds something else.
pub(super) fn own_key(file: &Path, kid: KeyId) -> anyhow::Result<LocalSigner> {
    match std::fs::read_to_string(file) {
        Ok(pem) => LocalSigner::from_pkcs8_pem(kid, &pem)
            .with_context(|| format!("{} holds no key; remove it for a new one", file.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let (signer, secret) = LocalSigner::generate(kid)?;
            // Beside it first: a cut leaves a whole key or none.
            let beside = file.with_extension("new");
            let mut options = std::fs::OpenOptions::new();
            let mut written =
                options.write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
            written.write_all(secret.expose_pem().as_bytes())?;
            written.sync_all()?;
            std::fs::rename(&beside, file)?;
            Ok(signer)
        }
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", file.display())),
    }
}

/// The key that signs this gateway's checkpoints. Its name is made of it, so that a new one has
/// another.
///
/// # Errors
/// As [`own_key`].
pub(super) fn audit_key(state_dir: &Path) -> anyhow::Result<LocalSigner> {
    let file = state_dir.join(AUDIT_FILE);
    let unnamed = own_key(&file, KeyId::new("audit")?)?;
    own_key(&file, audit_kid(&unnamed.public_key())?)
}

/// The same, if there is one: nothing is made.
///
/// # Errors
/// It cannot be read; the words say why.
pub(crate) fn audit_key_there(state_dir: &Path) -> anyhow::Result<LocalSigner> {
    let file = state_dir.join(AUDIT_FILE);
    let found = std::fs::metadata(&file);
    found.with_context(|| format!("{} cannot be read", file.display()))?;
    audit_key(state_dir)
}

/// The name of a gateway's key for checkpoints.
///
/// # Errors
/// None that a key can cause.
pub(crate) fn audit_kid(key: &PublicKey) -> anyhow::Result<KeyId> {
    let digest = ring::digest::digest(&ring::digest::SHA256, key.as_bytes());
    let text: String = digest.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    Ok(KeyId::new(&format!("audit-{text}"))?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        assert!(audit_key_there(folder.path()).is_err(), "nothing is made by looking");
        let made = audit_key(folder.path()).unwrap();
        let file = folder.path().join(AUDIT_FILE);
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let again = audit_key_there(folder.path()).unwrap();
        assert_eq!((again.kid(), again.public_key()), (made.kid(), made.public_key()));
        std::fs::remove_file(&file).unwrap();
        let other = audit_key(folder.path()).unwrap();
        assert_ne!(other.kid(), made.kid());
        std::fs::write(&file, "no key").unwrap();
        assert!(audit_key(folder.path()).unwrap_err().to_string().contains("holds no key"));
    }
}
