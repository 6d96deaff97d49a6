//! Certificates that brokers see, and the gateway's own: whether they can be read, whether each key
//! is its own, and when they end.

use jiff::Timestamp;

use super::broker::{at_brokers, file_of};
use super::part::Part;
use super::rights;
use super::surroundings::Surroundings;
use crate::config::{Configuration, Finding};
use crate::identity::{Item, Kind, Standing, inventory};

pub(super) fn look(around: &Surroundings, configuration: &Configuration, part: &mut Part) {
    for (vendor, broker) in at_brokers(configuration) {
        let Some(files) = &broker.tls else { continue };
        let what = format!("certificates of {}", vendor.id);
        match crate::vendor::usable(files) {
            Ok(()) => part.well(what, None),
            Err(error) if rights::withheld(&error) => part.not_looked(what, rights::NOT_OURS),
            Err(error) => {
                let detail = format!("{error:#}");
                let remedy = "doorward setup makes what is missing; a key and a certificate belong \
                              together, and the gateway's user must be able to read both (ls -l)";
                let text = format!("the {what} cannot be used: {detail}");
                let at = file_of(around, vendor);
                part.find(Finding::error(&at, text, remedy).at(None, "mqtt.tls"));
                part.bad(what, detail);
            }
        }
    }
    for item in inventory(configuration) {
        // The list of issuers has a check of its own.
        if item.kind != Kind::IssuerList {
            ends(&item, Timestamp::now(), part);
        }
    }
    if part.looked.is_empty() {
        part.skip("no file names any");
    }
}

/// What to do about a file that says nothing of its end. `None`: of a vendor's it is told elsewhere.
fn remedy_of_bad(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::DeviceCertificate => Some(
            "doorward identity request prints what is to be signed, doorward identity install \
             takes what was",
        ),
        Kind::BrokerCertificate => Some(
            "sudo doorward setup makes it, where its key is away too; its place is \
             identity.broker_certificate",
        ),
        Kind::DevicesCertificate => {
            Some("move it and its key away; sudo doorward setup makes both anew")
        }
        _ => None,
    }
}

/// What there is to say of an end.
fn ends(item: &Item, now: Timestamp, part: &mut Part) {
    let what = format!("{} of {}", item.kind.as_str().replace('_', " "), item.name);
    let (ends, remedy) = match (&item.ends, item.kind) {
        (Ok(ends), Kind::DeviceCertificate) => {
            (ends, "doorward identity show, and let a new request be signed")
        }
        (Ok(ends), Kind::DevicesCertificate) => (
            ends,
            "sudo doorward setup signs it anew; then bring it, with tls/ca.pem, to its devices or \
             bridge: nobody else can",
        ),
        (Ok(ends), Kind::VendorCertificate | Kind::BrokerCertificate | Kind::BrokerAuthority) => (
            ends,
            "sudo doorward setup --renew signs anew what the authority here signed, as \
             doorward-renew.timer does twice a day (systemctl list-timers doorward-renew.timer); \
             what others signed is theirs to renew",
        ),
        (Ok(ends), _) => (ends, "put a new one in its place: it is taken without a restart"),
        (Err(why), kind) => {
            if remedy_of_bad(kind).is_some() && rights::is_closed(&item.file) {
                part.not_looked(what, rights::NOT_OURS);
            } else if let Some(remedy) = remedy_of_bad(kind) {
                let text = format!("the {what} cannot be used: {why}");
                part.find(Finding::warning(&item.file, text, remedy));
                part.bad(what, why.clone());
            }
            // Of a vendor's files it is told above.
            return;
        }
    };
    let (days, until) = (ends.days_left(now), ends.not_after);
    match ends.standing(now) {
        Standing::Valid if now < ends.renewal_due => {
            part.well(what, Some(format!("until {until:.0}, {days} days")));
        }
        Standing::Valid => {
            let text = format!("the {what} ends in {days} days, {until:.0}");
            part.find(Finding::warning(&item.file, text, remedy));
            part.bad(what, format!("ends in {days} days"));
        }
        Standing::Expired => {
            let text = format!("the {what} ended, {until:.0}");
            part.find(Finding::error(&item.file, text, remedy));
            part.bad(what, "ended");
        }
        Standing::NotYetValid => {
            let text = format!("the {what} is not good yet: this machine's clock is behind");
            let remedy = "start a time service (systemctl enable --now systemd-timesyncd)";
            part.find(Finding::error(&item.file, text, remedy));
            part.bad(what, "not good yet");
        }
    }
}
