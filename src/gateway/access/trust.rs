//! Whom this gateway believes: the issuers on the list that the root key signed, and its own
//! operators, whose acts are signed with a key that never leaves the machine.

use std::path::Path;

use anyhow::{Context, bail};
use doorward_events::statement::{
    Interval, Issuer, IssuerList, KeyId, LocalSigner, PublicKey, Signer, Verifier,
};
use doorward_events::{PublisherId, statement::IssuerListError};
use jiff::SignedDuration;

use super::issuers::Listed;
use crate::config::{Issuers, TrustConfig};
use crate::gateway::keys::own_key;

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

/// Whom the gateway believes when it starts.
pub struct Trust {
    /// Signs the lists of issuers; `None`: nobody is believed over the bus.
    pub root: Option<PublicKey>,
    /// The keys that are believed of what comes over the bus or was signed elsewhere.
    pub issuers: Option<Listed>,
    /// What operators ask here.
    pub console: Verifier,
    /// Signs it.
    pub issuer: Issuer,
}

impl Trust {
    /// Reads the list of issuers, the newer of its file and of what came over the bus before, and
    /// the console's key, which is made at the first start. Lists that cannot be believed leave
    /// nobody to be believed over the bus, and are said in the log.
    ///
    /// # Errors
    /// The console's key cannot be read or made.
    pub async fn open(
        state_dir: &Path,
        tenant: &str,
        instance: &str,
        config: &TrustConfig,
        taken: &Taken,
        now: Interval,
    ) -> anyhow::Result<Self> {
        let issuers = config.issuers.as_ref().and_then(|wanted| newest(wanted, taken, now));
        let signer = own_key(&state_dir.join(KEY_FILE), KeyId::new(CONSOLE_KEY)?)?;
        let console = console_verifier(&signer, tenant, now).await?;
        let publisher = PublisherId::new(CONSOLE, instance);
        let issuer = Issuer::new(signer, publisher)?.with_longest_validity(LONGEST_GRANT)?;
        let root = config.issuers.as_ref().map(|wanted| wanted.root_key);
        Ok(Self { root, issuers, console, issuer })
    }
}

/// What was taken before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The highest version of a list that was ever taken: no lower one is again.
    pub version: u64,
    /// The list itself, if it came over the bus.
    pub list: Option<String>,
}

/// The newest list that can be believed.
fn newest(wanted: &Issuers, taken: &Taken, now: Interval) -> Option<Listed> {
    let open = |text: &str| -> anyhow::Result<Listed> {
        let list = IssuerList::open(text.trim(), &wanted.root_key, taken.version, now)?;
        Ok(Listed { list, signed: text.trim().to_owned() })
    };
    let file = wanted.file.as_deref();
    let of_file = file.map(|file| (file.display().to_string(), read(file).and_then(|t| open(&t))));
    let of_bus = taken.list.as_deref().map(|text| ("the bus".to_owned(), open(text)));
    let mut newest: Option<Listed> = None;
    for (from, list) in [of_file, of_bus].into_iter().flatten() {
        match list {
            Ok(listed)
                if newest.as_ref().is_none_or(|one| one.list.version() < listed.list.version()) =>
            {
                newest = Some(listed);
            }
            Ok(_) => {}
            Err(error) => tracing::error!(from, "a list of issuers is not believed: {error:#}"),
        }
    }
    if let Some(Listed { list, .. }) = &newest {
        let (version, expires) = (list.version(), list.expires());
        tracing::info!(version, %expires, "the list of issuers is taken");
    } else {
        tracing::error!("nobody is believed over the bus until a list of issuers comes");
    }
    newest
}

/// The text of a list.
fn read(file: &Path) -> anyhow::Result<String> {
    let length = std::fs::metadata(file).context("it cannot be read")?.len();
    if length > MAX_LIST {
        bail!("it has {length} bytes, more than {MAX_LIST}");
    }
    std::fs::read_to_string(file).context("it cannot be read")
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
