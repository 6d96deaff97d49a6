//! The certificates that brokers see: whether they can be read and the key is theirs.

use super::broker::{at_brokers, file_of};
use super::part::Part;
use super::surroundings::Surroundings;
use crate::config::{Configuration, Finding};

pub(super) fn look(around: &Surroundings, configuration: &Configuration, part: &mut Part) {
    let mut any = false;
    for (vendor, broker) in at_brokers(configuration) {
        let Some(files) = &broker.tls else { continue };
        any = true;
        let what = format!("certificates of {}", vendor.id);
        match crate::vendor::usable(files) {
            Ok(()) => part.well(what, None),
            Err(error) => {
                let detail = format!("{error:#}");
                let remedy = "doorward setup makes them anew where they are missing; a key and a \
                              certificate belong together, and the gateway's user must be able to \
                              read both";
                let text = format!("the {what} cannot be used: {detail}");
                part.find(
                    Finding::error(&file_of(around, vendor), text, remedy).at(None, "mqtt.tls"),
                );
                part.bad(what, detail);
            }
        }
    }
    if !any {
        part.skip("no vendor's file names any");
    }
}
