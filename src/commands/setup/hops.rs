//! The last step: each hop is tried. What the gateway's own clients can do is `doorward check`'s to
//! say; here the devices' side is tried too, since its certificates are at hand once.

use std::path::Path;
use std::time::Duration;

use crate::commands::check::{self, Report, Wanted};
use crate::commands::output;
use crate::config::{BusConfig, CredentialsConfig, VendorConfig};
use crate::link::{Connection, MqttConnection, TlsFiles};
use crate::vendor::Verdict;

use super::certificates::{DEVICES, FOLDER};

/// The checks that concern what setup made.
const CHECKS: &[&str] = &["configuration", "certificates", "broker", "acl", "serial"];
/// Most command topics of one vendor that are tried.
const MAX_TOPICS: usize = 8;

/// How long the ways to the cloud may take.
const CLOUD: Duration = Duration::from_secs(60);
/// What a person would type.
const CLOUD_BY_HAND: &str = "sudo -u doorward doorward connect --test";

/// Tries the way to the cloud, where there is one, as `doorward connect --test` does. What does not
/// work yet is no fault of setup's: it is left to do, in these words.
pub(super) async fn cloud(config: &Path) -> Option<String> {
    let configuration = crate::config::read(config).ok()?;
    let BusConfig::Eventbridge { credentials, .. } = &configuration.gateway.bus else {
        return None;
    };
    let has_keys = match credentials {
        CredentialsConfig::Default => false,
        CredentialsConfig::Iot(iot) => iot.certificate.exists(),
        CredentialsConfig::Environment | CredentialsConfig::Profile { .. } => true,
    };
    if !has_keys {
        return Some(format!(
            "give the gateway keys for the bus ([bus.credentials] in doorward.toml, and the signed \
             certificate), then try the way to the cloud: {CLOUD_BY_HAND}"
        ));
    }
    let trying = crate::commands::connect::try_cloud(&configuration);
    match tokio::time::timeout(CLOUD, trying).await {
        Ok(true) => None,
        Ok(false) => Some(format!(
            "mend what is told above of the way to the cloud, then try it again: {CLOUD_BY_HAND}"
        )),
        Err(_) => {
            let seconds = CLOUD.as_secs();
            output::say(&format!("-    the way to the cloud: not tried to its end in {seconds} s"));
            Some(format!("try the way to the cloud: {CLOUD_BY_HAND}"))
        }
    }
}

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
