//! Everything with an end that a gateway relies on: its own certificate, those with which its
//! vendors' processes and devices show themselves to brokers, that of the broker on this machine, the
//! authorities that it believes, the list of issuers.

use std::path::{Path, PathBuf};

use doorward_events::statement::{Interval, IssuerList, PublicKey};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::certificate::{Certificate, Standing, days_until};
use super::folder::Folder;
use super::pem_file;
use crate::config::{BusConfig, Configuration, CredentialsConfig, VendorConfig};
use crate::link::Connection;

/// So long before its end something is due that people renew: an authority, a list.
const NOTICE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Beside the authority that the building's brokers are believed by: the certificates that are
/// carried to the devices' side.
pub const DEVICES: &str = "devices";
/// Where `doorward setup` lays the broker's certificate, where nothing else is said.
const BROKER_CERTIFICATE: &str = "/etc/mosquitto/doorward/server.pem";

/// What a thing with an end is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The gateway's own certificate.
    DeviceCertificate,
    /// A certificate with which a vendor's process shows itself to its broker.
    VendorCertificate,
    /// The certificate that the broker on this machine shows.
    BrokerCertificate,
    /// A certificate that was made here for a vendor's devices, and carried to them.
    DevicesCertificate,
    /// Who may have signed a broker's certificate.
    BrokerAuthority,
    /// Who may have signed the certificate of the endpoint for keys.
    EndpointAuthority,
    /// The list of issuers.
    IssuerList,
}

impl Kind {
    /// As it stands in events and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DeviceCertificate => "device_certificate",
            Self::VendorCertificate => "vendor_certificate",
            Self::BrokerCertificate => "broker_certificate",
            Self::DevicesCertificate => "devices_certificate",
            Self::BrokerAuthority => "broker_authority",
            Self::EndpointAuthority => "endpoint_authority",
            Self::IssuerList => "issuer_list",
        }
    }
}

/// One thing with an end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What it is for.
    pub kind: Kind,
    /// Whose: the gateway's instance, or a vendor.
    pub name: String,
    /// Where it is.
    pub file: PathBuf,
    /// Its ends, or why nothing can be said of them.
    pub ends: Result<Ends, String>,
}

/// From when to when something is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ends {
    /// Who it says it is.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// Tells this one from the next of the same name: SHA-256 in hexadecimal.
    pub fingerprint: String,
    /// `None`: it does not say.
    pub not_before: Option<Timestamp>,
    /// Its end.
    pub not_after: Timestamp,
    /// From when on a new one is due: two thirds of a certificate's life; 30 days before the end
    /// of what people renew.
    pub renewal_due: Timestamp,
}

impl Ends {
    /// Whether it is good at `now`.
    pub fn standing(&self, now: Timestamp) -> Standing {
        if self.not_before.is_some_and(|from| now < from) {
            Standing::NotYetValid
        } else if now > self.not_after {
            Standing::Expired
        } else {
            Standing::Valid
        }
    }

    /// Whole days until its end, rounded down; negative once that is past.
    pub fn days_left(&self, now: Timestamp) -> i64 {
        days_until(self.not_after, now)
    }

    /// Of a list of issuers; `signed`: its text, as the root key signed it.
    pub fn of_list(list: &IssuerList, signed: &str) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA256, signed.trim().as_bytes());
        Self {
            subject: format!("list of issuers, version {}", list.version()),
            issuer: "trust.root_key".to_owned(),
            fingerprint: digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect(),
            not_before: None,
            not_after: list.expires(),
            renewal_due: before(list.expires()),
        }
    }

    fn of(certificate: Certificate) -> Self {
        Self {
            renewal_due: certificate.renewal_due(),
            subject: certificate.subject,
            issuer: certificate.issuer,
            fingerprint: certificate.fingerprint,
            not_before: Some(certificate.not_before),
            not_after: certificate.not_after,
        }
    }
}

/// Reads all of them. It reads files: not for the loop.
pub fn inventory(configuration: &Configuration) -> Vec<Item> {
    let gateway = &configuration.gateway;
    let mut items = Vec::new();
    let own = Folder::new(&gateway.identity.folder);
    let instance = &gateway.instance;
    let asked = match &gateway.bus {
        BusConfig::Eventbridge { credentials: CredentialsConfig::Iot(iot), .. } => Some(iot),
        _ => None,
    };
    if let Some(iot) = asked {
        items.push(certificate(Kind::DeviceCertificate, instance, iot.certificate.clone()));
        if let Some(file) = &iot.ca {
            let (kind, name) = (Kind::EndpointAuthority, instance.clone());
            items.push(Item { kind, name, ends: authority(file), file: file.clone() });
        }
    } else if std::fs::symlink_metadata(own.key()).is_ok() {
        items.push(certificate(Kind::DeviceCertificate, instance, own.certificate()));
    }
    if let Some(file) = broker_certificate(configuration) {
        items.push(certificate(Kind::BrokerCertificate, instance, file));
    }
    for vendor in &configuration.vendors {
        let Connection::Mqtt(broker) = &vendor.connection else { continue };
        let Some(tls) = &broker.tls else { continue };
        if let Some(file) = &tls.certificate {
            items.push(certificate(Kind::VendorCertificate, vendor.id.as_str(), file.clone()));
        }
        let (kind, name) = (Kind::BrokerAuthority, vendor.id.to_string());
        items.push(Item { kind, name, ends: authority(&tls.ca), file: tls.ca.clone() });
        if let Some(file) = devices_certificate(vendor) {
            items.push(certificate(Kind::DevicesCertificate, vendor.id.as_str(), file));
        }
    }
    if let Some(issuers) = &gateway.trust.issuers
        && let Some(file) = &issuers.file
    {
        let (kind, name) = (Kind::IssuerList, gateway.instance.clone());
        let ends = list(file, &issuers.root_key);
        items.push(Item { kind, name, ends, file: file.clone() });
    }
    items
}

/// The broker's own certificate, where a vendor's broker has TLS and it lies on this machine.
pub fn broker_certificate(configuration: &Configuration) -> Option<PathBuf> {
    let has_tls = |vendor: &VendorConfig| matches!(&vendor.connection, Connection::Mqtt(broker) if broker.tls.is_some());
    if !configuration.vendors.iter().any(has_tls) {
        return None;
    }
    let named = &configuration.gateway.identity.broker_certificate;
    let usual = || Some(PathBuf::from(BROKER_CERTIFICATE)).filter(|file| file.exists());
    named.clone().or_else(usual)
}

/// Where `doorward setup` laid the certificate for a vendor's devices, if it did.
pub fn devices_certificate(vendor: &VendorConfig) -> Option<PathBuf> {
    let Connection::Mqtt(broker) = &vendor.connection else { return None };
    let folder = broker.tls.as_ref()?.ca.parent()?.join(DEVICES);
    let file = folder.join(format!("{}.pem", vendor.id));
    file.exists().then_some(file)
}

fn certificate(kind: Kind, name: &str, file: PathBuf) -> Item {
    let ends = Certificate::read(&file).map(Ends::of).map_err(|error| error.to_string());
    Item { kind, name: name.to_owned(), file, ends }
}

/// Of several authorities the one that ends last: until then somebody can sign.
fn authority(file: &Path) -> Result<Ends, String> {
    let all = Certificate::read_all(file).map_err(|error| error.to_string())?;
    let last = all.into_iter().max_by_key(|certificate| certificate.not_after);
    let last = last.ok_or_else(|| format!("{} holds no certificate", file.display()))?;
    Ok(Ends { renewal_due: before(last.not_after), ..Ends::of(last) })
}

fn before(end: Timestamp) -> Timestamp {
    end.checked_sub(NOTICE).unwrap_or(end)
}

fn list(file: &Path, root: &PublicKey) -> Result<Ends, String> {
    let bytes = pem_file::read_bounded(file).map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&bytes);
    let at_any_time = Interval::exactly(Timestamp::UNIX_EPOCH);
    let list = IssuerList::open(text.trim(), root, 1, at_any_time)
        .map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(Ends::of_list(&list, &text))
}
