//! Whether each vendor's broker takes its client, and at which quality it grants the subscriptions.

use std::collections::BTreeSet;
use std::path::PathBuf;

use jiff::Timestamp;

use super::part::Part;
use super::surroundings::Surroundings;
use super::{counted, rights};
use crate::config::{Configuration, Finding, VendorConfig};
use crate::identity::{Certificate, broker_certificate};
use crate::link::{Connection, MqttConnection};
use crate::vendor::Verdict;

/// Most topic filters of one vendor that are tried.
const MAX_FILTERS: usize = 200;
/// Most that are named.
const NAMED: usize = 3;

pub(super) async fn look(around: &Surroundings, configuration: &Configuration, part: &mut Part) {
    let vendors: Vec<(&VendorConfig, &MqttConnection)> = at_brokers(configuration).collect();
    if vendors.is_empty() {
        part.skip("no vendor is reached by a broker");
    }
    let tried = vendors.iter().map(|(vendor, broker)| async move {
        let filters: Vec<String> = vendor.subscriptions.iter().take(MAX_FILTERS).cloned().collect();
        let granted =
            crate::vendor::examine(broker, &filters, &[]).await.map(|(granted, _)| granted);
        (filters, granted)
    });
    let results = futures_util::future::join_all(tried).await;
    certificates(&vendors, configuration, part).await;
    for ((vendor, broker), (filters, granted)) in vendors.iter().zip(results) {
        let what = called(vendor, broker);
        let file = file_of(around, vendor);
        match granted {
            Ok(granted) => grants(&what, &file, &filters, &granted, part),
            Err(error) if rights::withheld(&error) => part.not_looked(what, rights::NOT_OURS),
            Err(error) => {
                let detail = words(&error);
                let remedy = "check host, port, certificates and the broker's log (journalctl -u \
                              mosquitto)";
                part.find(
                    Finding::error(&file, format!("the {what} does not take us: {detail}"), remedy)
                        .at(None, "mqtt"),
                );
                part.bad(what, detail);
            }
        }
    }
}

/// What each broker shows, beside what lies here for it, and when it ends: one that nobody told of
/// its new certificate shows the old one to the end.
async fn certificates(
    vendors: &[(&VendorConfig, &MqttConnection)],
    configuration: &Configuration,
    part: &mut Part,
) {
    let file = broker_certificate(configuration);
    let ours = file.as_deref().and_then(|file| Certificate::read(file).ok());
    let mut looked = BTreeSet::new();
    for (_, broker) in vendors {
        if !looked.insert((&broker.host, broker.port)) {
            continue;
        }
        // Why there is no TLS with it is told of its vendors.
        let Ok(Some(shown)) = crate::vendor::shown(broker).await else { continue };
        let Some(shown) = Certificate::from_der(&shown) else { continue };
        let what = format!("certificate that {}:{} shows", broker.host, broker.port);
        let (days, until) = (shown.days_left(Timestamp::now()), shown.not_after);
        let is_older = ours.as_ref().is_some_and(|ours| {
            ours.fingerprint != shown.fingerprint
                && (&ours.subject, &ours.issuer) == (&shown.subject, &shown.issuer)
        });
        let place = file.clone().unwrap_or_else(|| PathBuf::from(&broker.host));
        if is_older {
            let text = format!("the {what} is not the one that lies here; it ends {until:.0}");
            part.find(Finding::warning(&place, text, "sudo systemctl reload mosquitto"));
            part.bad(what, "not the one that lies here");
        } else if Timestamp::now() >= shown.renewal_due() {
            let text = format!("the {what} ends in {days} days, {until:.0}");
            let remedy = "on this machine: sudo doorward setup --renew; elsewhere: let whoever \
                          keeps that broker renew it";
            part.find(Finding::warning(&place, text, remedy));
            part.bad(what, format!("ends in {days} days"));
        } else {
            part.well(what, Some(format!("until {until:.0}, {days} days")));
        }
    }
}

/// The vendors that are reached by a broker.
pub(super) fn at_brokers(
    configuration: &Configuration,
) -> impl Iterator<Item = (&VendorConfig, &MqttConnection)> {
    configuration.vendors.iter().filter_map(|vendor| match &vendor.connection {
        Connection::Mqtt(broker) => Some((vendor, broker)),
        Connection::Serial(_) => None,
    })
}

/// What a vendor's broker is called here.
pub(super) fn called(vendor: &VendorConfig, broker: &MqttConnection) -> String {
    format!("broker of {} at {}:{}", vendor.id, broker.host, broker.port)
}

/// A vendor's own file.
pub(super) fn file_of(around: &Surroundings, vendor: &VendorConfig) -> PathBuf {
    around.folder.join("vendors.d").join(format!("{}.toml", vendor.id))
}

/// Why a broker, or a port, does not take us.
pub(super) fn words(error: &anyhow::Error) -> String {
    if error.is::<tokio::time::error::Elapsed>() {
        "no answer in time".to_owned()
    } else {
        format!("{error:#}")
    }
}

fn grants(
    what: &str,
    file: &std::path::Path,
    filters: &[String],
    granted: &[Verdict],
    part: &mut Part,
) {
    let with = |wanted: fn(&Verdict) -> bool| -> Vec<&str> {
        let both = filters.iter().zip(granted);
        both.filter(|(_, verdict)| wanted(verdict)).map(|(filter, _)| filter.as_str()).collect()
    };
    let refused = with(|verdict| !matches!(verdict, Verdict::Granted(_)));
    let lossy = with(|verdict| *verdict == Verdict::Granted(0));
    let some = |filters: &[&str]| {
        let named: Vec<&str> = filters.iter().take(NAMED).copied().collect();
        let more = filters.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{}{more}", named.join(", "))
    };
    if !refused.is_empty() {
        let text = format!("the {what} refuses to tell of {}", some(&refused));
        let remedy = "let the vendor's client read them: doorward setup writes the list of the \
                      broker anew from the vendors' files; then systemctl restart mosquitto";
        part.find(Finding::error(file, text, remedy).at(None, "mqtt"));
    }
    if !lossy.is_empty() {
        let text = format!(
            "the {what} grants QoS 0 alone for {}: what is said while the gateway is away is lost",
            some(&lossy)
        );
        let remedy = "take max_qos out of the broker's settings; doorward setup writes those that \
                      we rely on";
        part.find(Finding::warning(file, text, remedy).at(None, "mqtt"));
    }
    if refused.is_empty() && lossy.is_empty() {
        let told = counted(filters.len(), "subscription");
        part.well(what, Some(format!("{told} at QoS 1")));
    } else {
        part.bad(
            what,
            format!("{} of {} subscriptions", refused.len() + lossy.len(), filters.len()),
        );
    }
}
