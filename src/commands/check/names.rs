//! Whether a vendor's process finds its broker by its name. It looks names up by /etc/hosts and DNS
//! alone, and the machine may know further ways: a name that everything else here finds is then
//! none for it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::broker::{at_brokers, file_of};
use super::part::Part;
use super::surroundings::Surroundings;
use crate::config::Finding;

/// Has a process that is locked down look up the brokers' names.
pub(super) async fn look(around: &Surroundings, part: &mut Part) {
    let Some(configuration) = &around.configuration else { return };
    let mut named: BTreeMap<&str, PathBuf> = BTreeMap::new();
    for (vendor, broker) in at_brokers(configuration) {
        if broker.host.parse::<IpAddr>().is_err() {
            named.entry(&broker.host).or_insert_with(|| file_of(around, vendor));
        }
    }
    let names: Vec<&str> = named.keys().copied().collect();
    if names.is_empty() {
        return;
    }
    match crate::supervisor::finds(&names).await {
        Ok(found) => {
            for ((name, file), found) in named.iter().zip(found) {
                let elsewhere = tokio::net::lookup_host((*name, 0)).await.is_ok();
                tell(name, file, found, elsewhere, part);
            }
        }
        Err(error) => {
            for name in names {
                part.not_looked(called(name), format!("{error:#}"));
            }
        }
    }
}

fn called(name: &str) -> String {
    format!("sandbox: broker's name {name}")
}

/// `elsewhere`: a process that is not locked down finds it.
fn tell(name: &str, file: &Path, found: Result<(), String>, elsewhere: bool, part: &mut Part) {
    match found {
        Ok(()) => part.well(called(name), Some("found by a locked-down process".to_owned())),
        Err(why) if !elsewhere => part.not_looked(called(name), why),
        Err(why) => {
            let text = format!(
                "a vendor's locked-down process does not find {name}, which this machine finds: {why}"
            );
            let remedy = "write the broker's address in its place, or a line for it in /etc/hosts: \
                          of other ways than that and DNS (as mDNS for names in .local) such a \
                          process knows nothing";
            part.find(Finding::error(file, text, remedy).at(None, "mqtt.host"));
            part.bad(called(name), why);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use super::*;

    fn told(found: Result<(), &str>, elsewhere: bool) -> Part {
        let mut part = Part::default();
        let found = found.map_err(str::to_owned);
        tell("hub.local", Path::new("vendors.d/house.toml"), found, elsewhere, &mut part);
        part
    }

    #[test]
    fn a_name_that_all_but_the_locked_down_find_is_an_error_with_its_remedy() {
        let part = told(Err("unknown"), true);
        assert!(part.findings[0].is_error());
        let words = part.findings[0].to_string();
        assert!(words.contains("hub.local") && words.contains("/etc/hosts"), "{words}");
        assert!(words.contains("vendors.d/house.toml"), "{words}");
        assert!(!part.looked[0].ok);
    }

    #[test]
    fn a_name_that_nobody_finds_is_told_with_its_broker_and_not_here() {
        for (part, skipped) in [(told(Err("unknown"), false), true), (told(Ok(()), true), false)] {
            assert!(part.findings.is_empty());
            assert!(part.looked[0].ok);
            assert_eq!(part.looked[0].skipped, skipped);
        }
    }
}
