//! Certificates for the broker and its clients, by an authority of the building's own. Keys are made
//! once; what is past two thirds of its life is signed anew, for the same key: one file changes, so
//! that no cut of power leaves a certificate with another's key, and a broker that does not start.

use std::path::{Path, PathBuf};

use anyhow::Context;
use jiff::Timestamp;

use super::accounts::Account;
use super::written::{Files, Readers};
pub(super) use crate::identity::DEVICES;
use crate::identity::{Authority, AuthorityError, Certificate, Signed, certificates, read_bounded};

/// The broker's certificate and key, without their endings.
const SERVER: &str = "server";
/// The folder of the clients' certificates, below the configuration.
pub(super) const FOLDER: &str = "tls";

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
        let place = folder.join(SERVER);
        pair(&place, readers, &authority, now, files, || authority.server(names, now))?;
    }
    for (user, folder, readers) in &users {
        let place = folder.join(user);
        pair(&place, *readers, &authority, now, files, || authority.client(user, now))?;
    }
    Ok(Made::Done)
}

/// What came of a renewal.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Renewed {
    /// Certificates for the devices' side that are due: a person carries them, so they are left.
    pub(super) carried: Vec<PathBuf>,
    /// What could not be signed anew, and why.
    pub(super) failed: Vec<String>,
}

/// Signs anew what is due and what nobody has to carry: the authority, the broker's certificate in
/// its folder, those of the gateway's clients. `None`: the authority's key is not here.
pub(super) fn renew(
    config: &Path,
    broker: &Path,
    files: &mut Files,
) -> anyhow::Result<Option<Renewed>> {
    let now = Timestamp::now();
    let tls = config.join(FOLDER);
    let (ca, key) = (tls.join("ca.pem"), tls.join("ca.key"));
    if !ca.exists() || !key.exists() {
        return Ok(None);
    }
    let Some(authority) = authority(&ca, &key, now, files)? else { return Ok(None) };
    let mut renewed = Renewed::default();
    let server = with(&broker.join(SERVER), "pem");
    let mut ours = Vec::new();
    if server.exists() {
        if let Some(text) = super::written::read(&ca)? {
            files.put(&broker.join("ca.pem"), &text, Readers::Everybody)?;
        }
        ours.push(server);
    }
    ours.extend(in_folder(&tls).filter(|file| {
        let name = file.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with(super::acl::OURS))
    }));
    for file in ours {
        if let Err(error) = again(&file, &authority, now, files) {
            renewed.failed.push(format!("{error:#}"));
        }
    }
    let due = |file: &PathBuf| {
        Certificate::read(file).is_ok_and(|certificate| certificate.renewal_due() <= now)
    };
    renewed.carried.extend(in_folder(&tls.join(DEVICES)).filter(due));
    Ok(Some(renewed))
}

/// The certificates of a folder, in their order.
fn in_folder(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let items = std::fs::read_dir(folder).into_iter().flatten();
    let mut files: Vec<PathBuf> = items.filter_map(|item| Some(item.ok()?.path())).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "pem"));
    files.sort();
    files.into_iter()
}

/// The authority, renewed where it is due. `None`: there is a certificate of one, and its key is not
/// here.
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
            let mut authority = Authority::of(der, &text)
                .with_context(|| format!("{} with {}", certificate.display(), key.display()))?;
            let is_due = Certificate::read(certificate)?.renewal_due() <= now;
            match is_due.then(|| authority.renewed(der, now)).transpose() {
                Ok(Some(new)) => files.replace(certificate, &new, Readers::Everybody)?,
                // One that a person made elsewhere is a person's to renew.
                Ok(None) | Err(AuthorityError::Foreign | AuthorityError::Unusable(_)) => {
                    files.unchanged(certificate);
                }
                Err(error) => return Err(error).context(certificate.display().to_string()),
            }
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

/// A certificate and its key, beside each other; made where they are missing.
fn pair(
    place: &Path,
    readers: Readers,
    authority: &Authority,
    now: Timestamp,
    files: &mut Files,
    sign: impl FnOnce() -> Result<Signed, crate::identity::AuthorityError>,
) -> anyhow::Result<()> {
    let (certificate, key) = (with(place, "pem"), with(place, "key"));
    if certificate.exists() && key.exists() {
        again(&certificate, authority, now, files)?;
        return files.guard(&key, readers);
    }
    let signed = sign()?;
    files.replace(&key, &signed.key, readers)?;
    files.replace(&certificate, &signed.certificate, Readers::Everybody)
}

/// Signs a certificate anew where two thirds of its life are over. One that the authority here did
/// not sign is left alone: `doorward check` tells its end.
fn again(
    certificate: &Path,
    authority: &Authority,
    now: Timestamp,
    files: &mut Files,
) -> anyhow::Result<()> {
    if Certificate::read(certificate)?.renewal_due() > now {
        files.unchanged(certificate);
        return Ok(());
    }
    let found = certificates(certificate)?;
    match authority.again(found.first().map(AsRef::as_ref).unwrap_or_default(), now) {
        Ok(signed) => files.replace(certificate, &signed, Readers::Everybody),
        Err(AuthorityError::Foreign) => {
            files.unchanged(certificate);
            Ok(())
        }
        Err(error) => Err(error).with_context(|| certificate.display().to_string()),
    }
}

fn with(place: &Path, ending: &str) -> PathBuf {
    let mut name = place.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}
