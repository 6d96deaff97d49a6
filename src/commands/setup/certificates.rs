//! Certificates for the broker and its clients, by an authority of the building's own. Keys are made
//! once; what is past two thirds of its life is signed anew.

use std::path::{Path, PathBuf};

use anyhow::Context;
use jiff::Timestamp;

use super::accounts::Account;
use super::written::{Files, Readers};
use crate::identity::{Authority, Certificate, Signed, certificates, read_bounded};

/// The folder of the clients' certificates, below the configuration.
pub(super) const FOLDER: &str = "tls";
/// Below it, those that are carried to the devices' side.
pub(super) const DEVICES: &str = "devices";

/// Where the certificates are, and who may read them.
pub(super) struct Places<'a> {
    /// Beside doorward.toml.
    pub(super) config: &'a Path,
    /// The broker's own folder for them, where the broker is on this machine.
    pub(super) broker: Option<&'a Path>,
    /// The gateway's user: its vendors' keys are its alone, since who has one may command devices
    /// at the broker, past every decision. Those in its group may only ask the gateway.
    pub(super) gateway_user: Option<Account>,
    /// The group of the broker's user.
    pub(super) broker_group: Option<u32>,
}

/// What was found or made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Made {
    /// All of it is there.
    Done,
    /// The authority is a person's: its key is not here, so these users' certificates have to be
    /// signed elsewhere.
    Elsewhere(Vec<String>),
}

/// Makes what is missing or old: for the broker, known by `names`, and for each vendor's two users.
pub(super) fn make(
    places: &Places<'_>,
    names: &[String],
    vendors: &[String],
    files: &mut Files,
) -> anyhow::Result<Made> {
    let now = Timestamp::now();
    let tls = places.config.join(FOLDER);
    let (ca, ca_key) = (tls.join("ca.pem"), tls.join("ca.key"));
    let users: Vec<(String, PathBuf, Readers)> = vendors
        .iter()
        .flat_map(|vendor| {
            let ours = format!("{}{vendor}", super::acl::OURS);
            [
                (ours, tls.clone(), Readers::User(places.gateway_user)),
                (vendor.clone(), tls.join(DEVICES), Readers::Owner),
            ]
        })
        .collect();
    let Some(authority) = authority(&ca, &ca_key, now, files)? else {
        let missing = |(user, folder, _): &(String, PathBuf, Readers)| {
            (!folder.join(format!("{user}.pem")).exists()).then(|| user.clone())
        };
        return Ok(Made::Elsewhere(users.iter().filter_map(missing).collect()));
    };
    let text = std::fs::read_to_string(&ca).ok();
    if let Some(folder) = places.broker {
        if let Some(text) = &text {
            files.put(&folder.join("ca.pem"), text, Readers::Everybody)?;
        } else {
            files.put_new(&folder.join("ca.pem"), "", Readers::Everybody)?;
        }
        let readers = Readers::Group(places.broker_group);
        pair(&folder.join("server"), readers, now, files, || authority.server(names, now))?;
    }
    for (user, folder, readers) in &users {
        pair(&folder.join(user), *readers, now, files, || authority.client(user, now))?;
    }
    Ok(Made::Done)
}

/// The authority. `None`: there is a certificate of one, and its key is not here.
fn authority(
    certificate: &Path,
    key: &Path,
    now: Timestamp,
    files: &mut Files,
) -> anyhow::Result<Option<Authority>> {
    match (certificate.exists(), key.exists()) {
        (true, false) => Ok(None),
        (true, true) => {
            let found = certificates(certificate)?;
            let text = String::from_utf8(read_bounded(key)?).context("the authority's key")?;
            let der = found.first().map(AsRef::as_ref).unwrap_or_default();
            let authority = Authority::of(der, &text)
                .with_context(|| format!("{} with {}", certificate.display(), key.display()))?;
            files.unchanged(certificate);
            Ok(Some(authority))
        }
        (false, true) => anyhow::bail!(
            "there is {} and no {}\n  remedy: bring the certificate back, or move the key away",
            key.display(),
            certificate.display()
        ),
        (false, false) => {
            let (authority, signed) = Authority::make(now)?;
            files.put_new(key, &signed.key, Readers::Owner)?;
            files.put_new(certificate, &signed.certificate, Readers::Everybody)?;
            Ok(Some(authority))
        }
    }
}

/// A certificate and its key, beside each other; made where they are missing, and where two thirds
/// of the certificate's life are over and both are ours.
fn pair(
    place: &Path,
    readers: Readers,
    now: Timestamp,
    files: &mut Files,
    sign: impl FnOnce() -> Result<Signed, crate::identity::AuthorityError>,
) -> anyhow::Result<()> {
    let (certificate, key) = (with(place, "pem"), with(place, "key"));
    if certificate.exists() && key.exists() {
        let found = Certificate::read(&certificate)?;
        if found.renewal_due() > now {
            files.unchanged(&certificate);
            return files.guard(&key, readers);
        }
        let signed = sign()?;
        // The key first: with the old certificate it is refused, and the next run goes on here.
        files.replace(&key, &signed.key, readers)?;
        return files.replace(&certificate, &signed.certificate, Readers::Everybody);
    }
    let signed = sign()?;
    files.replace(&key, &signed.key, readers)?;
    files.replace(&certificate, &signed.certificate, Readers::Everybody)
}

fn with(place: &Path, ending: &str) -> PathBuf {
    let mut name = place.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}
