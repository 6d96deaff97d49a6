//! The last step: each hop is tried. What the gateway's own clients can do is `doorward check`'s to
//! say; here the devices' side is tried too, since its certificates are at hand once.

use std::path::Path;

use crate::commands::check::{self, Report, Wanted};
use crate::config::VendorConfig;
use crate::link::{Connection, MqttConnection, TlsFiles};
use crate::vendor::Verdict;

use super::certificates::{DEVICES, FOLDER};

/// The checks that concern what setup made.
const CHECKS: &[&str] = &["configuration", "certificates", "broker", "acl", "serial"];
/// Most command topics of one vendor that are tried.
const MAX_TOPICS: usize = 8;

/// Tries what the gateway does.
pub(super) async fn ours(config: &Path, root: &Path) -> Report {
    let only: Vec<_> = CHECKS.iter().filter_map(|name| check::named(name).ok()).collect();
    check::look(&Wanted { folder: config, root, offline: false, only: &only }).await
}

/// What a vendor's devices were let through that they must not be: commands of any vendor's, their
/// own included. An error: the broker does not take them.
pub(super) async fn devices(
    config: &Path,
    vendor: &VendorConfig,
    all: &[&VendorConfig],
) -> Option<anyhow::Result<Vec<String>>> {
    let Connection::Mqtt(broker) = &vendor.connection else { return None };
    let folder = config.join(FOLDER).join(DEVICES);
    let (certificate, key) =
        (folder.join(format!("{}.pem", vendor.id)), folder.join(format!("{}.key", vendor.id)));
    if !key.exists() {
        return None;
    }
    let ca = broker.tls.as_ref()?.ca.clone();
    let client = MqttConnection {
        client_id: vendor.id.to_string(),
        tls: Some(TlsFiles { ca, certificate: Some(certificate), key: Some(key) }),
        ..broker.clone()
    };
    let topics: Vec<String> = all
        .iter()
        .flat_map(|other| other.topics.heard.iter().take(MAX_TOPICS))
        .map(|filter| check::beside(filter))
        .collect();
    let tried = crate::vendor::examine(&client, &[], &topics).await;
    Some(tried.map(|(_, verdicts)| {
        let both = topics.into_iter().zip(verdicts);
        both.filter(|(_, verdict)| *verdict != Verdict::Refused).map(|(topic, _)| topic).collect()
    }))
}
