//! The configuration read anew while the gateway runs: what changed of one vendor's file touches
//! that vendor's process alone.

use std::path::Path;

use tokio::sync::{mpsc, oneshot};

use super::configured::Configured;
use super::daemon::Daemon;
use super::state::Input;
use crate::config::{Configuration, Finding, GatewayConfig};
use crate::local::Reloaded;

/// Readings under way. One more waits for this to be taken: of two at once the one that was read
/// first could be taken last, and the gateway would go by files that are no more.
pub(super) const READINGS: usize = 1;

/// A configuration that was read, and who waits to hear what came of it.
pub(super) struct Reading {
    result: Result<Configuration, Vec<Finding>>,
    uid: Option<u32>,
    reply: oneshot::Sender<Reloaded>,
}

/// Reads the files beside the loop.
pub(super) fn read(
    folder: &Path,
    uid: Option<u32>,
    reply: oneshot::Sender<Reloaded>,
    readings: mpsc::Sender<Reading>,
) {
    let folder = folder.to_owned();
    tokio::spawn(async move {
        let Ok(place) = readings.reserve().await else { return };
        let result = tokio::task::spawn_blocking(move || crate::config::read(&folder)).await;
        // A reading that was broken off has an end: the one who waits hears that there is none.
        let Ok(result) = result else { return };
        place.send(Reading { result, uid, reply });
    });
}

impl Daemon {
    /// Goes by a configuration that was read, if nothing is wrong with it.
    pub(super) fn reload(&mut self, reading: Reading) {
        let Reading { result, uid, reply } = reading;
        let reloaded = match result {
            Ok(new) if !new.findings.iter().any(Finding::is_error) => self.apply(new),
            Ok(Configuration { findings, .. }) | Err(findings) => Reloaded {
                findings: findings
                    .iter()
                    .filter(|finding| finding.is_error())
                    .map(ToString::to_string)
                    .collect(),
                ..Reloaded::default()
            },
        };
        let Reloaded { applied, added, changed, removed, .. } = &reloaded;
        if *applied {
            tracing::info!(?uid, ?added, ?changed, ?removed, "the configuration was read again");
        } else {
            tracing::error!(?uid, "the new configuration is bad; the old one goes on");
            for finding in &reloaded.findings {
                tracing::error!("{finding}");
            }
        }
        let _ = reply.send(reloaded);
    }

    fn apply(&mut self, new: Configuration) -> Reloaded {
        let mut told = Reloaded {
            applied: true,
            findings: new.findings.iter().map(ToString::to_string).collect(),
            at_next_start: differences(&self.configuration.gateway, &new.gateway),
            ..Reloaded::default()
        };
        let old = &self.configuration.entries;
        let is_new = |entry: &&crate::domain::entry::Entry| !old.contains(entry);
        told.entries =
            new.entries.iter().filter(is_new).map(|entry| entry.id.to_string()).collect();
        let is_kept = |id| new.entries.iter().any(|entry| entry.id == id);
        let gone = old.iter().filter(|entry| !is_kept(entry.id.clone()));
        told.removed_entries = gone.map(|entry| entry.id.to_string()).collect();

        for vendor in self.fleet.names() {
            if !new.vendors.iter().any(|kept| kept.id == vendor) {
                told.removed.push(vendor.to_string());
                self.fleet.remove(&vendor);
                self.unlink(&vendor);
            }
        }
        let (configured, removed) = (Configured::of(&new), told.removed.clone());
        self.step(Input::Configured { configured, removed });
        for vendor in &new.vendors {
            self.gateway.limit(vendor.id.clone(), vendor.limits);
            match self.fleet.is_as_it_was(vendor) {
                Some(true) => {}
                Some(false) => {
                    told.changed.push(vendor.id.to_string());
                    self.change(vendor);
                }
                None => {
                    told.added.push(vendor.id.to_string());
                    let isolated = self.gateway.is_ordered_off(&vendor.id);
                    self.fleet.add(vendor, isolated, self.supervisor.open());
                }
            }
        }
        // What counts only from the next start on is as it was until then.
        let Configuration { gateway, drill, .. } = self.configuration.clone();
        self.configuration = Configuration { gateway, drill, ..new };
        self.watching.configured(&self.configuration);
        told
    }
}

/// The tables of `doorward.toml` that are not as they were.
fn differences(old: &GatewayConfig, new: &GatewayConfig) -> Vec<String> {
    let head = |config: &GatewayConfig| {
        let GatewayConfig { instance, tenant, site, test, state_dir, socket, .. } = config.clone();
        (instance, tenant, site, test, state_dir, socket)
    };
    let tables = [
        ("gateway", head(old) != head(new)),
        ("bus", old.bus != new.bus),
        ("journal", old.journal != new.journal),
        ("trust", old.trust != new.trust),
        ("downlink", old.downlink != new.downlink),
        ("identity", old.identity != new.identity),
    ];
    tables.into_iter().filter(|(_, is)| *is).map(|(name, _)| name.to_owned()).collect()
}
