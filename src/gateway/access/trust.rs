//! Whom this gateway believes: the issuers on the list that the root key signed, and its own
//! operators, whose acts are signed with a key that never leaves the machine.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, bail};
use doorward_events::statement::{
    Interval, Issuer, IssuerList, KeyId, LocalSigner, PublicKey, Signer, Verifier,
};
use doorward_events::{PublisherId, statement::IssuerListError};
use jiff::SignedDuration;

use crate::config::TrustConfig;

/// The publisher of what operators ask at the gateway itself.
pub const CONSOLE: &str = "doorward.console";
/// The id of its key.
const CONSOLE_KEY: &str = "console";
/// The console key's file in the state folder; of its owner alone.
const KEY_FILE: &str = "console.key";
/// Longest list of issuers that is read, in bytes.
const MAX_LIST: u64 = 1 << 20;
/// The end of the console key's time: it ends with its file.
const FOREVER: &str = "9999-01-01T00:00:00Z";
/// How long an operator's grant may be good for.
const LONGEST_GRANT: SignedDuration = SignedDuration::from_hours(366 * 24);

/// Whom the gateway believes since it started.
pub struct Trust {
    /// What comes over the bus or was signed elsewhere; `None`: nobody.
    pub issuers: Option<Verifier>,
    /// The version of their list: a lower one is never taken again.
    pub version: u64,
    /// What operators ask here.
    pub console: Verifier,
    /// Signs it.
    pub issuer: Issuer,
}

impl Trust {
    /// Reads the list of issuers and the console's key, which is made at the first start.
    /// `at_least`: the highest version that was ever taken. A list that cannot be believed leaves
    /// nobody to be believed over the bus, and is said in the log.
    ///
    /// # Errors
    /// The console's key cannot be read or made.
    pub async fn open(
        state_dir: &Path,
        tenant: &str,
        instance: &str,
        config: &TrustConfig,
        at_least: u64,
        now: Interval,
    ) -> anyhow::Result<Self> {
        let (issuers, version) = match &config.issuers {
            None => (None, at_least),
            Some(wanted) => match read_list(&wanted.file, &wanted.root_key, at_least, now) {
                Ok(list) => {
                    let version = list.version();
                    tracing::info!(version, expires = %list.expires(), "the list of issuers is taken");
                    (Some(Verifier::new(list.trusted().clone())), version)
                }
                Err(error) => {
                    tracing::error!(
                        file = %wanted.file.display(),
                        "nobody is believed over the bus: {error:#}"
                    );
                    (None, at_least)
                }
            },
        };
        let signer = console_key(&state_dir.join(KEY_FILE))?;
        let console = console_verifier(&signer, tenant, now).await?;
        let publisher = PublisherId::new(CONSOLE, instance);
        let issuer = Issuer::new(signer, publisher)?.with_longest_validity(LONGEST_GRANT)?;
        Ok(Self { issuers, version, console, issuer })
    }
}

/// The list of issuers, if the root key signed it, it is not an older one, and its time is not over.
///
/// # Errors
/// It cannot be read or believed; the words say why.
fn read_list(
    file: &Path,
    root: &PublicKey,
    at_least: u64,
    now: Interval,
) -> anyhow::Result<IssuerList> {
    let length = std::fs::metadata(file).context("the list of issuers cannot be read")?.len();
    if length > MAX_LIST {
        bail!("the list of issuers has {length} bytes, more than {MAX_LIST}");
    }
    let text = std::fs::read_to_string(file).context("the list of issuers cannot be read")?;
    Ok(IssuerList::open(text.trim(), root, at_least, now)?)
}

fn console_key(file: &Path) -> anyhow::Result<LocalSigner> {
    let kid = KeyId::new(CONSOLE_KEY)?;
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

/// The console's key becomes believed as any other: on a list, under a root key that signs this one
/// list and is forgotten.
async fn console_verifier(
    signer: &LocalSigner,
    tenant: &str,
    now: Interval,
) -> Result<Verifier, anyhow::Error> {
    let (root, _) = LocalSigner::generate(KeyId::new("console-root")?)?;
    let list = serde_json::from_value(serde_json::json!({
        "version": 1,
        "expires": FOREVER,
        "keys": [{
            "kid": CONSOLE_KEY,
            "alg": "EdDSA",
            "public_key": signer.public_key().to_base64url(),
            "issuer": CONSOLE,
            "may": ["grant", "request"],
            "tenants": [tenant],
            "longest_validity_s": LONGEST_GRANT.as_secs(),
            "not_after": FOREVER,
        }],
    }))?;
    let signed = IssuerList::sign(&root, &list).await?;
    let list: Result<IssuerList, IssuerListError> =
        IssuerList::open(&signed, &root.public_key(), 1, now);
    Ok(Verifier::new(list?.trusted().clone()))
}
