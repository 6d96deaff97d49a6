//! The files of certificates, keys and lists, looked at while the gateway runs: a new one is taken
//! without a restart, and what ends is told of.
//!
//! No notices of the kernel are asked for: a look each few seconds costs nothing, and works on
//! every file system and through every link.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::daemon::Daemon;
use super::state::Input;
use crate::config::{BusConfig, Configuration, CredentialsConfig, VendorConfig};
use crate::domain::ids::VendorId;
use crate::identity::{self, Item, Stamp};
use crate::link::{Connection, TlsFiles};

/// How often it is looked whether a file is another one.
pub(super) const LOOK: Duration = Duration::from_secs(5);
/// How often everything that ends is read again though no file changed: days pass.
const READ: Duration = Duration::from_secs(3600);
/// Findings that wait for the loop. Further looks wait.
const WAITING: usize = 4;

/// What a look found.
pub(super) struct Found {
    /// Everything that ends.
    items: Vec<Item>,
    /// Vendors whose files for TLS are others now, and good.
    vendors: Vec<VendorId>,
    /// The text of the file with the issuers, if it is another one now.
    issuers: Option<String>,
}

/// The looking, which ends with the daemon.
pub(super) struct Watching {
    /// What was found.
    pub found: mpsc::Receiver<Found>,
    configuration: watch::Sender<Configuration>,
}

impl Watching {
    /// Begins to look after the files that `configuration` names.
    pub fn start(configuration: Configuration) -> Self {
        let (to_loop, found) = mpsc::channel(WAITING);
        let (configuration, watched) = watch::channel(configuration);
        tokio::spawn(look(watched, to_loop));
        Self { found, configuration }
    }

    /// The configuration is another one.
    pub fn configured(&self, configuration: &Configuration) {
        self.configuration.send_replace(configuration.clone());
    }
}

async fn look(mut watched: watch::Receiver<Configuration>, to_loop: mpsc::Sender<Found>) {
    let mut seen = Seen::default();
    let mut read_at: Option<tokio::time::Instant> = None;
    loop {
        let configuration = watched.borrow_and_update().clone();
        let all = read_at.is_none_or(|at| at.elapsed() >= READ);
        let looked = tokio::task::spawn_blocking(move || {
            let found = seen.look(&configuration, all);
            (seen, found)
        });
        let Ok((after, found)) = looked.await else { return };
        seen = after;
        if let Some(found) = found {
            read_at = Some(tokio::time::Instant::now());
            if to_loop.send(found).await.is_err() {
                return;
            }
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            changed = watched.changed() => if changed.is_err() { return },
            () = to_loop.closed() => return,
        }
    }
}

/// The files as they were at the last look.
#[derive(Default)]
struct Seen {
    vendors: BTreeMap<VendorId, (TlsFiles, Vec<Option<Stamp>>)>,
    /// None, or one.
    issuers: Vec<Option<Stamp>>,
    own: Vec<Option<Stamp>>,
}

impl Seen {
    /// Looks at every file. `None`: nothing is new, and not `all` was asked for.
    fn look(&mut self, configuration: &Configuration, all: bool) -> Option<Found> {
        let before = std::mem::take(&mut self.vendors);
        let mut vendors = Vec::new();
        let mut new = all;
        for vendor in &configuration.vendors {
            let Some(files) = files(vendor) else { continue };
            let stamps = stamps(files);
            let kept = match before.get(&vendor.id) {
                Some((old, before)) if old == files && *before != stamps => {
                    new = true;
                    match usable(files) {
                        Ok(()) => vendors.push(vendor.id.clone()),
                        // What is half written is looked at again when it changes again.
                        Err(why) => tracing::error!(
                            vendor = %vendor.id, why, "its new certificate or key is not taken"
                        ),
                    }
                    stamps
                }
                Some((old, _)) if old == files => stamps,
                // Its process began with them, or begins anew with the reload.
                _ => {
                    new = true;
                    stamps
                }
            };
            self.vendors.insert(vendor.id.clone(), (files.clone(), kept));
        }
        let list = configuration.gateway.trust.issuers.as_ref();
        let list = list.and_then(|issuers| issuers.file.as_deref());
        let stamp: Vec<_> = list.map(identity::stamp).into_iter().collect();
        // What was there at the start was read then.
        let is_new = !self.issuers.is_empty() && !stamp.is_empty() && self.issuers != stamp;
        let issuers = list.filter(|_| is_new).and_then(read);
        self.issuers = stamp;
        let own = own(configuration).iter().map(|file| identity::stamp(file)).collect();
        new |= is_new || self.own != own;
        self.own = own;
        new.then(|| Found { items: identity::inventory(configuration), vendors, issuers })
    }
}

/// What no vendor's process reads: the gateway's own certificate, who is believed to be the endpoint
/// for keys, the broker's certificate, those of the devices' side.
fn own(configuration: &Configuration) -> Vec<PathBuf> {
    let gateway = &configuration.gateway;
    let mut files = match &gateway.bus {
        BusConfig::Eventbridge { credentials: CredentialsConfig::Iot(iot), .. } => {
            [Some(iot.certificate.clone()), iot.ca.clone()].into_iter().flatten().collect()
        }
        _ => vec![identity::Folder::new(&gateway.identity.folder).certificate()],
    };
    files.extend(identity::broker_certificate(configuration));
    files.extend(configuration.vendors.iter().filter_map(identity::devices_certificate));
    files
}

fn files(vendor: &VendorConfig) -> Option<&TlsFiles> {
    match &vendor.connection {
        Connection::Mqtt(broker) => broker.tls.as_ref(),
        Connection::Serial(_) => None,
    }
}

fn stamps(files: &TlsFiles) -> Vec<Option<Stamp>> {
    let named = [Some(&files.ca), files.certificate.as_ref(), files.key.as_ref()];
    named.into_iter().flatten().map(|file| identity::stamp(file)).collect()
}

/// Whether a process could begin with these files.
fn usable(files: &TlsFiles) -> Result<(), String> {
    identity::certificates(&files.ca).map_err(|error| error.to_string())?;
    if let (Some(certificate), Some(key)) = (&files.certificate, &files.key) {
        identity::chain_and_key(certificate, key).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn read(list: &std::path::Path) -> Option<String> {
    match identity::read_bounded(list) {
        Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) => {
            tracing::error!(%error, "the new list of issuers is not taken");
            None
        }
    }
}

impl Daemon {
    /// Goes by what a look found.
    pub(super) fn looked(&mut self, found: Found) {
        let Found { items, vendors, issuers } = found;
        self.step(Input::Endings(items));
        if let Some(signed) = issuers {
            self.step(Input::IssuersRead(signed));
        }
        for vendor in vendors {
            let config = self.configuration.vendors.iter().find(|config| config.id == vendor);
            let Some(config) = config.cloned() else { continue };
            tracing::info!(%vendor, "its certificate, key or authority is another one: it begins anew");
            self.change(&config);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use doorward_emulator::Authority;

    use super::*;

    #[test]
    fn a_pair_is_taken_once_it_belongs_together_and_a_new_list_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let authority = Authority::new(path);
        let (certificate, key) = authority.client("own", Duration::from_secs(3600));
        let place = path.display();
        std::fs::create_dir(path.join("vendors.d")).unwrap();
        let write = |name: &str, text: &str| std::fs::write(path.join(name), text).unwrap();
        write(
            "doorward.toml",
            &format!(
                "[gateway]\ninstance = \"gw\"\ntenant = \"acme\"\nstate_dir = \"{place}/state\"\n\
                 [trust]\nroot_key = \"7_ScYXuLAOXAlD7hvxmzU68lu3l2QqvJt7gyNpLbYXA\"\n\
                 issuers = \"{place}/issuers.jws\"\n"
            ),
        );
        write(
            "vendors.d/acme.toml",
            &format!(
                "ecosystem = \"zigbee2mqtt\"\n[mqtt]\nhost = \"localhost\"\n[mqtt.tls]\n\
                 ca = \"{place}/ca.pem\"\ncertificate = \"{place}/own.pem\"\nkey = \"{place}/own.key\"\n"
            ),
        );
        write("issuers.jws", "one");
        let configuration = crate::config::read(path).unwrap();
        let acme = VendorId::new("acme");
        let mut seen = Seen::default();
        let first = seen.look(&configuration, false).unwrap();
        assert_eq!((first.vendors.len(), first.issuers), (0, None), "it began with these");
        // The vendor's certificate and authority; the list is nobody's.
        assert_eq!(first.items.iter().filter(|item| item.ends.is_ok()).count(), 2);
        assert!(seen.look(&configuration, false).is_none());
        assert!(seen.look(&configuration, true).is_some());

        let other = tempfile::tempdir().unwrap();
        let next = Authority::new(other.path()).client("own", Duration::from_secs(7200));
        std::fs::copy(&next.0, &certificate).unwrap();
        let half = seen.look(&configuration, false).unwrap();
        assert!(half.vendors.is_empty(), "a certificate of another key");
        assert!(seen.look(&configuration, false).is_none());
        std::fs::copy(&next.1, &key).unwrap();
        assert_eq!(seen.look(&configuration, false).unwrap().vendors, [acme]);

        write("issuers.jws", "two");
        let listed = seen.look(&configuration, false).unwrap();
        assert_eq!((listed.issuers.as_deref(), listed.vendors.len()), (Some("two"), 0));
        assert!(seen.look(&configuration, false).is_none());
        std::fs::remove_file(path.join("issuers.jws")).unwrap();
        assert_eq!(seen.look(&configuration, false).unwrap().issuers, None);
    }
}
